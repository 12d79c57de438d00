"""From features to distributions of seconds: one estimator per question.

An estimator gets facts of a request and real-time features, and answers with a
:class:`~estimators.core.distribution.Distribution`. Training starts at
:func:`estimators.training.train.train`, saved models live in :mod:`estimators.registry.models`; see
``README.md`` in this folder for what the models are and how they were chosen.
"""

from __future__ import annotations

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

__all__ = [
    "Dataset",
    "DatasetError",
    "DefinitionMismatchError",
    "Distribution",
    "EstimatorError",
    "InputError",
    "NotFittedError",
    "Question",
    "RegistryError",
    "seconds_between",
]
