"""The errors of this package.

EstimatorError
├── DatasetError       a table, file or label cannot be used for training      (also ValueError)
├── InputError         what was given to predict, encode or evaluate is wrong  (also ValueError)
├── NotCompiledError   a saved ensemble is more than a sum of trees: LightGBM has to answer
├── NotFittedError     predict before fit
└── RegistryError      a model cannot be saved or loaded
    └── DefinitionMismatchError   its features are not those of the installed catalog
"""

from __future__ import annotations

__all__ = [
    "DatasetError",
    "DefinitionMismatchError",
    "EstimatorError",
    "InputError",
    "NotCompiledError",
    "NotFittedError",
    "RegistryError",
]


class EstimatorError(Exception):
    """Base of every error raised by `estimators`."""


class DatasetError(EstimatorError, ValueError):
    """A table, file or label cannot be used for training; the message names the remedy."""


class InputError(EstimatorError, ValueError):
    """What was given to `predict`, `encode` or `evaluate` has a wrong shape, type or value."""


class NotCompiledError(EstimatorError):
    """A saved ensemble has something that is not compiled; LightGBM itself has to answer."""


class NotFittedError(EstimatorError):
    """The estimator was asked for an estimate before `fit`."""


class RegistryError(EstimatorError):
    """A model cannot be saved to, found in or loaded from the model store."""


class DefinitionMismatchError(RegistryError):
    """The model was trained on features that the installed code defines differently."""
