"""Define what all aggregators share: the parameters, the name, and both ways to compute values."""

from __future__ import annotations

import hashlib
import json
from abc import ABC, abstractmethod
from dataclasses import KW_ONLY, dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Any, Literal, overload

from aggregators.attributes import (
    Attribute,
    attribute_definition,
    attribute_name,
    check_attribute_expression,
)
from aggregators.errors import DefinitionError, QueryError
from aggregators.events import Source
from aggregators.feature import SampleSelection
from aggregators.functions import (
    AnyFunction,
    check_function,
    function_definition,
    function_name,
    function_version,
)
from aggregators.typing import NOT_GIVEN, Key, Mode, Moment, Native, SampleId

if TYPE_CHECKING:
    import pandas as pd
    import polars as pl

    from aggregators.engine.explanation import Explanation
    from aggregators.engine.serving.inference import InferencePlan
    from aggregators.stores.base import EventStore

__all__ = ["Aggregator"]


@dataclass(frozen=True)
class Aggregator(ABC):
    """Declares a feature: a function of an attribute of the selected samples of a group.

    Args:
        source: the source whose samples are aggregated.
        dimension: the column whose value makes the group.
        function: a function's name, ``quantile(q)``, ``tsfresh(...)`` or a pure callable
            ndarray -> float, which never sees an empty array.
        attribute: the number that the function works on; only ``count`` does without.
        exclude_self: whether the sample for which the feature is computed is left out.
        name: the feature's name; derived from every parameter when not given.
        unit, owner, description, topic, version: for the catalog.
    """

    source: Source
    _: KW_ONLY
    dimension: str
    function: AnyFunction
    attribute: Attribute | None = None
    exclude_self: bool = True
    name: str = ""
    unit: str = ""
    owner: str = ""
    description: str = ""
    topic: str = ""
    version: int = 1

    def __post_init__(self) -> None:
        if not isinstance(self.source, Source):
            raise DefinitionError(f"source is {self.source!r}; expected a Source")
        self.source.check_dimension(self.dimension)
        check_function(self.function, has_attribute=self.attribute is not None)
        if self.attribute is not None:
            check_attribute_expression(self.attribute, self.source)
        if not isinstance(self.exclude_self, bool):
            raise DefinitionError(f"exclude_self is {self.exclude_self!r}; expected True or False")
        self._check_specs()
        if not self.name:
            if function_name(self.function) == "lambda":
                raise DefinitionError("a lambda has no name of its own; expected name=...")
            object.__setattr__(self, "name", self._derived_name())

    @abstractmethod
    def _check_specs(self) -> None:
        """Check the parameters of this kind of aggregator, and bring each into its one form."""

    @property
    @abstractmethod
    def order_event(self) -> str:
        """The event that orders the samples of a group."""

    @property
    @abstractmethod
    def selection(self) -> SampleSelection:
        """Which samples of a group are selected."""

    @property
    @abstractmethod
    def specs(self) -> dict[str, Any]:
        """The parameters of this kind of aggregator, ready for JSON."""

    @abstractmethod
    def _selection_name(self) -> str:
        """The part of the name that stands for the selection."""

    def _derived_name(self) -> str:
        parts = [self.source.name, function_name(self.function)]
        if self.attribute is not None:
            parts.append(attribute_name(self.attribute))
        parts += [self._selection_name(), "by", self.dimension]
        if not self.exclude_self:
            parts.append("with_self")
        return "_".join(parts)

    @property
    def events(self) -> tuple[str, ...]:
        """The events that make the selection."""
        return (self.order_event,)

    def definition(self) -> dict[str, Any]:
        """Return everything that the values depend on, and nothing else, ready for JSON."""
        source = self.source
        attribute = self.attribute
        version = function_version(self.function)
        return {
            "aggregator": type(self).__name__,
            "source": source.name,
            "dimension": self.dimension,
            "dimension_known_from": source.known_from_event(self.dimension),
            "function": function_definition(self.function),
            # A function that never changed keeps the definition, and so the fingerprint, it had.
            **({"function_version": version} if version > 1 else {}),
            "attribute": None if attribute is None else attribute_definition(attribute, source),
            "exclude_self": self.exclude_self,
            **self.specs,
        }

    @property
    def fingerprint(self) -> str:
        """SHA-256 of the definition: equal for features that give equal values."""
        text = json.dumps(self.definition(), sort_keys=True, separators=(",", ":"))
        return hashlib.sha256(text.encode()).hexdigest()

    @overload
    def transform(
        self, data: pd.DataFrame, mode: Literal["training"], *, as_of: Any, at: None = None
    ) -> pd.Series[float]: ...

    @overload
    def transform(
        self, data: pl.DataFrame, mode: Literal["training"], *, as_of: Any, at: None = None
    ) -> pl.Series: ...

    @overload
    def transform(
        self, data: Native, mode: Literal["training"], *, as_of: None = None, at: pd.DataFrame
    ) -> pd.Series[float]: ...

    @overload
    def transform(
        self, data: Native, mode: Literal["training"], *, as_of: None = None, at: pl.DataFrame
    ) -> pl.Series: ...

    @overload
    def transform(
        self, data: Native, mode: Literal["training"], *, as_of: Any = None, at: Native = None
    ) -> Any: ...  # a column of pyarrow, which has no types

    @overload
    def transform(
        self,
        data: EventStore | Native,
        mode: Literal["inference"],
        *,
        as_of: Moment,
        key: Key = ...,
        sample_id: SampleId | None = ...,
    ) -> float: ...

    def transform(
        self,
        data: Any,
        mode: Mode,
        *,
        as_of: Any = None,
        at: Any = None,
        key: Key = NOT_GIVEN,
        sample_id: SampleId | None = NOT_GIVEN,
    ) -> Any:
        """Return the feature's values: one per row in training, one in inference.

        Args:
            data: a table of samples (pandas, polars, pyarrow), or, in training, what
                :meth:`FeatureSet.prepare` returns, or, in inference, an event store.
            mode: ``"training"`` or ``"inference"``.
            as_of: training: an event's name, or one moment per row; inference: one moment.
            at: training: a table of queries with the dimension's column, ``as_of`` and, if samples
                shall not count themselves, the sample id column.
            key: inference: the dimension's value; None where it is missing.
            sample_id: inference: the sample for which this is computed; None where it does not
                exist yet.

        Returns:
            Training: a Series of float64 with the rows' order and index; for polars a Series, for
            pyarrow a ChunkedArray. Inference: a float.

        Raises:
            QueryError: an argument is missing or of the wrong kind.
            DataError: the table cannot be taken.

        >>> import pandas as pd
        >>> from aggregators import Source, StatsLastNSamples
        >>> orders = Source(
        ...     "orders",
        ...     sample_id="order_id",
        ...     events=("ready",),
        ...     dimensions=("store_id",),
        ...     attributes=("amount",),
        ... )
        >>> last = StatsLastNSamples(
        ...     orders,
        ...     dimension="store_id",
        ...     function="last",
        ...     attribute="amount",
        ...     event="ready",
        ...     n=1,
        ... )
        >>> table = pd.DataFrame(
        ...     {
        ...         "order_id": [1, 2],
        ...         "store_id": ["a", "a"],
        ...         "amount": [5.0, 7.0],
        ...         "ready": pd.to_datetime(["2026-01-01 10:00", "2026-01-01 10:05"], utc=True),
        ...     }
        ... )
        >>> last.transform(table, "training", as_of="ready").tolist()
        [nan, 5.0]
        """
        if mode not in ("training", "inference"):
            raise QueryError(f"mode is {mode!r}; expected 'training' or 'inference'")
        from aggregators.engine.transform import infer, train

        keys = None if key is NOT_GIVEN else {self.dimension: key}
        if mode == "training":
            frame = train(
                [self], data, as_of=as_of, at=at, keys=keys, sample_id=sample_id, threads=None
            )
            return frame[self.name]
        answer = infer(self._plan, data, as_of=as_of, at=at, keys=keys, sample_id=sample_id)
        return answer[self.name]

    @cached_property
    def _plan(self) -> InferencePlan:
        """What to read for a query and what to compute from it; compiled when first needed."""
        from aggregators.engine.serving.inference import InferencePlan

        return InferencePlan([self])

    def __getstate__(self) -> dict[str, Any]:
        # The plan follows from the fields. Another version of the package compiles its own.
        return {name: value for name, value in vars(self).items() if name != "_plan"}

    def explain(
        self, data: Any, *, as_of: Moment, key: Key, sample_id: SampleId | None
    ) -> Explanation:
        """Return the selected samples and their values; on demand, why others were not selected.

        Args:
            data: a table of samples or an event store.
            as_of: the moment.
            key: the dimension's value.
            sample_id: the sample for which this is computed, or None.

        Returns:
            An :class:`Explanation`; print it, or ask it ``.why(sample_id)``.
        """
        from aggregators.engine.explanation import explain

        return explain(self._plan, data, as_of=as_of, key=key, sample_id=sample_id)
