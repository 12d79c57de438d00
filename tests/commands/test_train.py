"""`doorstep train`, `evaluate` and `serve`: one model from its training to its answers.

Tests `commands.options.data`.
"""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest
from typer.testing import CliRunner, Result

from commands.console.output import UserError
from commands.data.sources import DatasetName, open_dataset, parse_moment
from commands.main import app
from estimators import Dataset
from services.bento.process import end_server, free_port
from services.client import EtpClient
from tests.commands.running import ROOT, doorstep
from tests.waiting import PATIENCE_S, wait_until

pytestmark = pytest.mark.slow

CITY = ("--dataset", "simulator", "--stores", "6", "--days", "6", "--seed", "3")


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> dict[str, str]:
    """A model store of its own, with one model in it."""
    home = {"BENTOML_HOME": str(tmp_path_factory.mktemp("bentoml"))}
    shown = doorstep("train", "etp", *CITY, "--threads", "1", **home)
    assert shown.returncode == 0, shown.stdout + shown.stderr
    assert "saved as etp:" in shown.stdout
    return {**home, "TRAINED": shown.stdout}


def run(*arguments: str) -> Result:
    """Run a command in this process."""
    return CliRunner().invoke(app, [*arguments])


def scores(output: str) -> list[str]:
    """The lines of the table of scores."""
    lines = output.splitlines()
    start = next(i for i, line in enumerate(lines) if "MAE s" in line)
    return [line.rstrip() for line in lines[start + 1 :] if line[:1].isalpha() and "  " in line]


def test_training_prints_the_model_beside_its_baselines(home: dict[str, str]) -> None:
    printed = "\n".join(scores(home["TRAINED"]))
    assert "constant median" in printed
    assert "without real-time features" in printed


def test_evaluation_repeats_the_scores_of_training(home: dict[str, str]) -> None:
    shown = doorstep("evaluate", *CITY, **home)
    assert shown.returncode == 0, shown.stdout + shown.stderr
    assert scores(shown.stdout)[0] == scores(home["TRAINED"])[0]


@pytest.mark.parametrize(
    ("command", "model"),
    [
        (("wall-eta",), "wall_eta"),
        (("courier-travel", "--leg", "to-store"), "courier_travel_to_store"),
    ],
)
def test_every_estimator_is_trained_beside_its_baselines_and_scored_again(
    command: tuple[str, ...], model: str
) -> None:
    trained = run("train", *command, *CITY, "--threads", "1")
    assert trained.exit_code == 0, trained.output
    assert f"saved as {model}:" in trained.output
    printed = "\n".join(scores(trained.output))
    assert "constant median" in printed
    assert "without real-time features" in printed
    again = run("evaluate", "--model", f"{model}:latest", *CITY)
    assert again.exit_code == 0, again.output
    assert scores(again.output) == scores(trained.output)
    served = run("serve", "etp", "--model", f"{model}:latest")
    assert served.exit_code == 1
    assert "expected etp or eta_ready" in " ".join(served.output.split())


def test_serving_answers_and_ends_on_a_signal(home: dict[str, str], tmp_path: Path) -> None:
    port = free_port()
    with (tmp_path / "log").open("wb") as log:
        process = subprocess.Popen(
            [sys.executable, "-m", "commands", "serve", "etp", "--port", str(port)],
            cwd=ROOT,
            env={**os.environ, **home},
            stdout=log,
            stderr=log,
            start_new_session=True,
        )
    try:
        with EtpClient(f"http://127.0.0.1:{port}") as client:
            wait_until(lambda: client.is_ready() or process.poll() is not None)
            assert process.poll() is None, (tmp_path / "log").read_text()
            order = {"store_id": "s-001", "city": "BCN"}
            assert client.predict(order, sample_id=None).status == "degraded"
        process.send_signal(signal.SIGTERM)
        assert process.wait(PATIENCE_S) == 0
    finally:
        end_server(process)


@pytest.mark.parametrize("command", [("serve", "etp"), ("evaluate",)])
def test_a_model_that_is_not_there_is_one_line(command: tuple[str, ...]) -> None:
    shown = doorstep(*command, "--model", "nobody:latest")
    assert shown.returncode == 1
    assert "nobody" in shown.stderr
    assert "Traceback" not in shown.stderr


def test_a_data_set_needs_its_folder(tmp_path: Path) -> None:
    with pytest.raises(UserError, match="--data FOLDER"):
        open_dataset(DatasetName.DELIVEROO, None, stores=4, days=4, seed=0)
    shown = doorstep("train", "etp", "--data", str(tmp_path))
    assert shown.returncode == 1
    assert str(tmp_path) in shown.stderr
    assert "Traceback" not in shown.stderr


def test_the_folder_may_be_the_data_set_or_hold_it(data_folder: Path) -> None:
    for folder in (data_folder, data_folder / "deliveroo_prep"):
        dataset = open_dataset(
            None, folder, stores=4, days=4, seed=0, until="2015-06-20T00:00+02:00"
        )
        assert dataset.name == "deliveroo"
        assert dataset.test_from.isoformat() == "2015-06-20T00:00:00+02:00"


def test_a_folder_alone_means_the_data_that_the_estimator_was_made_for(data_folder: Path) -> None:
    public = (DatasetName.WOLT, DatasetName.JUMPMAN)
    for name in public:
        dataset = open_dataset(None, data_folder, stores=4, days=4, seed=0, public=name)
        assert dataset.name == name.value


def test_imperfect_cities_have_labels_that_are_only_bounded() -> None:
    def cities(*, imperfect: bool) -> Dataset:
        return open_dataset(
            DatasetName.CITIES,
            None,
            stores=4,
            days=4,
            seed=103,
            orders=600,
            cities=1,
            imperfect=imperfect,
        )

    assert cities(imperfect=True).bounded.any()
    assert cities(imperfect=False).labels is None


def test_a_moment_without_an_offset_is_utc() -> None:
    assert parse_moment("2015-06-24", "--until").isoformat() == "2015-06-24T00:00:00+00:00"
    with pytest.raises(UserError, match="--until is 'soon'"):
        parse_moment("soon", "--until")
