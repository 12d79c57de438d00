"""The command that trains a model: of a name, or once more what was saved."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

__all__ = ["command_that_makes", "command_that_retrains"]

_COMMANDS = {
    "etp": "train etp",
    "wall_eta": "train wall-eta",
    "parking": "train parking",
    "courier_travel_to_store": "train courier-travel --leg to-store",
    "courier_travel_to_customer": "train courier-travel --leg to-customer",
    "conditions_before_pickup": "train conditions --leg before-pickup",
    "conditions_on_the_way": "train conditions --leg on-the-way",
}
_LEGS = {
    ("courier_travel", "courier_assigned"): "courier_travel_to_store",
    ("courier_travel", "picked_up"): "courier_travel_to_customer",
    ("conditions", "courier_assigned"): "conditions_before_pickup",
    ("conditions", "picked_up"): "conditions_on_the_way",
}
"""Estimator and start of its target -> the name under which its command saves the model."""
_SIMULATED = ("cities", "simulator")
_PUBLIC = ("deliveroo", "wolt", "jumpman")
ETA = "eta"


def command_that_makes(name: str) -> str:
    """Return the command that saves a model under this name, with the name if no estimator has it.

    >>> command_that_makes("etp"), command_that_makes("eta_ready")
    ('doorstep train etp', 'doorstep train eta')
    >>> command_that_makes("city_7")
    'doorstep train ESTIMATOR --name city_7'
    """
    if name == ETA or name.startswith(f"{ETA}_"):
        return f"doorstep train {ETA}"
    return f"doorstep {_COMMANDS.get(name, f'train ESTIMATOR --name {name}')}"


def command_that_retrains(name: str, metadata: Mapping[str, Any]) -> str:
    """Return the command that trains a saved model once more, on its data and under its name.

    Files that the metadata do not name stand in capital letters.

    Args:
        name: of the model in the model store.
        metadata: that were saved with it.

    >>> command_that_retrains(
    ...     "etp", {"estimator": "etp", "target": ["a", "b"], "dataset": "cities"}
    ... )
    'doorstep train etp --dataset cities'
    >>> command_that_retrains("mine_ready", {"estimator": "eta_ready", "dataset": "orders"})
    'doorstep train eta --mapping MAPPING --data TABLE --name mine'
    """
    estimator = str(metadata["estimator"])
    if estimator == ETA or estimator.startswith(f"{ETA}_"):
        default, name = ETA, name.removesuffix(estimator.removeprefix(ETA))
    else:
        start = metadata["target"][0]
        default = _LEGS.get((estimator, start), estimator)
    command = f"{command_that_makes(default)} {_data_options(str(metadata['dataset']))}"
    return command if name == default else f"{command} --name {name}"


def _data_options(dataset: str) -> str:
    if dataset in _SIMULATED:
        return f"--dataset {dataset}"
    if dataset in _PUBLIC:
        return f"--dataset {dataset} --data FOLDER"
    return "--mapping MAPPING --data TABLE"
