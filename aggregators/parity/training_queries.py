"""Ask a table's questions: each sample's features at the events of its life."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import pandas as pd

from aggregators.engine.training import TrainingRun
from aggregators.errors import QueryError
from aggregators.events import Source
from aggregators.features.feature_set import FeatureSet
from aggregators.kernels.layout import Layout
from aggregators.kernels.selection import carried_by_request
from aggregators.tables.sample_table import SampleTable
from aggregators.times import NEVER
from aggregators.typing import Int64Array, Key, Native, SampleId

__all__ = ["Questions"]


@dataclass(frozen=True)
class Questions:
    """Holds the rows for which features are computed, in the order of their moments.

    Attributes:
        source: the source whose samples are asked.
        as_of_us: the moments, microseconds UTC, ascending; shape (n_questions,).
        rows: the sample of each question, shape (n_questions,).
        ids: the ids of all samples.
        keys: of each dimension, the value that the request at that moment names; None where it is
            missing or not known yet. Shape (n_questions,) each.
    """

    source: Source
    as_of_us: Int64Array
    rows: Int64Array
    ids: Sequence[SampleId]
    keys: Mapping[str, Any]

    @classmethod
    def of_tables(
        cls, features: FeatureSet, tables: Mapping[str, Native], events: Sequence[str]
    ) -> Questions:
        """Return the questions of the samples of the features' first source.

        Args:
            features: what is asked.
            tables: each source's samples.
            events: the events at whose time each sample that has it is asked.

        Raises:
            QueryError: no event, or a dimension that the asked samples do not have.
        """
        source = features.sources[0]
        for event in events:
            source.check_event(event)
        absent = [name for name in features.dimensions if name not in source.dimensions]
        if absent or not events:
            what = f"no {', '.join(absent)} to ask with" if absent else "no event to be asked at"
            raise QueryError(f"samples of source {source.name!r} have {what}")
        layout = Layout.of_source(source)
        samples = SampleTable.read(source, tables[source.name], layout, list(features.dimensions))
        moments = [samples.times[layout.events[event]] for event in dict.fromkeys(events)]
        rows = np.concatenate([np.flatnonzero(times != NEVER) for times in moments])
        as_of_us = np.concatenate([times[times != NEVER] for times in moments])
        order = np.argsort(as_of_us, kind="stable")
        rows, as_of_us = rows[order], as_of_us[order]
        keys = {}
        for dimension, groups in samples.groups.items():
            known_us = samples.times[layout.events[source.known_from_event(dimension)]][rows]
            known = carried_by_request(known_us, as_of_us)
            values = np.append(groups.values.to_numpy(dtype=object), [None])
            keys[dimension] = values[np.where(known, groups.codes[rows], -1)]
        return cls(source, as_of_us, rows, samples.ids.tolist(), keys)

    def __len__(self) -> int:
        return len(self.rows)

    def drawn(self, n: int, rng: np.random.Generator) -> Questions:
        """Return so many of the questions, drawn at random; all if there are not more."""
        if n >= len(self):
            return self
        places = np.sort(rng.permutation(len(self))[:n])
        keys = {dimension: values[places] for dimension, values in self.keys.items()}
        return replace(self, as_of_us=self.as_of_us[places], rows=self.rows[places], keys=keys)

    def ids_of(self, start: int, stop: int) -> list[SampleId]:
        """Return the ids of the samples of a range of questions."""
        return [self.ids[row] for row in self.rows[start:stop].tolist()]

    def keys_of(self, start: int, stop: int) -> dict[str, list[Key]]:
        """Return the keys of a range of questions."""
        return {name: values[start:stop].tolist() for name, values in self.keys.items()}

    def training(self, features: FeatureSet, tables: Mapping[str, Native]) -> TrainingRun:
        """Return what training computes for these questions."""
        spine: dict[str, Any] = {
            "as_of": pd.to_datetime(self.as_of_us, unit="us", utc=True),
            self.source.sample_id: self.ids_of(0, len(self)),
        }
        for name, values in self.keys.items():
            whole = any(isinstance(value, int) for value in values)
            spine[name] = pd.array(values, dtype="Int64") if whole else values
        tables = {source.name: tables[source.name] for source in features.sources}
        return TrainingRun(features.features, tables, at=pd.DataFrame(spine))
