"""Train an ETA: all its parts, how they are tied, what weather adds, and how sure the sum is.

The parts are learned first from the beginning of the training period, then asked about the next
block of time, and so on (``BLOCKS_FROM``). What they say of rows that they have not seen is as
wrong as it will be in service. So from these answers is learned how the parts' errors are tied,
what conditions add to their sum, how much the direct model helps and how far the sum must be
stretched. Then all rows of the training period teach the parts that are saved.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import numpy.typing as npt

from estimators.base import Estimator
from estimators.boosting import BoostingParameters
from estimators.calibration import GRID_LEVELS
from estimators.composition import PARTS, Dependence
from estimators.conditions import CONDITION_SOURCES
from estimators.dataset import Dataset
from estimators.distribution import Distribution
from estimators.eta import EtaModel
from estimators.eta_calibration import fit_stages
from estimators.eta_parts import PART_SPECS, PartSpec
from estimators.moments import PER_ORDER, ROWS_MAX, Moments
from estimators.stages import ANY_MOMENT, DIRECT, ELAPSED, OPEN_STAGES, elapsed_name, pending_at
from estimators.trained_eta import TrainedEta
from estimators.training import Progress, unfitted
from estimators.typing import BoolArray, FloatArray, IntArray

__all__ = ["BLOCKS_FROM", "PartRows", "answers_of", "composed_grid", "train_eta"]

BLOCKS_FROM = (0.4, 0.6, 0.8)
"""Shares of the training rows: where the blocks begin about which parts are asked that have learned
from earlier rows."""

CHUNK_ROWS = 2_000
"""So many rows are composed at once: 1,024 draws of each part are held in memory."""


@dataclass(frozen=True, kw_only=True, eq=False)
class PartRows:
    """What a part is given at the moments at which it is pending.

    Args:
        part: its name.
        estimator: of the part, perhaps not fitted.
        at: positions among the moments, ascending.
        X: its inputs there, shape (len(at), n_features).
        target_s: its labels, NaN where there is none.
    """

    part: str
    estimator: Estimator
    at: IntArray
    X: FloatArray
    target_s: FloatArray

    @classmethod
    def compute(
        cls, part: str, estimator: Estimator, moments: Moments, *, threads: int | None = None
    ) -> PartRows:
        """Compute them for all moments at which the part is pending."""
        at = np.flatnonzero(asked_at(part, moments.stage))
        asked = moments[at]
        return cls(
            part=part,
            estimator=estimator,
            at=at,
            X=asked.inputs(estimator, threads=threads),
            target_s=np.full(len(at), np.nan) if part == "conditions" else asked.rest_s(part),
        )

    def fitted(self, moments: Moments, learned: BoolArray) -> Estimator:
        """Return a new estimator that has learned from some of the moments.

        Args:
            moments: that these rows are of.
            learned: which moments to learn from, shape (len(moments),).
        """
        rows = np.flatnonzero(learned[self.at] & ~np.isnan(self.target_s))
        estimator = _copy(self.estimator)
        estimator.fit(self.X[rows], self.target_s[rows], moments.as_of_us[self.at[rows]])
        return estimator

    def answer(self, estimator: Estimator, asked: BoolArray, into: FloatArray) -> None:
        """Write the estimator's quantiles of some moments into an array of all moments."""
        rows = np.flatnonzero(asked[self.at])
        if len(rows):
            into[self.at[rows]] = estimator.predict(self.X[rows]).values


def asked_at(part: str, stage: npt.NDArray[np.str_]) -> BoolArray:
    """Return at which of the moments a part is asked."""
    if part == DIRECT:
        return np.isin(stage, OPEN_STAGES)
    return np.isin(stage, [name for name in OPEN_STAGES if part in pending_at(name)])


def train_eta(
    dataset: Dataset,
    *,
    progress: Progress | None = None,
    num_threads: int = 1,
    seed: int = 0,
    per_order: float = PER_ORDER,
    rows_max: int = ROWS_MAX,
    parameters: Mapping[str, BoostingParameters] | None = None,
    baselines: bool = True,
) -> TrainedEta:
    """Train all parts of an ETA, put them together, and score the whole on the test period.

    Args:
        dataset: orders with all events of a delivery's life, whatever it asks by itself. Weather
            or local events beside them give ``conditions``; without them there is none.
        progress: called with (stage, part done); the stages are "features", "out of sample",
            "conditions", "fit" and "evaluate".
        num_threads: of the features and of LightGBM; the result does not depend on it.
        seed: fixes everything random.
        per_order: moments per order, on average.
        rows_max: moments of the training period, at most.
        parameters: of the boosting of some parts, by name; their seed and threads are replaced.
        baselines: also train the Wall ETA of the whole delivery, for the report.

    Raises:
        UnknownNameError: the orders lack an event of their life.
        DatasetError: there are too few orders.
    """
    from estimators.eta_evaluation import describe_eta

    report = progress or _silent
    moments = Moments.draw(dataset, seed=seed, per_order=per_order, rows_max=rows_max)
    moments = moments[moments.trains | moments.tests]
    given = dict(parameters or {})
    rows = _all_rows(moments, given, report, num_threads=num_threads, seed=seed)
    learned = moments.trains
    unseen = _unseen(rows, moments, learned, report)
    model = EtaModel(parts={}, dependence=_dependence(rows, moments, unseen))
    fitted: dict[str, Estimator] = {}
    if "conditions" in rows:
        model_rows = _with_residuals(rows["conditions"], model, moments, unseen)
        rows["conditions"] = model_rows
        _unseen_conditions(model_rows, moments, unseen, report)
        fitted["conditions"] = model_rows.fitted(moments, learned)
        report("conditions", 1.0)
    model = replace(model, stages=_stages(model, moments, unseen))
    bases = [name for name in rows if name != "conditions"]
    for k, name in enumerate(bases):
        report("fit", k / len(bases))
        fitted[name] = rows[name].fitted(moments, learned)
    report("fit", 1.0)
    model = replace(model, parts={name: fitted[name] for name in rows})
    rows = {name: replace(one, estimator=fitted[name]) for name, one in rows.items()}
    drawn = {"seed": seed, "per_order": per_order, "rows_max": rows_max}
    return describe_eta(
        model, rows, moments, report, drawn=drawn, baselines=baselines, num_threads=num_threads
    )


def _all_rows(
    moments: Moments,
    parameters: Mapping[str, BoostingParameters],
    report: Progress,
    *,
    num_threads: int,
    seed: int,
) -> dict[str, PartRows]:
    dataset = moments.dataset
    beside = [one.name for one in dataset.others if one.name in CONDITION_SOURCES]
    specs = {name: spec for name, spec in PART_SPECS.items() if name != "conditions" or beside}
    rows: dict[str, PartRows] = {}
    for k, (name, spec) in enumerate(specs.items()):
        report("features", k / len(specs))
        chosen = (parameters.get(name) or spec.estimator_class.default_parameters).to_json()
        chosen.update(seed=seed, num_threads=num_threads)
        estimator = unfitted_part(spec, dataset, BoostingParameters(**chosen))
        rows[name] = PartRows.compute(name, estimator, moments, threads=num_threads)
    report("features", 1.0)
    return rows


def unfitted_part(spec: PartSpec, dataset: Dataset, parameters: BoostingParameters) -> Estimator:
    """Return a part's estimator with all that the data can give it.

    Args:
        spec: of the part.
        dataset: its training rows say which values the categories have.
        parameters: of the boosting.
    """
    known = {*dataset.numbers, *dataset.categories}
    for question in dataset.questions:
        known |= {*question.numbers, *question.categories}
    asked = replace(
        dataset,
        target=spec.target,
        # Everything is known by then; what is missing at an earlier moment, the moments know.
        as_of="delivered",
        numbers=tuple(name for name in spec.numbers if name in known),
        categories=tuple(name for name in spec.categories if name in known),
        timezone_by=dataset.timezone_by if spec.local_time else "",
        questions=(),
        base_s=None,
    )
    whole = unfitted(spec.estimator_class, asked, parameters=parameters)
    elapsed = tuple(elapsed_name(event) for event in spec.since)
    assert set(elapsed) <= set(ELAPSED)
    return spec.estimator_class(
        target=spec.target,
        as_of=ANY_MOMENT,
        facts=replace(whole.facts, numbers=(*whole.facts.numbers, *elapsed)),
        features=whole.features,
        shrinkage=whole.shrinkage,
        parameters=parameters,
    )


def _unseen(
    rows: Mapping[str, PartRows], moments: Moments, learned: BoolArray, report: Progress
) -> dict[str, FloatArray]:
    """Return what parts say of later blocks of the training period than they learned from.

    Quantiles at ``GRID_LEVELS`` by part, shape (n_moments, n_levels), NaN where nobody is asked.
    """
    bases = [one for name, one in rows.items() if name != "conditions"]
    answers = {name: np.full((len(moments), len(GRID_LEVELS)), np.nan) for name in rows}
    blocks = _blocks(moments, learned)
    for k, (before, inside) in enumerate(blocks):
        for j, one in enumerate(bases):
            report("out of sample", (k + j / len(bases)) / len(blocks))
            one.answer(one.fitted(moments, before), inside, answers[one.part])
    report("out of sample", 1.0)
    return answers


def _blocks(moments: Moments, learned: BoolArray) -> list[tuple[BoolArray, BoolArray]]:
    """Return which moments to learn from and which to ask about, for each block."""
    as_of_us = moments.as_of_us
    asked_us = as_of_us[learned]
    starts_us = [np.quantile(asked_us, share, method="higher") for share in BLOCKS_FROM]
    return [
        (
            learned & (moments.ended_us < start_us),
            learned & (as_of_us >= start_us) & (as_of_us < end_us),
        )
        for start_us, end_us in zip(starts_us, [*starts_us[1:], np.inf], strict=True)
    ]


def _dependence(
    rows: Mapping[str, PartRows], moments: Moments, unseen: Mapping[str, FloatArray]
) -> Dependence:
    surprises = np.full((len(moments), len(PARTS)), np.nan)
    for k, name in enumerate(PARTS):
        if name == "conditions":
            continue
        one = rows[name]
        known = ~np.isnan(unseen[name][one.at, 0]) & ~np.isnan(one.target_s)
        at = one.at[known]
        predicted = Distribution(GRID_LEVELS, unseen[name][at])
        surprises[at, k] = predicted.cdf(one.target_s[known])
    return Dependence.fit(surprises)


def _with_residuals(
    conditions: PartRows, model: EtaModel, moments: Moments, unseen: Mapping[str, FloatArray]
) -> PartRows:
    """Return the rows of conditions, their label what the others left over."""
    answered = ~np.isnan(unseen[DIRECT][:, 0])
    composed = composed_grid(model, unseen, moments.stage, answered)
    left_s = np.full(len(moments), np.nan)
    left_s[answered] = (
        moments.rest_s(DIRECT)[answered] - Distribution(GRID_LEVELS, composed[answered]).mean()
    )
    for name in OPEN_STAGES:
        # What is wrong whatever the weather is for the calibration of the stage.
        some = answered & (moments.stage == name)
        if some.any():
            left_s[some] -= np.nanmean(left_s[some])
    return replace(conditions, target_s=left_s[conditions.at])


def _unseen_conditions(
    rows: PartRows, moments: Moments, unseen: Mapping[str, FloatArray], report: Progress
) -> None:
    """Add to the answers what conditions say of blocks that they have not seen."""
    blocks = _blocks(moments, moments.trains)[1:]
    for k, (before, inside) in enumerate(blocks):
        report("conditions", k / (len(blocks) + 1))
        rows.answer(rows.fitted(moments, before), inside, unseen["conditions"])


def _stages(model: EtaModel, moments: Moments, unseen: Mapping[str, FloatArray]) -> dict[str, Any]:
    last = "conditions" if "conditions" in unseen else DIRECT
    answered = ~np.isnan(unseen[last][:, 0])
    composed = composed_grid(model, unseen, moments.stage, answered)
    return fit_stages(
        composed[answered],
        unseen[DIRECT][answered],
        moments.rest_s(DIRECT)[answered],
        moments.stage[answered],
    )


def composed_grid(
    model: EtaModel,
    answers: Mapping[str, FloatArray],
    stage: npt.NDArray[np.str_],
    rows: BoolArray,
    *,
    blend: bool = False,
) -> FloatArray:
    """Return the quantiles of composed ETAs at ``GRID_LEVELS``, shape (n_moments, n_levels).

    Args:
        model: says how parts are tied and what is done to their sum.
        answers: quantiles by part, of all moments; rows in which ``conditions`` has none get 0.
        stage: of all moments.
        rows: which to compose; the others are NaN.
        blend: whether the direct model is given to the composition, too.
    """
    found = np.full((len(stage), len(GRID_LEVELS)), np.nan)
    for name in OPEN_STAGES:
        asked = [*pending_at(name), *([DIRECT] if blend else [])]
        at = np.flatnonzero(rows & (stage == name))
        for low in range(0, len(at), CHUNK_ROWS):
            chunk = at[low : low + CHUNK_ROWS]
            given = {part: answers[part][chunk] for part in asked if part in answers}
            if "conditions" in given:
                given["conditions"] = np.nan_to_num(given["conditions"])
            parts = {part: Distribution(GRID_LEVELS, values) for part, values in given.items()}
            found[chunk] = model.compose(parts, name).eta.values
    return found


def answers_of(rows: Mapping[str, PartRows], asked: BoolArray) -> dict[str, FloatArray]:
    """Return what the fitted parts say of some moments, as quantiles by part (NaN elsewhere)."""
    answers = {}
    for name, one in rows.items():
        answers[name] = np.full((len(asked), len(GRID_LEVELS)), np.nan)
        one.answer(one.estimator, asked, answers[name])
    return answers


def _copy(estimator: Estimator) -> Estimator:
    return type(estimator)(
        target=estimator.target,
        as_of=estimator.as_of,
        facts=estimator.facts,
        features=estimator.features,
        shrinkage=estimator.shrinkage,
        parameters=estimator.parameters,
    )


def _silent(stage: str, done: float) -> None:
    """Report nothing."""
