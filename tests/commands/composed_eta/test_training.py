"""`doorstep train eta`, and what the other commands make of its models.

Training is tested with the estimators; here the tiny ETA of the session replaces it. Scoring is
commands.composed_eta.evaluation, the reports of both are commands.composed_eta.report.
"""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner

from commands.main import app
from estimators import Dataset
from estimators.eta import training as eta_training
from estimators.eta.model import ETA_PARTS
from estimators.eta.trained import TrainedEta
from estimators.training.tuning import Tuning

CITIES = ("--orders", "3000", "--days", "8", "--seed", "107")
"""The orders of the tiny ETA."""


def invoked(*arguments: str) -> str:
    shown = CliRunner(env={"COLUMNS": "160"}).invoke(app, arguments)
    assert shown.exit_code == 0, shown.output
    return shown.stdout


@pytest.fixture
def asked(monkeypatch: pytest.MonkeyPatch, trained_eta: TrainedEta) -> dict[str, Any]:
    """What the command passes to the training, which gives the tiny ETA."""
    found: dict[str, Any] = {}

    def trained(dataset: Dataset, **options: Any) -> TrainedEta:
        options.pop("progress")("features", 1.0)
        found.update(options, dataset=dataset)
        return trained_eta

    monkeypatch.setattr(eta_training, "train_eta", trained)
    return found


def test_an_eta_is_trained_and_saved(
    asked: dict[str, Any], trained_eta: TrainedEta, eta_dataset: Dataset, tmp_path: Path
) -> None:
    metrics = tmp_path / "metrics.json"
    shown = invoked(
        *("train", "eta", *CITIES, "--threads", "1", "--per-order", "2", "--moments", "9000"),
        *("--no-baselines", "--metrics", str(metrics)),
    )
    assert "saved as eta:" in shown
    assert asked.pop("dataset").fingerprint == eta_dataset.fingerprint
    assert asked == {
        "num_threads": 1,
        "seed": 107,
        "per_order": 2.0,
        "rows_max": 9_000,
        "baselines": False,
        "tuning": None,
    }
    written = json.loads(metrics.read_text(encoding="utf-8"))
    assert written["report"] == trained_eta.report.to_json()
    listed = json.loads(invoked("models", "--json"))
    assert {one["tag"].partition(":")[0] for one in listed} >= {
        "eta", *(f"eta_{part}" for part in ETA_PARTS)
    }  # fmt: skip


def test_an_eta_need_not_be_saved(asked: dict[str, Any], tmp_path: Path) -> None:
    assert "saved as" not in invoked("train", "eta", *CITIES, "--no-save")
    shown = CliRunner().invoke(app, ["train", "eta", "--metrics", str(tmp_path / "m.txt")])
    assert shown.exit_code == 1
    assert ".json" in shown.output


def test_a_search_is_passed_on_and_told(
    monkeypatch: pytest.MonkeyPatch, trained_eta: TrainedEta, tmp_path: Path
) -> None:
    record = {
        "method": "optuna", "objective": "crps_s", "trials": 2, "rows_scored": 1_234,
        "default": 180.26, "best": 178.04,
        "parameters": {"learning_rate": 0.0604, "leaves": 12},
    }  # fmt: skip
    asked: list[Tuning] = []

    def trained(_dataset: Dataset, *, tuning: Tuning, **_options: Any) -> TrainedEta:
        asked.append(tuning)
        return replace(trained_eta, metadata={**trained_eta.metadata, "tuning": {"ready": record}})

    monkeypatch.setattr(eta_training, "train_eta", trained)
    search = ("train", "eta", *CITIES, "--no-save", "--tune", "2", "--tune-minutes", "1.5")
    told = (
        "ready: tuned in 2 trials on 1,234 rows of the training period: CRPS 180.3 s by default,"
        " 178.0 s with learning_rate 0.0604, leaves 12"
    )
    assert told in " ".join(invoked(*search).split())
    page = tmp_path / "page.html"
    document = json.loads(invoked(*search, "--json", "--report", str(page)))
    assert document["metadata"]["tuning"] == {"ready": record}
    assert "parameters searched on inner splits" in page.read_text(encoding="utf-8")
    assert asked == [Tuning(trials=2, time_limit_s=90.0)] * 2


def test_a_time_limit_needs_a_search(asked: dict[str, Any]) -> None:
    shown = CliRunner().invoke(app, ["train", "eta", *CITIES, "--tune-minutes", "5"])
    assert shown.exit_code == 1
    assert "pass --tune N, too" in shown.output
    assert not asked


def test_a_saved_eta_scores_the_same_again(asked: dict[str, Any], saved_eta: str) -> None:
    scores = [line for line in invoked("train", "eta", *CITIES, "--no-save").splitlines() if line]
    for shown in (
        invoked("evaluate", "--model", saved_eta, *CITIES),
        invoked("models", "show", saved_eta),
    ):
        lines = shown.splitlines()
        assert [line for line in scores if line not in lines] == []
    assert len(scores) > 4 * 9


def test_an_eta_says_what_it_is_made_of(saved_eta: str) -> None:
    shown = invoked("models", "show", saved_eta)
    assert all(f"eta_{part}:" in shown for part in ETA_PARTS)
    assert json.loads(invoked("models", "show", saved_eta, "--json"))["parts"]


def test_a_part_is_evaluated_with_the_whole(saved_eta: str) -> None:
    shown = CliRunner().invoke(app, ["evaluate", "--model", "eta_ready:latest", *CITIES])
    assert shown.exit_code == 1
    assert "any moment" in shown.output


def test_an_eta_has_a_page_of_plots(asked: dict[str, Any], saved_eta: str, tmp_path: Path) -> None:
    page = tmp_path / "page.html"
    invoked("train", "eta", *CITIES, "--no-save", "--report", str(page))
    for text in (page.read_text(encoding="utf-8"),):
        assert text.count("<svg") > 5
        assert "By stage" in text
        assert "those of its parts" in text
        assert "courier_at_customer" in text
    page.unlink()
    invoked("evaluate", saved_eta, *CITIES, "--report", str(page))
    assert "By stage" in page.read_text(encoding="utf-8")
