"""Mend the types of ids and keys in an SQLite file, in one transaction."""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import NamedTuple

from aggregators.errors import StoreError
from aggregators.stores.records import Record
from aggregators.stores.sqlite.file import connect, prepare, transaction
from aggregators.stores.sqlite.types import set_types, typed_sources
from aggregators.stores.type_repair import MendPlan, MendResult, QuarantineFile, check_source
from aggregators.typing import SampleId

__all__ = ["mend_sqlite"]

_FETCH_ROWS = 10_000


class _Row(NamedTuple):
    seq: int
    sample_id: SampleId
    event: str
    record: Record


def mend_sqlite(
    path: str | Path, plan: MendPlan, quarantine: QuarantineFile, *, dry_run: bool = False
) -> MendResult:
    """Bring ids and keys of a source to their right types; processes that use the file follow.

    Appends wait meanwhile. Events that cannot be converted are written to a file before they are
    deleted from the store.

    Args:
        path: the store's file.
        plan: what the types shall be.
        quarantine: takes what cannot be converted.
        dry_run: change nothing, say what would be done.

    Raises:
        StoreError: there is no such store, it has no such source, or it cannot be changed.
    """
    if not Path(path).exists():
        raise StoreError(f"there is no event store {path}")
    with closing(connect(Path(path))) as connection:
        try:
            prepare(connection, Path(path))
            with transaction(connection):
                return _mend(connection, plan, quarantine, dry_run=dry_run)
        except sqlite3.Error as error:
            raise StoreError(f"cannot mend the event store {path}: {error}") from error


def _mend(
    connection: sqlite3.Connection, plan: MendPlan, quarantine: QuarantineFile, *, dry_run: bool
) -> MendResult:
    changed: list[tuple[SampleId, str, int]] = []
    refused: list[tuple[_Row, str]] = []
    n_rows = 0
    for row in _rows(connection, plan.source):
        n_rows += 1
        right = plan.apply(row.sample_id, row.record)
        if isinstance(right, str):
            refused.append((row, right))
        elif right != (row.sample_id, row.record):
            changed.append((right[0], json.dumps(dict(right[1].data)), row.seq))
    if not n_rows:
        there = connection.execute("SELECT DISTINCT source FROM events")
        check_source(plan, {*typed_sources(connection), *(source for (source,) in there)})
    if not dry_run:
        quarantine.write(plan.source, refused)
        connection.executemany("UPDATE events SET sample_id = ?, data = ? WHERE seq = ?", changed)
        connection.executemany("DELETE FROM events WHERE seq = ?", [(r.seq,) for r, _ in refused])
        set_types(connection, plan.source, plan.types)
    return MendResult(n_rows - len(changed) - len(refused), len(changed), len(refused))


def _rows(connection: sqlite3.Connection, source: str) -> Iterator[_Row]:
    cursor = connection.execute(
        "SELECT seq, sample_id, event, time_us, recorded_us, retracted, data FROM events"
        " WHERE source = ? ORDER BY seq",
        (source,),
    )
    while rows := cursor.fetchmany(_FETCH_ROWS):
        for seq, sample_id, event, time_us, recorded_us, retracted, data in rows:
            record = Record(time_us, recorded_us, retracted == 1, json.loads(data))
            yield _Row(seq, sample_id, event, record)
