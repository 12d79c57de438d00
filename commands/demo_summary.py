"""What the demo says in the end: how right the three callers were told, how fast, and from what."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd
from rich.table import Table

from aggregators import SqliteEventStore
from commands.demo_board import minutes
from commands.demo_callers import Asked, Estimate
from commands.demo_city import DemoCity
from commands.demo_live import LiveHour
from commands.output import console
from estimators.eta import EtaModel
from estimators.stages import OPEN_STAGES
from services.parts import sources_of

__all__ = ["Compared", "compare_features", "print_summary"]

MOST_COMPARED = 150
"""Questions whose features are computed once more, spread evenly over the hour."""
LATE_FOOD_S = 300.0


@dataclass(frozen=True, kw_only=True)
class Compared:
    """How many feature values were compared, and how many differ."""

    values: int
    different: int


def compare_features(
    demo: DemoCity,
    model: EtaModel,
    store_path: Path,
    tables: dict[str, pd.DataFrame],
    estimates: Sequence[Estimate],
) -> Compared:
    """Compare features as the service has them with those that training computes.

    The first are read from the service's own event store, as of the moment of each question; the
    second are computed for all moments at once from the tables at the end of the hour, with
    everything that happened after those moments in them.

    Args:
        demo: the city.
        model: says which features.
        store_path: the file of the service's event store.
        tables: of all sources.
        estimates: what was asked.
    """
    step = max(1, len(estimates) // MOST_COMPARED)
    asked = estimates[::step]
    values = different = 0
    with SqliteEventStore(store_path, sources=sources_of(model)) as store:
        for part in model.parts.values():
            features = part.features
            keys = pd.DataFrame(
                [{**demo.facts(one.order_id), "courier_id": one.courier_id} for one in asked]
            )[list(features.dimensions)]
            keys = keys.astype(object).where(keys.notna(), None)
            ids = [one.order_id for one in asked]
            served = features.transform_many(
                store,
                as_of=[one.at for one in asked],
                keys={name: keys[name].tolist() for name in features.dimensions},
                sample_id={source.name: ids if source.name == "orders" else None
                           for source in features.sources},
            )  # fmt: skip
            spine = keys.assign(order_id=ids, as_of=[pd.Timestamp(one.at) for one in asked])
            used = {source.name: tables[source.name] for source in features.sources}
            trained = features.transform(used, "training", at=spine).to_numpy(dtype=np.float64)
            same = (served == trained) | (np.isnan(served) & np.isnan(trained))
            values += same.size
            different += int((~same).sum())
    return Compared(values=values, different=different)


def print_summary(hour: LiveHour, compared: Compared) -> None:
    """Print how good everything was that was answered in the hour."""
    console.print()
    _print_stages(hour)
    console.print()
    _print_app(hour)
    _print_routing(hour)
    _print_partner(hour)
    _print_service(hour.asked, compared)


def _print_stages(hour: LiveHour) -> None:
    """The composed ETA gets sharper as an order goes on."""
    table = Table(
        title="composed ETA of an order, asked after each of its events", title_justify="left",
        box=None, padding=(0, 2, 0, 0), header_style="bold",
    )  # fmt: skip
    table.add_column("stage")
    headings = ("asked", "expected", "mean absolute error", "80% range", "in the range")
    for heading in headings:
        table.add_column(heading, justify="right")
    for stage in OPEN_STAGES:
        rows = [
            (one, (end - one.at).total_seconds())
            for one in hour.tracking.estimates
            if one.stage == stage
            and (end := hour.happened[one.order_id].get("delivered")) is not None
        ]
        if rows:
            told = np.array([one.expected_s for one, _ in rows])
            actual = np.array([seconds for _, seconds in rows])
            low = np.array([one.low_s for one, _ in rows])
            high = np.array([one.high_s for one, _ in rows])
            median = np.array([one.median_s for one, _ in rows])
            inside = (low <= actual) & (actual <= high)
            table.add_row(
                stage.replace("_", " "),
                f"{len(rows)}",
                minutes(float(told.mean())),
                f"{float(np.abs(median - actual).mean()):.0f} s",
                f"{minutes(float((high - low).mean()))} wide",
                f"{inside.mean():.0%}",
            )
    console.print(table)


def _print_app(hour: LiveHour) -> None:
    shown = [
        (one, (end - one.at).total_seconds())
        for one in hour.app.promises
        if (end := hour.happened[one.order_id].get("delivered")) is not None
    ]
    if not shown:
        return
    kept = [one.low_s <= took_s <= one.high_s for one, took_s in shown]
    late = [took_s > one.high_s for one, took_s in shown]
    width_s = float(np.mean([one.high_s - one.low_s for one, _ in shown]))
    _line(
        "customer app",
        f"{len(shown)} delivered orders, {np.mean(kept):.0%} in the range that was shown"
        f" ({width_s / 60:.0f} min wide on average), {np.mean(late):.0%} later; of"
        f" {hour.app.seen} ranges looked at again {hour.app.changed} had changed",
    )


def _print_routing(hour: LiveHour) -> None:
    """Who was expected to wait for whom, and who then waited; the platform's own choice beside."""
    riders = _gaps(hour)
    told = [
        (one, riders[one.order_id][1])
        for one in hour.routing.chosen
        if one.order_id in riders and riders[one.order_id][0] == one.courier_id
    ]
    if not told:
        return
    gaps_s = np.array([gap_s for _, gap_s in told])
    wait_s, food_s = np.maximum(gaps_s, 0.0), np.maximum(-gaps_s, 0.0)
    expected_s = float(np.mean([one.courier_wait_s for one, _ in told]))
    ready = float(np.mean([one.ready_on_arrival for one, _ in told]))
    _line(
        "routing engine",
        f"{len(told)} couriers, ready on arrival {(gaps_s <= 0).mean():.0%} (expected {ready:.0%}),"
        f" waited {minutes(float(wait_s.mean()))} for food (expected {minutes(expected_s)}); food"
        f" waited {minutes(float(food_s.mean()))}, {(food_s > LATE_FOOD_S).mean():.0%} of it for"
        " more than 5 min",
    )
    usual = _usual_gaps_s(hour, [one.order_id for one, _ in told])
    if len(usual):
        wait_s, food_s = np.maximum(usual, 0.0), np.maximum(-usual, 0.0)
        _line(
            "",
            f"the same orders with the simulator's own choice: couriers waited"
            f" {minutes(float(wait_s.mean()))}, food {minutes(float(food_s.mean()))},"
            f" {(food_s > LATE_FOOD_S).mean():.0%} for more than 5 min",
        )


def _gaps(hour: LiveHour) -> dict[str, tuple[str, float]]:
    """Return each order's courier and by how many seconds it was ready after they came."""
    found = {}
    for order_id, moments in hour.happened.items():
        if {"ready", "courier_at_store"} <= moments.keys() and order_id in hour.riders:
            gap_s = (moments["ready"] - moments["courier_at_store"]).total_seconds()
            found[order_id] = (hour.riders[order_id], gap_s)
    return found


def _usual_gaps_s(
    hour: LiveHour, order_ids: list[str]
) -> np.ndarray[tuple[int], np.dtype[np.float64]]:
    table = hour.demo.simulation.tables["orders"].set_index("order_id").loc[order_ids]
    gaps = (table["ready"] - table["courier_at_store"]).dt.total_seconds().to_numpy()
    return np.asarray(gaps[~np.isnan(gaps)], dtype=np.float64)


def _print_partner(hour: LiveHour) -> None:
    rows = [
        (one, (came - one.at).total_seconds())
        for one in hour.partner.arrivals
        if hour.riders.get(one.order_id) == one.courier_id
        and (came := hour.happened[one.order_id].get("courier_at_store")) is not None
    ]
    if not rows:
        return
    error_s = float(np.mean([abs(one.median_s - seconds) for one, seconds in rows]))
    inside = np.mean([one.low_s <= seconds <= one.high_s for one, seconds in rows])
    _line(
        "partner app",
        f"{len(rows)} couriers walked in, {error_s:.0f} s off on average, {inside:.0%} in the 80%"
        " range",
    )


def _print_service(asked: Asked, compared: Compared) -> None:
    statuses = ", ".join(f"{count:,} {name}" for name, count in sorted(asked.statuses.items()))
    _line("answers", statuses)
    for path, latency_ms in asked.latency_ms.items():
        p50, p99 = np.quantile(latency_ms, (0.5, 0.99))
        _line(f"  {path}", f"{len(latency_ms):,} over HTTP: median {p50:.1f} ms, 99% {p99:.1f} ms")
    agreement = (
        "all equal, bit for bit"
        if not compared.different
        else f"[red]{compared.different:,} differ[/]"
    )
    _line("features as in training", f"{compared.values:,} values compared: {agreement}")


def _line(label: str, text: str) -> None:
    console.print(f"{label:<24} {text}", highlight=False, soft_wrap=True)
