"""What only answers loads nothing of what trains: no LightGBM, no scikit-learn, no pandas."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent.parent.parent
OLD_MODEL = ROOT / "tests" / "estimators" / "etp_format_1.json"
HEAVY = ("lightgbm", "pandas", "polars", "pyarrow", "scipy.special", "sklearn", "tsfresh")

SERVICES = ("services.etp", "services.courier_travel", "services.wall_eta", "services.events")

ESTIMATES = f"""
import json
from datetime import UTC, datetime
from pathlib import Path
from aggregators import MemoryEventStore, warm_up
from estimators.etp import Etp

warm_up(training=False)
documents = json.loads(Path({str(OLD_MODEL)!r}).read_text())
estimator = Etp.from_json(documents["estimator.json"])
store = MemoryEventStore(sources=estimator.features.sources)
now = datetime(2026, 3, 2, 12, tzinfo=UTC)
answer = estimator.estimate(store, as_of=now, facts={{}}, sample_id=None)
assert answer.quantile(0.5)[0] > 0.0
why = estimator.explain_estimate(store, as_of=now, facts={{}}, sample_id=None, of="mean")
assert why.estimate_s[0] == answer.mean()[0]
assert (why.contributions_s != 0.0).any()
"""


LOAD_KERNELS = """
from aggregators.kernels.compilation import compile_kernels
compile_kernels(
    (
        "estimators.quantiles.calibration_kernels",
        "estimators.quantiles.tree_kernels",
        "estimators.features.shrinkage",
        "estimators.eta.composition_kernels",
    )
)
"""
COMPILER = ("numba.np.arraymath", "numba.np.linalg", "scipy.linalg")


def loaded_after(program: str) -> str:
    """Run a program in a process of its own; return which of the heavy libraries it loaded."""
    seen = f"import sys; print([name for name in {HEAVY!r} if name in sys.modules])"
    done = subprocess.run(
        [sys.executable, "-W", "ignore", "-c", f"{program}\n{seen}"],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=True,
    )
    return done.stdout.strip()


def test_services_load_no_library_that_trains() -> None:
    assert loaded_after("\n".join(f"import {service}" for service in SERVICES)) == "[]"


def test_a_saved_estimator_answers_and_explains_without_the_libraries_that_train() -> None:
    assert loaded_after(ESTIMATES) == "[]"


def test_compiled_kernels_load_nothing_of_what_compiles_them() -> None:
    loaded_after(LOAD_KERNELS)  # numba's cache has them from now on
    program = (
        f"{LOAD_KERNELS}\nimport sys\nprint([one for one in {COMPILER!r} if one in sys.modules])"
    )
    assert loaded_after(program).splitlines()[0] == "[]"


@pytest.mark.parametrize("library", ["lightgbm", "pandas"])
def test_a_library_that_is_loaded_is_seen(library: str) -> None:
    assert library in loaded_after(f"import {library}")
