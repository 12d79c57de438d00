"""What is known of a label that nobody recorded reliably, and what a model makes of it."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pandas as pd
import pytest

from aggregators import Source
from aggregators.errors import UnknownNameError
from estimators import Dataset, DatasetError, seconds_between
from estimators.core.distribution import Distribution
from estimators.core.labels import HandOver, LabelBounds, Labels, labels_of
from estimators.core.typing import FloatArray
from estimators.etp import Etp, train_etp
from estimators.quantiles.boosting import BoostingParameters
from estimators.quantiles.quantile_model import Columns
from estimators.training.imputation import draw_between, imputed
from estimators.training.matrix import FeatureMatrix, inputs_of
from estimators.training.train import unfitted
from tests.estimators.building import QUICK, START, TEST_FROM

BOUNDS = LabelBounds(
    event="ready",
    at_least=("accepted",),
    at_most=("picked_up", "delivered"),
    waits_from="courier_at_store",
)
ORDERS = Source(
    "orders",
    sample_id="order_id",
    events=("dispatched", "accepted", "courier_at_store", "ready", "picked_up", "delivered"),
    dimensions=("store_id", "city"),
    attributes=("products",),
)
NAN = float("nan")


def kitchen(seed: int, *, rows: int = 4_000) -> pd.DataFrame:
    """Orders with a true ready and one as it was pressed: late when the courier asks, or never."""
    rng = np.random.default_rng(seed)
    dispatched_s = np.sort(rng.uniform(0.0, 8 * 86_400.0, rows))
    products = rng.integers(1, 9, rows)
    store = rng.integers(0, 5, rows)
    prep_s = (200.0 + 90.0 * products + 60.0 * store) * rng.lognormal(0.0, 0.25, rows)
    courier_s = (200.0 + 90.0 * products + 60.0 * store) * rng.lognormal(0.0, 0.25, rows)
    picked_s = np.maximum(prep_s, courier_s) + rng.lognormal(np.log(45.0), 0.4, rows)
    # Careless stores: the higher the number, the more of both.
    late = rng.random(rows) < 0.15 * store
    never = rng.random(rows) < 0.12 * store
    pressed_s = np.where(late, picked_s - rng.uniform(0.0, 4.0, rows), prep_s)
    start = START + pd.to_timedelta(dispatched_s.round(3), unit="s")

    def after(seconds: FloatArray) -> pd.Series[pd.Timestamp]:
        return pd.Series(start + pd.to_timedelta(seconds.round(3), unit="s"))

    return pd.DataFrame(
        {
            "order_id": np.arange(rows),
            "dispatched": start,
            "accepted": after(rng.uniform(10.0, 60.0, rows)),
            "courier_at_store": after(courier_s),
            "ready": after(pressed_s).where(~never),
            "picked_up": after(picked_s),
            "delivered": after(picked_s + 600.0),
            "store_id": [f"s{i}" for i in store],
            "city": "BCN",
            "products": products.astype(float),
            "true_ready": after(prep_s),
        }
    )


def kitchen_dataset(table: pd.DataFrame, *, censoring: LabelBounds | None = BOUNDS) -> Dataset:
    return Dataset(
        name="kitchen",
        source=ORDERS,
        table=table,
        as_of="dispatched",
        target=seconds_between("dispatched", "ready"),
        numbers=("products",),
        categories=("store_id",),
        test_from=TEST_FROM,
        censoring=censoring,
    )


def true_s(table: pd.DataFrame) -> FloatArray:
    return np.asarray((table["true_ready"] - table["dispatched"]).dt.total_seconds())


def one_row(**seconds: float) -> dict[str, FloatArray]:
    return {event: np.array([seconds.get(event, NAN)]) for event in BOUNDS.events}


@pytest.mark.parametrize(
    ("seconds", "kind", "low_s", "high_s"),
    [
        ({"ready": 600.0, "accepted": 20.0, "picked_up": 700.0}, "exact", 600.0, 600.0),
        ({"ready": 600.0}, "exact", 600.0, 600.0),
        ({"accepted": 20.0, "picked_up": 700.0}, "bounded", 20.0, 700.0),
        ({"accepted": 20.0, "delivered": 900.0}, "bounded", 20.0, 900.0),
        ({"picked_up": 700.0, "delivered": 900.0}, "bounded", 0.0, 700.0),
        ({"ready": 800.0, "accepted": 20.0, "picked_up": 700.0}, "bounded", 20.0, 700.0),
        ({"accepted": 20.0, "courier_at_store": 300.0}, "none", NAN, NAN),
        ({"ready": -5.0, "picked_up": 700.0}, "none", NAN, NAN),
        ({"ready": 9_000.0, "picked_up": 9_100.0}, "none", NAN, NAN),
        ({"accepted": 800.0, "picked_up": 700.0}, "none", NAN, NAN),
        ({}, "none", NAN, NAN),
    ],
)
def test_what_was_recorded_says_how_much_is_known(
    seconds: dict[str, float], kind: str, low_s: float, high_s: float
) -> None:
    labels = labels_of(BOUNDS, one_row(**seconds), label_bounds_s=(0.0, 7_200.0))
    assert labels.counts(np.array([True])) == {
        "exact": int(kind == "exact"),
        "bounded": int(kind == "bounded"),
        "none": int(kind == "none"),
    }
    np.testing.assert_array_equal([labels.low_s[0], labels.high_s[0]], [low_s, high_s])


def test_a_button_pressed_for_the_courier_is_recognised() -> None:
    table = kitchen(1)
    labels = kitchen_dataset(table).labels
    assert labels is not None
    assert labels.hand_over is not None
    assert 40.0 < labels.hand_over.quantile(0.5) < 50.0
    error_s = (table["ready"] - table["true_ready"]).dt.total_seconds().to_numpy()
    late = error_s > 1.0
    assert late.mean() > 0.1
    assert not labels.exact[late].any()
    assert labels.bounded[late].all()
    assert labels.bounded[np.isnan(error_s)].all()
    # What is called exact is so; few that were pressed in time are held for late.
    np.testing.assert_allclose(labels.exact_s[labels.exact], true_s(table)[labels.exact], atol=1.0)
    assert labels.exact[np.abs(error_s) < 1.0].mean() > 0.95
    inside = (labels.low_s <= true_s(table)) & (true_s(table) <= labels.high_s)
    assert inside[labels.bounded].all()
    assert (true_s(table) > labels.waits_s)[labels.awaited].mean() > 0.95


def test_without_anybody_waiting_the_bounds_stand_alone() -> None:
    bounds = replace(BOUNDS, waits_from="")
    labels = kitchen_dataset(kitchen(1), censoring=bounds).labels
    assert labels is not None
    assert labels.hand_over is None
    assert not labels.awaited.any()
    assert labels.bounded.any()


def test_drawn_durations_are_spread_as_the_true_ones() -> None:
    table = kitchen(2)
    dataset = kitchen_dataset(table)
    labels, truth_s = dataset.labels, true_s(table)
    assert labels is not None
    X = table[["products"]].to_numpy() + 0.0
    X = np.column_stack([X, table["store_id"].str[1:].astype(float)])
    columns = Columns(["products", "store"])
    drawn_s = imputed(labels, X, dataset.as_of_us, columns=columns, parameters=QUICK)
    np.testing.assert_array_equal(drawn_s[labels.exact], labels.exact_s[labels.exact])
    assert not np.isnan(drawn_s[labels.bounded]).any()
    assert (drawn_s >= labels.low_s)[labels.bounded].all()
    assert (drawn_s <= labels.high_s)[labels.bounded].all()
    for q in (0.1, 0.5, 0.9):
        true_q, drawn_q = np.quantile([truth_s, drawn_s], q, axis=1)
        assert drawn_q == pytest.approx(true_q, rel=0.05)
    awaited = labels.bounded & labels.awaited
    assert np.abs(drawn_s - truth_s)[awaited].mean() < 40.0
    again = imputed(labels, X, dataset.as_of_us, columns=columns, parameters=QUICK)
    np.testing.assert_array_equal(again, drawn_s)
    other = imputed(labels, X, dataset.as_of_us, columns=columns, parameters=replace(QUICK, seed=1))
    assert (other != drawn_s)[labels.bounded].any()


def test_draws_keep_to_their_bounds_and_to_the_law() -> None:
    rng = np.random.default_rng(3)
    predicted = Distribution([0.1, 0.5, 0.9], np.tile([100.0, 300.0, 900.0], (20_000, 1)))
    low_s, high_s = np.full(20_000, 200.0), np.full(20_000, 600.0)
    drawn_s = draw_between(predicted, low_s, high_s, rng.random(20_000))
    assert drawn_s.min() >= 200.0
    assert drawn_s.max() <= 600.0
    # Levels 0.3 to 0.7 of the law: a half of the draws lies below its median.
    assert np.mean(drawn_s < 300.0) == pytest.approx(0.5, abs=0.02)
    law = HandOver(log_mean=4.0, log_std=0.5, n=100)
    gap_s = law.draw(np.full(20_000, 40.0), np.full(20_000, 1e6), rng.random(20_000))
    whole_s = rng.lognormal(4.0, 0.5, 200_000)
    assert np.median(gap_s) == pytest.approx(np.median(whole_s[whole_s > 40.0]), rel=0.02)


def test_bounds_teach_what_a_late_button_hides() -> None:
    """Who trusts the button takes the courier's wait at the counter for cooking."""
    table = kitchen(4)
    dataset = kitchen_dataset(table)
    trained = train_etp(dataset, parameters=QUICK, baselines=False)
    trusting = train_etp(kitchen_dataset(table, censoring=None), parameters=QUICK, baselines=False)
    counts = trained.metadata["labels"]
    assert counts["training"]["bounded"] > 500
    assert trained.metadata["rows_trained"] > trusting.metadata["rows_trained"]
    assert trusting.metadata["labels"] == {}
    assert trained.report.overall("etp").n == counts["test"]["exact"]

    rows = dataset.as_of_us >= dataset.test_from_us
    X, truth_s = inputs_of(trained.estimator, dataset, rows), true_s(table)[rows]
    bias_s, trusting_bias_s = (
        np.median(one.estimator.predict(X).quantile(0.5) - truth_s) for one in (trained, trusting)
    )
    assert abs(bias_s) + 10.0 < trusting_bias_s


def test_labels_are_known_only_when_their_bounds_are() -> None:
    table = kitchen(5, rows=1_000)
    late = table.index[-1]
    table.loc[late, "picked_up"] = TEST_FROM + pd.Timedelta("1h")
    table.loc[late, ["dispatched", "ready"]] = [
        TEST_FROM - pd.Timedelta("2h"),
        TEST_FROM - pd.Timedelta("1h"),
    ]
    dataset = kitchen_dataset(table)
    assert not dataset.trains[late]
    assert kitchen_dataset(table, censoring=None).trains[late]
    assert (dataset.ended_us[dataset.trains] < dataset.test_from_us).all()
    assert dataset.bounded[dataset.trains].any()
    assert not dataset.bounded[dataset.tests].any()


def test_choices_are_made_on_exact_labels() -> None:
    dataset = kitchen_dataset(kitchen(5, rows=2_500))
    estimator = unfitted(Etp, dataset, features=["store_time_to_ready_last_20_median"])
    matrix = FeatureMatrix.compute(estimator, dataset, test=False)
    assert not np.isnan(matrix.target_s).any()
    whole = FeatureMatrix.compute(estimator, dataset)
    np.testing.assert_array_equal(whole.target_s[whole.learned], matrix.target_s)
    for split in matrix.inner_splits(2):
        assert matrix.exact[split.scored].all()
        assert not matrix.exact[split.learned].all()


def test_other_questions_are_not_censored() -> None:
    other = kitchen_dataset(kitchen(5, rows=500)).about(
        seconds_between("dispatched", "delivered"), as_of="dispatched"
    )
    assert other.labels is None
    assert not other.bounded.any()
    assert other.labelled.all()


def test_misuse_is_said() -> None:
    with pytest.raises(DatasetError, match="at_most is empty"):
        LabelBounds(event="ready", at_most=())
    with pytest.raises(DatasetError, match="bound of itself"):
        LabelBounds(event="ready", at_most=("ready",))
    with pytest.raises(UnknownNameError):
        kitchen_dataset(
            kitchen(5, rows=10), censoring=LabelBounds(event="ready", at_most=("gone",))
        )
    few = Labels(
        exact_s=np.array([NAN, 100.0]),
        low_s=np.array([50.0, 100.0]),
        high_s=np.array([90.0, 100.0]),
        taken_s=np.array([90.0, 120.0]),
        waits_s=np.array([NAN, NAN]),
    )
    with pytest.raises(DatasetError, match="1 labelled rows"):
        imputed(
            few,
            np.zeros((2, 1)),
            np.zeros(2, dtype=np.int64),
            columns=Columns(["a"]),
            parameters=BoostingParameters(),
        )
