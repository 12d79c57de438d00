"""Build the bentos of the services: ``python -m deploy.bentos [SERVICE ...]``, or ``make bento``.

A bento is what a service is made of: its code, its locked requirements and its models. Its version
is a digest of just that, so the same inputs give the same version on every machine, and a bento
that is there already is not built again. Each is kept in BentoML's store, and unpacked with its
models at ``build/bentos/SERVICE``, where the Dockerfile takes it from.
"""

from __future__ import annotations

import hashlib
import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

from estimators.core.errors import RegistryError
from estimators.registry import models as registry

__all__ = ["SERVICES", "BentoPlan", "build", "main"]

SERVICES = ("events", "etp", "courier_travel", "wall_eta", "eta")
"""Every service that has a bento of its own; the last is the composed one."""

UNPACKED = Path("build") / "bentos"

_DEFAULT = "eta"  # `bentoml build` without a file builds this one
_COMPOSED = "eta:latest"
_DIGITS = 16


@dataclass(frozen=True, kw_only=True)
class BentoPlan:
    """What goes into the bento of a service.

    Args:
        service: one of ``SERVICES``.
        root: folder of the repository.
        models: tags of its models, as they are in the model store now.

    >>> plan = BentoPlan(service="events", root=Path(__file__).parent.parent, models=())
    >>> plan.bentofile.name
    'bentofile.events.yaml'
    >>> plan.tag.startswith("doorstep-events:")
    True
    """

    service: str
    root: Path
    models: tuple[str, ...]

    @classmethod
    def of(cls, service: str, root: Path) -> BentoPlan:
        """Return the plan with the newest models that the model store has now.

        The composed service gets the parts that its model was composed of, and no newer ones.

        Raises:
            RegistryError: a model was not trained yet, or cannot be loaded by the code that would
                go into the bento.
        """
        named = [model["tag"] for model in _document(service, root).get("models", [])]
        composed: list[str] = []
        if _COMPOSED in named:
            eta = registry.resolve(_COMPOSED)
            composed = [eta, *registry.load_eta(eta, parts=()).tags.values()]
        of = {tag.partition(":")[0]: tag for tag in composed}
        tags = (of.get(tag.partition(":")[0], tag) for tag in named)
        return cls(
            service=service,
            root=root,
            models=tuple(_loadable(tag) for tag in tags),
        )

    @property
    def bentofile(self) -> Path:
        """The file that describes the bento."""
        return _bentofile(self.service, self.root)

    @property
    def tag(self) -> str:
        """Name and version: the same code, requirements and models, the same version."""
        digest = hashlib.sha256()
        for name, content in self._content():
            # Lengths keep apart what would run into each other.
            digest.update(f"{name}\0{len(content)}\0".encode())
            digest.update(content)
        return f"{_document(self.service, self.root)['name']}:{digest.hexdigest()[:_DIGITS]}"

    def document(self) -> dict[str, Any]:
        """Return the bentofile with the versions of the models."""
        document = _document(self.service, self.root)
        for model, tag in zip(document.get("models", []), self.models, strict=True):
            model["tag"] = tag
        return document

    def files(self) -> list[Path]:
        """Return the files of the repository that go into it, sorted."""
        patterns = [one.removeprefix("/") for one in _document(self.service, self.root)["include"]]
        found = {path for pattern in patterns for path in self.root.glob(pattern)}
        return sorted(path for path in found if path.is_file() and "__pycache__" not in path.parts)

    def _content(self) -> Iterator[tuple[str, bytes]]:
        yield self.bentofile.name, self.bentofile.read_bytes()
        for path in self.files():
            yield path.relative_to(self.root).as_posix(), path.read_bytes()
        for tag in self.models:
            yield tag, b""


def build(plan: BentoPlan, *, to: Path) -> bool:
    """Build a bento where the store has none such, and unpack it with its models.

    Args:
        plan: what goes into it.
        to: the folder that becomes the bento; what was there is replaced.

    Returns:
        Whether it was built; False: the store had it.

    Raises:
        subprocess.CalledProcessError: BentoML failed; it has said why.
    """
    tag = plan.tag
    known = _bentoml("get", tag, root=plan.root, quiet=True) == 0
    with tempfile.TemporaryDirectory() as folder:
        if not known:
            bentofile = Path(folder) / "bentofile.yaml"
            bentofile.write_text(yaml.safe_dump(plan.document(), sort_keys=False), "utf-8")
            version = ("--version", tag.partition(":")[2])
            _must(_bentoml("build", "-f", str(bentofile), *version, ".", root=plan.root))
        archive = Path(folder) / "bento.zip"
        _must(_bentoml("export", tag, str(archive), root=plan.root, quiet=True))
        shutil.rmtree(to, ignore_errors=True)
        shutil.unpack_archive(archive, to)
    return not known


def main(services: Sequence[str]) -> int:
    """Build the bentos that are named, all of them where none is; return the exit code."""
    root = Path(__file__).parent.parent
    unknown = sorted(set(services) - {*SERVICES})
    if unknown:
        print(f"no service {unknown[0]!r}; there are: {', '.join(SERVICES)}", file=sys.stderr)
        return 2
    for service in services or SERVICES:
        try:
            plan = BentoPlan.of(service, root)
        except RegistryError as error:
            print(f"{service}: {error}; `doorstep train` makes models", file=sys.stderr)
            return 1
        folder = root / UNPACKED / service
        done = "built" if build(plan, to=folder) else "unchanged"
        print(f"{plan.tag} ({done}) with {', '.join(plan.models) or 'no model'}")
        print(f"  {folder.relative_to(root)}")
    return 0


def _loadable(tag: str) -> str:
    """Return the full tag of a model, after loading it."""
    full = registry.resolve(tag)
    if full.partition(":")[0] == registry.ETA:
        registry.load_eta(full, parts=())  # its parts are named, too
    else:
        registry.load(full)
    return full


def _bentofile(service: str, root: Path) -> Path:
    return root / ("bentofile.yaml" if service == _DEFAULT else f"bentofile.{service}.yaml")


def _document(service: str, root: Path) -> dict[str, Any]:
    document: dict[str, Any] = yaml.safe_load(_bentofile(service, root).read_text("utf-8"))
    return document


def _bentoml(*arguments: str, root: Path, quiet: bool = False) -> int:
    """Run BentoML's own command; what it prints is its errors, unless even those are expected."""
    return subprocess.run(
        [sys.executable, "-m", "bentoml", *arguments],
        cwd=root,
        env={"BENTOML_DO_NOT_TRACK": "True", **os.environ},
        stdin=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL if quiet else None,
        check=False,
    ).returncode


def _must(code: int) -> None:
    if code:
        raise subprocess.CalledProcessError(code, "bentoml")


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
