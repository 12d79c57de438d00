"""`doorstep import`: times of any file have the bits that events have, and are sensible ones."""

from __future__ import annotations

from pathlib import Path

import pandas as pd
import pytest

from aggregators import SqliteEventStore
from aggregators.catalog import ORDERS
from tests.commands.running import doorstep

HEAD = "order_id,store_id,dispatched,accepted"
TIMES = ("2026-03-02T12:00:00.000000900Z", "2026-03-02T12:05:00.000000100Z")


@pytest.mark.parametrize("kind", ["csv", "parquet"])
def test_nine_digits_are_cut(tmp_path: Path, kind: str) -> None:
    path = tmp_path / f"orders.{kind}"
    if kind == "csv":
        path.write_text(f"{HEAD}\no-1,s-1,{','.join(TIMES)}\n")
    else:
        times = pd.to_datetime(list(TIMES), utc=True).as_unit("ns")
        pd.DataFrame(
            {"order_id": ["o-1"], "store_id": "s-1", "dispatched": times[:1], "accepted": times[1:]}
        ).to_parquet(path)
    done = doorstep("import", "--table", str(path), "--store", str(tmp_path / "events.db"))
    assert done.returncode == 0, done.stderr
    with SqliteEventStore(tmp_path / "events.db", [ORDERS]) as store:
        (row,) = store.table(ORDERS).to_dict("records")
    assert (row["accepted"] - row["dispatched"]).total_seconds() == 300.0


def test_times_that_are_not_sensible_are_refused_with_row_and_unit(tmp_path: Path) -> None:
    path = tmp_path / "orders.csv"
    path.write_text(f"{HEAD}\no-1,s-1,1970-01-21T10:53:45Z,\n")
    done = doorstep("import", "--table", str(path), "--store", str(tmp_path / "events.db"))
    assert done.returncode == 1
    message = " ".join(done.stderr.split())
    assert "column 'dispatched', row 1 (line 2) is 1970-01-21" in message
    assert "milliseconds read as microseconds" in message
    assert "Traceback" not in message
