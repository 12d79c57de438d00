"""What calibration makes of boosted quantiles, on inner time splits of several tasks.

The tasks are the public data and simulated cities of several kinds (`benchmarks/inner_tasks.py`).
The last 45% of the rows before each test period is cut by time into splits, each predicted by
models of the rows that had ended before. Test periods are never looked at. Features and boosted
quantiles are kept in files, so a change of the calibration costs seconds.

Ways: "none" is the boosted quantiles as they are, "whole shift" moves the median to that of the
calibration periods and takes the integral of the quantiles as mean, "product" is what models use.
Differences from "whole shift" have 95% intervals of a bootstrap over hours, paired by row.

    python -m benchmarks.inner_splits --data FOLDER [--only wolt lifecycle] [--splits 4] [--seeds 0]
"""

import argparse
import sys
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks.inner_tasks import TASKS, InnerRows, predicted_of, rows_of
from benchmarks.measuring import machine, save
from estimators.core.distribution import Distribution
from estimators.core.typing import FloatArray, IntArray
from estimators.evaluation.comparison import LossDifference, losses_of, paired_difference
from estimators.evaluation.scores import score
from estimators.quantiles.boosting import ANCHOR_LEVELS
from estimators.quantiles.calibration import ConformalGrid, constant
from estimators.quantiles.later_rows import LaterRows

CACHE = Path(__file__).parent / ".data" / "inner_splits"
SPLITS = 4
REFERENCE = "whole shift"
CONSTANT = "constant"


@dataclass(frozen=True, kw_only=True, eq=False)
class Split:
    """Everything that calibration knows of one split, and the outcomes to score on."""

    rows: InnerRows
    learned: IntArray
    later: LaterRows
    scored: IntArray
    scored_s: FloatArray

    def grid(self, *, folds: bool) -> ConformalGrid:
        """Fit the calibration, with or without the folds of its rows."""
        X, target_s = self.rows.X[self.learned], self.rows.target_s[self.learned]
        as_of_us, later = self.rows.as_of_us[self.learned], self.later
        return ConformalGrid.fit(
            later.anchors_s,
            target_s[later.rows],
            longest_s=float(target_s.max()),
            X=X[later.rows],
            as_of_us=as_of_us[later.rows],
            edges=self.rows.columns.group_edges(X),
            fold=later.fold if folds else None,
        )


Way = Callable[[Split], Distribution]


def uncalibrated(split: Split) -> Distribution:
    """Take the boosted quantiles as they are, in ascending order around the median."""
    low, middle, high = np.maximum(split.scored_s, 1.0).T
    ordered = np.column_stack([np.minimum(low, middle), middle, np.maximum(high, middle)])
    return Distribution(ANCHOR_LEVELS, ordered)


def calibrated(split: Split, *, folds: bool) -> Distribution:
    """Stretch them as the calibration periods say."""
    return split.grid(folds=folds).distribution(split.scored_s, split.rows.X[split.scored])


def earlier_outcomes(split: Split) -> Distribution:
    """Answer each row with the distribution of all earlier outcomes."""
    return constant(split.rows.target_s[split.learned], len(split.scored))


WAYS: Mapping[str, Way] = {
    CONSTANT: earlier_outcomes,
    "none": uncalibrated,
    REFERENCE: partial(calibrated, folds=False),
    "product": partial(calibrated, folds=True),
}


def splits_of(name: str, data: Path, splits: int, seed: int, cache: Path) -> Iterator[Split]:
    """Yield the splits of a task."""
    rows = rows_of(name, data, splits, cache)
    for split, made in zip(rows.splits, predicted_of(name, rows, seed, cache), strict=True):
        yield Split(
            rows=rows,
            learned=split.learned,
            later=made.later,
            scored=split.scored,
            scored_s=made.scored_s,
        )


def compare(splits: Sequence[Split], ways: Mapping[str, Way]) -> dict[str, Any]:
    """Score ways on the rows of all splits together, and their differences from the reference.

    Args:
        splits: of one task, perhaps of several seeds.
        ways: by name; ``REFERENCE`` is among them.
    """
    target_s = np.concatenate([one.rows.target_s[one.scored] for one in splits])
    as_of_us = np.concatenate([one.rows.as_of_us[one.scored] for one in splits])
    said = {name: [way(one) for one in splits] for name, way in ways.items()}
    whole = {name: _pooled(parts) for name, parts in said.items()}
    found: dict[str, Any] = {"rows": len(target_s)}
    for name, predicted in whole.items():
        scores = score(predicted, target_s, curve=False)
        line: dict[str, Any] = {
            "mae_s": scores.mae_s,
            "crps_s": scores.crps_s,
            "in_50": scores.coverage[0.5],
            "in_80": scores.coverage[0.8],
            "rmse_s": scores.rmse_s,
            "bias_s": scores.bias_s,
            "bias_of_splits_s": _bias_of_splits(said[name], splits),
        }
        if name != REFERENCE:
            line |= _differences(predicted, whole[REFERENCE], target_s, as_of_us)
        found[name] = line
    return found


def _pooled(parts: Sequence[Distribution]) -> Distribution:
    means = np.concatenate([part.mean() for part in parts])
    return Distribution(parts[0].levels, np.concatenate([part.values for part in parts]), means)


def _bias_of_splits(parts: Sequence[Distribution], splits: Sequence[Split]) -> float:
    """Return the mean size of the bias of a split: biases of several may cancel out."""
    biases = [
        part.mean().mean() - one.rows.target_s[one.scored].mean()
        for part, one in zip(parts, splits, strict=True)
    ]
    return float(np.abs(biases).mean())


def _differences(
    predicted: Distribution, reference: Distribution, target_s: FloatArray, as_of_us: IntArray
) -> dict[str, tuple[float, float, float]]:
    """Return the change of MAE, CRPS and RMSE in percent, each with its interval."""
    own, other = losses_of(predicted, target_s), losses_of(reference, target_s)
    squared = [np.square(one.mean() - target_s) for one in (predicted, reference)]
    # The root of a mean changes by half the share of the mean, where changes are small.
    return {
        "mae_change": _share(paired_difference(own.absolute_s, other.absolute_s, as_of_us)),
        "crps_change": _share(paired_difference(own.crps_s, other.crps_s, as_of_us)),
        "rmse_change": _share(paired_difference(squared[0], squared[1], as_of_us), root=True),
    }


def _share(difference: LossDifference, *, root: bool = False) -> tuple[float, float, float]:
    """Return a difference and its interval in percent of the reference."""
    shares = [
        one / difference.reference_s
        for one in (difference.mean_s, difference.low_s, difference.high_s)
    ]
    if root:
        shares = [float(np.sqrt(max(1.0 + one, 0.0)) - 1.0) for one in shares]
    mean, low, high = (round(100.0 * one, 3) for one in shares)
    return mean, low, high


def table(found: Mapping[str, Any]) -> Iterator[str]:
    """Yield the lines of a Markdown table."""
    heads = ("task", "way", "MAE s", "change %", "CRPS s", "change %", "in 50 / 80%", "RMSE s",
             "change %", "bias s")  # fmt: skip
    yield f"| {' | '.join(heads)} |"
    yield "|---" * len(heads) + "|"
    for task, lines in found.items():
        for way, line in lines.items():
            if way == "rows":
                continue
            cells = (
                task,
                way,
                f"{line['mae_s']:,.1f}",
                _interval(line.get("mae_change")),
                f"{line['crps_s']:,.1f}",
                _interval(line.get("crps_change")),
                f"{100 * line['in_50']:.1f} / {100 * line['in_80']:.1f}",
                f"{line['rmse_s']:,.1f}",
                _interval(line.get("rmse_change")),
                f"{line['bias_s']:+,.1f}",
            )
            yield f"| {' | '.join(cells)} |"


def _interval(change: Sequence[float] | None) -> str:
    if change is None:
        return ""
    mean, low, high = change
    return f"{mean:+.2f} ({low:+.2f} to {high:+.2f})"


def main(arguments: Sequence[str] | None = None) -> None:
    """Compare, print and save."""
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks.inner_splits",
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("--data", type=Path, required=True, help="folder of the public data")
    parser.add_argument("--only", nargs="+", choices=list(TASKS), default=list(TASKS))
    parser.add_argument("--splits", type=int, default=SPLITS)
    parser.add_argument("--seeds", type=int, nargs="+", default=[0], help="of the boosting")
    parser.add_argument("--cache", type=Path, default=CACHE, help="folder of what is kept")
    options = parser.parse_args(arguments)
    started, before = time.perf_counter(), machine()
    found: dict[str, Any] = {}
    for name in options.only:
        splits = [
            one
            for seed in options.seeds
            for one in splits_of(name, options.data, options.splits, seed, options.cache)
        ]
        found[name] = compare(splits, WAYS)
        print(name, found[name], file=sys.stderr, flush=True)
    print("\n".join(table(found)))
    asked = {"splits": options.splits, "seeds": options.seeds}
    took_s = round(time.perf_counter() - started)
    save("inner_splits", {"at_start": before, **asked, "tasks": found, "took_s": took_s})


if __name__ == "__main__":
    main()
