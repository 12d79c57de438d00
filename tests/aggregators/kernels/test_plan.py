"""A plan says what kind of keys its attributes have, and which change with `as_of`."""

from __future__ import annotations

from aggregators import Duration, Elapsed, Ratio, Source, StatsLastNSamples
from aggregators.attributes import Attribute
from aggregators.kernels.exact.keys import FLOAT, MICROSECONDS, MOMENT
from aggregators.kernels.layout import Layout
from aggregators.kernels.plan import compile_features

ORDERS = Source(
    "orders",
    sample_id="order_id",
    events=("activated", "ready"),
    dimensions=("store_id",),
    attributes=("amount",),
)
COOKING = Duration("activated", "ready")
ATTRIBUTES: dict[Attribute, tuple[int, bool]] = {
    "amount": (FLOAT, False),
    COOKING: (MICROSECONDS, False),
    Elapsed("activated"): (MOMENT, False),
    Ratio("amount", COOKING): (FLOAT, False),
    Ratio("amount", Elapsed("activated")): (FLOAT, True),
}


def features() -> list[tuple[int, StatsLastNSamples]]:
    return [
        (
            number,
            StatsLastNSamples(
                ORDERS,
                dimension="store_id",
                function="mean",
                event="ready",
                n=3,
                attribute=attribute,
            ),
        )
        for number, attribute in enumerate(ATTRIBUTES)
    ]


def test_kinds_of_attributes() -> None:
    (plan,) = compile_features(features(), Layout.of_source(ORDERS))
    assert plan.kinds.tolist() == [kind for kind, _ in ATTRIBUTES.values()]
    assert plan.is_volatile.tolist() == [changes for _, changes in ATTRIBUTES.values()]


def test_what_was_computed_beforehand_keeps_its_kind() -> None:
    layout = Layout.of_source(ORDERS)
    folded: dict[Attribute, tuple[int, int]] = {COOKING: (1, 1), Ratio("amount", COOKING): (2, 1)}
    (plan,) = compile_features(features(), Layout(layout.events, layout.columns, folded))
    assert plan.kinds.tolist() == [kind for kind, _ in ATTRIBUTES.values()]
    assert len(plan.programs) < 10
