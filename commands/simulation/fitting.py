"""Fit simulated cities to the table of a mapping: read it, search, write what was found."""

from __future__ import annotations

import json
import math
from dataclasses import asdict
from pathlib import Path
from typing import Any

import pandas as pd

from commands.console.output import StageProgress, UserError, console
from commands.console.plain_table import plain_table
from commands.data.mapped_dataset import mapped_dataset
from commands.data.natures import write_nature
from commands.reports.fit_page import fit_page
from simulator.fitting import Fit, fit_nature
from simulator.moments import Moment
from simulator.world.nature import Nature

__all__ = ["fit_to_table", "print_fit", "write_fit"]

ONE_CLOCK = "_clock"
"""Column that is added to a table whose mapping names no timezone."""
NATURE, MOMENTS, PAGE = "nature.yaml", "moments.json", "fit.html"


def fit_to_table(
    mapping: Path, data: Path | None, nature: Nature | str, seed: int, show: StageProgress
) -> Fit:
    """Return the nature that was fitted to the table of a mapping.

    Args:
        mapping: the YAML.
        data: the table or its folder; None: beside the mapping.
        nature: where the search starts, and the values of what the table does not say.
        seed: of the simulated cities.
        show: told of the stages "data", "fit" and "check".

    Raises:
        UserError: the table cannot be read, or has no event at which orders are placed.
    """
    dataset = mapped_dataset(mapping, data, progress=lambda done: show("data", done))
    show("data", 1.0)
    orders, timezone_by, timezones = dataset.table, dataset.timezone_by, dict(dataset.timezones)
    if not timezone_by:
        orders = orders.assign(**{ONE_CLOCK: "UTC"})
        timezone_by, timezones = ONE_CLOCK, {"UTC": "UTC"}
    try:
        return fit_nature(
            _plain(orders),
            timezone_by=timezone_by,
            timezones=timezones,
            nature=nature,
            seed=seed,
            progress=show,
        )
    except ValueError as error:
        raise UserError(f"{mapping.name}: {error}") from None


def _plain(orders: pd.DataFrame) -> pd.DataFrame:
    """Return the table with ids as objects, whose missing values compare as missing."""
    ids = [name for name in ("store_id", "courier_id", "city") if name in orders.columns]
    return orders.astype(dict.fromkeys(ids, "object"))


def write_fit(fit: Fit, folder: Path) -> None:
    """Write the nature, the moments of both sides, and the page that shows them."""
    folder.mkdir(exist_ok=True)
    write_nature(fit.nature, folder / NATURE, "Fitted by doorstep simulate --fit; moments.json.")
    described = {
        "moments": [_described(one) for one in fit.comparisons],
        "fitted": dict(fit.fitted),
        "kept": list(fit.kept),
        "trials": fit.trials,
        "scenario": {k: v for k, v in asdict(fit.scenario).items() if k != "nature"},
    }
    text = json.dumps(described, indent=2, default=str, allow_nan=False)
    (folder / MOMENTS).write_text(text + "\n", encoding="utf-8")
    (folder / PAGE).write_text(fit_page(fit), encoding="utf-8")


def _described(one: Any) -> dict[str, Any]:
    def numbers(moment: Moment) -> dict[str, float | None]:
        return {k: v if math.isfinite(v) else None for k, v in asdict(moment).items()}

    return {
        "moment": one.moment,
        "table": numbers(one.real),
        "simulated": numbers(one.simulated),
        "parameter": one.parameter or None,
        "problem": one.problem or None,
    }


def print_fit(fit: Fit, folder: Path) -> None:
    """Print both columns, what was not met and why, and how to simulate such cities."""
    heads = ("moment", "table", "simulated", "by", "")
    table = plain_table(*heads, texts=("moment", "by", ""))
    for one in fit.comparisons:
        mark = "" if one.met else "not met"
        table.add_row(one.moment, str(one.real), str(one.simulated), one.parameter, mark)
    console.print(table)
    if fit.unmet:
        console.print("not met:", highlight=False, soft_wrap=True)
        for one in fit.unmet:
            console.print(f"  {one.moment}: {one.problem}", highlight=False, soft_wrap=True)
    if fit.kept:
        console.print(
            f"not in the table, so unchanged: {', '.join(fit.kept)}",
            highlight=False,
            soft_wrap=True,
        )
    scenario = fit.scenario
    console.print(
        f"{fit.trials} cities were simulated. Cities like the table's:\n"
        f"doorstep simulate --nature {folder / NATURE} --cities {scenario.cities} --days"
        f" {scenario.days} --orders {scenario.orders} --stores {scenario.n_stores} --out FOLDER",
        highlight=False,
        soft_wrap=True,
    )
