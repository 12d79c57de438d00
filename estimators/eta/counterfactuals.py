"""Counterfactuals of an ETA: without the rain, with an empty kitchen.

The ETA of an order is computed again for the same moment with some of its inputs replaced. The
difference is the effect of these inputs in seconds, according to the models. The effect of rain on
rides that couriers have already reported stays: a counterfactual replaces only the inputs that it
names.
"""

from __future__ import annotations

import math
import sqlite3
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import Any, NamedTuple, TypeAlias

import numpy as np

from aggregators import Aggregator, EventStore, StatsAfterEvent, StatsBetweenEvents
from aggregators.catalog import LOCAL_EVENTS
from aggregators.errors import StoreError, unknown_name
from aggregators.times import moment_to_us
from estimators.core.distribution import Distribution
from estimators.core.errors import InputError
from estimators.core.stages import elapsed_facts, elapsed_name, stage_of
from estimators.core.typing import FloatArray
from estimators.core.values import plain_value
from estimators.eta.model import EtaEstimate, EtaModel
from estimators.model.base import Estimator
from estimators.monitoring.validation import Validator

__all__ = [
    "AnsweredOrder",
    "Change",
    "Counterfactual",
    "ask_eta",
    "counterfactuals",
    "named_changes",
]

InputValue: TypeAlias = float | int | str | None
"""The value of a fact or feature: a number, a category's value, None for missing."""

JUST_NOW_S = 1.0
"""The age of an event that is assumed to happen now: events have happened only before ``as_of``."""

KITCHEN_SINCE = ("activated", "dispatched", "accepted")
"""An order belongs to a kitchen's backlog from one of these events until ``ready``."""

WET_US = 3 * 3_600_000_000
"""The time for which roads stay wet after rain."""

_STORE_FAILURES = (StoreError, sqlite3.Error, OSError)


@dataclass(frozen=True, kw_only=True, eq=False)
class AnsweredOrder:
    """One order: the inputs of the parts of its ETA, and their answers.

    Args:
        model: the ETA.
        stage: of the order.
        inputs: the inputs of each part of this process, shape (1, n_features).
        answers: of each part that the stage needs.
        estimate: their composition.
    """

    model: EtaModel
    stage: str
    inputs: Mapping[str, FloatArray]
    answers: Mapping[str, Distribution]
    estimate: EtaEstimate

    @property
    def expected_eta_s(self) -> float:
        """The expected ETA, seconds, a multiple of an eighth."""
        return float(self.estimate.expected_eta_s[0])

    def value(self, part: str, name: str) -> float:
        """Return a part's input for a fact or feature; NaN: missing, or not used."""
        names = self.model.parts[part].feature_names
        return float(self.inputs[part][0, names.index(name)]) if name in names else np.nan

    def changed(
        self, values: Mapping[str, InputValue], *, stage: str | None = None
    ) -> AnsweredOrder:
        """Return the same order with some of the parts' inputs replaced.

        Args:
            values: by name of a fact or feature, for every part that takes it; a category that
                training did not see counts as missing.
            stage: the stage of the changed order; its own by default.

        Raises:
            UnknownNameError: no part takes such a fact or feature.
            InputError: a number is given as text, or the stage needs a part that was not asked.
        """
        stage = stage or self.stage
        known = {name for part in self.inputs for name in self.model.parts[part].feature_names}
        for name in values:
            if name not in known:
                raise unknown_name("fact or feature", name, "the parts of this ETA", known)
        inputs, answers = dict(self.inputs), dict(self.answers)
        for part, X in self.inputs.items():
            estimator = self.model.parts[part]
            replaced = _replaced(estimator, X, values)
            if not np.array_equal(replaced, X, equal_nan=True):
                inputs[part], answers[part] = replaced, _answer(estimator, replaced)
        needed = {name: answers[name] for name in self.model.needed(stage) if name in answers}
        estimate = self.model.compose(needed, stage)
        return replace(self, stage=stage, inputs=inputs, answers=answers, estimate=estimate)


class Change(NamedTuple):
    """A change of an order's inputs, with its name.

    Args:
        words: "without rain".
        values: of facts and features, as for :meth:`AnsweredOrder.changed`.
        stage: of the order; None: its own.
    """

    words: str
    values: Mapping[str, InputValue]
    stage: str | None = None


@dataclass(frozen=True, kw_only=True)
class Counterfactual:
    """The ETA of an order after a change.

    Args:
        name: of the change.
        words: the same for people.
        expected_eta_s: the expected ETA then, a multiple of an eighth.
        difference_s: by how much that is more than it is, exactly.
        replaced: which inputs were replaced, and by what.
    """

    name: str
    words: str
    expected_eta_s: float
    difference_s: float
    replaced: Mapping[str, InputValue] = field(default_factory=dict)

    def __str__(self) -> str:
        """Return it in words.

        >>> str(
        ...     Counterfactual(
        ...         name="x", words="without rain", expected_eta_s=1_500.0, difference_s=-180.0
        ...     )
        ... )
        'without rain: 25 min (-180 s)'
        """
        return f"{self.words}: {self.expected_eta_s / 60:.0f} min ({self.difference_s:+.0f} s)"

    def to_json(self) -> dict[str, Any]:
        """Return a JSON-able dictionary."""
        return {
            "name": self.name,
            "words": self.words,
            "expected_eta_s": self.expected_eta_s,
            "difference_s": self.difference_s,
            "replaced": dict(self.replaced),
        }


def ask_eta(
    model: EtaModel,
    store: EventStore,
    *,
    as_of: datetime | int,
    facts: Mapping[str, Any],
    sample_id: str | int | None,
    happened_us: Mapping[str, int],
    validators: Mapping[str, Validator] | None = None,
) -> AnsweredOrder:
    """Ask all parts of this process about one order, and keep their inputs.

    A part that is not in this process is answered by its fallback. If the event store cannot be
    read, the parts answer without real-time features.

    Args:
        model: the ETA, with its parts.
        store: holds the events.
        as_of: the moment, a timezone-aware datetime or microseconds UTC.
        facts: of the order, and of its courier if there is one.
        sample_id: the order itself, never counted in its own features; None: none exists yet.
        happened_us: when the order's events were, microseconds UTC.
        validators: move the facts of parts into the range that training saw, by part.

    Raises:
        InputError: nothing is to come any more, or a part has no fallback either.
    """
    as_of_us = moment_to_us(as_of, "as_of")
    stage = stage_of([event for event, at_us in happened_us.items() if at_us < as_of_us])
    asked = {**facts, **elapsed_facts(happened_us, as_of_us)}
    inputs: dict[str, FloatArray] = {}
    answers: dict[str, Distribution] = {}
    for part in model.needed(stage):
        if part in model.parts:
            estimator = model.parts[part]
            X = _inputs(estimator, store, as_of_us, asked, sample_id)
            if validators is not None and part in validators:
                X = _within_bounds(estimator, X, asked, validators[part])
            inputs[part], answers[part] = X, _answer(estimator, X)
        elif part in model.fallbacks:
            columns = {name: [value] for name, value in asked.items()}
            answers[part], _ = model.fallbacks[part].distribution(columns, as_of_us)
    estimate = model.compose(answers, stage)
    return AnsweredOrder(
        model=model, stage=stage, inputs=inputs, answers=answers, estimate=estimate
    )


def named_changes(asked: AnsweredOrder) -> dict[str, Change]:
    """Return the named changes that apply to an order.

    ``without_rain`` where it rained in the last hours, ``without_local_events`` where there are
    some, ``empty_kitchen`` where the store has other orders to cook, ``courier_at_store`` where a
    courier is on the way there.
    """
    rain: dict[str, InputValue] = {}
    events: dict[str, InputValue] = {}
    kitchen: dict[str, InputValue] = {}
    is_wet = is_crowded = is_busy = False
    for part, X in asked.inputs.items():
        estimator = asked.model.parts[part]
        realtime = X[0, len(estimator.facts.names) :].tolist()
        for feature, value in zip(estimator.features, realtime, strict=False):  # then shrinkage
            if feature.unit == "mm" and value > 0.0:
                rain[feature.name] = 0.0
                is_wet |= isinstance(feature, StatsAfterEvent) and feature.window_us <= WET_US
            if feature.source.name == LOCAL_EVENTS.name and not math.isnan(value):
                events[feature.name] = _empty(feature)
                is_crowded |= feature.unit == "events" and value > 0.0
            if _is_backlog(feature) and not math.isnan(value):
                kitchen[feature.name] = _empty(feature)
                is_busy |= feature.function == "count" and value > 0.0
    changes = {}
    if is_wet:
        changes["without_rain"] = Change("without rain", rain)
    if is_crowded:
        changes["without_local_events"] = Change("without local events", events)
    if is_busy and "ready" in asked.inputs:
        changes["empty_kitchen"] = Change("with an empty kitchen", kitchen)
    if _courier_is_on_the_way(asked):
        taken = {name for part in asked.inputs for name in asked.model.parts[part].feature_names}
        arrived = elapsed_name("courier_at_store")
        changes["courier_at_store"] = Change(
            "with the courier at the store now",
            {arrived: JUST_NOW_S} if arrived in taken else {},
            "courier_at_store" if asked.stage == "courier_assigned" else "both_at_store",
        )
    return changes


def counterfactuals(asked: AnsweredOrder, changes: Mapping[str, Change]) -> list[Counterfactual]:
    """Return the ETA of an order under each of some changes."""
    found = []
    for name, change in changes.items():
        otherwise = asked.changed(change.values, stage=change.stage)
        found.append(
            Counterfactual(
                name=name,
                words=change.words,
                expected_eta_s=otherwise.expected_eta_s,
                difference_s=otherwise.expected_eta_s - asked.expected_eta_s,
                replaced=dict(change.values),
            )
        )
    return found


def _inputs(
    estimator: Estimator,
    store: EventStore,
    as_of_us: int,
    facts: Mapping[str, Any],
    sample_id: str | int | None,
) -> FloatArray:
    try:
        return estimator.inputs(store, as_of=as_of_us, facts=facts, sample_id=sample_id)
    except _STORE_FAILURES:
        nothing = np.full(len(estimator.features), np.nan)
        encoded = estimator.facts.encode_one(facts, as_of_us)
        return estimator.assemble(encoded, nothing)[np.newaxis, :]


def _within_bounds(
    estimator: Estimator, X: FloatArray, facts: Mapping[str, Any], validator: Validator
) -> FloatArray:
    n_facts = len(estimator.facts.names)
    moved, _ = validator.clip_one(X[0, :n_facts], facts)
    within = X.copy()
    within[0, :n_facts] = moved
    return within


def _answer(estimator: Estimator, X: FloatArray) -> Distribution:
    return estimator.predict(X, np.array([estimator.lacks_all_features(X)[0]]))


def _replaced(estimator: Estimator, X: FloatArray, values: Mapping[str, InputValue]) -> FloatArray:
    """Return a row with some of its facts and features, and the columns made of them, replaced."""
    n_facts, n_features = len(estimator.facts.names), len(estimator.features)
    given = X[0, : n_facts + n_features].copy()
    columns = estimator.input_columns
    for i in range(len(given)):
        name = columns[i].name
        if name in values:
            given[i] = _number(name, values[name], columns[i].categories)
    return estimator.assemble(given[:n_facts], given[n_facts:])[np.newaxis, :]


def _number(name: str, value: InputValue, categories: tuple[int | str, ...] | None) -> float:
    if value is None:
        return np.nan
    if categories is not None:
        plain = plain_value(value)
        return float(categories.index(plain)) if plain in categories else np.nan
    if isinstance(value, str):
        raise InputError(f"{name} is {value!r}; expected a number")
    return float(value)


def _empty(feature: Aggregator) -> float | None:
    """Return the value of a feature of an empty selection."""
    return 0.0 if feature.function in ("count", "sum") else None


def _is_backlog(feature: Aggregator) -> bool:
    """Whether a feature is about the orders that a store has yet to cook."""
    return (
        isinstance(feature, StatsBetweenEvents)
        and feature.dimension == "store_id"
        and feature.first_event in KITCHEN_SINCE
        and "ready" in feature.closing_events
    )


def _courier_is_on_the_way(asked: AnsweredOrder) -> bool:
    if asked.stage == "courier_assigned":
        return True
    assigned = elapsed_name("courier_assigned")
    return asked.stage == "ready" and any(
        not np.isnan(asked.value(part, assigned)) for part in asked.inputs
    )
