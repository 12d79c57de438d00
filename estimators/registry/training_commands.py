"""The command that trains a model of a name, for the error about a missing model."""

from __future__ import annotations

__all__ = ["command_that_makes"]

_COMMANDS = {
    "etp": "train etp",
    "wall_eta": "train wall-eta",
    "parking": "train parking",
    "courier_travel_to_store": "train courier-travel --leg to-store",
    "courier_travel_to_customer": "train courier-travel --leg to-customer",
    "conditions_before_pickup": "train conditions --leg before-pickup",
    "conditions_on_the_way": "train conditions --leg on-the-way",
}
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
