"""The inputs of the parts of an ETA at the moments of orders, and their answers."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import numpy.typing as npt

from aggregators.times import NEVER
from estimators.conditions import CONDITION_SOURCES
from estimators.core.dataset import Dataset
from estimators.core.distribution import Distribution
from estimators.core.stages import (
    ANY_MOMENT,
    DIRECT,
    ELAPSED,
    OPEN_STAGES,
    asked_at,
    elapsed_name,
    pending_at,
)
from estimators.core.typing import BoolArray, FloatArray, IntArray
from estimators.eta.model import EtaModel
from estimators.eta.moments import Moments
from estimators.eta.parts import PART_SPECS, PartSpec
from estimators.etp import Etp
from estimators.model.base import Estimator
from estimators.quantiles.boosting import BoostingParameters
from estimators.quantiles.calibration import GRID_LEVELS
from estimators.training.matrix import FeatureMatrix
from estimators.training.train import Progress, unfitted

__all__ = [
    "PartMatrix",
    "all_part_matrices",
    "answers_of",
    "composed_grid",
    "true_ready_us",
    "unfitted_part",
]

CHUNK_ROWS = 2_000
"""Rows that are composed at once: all draws of each part are held in memory."""


@dataclass(frozen=True, kw_only=True, eq=False)
class PartMatrix:
    """The inputs and labels of a part at the moments at which it is pending.

    Args:
        part: its name.
        estimator: of the part, perhaps not fitted.
        at: positions among the moments, ascending.
        X: its inputs there, shape (len(at), n_features).
        target_s: its labels, NaN where there is none.
        tuning: the record of a search for its parameters; None: they were not searched for.
    """

    part: str
    estimator: Estimator
    at: IntArray
    X: FloatArray
    target_s: FloatArray
    tuning: Mapping[str, Any] | None = None

    @classmethod
    def compute(
        cls, part: str, estimator: Estimator, moments: Moments, *, threads: int | None = None
    ) -> PartMatrix:
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

    def with_fitted(
        self, moments: Moments, learned: BoolArray, *, with_facts_model: bool = False
    ) -> PartMatrix:
        """Return the same rows with an estimator that has learned from some of them.

        Args:
            moments: that these rows are of.
            learned: which moments to learn from, shape (len(moments),).
            with_facts_model: whether it shall also know what to say where its features are missing.
        """
        rows = np.flatnonzero(learned[self.at] & ~np.isnan(self.target_s))
        estimator = _copy(self.estimator)
        as_of_us = moments.as_of_us[self.at[rows]]
        estimator.fit(
            self.X[rows], self.target_s[rows], as_of_us, with_facts_model=with_facts_model
        )
        return replace(self, estimator=estimator)

    def with_parameters(
        self, parameters: BoostingParameters, *, tuning: Mapping[str, Any]
    ) -> PartMatrix:
        """Return the same rows with an estimator that is not fitted and has these parameters.

        Args:
            parameters: of the boosting.
            tuning: the record of the search that found them.
        """
        estimator = _copy(self.estimator)
        estimator.parameters = parameters
        return replace(self, estimator=estimator, tuning=tuning)

    def matrix(self, moments: Moments, learned: BoolArray) -> FeatureMatrix:
        """Return the rows with a label, to choose parameters on; none belongs to the test period.

        Args:
            moments: that these rows are of.
            learned: which moments, shape (len(moments),).
        """
        rows = np.flatnonzero(learned[self.at] & ~np.isnan(self.target_s))
        asked, target_s = moments[self.at[rows]], self.target_s[rows]
        exact = np.ones(len(rows), dtype=bool)
        if self.part != "conditions":
            # A label that rests on a drawn ``ready`` is learned from, but scores nobody.
            exact = target_s == replace(asked, ready_us=None).rest_s(self.part)
        return FeatureMatrix(
            estimator=self.estimator,
            dataset=moments.dataset,
            X=self.X[rows],
            target_s=target_s,
            as_of_us=asked.as_of_us,
            ended_us=asked.ended_us,
            trains=np.ones(len(rows), dtype=bool),
            exact=exact,
        )

    def answer(self, asked: BoolArray, into: FloatArray) -> None:
        """Write the estimator's quantiles of some moments into an array of all of them."""
        rows = np.flatnonzero(asked[self.at])
        if len(rows):
            into[self.at[rows]] = self.estimator.predict(self.X[rows]).values


def true_ready_us(dataset: Dataset, *, num_threads: int, seed: int) -> IntArray | None:
    """Return the moment when each order was ready, as far as it is known; None: as recorded.

    If the data set declares that the button is unreliable, the moment is drawn between its bounds,
    as the eTP's labels are (see `estimators.training.imputation`).

    Args:
        dataset: of the orders.
        num_threads: of the features.
        seed: of the draws.

    Returns:
        Microseconds UTC, shape (n_rows,), NEVER where nothing bounds it.
    """
    if dataset.censoring is None or dataset.censoring.event != "ready":
        return None
    asked = dataset.about(PART_SPECS["ready"].target, as_of="dispatched")
    parameters = replace(Etp.default_parameters, seed=seed, num_threads=num_threads)
    estimator = unfitted(Etp, asked, parameters=parameters)
    matrix = FeatureMatrix.compute(estimator, asked, threads=num_threads)
    found = np.full(len(dataset.table), NEVER)
    after_us = np.round(matrix.target_s * 1e6).astype(np.int64)
    found[asked.trains | asked.tests] = matrix.as_of_us + after_us
    return found


def all_part_matrices(
    moments: Moments,
    parameters: Mapping[str, BoostingParameters],
    report: Progress,
    *,
    num_threads: int,
    seed: int,
) -> dict[str, PartMatrix]:
    """Return the rows of all parts that the data allow, their estimators not fitted.

    Args:
        moments: that the rows are of.
        parameters: of the boosting of some parts, by name; their seed and threads are replaced.
        report: called with the stage "features".
        num_threads: of the features and of LightGBM.
        seed: of the boosting.
    """
    dataset = moments.dataset
    condition_sources = [one.name for one in dataset.others if one.name in CONDITION_SOURCES]
    specs = {
        name: spec for name, spec in PART_SPECS.items() if name != "conditions" or condition_sources
    }
    rows: dict[str, PartMatrix] = {}
    for k, (name, spec) in enumerate(specs.items()):
        report("features", k / len(specs))
        chosen = (parameters.get(name) or spec.estimator_class.default_parameters).to_json()
        chosen.update(seed=seed, num_threads=num_threads)
        estimator = unfitted_part(spec, dataset, BoostingParameters(**chosen))
        rows[name] = PartMatrix.compute(name, estimator, moments, threads=num_threads)
    report("features", 1.0)
    return rows


def unfitted_part(spec: PartSpec, dataset: Dataset, parameters: BoostingParameters) -> Estimator:
    """Return a part's unfitted estimator with all inputs that the data have.

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
        baseline=None,  # it is the time of a whole way; moments ask for the rest of one
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


def answers_of(rows: Mapping[str, PartMatrix], asked: BoolArray) -> dict[str, FloatArray]:
    """Return the fitted parts' predictions for some moments, as quantiles by part (else NaN)."""
    answers = {}
    for name, one in rows.items():
        answers[name] = np.full((len(asked), len(GRID_LEVELS)), np.nan)
        one.answer(asked, answers[name])
    return answers


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
        model: has the dependence of the parts, the blend and the calibration.
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


def _copy(estimator: Estimator) -> Estimator:
    return type(estimator)(
        target=estimator.target,
        as_of=estimator.as_of,
        facts=estimator.facts,
        features=estimator.features,
        shrinkage=estimator.shrinkage,
        parameters=estimator.parameters,
    )
