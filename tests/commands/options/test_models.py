"""Every command that reads a saved model takes it in the same way, and says how to make one."""

from __future__ import annotations

from pathlib import Path

import pytest
from typer.testing import CliRunner

from commands.main import app
from estimators.registry import model_store

READING = (("evaluate",), ("explain",), ("models", "show"), ("compare", "--against-baselines"))


def failed(*arguments: str) -> str:
    shown = CliRunner().invoke(app, arguments)
    assert shown.exit_code == 1, shown.output
    assert "Traceback" not in shown.output
    return shown.output


@pytest.mark.parametrize("command", READING, ids=" ".join)
@pytest.mark.parametrize("spelling", [("nobody:latest",), ("--model", "nobody:latest")])
def test_a_model_is_an_argument_or_the_option(
    command: tuple[str, ...], spelling: tuple[str, ...]
) -> None:
    told = failed(*command, *spelling)
    assert "no model 'nobody:latest'" in told
    assert "`doorstep train ESTIMATOR --name nobody` makes one" in told


@pytest.mark.parametrize("command", READING[:3], ids=" ".join)
def test_two_models_are_not_one(command: tuple[str, ...]) -> None:
    told = failed(*command, "one", "--model", "other")
    assert "the model is 'one' and --model 'other'" in told


@pytest.mark.parametrize(
    ("name", "made_by"),
    [
        ("wall_eta", "train wall-eta"),
        ("eta", "train eta"),
        ("eta_ready", "train eta"),
        ("courier_travel_to_store", "train courier-travel --leg to-store"),
    ],
)
def test_where_there_is_no_model_the_command_that_makes_it_is_named(
    name: str, made_by: str, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setattr(model_store, "_store", lambda: tmp_path)
    assert f"no model {name!r} was saved yet: `doorstep {made_by}` makes one" in failed(
        "models", "show", name
    )


@pytest.mark.parametrize("command", READING[1::2], ids=" ".join)
def test_an_eta_is_refused_where_one_estimator_is_expected(
    command: tuple[str, ...], saved_eta: str
) -> None:
    told = failed(*command, saved_eta)
    assert f"{saved_eta} is an ETA, composed of eta_ready:" in told


def test_what_can_be_trained_is_known_by_the_name_it_is_saved_under() -> None:
    from commands.options.estimators import OFFERED, EstimatorChoice
    from estimators.registry.training_commands import command_that_makes

    for offered in OFFERED:
        for leg in offered.targets if offered.has_legs else [next(iter(offered.targets), "")]:
            named = f" --leg {leg}" if offered.has_legs else ""
            expected = f"doorstep train {offered.command}{named}"
            assert command_that_makes(EstimatorChoice(offered=offered, leg=leg).name) == expected


def test_a_comparison_of_one_says_what_it_needs() -> None:
    assert "1 models; expected two or more" in failed("compare", "etp:latest")
    assert "0 models; expected two or more" in failed("compare")
