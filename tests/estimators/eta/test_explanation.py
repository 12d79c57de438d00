"""Why an ETA is what it is: sums that are exact, reasons in words, and what would change it."""

from __future__ import annotations

import json
from collections.abc import Iterator
from itertools import product
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import pandas as pd
import pytest

from aggregators import Event, EventStore, MemoryEventStore, Source
from aggregators.errors import StoreError, UnknownNameError
from aggregators.times import NEVER, column_to_us
from estimators import Dataset, InputError
from estimators.core.stages import LIFE, pending_at
from estimators.core.typing import BoolArray, FloatArray
from estimators.eta.composition import SHOWN_PARTS
from estimators.eta.counterfactuals import (
    AnsweredOrder,
    Change,
    ask_eta,
    counterfactuals,
    named_changes,
)
from estimators.eta.explanation import EtaExplanation, explain_eta, in_one_sentence
from estimators.eta.model import EtaModel
from estimators.eta.trained import TrainedEta
from estimators.fallback.model import Fallback
from estimators.monitoring import NumberStatistics, Validator
from tests.readme import examples_of

ORDERS_ASKED = 8
EVENTS_ASKED = ("accepted", "courier_assigned", "picked_up")
FACTS = (
    *("amount", "products", "distance_m", "floor", "building", "store_id", "store_category"),
    *("city", "zone", "store_zone"),
)
COURIER = ("courier_id", "vehicle", "distance_to_store_m")


class Order(NamedTuple):
    """What is known of an order, a moment after one of its events."""

    sample_id: Any
    as_of_us: int
    facts: dict[str, Any]
    happened_us: dict[str, int]


def events_of(source: Source, table: pd.DataFrame) -> Iterator[Event]:
    ids = table[source.sample_id].tolist()
    columns = {name: table[name].tolist() for name in source.columns}
    for name in source.events:
        time_us = column_to_us(table[name], f"column {name!r}").tolist()
        known = [c for c in source.columns if source.known_from_event(c) == name]
        for i, at_us in enumerate(time_us):
            if at_us != NEVER:
                yield Event(source.name, ids[i], name, at_us, {c: columns[c][i] for c in known})


@pytest.fixture(scope="module")
def store(eta_dataset: Dataset) -> EventStore:
    tables = {eta_dataset.source: eta_dataset.table, **eta_dataset.others}
    filled = MemoryEventStore(sources=list(tables))
    for source, table in tables.items():
        filled.append(list(events_of(source, table)))
    return filled


@pytest.fixture(scope="module")
def orders(eta_dataset: Dataset) -> list[Order]:
    """Delivered orders of the test period, each asked ten seconds after one of its events."""
    table = eta_dataset.table
    table = table.loc[table["delivered"].notna() & table["ready"].notna() & eta_dataset.tests]
    table = table.iloc[:: len(table) // ORDERS_ASKED]
    times = {name: column_to_us(table[name], name).tolist() for name in LIFE}
    asked = []
    for i, row in enumerate(table.to_dict("records")):
        happened_us = {name: column[i] for name, column in times.items()}
        for event in EVENTS_ASKED:
            as_of_us = happened_us[event] + 10_000_000
            names = FACTS if event == "accepted" else (*FACTS, *COURIER)
            facts = {name: row[name] for name in names}
            asked.append(Order(row["order_id"], as_of_us, facts, happened_us))
    return asked


def ask(model: EtaModel, store: EventStore, order: Order, **options: Any) -> AnsweredOrder:
    return ask_eta(
        model,
        store,
        as_of=order.as_of_us,
        facts=order.facts,
        sample_id=order.sample_id,
        happened_us=order.happened_us,
        **options,
    )


@pytest.fixture(scope="module")
def asked(trained_eta: TrainedEta, store: EventStore, orders: list[Order]) -> list[AnsweredOrder]:
    return [ask(trained_eta.model, store, order) for order in orders]


@pytest.fixture(scope="module")
def explained(asked: list[AnsweredOrder]) -> list[EtaExplanation]:
    return [explain_eta(one) for one in asked]


def test_parts_and_reasons_add_up_exactly(
    asked: list[AnsweredOrder], explained: list[EtaExplanation]
) -> None:
    assert {one.stage for one in asked} >= {"accepted", "courier_assigned", "picked_up"}
    for one, told in zip(asked, explained, strict=True):
        estimate = one.estimate
        assert told.expected_eta_s == one.expected_eta_s == sum(p.seconds for p in told.parts)
        for part in told.parts:
            assert part.seconds == estimate.expected_s[part.name][0]
            added_s = sum(reason.seconds for reason in part.reasons)
            assert part.usual_s + added_s + part.other_s == part.seconds
            sizes = [abs(reason.seconds) for reason in part.reasons]
            assert sizes == sorted(sizes, reverse=True)
            assert len(sizes) <= 3


def test_what_is_still_to_come_is_explained(
    asked: list[AnsweredOrder], explained: list[EtaExplanation]
) -> None:
    for one, told in zip(asked, explained, strict=True):
        pending = ["wait" if name == "ready" else name for name in pending_at(one.stage)]
        assert sorted(part.name for part in told.parts) == sorted(pending)
        assert all(part.reasons for part in told.parts if part.name != "wait")


def test_reasons_are_those_of_the_parts_own_model(
    asked: list[AnsweredOrder], explained: list[EtaExplanation]
) -> None:
    one, told = asked[1], explained[1]
    why = one.model.parts["to_customer"].explain(one.inputs["to_customer"], of="integral")
    (part,) = [part for part in told.parts if part.name == "to_customer"]
    first = why.reasons()[0]
    assert part.reasons[0].name == first.column.name
    assert part.reasons[0].seconds == pytest.approx(first.contribution_s, abs=1 / 16)
    assert part.usual_s == pytest.approx(why.base_s, abs=1 / 16)
    texts = [str(reason) for every in told.parts for reason in every.reasons]
    assert any(text.startswith("Distance from the store to the customer: ") for text in texts)
    assert all(text.endswith(" s") for text in texts)


def test_the_wait_follows_the_kitchen_as_far_as_it_is_likely(asked: list[AnsweredOrder]) -> None:
    waits = [one for one in asked if one.estimate.expected_s["wait"][0] > 60.0]
    assert waits
    for one in waits:
        likely = 1.0 - one.estimate.ready_on_arrival[0]
        (part,) = [part for part in explain_eta(one, reasons=50).parts if part.name == "wait"]
        by_name = {reason.name: reason.seconds for reason in part.reasons}
        ride_s = one.answers["to_store"].integral()[0]
        assert by_name["to_store"] == pytest.approx(-likely * ride_s, abs=1 / 16)
        kitchen = one.model.parts["ready"].explain(one.inputs["ready"], of="integral")
        first = kitchen.reasons()[0]
        expected_s = pytest.approx(likely * first.contribution_s, abs=1 / 16)
        assert by_name[first.column.name] == expected_s


def test_conditions_are_called_by_what_explains_the_better_half(
    asked: list[AnsweredOrder], explained: list[EtaExplanation]
) -> None:
    kinds = {
        "weather": {"rain", "weather", "fair weather"},
        "local events": {"local events", "quiet streets"},
    }
    seen = set()
    for one, told in zip(asked, explained, strict=True):
        (part,) = [part for part in told.parts if part.name == "conditions"]
        seen.add(part.words)
        if part.seconds == 0.0:
            assert part.words == "conditions"
            continue
        why = one.model.parts["conditions"].explain(one.inputs["conditions"], of="integral")
        shares = {topic: s[0] / part.seconds for topic, s in why.by("topic").items()}
        called = [topic for topic, words in kinds.items() if part.words in words]
        assert all(shares[topic] > 0.5 for topic in called)
        if not called:
            assert max(shares.get(topic, 0.0) for topic in kinds) <= 0.5
            assert part.words == ("calm conditions" if part.seconds < 0.0 else "conditions")
    assert len(seen) >= 3


def test_an_explanation_is_json_and_the_same_again(
    trained_eta: TrainedEta, store: EventStore, orders: list[Order], explained: list[EtaExplanation]
) -> None:
    again = explain_eta(ask(trained_eta.model, store, orders[1]))
    assert again == explained[1]
    document = json.loads(json.dumps(again.to_json(), allow_nan=False))
    assert document["sentence"] == again.sentence
    assert document["expected_eta_s"] == sum(part["seconds"] for part in document["parts"])
    assert [one["sentence"] for one in document["counterfactuals"]] == [
        str(one) for one in again.counterfactuals
    ]


def test_the_answer_of_another_process_is_explained(asked: list[AnsweredOrder]) -> None:
    one = asked[1]
    told_s = {name: float(s[0]) + 8.0 for name, s in one.estimate.expected_s.items()}
    told = explain_eta(one, expected_s=told_s)
    assert {part.name: part.seconds for part in told.parts} == told_s
    assert told.expected_eta_s == one.expected_eta_s + 8.0 * len(SHOWN_PARTS)
    own = explain_eta(one)
    for mine, theirs in zip(own.counterfactuals, told.counterfactuals, strict=True):
        assert theirs.difference_s == mine.difference_s
        assert theirs.expected_eta_s == told.expected_eta_s + theirs.difference_s
    with pytest.raises(InputError, match="lacks wait"):
        explain_eta(one, expected_s={name: 0.0 for name in SHOWN_PARTS if name != "wait"})


@pytest.mark.parametrize("scale", [1.0, 60.0])
def test_rounded_numbers_of_a_sentence_add_up(scale: float) -> None:
    for parts in product((0.2, 1.5, 2.5, 7.49), (-1.6, 0.0, 0.4), (3.0, 0.6)):
        sentence = in_one_sentence([(f"p{i}", part * scale) for i, part in enumerate(parts)])
        total, summed = sentence.split(" = ")
        numbers = summed.replace("- ", "-").replace("+ ", "").split()[::2]
        assert sum(map(int, numbers)) == int(total.split()[0]), sentence
        assert total.endswith(" min") == (sum(parts) * scale >= 120.0)


def test_named_changes_are_those_that_apply(asked: list[AnsweredOrder]) -> None:
    found = [named_changes(one) for one in asked]
    names = {name for changes in found for name in changes}
    assert names == {"without_rain", "without_local_events", "empty_kitchen", "courier_at_store"}
    for one, changes in zip(asked, found, strict=True):
        on_the_way = one.stage in ("courier_assigned", "ready")
        assert ("courier_at_store" in changes) == on_the_way
        if one.stage == "picked_up":
            assert "empty_kitchen" not in changes
        for name, unit in (("without_rain", "mm"), ("without_local_events", None)):
            for feature in changes[name].values if name in changes else ():
                columns = {c.name: c for c in one.model.parts["conditions"].input_columns}
                column = columns.get(feature)
                assert column is None or unit is None or column.unit == unit


def test_a_counterfactual_is_the_same_order_asked_otherwise(asked: list[AnsweredOrder]) -> None:
    for one in asked[:6]:
        for change in named_changes(one).values():
            otherwise = one.changed(change.values, stage=change.stage)
            (told,) = counterfactuals(one, {"it": change})
            assert told.expected_eta_s == otherwise.expected_eta_s
            assert told.difference_s == otherwise.expected_eta_s - one.expected_eta_s
            for part, X in otherwise.inputs.items():
                names = one.model.parts[part].feature_names
                moved = {names[i] for i in np.flatnonzero(~_same(X[0], one.inputs[part][0]))}
                shrunk = {column.name for column in one.model.parts[part].shrinkage}
                assert moved <= {*change.values, *shrunk}
                if not moved:
                    assert otherwise.answers[part] == one.answers[part]


def _same(one: FloatArray, other: FloatArray) -> BoolArray:
    return np.asarray((one == other) | (np.isnan(one) & np.isnan(other)))


def test_a_courier_at_the_store_need_not_ride(asked: list[AnsweredOrder]) -> None:
    on_the_way = [one for one in asked if one.stage == "courier_assigned"]
    for one in on_the_way:
        change = named_changes(one)["courier_at_store"]
        arrived = one.changed(change.values, stage=change.stage)
        assert arrived.stage == "courier_at_store"
        assert arrived.estimate.expected_s["to_store"][0] == 0.0
        assert arrived.expected_eta_s < one.expected_eta_s


def test_any_input_can_be_otherwise(asked: list[AnsweredOrder]) -> None:
    one = asked[1]
    far = one.changed({"distance_m": 9_000.0})
    near = one.changed({"distance_m": 300})
    assert near.expected_eta_s < one.expected_eta_s < far.expected_eta_s
    assert near.value("to_customer", "distance_m") == 300.0
    assert near.answers["parking"] == one.answers["parking"]
    vehicle = one.model.parts["parking"].facts.categories["vehicle"]
    assert one.changed({"vehicle": vehicle[-1]}).value("parking", "vehicle") == len(vehicle) - 1
    for unknown in ("sledge", None):
        assert np.isnan(one.changed({"vehicle": unknown}).value("parking", "vehicle"))
    assert one.changed({}).expected_eta_s == one.expected_eta_s
    with pytest.raises(UnknownNameError, match="did you mean 'distance_m'"):
        one.changed({"distanse_m": 1.0})
    with pytest.raises(InputError, match="expected a number"):
        one.changed({"distance_m": "far"})


class BrokenStore(MemoryEventStore):
    """An event store that cannot be read."""

    def read(self, *question: Any, **options: Any) -> Any:
        raise StoreError("the disk is gone")


def test_an_order_is_explained_without_the_event_store(
    trained_eta: TrainedEta, eta_dataset: Dataset, orders: list[Order]
) -> None:
    broken = BrokenStore(sources=[eta_dataset.source, *eta_dataset.others])
    one = ask(trained_eta.model, broken, orders[1])
    told = explain_eta(one)
    assert told.expected_eta_s == sum(part.seconds for part in told.parts)
    facts = {name for part in one.inputs for name in one.model.parts[part].facts.names}
    reasons = {reason.name for part in told.parts for reason in part.reasons} - {"to_store"}
    assert reasons <= facts
    assert [one.name for one in told.counterfactuals] == ["courier_at_store"]


def test_a_part_that_is_elsewhere_has_seconds_without_reasons(
    trained_eta: TrainedEta, store: EventStore, orders: list[Order]
) -> None:
    model = trained_eta.model
    without = {name: part for name, part in model.parts.items() if name != "to_customer"}
    fallback = Fallback.constant(np.linspace(300.0, 900.0, 23).tolist())
    lacking = EtaModel(
        parts=without,
        dependence=model.dependence,
        stages=model.stages,
        fallbacks={"to_customer": fallback},
    )
    told = explain_eta(ask(lacking, store, orders[1]))
    (part,) = [part for part in told.parts if part.name == "to_customer"]
    assert (part.reasons, part.usual_s, part.other_s) == ((), 0.0, part.seconds)
    assert part.seconds > 0.0


def test_facts_are_moved_into_bounds_before_parts_are_asked(
    trained_eta: TrainedEta, store: EventStore, orders: list[Order], asked: list[AnsweredOrder]
) -> None:
    facts = trained_eta.model.parts["to_customer"].facts
    seen = {"distance_m": NumberStatistics.of(np.linspace(200.0, 4_000.0, 100))}
    validators = {"to_customer": Validator.of(seen, facts)}
    far = orders[1]._replace(facts={**orders[1].facts, "distance_m": 1e6})
    bounded = ask(trained_eta.model, store, far, validators=validators)
    assert bounded.value("to_customer", "distance_m") == 4_000.0
    assert ask(trained_eta.model, store, far).value("to_customer", "distance_m") == 1e6
    assert asked[1].value("parking", "floor") == bounded.value("parking", "floor")


def test_a_change_says_what_was_replaced(asked: list[AnsweredOrder]) -> None:
    one = asked[1]
    (told,) = counterfactuals(one, {"next_door": Change("next door", {"distance_m": 250.0})})
    assert (told.name, told.replaced) == ("next_door", {"distance_m": 250.0})
    assert str(told).startswith("next door: ")
    assert told.to_json()["difference_s"] == told.difference_s < 0.0


def test_the_page_runs(
    trained_eta: TrainedEta,
    store: EventStore,
    orders: list[Order],
    capsys: pytest.CaptureFixture[str],
) -> None:
    page = (Path(__file__).parents[3] / "docs" / "eta_explanation.md").read_text(encoding="utf-8")
    one = orders[1]
    names: dict[str, object] = {"model": trained_eta.model, "store": store, "now": one.as_of_us}
    names.update(order_id=one.sample_id, order=one.facts, happened_us=one.happened_us)
    blocks = [text for text, _ in examples_of(page)]
    assert len(blocks) == 2
    for text in blocks:
        exec(compile(text, "docs/eta_explanation.md", "exec"), names)
    printed = capsys.readouterr().out
    assert " min = " in printed
    assert "with the courier at the store now: " in printed
