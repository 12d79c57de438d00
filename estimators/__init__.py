"""From features to distributions of seconds: one estimator per question.

An estimator gets facts of a request and real-time features, and answers with a
:class:`~estimators.distribution.Distribution`. Training starts at
:func:`estimators.training.train`, saved models live in :mod:`estimators.registry`; see
``README.md`` in this folder for what the models are and how they were chosen.
"""

from __future__ import annotations

from estimators.dataset import Dataset, Question, seconds_between
from estimators.distribution import Distribution
from estimators.errors import (
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
