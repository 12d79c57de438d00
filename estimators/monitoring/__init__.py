"""Whether what a served model is asked, and what it answers, is still what it was trained on."""

from __future__ import annotations

from estimators.monitoring.reference import (
    CategoryStatistics,
    NumberStatistics,
    Reference,
    reference_of,
)

__all__ = ["CategoryStatistics", "NumberStatistics", "Reference", "reference_of"]
