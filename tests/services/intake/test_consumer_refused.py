"""A consumer and a server that is gone, or that refuses it."""

from __future__ import annotations

import threading
from collections.abc import Callable
from typing import Any

import pytest

from services.intake.redis_stream import Message, StreamRefused, StreamUnavailable
from tests.services.building import make_store
from tests.services.intake import test_consumer
from tests.services.intake.test_consumer import (
    STREAM,
    add,
    consume,
    happened,
    make_consumer,
    nobody,
    stream_of,
)
from tests.waiting import PATIENCE_S

url, client = test_consumer.url, test_consumer.client
_quickly_again = test_consumer._quickly_again


def test_a_server_that_is_gone_is_unavailable_and_its_password_untold() -> None:
    stream = stream_of(nobody().replace("//", "//:secret@"))
    with pytest.raises(StreamUnavailable) as caught:
        stream.prepare()
    assert "secret" not in caught.value.reason
    assert STREAM in caught.value.reason
    stream.close()


def test_a_consumer_waits_for_a_server_that_is_gone_until_it_is_ended() -> None:
    ending = threading.Event()
    stream = stream_of(nobody())
    consumer = make_consumer(stream, make_store(), ending=ending)
    thread = threading.Thread(target=consumer.run)
    thread.start()
    while consumer.progress.retries < 3:
        assert thread.is_alive()
    ending.set()
    thread.join(PATIENCE_S)
    assert not thread.is_alive()
    stream.close()


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        (lambda url: f"{url}/99", "DB index is out of range"),
        (lambda url: url.replace("//", "//nobody:secret@"), "invalid username-password pair"),
    ],
)
def test_what_a_server_refuses_from_the_beginning_is_not_tried_again(
    url: str, change: Callable[[str], str], reason: str, caplog: pytest.LogCaptureFixture
) -> None:
    with pytest.raises(StreamRefused, match=reason) as caught:
        consume(change(url), make_store())
    assert "secret" not in caught.value.reason
    assert not caplog.messages  # the error is all that is said


def test_a_key_that_is_no_stream_is_not_tried_again(url: str, client: Any) -> None:
    client.set(STREAM, "text")
    with pytest.raises(StreamRefused, match="WRONGTYPE"):
        consume(url, make_store())


def test_a_refusal_after_the_beginning_is_tried_again(
    url: str, client: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A password that is being changed, say."""
    add(client, *happened(1))
    stream, refusals = stream_of(url), [StreamRefused("NOAUTH")] * 2
    read_new = stream.read_new

    def refuse_at_first(count: int, *, wait_s: float) -> list[Message]:
        if refusals:
            raise refusals.pop()
        return read_new(count, wait_s=wait_s)

    monkeypatch.setattr(stream, "read_new", refuse_at_first)
    progress = make_consumer(stream, make_store()).run()
    assert (progress.messages, progress.retries) == (1, 2)
    stream.close()
