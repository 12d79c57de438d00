"""From features to distributions of seconds: one estimator per question.

An estimator gets facts of a request and real-time features, and answers with a
:class:`~estimators.core.distribution.Distribution`. :func:`train` trains one on a :class:`Dataset`,
:func:`evaluate` scores it, :func:`save` and :func:`load` keep it in the BentoML model store. The
composed ETA has functions of its own: :func:`train_eta`, :func:`save_eta`, :func:`load_eta`. See
``README.md`` in this folder for what the models are and how they were chosen.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from estimators.core.dataset import Dataset, Question, seconds_between
from estimators.core.distribution import Distribution
from estimators.core.errors import (
    DatasetError,
    DefinitionMismatchError,
    EstimatorError,
    InputError,
    NotFittedError,
    RegistryError,
)

if TYPE_CHECKING:
    from estimators.conditions import Conditions
    from estimators.courier_travel import CourierTravel
    from estimators.eta.model import EtaModel
    from estimators.eta.trained import TrainedEta
    from estimators.eta.training import train_eta
    from estimators.etp import Etp
    from estimators.parking import Parking
    from estimators.registry.models import load, load_eta, save, save_eta
    from estimators.training.train import evaluate, train
    from estimators.training.trained import TrainedEstimator
    from estimators.wall_eta import WallEta

__all__ = [
    "Conditions",
    "CourierTravel",
    "Dataset",
    "DatasetError",
    "DefinitionMismatchError",
    "Distribution",
    "EstimatorError",
    "EtaModel",
    "Etp",
    "InputError",
    "NotFittedError",
    "Parking",
    "Question",
    "RegistryError",
    "TrainedEstimator",
    "TrainedEta",
    "WallEta",
    "evaluate",
    "load",
    "load_eta",
    "save",
    "save_eta",
    "seconds_between",
    "train",
    "train_eta",
]

# These load LightGBM, pandas or BentoML, which a distribution and an error do not need.
_LAZY = {
    "Conditions": "estimators.conditions",
    "CourierTravel": "estimators.courier_travel",
    "EtaModel": "estimators.eta.model",
    "Etp": "estimators.etp",
    "Parking": "estimators.parking",
    "TrainedEstimator": "estimators.training.trained",
    "TrainedEta": "estimators.eta.trained",
    "WallEta": "estimators.wall_eta",
    "evaluate": "estimators.training.train",
    "load": "estimators.registry.models",
    "load_eta": "estimators.registry.models",
    "save": "estimators.registry.models",
    "save_eta": "estimators.registry.models",
    "train": "estimators.training.train",
    "train_eta": "estimators.eta.training",
}

if not TYPE_CHECKING:  # for a type checker, a name that is not there is an error

    def __getattr__(name: str) -> Any:
        if name not in _LAZY:
            raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
        from importlib import import_module

        value = getattr(import_module(_LAZY[name]), name)
        globals()[name] = value
        return value
