"""Compute how long couriers ride and look for a parking place."""

from __future__ import annotations

from simulator.engine.compiled import inner
from simulator.engine.state import World

__all__ = ["bin_of", "distance_of", "parking_s", "ride_s", "store_stop_s"]

BIN_MS = 900_000

TRAFFIC_SHARE = (0.25, 0.6, 1.0)
"""How much of the traffic a bicycle, a scooter, a car has to stand in."""
RAIN_PER_MM = (0.055, 0.05, 0.03)
RAIN_MAX_MM = 6.0
WIND_FROM_M_S, WIND_PER_M_S = 4.0, 0.025
"""Only bicycles feel the wind."""
SNOW_BELOW_C, SNOW_FACTOR = 0.5, 1.25
START_S = 20.0
STORE_STOP_S = (20.0, 35.0, 70.0)
"""To park at the store and walk in, on ordinary streets."""
SEARCH_S = (15.0, 30.0, 105.0)
"""To park at the customer, on ordinary streets."""
PARKING_RAIN_PER_MM = 0.03


@inner
def bin_of(world: World, now: int) -> int:
    """Return the column of the conditions at a moment; the last one goes on holding."""
    return min(now // BIN_MS - world.first_bin, len(world.rain) - 1)


@inner
def distance_of(world: World, courier: int, start: int, end: int) -> float:
    """Return the metres from node to node that a courier rides."""
    bound = 0 if world.vehicle[courier] == 0 else 1
    return float(world.distance_m[bound, start, end])


@inner
def ride_s(world: World, now: int, courier: int, start: int, end: int, extra_m: float) -> float:
    """Return the median seconds of a ride that begins now."""
    i = bin_of(world, now)
    vehicle = world.vehicle[courier]
    way_m = distance_of(world, courier, start, end) + extra_m
    traffic = 0.5 * (
        world.traffic[world.node_zone[start], i] + world.traffic[world.node_zone[end], i]
    )
    slower = 1.0 + TRAFFIC_SHARE[vehicle] * (traffic - 1.0)
    slower *= 1.0 + RAIN_PER_MM[vehicle] * min(world.rain[i], RAIN_MAX_MM)
    if vehicle == 0:
        slower *= 1.0 + WIND_PER_M_S * max(world.wind[i] - WIND_FROM_M_S, 0.0)
    if world.rain[i] > 0.0 and world.temperature[i] < SNOW_BELOW_C:
        slower *= SNOW_FACTOR
    return float(START_S + way_m / world.speed_m_s[courier] * slower)


@inner
def store_stop_s(world: World, now: int, courier: int, node: int) -> float:
    """Return the median seconds from the street into a store."""
    i = bin_of(world, now)
    return float(STORE_STOP_S[world.vehicle[courier]] * world.parking[world.node_zone[node], i])


@inner
def parking_s(world: World, now: int, courier: int, node: int, door_s: float) -> float:
    """Return the median seconds from the customer's street to a handed-over bag."""
    i = bin_of(world, now)
    search_s = SEARCH_S[world.vehicle[courier]] * world.parking[world.node_zone[node], i]
    wet = 1.0 + PARKING_RAIN_PER_MM * min(world.rain[i], RAIN_MAX_MM)
    return float((search_s * world.parking_skill[courier] + door_s) * wet)
