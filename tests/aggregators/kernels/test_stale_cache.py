"""Kernels that were compiled from other sources go; all others stay."""

from __future__ import annotations

from pathlib import Path

import pytest

from aggregators.kernels.stale_cache import drop_stale_cache


class Room:
    """Two folders of modules with cached kernels."""

    def __init__(self, folder: Path) -> None:
        self.folders = [folder / "inner", folder]
        self.sources = [folder / "inner" / "loops.py", folder / "caller.py"]
        self.stamp = folder / "inner" / "__pycache__" / "stamp"
        for one in self.folders:
            (one / "__pycache__").mkdir(parents=True)
        for source in self.sources:
            source.write_text("first")
        self.compile()

    def compile(self) -> None:
        """Write what numba and Python would."""
        for one in self.folders:
            for name in ("loops.f-1.py311.nbi", "loops.f-1.py311.1.nbc", "loops.pyc"):
                (one / "__pycache__" / name).write_text("")

    def drop(self) -> None:
        drop_stale_cache(self.sources, self.stamp, self.folders)

    @property
    def cached(self) -> list[int]:
        """How many files of kernels each folder holds."""
        return [len(list((one / "__pycache__").glob("*.nb?"))) for one in self.folders]


@pytest.fixture
def room(tmp_path: Path) -> Room:
    return Room(tmp_path)


def test_kernels_of_unknown_sources_go_from_every_folder(room: Room) -> None:
    room.drop()
    assert room.cached == [0, 0]
    assert all((one / "__pycache__" / "loops.pyc").exists() for one in room.folders)


def test_kernels_of_the_same_sources_stay(room: Room) -> None:
    room.drop()
    room.compile()
    room.drop()
    assert room.cached == [2, 2]


@pytest.mark.parametrize("changed", [0, 1])
def test_a_change_in_any_source_drops_all_kernels(room: Room, changed: int) -> None:
    room.drop()
    room.compile()
    room.sources[changed].write_text("second")
    room.drop()
    assert room.cached == [0, 0]


def test_where_nothing_can_be_written_nothing_is_said(room: Room) -> None:
    room.stamp = room.sources[0] / "stamp"  # no folder, as on a disk that cannot be written
    room.drop()
    assert room.sources[0].read_text() == "first"
