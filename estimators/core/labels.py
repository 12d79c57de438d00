"""Labels of imperfect records: exact, between two bounds, or none.

Buttons are not pressed reliably. An event such as ``ready`` is recorded late, or only when the
courier asks for the order, or never. Other records still bound it: it was not before the order was
accepted and not after it was picked up, and the length of the courier's visit shows whether the
food was there first. :class:`LabelBounds` declares what bounds an event, :func:`labels_of` reads
the labels of each row from a table; :mod:`estimators.training.imputation` draws durations that a
model can learn from.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from statistics import NormalDist
from typing import Any

import numpy as np
import numpy.typing as npt

from estimators.core.errors import DatasetError
from estimators.core.typing import BoolArray, FloatArray

__all__ = ["HandOver", "LabelBounds", "Labels", "labels_of"]

HAND_OVERS_MIN = 50
"""Fewer visits do not determine the duration of a handover; then only the bounds are used."""

PROMPTED_LEVEL = 0.05
"""A press that precedes the end of the handover by less than 95% of handovers last counts as
prompted by the courier.
"""

FLOOR_S = 1.0
"""A handover lasts at least a second, so that it has a logarithm."""

WAITED_LEVEL = 0.99
"""A visit that is longer than 99% of handovers counts as a wait for the order."""


@dataclass(frozen=True, kw_only=True)
class LabelBounds:
    """Which events bound one that is recorded late or not at all.

    Args:
        event: the censored event (``"ready"``); the bounds apply to targets that end with it.
        at_least: it is not before any of these that has happened.
        at_most: it is not after any of these; a record after one of them is only an upper bound,
            and a row without a record needs one of them to be bounded.
        waits_from: from this event on a courier waits for it and then takes the order at once,
            which ends with the first of ``at_most`` (``"courier_at_store"``). Empty: no such event.

    >>> bounds = LabelBounds(
    ...     event="ready",
    ...     at_least=("accepted",),
    ...     at_most=("picked_up", "delivered"),
    ...     waits_from="courier_at_store",
    ... )
    >>> bounds.events
    ('ready', 'accepted', 'picked_up', 'delivered', 'courier_at_store')
    """

    event: str
    at_least: tuple[str, ...] = ()
    at_most: tuple[str, ...]
    waits_from: str = ""

    def __post_init__(self) -> None:
        if not self.at_most:
            raise DatasetError(
                f"bounds of {self.event!r}: at_most is empty; expected an event that it cannot be"
                " later than, such as 'picked_up'"
            )
        if self.event in (*self.at_least, *self.at_most, self.waits_from):
            raise DatasetError(f"bounds of {self.event!r}: it cannot be a bound of itself")

    @property
    def events(self) -> tuple[str, ...]:
        """All events that it speaks of, its own first."""
        others = (*self.at_least, *self.at_most, *filter(None, [self.waits_from]))
        return tuple(dict.fromkeys((self.event, *others)))


@dataclass(frozen=True, kw_only=True)
class HandOver:
    """The duration from when courier and order are both there until the order is gone; lognormal.

    Args:
        log_mean: mean of the logarithm of its seconds.
        log_std: standard deviation of the logarithm.
        n: visits that it was learned from.

    >>> law = HandOver.learn(np.random.default_rng(0).lognormal(4.0, 0.5, 1000))
    >>> round(law.quantile(0.5)), law.n
    (53, 1000)
    """

    log_mean: float
    log_std: float
    n: int

    @classmethod
    def learn(cls, seconds: FloatArray) -> HandOver | None:
        """Return the law of some handovers, by their quartiles; None if there are too few.

        Args:
            seconds: of visits that found everything ready, shape (n,); below 0 is left out.
        """
        seconds = seconds[seconds >= 0.0]
        if len(seconds) < HAND_OVERS_MIN:
            return None
        low, middle, high = np.quantile(np.log(np.maximum(seconds, FLOOR_S)), [0.25, 0.5, 0.75])
        spread = max((high - low) / 1.349, 0.05)  # the quartiles of a normal law are 1.349 apart
        return cls(log_mean=float(middle), log_std=float(spread), n=len(seconds))

    def quantile(self, q: float) -> float:
        """Return its seconds at level q."""
        return float(np.exp(self.log_mean + self.log_std * NormalDist().inv_cdf(q)))

    def draw(self, low_s: FloatArray, high_s: FloatArray, uniform: FloatArray) -> FloatArray:
        """Return its seconds given that they lie between bounds, shape (n_rows,).

        Args:
            low_s: of each row.
            high_s: of each row.
            uniform: one number of [0, 1) per row, which decides the draw.
        """
        from scipy.special import ndtr, ndtri

        below, above = (
            ndtr((np.log(np.maximum(bound, FLOOR_S)) - self.log_mean) / self.log_std)
            for bound in (low_s, high_s)
        )
        level = np.clip(below + (above - below) * uniform, 1e-6, 1.0 - 1e-6)
        drawn = np.exp(self.log_mean + self.log_std * ndtri(level))
        return np.asarray(np.clip(drawn, low_s, high_s))


@dataclass(frozen=True, kw_only=True)
class Labels:
    """The exact duration or bounds of each row; all arrays of shape (n_rows,), seconds.

    Args:
        exact_s: the duration where it is known, else NaN.
        low_s: it lasted at least so long; NaN where there is no label.
        high_s: and at most so long. Where the duration is known, all three are the same.
        taken_s: from its start until the first of the events that it cannot be later than; NaN:
            none has happened.
        waits_s: from its start until a courier waited for its end; NaN: no wait.
        hand_over: how long it takes from when both are there until the order is gone, if visits
            enough tell it.
    """

    exact_s: FloatArray
    low_s: FloatArray
    high_s: FloatArray
    taken_s: FloatArray
    waits_s: FloatArray
    hand_over: HandOver | None = None

    def __len__(self) -> int:
        return len(self.exact_s)

    def __getitem__(self, rows: npt.NDArray[Any]) -> Labels:
        """Return the labels of some rows: a mask or an array of row numbers."""
        return Labels(
            exact_s=self.exact_s[rows],
            low_s=self.low_s[rows],
            high_s=self.high_s[rows],
            taken_s=self.taken_s[rows],
            waits_s=self.waits_s[rows],
            hand_over=self.hand_over,
        )

    @cached_property
    def exact(self) -> BoolArray:
        """Which rows have a duration."""
        return np.asarray(~np.isnan(self.exact_s))

    @cached_property
    def bounded(self) -> BoolArray:
        """Which rows have bounds only."""
        return np.asarray(~self.exact & ~np.isnan(self.low_s))

    @cached_property
    def awaited(self) -> BoolArray:
        """The rows with a certain wait: the end was just before a handover."""
        if self.hand_over is None:
            return np.zeros(len(self), dtype=bool)
        return np.asarray(self.taken_s - self.waits_s > self.hand_over.quantile(WAITED_LEVEL))

    def counts(self, rows: BoolArray) -> dict[str, int]:
        """Return how many of some rows have which kind of label."""
        exact, bounded = int((self.exact & rows).sum()), int((self.bounded & rows).sum())
        return {"exact": exact, "bounded": bounded, "none": int(rows.sum()) - exact - bounded}


def labels_of(
    bounds: LabelBounds,
    seconds: Mapping[str, FloatArray],
    *,
    label_bounds_s: tuple[float, float] = (0.0, float("inf")),
) -> Labels:
    """Return the labels that the recorded events give for the duration of each row.

    A record is exact unless it comes after an upper bound, or was prompted: pressed during the
    courier's visit, and so shortly before the departure that no handover was possible in between.
    Then it is an upper bound itself. A damaged record is no label, and no bound.

    Args:
        bounds: which events bound its end.
        seconds: for each of ``bounds.events`` the seconds from the duration's start until it,
            shape (n_rows,), NaN where either has not happened.
        label_bounds_s: a duration outside is a damaged record.

    >>> nan = np.nan
    >>> labels = labels_of(
    ...     LabelBounds(event="ready", at_least=("accepted",), at_most=("picked_up",)),
    ...     {
    ...         "ready": np.array([600.0, nan, 900.0, nan]),
    ...         "accepted": np.array([30.0, 40.0, 20.0, 10.0]),
    ...         "picked_up": np.array([700.0, 800.0, 850.0, nan]),
    ...     },
    ... )
    >>> labels.exact.tolist(), labels.bounded.tolist()
    ([True, False, False, False], [False, True, True, False])
    >>> labels.low_s.tolist(), labels.high_s.tolist()
    ([600.0, 40.0, 20.0, nan], [600.0, 800.0, 850.0, nan])
    """
    end_s = seconds[bounds.event]
    nan = np.full(len(end_s), np.nan)
    shortest_s, longest_s = label_bounds_s
    taken_s = np.fmin.reduce([seconds[event] for event in bounds.at_most])
    waits_s = seconds[bounds.waits_from] if bounds.waits_from else nan
    found_ready = (end_s <= waits_s) & (waits_s <= taken_s)
    hand_over = HandOver.learn((taken_s - waits_s)[found_ready])

    prompted = end_s > taken_s
    if hand_over is not None:
        at_once_s = hand_over.quantile(PROMPTED_LEVEL)
        prompted |= (end_s > waits_s) & (taken_s - end_s < at_once_s)
    exact = (end_s >= shortest_s) & (end_s <= longest_s) & ~prompted
    low_s = np.fmax.reduce([nan, *(seconds[event] for event in bounds.at_least)])
    low_s = np.fmax(low_s, max(shortest_s, 0.0))
    high_s = np.fmin(np.where(prompted, np.fmin(end_s, taken_s), taken_s), longest_s)
    bounded = (np.isnan(end_s) | prompted) & ~np.isnan(taken_s) & (high_s > low_s)
    return Labels(
        exact_s=np.where(exact, end_s, np.nan),
        low_s=np.where(exact, end_s, np.where(bounded, low_s, np.nan)),
        high_s=np.where(exact, end_s, np.where(bounded, high_s, np.nan)),
        taken_s=taken_s,
        waits_s=waits_s,
        hand_over=hand_over,
    )
