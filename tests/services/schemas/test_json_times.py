"""Times with more than six digits: cut to microseconds as tables cut them, wherever they stand."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from typing import Any

import msgspec
import numpy as np
import pandas as pd
import pytest

from aggregators import Event, TimestampError
from aggregators.times import column_to_us, moment_to_us
from services.intake.cloudevents import structured
from services.intake.intake import IntakeRules, read_events
from services.schemas.common import CloudEvent, CloudEventBatch, PredictRequest
from services.schemas.decoding import decode, decode_or_none
from services.schemas.eta import EtaRequest
from services.schemas.features import FeaturesRequest
from services.schemas.json_times import with_exact_times
from tests.services.building import ORDERS, at, cloud_event
from tests.spans import spanning

# What a decoder that rounds takes for the next microsecond, second, day or year.
TEXTS = (
    "2026-03-02T12:00:00.000000900Z",
    "2026-03-02T12:05:00.000000100Z",
    "2026-03-02T12:00:00.9999999Z",
    "2026-03-02T11:59:59.999999999Z",
    "2025-12-31T23:59:59.9999995Z",
    "2026-03-02T12:00:00.0000005-09:30",
    "2026-03-02T12:00:00.000001500+14:00",
    "2026-03-02T12:00:00.000000000000999Z",
    "1969-12-31T23:59:59.999999999Z",
    "1969-12-31T23:59:59.000000100Z",
    "1961-04-12T06:06:59.9999996+03:00",
)


def cut_us(text: str) -> int:
    """The microseconds of a time, its further digits left out."""
    head, _, tail = text.partition(".")
    digits = len(tail) - len(tail.lstrip("0123456789"))
    whole = datetime.fromisoformat(head + tail[digits:]).astimezone(UTC)
    seconds = (whole - datetime(1970, 1, 1, tzinfo=UTC)).total_seconds()
    return int(seconds) * 1_000_000 + int(tail[:6])


@pytest.fixture(autouse=True)
def _old_times() -> Any:
    with spanning("1900-01-01/2100-01-01"):
        yield


@pytest.mark.parametrize("text", TEXTS)
def test_every_way_in_gives_the_same_bits(text: str) -> None:
    expected = cut_us(text)
    table = pd.Series([pd.Timestamp(text)])
    rules = IntakeRules(sources={"orders": ORDERS}, max_clock_skew_s=60.0, clock=lambda: at(600))
    now_us = rules.now_us()
    event = cloud_event(time=text, recordedtime=text)
    one = read_events(json.dumps(event).encode(), rules, now_us)
    many = read_events(json.dumps([event, cloud_event()]).encode(), rules, now_us)
    beside_a_bad_one = read_events(json.dumps([event, {"id": "x"}]).encode(), rules, now_us)
    headers = {f"ce-{k}": v for k, v in event.items() if isinstance(v, str)}
    binary = read_events(structured(headers, b"{}"), rules, now_us)
    for incoming in (one, many, beside_a_bad_one, binary):
        assert incoming.events[0].time == incoming.events[0].recorded_at == expected
    asked = decode(json.dumps({"order": {}, "sample_id": None, "as_of": text}).encode(),
                   PredictRequest)  # fmt: skip
    assert asked.as_of is not None
    assert moment_to_us(asked.as_of, "as_of") == expected
    assert column_to_us(table, "time").tolist() == [expected]
    assert moment_to_us(pd.Timestamp(text), "time") == expected
    assert moment_to_us(datetime.fromisoformat(text), "time") == expected


def test_what_knows_no_time_zone_is_refused_instead_of_guessed() -> None:
    for naive in (np.datetime64(TEXTS[0][:-1]), TEXTS[0], datetime(2026, 3, 2)):  # noqa: DTZ001
        with pytest.raises(TimestampError, match="timezone-aware"):
            moment_to_us(naive, "time")
        with pytest.raises(TimestampError, match="timezone-aware"):
            _ = Event("orders", "o-1", "ready", naive).time_us  # type: ignore[arg-type]


def test_times_within_objects_and_lists_are_cut() -> None:
    body = json.dumps({"order_id": "o-1", "order": {}, "happened": {"activated": TEXTS[0]}})
    happened = decode(body.encode(), EtaRequest).happened
    assert happened["activated"] == datetime(2026, 3, 2, 12, tzinfo=UTC)


def test_a_digit_behind_an_escape_is_cut() -> None:
    for text in (r"12:00:00\u002e0000009Z", r"12:00:00.\u0030000009Z", r"12:00\u003A00.0000009Z"):
        body = f'{{"keys": {{}}, "sample_id": null, "as_of": "2026-03-02T{text}"}}'
        asked = decode(body.encode(), FeaturesRequest)
        assert asked.as_of == datetime(2026, 3, 2, 12, tzinfo=UTC)


def test_what_is_no_time_stays_as_it_is() -> None:
    text = TEXTS[0]
    event = cloud_event(subject=text, id=text, time=text, data={"store_id": text, "products": 1.5})
    body = json.dumps([event]).encode()
    (message,) = decode(body, CloudEventBatch)
    assert (message.subject, message.id, message.data) == (text, text, event["data"])
    assert decode_or_none(msgspec.Raw(body), CloudEventBatch) == [message]
    assert with_exact_times(body, dict[str, Any]) is body


def test_bad_input_is_refused_as_ever() -> None:
    for body in (b'{"time": ":00:00.0000000', b"[1, 12:00:00.0000000]", b'"12:00:00.0000000"',
                 b'{"time": 7, "x": "12:00:00.0000000"}', b"\xff12:00:00.0000000"):  # fmt: skip
        assert decode_or_none(body, CloudEvent) is None
