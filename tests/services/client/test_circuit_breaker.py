"""A service that does not answer is left alone for a while, and asked again afterwards."""

from __future__ import annotations

import logging

import pytest

from services.client import ServiceUnreachable
from services.client.circuit_breaker import CircuitBreaker


class Clock:
    """Says the time that it is told."""

    now_s = 100.0

    def __call__(self) -> float:
        return self.now_s


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def breaker(clock: Clock) -> CircuitBreaker:
    return CircuitBreaker("http://me:secret@etp:3000", failures=3, open_s=10.0, clock=clock)


def is_open(breaker: CircuitBreaker) -> bool:
    try:
        breaker.check()
    except ServiceUnreachable:
        return True
    return False


def fail(breaker: CircuitBreaker, times: int) -> None:
    for _ in range(times):
        breaker.failed()


def test_only_failures_in_a_row_open_it(breaker: CircuitBreaker) -> None:
    fail(breaker, 2)
    breaker.succeeded()
    fail(breaker, 2)
    assert not is_open(breaker)
    fail(breaker, 1)
    assert is_open(breaker)


def test_it_is_open_for_its_time_and_no_longer(breaker: CircuitBreaker, clock: Clock) -> None:
    fail(breaker, 3)
    clock.now_s += 9.999
    assert is_open(breaker)
    clock.now_s += 0.001
    assert not is_open(breaker)


def test_one_failure_opens_it_anew(breaker: CircuitBreaker, clock: Clock) -> None:
    fail(breaker, 3)
    clock.now_s += 10.0
    fail(breaker, 1)
    clock.now_s += 9.0
    assert is_open(breaker)


def test_one_answer_closes_it(breaker: CircuitBreaker, clock: Clock) -> None:
    fail(breaker, 3)
    clock.now_s += 10.0
    breaker.succeeded()
    fail(breaker, 2)
    assert not is_open(breaker)


def test_the_log_says_once_that_it_opens_and_closes(
    breaker: CircuitBreaker, caplog: pytest.LogCaptureFixture
) -> None:
    with caplog.at_level(logging.WARNING, logger="doorstep.services"):
        fail(breaker, 5)
        breaker.succeeded()
        breaker.succeeded()
    assert [one.getMessage().partition(" ")[2] for one in caplog.records] == [
        "did not answer: it is asked rarely until it does",
        "answers again",
    ]
    assert "secret" not in caplog.text


def test_a_message_names_the_service_without_its_password(breaker: CircuitBreaker) -> None:
    fail(breaker, 3)
    with pytest.raises(ServiceUnreachable, match="etp:3000 did not answer lately") as refusal:
        breaker.check()
    assert "secret" not in str(refusal.value)
