"""Compute features in the two ways: for many queries over a table, or for one query."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Any

from aggregators.engine.kept_arrays import KEPT_BYTES_MAX
from aggregators.engine.prepared import PreparedTable
from aggregators.engine.serving.inference import InferencePlan
from aggregators.engine.training import TrainingRun, available_threads
from aggregators.errors import QueryError
from aggregators.feature import Feature
from aggregators.tables.frames import like_input
from aggregators.typing import NOT_GIVEN, Key, Native

__all__ = ["infer", "prepare", "train"]


def train(
    features: Sequence[Feature],
    data: Any,
    *,
    as_of: Any,
    at: Native,
    keys: Any,
    sample_id: Any,
    threads: int | None,
) -> Any:
    """Return the features of many queries as a table of the kind of the queries' table.

    See ``FeatureSet.transform`` for the arguments.
    """
    if keys is not None or sample_id is not NOT_GIVEN:
        raise QueryError(
            "training takes keys and sample ids from the rows; expected as_of or at, not keys"
            " or sample_id"
        )
    run = TrainingRun(features, data, as_of=as_of, at=at, threads=threads)
    return like_input(run.frame, run.compute(), [feature.name for feature in features])


def prepare(
    features: Sequence[Feature],
    data: Any,
    *,
    as_of: Any,
    at: Native,
    threads: int | None,
) -> PreparedTable:
    """Read and sort tables; see ``FeatureSet.prepare``."""
    if isinstance(data, PreparedTable):
        raise QueryError("data is a prepared table already; expected a table")
    sources = {feature.source.name: feature.source for feature in features}
    prepared = PreparedTable(
        sources.values(), data, as_of=as_of, at=at, kept_bytes_max=KEPT_BYTES_MAX
    )
    prepared.read(features)
    with ThreadPoolExecutor(threads or available_threads()) as pool:
        for name in sources:
            own = [feature for feature in features if feature.source.name == name]
            prepared.arrays(name).sort({(f.dimension, f.order_event) for f in own}, pool)
    return prepared


def infer(
    plan: InferencePlan,
    data: Any,
    *,
    as_of: Any,
    at: Native,
    keys: Mapping[str, Key] | None,
    sample_id: Any,
) -> dict[str, float]:
    """Return the features of one query by their names.

    See ``FeatureSet.transform`` for the arguments.
    """
    if at is not None:
        raise QueryError("inference answers one query; expected as_of and keys, not at")
    values = plan.answer(data, as_of=as_of, keys=keys or {}, sample_id=sample_id)
    return dict(zip(plan.names, values.tolist(), strict=True))
