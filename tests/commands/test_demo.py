"""`doorstep demo` runs by itself from nothing to a summary, and leaves nothing behind.

Tests `commands.live_demo.hour`, `commands.live_demo.summary` and `commands.live_demo.training`.
"""

from __future__ import annotations

import os
import re
import signal
from datetime import UTC, datetime
from pathlib import Path

import pandas as pd
import pytest

from commands.console.output import console
from commands.demo import demo
from commands.live_demo import run as demo_run
from commands.live_demo.board import Board, minutes, showing
from commands.live_demo.city import DemoCity, known_at, make_demo_city
from commands.live_demo.model_cache import ModelCache
from simulator import ORDERS, SOURCES, CityPlan, events_of, simulate
from tests.commands.running import traced_doorstep


@pytest.mark.slow
def test_the_demo_ends_by_itself_with_all_features_equal(tmp_path: Path) -> None:
    """On a machine that is busy, too: what is late is asked for again."""
    temporary = tmp_path / "temporary"
    temporary.mkdir()
    shown = traced_doorstep(
        "demo", "--days", "8", "--orders-per-day", "240", "--minutes", "12", "--rows", "3",
        module="tests.commands.demo_on_a_busy_machine",
        XDG_CACHE_HOME=str(tmp_path), TMPDIR=str(temporary),
    )  # fmt: skip
    assert shown.returncode == 0, shown.stdout + shown.stderr
    assert "Traceback" not in shown.stderr
    assert re.search(r"features as in training +[\d,]+ values compared: all equal", shown.stdout)
    assert re.search(r"Late, and asked again: \d+ of /eta\b", shown.stdout)
    for path in ("/eta", "/displayed_eta", "/courier_selection", "/courier_arrival"):
        assert re.search(rf"{path} +[\d,]+ over HTTP", shown.stdout), shown.stdout
    for caller in ("routing", "app", "partner"):
        assert re.search(rf"^{caller} +\d\d:\d\d:\d\d +BCN-\d+ ", shown.stdout, re.MULTILINE)
    # The later it is asked, the less is left to be wrong about.
    first, last = (
        int(found[1]) * 60 + int(found[2])
        for stage in ("accepted", "courier at customer")
        if (found := re.search(rf"^{stage} +\d+ +\S+ +(\d+):(\d\d) ", shown.stdout, re.MULTILINE))
    )
    assert last < first
    assert list(temporary.glob("doorstep-demo-*")) == []
    (kept,) = (tmp_path / "doorstep" / "demo").iterdir()
    assert ModelCache(kept.parent, kept.name).fetch(tmp_path / "home" / "models")


def test_a_terminated_demo_leaves_nothing_behind(monkeypatch: pytest.MonkeyPatch) -> None:
    ended = []

    def run(*, folder: Path, **_: object) -> list[str]:
        assert folder.is_dir()
        try:
            os.kill(os.getpid(), signal.SIGTERM)
        finally:
            ended.append(folder)
        return []

    monkeypatch.setattr(demo_run, "run_demo", run)
    monkeypatch.setenv("BENTOML_HOME", "anything")
    handler = signal.getsignal(signal.SIGTERM)
    try:
        with pytest.raises(SystemExit) as exited:
            demo(days=8, orders_per_day=200, live_minutes=5, seed=0, rows=1, keep=False)
    finally:
        signal.signal(signal.SIGTERM, handler)
    assert exited.value.code == 128 + signal.SIGTERM
    assert not ended[0].exists()


@pytest.fixture(scope="module")
def demo_city() -> DemoCity:
    return make_demo_city(days=3, orders_per_day=150, seed=4)


def test_the_past_and_the_live_hour_are_the_whole_stream(demo_city: DemoCity) -> None:
    ends = demo_city.now + pd.Timedelta(minutes=30)
    live = demo_city.go_on(ends)
    assert live == demo_city.live
    now_us = round(demo_city.now.timestamp() * 1e6)
    assert all(event.time_us <= now_us for event in demo_city.past)
    told = {
        (e.sample_id, e.event): e.time_us for e in (*demo_city.past, *live) if e.source == "orders"
    }
    for event in (*demo_city.past, *live):
        if event.retracted and told[event.sample_id, event.event] == event.time_us:
            del told[event.sample_id, event.event]
    table = demo_city.tables()["orders"].set_index("order_id")
    expected = {
        (order_id, name): round(at.timestamp() * 1e6)
        for name in SOURCES[0].events
        for order_id, at in table[name].dropna().items()
    }
    assert told == expected


def test_callers_say_what_the_table_has(demo_city: DemoCity) -> None:
    table = demo_city.simulation.tables["orders"]
    for row in table.iloc[[0, 100, -1]].to_dict("records"):
        facts = demo_city.facts(row["order_id"])
        assert {name: row[name] for name in facts} == facts
        assert demo_city.store_facts(row["store_id"])["store_zone"] == row["store_zone"]
        assert demo_city.distance_m(row["store_id"], row["order_id"]) == row["distance_m"]
    ridden = table.dropna(subset=["courier_id"]).iloc[0]
    assert demo_city.vehicle(ridden["courier_id"]) == ridden["vehicle"]


def test_what_was_known_has_nothing_of_the_future() -> None:
    plan = CityPlan(stores=4, days=2, seed=2)
    orders = simulate(plan)
    moment = pd.Timestamp(plan.start) + pd.Timedelta(hours=19)
    known = known_at(orders, moment.to_pydatetime())
    for event in ORDERS.events:
        assert not (known[event] >= moment).any(), event
    assert (known["courier_id"].notna() == known["courier_assigned"].notna()).all()
    seen = [(e.sample_id, e.event, e.time_us, dict(e.data)) for e in events_of(known)]
    expected = [
        (e.sample_id, e.event, e.time_us, dict(e.data))
        for e in events_of(orders, before=moment.to_pydatetime())
    ]
    assert seen == expected


def test_without_a_terminal_so_many_lines_are_printed(capsys: pytest.CaptureFixture[str]) -> None:
    at = datetime(2026, 3, 12, 19, 5, tzinfo=UTC)
    with console.capture() as printed, showing(2) as board:
        assert isinstance(board, Board)
        for k in range(4):
            board.line("app", at, f"order {k}", kept=k == 0)
        board.line("routing", at, "order 9", kept=None)
        board.status("not shown")
    lines = [line.split() for line in printed.get().splitlines()]
    assert lines == [
        ["app", "19:05:00", "order", "0", "✓"],
        ["app", "19:05:00", "order", "1", "✗"],
        ["routing", "19:05:00", "order", "9"],
    ]


@pytest.mark.parametrize(
    ("seconds", "text"), [(0.0, "0:00"), (59.6, "1:00"), (754.4, "12:34"), (-61.0, "-1:01")]
)
def test_minutes(seconds: float, text: str) -> None:
    assert minutes(seconds) == text
