"""Files with several rows for one sample: the first counts, across chunks, or they are refused.

Tests `commands.data.mapped_tables`.
"""

from __future__ import annotations

from pathlib import Path

import pytest

from aggregators.catalog import CATALOG
from commands.console.output import UserError
from commands.data.mapped_dataset import mapped_dataset
from commands.data.mapped_tables import mapped_files

MAPPING = """\
file: items.csv
id: shipment
events: {activated: on, delivered: off}
dimensions: {store_id: bakery}
attributes: {products: trays}
"""


@pytest.fixture
def mapping(tmp_path: Path) -> Path:
    rows = ["shipment,on,off,bakery,trays"]
    for item in range(12):
        minute = item // 3
        rows.append(
            f"s-{minute},2026-03-02T09:0{minute}Z,2026-03-02T09:3{minute}Z,north,{item % 3}"
        )
    (tmp_path / "items.csv").write_text("\n".join(rows) + "\n")
    return tmp_path / "mapping.yaml"


def test_the_first_row_of_each_id_counts(mapping: Path) -> None:
    mapping.write_text(MAPPING + "repeated_ids: first\n")
    table = mapped_dataset(mapping).table
    assert table["order_id"].tolist() == ["s-0", "s-1", "s-2", "s-3"]
    assert table["products"].tolist() == [0.0, 0.0, 0.0, 0.0]


def test_ids_are_remembered_across_chunks(mapping: Path) -> None:
    mapping.write_text(MAPPING + "repeated_ids: first\n")
    (file,) = mapped_files(mapping, None, CATALOG.sources)
    ids = [one for chunk in file.chunks(chunk_rows=2) for one in chunk["order_id"]]
    assert ids == ["s-0", "s-1", "s-2", "s-3"]


def test_otherwise_they_are_refused(mapping: Path) -> None:
    mapping.write_text(MAPPING)
    with pytest.raises(UserError, match=r"'s-0' stands in rows .* and .* \(duplicate\)"):
        mapped_dataset(mapping)
    mapping.write_text(MAPPING + "repeated_ids: last\n")
    with pytest.raises(UserError, match="repeated_ids is 'last'"):
        mapped_dataset(mapping)
