"""What each group of features contributes: the error without it, and with it alone."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from aggregators.functions import Tsfresh
from estimators.core.distribution import Distribution
from estimators.core.typing import FloatArray
from estimators.evaluation.comparison import LossDifference, Losses, losses_of, paired_difference
from estimators.evaluation.scores import period_of
from estimators.model.base import Estimator
from estimators.quantiles.calibration import constant
from estimators.training.matrix import INNER_SPLITS, FeatureMatrix, InnerSplit

__all__ = ["Ablation", "AblationRow", "FeatureGroup", "LossReduction", "ablate", "groups_of"]

Progress = Callable[[float], None]

FACTS = "facts of the request"
REALTIME = "all real-time features"
ALL_FEATURES = "all features"

_DIMENSIONS = {
    "store_id": "store",
    "courier_id": "courier",
    "store_category": "kind of store",
}


@dataclass(frozen=True, kw_only=True)
class FeatureGroup:
    """Features that are removed, or added, together.

    Args:
        name: what they have in common.
        kind: what the group is by: "facts", "all", "topic", "dimension", "source", "function" or
            "extra".
        features: their names.
        in_model: whether the estimator uses them; others are added instead of removed.
    """

    name: str
    kind: str
    features: tuple[str, ...]
    in_model: bool = True


def groups_of(estimator: Estimator, extra: Sequence[str] = ()) -> tuple[FeatureGroup, ...]:
    """Return the groups of an estimator's features: facts, sources, dimensions, topics, tsfresh.

    Args:
        estimator: fitted or not.
        extra: names of features that are added for the experiment; each of their topics is a group
            that is not part of the model.
    """
    own = [one for one in estimator.features if one.name not in extra]
    first = estimator.features.sources[0]
    found = [
        FeatureGroup(name=FACTS, kind="facts", features=estimator.facts.names),
        FeatureGroup(name=REALTIME, kind="all", features=tuple(one.name for one in own)),
    ]

    def collect(kind: str, named: Iterable[tuple[str, str]], in_model: bool = True) -> None:
        members: dict[str, list[str]] = {}
        for group, feature in named:
            members.setdefault(group, []).append(feature)
        found.extend(
            FeatureGroup(
                name=f"{kind}: {group}", kind=kind, features=tuple(names), in_model=in_model
            )
            for group, names in sorted(members.items())
        )

    collect("source", ((f.source.name, f.name) for f in own if f.source != first))
    collect("dimension", ((_word(f.dimension), f.name) for f in own if f.source == first))
    collect("topic", ((f.topic or "none", f.name) for f in own))
    collect("function", (("tsfresh", f.name) for f in own if isinstance(f.function, Tsfresh)))
    added = [one for one in estimator.features if one.name in extra]
    collect("extra", ((f.topic or "none", f.name) for f in added), in_model=False)
    return tuple(_with_shrinkage(group, estimator) for group in found if group.features)


def _with_shrinkage(group: FeatureGroup, estimator: Estimator) -> FeatureGroup:
    """Return the group with the columns that are made of its features."""
    made = [one.name for one in estimator.shrinkage if one.levels[0].typical in group.features]
    return replace(group, features=(*group.features, *made))


def _word(dimension: str) -> str:
    return _DIMENSIONS.get(dimension, dimension)


@dataclass(frozen=True, kw_only=True)
class LossReduction:
    """What a group saves, in seconds: positive if the error is larger without it.

    Args:
        mae: of the mean absolute error.
        crps: of the CRPS.
    """

    mae: LossDifference
    crps: LossDifference

    def to_json(self) -> dict[str, Any]:
        """Return a JSON-able dictionary."""
        return {"mae": self.mae.to_json(), "crps": self.crps.to_json()}


@dataclass(frozen=True, kw_only=True)
class AblationRow:
    """One group.

    Args:
        group: which features.
        last: what it saves beside all others.
        first: what it saves beside the facts alone (for the facts: beside nothing).
    """

    group: FeatureGroup
    last: LossReduction
    first: LossReduction

    def to_json(self) -> dict[str, Any]:
        """Return a JSON-able dictionary."""
        return {
            "group": self.group.name,
            "kind": self.group.kind,
            "features": list(self.group.features),
            "in_model": self.group.in_model,
            "last": self.last.to_json(),
            "first": self.first.to_json(),
        }


@dataclass(frozen=True, kw_only=True)
class Ablation:
    """What the groups of one estimator contribute on one data set.

    Args:
        estimator: its name.
        dataset: the data set's name.
        target: start and end of what is estimated.
        on: what was scored: "inner splits" of the training period, or the "test period".
        period: first and last moment that was scored, ISO 8601.
        scored: rows.
        overall: mean absolute error and CRPS, seconds, of the constant median, the facts alone
            and all features.
        rows: the groups.
    """

    estimator: str
    dataset: str
    target: tuple[str, str]
    on: str
    period: tuple[str, str]
    scored: int
    overall: Mapping[str, tuple[float, float]]
    rows: tuple[AblationRow, ...]

    def to_json(self) -> dict[str, Any]:
        """Return a JSON-able dictionary."""
        return {
            "estimator": self.estimator,
            "dataset": self.dataset,
            "target": list(self.target),
            "on": self.on,
            "period": list(self.period),
            "scored": self.scored,
            "overall": {
                name: {"mae_s": mae_s, "crps_s": crps_s}
                for name, (mae_s, crps_s) in self.overall.items()
            },
            "rows": [row.to_json() for row in self.rows],
        }


def ablate(
    matrix: FeatureMatrix,
    *,
    extra: Sequence[str] = (),
    kinds: Sequence[str] | None = None,
    splits: int = INNER_SPLITS,
    repeats: int = 1,
    test: bool = False,
    progress: Progress | None = None,
) -> Ablation:
    """Fit with and without each group, and score the same later rows.

    Every model is fitted and calibrated like a production model: about two fits per group and
    split.

    Args:
        matrix: all features, computed; of the test period only with ``test``.
        extra: names of features in it that are no part of the estimator.
        kinds: of the groups; all by default. Facts and all real-time features are always included.
        splits: how many inner splits.
        repeats: trainings of each model, with different seeds; their losses are averaged, as
            chance alone moves each by some tenths of a second.
        test: score the test period instead. It is then no test period for choices made by the
            result.
        progress: called with the part that is done.

    Raises:
        DatasetError: there are too few rows.
    """
    groups = [
        one
        for one in groups_of(matrix.estimator, extra)
        if kinds is None or one.kind in (*kinds, "facts", "all")
    ]
    chosen = [InnerSplit(matrix.learned, matrix.tested)] if test else [*matrix.inner_splits(splits)]
    own = frozenset(matrix.names) - frozenset(extra)
    facts = frozenset(matrix.facts)
    wanted = {own, facts, frozenset[str]()}
    for group in groups:
        wanted |= {_without(own, group), _with(own, group), _first(facts, group)}
    scored = _Scored(matrix, chosen, sorted(wanted, key=sorted), repeats, progress)
    return Ablation(
        estimator=matrix.estimator.name,
        dataset=matrix.dataset.name,
        target=(matrix.dataset.target.start, matrix.dataset.target.end),
        on="test period" if test else "inner splits",
        period=scored.period,
        scored=len(scored.as_of_us),
        overall={
            "constant median": scored.means(frozenset()),
            FACTS: scored.means(facts),
            ALL_FEATURES: scored.means(own),
        },
        rows=tuple(
            AblationRow(
                group=group,
                last=scored.worth(without=_without(own, group), with_it=_with(own, group)),
                first=scored.worth(
                    without=frozenset() if group.kind == "facts" else facts,
                    with_it=_first(facts, group),
                ),
            )
            for group in groups
        ),
    )


def _without(own: frozenset[str], group: FeatureGroup) -> frozenset[str]:
    return own - frozenset(group.features)


def _with(own: frozenset[str], group: FeatureGroup) -> frozenset[str]:
    return own | frozenset(group.features)


def _first(facts: frozenset[str], group: FeatureGroup) -> frozenset[str]:
    return facts | frozenset(group.features)


class _Scored:
    """The losses of models of several sets of columns on the rows of all splits."""

    def __init__(
        self,
        matrix: FeatureMatrix,
        splits: Sequence[InnerSplit],
        wanted: Sequence[frozenset[str]],
        repeats: int,
        progress: Progress | None,
    ) -> None:
        rows = np.concatenate([split.scored for split in splits])
        self.as_of_us = matrix.as_of_us[rows]
        self._losses: dict[frozenset[str], Losses] = {}
        for done, names in enumerate(wanted):
            parts = [_losses(matrix, split, names, repeats) for split in splits]
            self._losses[names] = Losses(
                absolute_s=np.concatenate([part.absolute_s for part in parts]),
                crps_s=np.concatenate([part.crps_s for part in parts]),
            )
            if progress is not None:
                progress((done + 1) / len(wanted))

    @property
    def period(self) -> tuple[str, str]:
        return period_of(self.as_of_us)

    def means(self, names: frozenset[str]) -> tuple[float, float]:
        losses = self._losses[names]
        return float(losses.absolute_s.mean()), float(losses.crps_s.mean())

    def worth(self, *, without: frozenset[str], with_it: frozenset[str]) -> LossReduction:
        left_out, given = self._losses[without], self._losses[with_it]
        return LossReduction(
            mae=self._difference(left_out.absolute_s, given.absolute_s),
            crps=self._difference(left_out.crps_s, given.crps_s),
        )

    def _difference(self, loss_s: FloatArray, reference_s: FloatArray) -> LossDifference:
        return paired_difference(loss_s, reference_s, self.as_of_us)


def _losses(
    matrix: FeatureMatrix, split: InnerSplit, names: frozenset[str], repeats: int
) -> Losses:
    """Return the losses of a model of some columns, the mean over trainings of several seeds."""
    seeds = range(repeats if names else 1)
    found = [
        losses_of(_predicted(matrix, split, names, seed), matrix.target_s[split.scored])
        for seed in seeds
    ]
    return Losses(
        absolute_s=np.mean([one.absolute_s for one in found], axis=0),
        crps_s=np.mean([one.crps_s for one in found], axis=0),
    )


def _predicted(
    matrix: FeatureMatrix, split: InnerSplit, names: frozenset[str], seed: int
) -> Distribution:
    if not names:
        return constant(matrix.target_s[split.learned], len(split.scored))
    own = matrix.estimator.parameters
    parameters = replace(own, seed=own.seed + seed)
    model = matrix.fit(split.learned, names=sorted(names), parameters=parameters)
    return model.predict(matrix.X[split.scored])
