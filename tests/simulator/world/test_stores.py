"""Stores: what they cook, when they are open, and how many batches they have room for."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from simulator.world.nature import LIVELY
from simulator.world.stores import CATEGORIES, Stores, make_stores, with_slots
from tests.simulator.world.drawn import SCENARIO, local, profile, rng, stores, streets


def test_stores_are_drawn_as_the_scenario_wants_them() -> None:
    drawn = stores()
    assert len(drawn) == SCENARIO.n_stores
    assert set(drawn.category) <= set(range(len(CATEGORIES)))
    assert (drawn.batch == np.array([kind.batch for kind in CATEGORIES])[drawn.category]).all()
    assert 0.2 < (drawn.opens_day > 0).mean() < 0.8
    assert drawn.opens_day.max() < SCENARIO.days
    again = make_stores(SCENARIO, profile(), streets(), rng(2))
    for name, array in vars(drawn).items():
        np.testing.assert_array_equal(getattr(again, name), array, err_msg=name)


def test_stores_crowd_towards_the_centre() -> None:
    many = make_stores(replace(SCENARIO, stores_per_city=2_000), profile(), streets(), rng())
    away_m = np.hypot(streets().x_m, streets().y_m)
    assert away_m[many.node].mean() < 0.9 * away_m.mean()


def test_work_grows_with_products_and_with_the_kitchens_pace() -> None:
    one, three = stores().work_s(1.0), stores().work_s(3.0)
    kinds = [CATEGORIES[k] for k in stores().category]
    np.testing.assert_allclose(one, stores().pace * [kind.first_s for kind in kinds])
    np.testing.assert_allclose(three - one, 2 * stores().pace * [kind.product_s for kind in kinds])


def test_a_store_is_open_between_its_hours_and_not_before_its_first_day() -> None:
    base = {name: array[:3] for name, array in vars(stores()).items()}
    late = Stores(
        **{
            **base,
            "opens_h": np.array([12.0, 12.0, 12.0]),
            "closes_h": np.array([22.0, 26.0, 22.0]),
            "opens_day": np.array([0, 0, 2]),
        }
    )
    open_ = late.open_in(local(), slice(0, len(local())))
    hour, day = local().hour, local().day
    # The last order comes a quarter of an hour before the end.
    assert (open_[0] == ((hour >= 12.0) & (hour <= 21.5))).all()
    assert open_[1][hour == 1.0].all()
    assert not open_[1][hour == 2.0].any()
    assert not open_[2][day < 2].any()
    assert (open_[2] == open_[0])[day >= 2].all()


def test_kitchens_have_room_for_their_busiest_hour() -> None:
    peak_per_h = np.linspace(0.1, 60.0, len(stores()))
    slots = with_slots(stores(), peak_per_h, LIVELY, rng()).slots
    assert (slots >= 1).all()
    used = peak_per_h * stores().work_s(2.6) / 3_600.0 / stores().batch / slots
    assert used.max() < 2.0 * LIVELY.utilisation[1]
    assert slots[-10:].mean() > slots[:10].mean()
