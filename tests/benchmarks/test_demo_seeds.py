"""Evenings are pooled by orders, with standard errors by evening."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from benchmarks.demo_seeds import pooled, ratio, table

SEED = 3


def waits(n: int, courier_s: float, late: int) -> dict[str, float]:
    return {"n": n, "courier_s": courier_s * n, "food_s": 20.0 * n, "late": late,
            "delivery_s": 1_500.0 * n}  # fmt: skip


def evening(n: int, inside: int, courier_s: float, **answers: int) -> dict[str, Any]:
    ranges = {"n": n, "inside": inside, "width_s": 600.0 * n}
    return {
        "failures": [],
        "answers": answers,
        "stages": {"accepted": {**ranges, "crps_s": 90.0 * n, "error_s": 120.0 * n}},
        "app": ranges,
        "partner": ranges,
        "doorstep": waits(n, courier_s, 2),
        "nearest": waits(n, 200.0, 4),
        "chosen": {"n": n, "expected_s": 100.0 * n, "waited_s": 110.0 * n},
    }


def test_orders_count_alike_and_evenings_make_the_error() -> None:
    evenings = [evening(100, 80, 150.0, ok=500), evening(300, 210, 170.0, ok=900, input_clipped=1)]
    found = pooled(evenings)
    assert found["evenings"] == 2
    assert found["answers"] == {"ok": 1_400, "input_clipped": 1}
    assert found["stages"]["accepted"]["n"] == 400
    assert found["stages"]["accepted"]["inside"][0] == pytest.approx(290 / 400)
    assert found["stages"]["accepted"]["crps_s"] == pytest.approx([90.0, 0.0])
    courier = found["couriers"]["courier_s"]
    assert courier["doorstep"][0] == pytest.approx(165.0)
    assert courier["nearest"] == pytest.approx([200.0, 0.0])
    assert courier["difference"][0] == pytest.approx(-35.0)
    assert courier["difference"][1] == pytest.approx(courier["doorstep"][1])
    assert found["couriers"]["late"]["difference"][0] == pytest.approx(-0.01)


def test_the_standard_error_is_that_of_a_mean_where_evenings_are_of_one_size() -> None:
    shares = np.random.default_rng(SEED).uniform(0.6, 0.9, 12)
    mean, error = ratio([{"n": 50, "inside": 50 * share} for share in shares], "inside")
    assert mean == pytest.approx(shares.mean())
    assert error == pytest.approx(shares.std(ddof=1) / np.sqrt(12))


def test_the_tables_have_every_figure() -> None:
    text = table(pooled([evening(100, 80, 150.0, ok=5), evening(100, 84, 140.0, ok=6)]))
    assert "| `accepted` | 200 | 82.0% ± 2.0 | 600 | 90.0 ± 0.0 | 120 |" in text
    assert "| courier waits for the food, s | 145.0 | 200.0 | -55.0 ± 5.0 |" in text
    assert "| food waits more than 5 min, % | 2.0 | 4.0 | -2.0 ± 0.0 |" in text
    assert "expected to wait 100 s, waited 110 s. Answers: {'ok': 11}" in text
