"""Installing keeps to the lock, whatever is released after it, with the pip that came with Python.

A package index on disk has every locked package twice: the locked version and a much newer one.
Their contents are stubs, what they require (extras too) is what the real ones require. Only uv,
which does the work, is the real one.
"""

from __future__ import annotations

import base64
import hashlib
import os
import re
import shutil
import subprocess
import sys
import venv
import zipfile
from collections import defaultdict
from importlib import metadata
from pathlib import Path

import pytest
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

from tests.soaking import soaked
from tests.test_packaging import LOCKS, all_pins, lock_text

pytestmark = pytest.mark.slow

ROOT = Path(__file__).parent.parent
NEWER = "9999.0"
# A requirement as uv writes it: with extras and a marker, or without.
_PINNED = re.compile(r"^([A-Za-z0-9._-]+)(\[[^]]+\])?==([^\s;\\]+)( ;[^\\]+)?", re.MULTILINE)


def write_wheel(folder: Path, name: str, version: str, files: dict[str, bytes]) -> Path:
    """A wheel for every platform that holds these files."""
    escaped = name.replace("-", "_")
    path = folder / f"{escaped}-{version}-py3-none-any.whl"
    info = f"{escaped}-{version}.dist-info"
    record = f"{info}/RECORD"
    lines = []
    with zipfile.ZipFile(path, "w") as wheel:
        for inside, content in {
            f"{info}/WHEEL": b"Wheel-Version: 1.0\nRoot-Is-Purelib: true\nTag: py3-none-any\n",
            **{place.replace("INFO", info, 1): content for place, content in files.items()},
        }.items():
            entry = zipfile.ZipInfo(inside)
            entry.external_attr = 0o100755 << 16  # a regular file that may run
            wheel.writestr(entry, content)
            digest = base64.urlsafe_b64encode(hashlib.sha256(content).digest()).rstrip(b"=")
            lines.append(f"{inside},sha256={digest.decode()},{len(content)}")
        wheel.writestr(record, "\n".join([*lines, f"{record},,"]) + "\n")
    return path


def described(name: str, version: str) -> bytes:
    """What a stub says of itself: the requirements and extras of the real package."""
    lines = ["Metadata-Version: 2.1", f"Name: {name}", f"Version: {version}"]
    try:
        real = metadata.metadata(name)
    except metadata.PackageNotFoundError:  # of another platform
        return "\n".join(lines).encode()
    for field in ("Provides-Extra", "Requires-Dist"):
        lines += [f"{field}: {value}" for value in real.get_all(field) or ()]
    return "\n".join(lines).encode()


def files_of_uv(version: str) -> dict[str, bytes]:
    """The program that runs here, for a wheel of its own."""
    program = shutil.which("uv", path=str(Path(sys.executable).parent))
    assert program is not None, "uv is missing; `make test` installs it"
    return {
        "INFO/METADATA": described("uv", version),
        f"uv-{version}.data/scripts/uv": Path(program).read_bytes(),
    }


@pytest.fixture(scope="module")
def index(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A package index with each package at its locked and at a newer version."""
    folder = tmp_path_factory.mktemp("index")
    locked: dict[str, set[str]] = defaultdict(set)
    for lock in LOCKS:
        for name, version in all_pins(lock):
            locked[name].add(version)
    for name, versions in locked.items():
        (place := folder / name).mkdir()
        wheels = [
            write_wheel(
                place,
                name,
                version,
                files_of_uv(version)
                if name == "uv" and version != NEWER
                else {"INFO/METADATA": described(name, version)},
            )
            for version in (*sorted(versions), NEWER)
        ]
        links = "".join(f'<a href="{wheel.name}">{wheel.name}</a>\n' for wheel in wheels)
        (place / "index.html").write_text(f"<!DOCTYPE html><html><body>\n{links}</body></html>\n")
    return folder


def lock_of_stubs(name: str, index: Path) -> str:
    """A lock as it is in the repository, with the hashes of the stubs."""
    lines = []
    for found in _PINNED.finditer(lock_text(name)):
        package, extras, version, marker = found.groups()
        known = canonicalize_name(package)
        wheel = index / known / f"{known.replace('-', '_')}-{version}-py3-none-any.whl"
        digest = hashlib.sha256(wheel.read_bytes()).hexdigest()
        lines.append(f"{package}{extras or ''}=={version}{marker or ''} --hash=sha256:{digest}")
    return "\n".join(lines) + "\n"


def wanted_here(name: str) -> dict[str, str]:
    """What a lock pins for this platform and Python."""
    requirements = [
        Requirement(f"{package}{extras or ''}=={version}{marker or ''}")
        for package, extras, version, marker in _PINNED.findall(lock_text(name))
    ]
    return {
        canonicalize_name(one.name): next(iter(one.specifier)).version
        for one in requirements
        if one.marker is None or one.marker.evaluate()
    }


@pytest.fixture(scope="module")
def scripts(index: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The installation's folder with locks of stubs."""
    folder = tmp_path_factory.mktemp("requirements")
    shutil.copy(ROOT / "requirements" / "install.sh", folder)
    for name in ("uv", *LOCKS):
        (folder / f"{name}.lock").write_text(lock_of_stubs(name, index), encoding="utf-8")
    return folder


@pytest.fixture(scope="module")
def settings(index: Path, tmp_path_factory: pytest.TempPathFactory) -> dict[str, str]:
    """An environment in which pip knows that index alone: uv hears of it through pip."""
    kept = {
        name: value
        for name, value in os.environ.items()
        if not name.startswith(("PIP_", "UV_", "PYTHON", "VIRTUAL_ENV", "COV_", "COVERAGE_"))
    }
    folder = tmp_path_factory.mktemp("pip")
    file = folder / "pip.conf"
    file.write_text(f"[global]\nindex-url = {index.as_uri()}\ndisable-pip-version-check = true\n")
    return {**kept, "PIP_CONFIG_FILE": str(file), "UV_CACHE_DIR": str(folder / "cache")}


@pytest.fixture(scope="module")
def environment(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """An environment as `make` makes it: with the pip that came with this Python."""
    folder = tmp_path_factory.mktemp("environment") / "venv"
    venv.create(folder, with_pip=True)
    return folder


def run(*command: str | Path, env: dict[str, str]) -> str:
    done = subprocess.run(command, env=env, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


def installed(environment: Path, env: dict[str, str]) -> dict[str, str]:
    listed = run(environment / "bin/uv", "pip", "list", "--format=freeze", "--python",
                 environment / "bin/python", env=env)  # fmt: skip
    found = dict(line.split("==") for line in listed.splitlines())
    return {canonicalize_name(name): version for name, version in found.items()}


@pytest.mark.parametrize("name", soaked(LOCKS, always=["runtime"]))
def test_exactly_what_is_locked_is_installed_though_newer_ones_are_there(
    name: str, scripts: Path, environment: Path, settings: dict[str, str]
) -> None:
    run("sh", scripts / "install.sh", environment, name, env=settings)
    seen = installed(environment, settings)
    expected = wanted_here(name) | wanted_here("uv")
    assert {package: seen[package] for package in expected} == expected
    # What another lock left behind is gone; pip and its like came with the environment.
    assert set(seen) - set(expected) <= {"pip", "setuptools", "wheel"}
    # What names with extras ask for is locked, too.
    run(environment / "bin/python", "-m", "pip", "check", env=settings)


def test_without_the_lock_the_newer_release_comes(
    environment: Path, scripts: Path, settings: dict[str, str]
) -> None:
    """So the tests above could fail: the index does have newer releases."""
    run("sh", scripts / "install.sh", environment, "build", env=settings)
    run(environment / "bin/python", "-m", "pip", "install", "--quiet", "--no-deps", "coverage",
        env=settings)  # fmt: skip
    assert installed(environment, settings)["coverage"] == NEWER


def test_another_hash_is_refused(
    environment: Path, scripts: Path, settings: dict[str, str], tmp_path: Path
) -> None:
    run("sh", scripts / "install.sh", environment, "uv", env=settings)  # nothing but uv is left
    altered = tmp_path / "requirements"
    shutil.copytree(scripts, altered)
    lock = altered / "build.lock"
    lock.write_text(re.sub(r"sha256:\w{8}", "sha256:00000000", lock.read_text()))
    done = subprocess.run(["sh", altered / "install.sh", environment, "build"], env=settings,
                          capture_output=True, text=True, check=False)  # fmt: skip
    assert done.returncode != 0
    assert "hash" in (done.stdout + done.stderr).lower()
