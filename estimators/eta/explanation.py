"""Explains an ETA as a sum: "28 min = 4 to store + 7 waiting + ...".

Each part that is still to come has its seconds of the answer and the reasons for them: what facts
and features add to that part in its model (exact SHAP values of its trees, carried through
calibration to the integral of its quantiles, which the composition adds). The contributions of
calibration, reconciliation and all other inputs are one more term. So every part adds up to its
seconds, and the parts to the expected ETA, to the last bit.

The courier's wait for the kitchen is not an estimate of its own. It is what is left of the
kitchen's time when the courier arrives. Each reason of the kitchen counts with the probability that
the courier waits, and the seconds that the ride takes off are one more term.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from estimators.core.errors import InputError
from estimators.core.stages import is_elapsed, pending_at
from estimators.core.typing import FloatArray
from estimators.eta.composition import SHOWN_PARTS, STEP_S
from estimators.eta.counterfactuals import (
    AnsweredOrder,
    Counterfactual,
    counterfactuals,
    named_changes,
)
from estimators.eta.model import EtaModel
from estimators.features.inputs import InputColumn
from estimators.model.base import Estimator
from estimators.model.explanation import Contribution, EstimateExplanation, explain

__all__ = [
    "EtaExplanation",
    "PartContribution",
    "PartExplanation",
    "explain_eta",
    "in_one_sentence",
    "prepare_explanations",
]

REASONS = 3
"""The most reasons of each part."""

LEAST_S = 1.0
"""A reason adds or takes at least these seconds."""

MINUTE_S = 60.0
SHORT_S = 120.0
"""A shorter ETA is given in seconds."""

PART_WORDS = {
    "to_store": "to store",
    "wait": "waiting for the kitchen",
    "to_customer": "to you",
    "parking": "parking",
    "conditions": "conditions",
}
"""The names of the parts in a sentence."""

CALM = "calm conditions"
"""The names of conditions that take seconds off."""

MEANWHILE = "Ride of the courier to the store meanwhile"

_WEATHER, _LOCAL_EVENTS = "weather", "local events"


@dataclass(frozen=True, kw_only=True)
class PartContribution:
    """What one fact or feature adds to a part.

    Args:
        name: of the fact or feature.
        words: what it is.
        value: its value; None: not known, or for an elapsed fact: it has not happened.
        unit: of the value; empty: none.
        seconds: that it adds (or takes away), a multiple of an eighth.

    >>> reason = PartContribution(
    ...     name="store_kitchen_orders",
    ...     words="Orders accepted and not ready",
    ...     value=14.0,
    ...     unit="orders",
    ...     seconds=130.0,
    ... )
    >>> str(reason)
    'Orders accepted and not ready: 14 orders, +130 s'
    """

    name: str
    words: str
    value: float | int | str | None
    unit: str
    seconds: float

    def __str__(self) -> str:
        return f"{self.words}: {self._value()}, {self.seconds:+.0f} s"

    def _value(self) -> str:
        if self.value is None:
            return "has not happened" if is_elapsed(self.name) else "not known"
        text = f"{self.value:,.4g}" if isinstance(self.value, float) else str(self.value)
        if isinstance(self.value, float) and abs(self.value) >= 1_000.0:
            text = f"{self.value:,.0f}"
        return f"{text} {self.unit}".rstrip()

    def to_json(self) -> dict[str, Any]:
        """Return a JSON-able dictionary."""
        return {
            "name": self.name,
            "words": self.words,
            "value": self.value,
            "unit": self.unit,
            "seconds": self.seconds,
        }


@dataclass(frozen=True, kw_only=True)
class PartExplanation:
    """One part of an ETA and the reasons for its seconds.

    ``usual_s`` + the seconds of all ``reasons`` + ``other_s`` = ``seconds``, exactly.

    Args:
        name: one of ``SHOWN_PARTS``.
        words: the same for people.
        seconds: of the answer, a multiple of an eighth.
        usual_s: the model's prediction for an order of which it knows nothing.
        reasons: the largest contributions, the largest first.
        other_s: the contribution of everything else.
    """

    name: str
    words: str
    seconds: float
    usual_s: float
    reasons: tuple[PartContribution, ...]
    other_s: float

    def to_json(self) -> dict[str, Any]:
        """Return a JSON-able dictionary."""
        return {
            "name": self.name,
            "words": self.words,
            "seconds": self.seconds,
            "usual_s": self.usual_s,
            "reasons": [reason.to_json() for reason in self.reasons],
            "other_s": self.other_s,
        }


@dataclass(frozen=True, kw_only=True)
class EtaExplanation:
    """An ETA as a sum of parts, each with its reasons, and its counterfactuals.

    Args:
        sentence: the sum in minutes, "24 min = 4 to store + 6 waiting for the kitchen + ...".
        expected_eta_s: the sum of the parts' seconds, exactly.
        parts: the parts that are still to come, in their order.
        counterfactuals: the ETA under each of some changes.
    """

    sentence: str
    expected_eta_s: float
    parts: tuple[PartExplanation, ...]
    counterfactuals: tuple[Counterfactual, ...]

    def to_json(self) -> dict[str, Any]:
        """Return a JSON-able dictionary."""
        return {
            "sentence": self.sentence,
            "expected_eta_s": self.expected_eta_s,
            "parts": [part.to_json() for part in self.parts],
            "counterfactuals": [
                {**one.to_json(), "sentence": str(one)} for one in self.counterfactuals
            ],
        }


def explain_eta(
    asked: AnsweredOrder,
    *,
    expected_s: Mapping[str, float] | None = None,
    reasons: int = REASONS,
) -> EtaExplanation:
    """Explain the ETA of one order.

    Args:
        asked: the order with the inputs of its parts. A part that another process answered has its
            seconds, but no reasons.
        expected_s: seconds of each of ``SHOWN_PARTS`` that were answered, where another process
            has answered; they are explained then. None: those of ``asked``.
        reasons: how many of each part, at most.

    Raises:
        InputError: ``expected_s`` lacks a part.
    """
    own_s = {name: float(seconds[0]) for name, seconds in asked.estimate.expected_s.items()}
    told_s = own_s if expected_s is None else expected_s
    lacking = [name for name in SHOWN_PARTS if name not in told_s]
    if lacking:
        raise InputError(f"expected_s lacks {', '.join(lacking)}")
    why = {part: _why(asked.model.parts[part], X) for part, X in asked.inputs.items()}
    pending = pending_at(asked.stage)
    parts = []
    for name in SHOWN_PARTS:
        is_pending = ("ready" if name == "wait" else name) in pending
        if is_pending or told_s[name]:
            usual_s, all_of_them = _wait(asked, why) if name == "wait" else _own(why.get(name))
            words = PART_WORDS[name]
            if name == "conditions":
                words = _conditions_words(why.get(name), told_s[name])
            parts.append(_part(name, words, told_s[name], usual_s, all_of_them[:reasons]))
    total_s = sum(told_s[name] for name in SHOWN_PARTS)
    moved_s = total_s - asked.expected_eta_s
    return EtaExplanation(
        sentence=in_one_sentence([(part.words, part.seconds) for part in parts]),
        expected_eta_s=total_s,
        parts=tuple(parts),
        counterfactuals=tuple(
            _moved(one, moved_s) for one in counterfactuals(asked, named_changes(asked))
        ),
    )


def prepare_explanations(model: EtaModel) -> None:
    """Explain a row of which nothing is known by each model, so that the first order is quick.

    Args:
        model: the ETA, with its parts.
    """
    for estimator in model.parts.values():
        nothing = np.full((1, len(estimator.feature_names)), np.nan)
        estimator.explain(nothing, of="integral")
        _why(estimator, nothing)  # by the model of the facts alone


def in_one_sentence(parts: Sequence[tuple[str, float]]) -> str:
    """Return seconds as a sum in words whose rounded numbers add up.

    Args:
        parts: words and seconds of each.

    >>> in_one_sentence([("to store", 250.0), ("to you", 650.0), ("dry roads", -130.0)])
    '13 min = 4 to store + 11 to you - 2 dry roads'
    >>> in_one_sentence([("parking", 65.4)])
    '65 s = 65 parking'
    """
    total_s = sum(seconds for _, seconds in parts)
    unit, unit_s = ("s", 1.0) if total_s < SHORT_S else ("min", MINUTE_S)
    total = round(total_s / unit_s)
    exact = [seconds / unit_s for _, seconds in parts]
    whole = [int(np.floor(one)) for one in exact]
    # Those that lose most by being rounded down are rounded up until the sum is right.
    order = sorted(range(len(parts)), key=lambda i: (whole[i] - exact[i], i))
    for i in order[: total - sum(whole)]:
        whole[i] += 1
    words = [(number, words) for number, (words, _) in zip(whole, parts, strict=True) if number]
    summed = "".join(
        f" {'-' if number < 0 else '+'} {abs(number)} {word}" for number, word in words
    )
    return f"{total} {unit} = {summed.removeprefix(' + ').strip() or '0'}"


def _part(
    name: str, words: str, seconds: float, usual_s: float, reasons: Sequence[PartContribution]
) -> PartExplanation:
    other_s = seconds - usual_s - sum(reason.seconds for reason in reasons)
    return PartExplanation(
        name=name,
        words=words,
        seconds=seconds,
        usual_s=usual_s,
        reasons=tuple(reasons),
        other_s=other_s,
    )


def _why(estimator: Estimator, X: FloatArray) -> EstimateExplanation:
    """Explain what the composition adds of the model that answers the row."""
    facts_model = estimator.facts_model
    if facts_model is not None and bool(estimator.lacks_all_features(X)[0]):
        n_facts = len(estimator.facts.names)
        return explain(
            facts_model, X[:, :n_facts], estimator.input_columns[:n_facts], of="integral"
        )
    return estimator.explain(X, of="integral")


def _own(why: EstimateExplanation | None) -> tuple[float, list[PartContribution]]:
    """Return the base of a part, and all contributions, the largest first."""
    if why is None:
        return 0.0, []
    return _stepped(why.base_s), list(_reasons(why, 1.0))


def _wait(
    asked: AnsweredOrder, why: Mapping[str, EstimateExplanation]
) -> tuple[float, list[PartContribution]]:
    """Return the same for the courier's wait, with the probability of waiting as weight."""
    if "ready" not in why:
        return 0.0, []
    kitchen = why["ready"]
    if "to_store" not in pending_at(asked.stage):
        return _own(kitchen)
    likely = 1.0 - float(asked.estimate.ready_on_arrival[0])
    ride_s = float(asked.answers["to_store"].integral()[0])
    ride = PartContribution(
        name="to_store",
        words=MEANWHILE,
        value=ride_s,
        unit="s",
        seconds=_stepped(-likely * ride_s),
    )
    found = list(_reasons(kitchen, likely))
    if -ride.seconds >= LEAST_S:
        found.append(ride)
    found.sort(key=lambda reason: -abs(reason.seconds))
    return _stepped(likely * kitchen.base_s), found


def _reasons(why: EstimateExplanation, share: float) -> Iterator[PartContribution]:
    for reason in why.reasons():
        seconds = _stepped(share * reason.contribution_s)
        if abs(seconds) < LEAST_S:
            return
        yield PartContribution(
            name=reason.column.name,
            words=_words(reason.column),
            value=reason.value,
            unit=reason.column.unit,
            seconds=seconds,
        )


def _words(column: InputColumn) -> str:
    """Return the description of a column without its explanation."""
    return column.description.partition(":")[0].rstrip(".") or column.name


def _stepped(seconds: float) -> float:
    return round(seconds / STEP_S) * STEP_S


def _conditions_words(why: EstimateExplanation | None, seconds: float) -> str:
    """Return the name of conditions: after what explains more than half of them."""
    general = CALM if seconds < 0.0 else PART_WORDS["conditions"]
    if why is None:
        return general
    by_topic = {name: float(s[0]) for name, s in why.by("topic").items()}
    for topic, (more, less) in _CONDITION_WORDS.items():
        if 2.0 * by_topic.get(topic, 0.0) * np.sign(seconds) > abs(seconds):
            if topic == _WEATHER and seconds > 0.0 and any(map(_is_rain, why.reasons())):
                return "rain"
            return less if seconds < 0.0 else more
    return general


def _is_rain(reason: Contribution) -> bool:
    return (
        reason.column.unit == "mm"
        and isinstance(reason.value, float)
        and reason.value > 0.0
        and reason.contribution_s >= LEAST_S
    )


_CONDITION_WORDS = {
    _WEATHER: ("weather", "fair weather"),
    _LOCAL_EVENTS: ("local events", "quiet streets"),
}
"""Names of conditions that lengthen or shorten the way, by topic."""


def _moved(one: Counterfactual, seconds: float) -> Counterfactual:
    """Return a counterfactual about an ETA that another process has answered."""
    return Counterfactual(
        name=one.name,
        words=one.words,
        expected_eta_s=one.expected_eta_s + seconds,
        difference_s=one.difference_s,
        replaced=one.replaced,
    )
