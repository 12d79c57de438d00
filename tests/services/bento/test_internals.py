"""What is used of BentoML's private names: all of it is declared, there, and as expected."""

from __future__ import annotations

import ast
import importlib
import importlib.metadata
import re
import subprocess
import sys
import textwrap
from pathlib import Path
from typing import Any

import pytest

from services.bento.internals import (
    INTERNALS,
    KNOWN_VERSION,
    Internal,
    InternalChanged,
    check_internals,
    original,
)
from services.bento.patches import BoundedTraffic, _NoTimer
from services.etp import EtpService

ROOT = Path(__file__).parents[3]
PRIVATE = ("bentoml._internal", "_bentoml_impl", "_bentoml_sdk", "bentoml_cli")
ROOM = "services/bento/"
MODEL_STORE = "estimators/registry/model_store.py"
PACKAGES = ("aggregators", "estimators", "services", "simulator", "commands", "deploy")


def is_private(module: str) -> bool:
    return any(module == one or module.startswith(f"{one}.") for one in PRIVATE)


def private_imports() -> list[tuple[str, str]]:
    """File and full name of everything that is imported of BentoML's private modules."""
    found = []
    for package in PACKAGES:
        for path in sorted((ROOT / package).rglob("*.py")):
            where = str(path.relative_to(ROOT))
            for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
                if isinstance(node, ast.ImportFrom) and is_private(node.module or ""):
                    found += [(where, f"{node.module}.{alias.name}") for alias in node.names]
                elif isinstance(node, ast.Import):
                    found += [(where, one.name) for one in node.names if is_private(one.name)]
    return found


def test_one_room_imports_private_names() -> None:
    importers = {where for where, _ in private_imports()}
    assert importers
    assert {where for where in importers if not where.startswith(ROOM)} == {MODEL_STORE}


def test_every_private_name_is_declared() -> None:
    declared = [one.path for one in INTERNALS]
    for where, name in private_imports():
        known = any(path == name or path.startswith(f"{name}.") for path in declared)
        assert known, f"{where} imports {name}, which is not in INTERNALS"


@pytest.mark.parametrize("one", INTERNALS, ids=lambda one: one.path)
def test_a_name_is_as_expected(one: Internal) -> None:
    assert one.problem() == ""
    assert one.use


@pytest.mark.parametrize("one", INTERNALS, ids=lambda one: one.path)
def test_a_name_that_is_gone_is_said_in_one_sentence(
    one: Internal, monkeypatch: pytest.MonkeyPatch
) -> None:
    *path, last = one.name.split(".")
    owner: Any = importlib.import_module(one.module)
    for step in path:
        owner = original(getattr(owner, step))
    if path:  # an attribute of a class, or of the only instance of one
        kinds = (owner if isinstance(owner, type) else type(owner)).__mro__
        owner = next(kind for kind in kinds if last in vars(kind))
    monkeypatch.delattr(owner, last)
    with pytest.raises(InternalChanged) as refused:
        check_internals([one])
    said = str(refused.value)
    installed = importlib.metadata.version("bentoml")
    # A class without `__call__` of its own has that of its metaclass, which takes something else.
    reason = "takes (args, kwargs)" if last == "__call__" else "is missing"
    assert said.startswith(f"BentoML {installed} does not fit: {one.path} {reason}")
    assert said.endswith(f"install bentoml=={KNOWN_VERSION}, with which it is known to work")
    assert "\n" not in said


class Changed:
    """A name that takes something else than before."""

    def __init__(self, app: Any, timeout: float, grace: float) -> None: ...


@pytest.mark.parametrize(
    ("parameters", "attributes", "reason"),
    [
        (("app", "timeout"), (), "takes (app, timeout, grace) instead of (app, timeout)"),
        (None, ("set", "get"), "has no set and no get"),
    ],
)
def test_a_name_that_has_changed_is_refused(
    parameters: tuple[str, ...] | None, attributes: tuple[str, ...], reason: str
) -> None:
    one = Internal(
        module=__name__, name="Changed", use="is here", parameters=parameters, attributes=attributes
    )
    with pytest.raises(InternalChanged, match=re.escape(reason)):
        check_internals([one])


def test_what_cannot_be_called_is_refused() -> None:
    one = Internal(module=__name__, name="PRIVATE", use="is here", parameters=())
    with pytest.raises(InternalChanged, match="is a tuple, which cannot be called"):
        check_internals([one])


def test_the_known_version_is_the_one_that_is_pinned_and_installed() -> None:
    assert importlib.metadata.version("bentoml") == KNOWN_VERSION
    pinned = (ROOT / "pyproject.toml").read_text(encoding="utf-8")
    assert f'"bentoml=={KNOWN_VERSION}"' in pinned


def test_a_service_does_not_start_with_another_bentoml() -> None:
    program = """
        import sys
        from bentoml._internal.server.http import traffic
        del traffic.TimeoutMiddleware
        from services.bento.serve import main
        main(["services.etp:EtpService", "--host", "127.0.0.1"])
    """
    done = subprocess.run(
        [sys.executable, "-c", textwrap.dedent(program)],
        cwd=ROOT, capture_output=True, text=True, check=False, timeout=300,
    )  # fmt: skip
    assert done.returncode == 1
    lines = done.stdout.strip().splitlines()
    assert len(lines) == 1, done.stdout + done.stderr
    assert "the service cannot start: BentoML" in lines[0]
    assert "TimeoutMiddleware is missing" in lines[0]


def test_services_are_made_of_what_takes_their_place() -> None:
    made = {one.cls for one in EtpService.to_asgi().user_middleware}  # type: ignore[attr-defined]
    assert {BoundedTraffic, _NoTimer} <= made
    assert not {one.__name__ for one in made} & {"TimeoutMiddleware"}
