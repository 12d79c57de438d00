"""Write every served estimate to Parquet parts in a folder, in a background thread.

A request appends to a queue and continues. Queue and folder are bounded: if the queue is full, its
oldest estimates are dropped and counted; if the folder is full, its oldest parts are deleted. A
full disk causes log lines and a counter, never a failed answer.
"""

from __future__ import annotations

import contextlib
import logging
import math
import os
import threading
import time
from collections import deque
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path

from services.core.settings.logs import PredictionLogSettings
from services.prediction_log.metrics import PredictionLogMetrics
from services.prediction_log.table import Served, part_files, table_of

__all__ = ["PredictionLog"]

logger = logging.getLogger("doorstep.services")

MAX_QUEUED = 20_000
"""Estimates in the queue; beyond that, the oldest are dropped."""
PART_ROWS = 10_000
"""Rows at which a part is written before its interval has passed."""
_POLL_EVERY_S = 0.25
_RETRY_S = 10.0
_LOG_EVERY_S = 60.0
_CHUNK_ROWS = 200
_PAUSE_S = 0.001
_STALE_S = 3_600.0
_MB = 1024 * 1024
_MODE = 0o600
"""Estimates contain addresses of customers: only the user of the service can read them."""


class PredictionLog:
    """Writes estimates to a folder in a background thread.

    Args:
        settings: the folder and its limits.
        service: a part of the file names.
        metrics: count rows and failures; those of the process by default.
        clock: seconds that never run back; injected in tests.
    """

    def __init__(
        self,
        settings: PredictionLogSettings,
        *,
        service: str,
        metrics: PredictionLogMetrics | None = None,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._folder = Path(settings.folder)
        self._max_bytes = round(settings.max_mb * _MB)
        self._part_s = settings.part_s
        self._service = service
        self._metrics = PredictionLogMetrics.of_process() if metrics is None else metrics
        self._clock = clock
        self._queue: deque[Served] = deque(maxlen=MAX_QUEUED)
        self._added = 0
        self._taken = 0
        self._parts = 0
        self._logged_s = -math.inf
        self._failed = False
        self._next_s = clock() + self._part_s
        self._ends = threading.Event()
        self._writing = threading.Lock()
        self._thread = threading.Thread(target=self._run, name="prediction-log", daemon=True)
        self._thread.start()

    @classmethod
    def from_environment(cls, service: str) -> PredictionLog | None:
        """Return the log that this process's environment asks for, None where it asks for none.

        Raises:
            SettingError: a setting that cannot be.
        """
        settings = PredictionLogSettings.from_environment()
        return cls(settings, service=service) if settings.folder else None

    def add(self, served: Served) -> None:
        """Queue an estimate. Takes a microsecond and never blocks."""
        self._queue.append(served)  # drops the oldest where the queue is full
        self._added += 1

    def close(self) -> None:
        """Write the queue, then end the thread. A second call does nothing."""
        self._ends.set()
        self._thread.join()

    def write(self) -> None:
        """Write the queue now, as one part per model."""
        import pyarrow as pa

        with self._writing:
            self._failed = False
            rows = self._take()
            for part in _by_model(rows):
                try:
                    self._write_part(part)
                except OSError as error:  # the disk: it may have room again later
                    self._failed = True
                    self._metrics.count_failure()
                    self._complain(error)
                    self._put_back(part)
                except (ValueError, TypeError, pa.ArrowException):  # the rows will not change
                    self._metrics.count_failure()
                    self._metrics.count_dropped(len(part))
                    logger.exception("%d estimates cannot be logged", len(part))
                else:
                    self._metrics.count_written(len(part))
            if rows:
                try:
                    self._make_room()
                except OSError as error:
                    self._complain(error)
            pause_s = max(self._part_s, _RETRY_S) if self._failed else self._part_s
            self._next_s = self._clock() + pause_s

    def is_due(self, now_s: float) -> bool:
        """Return whether to write now.

        A part is written when it is full or its interval has passed. After a failure only the
        interval counts: a full disk must not keep the processor busy.
        """
        full = len(self._queue) >= PART_ROWS and not self._failed
        return full or now_s >= self._next_s

    def _run(self) -> None:
        while not self._ends.wait(_POLL_EVERY_S):
            if self.is_due(self._clock()):
                self._write_safely()
        self._write_safely()

    def _write_safely(self) -> None:
        try:
            self.write()
        except Exception:  # a mistake of ours must not end the thread, or the service
            self._metrics.count_failure()
            logger.exception("estimates could not be logged")

    def _take(self) -> list[Served]:
        """Take the queue, and count dropped estimates."""
        rows: list[Served] = []
        while self._queue and len(rows) < MAX_QUEUED:
            rows.append(self._queue.popleft())
        # What was added is here, was taken before, or is lost. Additions of several threads at
        # once may be counted once; then fewer are said to be lost.
        self._taken += len(rows)
        lost = self._added - self._taken - len(self._queue)
        if lost > 0:
            self._metrics.count_dropped(lost)
            self._taken += lost
        return rows

    def _put_back(self, rows: list[Served]) -> None:
        """Put rows back into the queue, the latest first, as far as there is room."""
        room = MAX_QUEUED - len(self._queue)
        kept = rows[-room:] if room > 0 else []
        self._queue.extendleft(reversed(kept))
        self._taken -= len(kept)
        self._metrics.count_dropped(len(rows) - len(kept))

    def _write_part(self, rows: list[Served]) -> None:
        import pyarrow as pa
        import pyarrow.parquet as pq

        tables: list[pa.Table] = []
        for i in range(0, len(rows), _CHUNK_ROWS):
            tables.append(table_of(rows[i : i + _CHUNK_ROWS]))
            time.sleep(_PAUSE_S)  # requests go first
        self._folder.mkdir(parents=True, exist_ok=True)
        moment = datetime.fromtimestamp(rows[0].time, UTC).strftime("%Y%m%dT%H%M%S.%fZ")
        name = f"predictions-{moment}-{self._service}-{os.getpid()}-{self._parts}.parquet"
        self._parts += 1
        temporary = self._folder / f".{name}.tmp"
        try:
            temporary.touch(_MODE, exist_ok=False)
            pq.write_table(pa.concat_tables(tables), temporary, compression="zstd")
            with temporary.open("rb") as written:
                os.fsync(written.fileno())
            temporary.replace(self._folder / name)
        finally:
            temporary.unlink(missing_ok=True)

    def _make_room(self) -> None:
        """Delete the oldest parts beyond the limit, and incomplete files of dead writers."""
        sizes: list[tuple[Path, int]] = []
        for path in part_files(self._folder):
            with contextlib.suppress(FileNotFoundError):  # another process deleted it
                sizes.append((path, path.stat().st_size))
        size = sum(one for _, one in sizes)
        deleted = 0
        for path, one in sizes[:-1]:  # the newest stays, however large it is
            if size <= self._max_bytes:
                break
            path.unlink(missing_ok=True)
            size -= one
            deleted += 1
        self._metrics.count_deleted(deleted)
        self._metrics.set_bytes(size)
        for path in self._folder.glob(".predictions-*.tmp"):
            with contextlib.suppress(FileNotFoundError):
                if time.time() - path.stat().st_mtime > _STALE_S:
                    path.unlink()

    def _complain(self, error: Exception) -> None:
        """Log a failure, at most once a minute."""
        now_s = self._clock()
        if now_s - self._logged_s >= _LOG_EVERY_S:
            self._logged_s = now_s
            logger.error("estimates cannot be logged in %s: %s", self._folder, error)


def _by_model(rows: list[Served]) -> list[list[Served]]:
    """Group estimates by model, in their order: a part has the columns of one model."""
    parts: dict[tuple[object, str], list[Served]] = {}
    for one in rows:
        parts.setdefault((one.names, one.model_tag), []).append(one)
    return list(parts.values())
