"""Which features are compared: all that the estimators of a mapped table have."""

from __future__ import annotations

from dataclasses import replace

import pytest

from aggregators import Duration, Source
from aggregators.catalog import CATALOG
from commands.console.output import UserError
from commands.equivalence.replayed_data import replayed_mapping
from commands.options.estimators import choices_for
from estimators import Dataset
from estimators.courier_travel import TO_CUSTOMER, TO_STORE, CourierTravel
from estimators.etp import Etp
from estimators.training.train import usable_features
from simulator import ORDERS, CityPlan, simulate

PREPARATION = Duration("dispatched", "ready")


def dataset(source: Source) -> Dataset:
    table = simulate(CityPlan(stores=2, days=1, seed=2))
    return Dataset(
        name="city",
        source=source,
        table=table,
        target=TO_STORE,
        as_of=TO_STORE.start,
        numbers=(),
        categories=(),
        test_from=table["activated"].max(),
    )


def test_every_feature_of_every_estimator_is_compared() -> None:
    city = dataset(ORDERS)
    names = replayed_mapping(city).features.names
    assert [one.name for one in choices_for(city)] == [
        "wall_eta", "courier_travel_to_customer", "courier_travel_to_store", "parking",
    ]  # fmt: skip
    of_leg = [one.name for one in usable_features(CourierTravel, city)]
    assert {*of_leg} <= {*names}
    assert {*of_leg} - {*CATALOG.names}
    kitchen = replace(city, target=PREPARATION, as_of=PREPARATION.start)
    assert choices_for(kitchen)[0].name == "etp"
    of_kitchen = {one.name for one in usable_features(Etp, kitchen)}
    assert of_kitchen <= {*replayed_mapping(kitchen).features.names}


def test_features_of_one_name_in_two_legs_are_both_compared() -> None:
    features = replayed_mapping(dataset(ORDERS)).features
    name = "courier_travel_1d_median"
    ends = {features[one].attribute for one in (name, f"courier_travel_to_store_{name}")}
    assert ends == {TO_STORE, TO_CUSTOMER}


def test_data_without_any_feature_are_refused() -> None:
    bare = Source("orders", sample_id="order_id", events=(*ORDERS.events,))
    with pytest.raises(UserError, match="no estimator has a feature for city: its dimensions are"):
        replayed_mapping(dataset(bare))
