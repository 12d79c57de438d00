"""``doorstep store mend``: an old store gets the types that it should have had."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path

from aggregators import Event, SqliteEventStore
from aggregators.catalog import ORDERS
from tests.commands.running import traced_doorstep

NOON = datetime(2026, 3, 2, 12, tzinfo=UTC)


def filled(path: Path) -> None:
    with SqliteEventStore(path, [ORDERS]) as store:
        store.append(
            [
                Event("orders", "o-1", "activated", NOON, {"store_id": "3", "city": "BCN"}),
                Event("orders", "o-2", "activated", NOON, {"store_id": "three"}),
                Event("orders", "o-2", "ready", NOON),
            ]
        )


def test_a_store_is_mended(tmp_path: Path) -> None:
    path, aside = tmp_path / "events.db", tmp_path / "aside.jsonl"
    filled(path)
    options = ("--type", "orders.store_id=integer", "--aside", str(aside))
    shown = traced_doorstep("store", "mend", str(path), *options, "--dry-run").stdout
    assert "1 events would be converted, 1 would be set aside" in shown
    assert not aside.exists()
    shown = traced_doorstep("store", "mend", str(path), *options).stdout
    assert "orders: 1 events converted, 1 set aside in" in shown
    assert "three" in aside.read_text()
    with SqliteEventStore(path, [ORDERS]) as store:
        right = Event("orders", "o-3", "activated", NOON, {"store_id": 4})
        assert store.append([right]).applied == 1
        assert store.table(ORDERS)["store_id"].dropna().tolist() == [3, 4]


def test_what_cannot_be_mended_is_said(tmp_path: Path) -> None:
    path = tmp_path / "events.db"
    filled(path)
    for options, reason in (
        ((), "nothing to mend: expected --type"),
        (("--type", "orders.store_id=number"), "expected SOURCE=integer"),
        (("--type", "order.store_id=integer"), "no source 'order'; expected one of orders"),
        (("--times", "order", "--dry-run"), "no source 'order'; expected one of orders"),
    ):
        done = traced_doorstep("store", "mend", str(path), *options)
        assert done.returncode == 1
        assert reason in done.stderr
    missing = str(tmp_path / "none.db")
    shown = traced_doorstep("store", "mend", missing, "--type", "orders=string").stderr
    assert "there is no event store" in shown
