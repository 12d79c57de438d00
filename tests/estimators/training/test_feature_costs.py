"""The features of a training are measured on its last rows, each feature once."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import count
from typing import Any

import numpy as np
import pytest

from aggregators import Aggregator, Duration, Source, StatsLastNSamples
from aggregators.features.costs import OTHERS
from estimators.etp import Etp
from estimators.training import feature_costs as measured
from estimators.training.feature_costs import costs_of_features, feature_costs
from tests.estimators.building import ORDERS, town, town_dataset

DATASET = town_dataset(town(11, rows=600))


def widest(values: np.ndarray) -> float:
    return float(values.max() - values.min())


class EtpWithCallable(Etp):
    """An eTP with a feature that runs in Python."""

    name = "etp_with_callable"

    @classmethod
    def features_for(
        cls, source: Source, target: Duration, others: Sequence[Source] = ()
    ) -> list[Aggregator]:
        own = StatsLastNSamples(
            source, name="widest", dimension="store_id", function=widest, attribute="amount",
            event="ready", n=5,
        )  # fmt: skip
        return [*super().features_for(source, target, others), own]


def test_two_estimators_with_the_same_features_are_measured_once() -> None:
    clock = count().__next__
    costs = feature_costs([EtpWithCallable, Etp], DATASET, clock=clock)
    assert [one.name for one in costs] == ["widest", OTHERS]
    assert clock() == 6, "one timed call of the expensive feature, two of the others"


def test_estimators_without_expensive_features_cost_nothing() -> None:
    assert feature_costs([Etp], DATASET, clock=lambda: pytest.fail("nothing is timed")) == ()


def test_rows_are_asked_about_at_the_event_that_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    asked: dict[str, Any] = {}

    def kept(features: object, data: object, *, at: Any, clock: object) -> tuple[()]:
        asked["at"] = at
        return ()

    monkeypatch.setattr(measured, "measure_costs", kept)
    monkeypatch.setattr(measured, "QUERIES", 50)
    own = EtpWithCallable.features_for(ORDERS, DATASET.target)
    costs_of_features(own, DATASET, event="ready")
    spine = asked["at"]
    expected = DATASET.table["ready"].dropna().sort_values(kind="stable").iloc[-50:]
    assert list(spine["as_of"]) == list(expected)
    assert list(spine["order_id"]) == list(DATASET.table.loc[expected.index, "order_id"])
    assert spine["store_id"].notna().all()
