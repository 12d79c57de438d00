"""An event store that is not there yet costs no estimate: answers say so, and it is awaited."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import bentoml
import pytest

from aggregators.errors import StoreError
from services.core.settings.models import EtaSettings
from services.eta import EtaService
from services.event_store.missing import MissingEventStore
from simulator import ORDERS
from tests.services.asgi import AsgiClient

MOMENT = "2026-03-08T19:02:00Z"


def test_whatever_is_asked_of_it_fails_as_a_store_does() -> None:
    event_store = MissingEventStore([ORDERS], "connection refused")
    event_store.check_source(ORDERS)
    for ask in (
        event_store.append,
        event_store.read,
        event_store.sample,
        event_store.samples,
        event_store.table,
        event_store.count,
    ):
        with pytest.raises(StoreError, match="connection refused"):
            ask(ORDERS, [])


def test_estimates_come_before_the_store_does(
    saved_eta: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "not" / "there" / "events.db"
    settings = EtaSettings(model=saved_eta, event_store=str(path))
    for name, value in settings.to_environment().items():
        monkeypatch.setenv(name, value)
    # The attempts are made here, when the test wants them.
    monkeypatch.setattr("services.bento.startup.RETRY_S", 1e6)
    order = {"store_id": "BCN-s0003", "city": "BCN", "products": 2}
    with AsgiClient(EtaService) as client:
        unready = client.get("/readyz")
        assert unready.status_code == 503
        assert "the service has no event store" in unready.json()["reason"]
        event = {
            "specversion": "1.0", "id": "1", "source": "orders", "type": "activated",
            "subject": "o-1", "time": MOMENT, "data": {"products": 2},
        }  # fmt: skip
        refused = client.post("/events", json=event)
        assert refused.status_code == 503
        assert "event store" in refused.json()["reason"]
        for path_of, body in (
            ("/eta", {"order_id": "o-1", "order": order}),
            ("/courier_arrival", {"orders": [{"order_id": "o-1", "order": order}]}),
            ("/displayed_eta", {"stores": {"store_id": ["BCN-s0003"]}, "order": {"city": "BCN"}}),
            (
                "/courier_selection",
                {"orders": {"order_id": ["o-1"]}, "couriers": {"courier_id": ["c-1", "c-2"]}},
            ),
        ):
            answer = client.post(path_of, json=body)
            assert answer.status_code == 200, answer.text
            assert '"degraded"' in answer.text or '"fallback"' in answer.text
        path.parent.mkdir(parents=True)
        assert service_of().complete()
        ready = client.get("/readyz")
        assert (ready.status_code, ready.json()) == (200, {"status": "ready", "notes": []})
        assert client.post("/events", json=event).json()["accepted"] == 1
        known = client.post("/eta", json={"order_id": "o-1", "as_of": "2026-03-08T19:03:00Z"})
        assert json.loads(known.content)["stage"] == "placed"


def service_of() -> Any:
    """The instance that answers."""
    return bentoml.get_current_service()
