"""What is wrong with a body is said with its field; nothing wrong gets through."""

from __future__ import annotations

import contextlib
from typing import Annotated, Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.core.errors import InvalidRequest
from services.schemas.common import CloudEvent, PredictRequest
from services.schemas.decoding import decode
from tests.services.building import cloud_event

GOOD = b'{"order": {"store_id": "s-1"}, "sample_id": null}'


def test_a_good_body_is_decoded() -> None:
    request = decode(GOOD, PredictRequest)
    assert request.order == {"store_id": "s-1"}
    assert request.levels == [0.1, 0.5, 0.9]


@pytest.mark.parametrize(
    ("body", "field", "reason"),
    [
        (b"", "", "not JSON"),
        (b"{", "", "not JSON"),
        (GOOD + b" x", "", "not JSON"),
        (b"[]", "", "expected `object`, got `array`"),
        (b'{"order": {"\xff": 1}, "sample_id": 1}', "", "not JSON"),
        (b'{"sample_id": null}', "order", "required"),
        (b'{"order": {}}', "sample_id", "required"),
        (b'{"order": {}, "sampleid": 1}', "sampleid", "did you mean 'sample_id'?"),
        (b'{"order": {}, "sample_id": null, "zzz": 1}', "zzz", "known: as_of"),
        (b'{"order": {"products": NaN}, "sample_id": null}', "", "not JSON"),
        (b'{"order": {"products": Infinity}, "sample_id": null}', "", "not JSON"),
        (b'{"order": {"products": 1e999}, "sample_id": null}', "order[...]", "out of range"),
        (b'{"order": {}, "sample_id": true}', "sample_id", "got `bool`"),
        (b'{"order": {}, "sample_id": ""}', "sample_id", ">= 1"),
        (b'{"order": {}, "sample_id": 1, "as_of": "2026-03-02T12:00:00"}', "as_of", "timezone"),
        (b'{"order": {}, "sample_id": 1, "as_of": "noon"}', "as_of", "RFC3339"),
        (b'{"order": {}, "sample_id": 1, "levels": []}', "levels", ">= 1"),
        (b'{"order": {}, "sample_id": 1, "levels": [0.5, 1.0]}', "levels[1]", "< 1.0"),
        (b'{"order": {}, "sample_id": 1, "levels": [' + b"0.5," * 20 + b"0.5]}", "levels", "20"),
    ],
)
def test_a_bad_body_names_field_and_reason(body: bytes, field: str, reason: str) -> None:
    with pytest.raises(InvalidRequest) as caught:
        decode(body, PredictRequest)
    assert caught.value.field == field
    assert reason in caught.value.reason
    assert caught.value.http_status == 400


class Inner(msgspec.Struct, forbid_unknown_fields=True):
    amount: float | None = None


class Outer(msgspec.Struct, forbid_unknown_fields=True):
    rows: list[Inner] | None = None
    by_name: dict[str, Inner] = {}
    one: Annotated[Inner | None, msgspec.Meta(description="one")] = None


@pytest.mark.parametrize(
    ("body", "field"),
    [
        (b'{"rows": [{}, {"amuont": 1}]}', "rows[1].amuont"),
        (b'{"by_name": {"a": {"amuont": 1}}}', "by_name[...].amuont"),
        (b'{"one": {"amuont": 1}}', "one.amuont"),
    ],
)
def test_an_unknown_field_within_others_is_compared_with_those_beside_it(
    body: bytes, field: str
) -> None:
    with pytest.raises(InvalidRequest, match="did you mean 'amount'") as caught:
        decode(body, Outer)
    assert caught.value.field == field


def test_deep_nesting_is_refused_and_not_fatal() -> None:
    body = b'{"order": ' + b'{"a":' * 100_000 + b"1" + b"}" * 100_000 + b', "sample_id": null}'
    with pytest.raises(InvalidRequest):
        decode(body, PredictRequest)


@given(st.binary(max_size=60))
def test_any_bytes_are_refused_or_decoded(body: bytes) -> None:
    for kind in (PredictRequest, CloudEvent):
        with contextlib.suppress(InvalidRequest):
            decode(body, kind)


VALUES: tuple[object, ...] = (
    None,
    0,
    -1,
    2**70,
    1.5,
    True,
    "",
    "x",
    "é",
    "\x00",
    "1.0",
    [],
    {},
    {"data": [1]},
)


@given(st.dictionaries(st.sampled_from([*cloud_event(), "x"]), st.sampled_from(VALUES)))
def test_any_change_of_an_event_is_refused_or_decoded(changes: dict[str, Any]) -> None:
    with contextlib.suppress(InvalidRequest):
        decode(msgspec.json.encode({**cloud_event(), **changes}), CloudEvent)
