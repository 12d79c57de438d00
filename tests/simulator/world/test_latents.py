"""Weather and congestion go on from what they are, and come back to what is usual."""

from __future__ import annotations

import numpy as np

from simulator.world.latents import INTENSITY, N_LATENTS, WET, WIND, first_latents, latent_path
from tests.simulator.world.drawn import profile, rng


def test_the_first_state_is_of_the_long_run() -> None:
    chance = rng()
    drawn = np.array([first_latents(profile(), chance) for _ in range(4_000)])
    assert drawn.shape == (4_000, N_LATENTS)
    assert set(drawn[:, WET]) == {0.0, 1.0}
    share = profile().wet_share
    assert abs(drawn[:, WET].mean() - share) < 4.0 * np.sqrt(share * (1.0 - share) / 4_000)
    others = np.delete(drawn, WET, axis=1)
    assert np.abs(others.mean(axis=0)).max() < 4.0 / np.sqrt(4_000)


def test_it_goes_on_raining_for_a_while_and_as_often_as_the_city_has_it() -> None:
    path = latent_path(profile(), first_latents(profile(), rng()), 60, 1_000, rng(3))
    wet = path[:, 20:, WET] == 1.0
    assert abs(wet.mean() - profile().wet_share) < 0.06
    stays = wet[:, 1:][wet[:, :-1]].mean()
    assert abs(stays - 7.0 / 8.0) < 0.02  # a spell lasts for eight bins in the mean


def test_the_next_bin_is_like_this_one_and_a_far_one_is_not() -> None:
    state = np.zeros(N_LATENTS)
    state[WIND], state[INTENSITY] = 3.0, 3.0
    path = latent_path(profile(), state, 300, 400, rng(4))
    assert path.shape == (400, 300, N_LATENTS)
    assert path[:, 0, WIND].mean() > 2.8
    assert abs(path[:, -1, WIND].mean()) < 0.5
    np.testing.assert_array_equal(path, latent_path(profile(), state, 300, 400, rng(4)))
