"""The distribution: what it declares is what it imports, and the lock holds it."""

from __future__ import annotations

import hashlib
import re
import shutil
import subprocess
import sys
import tomllib
import zipfile
from pathlib import Path

import pytest
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

from deploy.bentos import SERVICES
from tests.test_import_rules import PACKAGES, all_imports

ROOT = Path(__file__).parent.parent
PYPROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))
LOCKS = ("runtime", "build", "uv", "dev", *SERVICES)
# Where the name that is imported is not the name that is installed.
DISTRIBUTIONS = {
    "_bentoml_impl": "bentoml",
    "bentoml_cli": "bentoml",
    "sklearn": "scikit-learn",
    "yaml": "pyyaml",
}
# What BentoML itself is made of: pinned through it, never apart from it.
OF_BENTOML = {"attrs", "click", "prometheus-client", "pydantic", "starlette", "uvicorn"}


def lock_text(name: str) -> str:
    return (ROOT / "requirements" / f"{name}.lock").read_text(encoding="utf-8")


def pins(name: str) -> dict[str, str]:
    """Distribution -> version, as the lock says."""
    return dict(all_pins(name))


def all_pins(name: str) -> list[tuple[str, str]]:
    """Distributions and versions of a lock; some have one version per Python."""
    found = re.findall(r"^([A-Za-z0-9._-]+)==([^\s;\\]+)", lock_text(name), re.MULTILINE)
    return [(canonicalize_name(distribution), version) for distribution, version in found]


def declared(*extras: str) -> list[Requirement]:
    project = PYPROJECT["project"]
    lines = list(project["dependencies"])
    for extra in extras:
        lines += project["optional-dependencies"][extra]
    return [Requirement(line) for line in lines]


@pytest.mark.parametrize("name", LOCKS)
def test_lock_pins_everything_with_hashes_and_names_no_place(name: str) -> None:
    text = lock_text(name)
    assert "://" not in text
    assert "file:" not in text
    entries = [line for line in text.splitlines() if line and not line.lstrip().startswith("#")]
    options = [line for line in entries if line.startswith("-")]
    assert not options, f"a lock may not say where to look: {options}"
    for entry in re.split(r"\n(?=[A-Za-z0-9])", "\n".join(entries)):
        assert re.match(r"[A-Za-z0-9._-]+==\S+", entry), entry
        assert "--hash=sha256:" in entry, entry


@pytest.mark.parametrize("name", ["runtime", "build", "uv"])
def test_development_lock_agrees_with_the_others(name: str) -> None:
    development = pins("dev")
    assert pins(name).items() <= development.items()


@pytest.mark.parametrize("service", SERVICES)
def test_service_locks_what_it_names_at_the_versions_of_the_runtime(service: str) -> None:
    requirements = ROOT / "requirements"
    lines = (requirements / f"{service}.in").read_text(encoding="utf-8").splitlines()
    assert "-r service.in" in lines
    lines += (requirements / "service.in").read_text(encoding="utf-8").splitlines()
    named = [Requirement(line) for line in lines if line and not line.startswith(("#", "-r"))]
    assert not [one for one in named if one.specifier], "pyproject.toml says which versions"
    names = {canonicalize_name(one.name) for one in named}
    assert names <= {canonicalize_name(one.name) for one in declared("redis")}
    assert names <= set(pins(service))
    assert pins(service).items() <= pins("runtime").items()


def test_make_locks_what_is_built() -> None:
    (listed,) = re.findall(r"^SERVICES := (.+)$", (ROOT / "Makefile").read_text(), re.MULTILINE)
    assert tuple(listed.split()) == SERVICES


def test_no_service_has_the_library_that_trains() -> None:
    assert "lightgbm" in pins("runtime")
    assert not [service for service in SERVICES if "lightgbm" in pins(service)]


@pytest.mark.parametrize(("name", "extras"), [("runtime", ()), ("dev", ("dev",))])
def test_lock_satisfies_what_is_declared(name: str, extras: tuple[str, ...]) -> None:
    locked = pins(name)
    for requirement in declared(*extras):
        version = locked[canonicalize_name(requirement.name)]
        assert requirement.specifier.contains(version), requirement


def test_what_is_imported_is_declared() -> None:
    requirements = declared("excel", "polars", "redis", "tune")
    known = {canonicalize_name(requirement.name) for requirement in requirements}
    imported = {item.root for item in all_imports()} - set(PACKAGES) - sys.stdlib_module_names
    missing = {
        name
        for name in imported - {""}
        if canonicalize_name(DISTRIBUTIONS.get(name, name)) not in known | OF_BENTOML
    }
    assert not missing, f"imported by the packages, not in pyproject.toml: {sorted(missing)}"


def test_wheel_holds_the_packages_and_the_command(tmp_path: Path) -> None:
    """Built as the Dockerfile builds it."""
    build = ("pip", "wheel", "--no-deps", "--no-build-isolation", "--wheel-dir", str(tmp_path), ".")
    done = subprocess.run(
        [sys.executable, "-m", *build], cwd=ROOT, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stdout + done.stderr
    (wheel,) = tmp_path.glob("doorstep-*.whl")
    with zipfile.ZipFile(wheel) as opened:
        names = opened.namelist()
        (entry_points,) = (name for name in names if name.endswith("entry_points.txt"))
        assert "doorstep = commands.main:app" in opened.read(entry_points).decode()
    folders = {name.partition("/")[0] for name in names if ".dist-info" not in name}
    assert folders == {"doorstep", *PACKAGES}
    typed = {name for name in names if name.endswith("py.typed")}
    assert typed == {f"{package}/py.typed" for package in folders}, "a type checker looks for them"


def test_wheel_holds_the_kernels_that_were_compiled_for_it(tmp_path: Path) -> None:
    source = tmp_path / "source"
    for name in ("pyproject.toml", "README.md", "LICENSE", "aggregators/__init__.py"):
        (source / name).parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(ROOT / name, source / name)
    (source / ".gitignore").write_bytes((ROOT / ".gitignore").read_bytes())
    archive = "aggregators/shipped_kernels/cpython-311-linux-x86_64-x86-64-v3.zip"
    (source / "build" / "wheel" / archive).parent.mkdir(parents=True)
    (source / "build" / "wheel" / archive).write_bytes(b"kernels")
    build = ("pip", "wheel", "--no-deps", "--no-build-isolation", "--wheel-dir", str(tmp_path))
    subprocess.run([sys.executable, "-m", *build, str(source)], check=True, capture_output=True)
    (wheel,) = tmp_path.glob("doorstep-*.whl")
    with zipfile.ZipFile(wheel) as opened:
        assert opened.read(archive) == b"kernels"
        assert "aggregators/__init__.py" in opened.namelist()


def test_licence_is_the_whole_apache_licence() -> None:
    digest = hashlib.sha256((ROOT / "LICENSE").read_bytes()).hexdigest()
    assert digest == "cfc7749b96f63bd31c3c42b5c471bf756814053e847c10f3eb003417bc523d30"
