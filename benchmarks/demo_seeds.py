"""Evenings of `doorstep demo`, pooled: do its ranges hold, do its couriers wait less?

Usage: python -m benchmarks.demo_seeds [--seeds 0-9] [--days 14] [--orders-per-day 1500]
       [--minutes 60] [--folder FOLDER] [--no-save]

Each seed is a city of its own: simulated, learned from, served and lived through over HTTP exactly
as the demo does, one after the other, in about two minutes of one processor each. With a folder,
what was measured is kept there seed by seed, so that an interrupted run goes on where it was.
Standard errors are of ratios over evenings: orders of one evening share its weather and its rush.
Prints the tables of benchmarks/README.md, and writes results/demo_seeds.json.
"""

from __future__ import annotations

import argparse
import json
import os
import shutil
import tempfile
from collections.abc import Mapping, Sequence
from datetime import timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from benchmarks.measuring import save
from commands.live_demo.scores import (
    Waits,
    app_ranges,
    chosen_waits,
    partner_ranges,
    stage_ranges,
    waits_of,
)
from estimators.core.stages import OPEN_STAGES

if TYPE_CHECKING:
    from commands.live_demo.run import DemoRun
    from estimators.core.typing import FloatArray

Sums = Mapping[str, float]
"""Sums over the orders of one evening, and ``n``, how many there were."""


def main() -> None:
    """Run, print and write."""
    asked = _arguments()
    seeds = _numbers(asked.seeds)
    with tempfile.TemporaryDirectory(prefix="doorstep-demo-") as folder:
        # BentoML reads this when it is first imported.
        os.environ["BENTOML_HOME"] = str(Path(folder) / "bentoml")
        os.environ["BENTOML_DO_NOT_TRACK"] = "True"
        evenings = [_kept(asked, seed, Path(folder)) for seed in seeds]
    found = pooled(evenings)
    print(table(found))
    if not asked.no_save:
        settings = {**vars(asked), "folder": None}
        save("demo_seeds", {"settings": settings, "evenings": evenings, "pooled": found})


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seeds", default="0-9", help="such as 0-9 or 100,104")
    parser.add_argument("--days", type=int, default=14)
    parser.add_argument("--orders-per-day", type=int, default=1_500)
    parser.add_argument("--minutes", type=int, default=60)
    parser.add_argument("--folder", type=Path, help="keeps what was measured, seed by seed")
    parser.add_argument("--no-save", action="store_true")
    return parser.parse_args()


def _numbers(text: str) -> list[int]:
    """Return the numbers of a list with ranges.

    >>> _numbers("0-2,7")
    [0, 1, 2, 7]
    """
    found: list[int] = []
    for one in text.split(","):
        first, _, last = one.partition("-")
        found += range(int(first), int(last or first) + 1)
    return found


def _kept(asked: argparse.Namespace, seed: int, folder: Path) -> dict[str, Any]:
    """Return what was measured of a seed, now or before."""
    name = f"{asked.days}-{asked.orders_per_day}-{asked.minutes}-{seed}.json"
    path = None if asked.folder is None else asked.folder / name
    if path is not None and path.exists():
        return dict(json.loads(path.read_text()))
    measured = _measured(asked, seed, folder)
    if path is not None:
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(json.dumps(measured))
    return measured


def _measured(asked: argparse.Namespace, seed: int, folder: Path) -> dict[str, Any]:
    from commands.live_demo.city import make_demo_city
    from commands.live_demo.model_cache import ModelCache
    from commands.live_demo.run import run_live_hour
    from commands.live_demo.training import trained_tag

    demo = make_demo_city(days=asked.days, orders_per_day=asked.orders_per_day, seed=seed)
    tag = trained_tag(demo, ModelCache(None, ""), folder)
    own = folder / f"seed-{seed}"
    own.mkdir()
    evening = run_live_hour(demo, tag, length=timedelta(minutes=asked.minutes), rows=0, folder=own)
    shutil.rmtree(own)
    measured = sums_of(evening)
    print(f"seed {seed}: {measured['answers']} {evening.failures or ''}", flush=True)
    return {"seed": seed, **measured}


def sums_of(evening: DemoRun) -> dict[str, Any]:
    """Return what pooling needs of an evening."""
    hour = evening.hour
    stages = {}
    for stage in OPEN_STAGES:
        told = stage_ranges(hour, stage)
        if len(told):
            stages[stage] = {
                "n": len(told),
                "inside": told.inside * len(told),
                "width_s": told.width_s * len(told),
                "crps_s": float(told.crps_s.sum()),
                "error_s": float(told.error_s.sum()),
            }
    ours, nearest, orders = waits_of(hour, hour.began, hour.counted_until)
    chosen = chosen_waits(hour)
    return {
        "failures": evening.failures,
        "answers": hour.asked.statuses,
        "late": hour.asked.late,
        "stages": stages,
        "app": _range_sums(app_ranges(hour)[:, [0, 1, 2]]),
        "partner": _range_sums(partner_ranges(hour)[:, [0, 1, 3]]),
        "doorstep": _wait_sums(ours, len(orders)),
        "nearest": _wait_sums(nearest, len(orders)),
        "chosen": {"n": len(chosen), "expected_s": float(chosen[:, 0].sum()),
                   "waited_s": float(chosen[:, 1].sum())},
    }  # fmt: skip


def _range_sums(rows: FloatArray) -> dict[str, float]:
    took_s, low_s, high_s = rows.T
    return {"n": len(rows), "inside": float(((low_s <= took_s) & (took_s <= high_s)).sum()),
            "width_s": float((high_s - low_s).sum())}  # fmt: skip


def _wait_sums(waits: Waits, n: int) -> dict[str, float]:
    kinds = {name: getattr(waits, name) for name in ("courier_s", "food_s", "late", "delivery_s")}
    return {"n": n, **{name: float(values.sum()) for name, values in kinds.items()}}


def ratio(sums: Sequence[Sums], name: str, less: Sequence[Sums] | None = None) -> list[float]:
    """Return a mean over the orders of all evenings, and its standard error by evening.

    Args:
        sums: of the evenings.
        name: of the sum.
        less: of the same evenings; what is returned is by how much the means differ.

    >>> ratio([{"n": 10, "late": 1}, {"n": 10, "late": 3}], "late")
    [0.2, 0.1]
    """
    n = np.array([one["n"] for one in sums], dtype=np.float64)
    total = np.array([one[name] for one in sums], dtype=np.float64)
    if less is not None:
        total = total - np.array([one[name] for one in less], dtype=np.float64)
    mean = float(total.sum() / n.sum())
    k = len(n)
    rest = float(np.square(total - mean * n).sum())
    error = float(np.sqrt(rest * k / (k - 1)) / n.sum()) if k > 1 else float("nan")
    return [mean, error]


def pooled(evenings: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
    """Return the figures of all evenings together, each with its standard error."""
    stages = {}
    for stage in OPEN_STAGES:
        found = [one["stages"][stage] for one in evenings if stage in one["stages"]]
        if found:
            stages[stage] = {
                "n": sum(one["n"] for one in found),
                **{name: ratio(found, name) for name in ("inside", "width_s", "crps_s", "error_s")},
            }
    ours, nearest = ([one[name] for one in evenings] for name in ("doorstep", "nearest"))
    kinds = ("courier_s", "food_s", "late", "delivery_s")
    answers: dict[str, int] = {}
    for one in evenings:
        for name, count in one["answers"].items():
            answers[name] = answers.get(name, 0) + count
    return {
        "evenings": len(evenings),
        "failures": [reason for one in evenings for reason in one["failures"]],
        "answers": answers,
        "stages": stages,
        **{name: {key: ratio([one[name] for one in evenings], key) for key in ("inside", "width_s")}
           for name in ("app", "partner")},
        "couriers": {
            "n": sum(one["n"] for one in ours),
            **{kind: {"doorstep": ratio(ours, kind), "nearest": ratio(nearest, kind),
                      "difference": ratio(ours, kind, nearest)} for kind in kinds},
        },
        "chosen": {name: ratio([one["chosen"] for one in evenings], name)
                   for name in ("expected_s", "waited_s")},
    }  # fmt: skip


def table(found: Mapping[str, Any]) -> str:
    """Return the figures as two tables in Markdown."""
    lines = ["| stage | asked | in the 80% range | range, s | CRPS, s | median off by, s |",
             "|---|---:|---:|---:|---:|---:|"]  # fmt: skip
    for stage, one in found["stages"].items():
        lines.append(
            f"| `{stage}` | {one['n']:,} | {_percent(one['inside'])}"
            f" | {one['width_s'][0]:,.0f} | {one['crps_s'][0]:.1f} ± {one['crps_s'][1]:.1f}"
            f" | {one['error_s'][0]:.0f} |"
        )
    for name, label in (("app", "shown before ordering"), ("partner", "courier walks in")):
        one = found[name]
        lines.append(f"| {label} | | {_percent(one['inside'])} | {one['width_s'][0]:,.0f} | | |")
    lines += ["", f"| {found['couriers']['n']:,} orders | Doorstep | nearest | difference |",
              "|---|---:|---:|---:|"]  # fmt: skip
    for kind, label, scale in (
        ("courier_s", "courier waits for the food, s", 1.0),
        ("food_s", "food waits for the courier, s", 1.0),
        ("late", "food waits more than 5 min, %", 100.0),
        ("delivery_s", "from the order to the door, s", 1.0),
    ):
        one = {name: [scale * value for value in two] for name, two in
               found["couriers"][kind].items()}  # fmt: skip
        lines.append(
            f"| {label} | {one['doorstep'][0]:,.1f} | {one['nearest'][0]:,.1f}"
            f" | {one['difference'][0]:+,.1f} ± {one['difference'][1]:.1f} |"
        )
    chosen = found["chosen"]
    lines += ["", f"Chosen couriers: expected to wait {chosen['expected_s'][0]:.0f} s, waited"
              f" {chosen['waited_s'][0]:.0f} s. Answers: {found['answers']}."]  # fmt: skip
    return "\n".join(lines)


def _percent(share: Sequence[float]) -> str:
    return f"{100 * share[0]:.1f}% ± {100 * share[1]:.1f}"


if __name__ == "__main__":
    main()
