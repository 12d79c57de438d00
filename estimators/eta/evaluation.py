"""Scores of an ETA on the test period: the whole per stage, beside the baselines, and each part."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import replace
from typing import Any

import lightgbm
import numpy as np

import aggregators
from aggregators import Duration
from aggregators.catalog import CATALOG
from aggregators.times import from_us
from estimators.core.dataset import Dataset
from estimators.core.distribution import Distribution
from estimators.core.errors import DatasetError
from estimators.core.sampling import evenly_spaced
from estimators.core.stages import DIRECT, OPEN_STAGES
from estimators.core.typing import BoolArray, FloatArray, IntArray
from estimators.eta.model import EtaModel
from estimators.eta.moments import Moments
from estimators.eta.remaining import remaining_after
from estimators.eta.rows import PartMatrix, answers_of, composed_grid
from estimators.eta.trained import TrainedEta
from estimators.evaluation.report import Report, ReportRow
from estimators.evaluation.scores import ALL, period_of, score
from estimators.fallback.learning import learn_fallback
from estimators.monitoring.reference import EXPLAINED_ROWS, reference_of
from estimators.quantiles.calibration import GRID_LEVELS, constant
from estimators.training.matrix import inputs_of
from estimators.training.train import CONSTANT_MEDIAN, Progress, TrainedEstimator, train
from estimators.wall_eta import WallEta

__all__ = ["COMPOSED", "STAGE", "WALL_ETA_REST", "describe_eta", "evaluate_eta", "score_eta"]

COMPOSED = "composed"
WALL_ETA_REST = "Wall ETA, rest"
STAGE = "stage"
"""The group of report rows that are about one stage."""


def describe_eta(
    model: EtaModel,
    rows: Mapping[str, PartMatrix],
    moments: Moments,
    answers: Mapping[str, FloatArray],
    report: Progress,
    *,
    drawn: Mapping[str, float],
    baselines: bool,
    threads: int,
) -> TrainedEta:
    """Return a fitted ETA with its report, and its parts with theirs.

    Args:
        model: fitted.
        rows: of all its parts.
        moments: that the rows are of.
        answers: of the parts at the test moments, quantiles by name.
        report: called with the stage "evaluate".
        drawn: how the moments were drawn: ``seed``, ``per_order`` and ``rows_max``.
        baselines: whether to train the Wall ETA of whole deliveries.
        threads: of its training.
    """
    report("evaluate", 0.0)
    others = _baselines(moments, threads, int(drawn["seed"])) if baselines else {}
    report("evaluate", 0.8)
    scored = score_eta(model, answers, moments, {**others, CONSTANT_MEDIAN: _constant(moments)})
    parts = {name: _trained_part(one, moments, answers[name]) for name, one in rows.items()}
    report("evaluate", 1.0)
    fallbacks = {name: one.fallback for name, one in parts.items() if one.fallback is not None}
    return TrainedEta(
        model=replace(model, fallbacks=fallbacks),
        parts=parts,
        report=scored,
        metadata={**_metadata(model, moments), "moments": dict(drawn), **_tuning_of(rows)},
    )


def score_eta(
    model: EtaModel,
    answers: Mapping[str, FloatArray],
    moments: Moments,
    others: Mapping[str, FloatArray],
) -> Report:
    """Return the scores of the ETA on the test moments, overall and per stage.

    Args:
        model: to score, also without the direct model's help ("composed").
        answers: of its parts, as :func:`estimators.eta.training.answers_of` gives them.
        moments: all.
        others: quantiles of baselines by name, shape (n_moments, n_levels).
    """
    tests = moments.tests
    models = {
        "eta": composed_grid(model, answers, moments.stage, tests, blend=True),
        COMPOSED: composed_grid(model, answers, moments.stage, tests),
        DIRECT: answers[DIRECT],
        **others,
    }
    return Report(
        estimator="eta",
        dataset=moments.dataset.name,
        period=period_of(moments.as_of_us[tests]) if tests.any() else ("", ""),
        rows=tuple(_report_rows(models, moments, moments.rest_s(DIRECT), tests)),
    )


def evaluate_eta(
    model: EtaModel,
    dataset: Dataset,
    metadata: Mapping[str, Any],
    *,
    progress: Progress | None = None,
) -> Report:
    """Score an ETA (perhaps loaded) on the test period of a data set, beside the simple models.

    With its training data set this repeats the scores of its training, except those of the Wall ETA
    of whole deliveries, which is another model.

    Args:
        model: with all its parts.
        dataset: orders with all events of a delivery's life.
        metadata: of the model: the moments that it was trained on, so that the same are scored.
        progress: called with ("features", part done) and ("evaluate", part done).

    Raises:
        UnknownNameError: the orders lack an event of their life.
        DatasetError: no order was delivered in the test period.
    """
    tell = progress or _no_progress
    drawn = metadata["moments"]
    moments = Moments.draw(
        dataset,
        seed=drawn["seed"],
        per_order=drawn["per_order"],
        rows_max=drawn["rows_max"],
    )
    tests = moments[moments.tests]
    if not len(tests):
        raise DatasetError(
            f"data set {dataset.name!r}: no order was delivered from {dataset.test_from} on"
        )
    rows: dict[str, PartMatrix] = {}
    for k, (name, estimator) in enumerate(model.parts.items()):
        tell("features", k / len(model.parts))
        rows[name] = PartMatrix.compute(name, estimator, tests)
    tell("features", 1.0)
    tell("evaluate", 0.0)
    fixed = _constant(moments)[moments.tests]
    answers = answers_of(rows, np.ones(len(tests), dtype=bool))
    report = score_eta(model, answers, tests, {CONSTANT_MEDIAN: fixed})
    tell("evaluate", 1.0)
    return report


def _no_progress(stage: str, done: float) -> None:
    """Report nothing."""


def _report_rows(
    models: Mapping[str, FloatArray], moments: Moments, target_s: FloatArray, tests: BoolArray
) -> Iterator[ReportRow]:
    """Yield the scores of all models, overall and by stage."""
    slices = {(ALL, ""): tests}
    slices |= {(STAGE, name): tests & (moments.stage == name) for name in OPEN_STAGES}
    for (group, value), rows in slices.items():
        for name, values in models.items():
            known = rows & ~np.isnan(values[:, 0]) & ~np.isnan(target_s)
            if known.any():
                scores = score(
                    Distribution(GRID_LEVELS, values[known]), target_s[known], curve=group == ALL
                )
                yield ReportRow(model=name, group=group, value=value, scores=scores)


def _constant(moments: Moments) -> FloatArray:
    """Return the quantiles of the remaining time in each stage of the training period."""
    values = np.full((len(moments), len(GRID_LEVELS)), np.nan)
    target_s = moments.rest_s(DIRECT)
    for name in OPEN_STAGES:
        inside = moments.stage == name
        learned, tested = inside & moments.trains, np.flatnonzero(inside & moments.tests)
        if learned.any() and len(tested):
            values[tested] = constant(target_s[learned], len(tested)).values
    return values


def _baselines(moments: Moments, num_threads: int, seed: int) -> dict[str, FloatArray]:
    """Return the remainder of the Wall ETA of the whole delivery at test moments."""
    dataset = moments.dataset.about(Duration("activated", "delivered"), as_of="activated")
    wall = train(WallEta, dataset, baselines=False, num_threads=num_threads, seed=seed).estimator
    tests = np.flatnonzero(moments.tests)
    orders, which = np.unique(moments.rows[tests], return_inverse=True)
    asked = np.zeros(len(dataset.table), dtype=bool)
    asked[orders] = True
    whole = wall.predict(inputs_of(wall, dataset, asked))
    passed_s = (moments.as_of_us - moments.event_us["activated"])[tests] / 1e6
    values = np.full((len(moments), len(GRID_LEVELS)), np.nan)
    values[tests] = remaining_after(whole[which], passed_s).values
    return {WALL_ETA_REST: values}


def _trained_part(one: PartMatrix, moments: Moments, answers: FloatArray) -> TrainedEstimator:
    """Return a part as an estimator of its own, with report, metadata and reference."""
    target_s = np.full(len(moments), np.nan)
    target_s[one.at] = one.target_s
    name = one.estimator.name
    tests = moments.tests & ~np.isnan(answers[:, 0]) & ~np.isnan(target_s)
    learned = np.flatnonzero(moments.trains[one.at] & ~np.isnan(one.target_s))
    known = one.target_s[learned]
    fixed = np.broadcast_to(np.quantile(known, GRID_LEVELS), answers.shape)
    rows = _report_rows({name: answers, CONSTANT_MEDIAN: fixed}, moments, target_s, tests)
    explained = one.X[learned[evenly_spaced(len(learned), EXPLAINED_ROWS)]]
    return TrainedEstimator(
        estimator=one.estimator,
        report=Report(
            estimator=name,
            dataset=moments.dataset.name,
            period=period_of(moments.as_of_us[tests]) if tests.any() else ("", ""),
            rows=tuple(rows),
        ),
        metadata=_part_metadata(one, moments, learned, int(tests.sum())),
        reference=reference_of(
            one.X[learned],
            known,
            one.estimator.predict(one.X[learned]),
            one.estimator.explain(explained),
            answered="training",
        ),
        fallback=learn_fallback(
            moments[one.at[learned]].columns(one.estimator.facts.inputs),
            known,
            moments.as_of_us[one.at[learned]],
            facts=one.estimator.facts,
            scale=one.estimator.parameters.scale,
        ),
    )


def _part_metadata(
    one: PartMatrix, moments: Moments, learned: IntArray, rows_tested: int
) -> dict[str, Any]:
    estimator = one.estimator
    return {
        **_common(moments.dataset, moments.as_of_us[one.at[learned]]),
        "estimator": estimator.name,
        "target": [estimator.target.start, estimator.target.end],
        "as_of": estimator.as_of,
        "rows_trained": len(learned),
        "rows_tested": rows_tested,
        "constant_s": np.quantile(one.target_s[learned], GRID_LEVELS).tolist(),
        "feature_names": list(estimator.feature_names),
        "feature_fingerprint": estimator.features.fingerprint,
        "parameters": estimator.parameters.to_json(),
        "trees": estimator.model.anchors.trees,
        "labels": {},
        "tuning": None if one.tuning is None else dict(one.tuning),
    }


def _tuning_of(rows: Mapping[str, PartMatrix]) -> dict[str, Any]:
    """Return the record of each part's search; empty without a search."""
    found = {name: dict(one.tuning) for name, one in rows.items() if one.tuning is not None}
    return {"tuning": found} if found else {}


def _metadata(model: EtaModel, moments: Moments) -> dict[str, Any]:
    learned = moments.trains
    return {
        **_common(moments.dataset, moments.as_of_us[learned]),
        "estimator": "eta",
        "target": ["activated", "delivered"],
        "as_of": "any moment",
        "rows_trained": int(learned.sum()),
        "rows_tested": int(moments.tests.sum()),
        "trees": sum(one.model.anchors.trees for one in model.parts.values()),
    }


def _common(dataset: Dataset, trained_us: IntArray) -> dict[str, Any]:
    return {
        "dataset": dataset.name,
        "data_fingerprint": dataset.fingerprint,
        "trained_from": from_us(int(trained_us.min())).isoformat(timespec="seconds"),
        "trained_until": from_us(int(trained_us.max())).isoformat(timespec="seconds"),
        "test_from": dataset.test_from.isoformat(),
        "catalog_version": CATALOG.version,
        "aggregators_version": aggregators.__version__,
        "lightgbm_version": lightgbm.__version__,
    }
