"""What a consumer sets aside, and what it takes although it does not know all of it."""

from __future__ import annotations

from typing import Any

import msgspec
from prometheus_client import CollectorRegistry

from tests.services.building import at, cloud_event, make_store
from tests.services.intake import test_consumer
from tests.services.intake.test_consumer import STREAM, add, consume, happened, ids_of, unfinished

url, client = test_consumer.url, test_consumer.client
_quickly_again = test_consumer._quickly_again


def test_poison_is_set_aside_with_the_reason_and_harms_no_other(url: str, client: Any) -> None:
    good = add(client, *happened(2))
    poison = {
        client.xadd(STREAM, {"event": b"\xff{"}): "not JSON",
        client.xadd(STREAM, {"body": "x", "b": "y"}): "has no field 'event', only 'body', 'b'",
        add(client, cloud_event(type="redy"))[0]: "type: 'redy' is unknown; did you mean 'ready'?",
        add(client, cloud_event(source=None))[0]: "source: missing",
        add(client, cloud_event(data={"store_id": []}))[0]: "dimension 'store_id'",
        add(client, cloud_event(subject=7))[0]: "is an integer; expected a string",
        add(client, cloud_event(time=at(62).isoformat()))[0]: "time: is 120.0 s ahead",
        add(client, [])[0]: "length >= 1",
        add(client, [*happened(1, first=50), cloud_event(type="x"), 7])[0]: "type: 'x' is unknown",
    }
    good += add(client, *happened(2, first=2))
    event_store = make_store()
    registry = CollectorRegistry()
    progress = consume(url, event_store, batch=100, registry=registry)
    assert (progress.messages, progress.dead) == (len(good) + len(poison), len(poison))
    assert ids_of(event_store) == {"o-0", "o-1", "o-2", "o-3", "o-50"}
    assert unfinished(client) == 0
    letters = {fields[b"id"]: fields for _id, fields in client.xrange(f"{STREAM}:dead")}
    assert list(letters) == list(poison)
    for message_id, reason in poison.items():
        assert reason in letters[message_id][b"reason"].decode()
    first = next(iter(poison))
    assert letters[first][b"field:event"] == b"\xff{"
    dead = registry.get_sample_value("doorstep_stream_messages_total", {"outcome": "dead"})
    assert dead == len(poison)


def test_unknown_data_and_a_broken_element_lose_no_event(url: str, client: Any) -> None:
    one, two = happened(2)
    one["data"]["currency"] = "EUR"
    add(client, one)
    text = msgspec.json.encode(two | {"partitionkey": "a"})
    client.xadd(STREAM, {"event": b"[" + text + b', {"id": "\\ud800"}]'})
    event_store, registry = make_store(), CollectorRegistry()
    progress = consume(url, event_store, registry=registry)
    assert (progress.messages, progress.events, progress.dead) == (2, 2, 1)
    assert ids_of(event_store) == {"o-0", "o-1"}
    name = "doorstep_event_fields_ignored_total"
    for part in ("data", "attribute"):
        labels = {"source": "orders", "part": part}
        assert registry.get_sample_value(name, labels) == 1.0
