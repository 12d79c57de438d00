"""Units: each number against the decimal arithmetic of its definition.

Tests `commands.data.units.conversions`.
"""

from __future__ import annotations

from fractions import Fraction

import numpy as np
import pandas as pd
import pytest

from commands.data.units.conversions import (
    UNITS,
    UnitMismatchError,
    conversion_to,
    unit_of_attribute,
)

DEFINED = {
    ("distance_m", "m"): Fraction(1),
    ("distance_m", "km"): Fraction(1000),
    ("distance_m", "miles"): Fraction("1609.344"),
    ("distance_m", "feet"): Fraction("0.3048"),
    ("distance_m", "yards"): Fraction("0.9144"),
    ("distance_km", "miles"): Fraction("1.609344"),
    ("router_s", "s"): Fraction(1),
    ("router_s", "ms"): Fraction(1, 1000),
    ("router_s", "minutes"): Fraction(60),
    ("router_s", "hours"): Fraction(3600),
    ("router_s", "days"): Fraction(86_400),
    ("router_min", "s"): Fraction(1, 60),
    ("wind_speed_m_s", "km_h"): Fraction(10, 36),
    ("wind_speed_m_s", "mph"): Fraction("0.44704"),
    ("precipitation_mm", "inches"): Fraction("25.4"),
    ("amount", "cents"): Fraction(1, 100),
    ("fee_cents", "cents"): Fraction(1),
}


@pytest.mark.parametrize(("name", "unit"), DEFINED)
def test_a_number_is_the_nearest_float_of_its_definition(name: str, unit: str) -> None:
    rng = np.random.default_rng(7)
    given = np.round(rng.uniform(-50.0, 5_000.0, 500), 2)
    found = conversion_to(name, unit).of(pd.Series(given))
    for number, converted in zip(given, found, strict=True):
        exact = Fraction(str(number)) * DEFINED[name, unit]
        assert abs(converted - float(exact)) <= 2 * np.spacing(abs(float(exact))), number


def test_cents_are_exact_decimals() -> None:
    cents = pd.Series(np.arange(20_000.0))
    assert conversion_to("amount", "cents").of(cents).tolist() == [
        float(f"{n // 100}.{n % 100:02}") for n in range(20_000)
    ]


def test_temperatures_have_another_zero() -> None:
    found = conversion_to("temperature_c", "fahrenheit").of(pd.Series([32.0, 212.0, -40.0]))
    assert found.tolist() == [0.0, 100.0, -40.0]


def test_missing_numbers_stay_missing() -> None:
    found = conversion_to("distance_m", "km").of(pd.Series([np.nan, 2.0]))
    assert found.isna().tolist() == [True, False]


@pytest.mark.parametrize(
    ("name", "unit", "message"),
    [
        ("distance_m", "kms", "'kms' is no unit; did you mean 'km'.*km, miles, feet, yards"),
        ("distance_m", "minutes", "minutes is a unit of duration.*states a unit of distance"),
        ("wind_speed_m_s", "minutes", "states a unit of speed; expected m_s, km_h, mph"),
        ("distance", "km", "'distance' states no unit .*such as distance_m$"),
        ("router", "hours", "such as router_s$"),
        ("amount", "dollars", "'dollars' is no unit; there are: m, km,"),
        ("amount", "money", "'money' is no unit"),
        ("distance_m", "cents", "cents is a unit of money"),
    ],
)
def test_a_unit_that_does_not_fit_is_refused(name: str, unit: str, message: str) -> None:
    with pytest.raises(UnitMismatchError, match=message):
        conversion_to(name, unit)


def test_every_unit_fits_an_attribute_of_some_name() -> None:
    fitting = {unit for _, unit in DEFINED} | {"celsius", "fahrenheit", "mm"}
    assert set(UNITS) <= fitting | {"m_s"}
    assert unit_of_attribute("items") is None
