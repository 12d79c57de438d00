"""Compute a set of features: training tables, single queries, many queries."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from functools import cached_property
from typing import TYPE_CHECKING, Any, Literal, overload

from aggregators.errors import QueryError
from aggregators.features.table_queries import TableQueries
from aggregators.typing import NOT_GIVEN

if TYPE_CHECKING:
    import pandas as pd
    import polars as pl

    from aggregators.engine.explanation import Observed
    from aggregators.engine.serving.inference import InferencePlan
    from aggregators.stores.base import EventStore
    from aggregators.stores.reading import FoundSamples, SampleRequest
    from aggregators.typing import (
        FeatureRows,
        Float64Array,
        Int64Array,
        Key,
        Mode,
        Moment,
        Native,
        SampleId,
    )

__all__ = ["FeatureQueries"]


class FeatureQueries(TableQueries):
    """Computes the features of a set, from tables and from event stores."""

    @overload
    def transform(
        self,
        data: pd.DataFrame,
        mode: Literal["training"],
        *,
        as_of: Any,
        at: None = None,
        threads: int | None = None,
    ) -> pd.DataFrame: ...

    @overload
    def transform(
        self,
        data: pl.DataFrame,
        mode: Literal["training"],
        *,
        as_of: Any,
        at: None = None,
        threads: int | None = None,
    ) -> pl.DataFrame: ...

    @overload
    def transform(
        self,
        data: Native | Mapping[str, Native],
        mode: Literal["training"],
        *,
        as_of: None = None,
        at: pd.DataFrame,
        threads: int | None = None,
    ) -> pd.DataFrame: ...

    @overload
    def transform(
        self,
        data: Native | Mapping[str, Native],
        mode: Literal["training"],
        *,
        as_of: None = None,
        at: pl.DataFrame,
        threads: int | None = None,
    ) -> pl.DataFrame: ...

    @overload
    def transform(
        self,
        data: Native | Mapping[str, Native],
        mode: Literal["training"],
        *,
        as_of: Any = None,
        at: Native = None,
        threads: int | None = None,
    ) -> Any: ...  # a table of pyarrow, which has no types

    @overload
    def transform(
        self,
        data: EventStore | Native | Mapping[str, Native],
        mode: Literal["inference"],
        *,
        as_of: Moment,
        keys: Mapping[str, Key] | None = None,
        sample_id: SampleId | Mapping[str, SampleId | None] | None = ...,
    ) -> dict[str, float]: ...

    def transform(
        self,
        data: Any,
        mode: Mode,
        *,
        as_of: Any = None,
        at: Native = None,
        keys: Mapping[str, Key] | None = None,
        sample_id: Any = NOT_GIVEN,
        threads: int | None = None,
    ) -> Any:
        """Return the features of many queries (training) or of one (inference).

        Args:
            data: a table of samples, a mapping from source name to table, or, in training, what
                :meth:`prepare` returns, or, in inference, an event store.
            mode: ``"training"`` or ``"inference"``.
            as_of: training: an event's name (each row is asked at its own) or one moment per row
                (a pandas Series is aligned with the table by its labels); inference: one moment.
            at: training: a table of queries: the dimensions' columns, ``as_of`` and perhaps the
                sample id column.
            keys: inference: a value for each dimension; None where it is missing.
            sample_id: inference: the sample for which this is computed, None where it does not
                exist yet; with several sources a mapping from source name.
            threads: training: how many threads; by default one per core.

        Returns:
            Training: a DataFrame of float64 with one column per feature and the rows' order and
            index (for polars and pyarrow their own kind). Inference: a dict name -> float.

        Raises:
            QueryError: an argument is missing or of the wrong kind.
            DataError: a table cannot be taken.
        """
        if mode not in ("training", "inference"):
            raise QueryError(f"mode is {mode!r}; expected 'training' or 'inference'")
        from aggregators.engine.transform import infer, train

        if mode == "inference":
            return infer(self.plan, data, as_of=as_of, at=at, keys=keys, sample_id=sample_id)
        return train(
            self.features,
            data,
            as_of=as_of,
            at=at,
            keys=keys,
            sample_id=sample_id,
            threads=threads,
        )

    def transform_array(
        self,
        data: EventStore | Native,
        *,
        as_of: Moment,
        keys: Mapping[str, Key],
        sample_id: SampleId | Mapping[str, SampleId | None] | None = NOT_GIVEN,
    ) -> Float64Array:
        """Return the features of one query as float64, shape (n_features,), in their order.

        The request path: one read of the store, no frames. Arguments as in :meth:`transform`.
        """
        return self.plan.answer(data, as_of=as_of, keys=keys, sample_id=sample_id)

    def transform_many(
        self,
        data: EventStore | Native,
        *,
        as_of: Moment | Sequence[Moment] | Int64Array,
        keys: Mapping[str, Any],
        sample_id: Any = NOT_GIVEN,
    ) -> Float64Array:
        """Return the features of many queries with one read of the store.

        Two hundred couriers for one order, fifty stores for one customer: what the rows have in
        common is given once, and computed once.

        Args:
            data: an event store, or a table.
            as_of: one moment, or one per row. Columns that are pandas Series are aligned with the
                first of them by their labels.
            keys: for each dimension one value, or one per row; None where it is missing.
            sample_id: one sample, or one per row, or None; with several sources a mapping from
                source name to one of these.

        Returns:
            float64 of shape (n_rows, n_features), the features in their order.

        Raises:
            QueryError: an argument is missing, of the wrong kind or of another length.

        >>> from datetime import datetime, UTC
        >>> from aggregators import Event, FeatureSet, MemoryEventStore, Source, StatsAfterEvent
        >>> orders = Source(
        ...     "orders",
        ...     sample_id="order_id",
        ...     events=("delivered",),
        ...     dimensions=("courier_id",),
        ... )
        >>> recent = StatsAfterEvent(
        ...     orders,
        ...     dimension="courier_id",
        ...     function="count",
        ...     event="delivered",
        ...     window="1h",
        ... )
        >>> store = MemoryEventStore(sources=[orders])
        >>> noon = datetime(2026, 1, 1, 12, tzinfo=UTC)
        >>> event = Event("orders", "o-1", "delivered", noon, {"courier_id": "c-1"})
        >>> result = store.append([event])
        >>> FeatureSet([recent]).transform_many(
        ...     store,
        ...     as_of=noon.replace(minute=5),
        ...     keys={"courier_id": ["c-1", "c-2"]},
        ...     sample_id=None,
        ... )
        array([[1.],
               [0.]])
        """
        return self.plan.answer_many(data, as_of=as_of, keys=keys, sample_id=sample_id)

    def transform_with_samples(
        self,
        store: EventStore,
        *,
        as_of: Moment,
        samples: Sequence[SampleRequest],
        rows: Callable[[FoundSamples], FeatureRows],
    ) -> tuple[Float64Array, FoundSamples]:
        """Return the features of the rows that follow from samples, and these samples.

        An order knows its store: so the samples are read first, and then what the features need,
        in one call of the store and from one state of it.

        Args:
            store: has the events.
            as_of: one moment for all rows. The samples come as the store has them, with what
                happens later, too.
            samples: which samples to read.
            rows: returns for the samples the rows to compute. It must be pure and quick, as the
                store may call it several times; see :meth:`EventStore.read_with_samples`.

        Returns:
            float64 of shape (n_rows, n_features) as of :meth:`transform_many`, and by the source's
            name the samples in the order of their ids, None where the store has no event of it.

        Raises:
            QueryError: an argument is missing or of the wrong kind; whatever ``rows`` raises.

        >>> from datetime import datetime, UTC
        >>> from aggregators import Event, FeatureRows, FeatureSet, MemoryEventStore
        >>> from aggregators import SampleRequest, Source, StatsAfterEvent
        >>> orders = Source(
        ...     "orders", sample_id="order_id", events=("activated",), dimensions=("store_id",)
        ... )
        >>> recent = StatsAfterEvent(
        ...     orders,
        ...     dimension="store_id",
        ...     function="count",
        ...     event="activated",
        ...     window="1h",
        ... )
        >>> store = MemoryEventStore(sources=[orders])
        >>> noon = datetime(2026, 1, 1, 12, tzinfo=UTC)
        >>> facts = {"store_id": "s"}
        >>> both = [Event("orders", k, "activated", noon, facts) for k in (1, 2)]
        >>> result = store.append(both)
        >>> values, found = FeatureSet([recent]).transform_with_samples(
        ...     store,
        ...     as_of=noon.replace(minute=5),
        ...     samples=[SampleRequest(orders, [1])],
        ...     rows=lambda found: FeatureRows(
        ...         {"store_id": [order.keys["store_id"] for order in found["orders"]]}, 1
        ...     ),
        ... )
        >>> values
        array([[1.]])
        """
        return self.plan.answer_with_samples(store, as_of=as_of, samples=samples, rows=rows)

    def observe(
        self,
        store: EventStore,
        *,
        as_of: Moment,
        keys: Mapping[str, Key],
        sample_id: SampleId | Mapping[str, SampleId | None] | None = NOT_GIVEN,
    ) -> list[Observed]:
        """Return each feature with how many samples it rests on, and of when their events are.

        Arguments as in :meth:`transform`; one read of the store.
        """
        from aggregators.engine.explanation import observe

        return observe(self.plan, store, as_of=as_of, keys=keys, sample_id=sample_id)

    @cached_property
    def plan(self) -> InferencePlan:
        """What to read for a query and what to compute from it; compiled when first needed."""
        from aggregators.engine.serving.inference import InferencePlan

        return InferencePlan(self.features)
