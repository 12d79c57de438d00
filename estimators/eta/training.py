"""Trains an ETA: its parts, their dependence, the conditions, and the calibration of the sum.

The parts are first trained on the beginning of the training period and predict the next block of
time, and so on (``BLOCKS_FROM``). Their errors on these unseen rows are like those in service. So
these predictions teach the dependence of the parts' errors, the conditions, the weight of the
direct model and the stretch of the sum. Then the parts that are saved are trained on all rows of
the training period.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

import numpy as np

from estimators.core.dataset import Dataset
from estimators.core.distribution import Distribution
from estimators.core.stages import DIRECT, PARTS
from estimators.core.typing import BoolArray, FloatArray
from estimators.eta.calibration import fit_stages
from estimators.eta.composition import GaussianCopula
from estimators.eta.condition_effect import condition_labels, condition_weights, means_of
from estimators.eta.model import EtaModel, StageModel
from estimators.eta.moments import PER_ORDER, ROWS_MAX, Moments
from estimators.eta.rows import PartMatrix, all_part_matrices, composed_grid, true_ready_us
from estimators.eta.trained import TrainedEta
from estimators.eta.tuning import tuned_bases, tuned_conditions
from estimators.quantiles.boosting import BoostingParameters
from estimators.quantiles.calibration import GRID_LEVELS
from estimators.training.train import Progress
from estimators.training.tuning import Tuning, check_installed

__all__ = ["BLOCKS_FROM", "train_eta"]


BLOCKS_FROM = (0.4, 0.6, 0.8)
"""Shares of the training rows at which the blocks begin that parts of earlier rows predict."""


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
    tuning: Tuning | None = None,
) -> TrainedEta:
    """Train all parts of an ETA, put them together, and score the whole on the test period.

    Args:
        dataset: orders with all events of a delivery's life; its own question is ignored. With
            weather or local events there are ``conditions``, otherwise none.
        progress: called with (stage, part done); the stages are "features", "out of sample",
            "conditions", "fit" and "evaluate".
        num_threads: of the features and of LightGBM; the result does not depend on it.
        seed: fixes everything random.
        per_order: moments per order, on average.
        rows_max: moments of the training period, at most.
        parameters: of the boosting of some parts, by name; their seed and threads are replaced.
        baselines: also train the Wall ETA of the whole delivery, for the report.
        tuning: search for better parameters of every part first, on rows of the training period
            that no calibration uses (stages "tune ready" and so on); the result is in the metadata.

    Raises:
        UnknownNameError: the orders lack an event of their life.
        DatasetError: there are too few orders.
        EstimatorError: a search is asked for and Optuna is not installed.
    """
    from estimators.eta.evaluation import describe_eta

    if tuning is not None:
        check_installed()
    report = progress or _no_progress
    moments = Moments.draw(dataset, seed=seed, per_order=per_order, rows_max=rows_max)
    moments = moments[moments.trains | moments.tests]
    ready_us = true_ready_us(dataset, num_threads=num_threads, seed=seed)
    moments = replace(moments, ready_us=ready_us)
    rows = all_part_matrices(
        moments, dict(parameters or {}), report, num_threads=num_threads, seed=seed
    )
    learned = moments.trains
    if tuning is not None:
        first, _ = _blocks(moments, learned)[0]
        rows = tuned_bases(rows, moments, first, tuning, report)
    unseen = _unseen(rows, moments, learned, report)
    if tuning is not None and "conditions" in rows:
        inside = _first_asked(moments, learned)
        rows["conditions"] = tuned_conditions(rows, moments, unseen, inside, tuning, report)
    _fit_bases(rows, moments, unseen, report)
    conditions_weight = (
        _with_conditions(rows, moments, unseen, report) if "conditions" in rows else {}
    )
    model = EtaModel(
        parts={name: one.estimator for name, one in rows.items()},
        dependence=_dependence(rows, moments, unseen),
        stages={name: StageModel(conditions_weight=one) for name, one in conditions_weight.items()},
    )
    model = replace(model, stages=_stages(model, moments, unseen))
    drawn = {"seed": seed, "per_order": per_order, "rows_max": rows_max}
    return describe_eta(
        model, rows, moments, unseen, report, drawn=drawn, baselines=baselines, threads=num_threads
    )


def _unseen(
    rows: Mapping[str, PartMatrix], moments: Moments, learned: BoolArray, report: Progress
) -> dict[str, FloatArray]:
    """Return the parts' out-of-sample predictions for later blocks of the training period.

    Quantiles at ``GRID_LEVELS`` by part, shape (n_moments, n_levels), NaN where no part is asked.
    """
    bases = [one for name, one in rows.items() if name != "conditions"]
    answers = {name: np.full((len(moments), len(GRID_LEVELS)), np.nan) for name in rows}
    blocks = _blocks(moments, learned)
    for k, (before, inside) in enumerate(blocks):
        for j, one in enumerate(bases):
            report("out of sample", (k + j / len(bases)) / len(blocks))
            one.with_fitted(moments, before).answer(inside, answers[one.part])
    report("out of sample", 1.0)
    return answers


def _blocks(moments: Moments, learned: BoolArray) -> list[tuple[BoolArray, BoolArray]]:
    """Return the moments to learn from and those to predict, for each block."""
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


def _first_asked(moments: Moments, learned: BoolArray) -> BoolArray:
    """Return the moments of the first block that were over when the second began."""
    (_, inside), (before, _) = _blocks(moments, learned)[:2]
    return inside & before


def _fit_bases(
    rows: dict[str, PartMatrix],
    moments: Moments,
    unseen: Mapping[str, FloatArray],
    report: Progress,
) -> None:
    """Train the parts on all rows of the training period, and predict the test period."""
    bases = [name for name in rows if name != "conditions"]
    for k, name in enumerate(bases):
        report("fit", k / len(bases))
        rows[name] = rows[name].with_fitted(moments, moments.trains, with_facts_model=True)
        rows[name].answer(moments.tests, unseen[name])
    report("fit", 1.0)


def _dependence(
    rows: Mapping[str, PartMatrix], moments: Moments, unseen: Mapping[str, FloatArray]
) -> GaussianCopula:
    outcome_levels = np.full((len(moments), len(PARTS)), np.nan)
    for k, name in enumerate(PARTS):
        if name == "conditions":
            continue
        one = rows[name]
        known = moments.trains[one.at] & ~np.isnan(one.target_s)
        known &= ~np.isnan(unseen[name][one.at, 0])
        at = one.at[known]
        predicted = Distribution(GRID_LEVELS, unseen[name][at])
        outcome_levels[at, k] = predicted.cdf(one.target_s[known])
    return GaussianCopula.fit(outcome_levels)


def _with_conditions(
    rows: dict[str, PartMatrix],
    moments: Moments,
    unseen: Mapping[str, FloatArray],
    report: Progress,
) -> dict[str, float]:
    """Learn conditions, add their out-of-sample predictions, and return their weights.

    Args:
        rows: of all parts; those of the conditions get labels and a fitted estimator.
        moments: that the rows are of.
        unseen: the other parts' out-of-sample predictions, by name; ``conditions`` is filled in for
            all blocks but the first, and for the test period.
        report: called with the stage "conditions".
    """
    learned = moments.trains
    label_s = condition_labels(moments, unseen, learned)
    own = rows["conditions"]
    own = replace(own, target_s=label_s[own.at])
    blocks = _blocks(moments, learned)[1:]
    for k, (before, inside) in enumerate(blocks):
        report("conditions", k / (len(blocks) + 1))
        own.with_fitted(moments, before).answer(inside, unseen["conditions"])
    found = condition_weights(moments, label_s, means_of(unseen["conditions"]))
    rows["conditions"] = own.with_fitted(moments, learned, with_facts_model=True)
    rows["conditions"].answer(moments.tests, unseen["conditions"])
    report("conditions", 1.0)
    return found


def _stages(
    model: EtaModel, moments: Moments, unseen: Mapping[str, FloatArray]
) -> dict[str, StageModel]:
    last = "conditions" if "conditions" in unseen else DIRECT
    answered = moments.trains & ~np.isnan(unseen[last][:, 0])
    composed = composed_grid(model, unseen, moments.stage, answered)
    found = fit_stages(
        composed[answered],
        unseen[DIRECT][answered],
        moments.rest_s(DIRECT)[answered],
        moments.stage[answered],
    )
    return {
        name: replace(one, conditions_weight=model.stages[name].conditions_weight)
        if name in model.stages
        else one
        for name, one in found.items()
    }


def _no_progress(stage: str, done: float) -> None:
    """Report nothing."""
