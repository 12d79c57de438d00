"""One estimator over a store, without HTTP: elapsed facts, statuses, rows alone and together."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import numpy as np
import numpy.typing as npt
import pytest

from aggregators import Event, FeatureSet, MemoryEventStore, Source, StatsBetweenEvents
from aggregators.stores.reading import Sample
from aggregators.times import moment_to_us
from aggregators.typing import SampleId
from estimators.core.distribution import Distribution
from estimators.core.stages import ANY_MOMENT, ELAPSED
from estimators.fallback.model import Fallback
from estimators.features.facts import Facts
from estimators.monitoring.statistics import NumberStatistics
from estimators.monitoring.validation import Validator
from estimators.quantiles.calibration import GRID_LEVELS
from services.core.errors import InvalidRequest, Unavailable
from services.estimation.elapsed import NOT_GIVEN, happened_us
from services.estimation.row_model import estimate_where_possible
from services.estimation.rows import RequestRows
from services.estimation.served_model import PartModel
from tests.services.building import NOON, at, make_model

ORDERS = Source(
    "orders",
    sample_id="order_id",
    events=("activated", "accepted", "courier_assigned", "ready"),
    dimensions=("store_id", "courier_id"),
    attributes=("products", "distance_to_store_m"),
    known_from={"courier_id": "courier_assigned"},
)
KITCHEN = StatsBetweenEvents(
    ORDERS,
    name="open_orders",
    dimension="store_id",
    function="count",
    first_event="activated",
    second_event="ready",
)
RIDES = StatsBetweenEvents(
    ORDERS,
    name="courier_open_orders",
    dimension="courier_id",
    function="count",
    first_event="courier_assigned",
    second_event="ready",
)
SINCE = ("since_activated_s", "since_accepted_s", "since_courier_assigned_s")
ORDER: dict[str, Any] = {
    "store_id": "s-1",
    "courier_id": "c-1",
    "products": 2,
    "distance_to_store_m": 500.0,
}


@dataclass
class Recorded:
    """An estimator that remembers the facts it was given; takes as long as there are orders."""

    as_of: str = ANY_MOMENT
    name: str = "recorded"
    facts: Facts = field(
        default_factory=lambda: Facts(
            numbers=("products", "distance_to_store_m", *SINCE), categories={}
        )
    )
    features: FeatureSet = field(
        default_factory=lambda: FeatureSet([KITCHEN, RIDES], name="test", version="1")
    )
    seen: list[dict[str, float]] = field(default_factory=list)
    incomplete: list[bool] = field(default_factory=list)
    fails: bool = False

    def assemble(
        self, facts: npt.NDArray[np.float64], realtime: npt.NDArray[np.float64]
    ) -> npt.NDArray[np.float64]:
        return np.concatenate([facts, realtime], axis=-1)

    def predict(
        self, X: npt.NDArray[np.float64], incomplete: npt.NDArray[np.bool_] | None = None
    ) -> Distribution:
        if self.fails:
            raise ValueError("a tree without a root")
        names = (*self.facts.names, *self.features.names)
        self.seen = [dict(zip(names, row, strict=True)) for row in X.tolist()]
        self.incomplete = [False] * len(X) if incomplete is None else incomplete.tolist()
        mean_s = 60.0 + np.nan_to_num(X).sum(axis=1)
        return Distribution(GRID_LEVELS, mean_s[:, None] * (0.5 + np.array(GRID_LEVELS)))


class CountingStore(MemoryEventStore):
    """A store that counts how often it is asked."""

    def __init__(self) -> None:
        super().__init__(sources=[ORDERS])
        self.reads = self.looks = 0

    def read(self, *arguments: Any, **named: Any) -> Any:
        self.reads += 1
        return super().read(*arguments, **named)

    def samples(self, source: Source, sample_ids: Any) -> list[Sample | None]:
        self.looks += 1
        return super().samples(source, sample_ids)


@pytest.fixture
def event_store() -> CountingStore:
    event_store = CountingStore()
    events = {"activated": -10.0, "accepted": -8.0, "courier_assigned": 0.0, "ready": 5.0}
    for number in range(3):
        data = {"store_id": "s-1", "courier_id": "c-1", "products": 2}
        event_store.append(
            [
                Event("orders", f"o-{number}", event, at(minutes + number), data)
                for event, minutes in events.items()
            ]
        )
    return event_store


def rows_of(
    orders: list[dict[str, Any]], ids: list[SampleId | None], minutes: float = 0.0
) -> RequestRows:
    names = dict.fromkeys(name for order in orders for name in order)
    absent = {name: NOT_GIVEN if name in ELAPSED else None for name in names}
    columns = {name: [order.get(name, absent[name]) for order in orders] for name in names}
    moments = np.full(len(ids), moment_to_us(at(minutes), "as_of"), np.int64)
    return RequestRows(columns=columns, sample_ids=ids, as_of_us=moments)


def one(
    event_store: Any, order: dict[str, Any], sample_id: SampleId | None, minutes: float = 0.0
) -> dict[str, float]:
    """What the estimator was told of one order."""
    estimator = Recorded()
    as_of_us = moment_to_us(at(minutes), "as_of")
    make_model(event_store, estimator).estimate_one(order, sample_id, as_of_us)
    return estimator.seen[0]


def test_how_long_ago_events_were_is_looked_up_and_never_from_the_future(
    event_store: CountingStore,
) -> None:
    seen = one(event_store, ORDER, "o-0")
    assert seen["since_activated_s"] == 600.0
    assert seen["since_accepted_s"] == 480.0
    # Assigned at noon: at noon it has not happened yet, a microsecond later it has.
    assert np.isnan(seen["since_courier_assigned_s"])
    later = one(event_store, ORDER, "o-0", 1e-6 / 60.0 * 1.0)
    assert later["since_courier_assigned_s"] == pytest.approx(1e-6)


def test_what_the_request_says_is_not_looked_up(event_store: CountingStore) -> None:
    said = {**ORDER, "since_activated_s": 7.0, "since_accepted_s": None}
    seen = one(event_store, said, "o-0")
    assert seen["since_activated_s"] == 7.0
    assert np.isnan(seen["since_accepted_s"])
    event_store.looks = 0
    one(event_store, {**said, "since_courier_assigned_s": 1.0}, "o-0")
    assert event_store.looks == 0


def test_an_order_that_does_not_exist_has_no_past(event_store: CountingStore) -> None:
    seen = one(event_store, ORDER, None)
    assert all(np.isnan(seen[name]) for name in SINCE)
    assert event_store.looks == 0


def test_an_order_of_which_no_event_has_arrived_is_degraded(event_store: CountingStore) -> None:
    estimator = Recorded()
    model = make_model(event_store, estimator)
    found = model.estimate_one(ORDER, "o-77", moment_to_us(NOON, "as_of"))
    assert found.status == ["degraded"]
    assert found.notes == {0: ["no event of 'o-77' has arrived: nothing is known to have happened"]}
    assert estimator.incomplete == [True]


def test_rows_together_are_the_rows_alone_with_one_read(event_store: CountingStore) -> None:
    orders = [
        ORDER,
        {**ORDER, "since_activated_s": 3.0},
        {**ORDER, "since_accepted_s": None, "courier_id": None},
        {"store_id": "s-1"},
        {**ORDER, "products": 5},
    ]
    ids: list[SampleId | None] = ["o-0", "o-1", "o-2", None, "o-77"]
    estimator = Recorded()
    model = make_model(event_store, estimator)
    event_store.reads = event_store.looks = 0
    together = model.estimate(rows_of(orders, ids, 1.0))
    seen = estimator.seen
    assert (event_store.reads, event_store.looks) == (1, 1)
    for i, (order, sample_id) in enumerate(zip(orders, ids, strict=True)):
        alone = model.estimate_one(order, sample_id, moment_to_us(at(1.0), "as_of"))
        np.testing.assert_equal(estimator.seen[0], seen[i])
        assert alone.distribution == together.distribution[i : i + 1]
        assert alone.status == [together.status[i]]
        assert alone.notes_of(0) == together.notes_of(i)
        np.testing.assert_array_equal(alone.realtime[0], together.realtime[i])


def test_a_courier_is_missed_only_where_there_must_be_one(event_store: CountingStore) -> None:
    without = {"store_id": "s-1", "products": 2}
    model = make_model(event_store, Recorded())

    def notes(order: dict[str, Any], sample_id: SampleId | None, minutes: float) -> list[str]:
        return model.estimate(rows_of([order], [sample_id], minutes)).notes_of(0)

    assert notes(without, "o-0", 0.0) == []  # assigned at this very moment: not yet
    assert notes(without, "o-0", 1.0) == [
        "courier_id is missing", "distance_to_store_m is missing"
    ]  # fmt: skip
    # Asked at one event, a model knows what there is then.
    fixed = make_model(event_store, Recorded(as_of="courier_assigned"))
    assert len(fixed.estimate(rows_of([without], [None])).notes[0]) == 2


def test_times_of_events_are_given_whenever_they_are(event_store: CountingStore) -> None:
    known, unknown = happened_us(event_store, ORDERS, ["o-1", "nobody"])
    assert unknown is None
    assert known is not None
    assert known == {
        event: moment_to_us(at(minutes), "at")
        for event, minutes in zip(ORDERS.events, (-9.0, -7.0, 1.0, 6.0), strict=True)
    }


@pytest.mark.parametrize("fails", ["read", "samples"])
def test_a_store_that_is_down_degrades_every_row_and_fails_none(
    event_store: CountingStore, monkeypatch: pytest.MonkeyPatch, fails: str
) -> None:
    def fail(*_: object, **__: object) -> None:
        raise OSError("gone")

    monkeypatch.setattr(event_store, fails, fail)
    estimator = Recorded()
    said = {**ORDER, "since_accepted_s": 5.0}
    found = make_model(event_store, estimator).estimate(rows_of([ORDER, said], ["o-0", "o-1"]))
    assert found.status == ["degraded", "degraded"]
    assert (
        found.notes_by_row()
        == [["real-time features are missing: the event store cannot be read (gone)"]] * 2
    )
    assert np.isnan(found.realtime).all()
    assert estimator.incomplete == [True, True]
    assert [row["since_accepted_s"] for row in estimator.seen][1] == 5.0


def test_without_a_store_rows_are_answered_from_the_request() -> None:
    found = make_model(None, Recorded()).estimate(rows_of([ORDER], [None]))
    assert found.status == ["degraded"]


def usual() -> Fallback:
    return Fallback.constant([100.0 * (1 + k) for k in range(len(GRID_LEVELS))])


def test_a_model_that_fails_is_answered_by_what_is_usual(event_store: CountingStore) -> None:
    model = make_model(event_store, Recorded(fails=True), fallback=usual())
    together = model.estimate(rows_of([ORDER, {}], ["o-0", None]))
    alone = model.estimate_one(ORDER, "o-0", moment_to_us(NOON, "as_of"))
    assert together.status == ["fallback", "fallback"]
    assert alone.status == ["fallback"]
    assert together.distribution[:1] == alone.distribution
    assert together.notes[0] == ["the model failed: answered from what is usual anywhere"]
    assert "store_id is missing" in together.notes[1]
    assert together.realtime.shape == (2, 2)
    with pytest.raises(Unavailable):
        make_model(event_store, Recorded(fails=True)).estimate(rows_of([ORDER], [None]))


def test_numbers_beyond_what_training_saw_are_moved_and_said(event_store: CountingStore) -> None:
    estimator = Recorded()
    seen = {"products": NumberStatistics.of(np.array([1.0, 2.0, 9.0]))}
    model = make_model(event_store, estimator, validator=Validator.of(seen, estimator.facts))
    orders = [ORDER, {**ORDER, "products": 400}, {**ORDER, "products": None}]
    found = model.estimate(rows_of(orders, ["o-0", "o-1", "o-2"]))
    assert found.status == ["ok", "input_clipped", "degraded"]
    assert [row["products"] for row in estimator.seen] == [2.0, 9.0, 2.0]
    assert found.notes[1] == ["products is 400, beyond what training saw; taken as 9"]
    assert found.notes[2][0] == "products is missing"
    for order, status in zip(orders, found.status, strict=True):
        assert model.estimate_one(order, "o-0", moment_to_us(NOON, "as_of")).status == [status]


def test_a_row_with_a_key_that_cannot_be_harms_no_other(event_store: CountingStore) -> None:
    model: PartModel = make_model(event_store, Recorded())
    orders = [ORDER, {**ORDER, "store_id": 7}, ORDER, {**ORDER, "courier_id": 8}, ORDER]
    rows = rows_of(orders, [None] * 5)
    with pytest.raises(InvalidRequest):
        model.estimate(rows)
    problems: dict[int, InvalidRequest] = {}
    answered = estimate_where_possible(model, rows, [10, 11, 12, 13, 14], problems)
    assert sorted(problems) == [11, 13]
    assert [place for _, places in answered for place in places] == [10, 12, 14]
    alone = model.estimate_one(ORDER, None, moment_to_us(NOON, "as_of"))
    for found, _ in answered:
        for k in range(len(found.status)):
            assert found.distribution[k : k + 1] == alone.distribution


def test_an_order_that_never_ended_is_said_to_be_stale(event_store: CountingStore) -> None:
    model = make_model(event_store, Recorded())
    days = 90.0 * 24.0 * 60.0
    as_of_us = moment_to_us(at(days), "as_of")
    alone = model.estimate_one(ORDER, "o-0", as_of_us)
    assert alone.status == ["degraded"]
    (note,) = alone.notes[0]
    assert note.startswith("the order is stale: nothing has happened to it for 90.0 days")
    both = model.estimate(rows_of([ORDER, ORDER, ORDER], ["o-0", None, "o-1"], days))
    assert both.status == ["degraded", "ok", "degraded"]
    assert [len(notes) for notes in both.notes_by_row()] == [1, 0, 1]
    assert "stale" in both.notes[2][0]
    said = {**ORDER, "since_activated_s": 60.0, "since_accepted_s": 30.0}
    fresh = model.estimate_one({**said, "since_courier_assigned_s": 5.0}, "o-0", as_of_us)
    assert fresh.status == ["ok"]
