"""What can be trained on a data set, and what is compiled before.

Tests `commands.options.estimators`.
"""

from __future__ import annotations

from dataclasses import replace

import pytest

from aggregators import Duration
from aggregators.catalog import WEATHER
from aggregators.errors import UnknownNameError
from commands.data.sources import simulated_dataset
from commands.options.estimators import choices_for, compile_for_training
from estimators import Dataset
from simulator import CityPlan


@pytest.fixture(scope="module")
def city() -> Dataset:
    return simulated_dataset(CityPlan(stores=2, days=4, seed=1))


def test_what_has_its_events_can_be_trained(city: Dataset) -> None:
    assert [one.name for one in choices_for(city)] == [
        "etp", "wall_eta", "courier_travel_to_customer", "courier_travel_to_store", "parking",
    ]  # fmt: skip
    events = ("activated", "delivered")
    source = replace(city.source, events=events, known_from={})
    whole = replace(
        city, source=source, target=Duration(*events), as_of="activated", numbers=(), categories=()
    )
    assert [one.name for one in choices_for(whole)] == ["wall_eta"]
    (parking,) = [one for one in choices_for(city) if one.name == "parking"]
    assert parking.asked_of(city).as_of == "courier_at_customer"
    with pytest.raises(UnknownNameError, match="courier_at_customer"):
        parking.asked_of(whole)


def test_conditions_need_weather_or_local_events(city: Dataset) -> None:
    columns = [WEATHER.sample_id, *WEATHER.events, *WEATHER.columns]
    weather = city.table.iloc[:0].reindex(columns=columns)
    names = [one.name for one in choices_for(replace(city, others={WEATHER: weather}))]
    assert names[-2:] == ["conditions_before_pickup", "conditions_on_the_way"]


def test_compiling_reports_its_progress() -> None:
    told: list[tuple[str, float]] = []
    compile_for_training(lambda stage, part: told.append((stage, part)))
    assert told[0] == ("compiling", 0.0)
    assert told[-1] == ("compiling", 1.0)
