"""Tasks with inner time splits, and what models predict on them: computed once, kept in files.

Files are named by a fingerprint of the code and the parameters that made them, so what changes is
computed again.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from aggregators import Duration, Source
from commands.data.mapped_dataset import mapped_dataset
from commands.data.sources import dataset_of_cities
from estimators.core.dataset import Dataset, seconds_between
from estimators.core.typing import BoolArray, FloatArray, IntArray
from estimators.courier_travel import TO_CUSTOMER, TO_STORE, CourierTravel
from estimators.datasets import load_dataset
from estimators.etp import Etp
from estimators.model.base import Estimator
from estimators.parking import Parking
from estimators.quantiles.boosting import BoostingParameters
from estimators.quantiles.later_rows import LaterRows
from estimators.quantiles.quantile_model import Columns, learn
from estimators.training.matrix import FeatureMatrix, InnerSplit
from estimators.training.train import unfitted
from estimators.wall_eta import WallEta
from simulator import Imperfections, Scenario

__all__ = ["TASKS", "InnerRows", "Predicted", "Task", "predicted_of", "rows_of"]

ROOT = Path(__file__).parents[1]
MAPPINGS = Path(__file__).parent / "mappings"
MATRIX_CODE = (
    "aggregators",
    "benchmarks/mappings",
    "commands/data",
    "estimators/core/dataset.py",
    "estimators/core/labels.py",
    "estimators/core/street_grid.py",
    "estimators/courier_travel.py",
    "estimators/datasets",
    "estimators/etp.py",
    "estimators/features",
    "estimators/parking.py",
    "estimators/training/imputation.py",
    "estimators/training/matrix.py",
    "estimators/wall_eta.py",
)
"""What determines the inputs of the models."""

BOOSTING_CODE = (
    "estimators/quantiles/boosting.py",
    "estimators/quantiles/day_profile.py",
    "estimators/quantiles/later_rows.py",
    "estimators/quantiles/quantile_model.py",
)
"""What determines their predictions before calibration, too."""

CITY_SEED = 100
"""Models are chosen on seeds from 100 on; published results are of seed 0."""

UNBOUNDED = (0.0, float("inf"))


@dataclass(frozen=True, kw_only=True)
class Task:
    """An estimator and its data.

    Args:
        estimator: which.
        load: returns the data set with the estimator's question, from the folder of public data.
        parameters: of the boosting; None: the estimator's own.
        code: further source that determines its inputs.
    """

    estimator: type[Estimator]
    load: Callable[[Path], Dataset]
    parameters: BoostingParameters | None = None
    code: tuple[str, ...] = ()


@dataclass(frozen=True, kw_only=True, eq=False)
class InnerRows:
    """The rows of a task before its test period, and their inner splits.

    Args:
        X: inputs, shape (n_rows, n_columns).
        target_s: outcomes, seconds.
        as_of_us: when each row was asked.
        columns: what the columns of X are.
        splits: rows to learn from and later ones to score on.
    """

    X: FloatArray
    target_s: FloatArray
    as_of_us: IntArray
    columns: Columns
    splits: list[InnerSplit]


@dataclass(frozen=True, kw_only=True, eq=False)
class Predicted:
    """What models of one split predicted, before calibration.

    Args:
        later: the rows of calibration, positions among those to learn from.
        scored_s: anchors of the rows to score on, shape (n_scored, n_anchors).
    """

    later: LaterRows
    scored_s: FloatArray


def rows_of(name: str, data: Path, splits: int, cache: Path) -> InnerRows:
    """Return the rows of a task; the test period is never computed.

    Args:
        name: one of ``TASKS``.
        data: folder of the public data.
        splits: number of inner splits.
        cache: folder of the files.
    """
    key = {"task": name, "code": _code((*MATRIX_CODE, *TASKS[name].code))}
    found = _cached(cache, name, key, partial(_matrix, TASKS[name], data))
    described = json.loads(str(found["columns"]))
    learned: BoolArray = found["trains"]
    # An object that has what inner_splits asks of a matrix, without the data set behind it.
    matrix = FeatureMatrix(
        estimator=None,  # type: ignore[arg-type]
        dataset=None,  # type: ignore[arg-type]
        X=found["X"],
        target_s=found["target_s"],
        as_of_us=found["as_of_us"],
        ended_us=found["ended_us"],
        trains=learned,
        exact=found["exact"],
    )
    return InnerRows(
        X=matrix.X,
        target_s=matrix.target_s,
        as_of_us=matrix.as_of_us,
        columns=Columns(**described),
        splits=list(matrix.inner_splits(splits)),
    )


def predicted_of(name: str, rows: InnerRows, seed: int, cache: Path) -> Iterator[Predicted]:
    """Yield what models of each split predict for their calibration and for the rows to score."""
    task = TASKS[name]
    parameters = replace(task.parameters or task.estimator.default_parameters, seed=seed)
    for number, split in enumerate(rows.splits):
        key = {
            "task": name,
            "code": _code((*MATRIX_CODE, *BOOSTING_CODE, *task.code)),
            "parameters": parameters.to_json(),
            "split": [number, len(rows.splits)],
        }
        file = f"{name}, split {number + 1} of {len(rows.splits)}"
        found = _cached(cache, file, key, partial(_predict, rows, split, parameters))
        later = LaterRows(rows=found["rows"], fold=found["fold"], anchors_s=found["anchors_s"])
        yield Predicted(later=later, scored_s=found["scored_s"])


def _matrix(task: Task, data: Path) -> dict[str, Any]:
    dataset = task.estimator.prepared(task.load(data))
    matrix = FeatureMatrix.compute(
        unfitted(task.estimator, dataset), dataset, threads=1, test=False
    )
    columns = matrix.estimator.columns
    described = {
        "names": columns.names,
        "categories": columns.categories,
        "hour": columns.hour,
        "groups": columns.groups,
    }
    return {
        "X": matrix.X,
        "target_s": matrix.target_s,
        "as_of_us": matrix.as_of_us,
        "ended_us": matrix.ended_us,
        "trains": matrix.trains,
        "exact": matrix.exact,
        "columns": np.array(json.dumps(described)),
    }


def _predict(rows: InnerRows, split: InnerSplit, parameters: BoostingParameters) -> dict[str, Any]:
    learned = learn(
        rows.X[split.learned],
        rows.target_s[split.learned],
        rows.as_of_us[split.learned],
        columns=rows.columns,
        parameters=parameters,
    )
    return {
        "rows": learned.later.rows,
        "fold": learned.later.fold,
        "anchors_s": learned.later.anchors_s,
        "scored_s": learned.anchors.predict(rows.X[split.scored]),
    }


def _cached(
    cache: Path, name: str, key: Mapping[str, Any], make: Callable[[], dict[str, Any]]
) -> dict[str, Any]:
    """Return the arrays of a file, made now if it is not there."""
    digest = hashlib.sha256(json.dumps(key, sort_keys=True).encode()).hexdigest()[:16]
    path = cache / f"{name.replace(' ', '_').replace(',', '')}-{digest}.npz"
    if not path.exists():
        cache.mkdir(parents=True, exist_ok=True)
        unfinished = path.with_suffix(".part.npz")
        np.savez(unfinished, **make())
        unfinished.rename(path)
    with np.load(path) as file:
        return dict(file)


def _code(parts: tuple[str, ...]) -> str:
    """Return a fingerprint of source files and of the folders of some."""
    digest = hashlib.sha256()
    for part in parts:
        place = ROOT / part
        files = [place] if place.is_file() else sorted(place.rglob("*"))
        for file in files:
            if file.suffix in (".py", ".yaml"):
                digest.update(file.read_bytes())
    return digest.hexdigest()


def _public(name: str, data: Path) -> Dataset:
    return load_dataset(name, data)


def _unbounded(name: str, data: Path) -> Dataset:
    return replace(load_dataset(name, data), label_bounds_s=UNBOUNDED)


def _jumpman(to_store: bool, data: Path) -> Dataset:
    dataset = load_dataset("jumpman", data)
    if to_store:
        return dataset.about(TO_STORE, as_of="courier_assigned")
    return dataset.about(TO_CUSTOMER, as_of="picked_up")


def _mapped(name: str, bounded: bool, data: Path) -> Dataset:
    dataset = mapped_dataset(MAPPINGS / f"{name}.yaml", data / name)
    return dataset if bounded else replace(dataset, label_bounds_s=UNBOUNDED)


def _asap(data: Path) -> Dataset:
    dataset = _mapped("lifecycle", True, data)
    asap = dataset.table["asap"].astype(str).str.lower() == "true"
    return replace(dataset, name="lifecycle_asap", table=dataset.table[asap])


def _simulated(estimator: type[Estimator], scenario: Scenario, start: str, end: str) -> Task:
    def load(_: Path) -> Dataset:
        return dataset_of_cities(scenario).about(Duration(start, end), as_of=start)

    return Task(estimator=estimator, load=load, code=("simulator",))


def _days(_: Path) -> Dataset:
    """Return orders that take days, with a heavy tail, and of some kinds a heavier one."""
    rng = np.random.default_rng(CITY_SEED)
    n = 9_000
    placed_h = np.sort(rng.uniform(0.0, 400.0 * 24.0, n))
    store, kind, size = rng.integers(0, 60, n), rng.integers(0, 4, n), rng.gamma(2.0, 1.0, n)
    level = rng.normal(0.0, 0.5, 60)[store] + 0.3 * np.log1p(size) + 0.2 * placed_h / placed_h[-1]
    took_h = 24.0 * np.exp(level + np.array([0.6, 0.9, 1.3, 1.8])[kind] * rng.standard_t(5.0, n))
    start = pd.Timestamp("2025-01-01", tz="UTC")
    placed = start + pd.to_timedelta(placed_h, unit="h")
    table = pd.DataFrame(
        {
            "order_id": range(n),
            "activated": placed,
            "delivered": placed + pd.to_timedelta(np.minimum(took_h, 24.0 * 120.0), unit="h"),
            "store_id": [f"s{one}" for one in store],
            "kind": [f"k{one}" for one in kind],
            "amount": size,
        }
    ).astype({"activated": "datetime64[us, UTC]", "delivered": "datetime64[us, UTC]"})
    source = Source(
        "orders",
        sample_id="order_id",
        events=("activated", "delivered"),
        dimensions=("store_id", "kind"),
        attributes=("amount",),
    )
    return Dataset(
        name="days",
        source=source,
        table=table,
        as_of="activated",
        target=seconds_between("activated", "delivered"),
        numbers=("amount",),
        categories=("store_id", "kind"),
        test_from=start + pd.Timedelta(days=340),
    )


_QUIET = Scenario(cities=2, days=28, orders=16_000, seed=CITY_SEED)
_CARELESS = replace(_QUIET, seed=CITY_SEED + 1, imperfections=Imperfections.typical())
_SCARCE = replace(_QUIET, seed=CITY_SEED + 2, courier_supply=0.85, new_store_share=0.4)
_SHOCK = replace(_QUIET, seed=CITY_SEED + 3, shock_day=12)

TASKS: dict[str, Task] = {
    "deliveroo": Task(estimator=Etp, load=partial(_public, "deliveroo")),
    "wolt": Task(estimator=WallEta, load=partial(_public, "wolt")),
    "jumpman to store": Task(estimator=CourierTravel, load=partial(_jumpman, True)),
    "jumpman to customer": Task(estimator=CourierTravel, load=partial(_jumpman, False)),
    "lifecycle": Task(estimator=WallEta, load=partial(_mapped, "lifecycle", True)),
    "lifecycle, asap": Task(estimator=WallEta, load=_asap),
    "nyc taxi": Task(estimator=CourierTravel, load=partial(_mapped, "nyc_taxi", True)),
    "deliveroo, no bounds": Task(estimator=Etp, load=partial(_unbounded, "deliveroo")),
    "lifecycle, no bounds": Task(estimator=WallEta, load=partial(_mapped, "lifecycle", False)),
    "days": Task(estimator=WallEta, load=_days),
    "cities, ready": _simulated(Etp, _QUIET, "dispatched", "ready"),
    "cities, parking": _simulated(Parking, _QUIET, "courier_at_customer", "delivered"),
    "careless, ready": _simulated(Etp, _CARELESS, "dispatched", "ready"),
    "scarce couriers, whole": _simulated(WallEta, _SCARCE, "activated", "delivered"),
    "shock, whole": _simulated(WallEta, _SHOCK, "activated", "delivered"),
    "shock, to store": _simulated(CourierTravel, _SHOCK, "courier_assigned", "courier_at_store"),
}
"""Public data, two of them without bounds of the label, orders that take days (heavy tails all
three), and simulated cities of several kinds."""
