"""Write the output of `doorstep simulate --out`: tables, or events one per line."""

from __future__ import annotations

import json
from dataclasses import asdict
from functools import partial
from pathlib import Path

import msgspec
import pandas as pd

from commands.console.output import StageProgress, UserError
from services.intake.cloudevents import to_cloud_event
from simulator import SOURCES, Simulation
from simulator.records.stream import count_events
from simulator.true_distributions import true_distributions

__all__ = ["chosen_sources", "write_events", "write_folder", "write_table"]

REPORT_EVERY = 20_000
"""Events between two steps of the progress bar."""


def write_folder(simulation: Simulation, folder: Path, truth: int, show: StageProgress) -> None:
    """Write a table per source, what really happened, and the scenario that made it.

    Of ``truth`` orders also the true distributions, see :mod:`simulator.true_distributions`.
    """
    folder.mkdir(exist_ok=True)
    tables = {**simulation.tables, "truth": simulation.truth_table}
    for done, (name, table) in enumerate(tables.items()):
        show("write tables", done / len(tables))
        table.to_parquet(folder / f"{name}.parquet", index=False)
    if truth:
        table = true_distributions(
            simulation, truth, progress=partial(show, "draw true distributions")
        )
        table.to_parquet(folder / "true_distributions.parquet", index=False)
    timezones = {profile.name: profile.timezone for profile in simulation.scenario.profiles}
    described = {**asdict(simulation.scenario), "timezones": timezones}
    described["regimes"] = [str(regime) for regime in simulation.scenario.regimes]
    scenario = json.dumps(described, default=str, indent=2)
    (folder / "scenario.json").write_text(scenario + "\n", encoding="utf-8")
    show("write tables", 1.0)


def write_table(orders: pd.DataFrame, path: Path, show: StageProgress) -> None:
    """Write the orders to one Parquet or CSV file."""
    show("write orders", 0.0)
    if path.suffix == ".csv":
        orders.to_csv(path, index=False)
    else:
        orders.to_parquet(path, index=False)
    show("write orders", 1.0)


def write_events(
    simulation: Simulation, path: Path, sources: list[str] | None, show: StageProgress
) -> int:
    """Write events as CloudEvents, one JSON object per line, in the order of their arrival.

    Returns how many there are.
    """
    wanted = chosen_sources(sources)
    expected = max(count_events(simulation.records), 1)
    encoder = msgspec.json.Encoder()
    n = 0
    with path.open("wb") as file:
        for event in simulation.events():
            if event.source not in wanted:
                continue
            file.write(encoder.encode(to_cloud_event(event)) + b"\n")
            n += 1
            if n % REPORT_EVERY == 0:
                show("write events", min(n / expected, 0.999))
    show("write events", 1.0)
    return n


def chosen_sources(names: list[str] | None) -> set[str]:
    """Return the sources that were asked for, or all.

    Raises:
        UserError: one that a simulated city does not have.
    """
    known = [source.name for source in SOURCES]
    for name in names or []:
        if name not in known:
            raise UserError(f"--source is {name!r}; a city has {', '.join(known)}")
    return set(names or known)
