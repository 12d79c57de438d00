"""No table brings a command down: it is taken, or refused with the file, the place and the remedy.

The tables, and training on them as well, are in :mod:`tests.commands.hostile_tables`.
"""

from __future__ import annotations

import encodings
import pkgutil
from contextlib import suppress
from pathlib import Path

import pytest

from commands.console.output import UserError
from commands.data.csv_format import Dialect
from commands.data.csv_text import check_encoding
from commands.data.table_files import columns_of
from tests.commands.hostile_tables import ORDERS, became, commands_for, mapping_of, write_tables

QUICK = (["mapping", "init"], ["mapping", "check"], ["import", "--table"])


@pytest.fixture(scope="module")
def tables(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    """Every table by its name."""
    return {path.name: path for path in write_tables(tmp_path_factory.mktemp("tables"))}


@pytest.mark.slow
@pytest.mark.parametrize("all_commands", [False, pytest.param(True, marks=pytest.mark.soak)])
def test_no_command_falls_over_a_table(tables: dict[str, Path], *, all_commands: bool) -> None:
    wrong = []
    for path in tables.values():
        for arguments in commands_for(path, training=all_commands):
            if not all_commands and arguments[:2] not in QUICK:
                continue
            code, printed, error = became(arguments)
            told = printed.partition("error: ")[2]
            is_named = path.name in told or arguments[:2] not in QUICK
            if error is not None or code not in (0, 1) or (code and not is_named):
                wrong.append(f"{path.name} {arguments[:2]}: {code} {error!r} {printed[:300]}")
    assert not wrong, "\n".join(wrong)


REFUSED = {
    "duplicate_heading.csv": "has the column 'amount' 2 times",
    "twice.parquet": "has the column 'amount' 2 times",
    "sentinel_9999.csv": "column 'ready', row 3 .line 4. is 9999-12-31.* outside the span",
    "sentinel_0001.csv": "column 'ready', row 1 .line 2. is 0001-01-01.* outside the span",
    "far_times.parquet": "column 'ready', row 1 is 9999-12-31.* outside the span",
    "nan_ids.parquet": "column 'order_id', row 1: the sample id is missing",
    "uint64_ids.parquet": "column 'order_id': row 1 holds 18446744073709551615.*make .* strings",
    "missing_ids.csv": "column 'order_id', row 1 .line 2.: the sample id is missing",
    "repeated_ids.csv": "'o-000001' stands in rows 1 and 2",
    "infinite_numbers.parquet": "column 'amount', row 1: inf is infinite",
    "struct_numbers.parquet": "column 'amount' is of type struct",
    "naive_times.parquet": "column 'ready', row 1: .* has no UTC offset; .*--time-zone",
    "long_text.csv": "column 'store_id': value is 'x+... and has 3,000 ch",
    "lines.jsonl": "lines.jsonl: expected a .csv, .csv.gz, .csv.zst, .parquet or .xlsx file",
    "other_names.csv": "lacks the sample id 'order_id'",
    "camel_case.csv": "lacks store_id .is it 'storeId'.*--rename storeId=store_id",
}


@pytest.mark.parametrize("name", REFUSED)
def test_what_is_refused_says_where_and_what_to_do(
    name: str, tables: dict[str, Path], tmp_path: Path
) -> None:
    import re

    store = tmp_path / "events.db"
    code, printed, error = became(["import", "--store", str(store), "--table", str(tables[name])])
    assert error is None
    assert code == 1
    assert re.search(REFUSED[name], printed), printed
    assert not store.exists()


TAKEN = (
    "bom.csv", "latin1.csv", "utf16.csv", "semicolons.csv",
    "dictionary.parquet", "decimals.parquet", "decimal_ids.parquet",
    "small_uint64_ids.parquet", "odd_zone.parquet", "nanoseconds.parquet", "half_floats.parquet",
    "text_times.parquet",
)  # fmt: skip


@pytest.mark.parametrize("name", TAKEN)
def test_what_a_table_means_is_taken(name: str, tables: dict[str, Path], tmp_path: Path) -> None:
    store = str(tmp_path / "events.db")
    code, printed, error = became(["import", "--store", store, "--table", str(tables[name])])
    assert error is None
    assert code == 0, printed
    assert f"{len(ORDERS)} samples of orders: " in printed
    code, printed, error = became(["mapping", "check", str(mapping_of(tables[name]))])
    assert (code, error) == (0, None), printed


def test_a_file_in_another_encoding_is_read_in_it(tables: dict[str, Path], tmp_path: Path) -> None:
    store, path = str(tmp_path / "events.db"), tables["latin1.csv"]
    asked = ["import", "--store", store, "--table", str(path), "--encoding", "latin-1"]
    assert became(asked)[0] == 0
    mapping = tmp_path / "mapping.yaml"
    code, printed, _ = became(
        ["mapping", "init", str(path), "--encoding", "latin-1", "--to", str(mapping)]
    )
    assert code == 0, printed
    assert "encoding: latin-1" in mapping.read_text()
    declared_wrong = ["import", "--store", store, "--table", str(path), "--encoding", "utf-8"]
    assert "column 'city', line 2: the byte 0xe1 is no UTF-8" in became(declared_wrong)[1]
    code, printed, _ = became(["mapping", "check", str(mapping)])
    assert code == 0, printed
    assert "Málaga" in printed
    code, printed, _ = became([*asked[:-1], "klingon"])
    assert (code, "--encoding is 'klingon'" in printed) == (1, True)


@pytest.mark.parametrize("name", ["idna", "punycode", "undefined", "rot13", "uu", "bz2"])
def test_an_encoding_that_reads_no_files_of_text_is_refused(
    name: str, tables: dict[str, Path], tmp_path: Path
) -> None:
    store, path = str(tmp_path / "events.db"), tables["latin1.csv"]
    mapping = mapping_of(path)
    mapping.write_text(f"{mapping.read_text()}encoding: {name}\n")
    to = str(tmp_path / "guessed.yaml")
    for asked, said in (
        (["import", "--store", store, "--table", str(path), "--encoding", name], "--encoding is"),
        (["mapping", "init", str(path), "--to", to, "--encoding", name], "--encoding is"),
        (["mapping", "check", str(mapping)], "encoding: is"),
        (["import", "--store", store, "--mapping", str(mapping)], "encoding: is"),
    ):
        code, printed, error = became(asked)
        assert (code, error) == (1, None), printed
        assert f"{said} {name!r}; expected an encoding such as" in " ".join(printed.split())


def test_every_codec_of_python_reads_a_table_or_is_refused(tmp_path: Path) -> None:
    path, text = tmp_path / "orders.csv", "order_id,activated\nA-1,2026-03-02T12:00:00Z\n"
    refused = set()
    for codec in pkgutil.iter_modules(encodings.__path__):
        try:
            check_encoding(codec.name)
        except UserError:
            refused.add(codec.name)
            continue
        path.write_bytes(text.encode(codec.name))
        dialect = Dialect(encoding=codec.name)
        assert columns_of(path, dialect) == ["order_id", "activated"]
        path.write_bytes(b"order_id,activated\n\xff\x80,\xe9\n")
        with suppress(UserError):  # whatever it is, nothing else is raised
            columns_of(path, dialect)
    bytes_alone = {"base64_codec", "bz2_codec", "hex_codec", "quopri_codec", "rot_13", "uu_codec"}
    elsewhere = {"mbcs", "oem"}  # Windows has them
    no_files = {"idna", "punycode", "undefined"}
    assert refused - elsewhere == bytes_alone | no_files | {"aliases", "zlib_codec"}
