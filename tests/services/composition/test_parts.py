"""Asking parts: every row is answered in time, whatever becomes of those who are asked."""

from __future__ import annotations

import threading

from prometheus_client import CollectorRegistry

from services.composition.parts import Parts
from services.estimation.metrics import EstimateMetrics
from tests.services.doubling import INFO, USUAL, USUAL_S, Clock, Doubling, ask, medians, rows_of


def test_parts_of_this_process_answer_with_one_call_each() -> None:
    ready, parking = Doubling(), Doubling()
    parts = Parts({"ready": ready, "parking": parking})
    answers = ask(parts, ready=rows_of([30.0, 60.0]), parking=rows_of([5.0]))
    assert medians(answers["ready"]) == [30.0, 60.0]
    assert medians(answers["parking"]) == [5.0]
    assert (ready.asked, parking.asked) == ([2], [1])
    assert answers["ready"].status == ["ok", "ok"]
    assert answers["ready"].model == INFO


def test_many_rows_are_computed_beside_the_event_loop() -> None:
    threads: list[str] = []
    model = Doubling(lambda: threads.append(threading.current_thread().name))
    ask(Parts({"ready": model}), ready=rows_of([1.0]))
    ask(Parts({"ready": model}), ready=rows_of([1.0] * 200))
    assert threads[0] == threading.main_thread().name
    assert threads[1].startswith("computing")


def test_a_part_without_a_model_is_answered_by_what_is_usual() -> None:
    parts = Parts({}, fallbacks={"ready": USUAL})
    answer = ask(parts, ready=rows_of([1.0, 2.0]))["ready"]
    assert answer.status == ["fallback", "fallback"]
    assert answer.notes[0] == ["ready has no model: answered from what is usual anywhere"]
    assert answer.model is None
    assert medians(answer) == [USUAL_S, USUAL_S]


def test_the_answers_of_parts_are_counted_by_status() -> None:
    registry = CollectorRegistry()
    metrics = {"ready": EstimateMetrics("eta_ready", registry)}
    asked = rows_of([30.0, 40.0, 50.0], store_id=["s-1", 7, "s-2"])
    ask(Parts({"ready": Doubling()}, metrics=metrics), ready=asked)
    counted = {
        status: registry.get_sample_value(
            "doorstep_estimates_total", {"service": "eta_ready", "status": status}
        )
        for status in ("ok", "fallback")
    }
    assert counted == {"ok": 2.0, "fallback": 1.0}


def test_a_part_of_which_nothing_at_all_is_known_has_a_very_wide_range() -> None:
    low, high = ask(Parts({}), ready=rows_of([1.0]))["ready"].distribution.interval(0.9)
    assert low[0] < 120.0
    assert high[0] > 2_400.0


def test_a_part_that_fails_takes_no_other_with_it() -> None:
    def fail() -> None:
        raise RuntimeError("a mistake")

    parts = Parts({"ready": Doubling(fail), "parking": Doubling()}, fallbacks={"ready": USUAL})
    answers = ask(parts, ready=rows_of([1.0]), parking=rows_of([5.0]))
    assert answers["ready"].status == ["fallback"]
    assert answers["ready"].notes == {0: ["ready failed: answered from what is usual anywhere"]}
    assert answers["parking"].status == ["ok"]


def test_a_row_that_is_refused_is_answered_by_what_is_usual_alone() -> None:
    parts = Parts({"ready": Doubling()}, fallbacks={"ready": USUAL})
    asked = rows_of([30.0, 40.0, 50.0], store_id=["s-1", 7, "s-2"])
    answer = ask(parts, ready=asked)["ready"]
    assert answer.status == ["ok", "fallback", "ok"]
    assert medians(answer) == [30.0, USUAL_S, 50.0]
    assert answer.notes[1][0] == "ready: a store is a number"
    assert answer.notes[1][1].startswith("ready refused the row: ")
    assert set(answer.notes) == {1}


def test_what_comes_after_the_time_is_over_is_not_computed() -> None:
    clock = Clock()
    slow, late = Doubling(clock.go_on), Doubling()
    parts = Parts(
        {"ready": slow, "parking": late}, fallbacks={"parking": USUAL}, clock=clock, timeout_s=60.0
    )
    answers = ask(parts, ready=rows_of([30.0] * 9), parking=rows_of([5.0] * 9))
    assert set(answers["parking"].status) == {"fallback"}
    assert answers["parking"].notes[0][0].startswith("parking did not answer in time")
    assert late.asked == []
    assert set(answers["ready"].status) == {"ok"}
