"""From columns to calibrated distributions: splits by time, groups, what is saved."""

from __future__ import annotations

import json
from typing import Any

import numpy as np
import pytest

from estimators import DatasetError, InputError
from estimators.core.typing import FloatArray
from estimators.quantiles import later_rows
from estimators.quantiles.boosting import Anchors, BoostingParameters
from estimators.quantiles.later_rows import CALIBRATION_FROM
from estimators.quantiles.quantile_model import Columns, QuantileModel

SEED = 23
FEW = BoostingParameters(median_trees=10, outer_trees=5, outer_min_rows_per_leaf=20)
COLUMNS = Columns(
    ["load", "city", "local_hour", "orders_before"],
    categories=["city"],
    hour="local_hour",
    groups=["city", "local_hour", "orders_before"],
)
HOUR_US = 3_600_000_000


def rows(n: int = 3_000) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """An order every twelve minutes; in the last city seconds scatter three times as far."""
    rng = np.random.default_rng(SEED)
    hours = np.arange(n) / 5.0
    X = np.column_stack(
        [rng.random(n), rng.integers(0, 3, n), hours % 24.0, np.arange(n) // 40]
    ).astype(float)
    wide = np.where(X[:, 1] == 2.0, 0.6, 0.2)
    seconds = (500.0 + 500.0 * X[:, 0]) * np.exp(wide * rng.normal(size=n))
    return X, seconds, (hours * HOUR_US).astype(np.int64)


def fitted(parameters: BoostingParameters = FEW, columns: Columns = COLUMNS) -> QuantileModel:
    return QuantileModel.fit(*rows(), columns=columns, parameters=parameters)


def test_groups_are_columns_of_the_model() -> None:
    X, _, _ = rows()
    model = fitted()
    assert [group.column for group in model.grid.groups] == [1, 2, 3]
    assert COLUMNS.group_edges(X)[1] == (1.0, 2.0)
    again = QuantileModel.from_json(json.loads(json.dumps(model.to_json())))
    assert again.predict(X[:50]) == model.predict(X[:50])
    assert fitted(columns=Columns(COLUMNS.names)).grid.groups == ()


def test_rows_of_one_call_do_not_touch_each_other() -> None:
    X, _, _ = rows()
    X[3] = np.nan
    model = fitted()
    together = model.predict(X[:20])
    alone = [model.predict(X[i : i + 1]).values[0] for i in range(20)]
    np.testing.assert_array_equal(together.values, alone)


def test_seconds_may_be_negative_on_the_linear_scale() -> None:
    X, seconds, as_of_us = rows()
    extra = seconds - 900.0
    linear = BoostingParameters(**{**FEW.to_json(), "scale": "linear"})
    model = QuantileModel.fit(X, extra, as_of_us, columns=COLUMNS, parameters=linear)
    low, high = model.predict(X).interval(0.8)
    assert (low < 0.0).mean() > 0.5
    assert 0.76 < np.mean((low <= extra) & (extra <= high)) < 0.84, f"seed {SEED}"
    assert model.grid.to_json()["scale"] == "linear"


def test_no_model_for_calibration_takes_more_rows_than_it_may(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    seen: list[int] = []
    fit = Anchors.fit

    def counting(X: FloatArray, target_s: FloatArray, **options: Any) -> Anchors:
        seen.append(len(X))
        return fit(X, target_s, **options)

    monkeypatch.setattr(Anchors, "fit", counting)
    monkeypatch.setattr(later_rows, "FOLD_ROWS_MAX", 1_000)
    monkeypatch.setattr(later_rows, "CALIBRATION_ROWS_MAX", 300)
    model = fitted()
    assert seen == [1_000, 1_000, 3_000]
    X, seconds, _ = rows()
    low, high = model.predict(X).interval(0.8)
    assert 0.75 < np.mean((low <= seconds) & (seconds <= high)) < 0.87, f"seed {SEED}"


def test_progress_grows_within_each_stage() -> None:
    seen: dict[str, list[float]] = {}
    X, seconds, as_of_us = rows()
    QuantileModel.fit(
        X,
        seconds,
        as_of_us,
        columns=COLUMNS,
        parameters=FEW,
        progress=lambda stage, part: seen.setdefault(stage, []).append(part),
    )
    assert list(seen) == ["calibrate", "fit"]
    for parts in seen.values():
        assert parts == sorted(parts)
        assert parts[-1] == pytest.approx(1.0)
    assert len(seen["calibrate"]) == len(CALIBRATION_FROM) * len(seen["fit"])


def test_rows_that_cannot_be_split_by_time_are_refused() -> None:
    X, seconds, as_of_us = rows()
    with pytest.raises(DatasetError, match="at least 400"):
        QuantileModel.fit(X[:399], seconds[:399], as_of_us[:399], columns=COLUMNS)
    with pytest.raises(DatasetError, match="cannot be split by time"):
        QuantileModel.fit(X, seconds, np.full(len(X), as_of_us[0]), columns=COLUMNS)
    with pytest.raises(InputError, match="not finite"):
        QuantileModel.fit(X, np.full(len(X), np.nan), as_of_us, columns=COLUMNS)
    with pytest.raises(InputError, match="expected as many"):
        QuantileModel.fit(X, seconds[1:], as_of_us, columns=COLUMNS)
    with pytest.raises(InputError, match="n_rows, 4"):
        QuantileModel.fit(X[:, :3], seconds, as_of_us, columns=COLUMNS)
