"""Prepare tables of samples for training: read, sorted and asked once, for repeated experiments."""

from __future__ import annotations

import threading
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from aggregators.engine.kept_arrays import KeptArrays
from aggregators.engine.queries import (
    Queries,
    add_keys,
    events_of_requests,
    read_queries,
    tables_by_source,
)
from aggregators.engine.source_arrays import SourceArrays
from aggregators.errors import QueryError
from aggregators.events import Source
from aggregators.feature import Feature
from aggregators.kernels.layout import Layout
from aggregators.typing import Native

__all__ = ["PreparedTable"]


class PreparedTable:
    """Holds tables of samples as features read them: sorted, with the moments that are asked.

    :meth:`FeatureSet.prepare` makes it. Any number of feature sets and single features over the
    same sources may use it, from several threads. It reads what it lacks when a feature needs it,
    so the tables must not be changed as long as it is used.

    Attributes:
        sources: the sources that it has, by name.
        frame: the caller's table for whose rows the features are computed.
    """

    queries: Queries
    frame: Native

    def __init__(
        self,
        sources: Iterable[Source],
        data: Native | Mapping[str, Native],
        *,
        as_of: Any = None,
        at: Native = None,
        kept_bytes_max: int = 0,
    ) -> None:
        self.sources = {source.name: source for source in sources}
        self._tables = tables_by_source(data, self.sources)
        self._kept = KeptArrays(kept_bytes_max)
        self._arrays = {
            name: SourceArrays(source, self._tables[name], self._kept)
            for name, source in self.sources.items()
        }
        self._as_of, self._at = as_of, at
        self._changing = threading.Lock()

    def __repr__(self) -> str:
        n = f"{len(self.queries.as_of):,}" if hasattr(self, "queries") else "unread"
        return f"<PreparedTable of {', '.join(self.sources)}: {n} rows>"

    def arrays(self, source: str) -> SourceArrays:
        """Return the table of a source as arrays."""
        return self._arrays[source]

    def read(self, features: Sequence[Feature]) -> dict[str, Layout]:
        """Read what features need, if it has not been read yet; return each source's layout.

        Raises:
            QueryError: a source that the tables do not have, or moments that cannot be taken.
            DataError: a column is missing, or its values cannot be taken.
        """
        used = {feature.source.name: feature.source for feature in features}
        self._check_sources(used)
        with self._changing:
            layouts = {}
            for name, source in used.items():
                own = [feature for feature in features if feature.source.name == name]
                events = events_of_requests(source, own, self._as_of)
                layouts[name] = self._arrays[name].layout_for(own, events)
            samples = {name: self._arrays[name].table for name in used}
            if hasattr(self, "queries"):
                add_keys(self.queries, samples, self._at)
            else:
                self.queries, self.frame = read_queries(
                    samples, self._tables, self._as_of, self._at, self._kept
                )
        return layouts

    def _check_sources(self, used: Mapping[str, Source]) -> None:
        for name, source in used.items():
            if name not in self.sources:
                raise QueryError(
                    f"the prepared table has the source(s) {', '.join(sorted(self.sources))}; the"
                    f" features need {name!r}: prepare its table, too"
                )
            if source != self.sources[name]:
                raise QueryError(
                    f"source {name!r} is declared in another way than when the table was prepared;"
                    " expected the same Source"
                )
