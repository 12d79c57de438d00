"""What could be known at most: the same models, given what nobody records, beside the truth.

Usage: python -m benchmarks.noise_floor [--orders 40000] [--days 14] [--cities 2] [--seed 0]
       [--truth 300] [--parts ready,total,...]

For each part of a delivery: a constant, the model of the estimator's own features on 1/8, 1/4, 1/2
and all of the training rows, the same model with columns of hidden state (skills, the pace of the
half day, the line in the kitchen with the work in it, traffic, idle couriers), and the truth: the
distribution that the simulator itself drew from. All on the same orders of the test period.
"""

from __future__ import annotations

import argparse
from collections.abc import Iterator

import numpy as np
import pandas as pd

from aggregators import Duration
from commands.data.sources import dataset_of_cities
from estimators import Dataset
from estimators.core.distribution import Distribution
from estimators.core.typing import BoolArray, FloatArray, IntArray
from estimators.courier_travel import CourierTravel
from estimators.etp import Etp
from estimators.evaluation.scores import crps_s
from estimators.model.base import Estimator
from estimators.parking import Parking
from estimators.quantiles.quantile_model import Columns, QuantileModel
from estimators.training.matrix import FeatureMatrix
from estimators.training.train import unfitted
from estimators.wall_eta import WallEta
from simulator import Scenario, Simulation, simulate_cities, true_distributions
from simulator.engine import state as engine
from simulator.engine.city import BIN_MS, City
from simulator.engine.rides import (
    PARKING_RAIN_PER_MM,
    RAIN_MAX_MM,
    RAIN_PER_MM,
    SEARCH_S,
    SNOW_BELOW_C,
    SNOW_FACTOR,
    START_S,
    STORE_STOP_S,
    TRAFFIC_SHARE,
    WIND_FROM_M_S,
    WIND_PER_M_S,
)
from simulator.truth.futures import PARTS
from simulator.world.local_events import PARKING, TRAFFIC

ESTIMATORS: dict[str, type[Estimator]] = {
    "ready": Etp,
    "to_store": CourierTravel,
    "to_customer": CourierTravel,
    "parking": Parking,
    "total": WallEta,
}
SHARES = (0.125, 0.25, 0.5, 1.0)
LOOKBACK = 120
"""Earlier orders of a store that may still be in its kitchen."""


def main() -> None:
    """Print a table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--orders", type=int, default=40_000)
    parser.add_argument("--days", type=int, default=14)
    parser.add_argument("--cities", type=int, default=2)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--truth", type=int, default=300, help="orders whose truth is drawn")
    parser.add_argument("--draws", type=int, default=100, help="futures of each")
    parser.add_argument("--parts", default=",".join(ESTIMATORS))
    asked = parser.parse_args()
    scenario = Scenario(cities=asked.cities, days=asked.days, orders=asked.orders, seed=asked.seed)
    simulation = simulate_cities(scenario)
    dataset = dataset_of_cities(scenario)
    split = dataset.test_from.to_pydatetime()
    truth = true_distributions(simulation, asked.truth, draws=asked.draws, after=split)
    print("| part | model | rows | CRPS s, all | CRPS s, orders with truth | of the truth's |")
    print("|---|---|---|---|---|---|")
    for part in asked.parts.split(","):
        for line in _lines(part, dataset, simulation, truth[truth["part"] == part]):
            print(line, flush=True)


def _lines(
    part: str, dataset: Dataset, simulation: Simulation, truth: pd.DataFrame
) -> Iterator[str]:
    """Yield the rows of the table about one part."""
    start, end = PARTS[part]
    asked = dataset.about(Duration(start, end), as_of=start)
    matrix = FeatureMatrix.compute(unfitted(ESTIMATORS[part], asked), asked)
    rows = np.flatnonzero(asked.trains | asked.tests)[matrix.tested]
    known = truth.dropna(subset=["crps_s"]).set_index("order_id")["crps_s"]
    ids = asked.table[asked.source.sample_id].to_numpy()[rows]
    common = np.isin(ids, known.index)
    floor_s = float(known.loc[ids[common]].mean())

    def line(model: str, n_rows: int, score_s: FloatArray) -> str:
        ours_s = float(score_s[common].mean())
        return (
            f"| {part} | {model} | {n_rows:,} | {score_s.mean():.1f} | {ours_s:.1f} |"
            f" {ours_s / floor_s:.2f} |"
        )

    target_s = matrix.target_s[matrix.tested]
    learned = matrix.learned
    levels = np.arange(0.01, 1.0, 0.02)
    constant = np.quantile(matrix.target_s[learned], levels)
    always = Distribution(levels, np.tile(constant, (len(target_s), 1)))
    yield line("constant", len(learned), crps_s(always, target_s))
    shuffled = np.random.default_rng(0).permutation(learned)
    for share in SHARES:
        some = np.sort(shuffled[: round(share * len(learned))])
        model = matrix.fit(some)
        scores = crps_s(model.predict(matrix.X[matrix.tested]), target_s)
        yield line("the estimator's features", len(some), scores)
    both = np.hstack([matrix.X, _hidden(part, simulation, asked)])
    names = (*matrix.names, *(f"hidden_{i}" for i in range(both.shape[1] - len(matrix.names))))
    columns = matrix.estimator.columns
    fitted = QuantileModel.fit(
        both[learned],
        matrix.target_s[learned],
        matrix.as_of_us[learned],
        columns=Columns(names, categories=columns.categories, hour=columns.hour),
        parameters=matrix.estimator.parameters,
    )
    scores = crps_s(fitted.predict(both[matrix.tested]), target_s)
    yield line("and hidden state", len(learned), scores)
    yield f"| {part} | truth | | | {floor_s:.1f} | 1 |"


def _hidden(part: str, simulation: Simulation, asked: Dataset) -> FloatArray:
    """Return columns that nobody records, for the rows that train or test."""
    wanted = asked.trains | asked.tests
    ids = asked.table.loc[wanted, asked.source.sample_id].to_numpy()
    start_ms = round(simulation.scenario.start.timestamp() * 1_000)
    at_ms = asked.as_of_us[wanted] // 1_000 - start_ms
    names = np.array([str(one).partition("-")[0] for one in ids])
    number = np.array([int(str(one).rpartition("-")[2]) for one in ids])
    found: FloatArray = np.empty((0, 0))
    for city in simulation.cities:
        mine = names == city.name
        columns = _columns_of(part, city, number[mine], at_ms[mine])
        if not found.size:
            found = np.full((len(ids), columns.shape[1]), np.nan)
        found[mine] = columns
    return found


def _columns_of(part: str, city: City, row: IntArray, at_ms: IntArray) -> FloatArray:
    if part == "ready":
        return np.column_stack(_kitchen(city, row, at_ms))
    if part == "total":
        idle = _idle_couriers(city, at_ms)
        moment = _moment(city, row, at_ms)
        return np.column_stack(
            [*_kitchen(city, row, at_ms), city.orders.door_s[row], idle, *moment]
        )
    return np.column_stack([median_s(part, city, row, at_ms), *_moment(city, row, at_ms)])


def _bins(city: City, at_ms: IntArray) -> IntArray:
    return np.minimum(at_ms // BIN_MS, len(city.world.rain) - 1)


def _moment(city: City, row: IntArray, at_ms: IntArray) -> list[FloatArray]:
    """Traffic and parking at both ends, and the weather of the very moment."""
    world, i = city.world, _bins(city, at_ms)
    of_store = world.node_zone[world.store_node[city.orders.store[row]]]
    of_customer = world.node_zone[city.orders.node[row]]
    return [
        world.traffic[of_store, i],
        world.traffic[of_customer, i],
        world.parking[of_customer, i],
        world.rain[i],
        world.wind[i],
    ]


def _kitchen(city: City, row: IntArray, at_ms: IntArray) -> list[FloatArray]:
    """The kitchen's size, skill and pace, the order's work, and what is before it in line."""
    orders, world = city.orders, city.world
    store = orders.store[row]
    before = np.zeros((len(row), 6))
    for one in np.unique(store):
        own = np.flatnonzero(orders.store == one)
        for k in np.flatnonzero(store == one):
            place = int(np.searchsorted(own, row[k]))
            others = own[max(place - LOOKBACK, 0) : place + 1]
            others = others[others != row[k]]
            for s, state in enumerate(_states(orders, others, int(at_ms[k]))):
                before[k, 2 * s] = state.sum()
                before[k, 2 * s + 1] = orders.work_s[others][state].sum()
    pace = world.pace[store, world.shift_of_bin[_bins(city, at_ms)]]
    slots = world.store_slots[store].astype(np.float64)
    waits_s = (before[:, 1] + before[:, 3] + 0.5 * before[:, 5]) * pace / slots
    return [
        slots,
        world.store_batch[store].astype(np.float64),
        world.store_attention_s[store],
        pace,
        orders.work_s[row],
        orders.work_s[row] * pace,
        waits_s,
        *before.T,
    ]


def _states(orders: engine.Orders, others: IntArray, now_ms: int) -> tuple[BoolArray, ...]:
    """Which of some orders wait to be seen, stand in line, and cook, at a moment."""

    def happened(moment: int) -> BoolArray:
        moments = orders.moments[moment, others]
        return np.asarray((moments != engine.NEVER) & (moments <= now_ms))

    sent = happened(engine.DISPATCHED) & ~happened(engine.READY) & ~happened(engine.CANCELLED)
    seen, cooks = happened(engine.ACCEPTED), happened(engine.COOKING)
    return sent & ~seen, sent & seen & ~cooks, sent & cooks


def _idle_couriers(city: City, at_ms: IntArray) -> FloatArray:
    """Couriers on a shift less those with an order."""
    shifts = city.couriers
    begins = np.sort(shifts.shift_ms[shifts.shift_until_ms >= 0])
    ends = np.sort(shifts.shift_ms[shifts.shift_until_ms < 0])
    assigned, delivered = (
        np.sort(moments[moments != engine.NEVER])
        for moments in (
            city.orders.moments[engine.ASSIGNED],
            city.orders.moments[engine.DELIVERED],
        )
    )
    on_duty = np.searchsorted(begins, at_ms) - np.searchsorted(ends, at_ms)
    busy = np.searchsorted(assigned, at_ms) - np.searchsorted(delivered, at_ms)
    return (on_duty - busy).astype(np.float64)


def median_s(
    part: str, city: City, row: IntArray, at_ms: IntArray, *, calm: bool = False
) -> FloatArray:
    """Return the median of the law that rides or parkings were drawn from, in seconds.

    Args:
        part: ``to_store``, ``to_customer`` or ``parking``.
        city: whose orders.
        row: which of them.
        at_ms: when the part began.
        calm: as if it had neither rained nor blown, and no local event had been.
    """
    world, orders, i = city.world, city.orders, _bins(city, at_ms)
    traffic_at, parking_at, rain_mm_h = world.traffic, world.parking, world.rain
    wind_m_s = world.wind
    if calm:
        n_bins = world.traffic.shape[1]
        traffic_at = traffic_at / city.events.effect(TRAFFIC, 0, n_bins)
        parking_at = parking_at / city.events.effect(PARKING, 0, n_bins)
        rain_mm_h, wind_m_s = np.zeros_like(rain_mm_h), np.zeros_like(wind_m_s)
    courier = orders.courier[row]
    vehicle = world.vehicle[courier]
    rain = np.minimum(rain_mm_h[i], RAIN_MAX_MM)
    of_store = world.node_zone[world.store_node[orders.store[row]]]
    of_customer = world.node_zone[orders.node[row]]
    if part == "parking":
        search_s = np.array(SEARCH_S)[vehicle] * parking_at[of_customer, i]
        whole_s = search_s * world.parking_skill[courier] + orders.door_s[row]
        return np.asarray(whole_s * (1.0 + PARKING_RAIN_PER_MM * rain))
    ends = of_store if part == "to_store" else of_customer
    traffic = 0.5 * (traffic_at[of_store, i] + traffic_at[ends, i])
    slower = 1.0 + np.array(TRAFFIC_SHARE)[vehicle] * (traffic - 1.0)
    slower *= 1.0 + np.array(RAIN_PER_MM)[vehicle] * rain
    wind = np.maximum(wind_m_s[i] - WIND_FROM_M_S, 0.0)
    slower *= np.where(vehicle == 0, 1.0 + WIND_PER_M_S * wind, 1.0)
    snows = (rain > 0.0) & (world.temperature[i] < SNOW_BELOW_C)
    slower *= np.where(snows, SNOW_FACTOR, 1.0)
    if part == "to_store":
        stop_s = np.array(STORE_STOP_S)[vehicle] * parking_at[of_store, i]
        return np.asarray(
            START_S + orders.to_store_m[row] / world.speed_m_s[courier] * slower + stop_s
        )
    bound = np.where(vehicle == 0, 0, 1)
    way_m = world.distance_m[bound, world.store_node[orders.store[row]], orders.node[row]]
    return np.asarray(START_S + (way_m + orders.extra_m[row]) / world.speed_m_s[courier] * slower)


if __name__ == "__main__":
    main()
