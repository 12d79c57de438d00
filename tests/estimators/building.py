"""What the tests of the estimators are made of: a small town whose kitchens have a known law."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd

from aggregators import Source
from estimators import Dataset, seconds_between
from estimators.quantiles.boosting import BoostingParameters

START = pd.Timestamp("2026-03-02", tz="UTC")
DAYS = 8
TEST_FROM = START + pd.Timedelta(days=6)
STORES = 6
MOOD_H = 8
"""Hours that a store's mood lasts: long enough to be seen in its last orders."""

ORDERS = Source(
    "orders",
    sample_id="order_id",
    events=("accepted", "ready", "cancelled"),
    dimensions=("store_id", "city"),
    attributes=("amount", "products"),
)
QUICK = BoostingParameters(
    median_trees=60, outer_trees=30, leaves=15, min_rows_per_leaf=20, outer_min_rows_per_leaf=50
)
"""Enough trees for a small town."""


def town(seed: int, *, rows: int = 2_400) -> pd.DataFrame:
    """Orders whose preparation depends on the store's mood, which changes every few hours.

    The mood is in no fact of the request: only what the store did lately tells it.
    """
    rng = np.random.default_rng(seed)
    accepted_s = np.sort(rng.uniform(0.0, DAYS * 86_400.0, rows))
    store = rng.integers(0, STORES, rows)
    mood = rng.lognormal(0.0, 0.6, (STORES, DAYS * 24 // MOOD_H + 1))
    products = rng.integers(1, 9, rows)
    typical_s = (
        240.0 * mood[store, (accepted_s // (MOOD_H * 3_600.0)).astype(int)] + 40.0 * products
    )
    prep_s = typical_s * rng.lognormal(0.0, 0.2, rows)
    forgotten = rng.random(rows) < 0.02
    prep_s[forgotten] = 90_000.0
    cancelled = rng.random(rows) < 0.03
    accepted = START + pd.to_timedelta(accepted_s.round(3), unit="s")
    after = pd.to_timedelta(prep_s.round(3), unit="s")
    table = pd.DataFrame(
        {
            "order_id": np.arange(rows),
            "accepted": accepted,
            "ready": accepted + after,
            "cancelled": accepted + pd.Timedelta(minutes=3),
            "store_id": [f"s{i}" for i in store],
            "city": np.where(store % 2 == 0, "BCN", "WAW"),
            "amount": (products * 7.5).astype(float),
            "products": products.astype(float),
        }
    )
    table["ready"] = table["ready"].where(~cancelled)
    table["cancelled"] = table["cancelled"].where(cancelled)
    return table


def town_dataset(table: pd.DataFrame, **changes: Any) -> Dataset:
    """The town as a data set that asks, at acceptance, when an order will be ready."""
    settings: dict[str, Any] = {
        "name": "town",
        "source": ORDERS,
        "table": table,
        "as_of": "accepted",
        "target": seconds_between("accepted", "ready"),
        "numbers": ("amount", "products"),
        "categories": ("store_id", "city"),
        "timezone_by": "city",
        "timezones": {"BCN": "Europe/Madrid", "WAW": "Europe/Warsaw"},
        "label_bounds_s": (10.0, 7_200.0),
        "test_from": TEST_FROM,
    }
    return Dataset(**{**settings, **changes})
