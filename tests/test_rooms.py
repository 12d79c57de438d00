"""Rooms: each holds few files with one purpose, and imports run in one direction."""

from __future__ import annotations

import os
import tomllib
from collections import Counter
from graphlib import CycleError, TopologicalSorter
from pathlib import Path
from typing import Any

import grimp
import pytest
from importlinter.cli import lint_imports

from tests.test_import_rules import PACKAGES, ROOT

FILES_PER_ROOM_MAX = 20
ROOMS_PER_PACKAGE_MAX = 12

LINTER: dict[str, Any] = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))[
    "tool"
]["importlinter"]


def rooms() -> Counter[Path]:
    """How many files stand in each folder of the packages, `__init__.py` among them."""
    return Counter(
        path.parent.relative_to(ROOT)
        for package in PACKAGES
        for path in (ROOT / package).rglob("*.py")
    )


@pytest.mark.parametrize("contract", [contract["id"] for contract in LINTER["contracts"]])
def test_imports_run_in_the_direction_of_the_contract(
    contract: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(ROOT)
    # It would switch off every logger of this process, which tests that come later listen to.
    monkeypatch.setattr("importlinter.cli._configure_logging", lambda _verbose: None)
    code = lint_imports(
        config_filename=os.fspath(ROOT / "pyproject.toml"),
        limit_to_contracts=(contract,),
        cache_dir=None,
        no_cache=True,
    )
    assert code == 0, capsys.readouterr().out


def test_each_package_has_a_contract_that_names_all_its_rooms() -> None:
    layers = {
        contract["containers"][0]: contract
        for contract in LINTER["contracts"]
        if contract["type"] == "layers" and "containers" in contract
    }
    assert set(layers) == set(PACKAGES)
    assert all(contract["exhaustive"] for contract in layers.values())


def test_no_module_imports_itself_by_way_of_others() -> None:
    graph = grimp.build_graph(*PACKAGES, cache_dir=None)
    imports = {name: graph.find_modules_directly_imported_by(name) for name in graph.modules}
    try:
        TopologicalSorter(imports).prepare()
    except CycleError as error:
        pytest.fail(" -> ".join(error.args[1]))


def test_rooms_are_small() -> None:
    found = rooms()
    assert len(found) > 50
    large = {str(room): n for room, n in found.items() if n > FILES_PER_ROOM_MAX}
    assert not large, f"more than {FILES_PER_ROOM_MAX} files in a room: {large}"


@pytest.mark.parametrize("package", PACKAGES)
def test_packages_have_few_rooms(package: str) -> None:
    found = [room for room in rooms() if len(room.parts) == 2 and room.parts[0] == package]
    assert 0 < len(found) <= ROOMS_PER_PACKAGE_MAX, sorted(map(str, found))


def test_every_room_says_its_purpose() -> None:
    silent = [
        str(room)
        for room in rooms()
        if not (ROOT / room / "__init__.py").read_text(encoding="utf-8").startswith('"""')
    ]
    assert not silent, f"no docstring in the __init__.py of {silent}"
