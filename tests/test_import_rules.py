"""Who may import whom: the packages depend on each other in one direction only."""

from __future__ import annotations

import ast
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent
PACKAGES = ("aggregators", "estimators", "services", "simulator", "commands")

# What each package may use of the others. `commands` starts everything, so it may use everything.
MAY_USE = {
    "aggregators": {"aggregators"},
    "estimators": {"aggregators", "estimators"},
    "services": {"aggregators", "estimators", "services"},
    "simulator": {"aggregators", "simulator"},
    "commands": set(PACKAGES),
}
# These modules speak of events and of nothing else that the engine knows.
EVENTS_ONLY = ("simulator", "estimators.datasets")
EVENT_NAMES = {"Event", "Source"}
# What compiles code, and keeps it up to date, knows nothing of features.
FOR_COMPILED_CODE = ("aggregators.kernels.parts", "aggregators.kernels.stale_cache")
EVENT_MODULES = ("aggregators.events", "aggregators.standard_sources")
# Libraries that only these modules may import.
OWNERS = {
    "redis": ("aggregators.stores.redis.connections", "services.intake.redis_stream"),
    "bentoml": ("services", "estimators.registry.models", "estimators.registry.model_store"),
}
# Libraries that a package must never import.
NEVER = {
    "aggregators": {"httpx", "lightgbm", "requests", "sklearn", "starlette", "aiohttp"},
    "estimators": {"httpx", "requests", "starlette", "aiohttp"},
}


@dataclass(frozen=True)
class Import:
    """What one line of a module imports: `from module import name`, or `import module`."""

    importer: str
    line: int
    module: str
    name: str | None = None

    @property
    def root(self) -> str:
        return self.module.partition(".")[0]


def imports_of(source: str, importer: str, *, is_package: bool = False) -> Iterator[Import]:
    """Every import of a module's source, also those within functions and those made by name."""
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Import):
            for alias in node.names:
                yield Import(importer, node.lineno, alias.name)
        elif isinstance(node, ast.ImportFrom):
            module = node.module or ""
            if node.level:
                parents = importer.split(".") if is_package else importer.split(".")[:-1]
                base = parents[: len(parents) - node.level + 1]
                module = ".".join([*base, *([module] if module else [])])
            for alias in node.names:
                yield Import(importer, node.lineno, module, alias.name)
        elif isinstance(node, ast.Call) and node.args:
            called = ast.unparse(node.func).rpartition(".")[2]
            first = node.args[0]
            if called in {"import_module", "__import__"} and isinstance(first, ast.Constant):
                yield Import(importer, node.lineno, str(first.value))


def is_within(module: str, parent: str) -> bool:
    return module == parent or module.startswith(parent + ".")


def violation(item: Import) -> str | None:
    """Why this import breaks the rules, or None."""
    package = item.importer.partition(".")[0]
    if item.root in PACKAGES and item.root not in MAY_USE[package]:
        return f"{package} must not use {item.root}"
    if item.root == "aggregators" and any(is_within(item.importer, who) for who in EVENTS_ONLY):
        by_name = item.module == "aggregators" and item.name in EVENT_NAMES | {"events"}
        by_name |= item.module in FOR_COMPILED_CODE
        if not by_name and item.module not in EVENT_MODULES:
            return f"speaks only of events: {' and '.join(EVENT_MODULES)}"
    owners = OWNERS.get(item.root)
    if owners and not any(is_within(item.importer, owner) for owner in owners):
        return f"{item.root} is imported only by {' and '.join(owners)}"
    if item.root in NEVER.get(package, ()):
        return f"{package} must not use {item.root}"
    return None


def module_name(path: Path) -> str:
    parts = path.relative_to(ROOT).with_suffix("").parts
    return ".".join(parts[:-1] if parts[-1] == "__init__" else parts)


def all_imports() -> Iterator[Import]:
    for package in PACKAGES:
        for path in sorted((ROOT / package).rglob("*.py")):
            source = path.read_text(encoding="utf-8")
            is_package = path.name == "__init__.py"
            yield from imports_of(source, module_name(path), is_package=is_package)


def test_packages_keep_the_import_rules() -> None:
    broken = [
        f"{item.importer}, line {item.line}: imports {item.module}"
        + (f" ({item.name})" if item.name else "")
        + f": {reason}"
        for item in all_imports()
        if (reason := violation(item))
    ]
    assert not broken, "\n".join(broken)


def test_every_package_is_read() -> None:
    importers = {item.importer.partition(".")[0] for item in all_imports()}
    assert {"aggregators", "estimators"} <= importers


FORBIDDEN = [
    ("simulator.engine.compiled", "from aggregators.kernels.plan import compile_features"),
    ("aggregators.features.base", "import estimators"),
    ("aggregators.features.base", "from services.etp import EtpService"),
    ("aggregators.stores.memory", "import redis"),
    ("aggregators.stores.redis.store", "from redis import Redis"),
    ("aggregators.catalog.orders", "from sklearn.base import clone"),
    ("aggregators.features.base", "import lightgbm as lgb"),
    ("aggregators.features.base", "def late():\n    import httpx"),
    ("estimators.etp", "import bentoml"),
    ("estimators.etp", "import httpx"),
    ("estimators.etp", "from services import etp"),
    ("estimators.etp", "if TYPE_CHECKING:\n    from simulator import simulate"),
    ("estimators.etp", "import importlib\nimportlib.import_module('services.etp')"),
    ("estimators.datasets.deliveroo", "from aggregators import FeatureSet"),
    ("estimators.datasets.deliveroo", "import aggregators"),
    ("estimators.datasets.deliveroo", "from aggregators.times import to_us"),
    ("estimators.registry_tools", "import bentoml"),
    ("services.etp", "import simulator"),
    ("services.etp", "from commands.main import app"),
    ("services.events", "from redis.asyncio import Redis"),
    ("simulator.engine.city", "from aggregators import MemoryEventStore"),
    ("simulator.engine.city", "from aggregators import *"),
    ("simulator.engine.city", "import estimators.etp"),
    ("commands.demo", "import bentoml"),
    ("aggregators.stores.memory", "__import__('bentoml')"),
]

ALLOWED = [
    ("simulator.engine.compiled", "from aggregators.kernels.stale_cache import drop_stale_cache"),
    ("simulator.engine.compiled", "from aggregators.kernels.parts import PartCompiler"),
    ("aggregators.stores.redis.connections", "import redis.asyncio"),
    ("services.intake.redis_stream", "import redis"),
    ("aggregators.stores.memory", "from ..events import Event"),
    ("estimators.etp", "from aggregators import FeatureSet"),
    ("estimators.registry.models", "import bentoml"),
    ("estimators.datasets.deliveroo", "from aggregators import Event, Source"),
    ("estimators.datasets.deliveroo", "from aggregators.events import Event"),
    ("estimators.datasets.deliveroo", "from estimators.core.errors import DatasetError"),
    ("services.etp", "import bentoml\nfrom estimators import etp\nfrom aggregators import Event"),
    ("simulator.engine.city", "from aggregators.events import Source"),
    ("simulator.engine.city", "from aggregators import events"),
    ("simulator.engine.city", "from aggregators.standard_sources import ORDERS"),
    ("commands.demo", "import httpx\nfrom simulator import simulate\nfrom services import etp"),
    ("services.etp", "import redistribution"),
]


@pytest.mark.parametrize(("importer", "source"), FORBIDDEN)
def test_checker_finds_forbidden_imports(importer: str, source: str) -> None:
    assert [item for item in imports_of(source, importer) if violation(item)]


@pytest.mark.parametrize(("importer", "source"), ALLOWED)
def test_checker_lets_allowed_imports_pass(importer: str, source: str) -> None:
    items = list(imports_of(source, importer))
    assert items
    assert not [violation(item) for item in items if violation(item)]


def test_relative_imports_are_resolved() -> None:
    inside = next(imports_of("from . import memory", "aggregators.stores", is_package=True))
    above = next(imports_of("from .. import events", "aggregators.stores.memory"))
    assert inside.module == "aggregators.stores"
    assert above.module == "aggregators"


def test_importing_aggregators_stays_light() -> None:
    heavy = ("lightgbm", "numba", "pandas", "polars", "pyarrow", "sklearn", "tsfresh")
    program = f"import aggregators, sys; print([m for m in {heavy!r} if m in sys.modules])"
    done = subprocess.run(
        [sys.executable, "-c", program], cwd=ROOT, capture_output=True, text=True, check=True
    )
    assert done.stdout.strip() == "[]"
