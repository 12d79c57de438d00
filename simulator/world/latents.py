"""Draw the latent processes, weather and congestion, on which conditions depend.

Each is a Markov chain on bins of a quarter of an hour, so that its future, given its present, can
be drawn again: the truth of an estimate needs that.
"""

from __future__ import annotations

import numpy as np

from simulator.world.arrays import FloatArray
from simulator.world.scenario import CityProfile
from simulator.world.streets import ZONES

__all__ = ["CITY_CONGESTION", "INTENSITY", "N_LATENTS", "TEMPERATURE", "WET", "WIND", "ZONE_0",
           "first_latents", "latent_path"]  # fmt: skip

WET, INTENSITY, TEMPERATURE, WIND, CITY_CONGESTION, ZONE_0 = range(6)
"""Columns of a path: whether it rains, and how much if so; warmer than usual; windier than usual;
more traffic than usual in the city and, from ``ZONE_0`` on, in each zone. Standard normal, but the
first, which is 0 or 1.
"""
N_LATENTS = ZONE_0 + len(ZONES)

WET_SPELL_BINS = 8.0
_MEMORY = np.array([0.0, 0.85, 0.9985, 0.985, 0.94] + [0.9] * len(ZONES))
"""Correlation from one bin to the next."""
_NOISE = np.sqrt(1.0 - _MEMORY**2)


def first_latents(profile: CityProfile, rng: np.random.Generator) -> FloatArray:
    """Draw a first state from the processes' long-run distribution; shape (N_LATENTS,)."""
    state = rng.standard_normal(N_LATENTS)
    state[WET] = float(rng.random() < profile.wet_share)
    return state


def latent_path(
    profile: CityProfile, state: FloatArray, n_bins: int, draws: int, rng: np.random.Generator
) -> FloatArray:
    """Draw how the processes go on from a state.

    Args:
        profile: the city, for how often it rains.
        state: what they are in the bin before; shape (N_LATENTS,).
        n_bins: how many bins to go on for.
        draws: how many futures, independent of each other.
        rng: where chance comes from.

    Returns:
        Shape (draws, n_bins, N_LATENTS).
    """
    path = np.empty((draws, n_bins, N_LATENTS))
    noise = rng.standard_normal((n_bins, draws, N_LATENTS)) * _NOISE
    chance = rng.random((n_bins, draws))
    stops = 1.0 / WET_SPELL_BINS
    starts = stops * profile.wet_share / (1.0 - profile.wet_share)
    now = np.broadcast_to(state, (draws, N_LATENTS))
    for i in range(n_bins):
        wet = np.where(now[:, WET] == 1.0, chance[i] >= stops, chance[i] < starts)
        now = now * _MEMORY + noise[i]
        now[:, WET] = wet
        path[:, i] = now
    return path
