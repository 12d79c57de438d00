"""`doorstep train` and `evaluate` on simulated cities: an estimator that prepares its data."""

from __future__ import annotations

from pathlib import Path

from tests.commands.running import doorstep

CITIES = ("--dataset", "cities", "--orders", "2600", "--days", "6", "--cities", "1", "--seed", "3")
LEG = "on-the-way"


def _scores(output: str) -> list[str]:
    lines = output.splitlines()
    start = next(i for i, line in enumerate(lines) if "MAE s" in line)
    return [line.rstrip() for line in lines[start + 1 :] if line[:1].isalpha() and "  " in line]


def test_conditions_are_trained_and_score_the_same_again(tmp_path: Path) -> None:
    home = {"BENTOML_HOME": str(tmp_path)}
    trained = doorstep("train", "conditions", "--leg", LEG, *CITIES, "--threads", "1", **home)
    assert trained.returncode == 0, trained.stdout + trained.stderr
    name = "conditions_on_the_way"
    assert f"saved as {name}:" in trained.stdout
    again = doorstep("evaluate", "--model", f"{name}:latest", *CITIES, **home)
    assert again.returncode == 0, again.stdout + again.stderr
    assert _scores(again.stdout) == _scores(trained.stdout)


def test_conditions_need_the_weather(tmp_path: Path) -> None:
    shown = doorstep(
        *("train", "conditions", "--dataset", "simulator", "--stores", "4", "--days", "4"),
        BENTOML_HOME=str(tmp_path),
    )
    assert shown.returncode == 1
    assert "weather" in shown.stderr
    assert "Traceback" not in shown.stderr
