"""Scores against plain definitions, reports, and the slices."""

from __future__ import annotations

import json
import math

import numpy as np
import pytest

from estimators import Distribution, InputError
from estimators.evaluation.report import Report, ReportRow
from estimators.evaluation.scores import Scores, crps_s, pinball_s, score
from estimators.evaluation.slices import slices_of, store_age_orders
from estimators.features.facts import learn_facts
from tests.estimators.building import START, town, town_dataset

SEED = 3


def some_rows() -> tuple[Distribution, np.ndarray]:
    rng = np.random.default_rng(SEED)
    levels = [k / 100 for k in range(1, 100)]
    values = np.sort(rng.gamma(2.0, 400.0, (50, 99)), axis=1)
    return Distribution(levels, values), rng.gamma(2.0, 400.0, 50)


def test_scores_are_what_their_names_say() -> None:
    predicted, happened = some_rows()
    scores = score(predicted, happened)
    medians = predicted.quantile(0.5)
    assert scores.n == 50
    assert scores.mae_s == pytest.approx(sum(abs(happened - medians)) / 50)
    assert scores.rmse_s == pytest.approx(math.sqrt(sum((happened - predicted.mean()) ** 2) / 50))
    assert scores.bias_s == pytest.approx(sum(predicted.mean() - happened) / 50)
    low, high = predicted.quantile(0.1), predicted.quantile(0.9)
    inside = [lo <= y <= hi for lo, y, hi in zip(low, happened, high, strict=True)]
    assert scores.coverage[0.8] == sum(inside) / 50
    assert scores.width_s[0.8] == pytest.approx(sum(high - low) / 50)


def test_crps_is_that_of_the_samples() -> None:
    """E|X - y| - E|X - X'| / 2, by draws (Gneiting and Raftery, 2007)."""
    predicted, happened = some_rows()
    rng = np.random.default_rng(SEED)
    one, other = predicted.sample(40_000, rng), predicted.sample(40_000, rng)
    by_draws = np.abs(one - happened[:, np.newaxis]).mean(axis=1)
    by_draws -= np.abs(one - other).mean(axis=1) / 2.0
    np.testing.assert_allclose(crps_s(predicted, happened), by_draws, rtol=0.03)


def test_scores_of_the_mean_are_of_the_calibrated_one() -> None:
    predicted, happened = some_rows()
    exact = Distribution(predicted.levels, predicted.values, happened + 3.0)
    scores = score(exact, happened)
    assert (scores.bias_s, scores.rmse_s) == pytest.approx((3.0, 3.0))
    assert scores.mae_s == score(predicted, happened).mae_s


def test_pinball_at_the_median_is_half_the_absolute_error() -> None:
    predicted, happened = some_rows()
    error = np.abs(happened - predicted.quantile(0.5)).mean()
    assert pinball_s(predicted, happened, 0.5) == pytest.approx(error / 2.0)


def test_ranks_of_right_distributions_are_uniform_and_of_wrong_ones_are_not() -> None:
    rng = np.random.default_rng(SEED)
    levels = np.linspace(0.01, 0.99, 99)
    happened = rng.gamma(2.0, 400.0, 4_000)
    typical = np.quantile(rng.gamma(2.0, 400.0, 100_000), levels)
    right = score(Distribution(levels, np.tile(typical, (4_000, 1))), happened)
    late = score(Distribution(levels, np.tile(typical + 300.0, (4_000, 1))), happened)
    assert sum(right.pit) == sum(late.pit) == 4_000
    assert max(right.pit) < 1.35 * min(right.pit), f"seed {SEED}"
    assert right.pit_distance < 0.03 < 0.25 < late.pit_distance, f"seed {SEED}"
    for level, share in right.calibration.items():
        assert share == np.mean(happened <= typical[levels.tolist().index(level)])
        assert abs(share - level) < 0.03


def test_the_counts_of_ranks_are_the_cumulated_shares_of_the_curve() -> None:
    predicted, happened = some_rows()
    scores = score(predicted, happened)
    for k, below in enumerate(np.cumsum(scores.pit)[:-1]):
        assert below / 50 == pytest.approx(scores.calibration[round(0.05 * (k + 1), 2)])
    assert score(predicted, happened, curve=False).calibration == {}


def test_scores_of_an_older_version_are_read() -> None:
    predicted, happened = some_rows()
    document = score(predicted, happened).to_json()
    for new in ("pit", "pit_distance", "calibration"):
        del document[new]
    again = Scores.from_json(document)
    assert again.crps_s == document["crps_s"]
    assert again.pit == ()
    assert again.calibration == {}
    assert math.isnan(again.pit_distance)


def test_no_rows_have_no_scores() -> None:
    scores = score(Distribution([0.1, 0.9], np.empty((0, 2))), np.empty(0))
    assert scores.n == 0
    assert math.isnan(scores.mae_s)
    with pytest.raises(InputError):
        score(Distribution([0.1, 0.9], [[1.0, 2.0]]), np.empty(0))


def test_a_report_survives_json() -> None:
    predicted, happened = some_rows()
    rows = (
        ReportRow(model="etp", group="all", value="", scores=score(predicted, happened)),
        ReportRow(model="theirs", group="all", value="", scores=Scores(n=0, mae_s=410.0)),
        ReportRow(model="etp", group="city", value="Leeds", scores=score(predicted, happened)),
    )
    report = Report(estimator="etp", dataset="town", period=("a", "b"), rows=rows)
    again = Report.from_json(json.loads(json.dumps(report.to_json(), allow_nan=False)))
    assert again.rows[0] == report.rows[0]
    assert again.overall("theirs").mae_s == 410.0
    assert math.isnan(again.overall("theirs").rmse_s)
    older = report.to_json()
    for row in older["rows"]:
        del row["scores"]["bias_s"]  # reports of earlier versions have no bias
    assert math.isnan(Report.from_json(older).overall("etp").bias_s)
    with pytest.raises(KeyError):
        report.overall("nobody")


def test_store_age_counts_the_orders_before() -> None:
    table = town(SEED, rows=400)
    table["accepted"] = table["accepted"].where(~table.index.isin(range(100, 105)), START)
    dataset = town_dataset(table.sample(frac=1.0, random_state=SEED))
    asked, store = dataset.as_of_us, dataset.table["store_id"].to_numpy()
    expected = [int(((store == s) & (asked < t)).sum()) for s, t in zip(store, asked, strict=True)]
    assert store_age_orders(dataset).tolist() == expected


def test_every_row_is_in_one_slice_of_each_group() -> None:
    table = town(SEED, rows=400)
    dataset = town_dataset(table)
    facts = learn_facts(
        table,
        numbers=(),
        categories=("city",),
        timezone_by="city",
        timezones=dataset.timezones,
    )
    groups = slices_of(dataset, dataset.labelled, facts)
    assert list(groups) == ["city", "hour", "store age"]
    for labels in groups.values():
        assert len(labels) == int(dataset.labelled.sum())
        assert all(isinstance(label, str) for label in labels)
