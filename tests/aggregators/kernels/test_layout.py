"""Only what features need is laid out, and a column is asked about only where it may be unknown."""

from __future__ import annotations

from aggregators import Duration, Source, StatsLastNSamples
from aggregators.kernels import selection
from aggregators.kernels.layout import Layout, needed_layout

ORDERS = Source(
    "orders",
    sample_id="order_id",
    events=("activated", "dispatched", "ready"),
    dimensions=("store_id", "courier_id"),
    attributes=("amount", "products"),
    known_from={"courier_id": "dispatched", "products": "dispatched"},
)


def last(event: str, attribute: object, dimension: str = "store_id") -> StatsLastNSamples:
    return StatsLastNSamples(
        ORDERS,
        dimension=dimension,
        function="mean",
        event=event,
        n=3,
        attribute=attribute,  # type: ignore[arg-type]
    )


def test_a_source_is_laid_out_in_its_declared_order() -> None:
    layout = Layout.of_source(ORDERS)
    assert list(layout.events) == ["activated", "dispatched", "ready"]
    assert list(layout.columns) == ["amount", "products"]


def test_features_need_their_events_and_those_from_which_columns_are_known() -> None:
    layout = needed_layout([last("ready", "products")])
    assert set(layout.events) == {"ready", "activated", "dispatched"}
    assert list(layout.columns) == ["products"]
    assert sorted(layout.events.values()) == list(range(3))


def test_what_no_feature_needs_is_not_there() -> None:
    layout = needed_layout([last("ready", Duration("activated", "ready"))])
    assert set(layout.events) == {"activated", "ready"}
    assert layout.columns == {}


def test_a_column_that_is_known_when_a_sample_is_selected_is_not_asked_about() -> None:
    layout = Layout.of_source(ORDERS)
    dispatched, ready = layout.events["dispatched"], layout.events["ready"]
    assert layout.gate(dispatched, "dispatched") == selection.KNOWN
    assert layout.gate(dispatched, "ready") == dispatched
    ordered = Layout(layout.events, layout.columns, precedes=frozenset({(dispatched, ready)}))
    assert ordered.gate(dispatched, "ready") == selection.KNOWN
