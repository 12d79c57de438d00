"""Whether what a served model is asked, and what it answers, is still what it was trained on."""

from __future__ import annotations

from estimators.monitoring.effects import InputEffect
from estimators.monitoring.reference import Reference, places_of, reference_of
from estimators.monitoring.statistics import CategoryStatistics, NumberStatistics, Statistics

__all__ = [
    "CategoryStatistics",
    "InputEffect",
    "NumberStatistics",
    "Reference",
    "Statistics",
    "places_of",
    "reference_of",
]
