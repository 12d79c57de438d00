"""What holds for every test and doctest of the project."""

import os
import shutil
import tempfile
from pathlib import Path

import pytest
from hypothesis import HealthCheck, settings

# BentoML reads its settings when it is imported, so they stand before anything imports it: no test
# may touch the user's model store or the network.
_BENTOML_HOME = Path(tempfile.mkdtemp(prefix="doorstep-bentoml-"))
os.environ["BENTOML_HOME"] = str(_BENTOML_HOME)
os.environ["BENTOML_DO_NOT_TRACK"] = "True"
# Services refuse what waits too long for its turn; tests do not depend on how busy the machine is.
os.environ.setdefault("DOORSTEP_MAX_WAIT_MS", "30000")
# And an ETA waits for its parts, but for where a test lets one hang.
os.environ.setdefault("DOORSTEP_PART_TIMEOUT_MS", "9000")

# On a busy machine an example may take long: no deadline, and no complaint about slow ones.
settings.register_profile("doorstep", deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile("doorstep")

ROOT = Path(__file__).parent

pytest_plugins = ["tests.trained_eta"]

# Commands take their data from this variable where no option names any: tests say what they want.
# Where tests share processes, the others inherit what this one leaves.
_DATA = os.environ.pop("DOORSTEP_DATA", None) or os.environ.get("DOORSTEP_TEST_DATA")
if _DATA:
    os.environ["DOORSTEP_TEST_DATA"] = _DATA


def pytest_unconfigure() -> None:
    shutil.rmtree(_BENTOML_HOME, ignore_errors=True)


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_auto_num_workers() -> int:
    """Return how many processes share the tests: one more than there are cores.

    Many tests wait for a service of theirs: its start, its answer, an end of patience.
    """
    return (os.cpu_count() or 1) + 1


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Run files with slow tests last, so that quick answers come first.

    Processes that share the tests, file by file, take them first: the longest file must not be the
    one that is left at the end, while all others are through.
    """
    slow = {item.path for item in items if item.get_closest_marker("slow")}
    shared = hasattr(config, "workerinput")
    items.sort(key=lambda item: (item.path in slow) != shared)


@pytest.fixture(scope="session")
def root() -> Path:
    """The folder that holds pyproject.toml."""
    return ROOT


@pytest.fixture(scope="session")
def data_folder() -> Path:
    """Real delivery data (see CONTRIBUTING.md); skips where this machine has none."""
    folder = Path(_DATA or ROOT / "../shared/data").resolve()
    if not folder.is_dir():
        pytest.skip(f"no real delivery data at {folder} (DOORSTEP_DATA names another folder)")
    return folder
