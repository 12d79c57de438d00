"""`doorstep demo` runs by itself from nothing to a summary, and leaves nothing behind."""

from __future__ import annotations

import re
import tempfile
from pathlib import Path

import pandas as pd
import pytest

from commands.demo_report import minutes
from commands.demo_run import known_at
from simulator import ORDERS, CityPlan, events_of, simulate
from tests.commands.running import doorstep


@pytest.mark.slow
def test_the_demo_ends_by_itself_with_all_features_equal() -> None:
    before = set(Path(tempfile.gettempdir()).glob("doorstep-demo-*"))
    shown = doorstep("demo", "--stores", "6", "--days", "8", "--rows", "5", timeout_s=180.0)
    assert shown.returncode == 0, shown.stdout + shown.stderr
    assert "Traceback" not in shown.stderr
    assert re.search(r"features as in training +[\d,]+ values compared: all equal", shown.stdout)
    error_s, constant_s = map(
        int, re.findall(r"(\d+) s; always saying .* would be (\d+) s off", shown.stdout)[0]
    )
    assert error_s < constant_s
    assert shown.stdout.count(" to ") >= 5
    assert set(Path(tempfile.gettempdir()).glob("doorstep-demo-*")) == before


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


@pytest.mark.parametrize(
    ("seconds", "text"), [(0.0, "0:00"), (59.6, "1:00"), (754.4, "12:34"), (-61.0, "-1:01")]
)
def test_minutes(seconds: float, text: str) -> None:
    assert minutes(seconds) == text
