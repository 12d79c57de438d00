"""Metrics need no more room on the disk once a process has begun."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from services.core.metrics_files import METRICS_FILE_BYTES
from tests.commands.running import ROOT

COUNT_ON_A_FULL_DISK = """
import resource
from prometheus_client import CollectorRegistry
from services.core.instruments import Instruments

instruments = Instruments(CollectorRegistry())
doors = instruments.counter("doors", "Doors that were opened.", "which")
doors.labels("first").inc()
resource.setrlimit(resource.RLIMIT_FSIZE, (1, 1))
for i in range(2000):
    doors.labels(f"a door with a rather long name, number {i}").inc()
print("counted")
"""


@pytest.mark.skipif(sys.platform != "linux", reason="allocates files as Linux does")
def test_new_labels_are_counted_where_no_file_can_grow(tmp_path: Path) -> None:
    done = subprocess.run(
        [sys.executable, "-c", COUNT_ON_A_FULL_DISK],
        cwd=ROOT,
        env={**os.environ, "PROMETHEUS_MULTIPROC_DIR": str(tmp_path)},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.stdout == "counted\n", done.stderr
    (file,) = tmp_path.glob("counter_*.db")
    found = file.stat()
    assert found.st_size == METRICS_FILE_BYTES
    assert found.st_blocks * 512 >= METRICS_FILE_BYTES  # no holes
