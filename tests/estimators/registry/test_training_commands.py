"""The command that trains a saved model once more is one that the command line has."""

from __future__ import annotations

import shlex

import pytest
import typer
from typer.main import get_command

from commands.main import app
from commands.options.estimators import OFFERED, EstimatorChoice
from estimators.registry.training_commands import command_that_retrains


def choices() -> list[EstimatorChoice]:
    return [
        EstimatorChoice(offered=offered, leg=leg)
        for offered in OFFERED
        for leg in (offered.targets if offered.has_legs else [next(iter(offered.targets), "")])
    ]


@pytest.mark.parametrize("choice", choices(), ids=lambda one: one.name)
def test_each_estimator_is_trained_again_by_its_own_command(choice: EstimatorChoice) -> None:
    target = choice.offered.targets.get(choice.leg, ("accepted", "ready"))
    name = choice.offered.load().name
    metadata = {"estimator": name, "target": list(target), "dataset": "cities"}
    leg = f" --leg {choice.leg}" if choice.offered.has_legs else ""
    expected = f"doorstep train {choice.offered.command}{leg} --dataset cities"
    assert command_that_retrains(choice.name, metadata) == expected
    assert command_that_retrains("mine", metadata) == f"{expected} --name mine"


@pytest.mark.parametrize(
    ("name", "estimator", "ending"),
    [
        ("eta", "eta", ""),
        ("eta_ready", "eta_ready", ""),
        ("mine", "eta", " --name mine"),
        ("mine_to_store", "eta_to_store", " --name mine"),
    ],
)
def test_a_part_is_trained_again_with_its_eta(name: str, estimator: str, ending: str) -> None:
    metadata = {"estimator": estimator, "target": ["a", "b"], "dataset": "cities"}
    expected = f"doorstep train eta --dataset cities{ending}"
    assert command_that_retrains(name, metadata) == expected


@pytest.mark.parametrize("dataset", ["cities", "simulator", "deliveroo", "orders_of_2026"])
def test_the_command_line_takes_the_options(dataset: str) -> None:
    metadata = {"estimator": "etp", "target": ["a", "b"], "dataset": dataset}
    _, *words = shlex.split(command_that_retrains("mine", metadata))
    command = get_command(app)
    context = typer.Context(command)
    for depth in range(2):
        found = command.get_command(context, words[depth])  # type: ignore[attr-defined]
        assert found is not None, words
        command, context = found, typer.Context(found, parent=context)
    known = {option for parameter in command.params for option in parameter.opts}
    assert {word for word in words if word.startswith("--")} <= known
