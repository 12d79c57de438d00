"""The demo waits for what is late, and fails only for what is wrong."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import UTC, datetime
from types import SimpleNamespace
from typing import Any, cast

import pytest

from commands.live_demo.callers import FINE_LEVELS, Tracking
from commands.live_demo.feature_comparison import FeatureComparison
from commands.live_demo.retrying_client import PATIENCE_S, TRIES, RetryingClient
from commands.live_demo.run import failures_of
from services.client import NoAnswerInTime, RequestRefused, ServiceUnreachable
from services.composition.parts import LATE
from services.schemas.common import Problem

LATE_NOTE = f"to_store {LATE}: answered from what is usual anywhere"
NOW = datetime(2026, 3, 12, 19, tzinfo=UTC)


class Clock:
    """Goes on while somebody sleeps."""

    def __init__(self) -> None:
        self.now_s = 0.0

    def __call__(self) -> float:
        return self.now_s

    def sleep(self, seconds: float) -> None:
        self.now_s += seconds


def patient(clock: Clock, alive: Callable[[], bool] = lambda: True) -> RetryingClient:
    return RetryingClient(alive=alive, sleep=clock.sleep, clock=clock)


def answers(*given: Any) -> Callable[[], list[str]]:
    """The notes of one answer after the other, or what is raised in its place."""
    left = list(given)

    def ask() -> list[str]:
        found = left.pop(0)
        if isinstance(found, Exception):
            raise found
        return cast(list[str], found)

    return ask


def refused(status: int) -> RequestRefused:
    return RequestRefused(status, Problem(error="refused", reason="no", field="", request_id="r"))


def test_a_late_answer_is_asked_for_again_until_it_is_whole() -> None:
    clock = Clock()
    asked = patient(clock)
    given = answers([LATE_NOTE], NoAnswerInTime("late"), refused(503), ServiceUnreachable("gone"),
                    ["store_id is 's9', which training did not see"])  # fmt: skip
    assert asked.ask("/eta", given, lambda notes: notes)[0].startswith("store_id")
    assert asked.late == {"/eta": 4}
    assert len(asked.latency_ms["/eta"]) == 2, "what was answered"
    assert 0.0 < clock.now_s < 10.0


def test_what_stays_late_is_taken_as_it_is_and_said() -> None:
    asked = patient(Clock())
    notes = asked.ask("/eta", answers(*[[LATE_NOTE]] * TRIES), lambda notes: notes)
    assert notes == [LATE_NOTE]
    asked.note("fallback", notes)
    assert asked.statuses == {"late": 1}
    assert asked.notes == []


@pytest.mark.parametrize("error", [ServiceUnreachable("gone"), refused(503)])
def test_a_service_that_has_died_is_not_waited_for(error: Exception) -> None:
    asked = patient(Clock(), alive=lambda: False)
    with pytest.raises(type(error)):
        asked.ask("/eta", answers(error), lambda notes: notes)


def test_a_refused_question_is_not_asked_again() -> None:
    asked = patient(Clock())
    with pytest.raises(RequestRefused):
        asked.ask("/eta", answers(refused(400)), lambda notes: notes)
    assert asked.late == {}


def test_patience_ends() -> None:
    clock = Clock()

    def never() -> list[str]:
        clock.sleep(10.0)
        raise NoAnswerInTime("late")

    with pytest.raises(NoAnswerInTime):
        patient(clock).ask("/eta", never, lambda notes: notes)
    assert PATIENCE_S < clock.now_s < 2.0 * PATIENCE_S


class LateClient:
    """Answers with what is usual at first, as a service does whose parts are late."""

    def __init__(self, late: int) -> None:
        self.late = late

    def eta(self, _request: object) -> Any:
        self.late -= 1
        poor = self.late >= 0
        value_s = 999.0 if poor else 600.0
        return SimpleNamespace(
            status="fallback" if poor else "ok",
            notes=[LATE_NOTE] if poor else [],
            stage="accepted",
            eta_s={str(level): value_s for level in FINE_LEVELS},
            expected_eta_s=value_s,
            expected_s={"to_store": value_s},
        )


def tracked(late: int) -> Tracking:
    asked = patient(Clock())
    city = SimpleNamespace(past=[], facts=lambda _: {"store_id": "s1"})
    tracking = Tracking(cast(Any, city), cast(Any, LateClient(late)), asked)
    event = SimpleNamespace(sample_id="o-1", event="accepted", retracted=False)
    tracking.estimate_after(cast(Any, [event]), NOW)
    return tracking


@pytest.mark.parametrize(
    ("late", "told_s", "statuses"), [(0, 600.0, {"ok": 1}), (3, 600.0, {"ok": 1}),
                                     (TRIES, 999.0, {"late": 1})],
)  # fmt: skip
def test_lateness_never_fails_the_demo(late: int, told_s: float, statuses: dict[str, int]) -> None:
    tracking = tracked(late)
    assert [one.expected_s for one in tracking.estimates] == [told_s]
    assert tracking.asked.statuses == statuses
    assert failed(tracking.asked, different=0, estimates=tracking.estimates) == []


def test_wrong_values_and_poor_answers_fail_the_demo() -> None:
    asked = patient(Clock())
    asked.note("ok", [])
    assert failed(asked, different=3) == ["3 of 100 feature values differ"]
    assert failed(asked, different=0, estimates=()) == ["the live hour has no orders"]
    asked.note("fallback", ["the model failed: answered from what is usual anywhere"])
    asked.note(None, ["order: unknown field"])
    (reason,) = failed(asked, different=0)
    assert reason.startswith("not all answers are ok: 1 fallback, 1 refused; first: fallback: the")


def failed(
    asked: RetryingClient, *, different: int, estimates: Sequence[object] = ("one",)
) -> list[str]:
    return failures_of(asked, len(estimates), FeatureComparison(values=100, different=different))
