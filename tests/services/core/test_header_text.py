"""Text in headers, addresses and JSON: what cannot be decoded is refused, never replaced."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from services.core.errors import InvalidRequest
from services.core.header_text import attribute_of, query_of
from services.intake.intake import IntakeRules, read_events
from services.schemas.common import CloudEvent
from services.schemas.decoding import decode
from tests.services.asgi import AsgiClient
from tests.services.building import ORDERS, at, cloud_event


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("o-1", "o-1"),
        ("Euro%20%E2%82%AC%20%F0%9F%98%80", "Euro € 😀"),  # the example of the binding
        ("50%25", "50%"),
        ("%2541", "%41"),  # decoded once
        ('"o 1"', "o 1"),
        (r'"a \"b\" \\ c"', r'a "b" \ c'),
        ('"%E2%82%AC"', "€"),
        ('""', ""),
        ("a+b", "a+b"),  # a plus is a plus in a header
        ("%22quoted%22", '"quoted"'),
    ],
)
def test_a_header_is_decoded_as_the_binding_says(text: str, value: str) -> None:
    assert attribute_of("ce-subject", text) == value


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("%ff", "%FF is not UTF-8"),
        ("%fe", "%FE is not UTF-8"),
        ("a%C3", "%C3 is not UTF-8"),
        ("%ED%A0%80", "%ED is not UTF-8"),  # half of a surrogate pair
        ("%C0%AF", "%C0 is not UTF-8"),  # longer than it need be
        ('"%ff"', "%FF is not UTF-8"),
        ("5%", "'%' is no percent-encoding"),
        ("%zz", "'%zz' is no percent-encoding"),
        ("%u20ac", "'%u2' is no percent-encoding"),
        ('"open', "not closed"),
        ('"a"b"', "not closed"),
        ('"a\\"', "not closed"),
        ("caf\xe9", "beyond ASCII"),
        ("caf\xc3\xa9", "beyond ASCII"),
    ],
)
def test_what_cannot_be_decoded_names_its_header(text: str, reason: str) -> None:
    with pytest.raises(InvalidRequest) as caught:
        attribute_of("ce-subject", text)
    assert caught.value.field == "ce-subject"
    assert reason in caught.value.reason


def test_a_query_is_decoded_strictly() -> None:
    params = query_of(b"feature=a&feature=b&city=%E2%82%AC+x%2By&&empty=&flag&n%C3%A9=1")
    assert params.multi_items() == [
        ("feature", "a"), ("feature", "b"), ("city", "€ x+y"), ("empty", ""), ("flag", ""),
        ("né", "1"),
    ]  # fmt: skip
    for query, field in ((b"city=%ff", "city"), (b"city=\xfe", "city"), (b"a=1&%ff=1", r"\xff"),
                         (b"city=%ED%A0%80", "city")):  # fmt: skip
        with pytest.raises(InvalidRequest, match="not UTF-8") as caught:
            query_of(query)
        assert caught.value.field == field
    for query in (b"city=5%", b"city=%zz", b"city=a%2"):
        with pytest.raises(InvalidRequest, match="a percent sign is %25") as caught:
            query_of(query)
        assert caught.value.field == "city"


@pytest.mark.parametrize("half", [r"\ud800", r"\uDFFF", r"\udc00\ud800", r"a\ud800b"])
def test_half_a_surrogate_pair_is_said_to_be_one(half: str) -> None:
    for event in (cloud_event(subject="HALF"), cloud_event(data={"store_id": "HALF"}),
                  cloud_event(data={"HALF": 1})):  # fmt: skip
        body = json.dumps(event).replace("HALF", half).encode()
        with pytest.raises(InvalidRequest, match="half of a surrogate pair"):
            decode(body, CloudEvent)
    with pytest.raises(InvalidRequest, match=r"not JSON: .*truncated"):
        decode(b'{"id": "\\ud83d\\ude00', CloudEvent)


@pytest.fixture(scope="module")
def service(tmp_path_factory: pytest.TempPathFactory) -> Any:
    import services.events as events

    folder: Path = tmp_path_factory.mktemp("headers")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("DOORSTEP_STORE", str(folder / "events.db"))
        patch.setenv("DOORSTEP_MAX_CLOCK_SKEW_S", "1e10")
        with AsgiClient(events.EventService) as client:
            yield client


def binary(**changes: str) -> dict[str, str]:
    event = {**cloud_event(), **changes}
    headers = {f"ce-{name}": text for name, text in event.items() if isinstance(text, str)}
    return {**headers, "content-type": "application/json"}


def test_two_orders_never_become_one(service: Any) -> None:
    for name in ("subject", "id", "source", "type", "time", "recordedtime", "anyextension"):
        for text in ("%ff", "%fe", "%zz"):
            response = service.post("/events", content=b"{}", headers=binary(**{name: text}))
            assert response.status_code == 400, name
            assert response.json()["field"] == f"ce-{name}"
    for text, duplicates in (("o%2D1", 0), ('"o-1"', 1), ("o-1", 1)):
        response = service.post("/events", content=b"{}", headers=binary(subject=text))
        assert (response.json()["accepted"], response.json()["duplicates"]) == (1, duplicates)
    twice = [*binary().items(), ("ce-subject", "o-2")]
    response = service.post("/events", content=b"{}", headers=twice)
    assert (response.status_code, response.json()["field"]) == (400, "ce-subject")


@pytest.mark.parametrize("path", ["/features", "/explain"])
def test_an_address_that_is_not_utf8_is_refused_by_its_parameter(service: Any, path: str) -> None:
    response = service.get(f"{path}?feature=open_orders&city=%ff")
    assert response.status_code == 400
    assert response.json()["field"] == "city"
    assert "%FF is not UTF-8" in response.json()["reason"]


@pytest.mark.parametrize("broken", [b"\xff", b"\xfe", b"\xed\xa0\x80", rb"\ud800"])
def test_a_message_that_is_not_utf8_is_refused_alone(broken: bytes) -> None:
    """As bodies and as messages of a stream, which are read in the same way."""
    rules = IntakeRules(sources={"orders": ORDERS}, max_clock_skew_s=60.0, clock=lambda: at(600))
    good = json.dumps(cloud_event(id="good")).encode()
    bad = json.dumps(cloud_event(id="bad", subject="HERE")).encode().replace(b"HERE", broken)
    incoming = read_events(b"[" + bad + b"," + good + b"]", rules, rules.now_us())
    assert [status.status for status in incoming.statuses] == ["refused", "accepted"]
    assert [event.sample_id for event in incoming.events] == ["o-1"]
