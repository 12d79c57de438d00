"""Compares trained estimators on the same test rows, optionally with the baselines."""

from __future__ import annotations

from collections.abc import Mapping
from functools import partial

from estimators.core.dataset import Dataset
from estimators.core.distribution import Distribution
from estimators.core.errors import DatasetError, InputError
from estimators.core.typing import FloatArray
from estimators.evaluation.comparison import Comparison, compare
from estimators.evaluation.scores import period_of
from estimators.evaluation.slices import slices_of
from estimators.model.base import Estimator
from estimators.training.matrix import FeatureMatrix, inputs_of
from estimators.training.train import Progress, TrainedEstimator, baselines_of

__all__ = ["compare_models"]


def compare_models(
    trained: Mapping[str, TrainedEstimator],
    dataset: Dataset,
    *,
    against_baselines: bool = False,
    seed: int = 0,
    progress: Progress | None = None,
) -> Comparison:
    """Score models on the test period of a data set, each on the same rows.

    Args:
        trained: by name, the one to compare with first. All must answer the same question.
        dataset: has the columns that their facts and features are made of.
        against_baselines: also the constant median of the training period, and a model without
            real-time features, fitted anew on it with the first model's parameters.
        seed: of the bootstrap.
        progress: called with ("score" or "baselines", part done).

    Raises:
        InputError: the models answer different questions.
        DatasetError: the test period holds no labelled row.
    """
    first = next(iter(trained.values())).estimator
    for name, one in trained.items():
        _check_question(name, one.estimator, first)
    dataset = first.asked_of(dataset)
    tests = dataset.tests
    if not tests.any():
        raise DatasetError(
            f"data set {dataset.name!r} has no labelled row from {dataset.test_from} on"
        )
    predicted: dict[str, Distribution] = {}
    known: dict[str, FloatArray] = {}
    for k, (name, one) in enumerate(trained.items()):
        _report(progress, "score", k / len(trained))
        inputs = f"{one.estimator.features.fingerprint} {one.estimator.facts.to_json()}"
        if inputs not in known:
            known[inputs] = inputs_of(one.estimator, dataset, tests)
        predicted[name] = one.estimator.predict(known[inputs])
    _report(progress, "score", 1.0)
    if against_baselines:
        _report(progress, "baselines", 0.0)
        matrix = FeatureMatrix.compute(first, dataset)
        predicted |= baselines_of(matrix, partial(_report, progress))
    asked_us = dataset.as_of_us[tests]
    return compare(
        predicted,
        dataset.target_s[tests],
        asked_us,
        dataset=dataset.name,
        period=period_of(asked_us),
        slices=slices_of(dataset, tests, first.facts),
        seed=seed,
    )


def _check_question(name: str, one: Estimator, first: Estimator) -> None:
    if (one.target, one.as_of) != (first.target, first.as_of):
        raise InputError(
            f"{name} estimates {one.target.start} to {one.target.end}, asked at {one.as_of}; the"
            f" first one {first.target.start} to {first.target.end}, asked at {first.as_of}:"
            " expected models of the same question"
        )


def _report(progress: Progress | None, stage: str, part: float) -> None:
    if progress is not None:
        progress(stage, part)
