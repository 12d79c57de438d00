"""Statistics of a model's training data, to compare later inputs and answers with."""

from __future__ import annotations

from estimators.monitoring.effects import InputEffect
from estimators.monitoring.reference import Reference, places_of, reference_of
from estimators.monitoring.statistics import CategoryStatistics, NumberStatistics, Statistics
from estimators.monitoring.validation import Note, Validator

__all__ = [
    "CategoryStatistics",
    "InputEffect",
    "Note",
    "NumberStatistics",
    "Reference",
    "Statistics",
    "Validator",
    "places_of",
    "reference_of",
]
