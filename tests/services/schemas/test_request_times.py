"""Moments in requests: taken within the span of sensible times, refused by their field outside."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import numpy as np
import pytest

from estimators.core.local_time import local_time, local_times
from services.core.errors import InvalidRequest, SettingError, Unavailable
from services.core.settings.events import EventSettings
from services.core.settings.models import EtpSettings
from services.schemas.request_times import moment_of, us_of
from tests.services.building import at, cloud_event, make_store
from tests.services.intake.test_intake import take
from tests.spans import spanning

FIRST = datetime(1, 1, 1, tzinfo=UTC)
LAST = datetime(9999, 12, 31, 23, 59, 59, tzinfo=UTC)


@pytest.mark.parametrize("moment", [FIRST, LAST, datetime.fromisoformat("0001-01-01T00:00+14:00")])
def test_a_moment_outside_the_span_is_refused_with_its_field(moment: datetime) -> None:
    for refused in (lambda: moment_of(moment), lambda: us_of(moment, "as_of")):
        with pytest.raises(InvalidRequest, match="outside the span") as caught:
            refused()
        assert caught.value.field == "as_of"


def test_a_moment_is_given_in_utc_and_is_the_present_one_by_default() -> None:
    assert moment_of(datetime.fromisoformat("2026-03-02T14:00+02:00")) == at(0)
    assert moment_of(None, lambda: at(5)) == at(5)


def test_a_machine_whose_clock_is_wrong_says_so() -> None:
    with pytest.raises(Unavailable, match="this machine's clock is 1970"):
        moment_of(None, lambda: datetime(1970, 1, 1, tzinfo=UTC))


@pytest.mark.parametrize("zone", ["Pacific/Kiritimati", "Etc/GMT+12", "Asia/Kathmandu"])
def test_the_widest_span_has_a_local_time_everywhere(zone: str) -> None:
    with spanning("0002-01-01/9999-01-01"):
        for text in ("0002-01-01T00:00Z", "9998-12-31T23:59:59.999999Z"):
            time_us = us_of(datetime.fromisoformat(text), "as_of")
            hour, weekday = local_time(zone, time_us)
            hours, weekdays = local_times([zone], np.zeros(1, np.int64), np.array([time_us]))
            assert 0.0 <= hour == hours[0] < 24.0
            assert weekday == weekdays[0] in range(7)


def test_only_the_event_with_such_a_time_is_refused() -> None:
    odd: list[dict[str, Any]] = [
        {"time": "0001-01-01T00:00:00Z"},
        {"time": "1970-01-21T10:53:45Z"},
        {"recordedtime": "9999-12-31T23:59:59Z"},
    ]
    answer = take(make_store(), *[cloud_event(id="x", **one) for one in odd], cloud_event(id="g"))
    assert [status.status for status in answer.events] == ["refused"] * 3 + ["accepted"]
    assert [status.field for status in answer.events] == ["time", "time", "recordedtime", ""]
    assert "milliseconds read as microseconds" in answer.events[1].reason


@pytest.mark.parametrize("settings", [EventSettings, EtpSettings])
def test_a_span_that_is_none_is_found_at_start(settings: Any) -> None:
    with pytest.raises(SettingError, match=r"DOORSTEP_TIME_SPAN: time span '2000'"):
        settings.from_environment({"DOORSTEP_TIME_SPAN": "2000"})
