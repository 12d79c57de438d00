"""Images from elsewhere are named by digest, and a command writes the digests."""

from __future__ import annotations

import os
import re
import shutil
import stat
from pathlib import Path

import pytest
import yaml

from deploy.pin_images import OWN, PinError, digest_of, files, images_in, main, pin

ROOT = Path(__file__).parent.parent.parent
FIRST, SECOND = (f"sha256:{digit * 64}" for digit in "12")
TEXT = f"""
ARG PYTHON_IMAGE=python:3.11.14-slim-bookworm
services:
  redis:
    image: redis:7.2.16-bookworm@{FIRST}
  eta:
    image: {OWN}eta:${{DOORSTEP_VERSION:-0.1.0}}
  etp:
    image: {OWN}etp:0.1.0
"""


def test_every_image_from_elsewhere_has_a_digest_and_one_only() -> None:
    found: dict[str, set[str]] = {}
    for path in files(ROOT):
        for name, digest in images_in(path.read_text(encoding="utf-8")).items():
            found.setdefault(name.partition(":")[0], set()).add(f"{name}@{digest}")
    assert sorted(found) == ["python", "redis"]
    for name, images in found.items():
        assert len(images) == 1, f"{name} is not the same everywhere: {images}"
        (image,) = images
        assert re.fullmatch(r"[a-z]+:\d+\.\d+\.\d+[\w.-]*@sha256:[0-9a-f]{64}", image), image


def test_nothing_names_an_image_that_is_not_seen() -> None:
    """What the pattern does not match would stay without a digest."""
    named = []
    for path in files(ROOT):
        if path.name != "Dockerfile":
            for document in yaml.safe_load_all(path.read_text(encoding="utf-8")):
                named += list(images_of(document))
    unseen = {one for one in named if not one.startswith(OWN) and "@sha256:" not in one}
    assert named
    assert not unseen


def images_of(node: object) -> list[str]:
    if isinstance(node, list):
        return [image for one in node for image in images_of(one)]
    if not isinstance(node, dict):
        return []
    own = [node["image"]] if isinstance(node.get("image"), str) else []
    return own + [image for one in node.values() for image in images_of(one)]


def test_digests_are_written_for_images_from_elsewhere_alone() -> None:
    pinned = pin(TEXT, lambda name: SECOND)
    assert images_in(pinned) == {
        "python:3.11.14-slim-bookworm": SECOND,
        "redis:7.2.16-bookworm": SECOND,
    }
    assert f"{OWN}eta:${{DOORSTEP_VERSION:-0.1.0}}\n" in pinned
    assert f"{OWN}etp:0.1.0\n" in pinned
    assert pin(pinned, lambda name: SECOND) == pinned


def test_what_is_no_digest_is_not_written() -> None:
    for answer in ("", "latest", "sha256:12", f"{FIRST} and more"):
        with pytest.raises(PinError, match="expected sha256"):
            pin(TEXT, lambda name, answer=answer: answer)  # type: ignore[misc]


def test_the_files_of_the_project_are_written_and_each_image_is_asked_for_once(
    tmp_path: Path,
) -> None:
    for path in files(ROOT):
        copy = tmp_path / path.relative_to(ROOT)
        copy.parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(path, copy)
    asked: list[str] = []

    def answer(name: str) -> str:
        asked.append(name)
        return FIRST

    changed = main(tmp_path, answer)
    assert set(changed.values()) == {FIRST}
    assert sorted(asked) == sorted(set(asked)) == sorted(changed)
    assert main(tmp_path, answer) == {}


def test_a_registry_is_asked_by_docker_or_skopeo(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(PinError, match="neither docker nor skopeo"):
        digest_of("redis:7")
    program(tmp_path / "skopeo", "printf index")
    # The bytes of an index are what its digest is made of: printf index | sha256sum.
    assert digest_of("redis:7") == (
        "sha256:1bc04b5291c26a46d918139138b992d2de976d6851d0893b0476b85bfbdfc6e6"
    )
    program(tmp_path / "docker", f"echo {SECOND}")
    assert digest_of("redis:7") == SECOND
    program(tmp_path / "docker", "echo no such image >&2; exit 1")
    with pytest.raises(PinError, match="no such image"):
        digest_of("redis:7")


def program(path: Path, script: str) -> None:
    path.write_text(f"#!/bin/sh\n{script}\n", encoding="utf-8")
    path.chmod(path.stat().st_mode | stat.S_IXUSR)
    assert os.access(path, os.X_OK)
