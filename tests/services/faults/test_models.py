"""Services whose models are damaged or not there: they answer what is usual, and get well again."""

from __future__ import annotations

import json
import os
import shutil
from pathlib import Path
from typing import Any

import pytest

from aggregators import SqliteEventStore
from estimators.registry import models as registry
from services.composition.opening import sources_of
from tests.patient_http import http_client
from tests.services.faults.city import MOMENT, City, statuses
from tests.services.faults.questions import answers_of, is_well, notes_of, width_of
from tests.services.faults.running import process_of
from tests.waiting import wait_until

pytestmark = pytest.mark.slow

ORDER: dict[str, Any] = {"order": {"city": "WAW"}, "sample_id": None, "as_of": MOMENT.isoformat()}


@pytest.fixture
def home(tmp_path: Path, saved_eta: str) -> Path:
    """A model store of its own, with the tiny ETA."""
    assert saved_eta
    home = tmp_path / "bentoml"
    for model in (Path(os.environ["BENTOML_HOME"]) / "models").glob("eta*"):
        shutil.copytree(model, home / "models" / model.name, symlinks=True)
    return home


def files_of(home: Path, name: str) -> list[Path]:
    """What a model's estimator is read from; what is usual stands in another file."""
    return sorted((home / "models" / name).glob("*/estimator.json"))


def test_an_eta_lacks_the_part_whose_model_is_damaged_until_it_is_mended(
    home: Path, city: City, tmp_path: Path
) -> None:
    event_store = tmp_path / "events.db"
    events = SqliteEventStore(event_store, sources=sources_of(registry.load_eta("eta:latest")))
    city.fill(events)
    events.close()
    files = files_of(home, "eta_to_store")
    assert files
    good = [path.read_bytes() for path in files]
    for path, content in zip(files, good, strict=True):
        path.write_bytes(content[: len(content) // 2])
    with (
        process_of(
            "eta", str(event_store), tmp_path, {"BENTOML_HOME": str(home)}, ready_path="/livez"
        ) as service,
        http_client(service.url) as http,
    ):
        wait_until(lambda: "is starting" not in http.get("/readyz").text)
        damaged = answers_of(http, city)
        assert http.get("/readyz").status_code == 503
        for path, content in zip(files, good, strict=True):
            path.write_bytes(content)
        wait_until(lambda: is_well(http, city))
        assert http.get("/readyz").status_code == 200
        well = answers_of(http, city)
    for asked in ("/eta", "/courier_arrival", "/courier_selection"):
        assert "fallback" in statuses(damaged[asked]), asked
        assert set(well[asked]["models"]) - set(damaged[asked]["models"]) == {"to_store"}, asked
        assert any("to_store" in note for note in notes_of(damaged[asked])), asked
    assert width_of(damaged["/courier_arrival"]) > width_of(well["/courier_arrival"])


def test_a_service_without_a_model_says_so_until_there_is_one(home: Path, tmp_path: Path) -> None:
    (home / "models" / "eta_ready").rename(tmp_path / "away")
    damaged = sorted((tmp_path / "away").glob("*/estimator.json"))
    good = [path.read_text() for path in damaged]
    for path in damaged:
        path.write_text(json.dumps({"format": "of another time"}))
    with (
        process_of(
            "etp", "memory", tmp_path, {"BENTOML_HOME": str(home)}, ready_path="/livez"
        ) as service,
        http_client(service.url) as http,
    ):
        wait_until(lambda: "is starting" not in http.get("/readyz").text)
        refused = http.post("/predict", json=ORDER)
        assert refused.status_code == 503
        assert "no model" in refused.json()["reason"]
        assert refused.headers["retry-after"]
        assert http.get("/readyz").status_code == 503

        # The model cannot be read; what is usual, which was saved beside it, can.
        (tmp_path / "away").rename(home / "models" / "eta_ready")
        wait_until(lambda: http.post("/predict", json=ORDER).status_code == 200)
        usual = http.post("/predict", json=ORDER).json()
        assert usual["status"] == "fallback"
        assert usual["notes"]
        assert http.get("/readyz").status_code == 503

        for path, content in zip(files_of(home, "eta_ready"), good, strict=True):
            path.write_text(content)
        wait_until(lambda: http.get("/readyz").status_code == 200)
        assert http.post("/predict", json=ORDER).json()["status"] != "fallback"
