"""Write the digests of the images that come from elsewhere: ``make pin-images``.

A tag can be pushed again; a digest names one image for good. What this project builds itself has
no digest before it is built: the overlay says which (docs/deployment.md). A registry is asked by
``docker buildx imagetools``, or by ``skopeo`` where there is no Docker.
"""

from __future__ import annotations

import hashlib
import re
import shutil
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

__all__ = ["OWN", "PinError", "digest_of", "images_in", "main", "pin"]

OWN = "doorstep-"
"""How the names of the images begin that are built from this repository."""

_IMAGE = re.compile(
    r"^(?P<before>\s*(?:image:\s*|ARG \w+_IMAGE=))"
    r"(?P<name>[\w./-]+:[\w.-]+)(?:@(?P<digest>sha256:[0-9a-f]{64}))?\s*$",
    re.MULTILINE,
)
_DIGEST = re.compile(r"sha256:[0-9a-f]{64}")
_TIMEOUT_S = 120.0


class PinError(Exception):
    """The registry does not say what the digest of an image is."""


def files(root: Path) -> Iterator[Path]:
    """Every file that names images."""
    yield root / "Dockerfile"
    yield root / "docker-compose.yaml"
    yield from sorted((root / "deploy").rglob("*.yaml"))


def images_in(text: str) -> dict[str, str]:
    """Return the images from elsewhere that a file names, and their digests, empty where none.

    >>> images_in("    image: redis:7.2.16-bookworm")
    {'redis:7.2.16-bookworm': ''}
    """
    found = {match["name"]: match["digest"] or "" for match in _IMAGE.finditer(text)}
    return {name: digest for name, digest in found.items() if not name.startswith(OWN)}


def pin(text: str, digest: Callable[[str], str]) -> str:
    """Return a file's text with the digest of every image from elsewhere.

    Args:
        text: of the file.
        digest: asks the registry for the digest of an image, such as ``redis:7.2.16-bookworm``.

    Raises:
        PinError: it does not say.

    >>> print(pin("image: redis:7", lambda name: "sha256:" + 64 * "0")[:27])
    image: redis:7@sha256:00000
    """

    def pinned(match: re.Match[str]) -> str:
        name = match["name"]
        if name.startswith(OWN):
            return match[0]
        found = digest(name)
        if not _DIGEST.fullmatch(found):
            raise PinError(f"the registry says {found[:80]!r} of {name}; expected sha256:...")
        return f"{match['before']}{name}@{found}"

    return _IMAGE.sub(pinned, text)


def digest_of(name: str) -> str:
    """Return the digest of an image of all platforms, as its registry has it now.

    Raises:
        PinError: there is neither Docker nor skopeo, or the registry does not answer.
    """
    if docker := shutil.which("docker"):
        form = "{{.Manifest.Digest}}"
        command = [docker, "buildx", "imagetools", "inspect", name, "--format", form]
        return _output(command).decode().strip()
    if skopeo := shutil.which("skopeo"):
        # The digest of an index is that of its bytes.
        raw = _output([skopeo, "inspect", "--raw", f"docker://{name}"])
        return f"sha256:{hashlib.sha256(raw).hexdigest()}"
    raise PinError("neither docker nor skopeo is here to ask a registry; install one of them")


def _output(command: list[str]) -> bytes:
    try:
        done = subprocess.run(command, capture_output=True, check=False, timeout=_TIMEOUT_S)
    except (OSError, subprocess.TimeoutExpired) as error:
        raise PinError(f"{command[0]}: {error}") from error
    if done.returncode:
        raise PinError(f"{' '.join(command)}: {done.stderr.decode(errors='replace').strip()}")
    return done.stdout


def main(root: Path, digest: Callable[[str], str] = digest_of) -> dict[str, str]:
    """Pin the images of all files; return what was changed, the new digest by image."""
    changed: dict[str, str] = {}
    known: dict[str, str] = {}

    def asked(name: str) -> str:
        if name not in known:
            known[name] = digest(name)
        return known[name]

    for path in files(root):
        text = path.read_text(encoding="utf-8")
        before, after = images_in(text), pin(text, asked)
        if after != text:
            path.write_text(after, encoding="utf-8")
            changed |= {name: new for name, new in images_in(after).items() if before[name] != new}
    return changed


if __name__ == "__main__":
    try:
        for image, new in main(Path(__file__).parent.parent).items():
            print(f"{image}@{new}")
    except PinError as problem:
        sys.exit(str(problem))
