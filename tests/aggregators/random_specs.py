"""Random specifications over the source of the random tables."""

from __future__ import annotations

import random
from dataclasses import replace
from itertools import product

from tests.aggregators.random_data import ATTRIBUTES, DIMENSIONS, EVENTS
from tests.aggregators.specs import (
    KINDS,
    MINUTE,
    PLAIN_FUNCTIONS,
    AttributeSpec,
    DurationSpec,
    ElapsedSpec,
    FunctionSpec,
    Kind,
    RatioSpec,
    Spec,
    callable_of,
    quantile_of,
    tsfresh_of,
    with_unread_fields_reset,
)

ATTRIBUTE_SPECS: tuple[AttributeSpec, ...] = (
    *ATTRIBUTES,
    DurationSpec("dispatched", "ready"),
    DurationSpec("ready", "activated"),
    DurationSpec("dispatched", "ready", low_us=MINUTE, high_us=10 * MINUTE),
    DurationSpec("activated", "ready", high_us=15 * MINUTE, beyond="missing"),
    ElapsedSpec("activated"),
    ElapsedSpec("courier_assigned"),
    RatioSpec("amount", "products"),
    RatioSpec("distance_m", DurationSpec("dispatched", "accepted")),
    RatioSpec(RatioSpec("distance_m", "amount"), ElapsedSpec("dispatched")),
    RatioSpec(DurationSpec("activated", "ready"), RatioSpec("products", "distance_m")),
    RatioSpec("distance_m", DurationSpec("dispatched", "ready", low_us=MINUTE, beyond="missing")),
)

FUNCTION_SPECS: tuple[FunctionSpec, ...] = (
    *(FunctionSpec(name) for name in PLAIN_FUNCTIONS),
    quantile_of(0.0),
    quantile_of(0.1),
    quantile_of(0.5),
    quantile_of(0.9),
    quantile_of(1.0),
    callable_of("spread"),
    callable_of("order_matters"),
    callable_of("length_or_fail"),
    tsfresh_of("abs_energy"),
    tsfresh_of("fft_coefficient", coeff=1, attr="abs"),
    tsfresh_of("autocorrelation", lag=1),
    tsfresh_of("cid_ce", normalize=True),
    tsfresh_of("linear_trend", attr="slope"),
    tsfresh_of("change_quantiles", ql=0.0, qh=0.8, isabs=True, f_agg="mean"),
    tsfresh_of("maximum"),
    tsfresh_of("has_duplicate"),
)

LENGTHS_US = (1, MINUTE - 1, MINUTE, 2 * MINUTE, 5 * MINUTE, 15 * MINUTE, 45 * MINUTE)


def random_spec(
    rng: random.Random,
    kind: Kind | None = None,
    function: FunctionSpec | None = None,
    attribute: AttributeSpec | None = None,
    exclude_self: bool | None = None,
) -> Spec:
    """A specification whose fields are random where they are not given."""
    function = function or rng.choice(FUNCTION_SPECS)
    if attribute is None and (function.name != "count" or rng.random() < 0.5):
        attribute = rng.choice(ATTRIBUTE_SPECS)
    pair = rng.sample(EVENTS, k=2)
    # Mostly in the order of the events, so that some intervals are open.
    first_event, second_event = sorted(pair, key=EVENTS.index) if rng.random() < 0.8 else pair
    others = [event for event in rng.sample(EVENTS, k=2) if event not in pair]
    spec = Spec(
        kind=rng.choice(KINDS) if kind is None else kind,
        dimension=rng.choice(DIMENSIONS),
        function=function,
        attribute=attribute,
        exclude_self=rng.random() < 0.7 if exclude_self is None else exclude_self,
        event=rng.choice(EVENTS),
        n=rng.choice((1, 2, 3, 5, 10, 1000)),
        first_event=first_event,
        second_events=(second_event, *(others if rng.random() < 0.4 else ())),
        max_age_us=rng.choice((None, None, *LENGTHS_US)),
        window_us=rng.choice(LENGTHS_US),
    )
    return with_unread_fields_reset(spec)


def some_specs(seed: int, count: int = 12) -> list[Spec]:
    """Random specifications that follow from a seed."""
    rng = random.Random(f"specs {seed}")
    return [random_spec(rng) for _ in range(count)]


def every_combination(rng: random.Random, kind: Kind, function: FunctionSpec) -> list[Spec]:
    """A specification per attribute, with and without the sample itself."""
    attributes: tuple[AttributeSpec | None, ...] = ATTRIBUTE_SPECS
    if function == FunctionSpec("count"):
        attributes = (*attributes, None)
    specs = []
    for attribute, exclude_self in product(attributes, (True, False)):
        spec = random_spec(rng, kind, function, attribute or "amount", exclude_self)
        specs.append(replace(spec, attribute=None) if attribute is None else spec)
    return specs
