"""The courier's behaviour: the shape of the last speeds and times, by tsfresh's calculators.

A group of features that no estimator uses by default; ``doorstep ablate`` measures on any data what
it contributes beside the plain means and medians (README.md has results).
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from aggregators import Aggregator, Duration, Ratio, Source, StatsLastNSamples, tsfresh
from aggregators.attributes import Attribute

__all__ = ["BEHAVIOUR_TOPIC", "courier_behaviour_features"]

BEHAVIOUR_TOPIC = "courier behaviour"
LAST_N = 20
COURIER = "courier_id"
DISTANCE = "distance_m"
TO_CUSTOMER = Duration("picked_up", "courier_at_customer")

_CALCULATORS: tuple[tuple[str, dict[str, Any], str, str], ...] = (
    ("cid_ce", {"normalize": True}, "1", "how restless"),
    ("autocorrelation", {"lag": 1}, "1", "whether one tells the next"),
    ("mean_abs_change", {}, "{}", "how much they change from one to the next"),
    ("mean_change", {}, "{}", "whether they rise or fall"),
    ("fft_coefficient", {"coeff": 1, "attr": "abs"}, "{}", "strength of the slowest wave"),
    ("fft_coefficient", {"coeff": 2, "attr": "abs"}, "{}", "strength of the second wave"),
    ("c3", {"lag": 1}, "({})^3", "non-linearity"),
    ("number_peaks", {"n": 1}, "orders", "number of peaks"),
    ("longest_strike_above_mean", {}, "orders", "longest run above their mean"),
)
"""Calculator, its parameters, the unit of its value, and the description of the value."""


def courier_behaviour_features(source: Source, target: Duration, *, as_of: str) -> list[Aggregator]:
    """Return the group for an estimator's target: of speeds, and of the target's own duration.

    Args:
        source: of orders.
        target: the duration that is estimated.
        as_of: the event at which it is asked; nothing is returned if no courier is known yet.

    >>> orders = Source(
    ...     "orders",
    ...     sample_id="id",
    ...     events=("picked_up", "courier_at_customer"),
    ...     dimensions=("courier_id",),
    ...     attributes=("distance_m",),
    ... )
    >>> found = courier_behaviour_features(orders, TO_CUSTOMER, as_of="picked_up")
    >>> len(found), found[0].name
    (18, 'courier_speed_last_20_cid_ce_normalize_true')
    """
    if COURIER not in source.dimensions:
        return []
    known_from = source.events.index(source.known_from_event(COURIER))
    if known_from > source.events.index(as_of):
        return []
    return list(_features(source, target))


def _features(source: Source, target: Duration) -> Iterator[Aggregator]:
    ride = set(source.events) >= {TO_CUSTOMER.start, TO_CUSTOMER.end}
    if ride and DISTANCE in source.attributes:
        speed = Ratio(DISTANCE, TO_CUSTOMER)
        yield from _shapes(source, "speed", speed, TO_CUSTOMER.end, "m/s")
    yield from _shapes(source, f"{target.start}_to_{target.end}", target, target.end, "s")


def _shapes(
    source: Source, what: str, attribute: Attribute, event: str, unit: str
) -> Iterator[Aggregator]:
    for calculator, parameters, gives, meaning in _CALCULATORS:
        words = "_".join(f"{key}_{value}".lower() for key, value in parameters.items())
        yield StatsLastNSamples(
            source,
            name="_".join(filter(None, (f"courier_{what}_last_{LAST_N}", calculator, words))),
            dimension=COURIER,
            owner="couriers",
            topic=BEHAVIOUR_TOPIC,
            event=event,
            n=LAST_N,
            function=tsfresh(calculator, **parameters),
            attribute=attribute,
            unit=gives.format(unit),
            description=f"{what.replace('_', ' ').capitalize()} of the courier's last {LAST_N}"
            f" orders: {meaning}.",
        )
