"""The base of estimators: facts of the request and real-time features in, a distribution out."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from datetime import datetime
from functools import cached_property
from typing import Any, ClassVar, Self

import numpy as np

from aggregators import Aggregator, Duration, EventStore, FeatureSet, Source
from aggregators.times import moment_to_us
from estimators.core.dataset import Dataset
from estimators.core.distribution import Distribution
from estimators.core.errors import DefinitionMismatchError, InputError, NotFittedError
from estimators.core.typing import BoolArray, FloatArray, IntArray
from estimators.features.facts import LOCAL_HOUR, Facts
from estimators.features.inputs import InputColumn, check_input_names, columns_of
from estimators.features.shrinkage import Shrinkage, ShrinkageSpec
from estimators.model.compatibility import differences
from estimators.model.explanation import EstimateExplanation, Statistic, explain
from estimators.model.residual_model import fit_model, model_from_json
from estimators.model.saved_sources import source_from_json, source_to_json
from estimators.quantiles import widening
from estimators.quantiles.boosting import BoostingParameters
from estimators.quantiles.calibration import GRID
from estimators.quantiles.quantile_model import Columns, QuantileModel, StageProgress

__all__ = ["Estimator"]


class Estimator(ABC):
    """A model for one target; predicts a :class:`Distribution` of seconds, never only a point.

    A subclass defines the features of a source; everything else is here.

    Args:
        target: the duration that is estimated.
        as_of: the event at which it is asked in training.
        facts: values of the request, with the categories seen in training.
        features: the real-time features.
        shrinkage: columns that are made of real-time features, for stores of few orders.
        parameters: of the boosting.
        baseline: number of the request, seconds, to which the difference is learned.
    """

    name: ClassVar[str] = ""
    """What the estimator is called in models, reports and the command line."""

    default_parameters: ClassVar[BoostingParameters] = BoostingParameters()
    """The default parameters of its ensembles (README.md: how they were chosen)."""

    shrinks: ClassVar[tuple[ShrinkageSpec, ...]] = ()
    """Columns of shrinkage that it uses if the data have the features for them."""

    calibration_groups: ClassVar[tuple[str, ...]] = ("city", LOCAL_HOUR)
    """Columns by whose values the spread is calibrated apart, as far as an estimator has them:
    categories, the local hour, counts."""

    def __init__(
        self,
        *,
        target: Duration,
        as_of: str,
        facts: Facts,
        features: FeatureSet,
        shrinkage: Sequence[Shrinkage] = (),
        parameters: BoostingParameters | None = None,
        baseline: str | None = None,
    ) -> None:
        self.target = target
        self.as_of = as_of
        self.facts = facts
        self.features = features
        self.shrinkage = tuple(shrinkage)
        self.parameters = parameters or self.default_parameters
        self.baseline = baseline
        if baseline is not None and baseline not in facts.numbers:
            raise InputError(
                f"the baseline is {baseline!r}; expected a number of the request:"
                f" {', '.join(facts.numbers) or 'there is none'}"
            )
        check_input_names(self.feature_names)
        self._model: QuantileModel | None = None
        self._facts_model: QuantileModel | None = None

    @classmethod
    @abstractmethod
    def features_for(
        cls, source: Source, target: Duration, others: Sequence[Source] = ()
    ) -> list[Aggregator]:
        """Return every feature that this estimator may use of a source and of the other sources.

        Args:
            source: of the samples; its features come first.
            target: the duration that is estimated.
            others: further sources, such as the weather.
        """

    @classmethod
    def prepared(cls, dataset: Dataset, *, num_threads: int = 1, seed: int = 0) -> Dataset:
        """Return the data set as this estimator learns from it and is scored on it.

        Most estimators return it unchanged. A second call changes nothing.

        Args:
            dataset: asked what the estimator answers.
            num_threads: the most to use; the result does not depend on it.
            seed: fixes everything random.
        """
        return dataset

    def asked_of(self, dataset: Dataset) -> Dataset:
        """Return the data set with this estimator's question, as it is scored on it."""
        asked = dataset.about(self.target, as_of=self.as_of)
        return self.prepared(asked, seed=self.parameters.seed)

    @cached_property
    def feature_names(self) -> tuple[str, ...]:
        """Columns of X in order: those of the facts, the real-time features, the shrinkage."""
        return (*self.facts.names, *self.features.names, *(one.name for one in self.shrinkage))

    @cached_property
    def input_columns(self) -> tuple[InputColumn, ...]:
        """The columns of X in words."""
        return columns_of(self.facts, self.features, self.shrinkage)

    def assemble(self, facts: FloatArray, realtime: FloatArray) -> FloatArray:
        """Return the rows of X for encoded facts and real-time features.

        Args:
            facts: shape (n_rows, len(facts.names)), or (len(facts.names),) for a single request.
            realtime: as many rows of real-time features.

        Returns:
            float64 of shape (n_rows, n_features), or (n_features,).
        """
        columns = {name: realtime[..., i] for name, i in self._shrunk_from.items()}
        shrunk = [one.column(columns)[..., np.newaxis] for one in self.shrinkage]
        return np.concatenate([facts, realtime, *shrunk], axis=-1)

    @cached_property
    def _shrunk_from(self) -> dict[str, int]:
        """The features of which shrinkage makes columns, and where they stand."""
        levels = (level for one in self.shrinkage for level in one.levels)
        needed = {name for level in levels for name in (level.typical, level.count)}
        return {name: i for i, name in enumerate(self.features.names) if name in needed}

    @property
    def columns(self) -> Columns:
        """What the columns of X are."""
        hour = LOCAL_HOUR if LOCAL_HOUR in self.facts.names else None
        return Columns(
            self.feature_names,
            categories=tuple(self.facts.categories),
            hour=hour,
            groups=[name for name in self.calibration_groups if name in self.feature_names],
            baseline=self.baseline,
        )

    @property
    def fact_columns(self) -> Columns:
        """What the first columns of X are: those of the facts."""
        return self.columns.only(self.facts.names)

    @property
    def model(self) -> QuantileModel:
        """The fitted model. Raises :class:`NotFittedError` before ``fit``."""
        if self._model is None:
            raise NotFittedError(f"this {self.name} was not fitted; call fit first")
        return self._model

    @property
    def facts_model(self) -> QuantileModel | None:
        """The model of the facts alone; None: there are no facts, or it was saved without one."""
        return self._facts_model

    def fit(
        self,
        X: FloatArray,
        target_s: FloatArray,
        as_of_us: IntArray,
        *,
        progress: StageProgress | None = None,
        with_facts_model: bool = True,
    ) -> Self:
        """Learn from labelled rows and calibrate on the later ones; see :class:`QuantileModel`.

        Args:
            X: float64 of shape (n_rows, n_features) in the order of ``feature_names``.
            target_s: the label of each row, seconds.
            as_of_us: when each row was asked, microseconds UTC.
            progress: called with the stage ("fit", "calibrate") and the part that is done.
            with_facts_model: whether a smaller model of the facts alone is trained, too, for
                :meth:`predict`.
        """
        n_facts = len(self.facts.names)
        if with_facts_model and n_facts:
            self._facts_model = fit_model(
                X[:, :n_facts],
                target_s,
                as_of_us,
                columns=self.fact_columns,
                parameters=self.parameters.smaller(),
            )
        self._model = fit_model(
            X,
            target_s,
            as_of_us,
            columns=self.columns,
            parameters=self.parameters,
            progress=progress,
        )
        return self

    def predict(self, X: FloatArray, incomplete: BoolArray | None = None) -> Distribution:
        """Return the distributions of the rows of X, float64 of shape (n_rows, n_features).

        Args:
            X: the rows; a real-time feature that is missing is NaN.
            incomplete: which rows lack what they should have, shape (n_rows,). Those without any
                real-time feature are answered by the model of the facts alone, others by the model
                itself, with wider ranges: see :mod:`estimators.quantiles.widening`. None: no row.

        Raises:
            InputError: X or incomplete has another shape.
            NotFittedError: before ``fit``.
        """
        self._check_columns(X)
        if incomplete is None or not bool(incomplete.any()):
            return self.model.predict(X)
        if incomplete.shape != (len(X),):
            raise InputError(f"incomplete has shape {incomplete.shape}; expected ({len(X)},)")
        without = incomplete & self.lacks_all_features(X)
        answers = (
            (~incomplete, self.model.predict),
            (incomplete & ~without, self._predict_incomplete),
            (without, self._predict_from_facts),
        )
        return Distribution.placed(
            GRID,
            len(X),
            [(rows, predict(X[rows])) for rows, predict in answers if bool(rows.any())],
        )

    def lacks_all_features(self, X: FloatArray) -> BoolArray:
        """Return which rows of X have no real-time feature at all, shape (n_rows,)."""
        n_facts = len(self.facts.names)
        return np.asarray(np.isnan(X[:, n_facts : n_facts + len(self.features)]).all(axis=1))

    def _predict_incomplete(self, X: FloatArray) -> Distribution:
        return widening.widened(self.model.predict(X), self.model.grid, widening.INCOMPLETE_FACTOR)

    def _predict_from_facts(self, X: FloatArray) -> Distribution:
        if self.facts_model is None:
            predicted = self.model.predict(X)
            return widening.widened(predicted, self.model.grid, widening.NO_FEATURES_FACTOR)
        of_facts = self.facts_model.predict(X[:, : len(self.facts.names)])
        return widening.ensure_typical_width(of_facts, self.model.grid)

    def estimate(
        self,
        store: EventStore,
        *,
        as_of: datetime | int,
        facts: Mapping[str, Any],
        sample_id: str | int | None,
    ) -> Distribution:
        """Answer one request: read the features from an event store and predict (one row).

        Args:
            store: holds the events.
            as_of: the moment, a timezone-aware datetime or microseconds UTC.
            facts: values of ``facts.inputs`` and of the features' dimensions; absent: missing.
            sample_id: the order itself, never counted in its own features; None: none exists yet.
                It is a sample of the first source; of the others no sample is left out.
        """
        return self.predict(self.inputs(store, as_of=as_of, facts=facts, sample_id=sample_id))

    def explain(self, X: FloatArray, *, of: Statistic = "median") -> EstimateExplanation:
        """Return the estimates of the rows of X as sums of seconds per fact and feature.

        Args:
            X: float64 of shape (n_rows, n_features) in the order of ``feature_names``.
            of: what is explained, the "median", "mean" or "integral" of the distributions.

        Raises:
            InputError: X has another shape, or `of` is something else.
            NotFittedError: before ``fit``.
        """
        self._check_columns(X)
        return explain(self.model, X, self.input_columns, of=of)

    def explain_estimate(
        self,
        store: EventStore,
        *,
        as_of: datetime | int,
        facts: Mapping[str, Any],
        sample_id: str | int | None,
        of: Statistic = "median",
    ) -> EstimateExplanation:
        """Explain what :meth:`estimate` answers to the same request (one row).

        Args:
            store: as for :meth:`estimate`.
            as_of: as for :meth:`estimate`.
            facts: as for :meth:`estimate`.
            sample_id: as for :meth:`estimate`.
            of: as for :meth:`explain`.
        """
        X = self.inputs(store, as_of=as_of, facts=facts, sample_id=sample_id)
        return self.explain(X, of=of)

    def _check_columns(self, X: FloatArray) -> None:
        expected = len(self.feature_names)
        if X.ndim != 2 or X.shape[1] != expected:
            raise InputError(f"X has shape {X.shape}; expected (n_rows, {expected})")

    def inputs(
        self,
        store: EventStore,
        *,
        as_of: datetime | int,
        facts: Mapping[str, Any],
        sample_id: str | int | None,
    ) -> FloatArray:
        """Return the one row of X that a request is, see :meth:`estimate`."""
        encoded = self.facts.encode_one(facts, moment_to_us(as_of, "as_of"))
        keys = {name: facts.get(name) for name in self.features.dimensions}
        own, *others = self.features.sources
        own_samples = {own.name: sample_id, **dict.fromkeys(source.name for source in others)}
        realtime = self.features.transform_array(
            store, as_of=as_of, keys=keys, sample_id=own_samples
        )
        return self.assemble(encoded, realtime)[np.newaxis, :]

    def to_json(self) -> dict[str, Any]:
        """Return everything that :meth:`from_json` needs, as JSON-able values."""
        return {
            "estimator": self.name,
            "target": [self.target.start, self.target.end],
            "as_of": self.as_of,
            "facts": self.facts.to_json(),
            "source": source_to_json(self.features.sources[0]),
            "other_sources": [source_to_json(source) for source in self.features.sources[1:]],
            "features": self.features.definition(),
            "features_name": self.features.name,
            "features_version": self.features.version,
            "shrinkage": [one.to_json() for one in self.shrinkage],
            "parameters": self.parameters.to_json(),
            "baseline": self.baseline,
            "model": self.model.to_json(),
            "blind_model": None if self.facts_model is None else self.facts_model.to_json(),
        }

    @classmethod
    def from_json(cls, document: Mapping[str, Any]) -> Self:
        """Return the fitted estimator that :meth:`to_json` wrote.

        Raises:
            DefinitionMismatchError: the installed code defines one of its features differently, or
                not at all; the message names the feature and the difference.
        """
        source = source_from_json(document["source"])
        # Models that were saved before there were several sources have no others.
        others = [source_from_json(other) for other in document.get("other_sources", ())]
        target = Duration(*document["target"])
        installed = {one.name: one for one in cls.features_for(source, target, others)}
        names = [definition["name"] for definition in document["features"]]
        kept = [installed[name] for name in names if name in installed]
        different = differences(
            document["features"], [{"name": f.name, **f.definition()} for f in kept]
        )
        if different:
            raise DefinitionMismatchError(
                f"this {cls.name} was trained on features that the installed code computes"
                " differently; train it again, or install the version it was trained with:\n  "
                + "\n  ".join(different)
            )
        estimator = cls(
            target=target,
            as_of=document["as_of"],
            facts=Facts.from_json(document["facts"]),
            features=FeatureSet(kept, document["features_name"], document["features_version"]),
            # Models that were saved before there was shrinkage have none.
            shrinkage=[Shrinkage.from_json(one) for one in document.get("shrinkage", ())],
            parameters=BoostingParameters(**document["parameters"]),
            # Models that were saved before there were baselines have none.
            baseline=document.get("baseline"),
        )
        estimator._model = model_from_json(document["model"])
        estimator._model.check(len(estimator.feature_names))
        # Models that were saved before there were models of the facts alone have none.
        if document.get("blind_model") is not None:
            estimator._facts_model = model_from_json(document["blind_model"])
            estimator._facts_model.check(len(estimator.facts.names))
        return estimator
