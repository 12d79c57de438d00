"""The published figures are of the features and the code of today, or say that they are not."""

from __future__ import annotations

import re
from typing import Any

import pytest

from aggregators.features.costs import why_expensive
from benchmarks.catalog_features import NAMES, fingerprints, native_features, tsfresh_features
from benchmarks.provenance import provenance
from benchmarks.published import BENCHMARKS, STALE, Benchmark, differences
from benchmarks.report import END, README, START, with_tables

EACH = pytest.mark.parametrize("benchmark", BENCHMARKS, ids=lambda one: one.name)


@EACH
def test_figures_are_of_the_features_and_the_version_of_today(benchmark: Benchmark) -> None:
    result = benchmark.result()
    if result is None:
        assert benchmark.name not in STALE, "nothing is published of it"
        pytest.skip("nothing is published of it yet")
    changed = differences(result.get("made"), provenance()) if benchmark.uses_features else []
    if benchmark.name in STALE:
        assert changed, f"{benchmark.name} was made again: take it out of STALE"
    else:
        again = f"python -m benchmarks.run {benchmark.name}"
        assert not changed, f"figures of {benchmark.name} are stale; run `{again}`: {changed}"


def test_stale_figures_are_those_of_benchmarks() -> None:
    assert set(STALE) <= {benchmark.name for benchmark in BENCHMARKS}
    assert len(set(STALE)) == len(STALE)


def test_the_page_has_the_tables_of_the_results() -> None:
    text = README.read_text(encoding="utf-8")
    assert with_tables(text) == text, "run `python -m benchmarks.report`"


def test_each_table_names_its_commit_and_says_if_it_is_stale() -> None:
    text = README.read_text(encoding="utf-8")
    published = text.partition(START)[2].partition(END)[0]
    sections = re.split(r"^### ", published, flags=re.MULTILINE)[1:]
    assert len(sections) == sum(benchmark.result() is not None for benchmark in BENCHMARKS)
    for section in sections:
        assert re.search(r"commit [0-9a-f]{7,10}\b", section), section[:80]
    assert sum("These figures are of older code" in one for one in sections) == len(STALE)


def test_the_frozen_lists_are_whole() -> None:
    assert {name: len(names) for name, names in NAMES.items()} == {
        "native": 100, "tsfresh": 10, "etp": 60,
    }  # fmt: skip
    for names in NAMES.values():
        assert len(set(names)) == len(names)
    assert [feature.name for feature in native_features(100)] == NAMES["native"]
    assert [feature.name for feature in tsfresh_features()] == NAMES["tsfresh"]
    assert not any(map(why_expensive, native_features(100)))
    assert "city_parking_7d_median_s" in NAMES["native"], "what once took most of the time"


def test_a_part_of_the_list_is_spread_over_it() -> None:
    few = [feature.name for feature in native_features(25)]
    assert len(set(few)) == 25
    assert (few[0], few[-1]) == (NAMES["native"][0], NAMES["native"][-1])
    with pytest.raises(ValueError, match="100 native features are frozen, fewer than 101"):
        native_features(101)


NOW = {"aggregators": "2.0.0", "features": {"native": "a", "etp": "b"}}


@pytest.mark.parametrize(
    ("made", "expected"),
    [
        (NOW, []),
        (None, ["it does not say what it was made of"]),
        ({**NOW, "aggregators": "1.0.0"}, ["aggregators was 1.0.0, is 2.0.0"]),
        (
            {**NOW, "features": {"native": "a", "etp": "c", "gone": "d"}},
            [
                "features etp: fingerprint was c, is b",
                "features gone: fingerprint was d, is nothing",
            ],
        ),
    ],
)  # fmt: skip
def test_differences_name_what_changed(made: dict[str, Any] | None, expected: list[str]) -> None:
    assert differences(made, NOW) == expected


def test_a_fingerprint_follows_the_names_and_the_definitions(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    before = fingerprints()
    native = [*NAMES["native"][1:], NAMES["native"][0]]
    monkeypatch.setitem(NAMES, "native", native)
    after = fingerprints()
    assert before["native"] != after["native"]
    assert {**before, "native": ""} == {**after, "native": ""}
