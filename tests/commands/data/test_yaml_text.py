"""Texts of a mapping, read back by YAML.

Tests `commands.data.yaml_text`.
"""

from __future__ import annotations

from pathlib import Path

import pytest
import yaml

from commands.data.yaml_text import in_unit, path_from, quoted

TEXTS = ("store", "no", "Distance (KM)", 'say "hi"', "back\\slash", "12", "a: b", "# x", "y", "ñ")


@pytest.mark.parametrize("text", TEXTS)
def test_a_text_is_read_back(text: str) -> None:
    assert yaml.safe_load(f"key: {quoted(text)}") == {"key": text}
    assert yaml.safe_load(f"key: {in_unit(text, None)}") == {"key": text}
    found = yaml.safe_load(f"key: {in_unit(text, 'km')}")
    assert found == {"key": {"column": text, "unit": "km"}}


def test_a_file_is_named_from_another_folder(tmp_path: Path) -> None:
    table = tmp_path / "data" / "table.csv"
    assert path_from(None, table) == "table.csv"
    assert path_from(tmp_path / "mappings", table) == "../data/table.csv"
