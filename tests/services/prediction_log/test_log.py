"""The log of estimates: what goes in comes out; it is bounded, and its failures cost no answer."""

from __future__ import annotations

import os
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import duckdb
import numpy as np
import pytest
from prometheus_client import CollectorRegistry

from services.core.errors import SettingError
from services.core.settings.logs import PredictionLogSettings
from services.prediction_log import log as module
from services.prediction_log.log import PredictionLog
from services.prediction_log.metrics import PredictionLogMetrics
from services.prediction_log.table import PredictionLogError, Served, part_files, read_predictions
from tests.waiting import wait_until

NOON = datetime(2026, 3, 2, 12, tzinfo=UTC)
NAMES = ("open_orders", "city_mean_s")


def served(number: int = 0, **changes: Any) -> Served:
    """An estimate, so many seconds after noon."""
    one = Served(
        time=NOON.timestamp() + number,
        request_id=f"r-{number}",
        trace_id="0af7651916cd43dd8448eb211c80319c",
        row=0,
        service="etp",
        model_tag="etp:1",
        catalog_version="1.2.3",
        fingerprint="f",
        sample_id=None if number % 2 else f"o-{number}",
        as_of=NOON,
        status="ok",
        notes=[],
        order={"store_id": "s-1", "amount": 2.5},
        names=NAMES,
        features=np.array([float(number), np.nan]),
        mean_s=600.0 + number,
        levels=[0.1, 0.9],
        quantiles_s=[300.0, 900.0],
    )
    return replace(one, **changes)


class Log:
    """A log that writes when it is told to, and what it counts."""

    def __init__(self, folder: Path, **settings: Any) -> None:
        self.registry = CollectorRegistry()
        self.log = PredictionLog(
            PredictionLogSettings(folder=str(folder), **{"part_s": 1e6, **settings}),
            service="etp",
            metrics=PredictionLogMetrics(self.registry),
        )

    def counted(self, name: str) -> float | None:
        return self.registry.get_sample_value(f"doorstep_prediction_log_{name}")


@contextmanager
def logging_to(folder: Path, **settings: Any) -> Iterator[Log]:
    log = Log(folder, **settings)
    try:
        yield log
    finally:
        log.log.close()


def test_what_was_served_is_read_back(tmp_path: Path) -> None:
    folder = tmp_path / "log"
    with logging_to(folder) as log:
        for number in range(3):
            log.log.add(served(number, notes=["amount is missing"] if number == 2 else []))
        log.log.write()
        assert log.counted("rows_total") == 3.0
    frame = read_predictions(folder)
    assert frame["request_id"].tolist() == ["r-0", "r-1", "r-2"]
    assert [moment.to_pydatetime() for moment in frame["time"]] == [
        NOON + timedelta(seconds=number) for number in range(3)
    ]
    assert frame["sample_id"].tolist()[::2] == ["o-0", "o-2"]
    assert frame["sample_id"].isna().tolist() == [False, True, False]
    assert frame["feature_open_orders"].tolist() == [0.0, 1.0, 2.0]
    assert frame["feature_city_mean_s"].isna().all()
    assert frame["mean_s"].tolist() == [600.0, 601.0, 602.0]
    assert frame["quantiles_s"].iloc[0].tolist() == [300.0, 900.0]
    assert frame["notes"].iloc[2].tolist() == ["amount is missing"]
    assert frame["order"].iloc[0] == '{"store_id":"s-1","amount":2.5}'
    assert not [path for path in folder.iterdir() if path.suffix != ".parquet"]


def test_models_that_take_turns_have_one_part_each(tmp_path: Path) -> None:
    with logging_to(tmp_path) as log:
        for interval in range(2):
            for number in range(300):
                model = f"etp:{1 + number % 3}"
                log.log.add(served(300 * interval + number, model_tag=model))
            log.log.write()
            assert len(part_files(tmp_path)) == 3 * (interval + 1)
        assert log.counted("rows_total") == 600.0
    frame = read_predictions(tmp_path)
    assert sorted(frame["request_id"]) == sorted(f"r-{number}" for number in range(600))
    assert frame["model_tag"].value_counts().tolist() == [200] * 3


@pytest.mark.parametrize("umask", [0o000, 0o022, 0o077])
def test_nobody_else_reads_the_parts(tmp_path: Path, umask: int) -> None:
    before = os.umask(umask)
    try:
        with logging_to(tmp_path / "log") as log:
            log.log.add(served())
    finally:
        os.umask(before)
    (part,) = part_files(tmp_path / "log")
    assert part.stat().st_mode & 0o777 == 0o600


def test_models_with_other_features_stand_side_by_side(tmp_path: Path) -> None:
    with logging_to(tmp_path) as log:
        log.log.add(served(0))
        log.log.add(served(1, model_tag="etp:2", names=("rain_mm",), features=np.array([4.0])))
        log.log.write()
    assert len(part_files(tmp_path)) == 2
    frame = read_predictions(tmp_path)
    assert frame["model_tag"].tolist() == ["etp:1", "etp:2"]
    np.testing.assert_array_equal(frame["feature_rain_mm"], [np.nan, 4.0])
    np.testing.assert_array_equal(frame["feature_open_orders"], [0.0, np.nan])
    query = f"select count(feature_rain_mm) from read_parquet('{tmp_path}/predictions-*.parquet',"
    counted = duckdb.sql(query + " union_by_name = true)")
    assert counted is not None
    assert counted.fetchall() == [(1,)]


def test_part_of_a_log_is_read(tmp_path: Path) -> None:
    with logging_to(tmp_path) as log:
        for number in range(4):
            log.log.add(served(number, service="eta" if number == 2 else "etp"))
        log.log.write()
    frame = read_predictions(
        tmp_path,
        service="etp",
        start=NOON + timedelta(seconds=1),
        end=NOON + timedelta(seconds=3),
        columns=["mean_s"],
    )
    assert list(frame.columns) == ["mean_s"]
    assert frame["mean_s"].tolist() == [601.0]
    with pytest.raises(PredictionLogError, match="no part of the log has feature_x"):
        read_predictions(tmp_path, columns=["feature_x"])
    with pytest.raises(PredictionLogError, match="no timezone"):
        read_predictions(tmp_path, start=datetime(2026, 3, 2))  # noqa: DTZ001
    with pytest.raises(PredictionLogError, match="no folder"):
        read_predictions(tmp_path / "none")
    assert read_predictions(tmp_path, start=NOON + timedelta(days=1)).empty


def test_what_waits_is_written_at_the_end_and_after_a_while(tmp_path: Path) -> None:
    with logging_to(tmp_path, part_s=0.01) as log:
        log.log.add(served())
        wait_until(lambda: part_files(tmp_path))
        log.log.add(served(1))
    assert len(read_predictions(tmp_path)) == 2


def test_a_full_part_is_written_before_its_time(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "PART_ROWS", 5)
    with logging_to(tmp_path) as log:
        for number in range(5):
            log.log.add(served(number))
        wait_until(lambda: part_files(tmp_path))


def test_too_many_at_once_drop_the_oldest(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "MAX_QUEUED", 10)
    monkeypatch.setattr(module, "PART_ROWS", 10**9)
    with logging_to(tmp_path) as log:
        for number in range(25):
            log.log.add(served(number))
        log.log.write()
        assert log.counted("dropped_total") == 15.0
        log.log.add(served(25))
        log.log.write()
        assert log.counted("dropped_total") == 15.0
    assert read_predictions(tmp_path)["mean_s"].tolist() == [600.0 + n for n in range(15, 26)]


def test_a_disk_that_takes_nothing_costs_no_rows_while_there_is_room_to_wait(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(module, "MAX_QUEUED", 10)
    monkeypatch.setattr(module, "PART_ROWS", 10**9)
    folder = tmp_path / "log"
    folder.write_text("in the way", encoding="utf-8")
    with logging_to(folder) as log:
        for number in range(3):
            log.log.add(served(number))
        log.log.write()
        log.log.write()
        assert log.counted("failures_total") == 2.0
        assert log.counted("rows_total") == 0.0
        complaints = [r for r in caplog.records if "cannot be logged" in r.getMessage()]
        assert len(complaints) == 1
        folder.unlink()
        log.log.write()
        assert log.counted("rows_total") == 3.0
        assert log.counted("dropped_total") == 0.0
    assert read_predictions(folder)["request_id"].tolist() == ["r-0", "r-1", "r-2"]


def test_a_disk_that_takes_nothing_is_left_alone_for_a_while(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "PART_ROWS", 2)
    monkeypatch.setattr(module, "_POLL_EVERY_S", 1e6)  # the test itself says when
    folder, now_s = tmp_path / "log", 100.0
    folder.write_text("in the way", encoding="utf-8")
    log = PredictionLog(
        PredictionLogSettings(folder=str(folder), part_s=60.0),
        service="etp",
        metrics=PredictionLogMetrics(CollectorRegistry()),
        clock=lambda: now_s,
    )
    log.add(served(0))
    assert not log.is_due(now_s)
    log.add(served(1))
    assert log.is_due(now_s)
    log.write()
    assert not log.is_due(now_s + 59.0)
    assert log.is_due(now_s + 60.0)
    folder.unlink()
    log.write()
    log.add(served(2))
    log.add(served(3))
    assert log.is_due(now_s)
    log.close()
    assert len(read_predictions(folder)) == 4


def test_a_disk_that_is_full_leaves_nothing_half_written(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(table: Any, where: Path, **options: Any) -> None:
        where.write_bytes(b"half")
        raise OSError(28, "No space left on device")

    with logging_to(tmp_path) as log:
        log.log.add(served())
        with monkeypatch.context() as patched:
            patched.setattr("pyarrow.parquet.write_table", full)
            log.log.write()
        assert list(tmp_path.iterdir()) == []
        assert log.counted("failures_total") == 1.0
        log.log.write()
    assert len(read_predictions(tmp_path)) == 1


def test_rows_that_no_table_holds_do_not_stop_the_others(tmp_path: Path) -> None:
    with logging_to(tmp_path) as log:
        log.log.add(served(0, model_tag="bad", request_id="\ud800"))
        log.log.add(served(1))
        log.log.write()
        assert log.counted("dropped_total") == 1.0
    assert read_predictions(tmp_path)["request_id"].tolist() == ["r-1"]


def test_the_oldest_parts_make_room(tmp_path: Path) -> None:
    with logging_to(tmp_path) as log:
        log.log.add(served(0))
        log.log.write()
    size = part_files(tmp_path)[0].stat().st_size
    stranger = tmp_path / "notes.txt"
    stranger.write_bytes(b"x" * 10 * size)
    with logging_to(tmp_path, max_mb=3.5 * size / module._MB) as log:
        for number in range(1, 6):
            log.log.add(served(number))
            log.log.write()
        assert log.counted("deleted_parts_total") == 3.0
        assert log.counted("bytes") == sum(path.stat().st_size for path in part_files(tmp_path))
    assert read_predictions(tmp_path)["request_id"].tolist() == ["r-3", "r-4", "r-5"]
    assert stranger.exists()


def test_what_a_killed_writer_left_is_cleared_away(tmp_path: Path) -> None:
    old, new = tmp_path / ".predictions-1.tmp", tmp_path / ".predictions-2.tmp"
    for path in (old, new):
        path.write_bytes(b"half")
    hours_ago = time.time() - 2 * module._STALE_S
    os.utime(old, (hours_ago, hours_ago))
    with logging_to(tmp_path) as log:
        log.log.add(served())
        log.log.write()
    assert not old.exists()
    assert new.exists()  # of another process that is writing now


@pytest.mark.parametrize(
    "name", ["DOORSTEP_PREDICTION_LOG_MAX_MB", "DOORSTEP_PREDICTION_LOG_PART_S"]
)
@pytest.mark.parametrize("value", ["0", "-1", "much", "inf", "nan"])
def test_settings_that_cannot_be_are_refused(name: str, value: str) -> None:
    with pytest.raises(SettingError, match="above 0"):
        PredictionLogSettings.from_environment({name: value})
