"""Files that a command writes are refused before its work, and say so when they are there."""

from __future__ import annotations

import json
import math
from pathlib import Path

import pytest

from commands.console.output import UserError
from commands.console.output_files import check_output, write_json, write_text


def test_nothing_is_wanted_or_all_is_well(tmp_path: Path) -> None:
    check_output(None, "--report", ".html")
    check_output(tmp_path / "page.html", "--report", ".html")
    assert list(tmp_path.iterdir()) == []


def test_another_ending_and_a_folder_that_is_not_there_are_refused(tmp_path: Path) -> None:
    with pytest.raises(UserError, match=r"--report is 'page\.txt'; .* ends in \.html"):
        check_output(Path("page.txt"), "--report", ".html")
    with pytest.raises(UserError, match="there is no folder"):
        check_output(tmp_path / "nowhere" / "page.html", "--report", ".html")


def test_a_file_is_written_and_named(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    write_text(tmp_path / "page.html", "café")
    assert (tmp_path / "page.html").read_text(encoding="utf-8") == "café"
    assert "".join(capsys.readouterr().err.split()).endswith("page.html")


def test_json_holds_text_as_it_is_and_no_number_that_json_lacks(tmp_path: Path) -> None:
    write_json(tmp_path / "a.json", {"city": "Kraków", "n": 1})
    text = (tmp_path / "a.json").read_text(encoding="utf-8")
    assert json.loads(text) == {"city": "Kraków", "n": 1}
    assert "Kraków" in text
    assert text.endswith("}\n")
    with pytest.raises(ValueError, match="not JSON compliant"):
        write_json(tmp_path / "b.json", {"n": math.nan})
