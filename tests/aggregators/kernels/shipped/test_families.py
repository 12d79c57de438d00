"""A processor gets kernels of the best family whose features it has, all of them."""

from __future__ import annotations

import pytest

from aggregators.kernels.shipped.families import FAMILIES, family_of, family_of_this_processor


@pytest.mark.parametrize("family", FAMILIES)
def test_a_processor_belongs_to_the_best_family_that_it_has_all_features_of(family: str) -> None:
    features = FAMILIES[family]
    assert family_of("x86_64", features | {"sse2", "made-up"}) == family
    for missing in features:
        fewer = family_of("x86_64", features - {missing})
        assert list(FAMILIES).index(fewer) > list(FAMILIES).index(family), missing


@pytest.mark.parametrize("machine", ["arm64", "aarch64", "riscv64", ""])
def test_other_architectures_have_no_family(machine: str) -> None:
    assert family_of(machine, FAMILIES["x86-64-v4"]) == ""


def test_this_processor_has_the_features_of_its_family() -> None:
    assert family_of_this_processor() in {*FAMILIES, ""}
