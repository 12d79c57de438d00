"""What the tests of faults share."""

from __future__ import annotations

import pytest

from estimators import Dataset
from tests.services.faults.city import City


@pytest.fixture(scope="package")
def city(eta_dataset: Dataset) -> City:
    """The city of the tiny ETA, at a busy hour."""
    return City.of(eta_dataset)
