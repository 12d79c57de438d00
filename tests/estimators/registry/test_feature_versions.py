"""A mismatch within a major version is spelled out; after a new one the remedy is named."""

from __future__ import annotations

import pytest

import aggregators
from estimators import DefinitionMismatchError
from estimators.registry.feature_versions import mismatch_in_words

ERROR = DefinitionMismatchError("store_mean: n was 6, is 5")
METADATA = {"estimator": "etp", "target": ["accepted", "ready"], "dataset": "deliveroo"}
MAJOR, MINOR, PATCH = (int(number) for number in aggregators.__version__.split("."))


@pytest.mark.parametrize("trained", [aggregators.__version__, f"{MAJOR}.{MINOR + 7}.{PATCH + 1}"])
def test_within_a_major_version_the_difference_is_spelled_out(trained: str) -> None:
    metadata = {**METADATA, "aggregators_version": trained}
    assert mismatch_in_words("etp:k3v", metadata, ERROR) == "etp:k3v: store_mean: n was 6, is 5"


@pytest.mark.parametrize("trained", [f"{MAJOR - 1}.9.0", f"{MAJOR + 1}.0.0", f"{MAJOR}0.0.0"])
def test_of_another_major_version_both_versions_and_the_command_are_named(trained: str) -> None:
    metadata = {**METADATA, "aggregators_version": trained}
    words = mismatch_in_words("etp:k3v", metadata, ERROR)
    assert f"trained with aggregators {trained}; aggregators {aggregators.__version__} is" in words
    assert "`doorstep train etp --dataset deliveroo --data FOLDER`" in words
    assert "store_mean" not in words
