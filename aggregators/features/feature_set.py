"""Features that are computed together: sorting, selection and reading are shared."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from aggregators.errors import DefinitionError, QueryError, unknown_name
from aggregators.events import Source
from aggregators.features.base import _MISSING, Aggregator

if TYPE_CHECKING:
    from aggregators.engine.explanation import Observed
    from aggregators.engine.inference import InferencePlan
    from aggregators.stores.base import EventStore
    from aggregators.typing import Float64Array, Int64Array, Key, Mode, Moment, Native, SampleId

__all__ = ["FeatureSet"]

MAX_FEATURES = 10_000
"""The most features that one set may hold."""

CHUNK_ROWS = 262_144
"""How many rows are computed and written at a time, unless told otherwise."""


class FeatureSet:
    """Several features as one: a frame in training, a dict in inference.

    Args:
        features: the features; their names must differ.
        name: what the set is called, for messages and provenance.
        version: its semantic version.

    Raises:
        DefinitionError: a name stands twice, or one source is declared in two ways.

    >>> from aggregators import FeatureSet, Source, StatsAfterEvent, StatsBetweenEvents
    >>> orders = Source(
    ...     "orders",
    ...     sample_id="order_id",
    ...     events=("dispatched", "accepted"),
    ...     dimensions=("store_id",),
    ... )
    >>> features = FeatureSet(
    ...     [
    ...         StatsBetweenEvents(
    ...             orders,
    ...             dimension="store_id",
    ...             function="count",
    ...             name="queue",
    ...             first_event="dispatched",
    ...             second_event="accepted",
    ...         ),
    ...         StatsAfterEvent(
    ...             orders,
    ...             dimension="store_id",
    ...             function="count",
    ...             name="last_hour",
    ...             event="dispatched",
    ...             window="1h",
    ...         ),
    ...     ]
    ... )
    >>> features.names
    ('queue', 'last_hour')
    """

    def __init__(self, features: Iterable[Aggregator], name: str = "", version: str = "") -> None:
        self.features = tuple(features)
        self.name = name
        self.version = version
        if not 1 <= len(self.features) <= MAX_FEATURES:
            raise DefinitionError(
                f"a feature set of {len(self.features)} features; expected 1 to {MAX_FEATURES:,}"
            )
        for feature in self.features:
            if not isinstance(feature, Aggregator):
                raise DefinitionError(f"{feature!r} is no feature; expected an aggregator")
        self.names = tuple(feature.name for feature in self.features)
        self._by_name = dict(zip(self.names, self.features, strict=True))
        self._check_names()
        self.sources = self._checked_sources()
        self.dimensions = tuple(dict.fromkeys(f.dimension for f in self.features))
        self._plan: InferencePlan | None = None

    def _check_names(self) -> None:
        if len(self._by_name) < len(self.names):
            repeated = sorted({name for name in self.names if self.names.count(name) > 1})
            raise DefinitionError(
                f"feature names stand twice: {', '.join(repeated)}; give one of each name=..."
            )

    def _checked_sources(self) -> tuple[Source, ...]:
        sources: dict[str, Source] = {}
        for feature in self.features:
            known = sources.setdefault(feature.source.name, feature.source)
            if known != feature.source:
                raise DefinitionError(
                    f"source {known.name!r} is declared in two ways: by feature {feature.name!r}"
                    " and by one before it; expected the same Source"
                )
        return tuple(sources.values())

    def __len__(self) -> int:
        return len(self.features)

    def __iter__(self) -> Iterator[Aggregator]:
        return iter(self.features)

    def __contains__(self, name: object) -> bool:
        return name in self._by_name

    def __getitem__(self, name: str) -> Aggregator:
        if name not in self._by_name:
            raise unknown_name("feature", name, f"feature set {self.name!r}", self.names)
        return self._by_name[name]

    def __repr__(self) -> str:
        title = f"{self.name} {self.version}".strip()
        return f"<FeatureSet {title + ': ' if title else ''}{len(self)} features>"

    def pick(self, names: Iterable[str]) -> FeatureSet:
        """Return the set of the named features, in that order."""
        return FeatureSet([self[name] for name in names], self.name, self.version)

    def definition(self) -> list[dict[str, Any]]:
        """Return name and definition of each feature, ready for JSON."""
        return [{"name": feature.name, **feature.definition()} for feature in self.features]

    @property
    def fingerprint(self) -> str:
        """SHA-256 over all names and definitions, in their order."""
        text = json.dumps(self.definition(), sort_keys=True, separators=(",", ":"))
        return hashlib.sha256(text.encode()).hexdigest()

    def transform(
        self,
        data: Any,
        mode: Mode,
        *,
        as_of: Any = None,
        at: Native = None,
        keys: Mapping[str, Key] | None = None,
        sample_id: Any = _MISSING,
        threads: int | None = None,
    ) -> Any:
        """Return the features of many queries (training) or of one (inference).

        Args:
            data: a table of samples, a mapping from source name to table, or, in inference, an
                event store.
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
        if mode == "training":
            return self._train(data, as_of, at, keys, sample_id, threads)
        if mode != "inference":
            raise QueryError(f"mode is {mode!r}; expected 'training' or 'inference'")
        if at is not None:
            raise QueryError("inference answers one query; expected as_of and keys, not at")
        values = self.transform_array(data, as_of=as_of, keys=keys or {}, sample_id=sample_id)
        return dict(zip(self.names, values.tolist(), strict=True))

    def _train(
        self, data: Any, as_of: Any, at: Native, keys: Any, sample_id: Any, threads: int | None
    ) -> Any:
        if keys is not None or sample_id is not _MISSING:
            raise QueryError(
                "training takes keys and sample ids from the rows; expected as_of or at, not keys"
                " or sample_id"
            )
        from aggregators.engine.training import TrainingRun
        from aggregators.tables.frames import like_input

        run = TrainingRun(self.features, data, as_of=as_of, at=at, threads=threads)
        return like_input(run.frame, run.compute(), self.names)

    def transform_array(
        self,
        data: EventStore | Native,
        *,
        as_of: Moment,
        keys: Mapping[str, Key],
        sample_id: SampleId | Mapping[str, SampleId | None] | None = _MISSING,
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
        sample_id: Any = _MISSING,
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

    def observe(
        self,
        store: EventStore,
        *,
        as_of: Moment,
        keys: Mapping[str, Key],
        sample_id: SampleId | Mapping[str, SampleId | None] | None = _MISSING,
    ) -> list[Observed]:
        """Return each feature with how many samples it rests on, and of when their events are.

        Arguments as in :meth:`transform`; one read of the store.
        """
        from aggregators.engine.explanation import observe

        return observe(self.plan, store, as_of=as_of, keys=keys, sample_id=sample_id)

    @property
    def plan(self) -> InferencePlan:
        """What to read for a query and what to compute from it; compiled when first needed."""
        if self._plan is None:
            from aggregators.engine.inference import InferencePlan

            self._plan = InferencePlan(self)
        return self._plan

    def write_parquet(
        self,
        data: Any,
        path: str | Path,
        *,
        as_of: Any = None,
        at: Native = None,
        chunk_rows: int = CHUNK_ROWS,
        threads: int | None = None,
        progress: Callable[[int, int], None] | None = None,
    ) -> int:
        """Compute training features in chunks and write them to a Parquet file.

        Memory grows with the samples and the chunk, not with samples x features.

        Args:
            data: the table, as in :meth:`transform`.
            as_of: as in :meth:`transform`.
            at: as in :meth:`transform`.
            path: the file to write; it appears only when it is complete.
            chunk_rows: how many rows are computed and written at a time (one row group each).
            threads: how many threads; by default one per core.
            progress: called with (rows done, rows in all).

        Returns:
            The number of rows written: the query's moment as ``as_of``, then the features.
        """
        from aggregators.tables.parquet_file import write_parquet

        return write_parquet(
            self,
            data,
            path,
            as_of=as_of,
            at=at,
            chunk_rows=chunk_rows,
            threads=threads,
            progress=progress,
        )
