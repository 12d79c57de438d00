"""A part of the log has the columns that pyarrow makes of its rows; pandas is not loaded for it.

Tests `services.prediction_log.table`.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta, timezone
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from services.prediction_log.table import Served, table_of
from tests.commands.running import ROOT

TIME = pa.timestamp("us", tz="UTC")
TEXTS = ("request_id", "trace_id", "service", "model_tag", "catalog_version", "fingerprint")


def served(row: int, **more: Any) -> Served:
    given: dict[str, Any] = {
        "time": 1_767_268_800.123456 + row,
        "request_id": f"r-{row}",
        "trace_id": "",
        "row": row,
        "service": "etp",
        "model_tag": "etp:ä",
        "catalog_version": "1.1.0",
        "fingerprint": "f",
        "sample_id": f"o-{row}",
        "as_of": datetime(2026, 3, 1, 12, row, 7, 123, tzinfo=UTC),
        "status": "ok",
        "notes": (),
        "order": {"amount": 1.5, "city": "Málaga", "zone": None},
        "names": ("a", "b"),
        "features": np.array([0.5, 1.5]),
        "mean_s": 600.5,
        "levels": (0.1, 0.5, 0.9),
        "quantiles_s": [1.0, 2.0, 3.0],
    }
    return Served(**{**given, **more})


def expected(rows: Sequence[Served]) -> pa.Table:
    """The same rows through pyarrow's own conversion of Python values."""
    columns: dict[str, Any] = {
        "time": pa.array([round(one.time * 1e6) for one in rows], pa.int64()).cast(TIME),
        "as_of": pa.array([one.as_of for one in rows], TIME),
        "row": pa.array([one.row for one in rows], pa.int32()),
        "sample_id": pa.array(
            [None if one.sample_id is None else str(one.sample_id) for one in rows], pa.string()
        ),
    }
    for name in (*TEXTS, "status"):
        columns[name] = pa.array([getattr(one, name) for one in rows], pa.string())
    columns["notes"] = pa.array([list(one.notes) for one in rows], pa.list_(pa.string()))
    orders = [json.dumps(one.order, separators=(",", ":"), ensure_ascii=False) for one in rows]
    columns["order"] = pa.array(orders, pa.string())
    columns["mean_s"] = pa.array([one.mean_s for one in rows], pa.float64())
    for name in ("levels", "quantiles_s"):
        columns[name] = pa.array([list(getattr(one, name)) for one in rows], pa.list_(pa.float64()))
    for j, name in enumerate(rows[0].names):
        values = [None if np.isnan(one.features[j]) else float(one.features[j]) for one in rows]
        columns[f"feature_{name}"] = pa.array(values, pa.float64())
    return pa.table(columns)


MADRID = datetime(2026, 3, 1, 12, tzinfo=timezone(timedelta(hours=1)))
UNKNOWN = np.array([np.nan, np.inf])


@pytest.mark.parametrize(
    "rows",
    [
        [served(0)],
        [served(i) for i in range(17)],
        [served(0, sample_id=None), served(1, sample_id=7), served(2, sample_id="")],
        [served(0, notes=["clipped: größer", ""]), served(1), served(2, notes=["b"])],
        [served(0, features=UNKNOWN), served(1), served(2, features=-UNKNOWN)],
        [served(i, names=(), features=np.empty(0)) for i in range(3)],
        [served(0, levels=(), quantiles_s=[]), served(1, levels=(0.5,), quantiles_s=[2.0])],
        [served(0, as_of=MADRID), served(1, mean_s=float("nan")), served(2, order={})],
    ],
)
def test_a_table_is_the_one_that_pyarrow_makes(rows: list[Served]) -> None:
    table = table_of(rows)
    table.validate(full=True)
    wanted = expected(rows)
    assert table.schema == wanted.schema
    if any(np.isnan(one.mean_s) for one in rows):  # a NaN equals nothing
        means = table["mean_s"].to_pylist()
        assert means == [pytest.approx(one.mean_s, nan_ok=True, abs=0.0) for one in rows]
        table, wanted = table.drop(["mean_s"]), wanted.drop(["mean_s"])
    assert table.equals(wanted)


def test_a_process_that_writes_a_part_does_not_load_pandas(tmp_path: Path) -> None:
    program = (
        "import sys, datetime, numpy as np\n"
        "from services.core.settings.logs import PredictionLogSettings\n"
        "from services.prediction_log.log import PredictionLog\n"
        "from services.prediction_log.table import Served\n"
        f"log = PredictionLog(PredictionLogSettings(folder={str(tmp_path)!r}), service='etp')\n"
        "log.add(Served(0.0, 'r', '', 0, 'etp', 'm', 'c', 'f', None,"
        " datetime.datetime.now(datetime.UTC), 'ok', ['note'], {'amount': 1.5}, ('a',),"
        " np.array([np.nan]), 1.0, (0.5,), [1.0]))\n"
        "log.close()\n"
        "print('pyarrow' in sys.modules, 'pandas' in sys.modules)\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", program],
        cwd=ROOT,
        env=dict(os.environ),
        capture_output=True,
        text=True,
        check=True,
    )
    assert done.stdout == "True False\n", done.stderr
    (part,) = tmp_path.glob("*.parquet")
    assert pq.read_table(part)["notes"].to_pylist() == [["note"]]
