"""Questions about the same data: each with its facts, none with a fact from the future."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from aggregators import Source
from estimators import Dataset, DatasetError, Question, seconds_between
from tests.estimators.building import ORDERS, START, town, town_dataset

SEED = 12
LATER = Source(
    "orders",
    sample_id="order_id",
    events=("accepted", "ready", "cancelled"),
    dimensions=("store_id", "city"),
    attributes=("amount", "products"),
    known_from={"amount": "ready"},
)


@pytest.fixture(scope="module")
def dataset() -> Dataset:
    return town_dataset(town(SEED, rows=200), published={"theirs": 300.0})


def test_a_declared_question_brings_its_own_facts(dataset: Dataset) -> None:
    given_up = Question(
        target=seconds_between("accepted", "cancelled"), as_of="accepted", categories=("city",)
    )
    asked = replace(dataset, questions=(given_up,)).about(given_up.target, as_of="accepted")
    assert (asked.numbers, asked.categories) == ((), ("city",))
    assert asked.published == {}
    assert np.isfinite(asked.target_s).sum() == int(dataset.table["cancelled"].notna().sum())


def test_any_other_question_keeps_what_is_known_by_then(dataset: Dataset) -> None:
    late = replace(dataset, source=LATER, as_of="ready")
    assert late.numbers == ("amount", "products")
    earlier = late.about(seconds_between("accepted", "cancelled"), as_of="accepted")
    assert earlier.numbers == ("products",)
    assert earlier.categories == dataset.categories


def test_the_same_question_is_the_same_data_set(dataset: Dataset) -> None:
    assert dataset.about(dataset.target, as_of=dataset.as_of) is dataset


def test_a_fact_from_the_future_is_refused(dataset: Dataset) -> None:
    with pytest.raises(DatasetError, match="amount cannot be known when it is asked"):
        replace(dataset, source=LATER)


def test_what_is_taken_off_leaves_the_rest_as_the_target(dataset: Dataset) -> None:
    base_s = np.where(np.arange(200) < 50, np.nan, 300.0)
    rest = replace(dataset, base_s=base_s)
    np.testing.assert_array_equal(rest.target_s[50:], dataset.target_s[50:] - 300.0)
    assert not rest.labelled[:50].any()
    # The bounds are those of durations: what is left may be negative.
    np.testing.assert_array_equal(rest.labelled[50:], dataset.labelled[50:])
    assert (rest.target_s[rest.labelled] < 0.0).any()
    with pytest.raises(DatasetError, match=r"expected \(200,\)"):
        replace(dataset, base_s=base_s[:10])


def test_sources_beside_the_samples_can_be_left_out() -> None:
    table = town(SEED, rows=50)
    weather = Source("weather", sample_id="id", events=("observed",), dimensions=("city",))
    seen = table.head(3).assign(id=[1, 2, 3], observed=START)
    dataset = town_dataset(table, source=ORDERS, others={weather: seen})
    assert dataset.without("weather").others == {}
    with pytest.raises(DatasetError, match="no local_events beside the samples; there is weather"):
        dataset.without("local_events")
