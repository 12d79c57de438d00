"""Load, compute features, split by time, fit, calibrate, evaluate: one call."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any

import lightgbm
import numpy as np

import aggregators
from aggregators import Aggregator, FeatureSet
from aggregators.catalog import CATALOG
from aggregators.errors import unknown_name
from aggregators.times import from_us
from estimators.core.dataset import Dataset
from estimators.core.distribution import Distribution
from estimators.core.errors import DatasetError
from estimators.core.sampling import evenly_spaced
from estimators.core.typing import FloatArray
from estimators.evaluation.report import Report, ReportRow
from estimators.evaluation.scores import ALL, Scores, period_of, score
from estimators.evaluation.slices import score_slices
from estimators.fallback.learning import learn_fallback
from estimators.features.facts import learn_facts
from estimators.features.shrinkage import Shrinkage, learn_shrinkage
from estimators.model.base import Estimator
from estimators.monitoring.reference import EXPLAINED_ROWS, reference_of
from estimators.quantiles.calibration import GRID_LEVELS, constant
from estimators.quantiles.growing.parameters import BoostingParameters
from estimators.training.matrix import FeatureMatrix, inputs_of
from estimators.training.parameter_choice import choose_parameters
from estimators.training.trained import TrainedEstimator
from estimators.training.tuning import Tuning, check_installed

__all__ = [
    "BASELINE_AS_FACT",
    "CONSTANT_MEDIAN",
    "WITHOUT_REALTIME",
    "Progress",
    "TrainedEstimator",
    "baselines_of",
    "evaluate",
    "inputs_of",
    "train",
    "unfitted",
    "usable_features",
]

Progress = Callable[[str, float], None]
"""Called with the name of the stage and the part of it that is done (0.0 to 1.0)."""

CONSTANT_MEDIAN = "constant median"
WITHOUT_REALTIME = "without real-time features"
BASELINE_AS_FACT = "baseline as a fact"


def train(
    estimator_class: type[Estimator],
    dataset: Dataset,
    *,
    progress: Progress | None = None,
    num_threads: int = 1,
    seed: int = 0,
    baselines: bool = True,
    parameters: BoostingParameters | None = None,
    features: Sequence[str] | None = None,
    tuning: Tuning | None = None,
    search: bool = True,
) -> TrainedEstimator:
    """Train, calibrate and evaluate an estimator on a data set.

    Args:
        estimator_class: which estimator; target and moment of the question are the data set's.
        dataset: what to learn from; rows before ``dataset.test_from`` train and calibrate, the
            rest tests. With no row in the test period the report is empty.
        progress: called with (stage, part done); the stages are "features", "parameters" (if they
            are chosen), "calibrate", "fit", "baselines" and "evaluate".
        num_threads: of the features and of LightGBM; the result does not depend on it.
        seed: fixes everything random.
        baselines: also fit the model without real-time features for the report, and plain LightGBM
            as a second opinion on inner splits of the training period.
        parameters: of the boosting, instead of the estimator's own, and not replaced by others;
            their seed and threads are replaced by these arguments.
        features: names of the real-time features that it may use; all of its own by default.
        tuning: search for better parameters with Optuna first, on inner splits of the training
            period (stage "tune"); the result is in the metadata.
        search: race a few sets of parameters first, on inner splits of the training period, unless
            parameters or a search with Optuna are given; see :mod:`estimators.training.race`.

    Raises:
        UnknownNameError: the estimator has no such feature for these data.
        DatasetError: there are too few labelled rows before the test period.
        EstimatorError: a search is asked for and Optuna is not installed.
    """
    if tuning is not None:
        check_installed()
    report = progress or _no_progress
    chosen = (parameters or estimator_class.default_parameters).to_json()
    chosen.update(seed=seed, num_threads=num_threads)
    report("features", 0.0)
    dataset = estimator_class.prepared(dataset, num_threads=num_threads, seed=seed)
    estimator = unfitted(
        estimator_class, dataset, features=features, parameters=BoostingParameters(**chosen)
    )
    matrix = FeatureMatrix.compute(estimator, dataset, threads=num_threads)
    report("features", 1.0)
    choice = choose_parameters(
        matrix,
        given=parameters is not None,
        tuning=tuning,
        search=search,
        compares=baselines,
        report=report,
    )
    estimator.parameters = choice.parameters
    learned, tested = matrix.learned, matrix.tested
    estimator.fit(
        matrix.X[learned], matrix.target_s[learned], matrix.as_of_us[learned], progress=report
    )

    # Of later rows, as in service; where there are none, of those that it learned from.
    answered, rows = ("test", tested) if len(tested) else ("training", learned)
    predicted = estimator.predict(matrix.X[rows])
    models: dict[str, Distribution] = {}
    if len(tested):
        others = baselines_of(matrix, report, without_realtime=baselines)
        models = {estimator.name: predicted, **others}
    result = _report(estimator, dataset, models, report)
    return TrainedEstimator(
        estimator=estimator,
        report=result,
        metadata={
            **_metadata(estimator, dataset, matrix.target_s[learned]),
            "tuning": choice.tuning,
            "second_opinion": choice.second_opinion,
        },
        reference=reference_of(
            matrix.X[learned],
            matrix.target_s[learned],
            predicted,
            estimator.explain(matrix.X[rows[evenly_spaced(len(rows), EXPLAINED_ROWS)]]),
            answered=answered,
        ),
        fallback=learn_fallback(
            dataset.table.loc[dataset.trains],
            matrix.target_s[learned],
            matrix.as_of_us[learned],
            facts=estimator.facts,
            scale=estimator.parameters.scale,
        ),
    )


def unfitted(
    estimator_class: type[Estimator],
    dataset: Dataset,
    *,
    features: Sequence[str] | None = None,
    extra: Sequence[Aggregator] = (),
    parameters: BoostingParameters | None = None,
) -> Estimator:
    """Return an unfitted estimator for the data set's question, with all inputs that the data have.

    Args:
        estimator_class: which estimator.
        dataset: its training rows say which values the categories have.
        features: names of the real-time features that it may use; all of its own by default.
        extra: further real-time features, for experiments. An estimator with them cannot be saved,
            as no installed code defines them.
        parameters: of the boosting; the estimator's own by default.

    Raises:
        UnknownNameError: the estimator has no such feature for these data.
        DatasetError: it has none at all for them.
    """
    own = [*usable_features(estimator_class, dataset), *extra]
    if features is not None:
        known = {one.name: one for one in own}
        for name in features:
            if name not in known:
                raise unknown_name("feature", name, estimator_class.name, known)
        own = [known[name] for name in dict.fromkeys(features)]
    if not own:
        raise DatasetError(
            f"{estimator_class.name} finds no real-time feature in data set {dataset.name!r}: its"
            f" dimensions are {', '.join(dataset.source.dimensions) or 'none'}, its events"
            f" {', '.join(dataset.source.events)}; the catalog knows store_id, city and others"
        )
    return estimator_class(
        target=dataset.target,
        as_of=dataset.as_of,
        facts=learn_facts(
            dataset.table.loc[dataset.trains],
            numbers=dataset.numbers,
            categories=dataset.categories,
            timezone_by=dataset.timezone_by,
            timezones=dataset.timezones,
            duration_s=dataset.duration_s[dataset.trains],
        ),
        features=FeatureSet(own, name=estimator_class.name, version=CATALOG.version),
        shrinkage=_learned_shrinkage(estimator_class, dataset, [one.name for one in own]),
        parameters=parameters,
        baseline=dataset.baseline,
    )


def usable_features(estimator_class: type[Estimator], dataset: Dataset) -> list[Aggregator]:
    """Return the real-time features of an estimator that a data set can give."""
    own = estimator_class.features_for(dataset.source, dataset.target, (*dataset.others,))
    # Sources beside the samples may have dimensions that these samples do not.
    return [one for one in own if one.dimension in dataset.table.columns]


def _learned_shrinkage(
    estimator_class: type[Estimator], dataset: Dataset, features: Sequence[str]
) -> list[Shrinkage]:
    """Return the columns of shrinkage that these features can give, from the training rows."""
    given = [spec.given(features) for spec in estimator_class.shrinks]
    table, duration_s = dataset.table.loc[dataset.trains], dataset.target_s[dataset.trains]
    if np.isnan(duration_s).all():
        return []
    return [learn_shrinkage(spec, table, duration_s) for spec in given if spec is not None]


def evaluate(
    trained: TrainedEstimator, dataset: Dataset, *, progress: Progress | None = None
) -> Report:
    """Score a trained (perhaps loaded) estimator on the test period of a data set.

    The data set must have the columns that the estimator's facts and features are made of. The
    estimator's question replaces the data set's own. The constant is the median that the estimator
    was trained with; models that are not saved, such as the one without real-time features, are
    repeated from the saved report if the data are the same.

    Raises:
        DatasetError: the test period holds no labelled row.
    """
    report = progress or _no_progress
    estimator = trained.estimator
    dataset = estimator.asked_of(dataset)
    tests = dataset.tests
    if not tests.any():
        raise DatasetError(
            f"data set {dataset.name!r} has no labelled row from {dataset.test_from} on"
        )
    report("features", 0.0)
    X = inputs_of(estimator, dataset, tests)
    report("features", 1.0)
    models = {
        estimator.name: estimator.predict(X),
        CONSTANT_MEDIAN: _saved_constant(trained.metadata, len(X)),
    }
    fresh = _report(estimator, dataset, models, report)
    same = trained.metadata["data_fingerprint"] == dataset.fingerprint
    if not same or trained.report.period != fresh.period:
        return fresh
    simpler = (WITHOUT_REALTIME, BASELINE_AS_FACT)
    repeated = [row for row in trained.report.rows if row.model in simpler]
    rows = (*fresh.rows[:2], *repeated, *fresh.rows[2:])
    return Report(estimator=fresh.estimator, dataset=fresh.dataset, period=fresh.period, rows=rows)


def _saved_constant(metadata: Mapping[str, Any], n_rows: int) -> Distribution:
    """Return the distribution of the outcomes that an estimator was trained on, for every row."""
    known_s = np.asarray(metadata["constant_s"], dtype=np.float64)
    # Models that were saved without the mean have the integral of the quantiles.
    mean_s = metadata.get("constant_mean_s")
    means = None if mean_s is None else np.full(n_rows, float(mean_s))
    return Distribution(GRID_LEVELS, np.tile(known_s, (n_rows, 1)), means)


def baselines_of(
    matrix: FeatureMatrix, report: Progress, *, without_realtime: bool = True
) -> dict[str, Distribution]:
    """Return the predictions of simpler models for the test period, from the same training period.

    Args:
        matrix: all features, computed.
        report: called with the stage "baselines".
        without_realtime: beside the constant median also the same model with only the facts of the
            request, if there are any. With a baseline also the same model that takes it as a fact
            like others: only a precise baseline is worth learning the difference to.
    """
    found = {CONSTANT_MEDIAN: constant(matrix.target_s[matrix.learned], len(matrix.tested))}
    if without_realtime and matrix.facts:
        model = matrix.fit(
            matrix.learned,
            names=matrix.facts,
            # Calibration and the final model: each is a half of the stage.
            progress=lambda stage, part: report("baselines", part / 2 + (stage == "fit") / 2),
        )
        found[WITHOUT_REALTIME] = model.predict(matrix.X[matrix.tested])
    if without_realtime and matrix.estimator.baseline is not None:
        plain = matrix.fit(matrix.learned, beside_baseline=False)
        found[BASELINE_AS_FACT] = plain.predict(matrix.X[matrix.tested])
    return found


def _report(
    estimator: Estimator, dataset: Dataset, models: Mapping[str, Distribution], report: Progress
) -> Report:
    """Return the scores of models on the test period, the estimator's own answers first.

    Args:
        estimator: whose report it is.
        dataset: has the test period.
        models: answers by name; empty where there is no row to test with.
        report: called with the stage "evaluate".
    """
    report("evaluate", 0.0)
    rows = tuple(_report_rows(estimator, dataset, models)) if models else ()
    period = period_of(dataset.as_of_us[dataset.tests]) if models else ("", "")
    report("evaluate", 1.0)
    return Report(estimator=estimator.name, dataset=dataset.name, period=period, rows=rows)


def _report_rows(
    estimator: Estimator, dataset: Dataset, models: Mapping[str, Distribution]
) -> Iterator[ReportRow]:
    tests, target_s = dataset.tests, dataset.target_s[dataset.tests]
    for name, distribution in models.items():
        scores = score(distribution, target_s)
        yield ReportRow(model=name, group=ALL, value="", scores=scores)
    for name, mae_s in dataset.references.items():
        scores = Scores(n=0, mae_s=mae_s)
        yield ReportRow(model=name, group=ALL, value="", scores=scores)
    own = models[estimator.name]
    yield from score_slices(estimator.name, dataset, tests, estimator.facts, own)


def _metadata(estimator: Estimator, dataset: Dataset, target_s: FloatArray) -> dict[str, Any]:
    trained_us = dataset.as_of_us[dataset.trains]
    damaged = dataset.asked & ~dataset.labelled & ~np.isnan(dataset.duration_s)
    return {
        "estimator": estimator.name,
        "dataset": dataset.name,
        "data_fingerprint": dataset.fingerprint,
        "target": [dataset.target.start, dataset.target.end],
        "as_of": dataset.as_of,
        "trained_from": from_us(int(trained_us.min())).isoformat(timespec="seconds"),
        "trained_until": from_us(int(trained_us.max())).isoformat(timespec="seconds"),
        "test_from": dataset.test_from.isoformat(),
        "rows_trained": len(target_s),
        "rows_tested": int(dataset.tests.sum()),
        "rows_damaged": int(damaged.sum()),
        "labels": _label_counts(dataset),
        "label_bounds_s": [_finite(bound) for bound in dataset.label_bounds_s],
        "constant_s": np.quantile(target_s, GRID_LEVELS).tolist(),
        "constant_mean_s": float(target_s.mean()),
        "feature_names": list(estimator.feature_names),
        "feature_fingerprint": estimator.features.fingerprint,
        "catalog_version": CATALOG.version,
        "aggregators_version": aggregators.__version__,
        "lightgbm_version": lightgbm.__version__,
        "parameters": estimator.parameters.to_json(),
        "trees": sum(one.anchors.trees for one in estimator.model.models),
        "baseline": _baseline(dataset),
    }


def _baseline(dataset: Dataset) -> dict[str, Any] | None:
    """Return the fact that the estimate is learned and answered beside, and how many rows have it.

    None: there is no baseline.
    """
    if dataset.baseline is None:
        return None
    given_s = dataset.table.loc[dataset.trains, dataset.baseline].to_numpy(np.float64)
    known = int((given_s >= 0.0).sum())
    return {"fact": dataset.baseline, "rows_with": known, "rows_without": len(given_s) - known}


def _label_counts(dataset: Dataset) -> dict[str, dict[str, int]]:
    """Return how many rows of either period have an exact label, bounds or none; empty: no bounds.

    The report is about the exact ones of the test period.
    """
    if dataset.labels is None:
        return {}
    before = dataset.as_of_us < dataset.test_from_us
    return {
        "training": dataset.labels.counts(dataset.asked & before),
        "test": dataset.labels.counts(dataset.asked & ~before),
    }


def _finite(value: float) -> float | None:
    return value if math.isfinite(value) else None


def _no_progress(stage: str, part: float) -> None:
    """Report nothing."""
