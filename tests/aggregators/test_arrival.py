"""The state of a store follows from the events that it was sent, not from how they arrived.

Here the events contradict each other: several versions of one event, recorded at the same or at
different moments, some of them retractions, carrying different values of the same columns.
"""

from __future__ import annotations

import random
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from aggregators import AggregatorError, Event
from tests.aggregators.building import bits_of, feature_set_from, moment_from, source_from
from tests.aggregators.random_data import (
    ID_KINDS,
    START_US,
    IdKind,
    RandomTable,
    random_key,
    random_moment,
    random_queries,
    random_table,
    random_value,
    seeds,
)
from tests.aggregators.random_specs import random_spec
from tests.aggregators.specs import Row, is_missing
from tests.aggregators.stores_under_test import STORES


def contradicting_events(table: RandomTable, rng: random.Random) -> list[Event]:
    """One to four versions of some events of every sample."""
    events = []
    for row in table.rows:
        for event in rng.sample(table.source.events, k=4):
            for _ in range(rng.choice((1, 1, 2, 4))):
                recorded = rng.choice((None, *range(3)))
                events.append(
                    Event(
                        "orders",
                        row["order_id"],
                        event,
                        moment_from(random_moment(rng, 20)),
                        some_data(table, rng),
                        None if recorded is None else recorded_at(recorded),
                        rng.random() < 0.15,
                    )
                )
    return events


def recorded_at(number: int) -> Any:
    return moment_from(START_US) + timedelta(days=1, seconds=number)


def some_data(table: RandomTable, rng: random.Random) -> Row:
    data: Row = {}
    for column in rng.sample((*table.source.dimensions, *table.source.attributes), k=3):
        is_key = column in table.source.dimensions
        value = random_key(rng, column, table.ids) if is_key else random_value(rng, column)
        if not is_missing(value):
            data[column] = value
    return data


def state_of(store: Any, table: RandomTable) -> dict[Any, Row]:
    """The store's samples by their ids, missing cells as None."""
    stored = store.table(source_from(table.source)).astype(object)
    rows = stored.where(stored.notna(), None).to_dict("records")
    return {row["order_id"]: row for row in rows}


@pytest.mark.parametrize("ids", ID_KINDS)
@pytest.mark.parametrize("seed", seeds(5))
@pytest.mark.parametrize("store_name", STORES)
def test_any_order_of_arrival_gives_the_same_state(
    store_name: str, seed: int, ids: IdKind, tmp_path: Path
) -> None:
    rng = random.Random(f"arrival {seed}")
    table = random_table(seed, ids, rows=20)
    features, _ = feature_set_from([random_spec(rng) for _ in range(8)], table.source)
    queries = random_queries(rng, table, count=8)
    events = contradicting_events(table, rng)
    states, answers = [], []
    for attempt in range(3):
        stream = events + rng.choices(events, k=len(events) // 2)
        rng.shuffle(stream)
        store = STORES[store_name](table, tmp_path / f"{attempt}.db")
        applied = 0
        while stream:
            applied += store.append(stream[:25]).applied
            stream = stream[25:]
            ask(store, features, queries[0], table)
        assert applied <= len(events)
        states.append(state_of(store, table))
        answers.append([bits_of(ask(store, features, each, table)).tolist() for each in queries])
        assert store.append(events).applied == 0, f"{table}: delivered again, and it changed"
        assert state_of(store, table) == states[-1], str(table)
    assert states[1:] == states[:-1], f"{table}\nthe order of arrival changed the samples"
    assert answers[1:] == answers[:-1], f"{table}\nthe order of arrival changed the features"
    winners = last_recorded(events)
    check_times(states[0], winners, table)
    check_columns(states[0], winners, table)


def ask(store: Any, features: Any, query: Row, table: RandomTable) -> Any:
    return features.transform_array(
        store,
        as_of=moment_from(query["as_of"]),
        keys={dimension: query[dimension] for dimension in features.dimensions},
        sample_id=query["order_id"],
    )


@pytest.mark.parametrize("first", ["ids", "keys"])
def test_two_writers_cannot_mix_types(first: str, tmp_path: Path) -> None:
    # Each has looked at the empty store before the other writes.
    table = random_table(0, "str")
    stores = [STORES["sqlite"](table, tmp_path / "events.db") for _ in range(2)]
    moment = moment_from(START_US)
    stores[0].append([Event("orders", "o-1", "ready", moment, {"city": "s-9"})])
    event = Event("orders", 1 if first == "ids" else "o-2", "ready", moment, {"city": 7})
    with pytest.raises(AggregatorError, match="expected a string"):
        # What it checks against is from before, as if the other had just been quicker.
        stores[1]._write([event])
    assert list(state_of(stores[1], table)) == ["o-1"]
    for store in stores:
        store.close()


Winners = dict[Any, dict[str, list[Event]]]


def last_recorded(events: list[Event]) -> Winners:
    """For each sample and event the versions that were recorded last; several are a tie."""
    winners: Winners = {}
    for event in events:
        of_sample = winners.setdefault(event.sample_id, {})
        rivals = [*of_sample.get(event.event, []), event]
        last = max(each.recorded_at or each.time for each in rivals)
        of_sample[event.event] = [
            each for each in rivals if (each.recorded_at or each.time) == last
        ]
    return winners


def check_times(state: dict[Any, Row], winners: Winners, table: RandomTable) -> None:
    """An event's last recorded version says when it happened, or that it did not."""
    checked = 0
    for sample_id, of_sample in winners.items():
        for name, versions in of_sample.items():
            if len(versions) == 1:
                found = state.get(sample_id, {}).get(name)
                expected = None if versions[0].retracted else versions[0].time
                assert found == expected, f"{table}\n{versions}: the store has {found}"
                checked += 1
    assert checked


def check_columns(state: dict[Any, Row], winners: Winners, table: RandomTable) -> None:
    """A column has the value that the event from which it is known carries.

    What other events say of it later does not reach back to moments at which it was not known; what
    retracted ones say does not count.
    """
    checked = 0
    for sample_id, of_sample in winners.items():
        if sample_id not in state or any(len(versions) > 1 for versions in of_sample.values()):
            continue
        valid = {name: each for name, (each,) in of_sample.items() if not each.retracted}
        for column in (*table.source.dimensions, *table.source.attributes):
            carriers = {name: each for name, each in valid.items() if column in each.data}
            known_from = table.source.event_of(column)
            if known_from in carriers:
                expected = carriers[known_from].data[column]
            elif not carriers:
                expected = None
            else:
                continue
            found = state[sample_id][column]
            assert found == expected, f"{table}\n{sample_id} {column}: {carriers}, not {found}"
            checked += 1
    assert checked
