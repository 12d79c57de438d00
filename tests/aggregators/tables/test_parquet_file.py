"""A file appears when it is complete, and not before."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pandas as pd
import pyarrow.parquet as pq
import pytest

from aggregators.tables.parquet_file import complete_file, write_frames


def test_a_file_replaces_the_old_one_at_the_end(tmp_path: Path) -> None:
    target = tmp_path / "a.txt"
    target.write_text("old")
    with complete_file(target) as partial:
        partial.write_text("new")
        assert target.read_text() == "old"
    assert target.read_text() == "new"
    assert list(tmp_path.iterdir()) == [target]


def test_an_error_leaves_the_old_file_and_nothing_half(tmp_path: Path) -> None:
    target = tmp_path / "a.txt"
    target.write_text("old")

    def fail_half_way() -> None:
        with complete_file(target) as partial:
            partial.write_text("half")
            raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        fail_half_way()
    assert target.read_text() == "old"
    assert list(tmp_path.iterdir()) == [target]


def test_frames_are_row_groups_of_one_file_and_progress_is_told(tmp_path: Path) -> None:
    frames = [pd.DataFrame({"n": [1, 2]}), pd.DataFrame({"n": [3]})]
    told: list[tuple[int, int]] = []

    def note(done: int, total: int) -> None:
        told.append((done, total))

    path = tmp_path / "n.parquet"
    assert write_frames(iter(frames), path, total=2, progress=note) == 3
    assert told == [(2, 2), (3, 3)]  # more came than was said
    file = pq.ParquetFile(path)
    assert file.num_row_groups == 2
    assert file.read()["n"].to_pylist() == [1, 2, 3]


def test_a_failure_on_the_way_leaves_no_file(tmp_path: Path) -> None:
    def failing() -> Iterator[pd.DataFrame]:
        yield pd.DataFrame({"n": [1]})
        raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        write_frames(failing(), tmp_path / "n.parquet", total=2, progress=None)
    assert list(tmp_path.iterdir()) == []
