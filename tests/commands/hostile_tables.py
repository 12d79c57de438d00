"""Tables as they come: other encodings, types, headings, damaged files; for every command.

``python -m tests.commands.hostile_tables`` gives each to every command that reads tables, training
included, and prints what became of it; the quick commands are tested in ``test_hostile_tables.py``.
"""

from __future__ import annotations

import datetime as dt
import gzip
import sys
import tempfile
from collections.abc import Callable, Iterator
from decimal import Decimal
from pathlib import Path
from typing import Any

import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
from typer.testing import CliRunner

from commands.main import app
from simulator import CityPlan, simulate

DAYS = 2
ORDERS = simulate(CityPlan(stores=2, days=DAYS, seed=5))
MAPPING = """
file: {file}
id: order_id
events: [activated, dispatched, accepted, ready]
dimensions: [store_id, city]
attributes: [amount, products]
"""

FAR = dt.datetime(9999, 12, 31, 23, 59, 59, tzinfo=dt.UTC)
AWARE = "2026-03-02T12:00:00+01:00"
CAMELS = {"store_id": "storeId", "ready": "readyAt"}
Text = Callable[[pd.DataFrame], str | bytes]


def _csv(orders: pd.DataFrame) -> str:
    return str(orders.to_csv(index=False))


def _column(name: str, values: Callable[[pd.Series[Any]], Any]) -> Text:
    return lambda orders: _csv(orders.assign(**{name: values(orders[name])}))


def _nano(times: pd.Series[Any]) -> pd.Series[Any]:
    texts: pd.Series[Any] = times.dt.strftime("%Y-%m-%dT%H:%M:%S.123456789Z").astype(object)
    texts.iloc[2] = "9999-12-31T23:59:59Z"
    return texts


def _with_commas(numbers: pd.Series[Any]) -> list[str]:
    return [f"{number:.2f}".replace(".", ",") for number in numbers]


CSV_FILES: dict[str, Text] = {
    "plain": _csv,
    "latin1": lambda orders: _csv(orders.assign(city="Málaga")).encode("latin-1"),
    "latin1_heading": lambda orders: _csv(orders.rename(columns={"city": "ciudád"})).encode(
        "latin-1"
    ),
    "utf16": lambda orders: _csv(orders).encode("utf-16"),
    "bom": lambda orders: _csv(orders).encode("utf-8-sig"),
    "nul_bytes": lambda orders: _csv(orders).replace("BCN", "B\0N"),
    "empty": lambda orders: "",
    "heading_only": lambda orders: _csv(orders.head(0)),
    "newlines_only": lambda orders: "\n\n\n",
    "ragged": lambda orders: _csv(orders) + "1,2,3\n",
    "quote_left_open": lambda orders: _csv(orders) + '"abc,1\n',
    "semicolons": lambda orders: orders.to_csv(index=False, sep=";"),
    "duplicate_heading": lambda orders: _csv(orders).replace("products", "amount", 1),
    "nameless_heading": lambda orders: _csv(orders).replace("products", "", 1),
    "sentinel_9999": _column("ready", _nano),
    "sentinel_0001": _column("ready", lambda times: ["0001-01-01T00:00:00Z"] * len(times)),
    "year_0": _column("ready", lambda times: ["0000-00-00 00:00:00"] * len(times)),
    "epoch_seconds": _column("ready", lambda times: times.astype("int64") // 10**6),
    "day_first": _column("ready", lambda times: times.dt.strftime("%d/%m/%Y %H:%M")),
    "mixed_offsets": _column(
        "ready", lambda times: [AWARE, *[AWARE.removesuffix("+01:00")] * (len(times) - 1)]
    ),
    "missing_ids": _column("order_id", lambda ids: [None, *ids[1:]]),
    "repeated_ids": _column("order_id", lambda ids: [ids.iloc[1], *ids[1:]]),
    "decimal_commas": _column("amount", _with_commas),
    "infinite": _column("amount", lambda numbers: ["inf", *numbers[1:]]),
    "huge_numbers": _column("amount", lambda numbers: ["1e999", *numbers[1:]]),
    "many_digits": _column("products", lambda numbers: ["9" * 400, *numbers[1:]]),
    "long_text": _column("store_id", lambda ids: ["x" * 3_000, *ids[1:]]),
    "control_text": _column("store_id", lambda ids: ["a\tb\r\nc[red]", *ids[1:]]),
    "not_a_table": lambda orders: b"\x89PNG\r\n\x1a\n" + bytes(range(256)) * 20,
    "camel_case": lambda orders: _csv(orders.rename(columns=CAMELS)),
    "other_names": lambda orders: "id,when\n1,2026-03-02T12:00:00Z\n2,2026-03-02T12:00:00Z\n",
    "local_hour": lambda orders: _csv(orders.rename(columns={"amount": "local_hour"})),
}  # fmt: skip

DECIMAL, UINT64 = pa.decimal128(20, 2), pa.uint64()


def _places(column: pa.ChunkedArray) -> range:
    return range(len(column))


PARQUET_COLUMNS: dict[str, dict[str, Callable[[pa.ChunkedArray], Any]]] = {
    "nan_ids": {"order_id": lambda c: pa.array([float("nan"), *map(float, range(1, len(c)))])},
    "uint64_ids": {"order_id": lambda c: pa.array([2**64 - 1 - i for i in _places(c)], UINT64)},
    "small_uint64_ids": {"order_id": lambda c: pa.array(_places(c), pa.uint64())},
    "binary_ids": {"order_id": lambda c: pa.array([str(i).encode() for i in _places(c)])},
    "list_ids": {"order_id": lambda c: pa.array([[i] for i in _places(c)])},
    "boolean_store": {"store_id": lambda c: pa.array([True] * len(c))},
    "nan_store": {"store_id": lambda c: pa.array([float("nan")] * len(c))},
    "dictionary": dict.fromkeys(("ready", "store_id", "amount"), lambda c: c.dictionary_encode()),
    "decimals": {"amount": lambda c: pa.array([Decimal("12.30")] * len(c), DECIMAL)},
    "decimal_ids": {"order_id": lambda c: pa.array([Decimal(i) for i in _places(c)], DECIMAL)},
    "text_times": {"ready": lambda c: c.cast(pa.string())},
    "naive_times": {"ready": lambda c: c.cast(pa.timestamp("us"))},
    "dates": {"ready": lambda c: c.cast(pa.timestamp("us")).cast(pa.date32())},
    "odd_zone": {"ready": lambda c: c.cast(pa.timestamp("us", "Mars/Phobos"))},
    "far_times": {"ready": lambda c: pa.array([FAR] * len(c), pa.timestamp("us", "UTC"))},
    "nanoseconds": {"ready": lambda c: c.cast(pa.timestamp("ns", "UTC"))},
    "integer_times": {"ready": lambda c: c.cast(pa.int64())},
    "text_numbers": {"amount": lambda c: c.cast(pa.string())},
    "struct_numbers": {"amount": lambda c: pa.array([{"eur": 1.0}] * len(c))},
    "infinite_numbers": {"amount": lambda c: pa.array([float("inf")] * len(c))},
    "half_floats": {"amount": lambda c: pa.array([1.5] * len(c)).cast(pa.float16())},
    "nulls": {name: lambda c: pa.nulls(len(c)) for name in ("amount", "store_id", "ready")},
    "intervals": {"amount": lambda c: pa.array([dt.timedelta(1)] * len(c))},
}  # fmt: skip


def write_tables(folder: Path) -> Iterator[Path]:
    """Write all tables and yield their paths."""
    for name, text in CSV_FILES.items():
        content = text(ORDERS)
        path = folder / f"{name}.csv"
        path.write_bytes(content.encode() if isinstance(content, str) else content)
        yield path
    plain = pa.Table.from_pandas(ORDERS, preserve_index=False)
    for name, changes in PARQUET_COLUMNS.items():
        table = plain
        for column, change in changes.items():
            place = table.column_names.index(column)
            table = table.set_column(place, column, change(table[column]))
        path = folder / f"{name}.parquet"
        pq.write_table(table, path)
        yield path
    yield from _damaged(folder, plain)


def _damaged(folder: Path, plain: pa.Table) -> Iterator[Path]:
    whole = folder / "whole.parquet"
    pq.write_table(plain, whole)
    damaged: dict[str, bytes] = {
        "cut.parquet": whole.read_bytes()[:5_000],
        "empty.parquet": b"",
        "text.parquet": b"order_id,activated\n",
        "wrong_middle.parquet": whole.read_bytes()[:2_000]
        + b"\0" * 3_000
        + whole.read_bytes()[5_000:],
        "cut.csv.gz": gzip.compress(_csv(ORDERS).encode())[:5_000],
        "not.csv.gz": _csv(ORDERS).encode(),
        "lines.jsonl": ORDERS.head(9)
        .to_json(orient="records", lines=True, date_format="iso")
        .encode(),
    }
    for name, content in damaged.items():
        (folder / name).write_bytes(content)
        yield folder / name
    twice = pa.table([*plain.columns, plain["amount"]], names=[*plain.column_names, "amount"])
    pq.write_table(twice, folder / "twice.parquet")
    yield folder / "twice.parquet"
    pq.write_table(plain.slice(0, 0), folder / "no_rows.parquet")
    yield folder / "no_rows.parquet"
    (folder / "folder.csv").mkdir()
    yield folder / "folder.csv"
    yield folder / "absent.csv"


def mapping_of(path: Path) -> Path:
    """Write the mapping of a table and return its path."""
    mapping = path.parent / f"{path.name}.yaml"
    text = MAPPING.format(file=path.name)
    if path.stem == "local_hour":
        text = text.replace("amount", "local_hour")
    mapping.write_text(text, encoding="utf-8")
    return mapping


def commands_for(path: Path, *, training: bool) -> Iterator[list[str]]:
    """Yield what can be asked of a table."""
    mapping = str(mapping_of(path))
    store = str(path.parent / f"{path.name}.db")
    few = ["--max-rows", "40", "--max-queries", "20"]
    yield ["mapping", "init", str(path)]
    yield ["mapping", "check", mapping]
    yield ["import", "--table", str(path), "--store", store]
    yield ["import", "--store", f"{store}2", "--mapping", mapping]
    yield ["import", "--store", f"{store}3", "--table", str(path), "--encoding", "latin-1"]
    yield ["check-equivalence", "--data", str(path), *few]
    if training:
        yield ["check-equivalence", "--mapping", mapping, *few]
        yield ["train", "etp", "--mapping", mapping, "--no-save"]
        yield ["ablate", "etp", "--mapping", mapping, "--splits", "1", "--by", "source"]


def became(arguments: list[str]) -> tuple[int, str, BaseException | None]:
    """Return how a command ended: its exit code, what it printed, and what it did not catch."""
    shown = CliRunner().invoke(app, arguments)
    error = None if isinstance(shown.exception, SystemExit) else shown.exception
    return shown.exit_code, " ".join(shown.output.split()), error


def main() -> int:
    """Give every table to every command; print what became of it."""
    failures = 0
    with tempfile.TemporaryDirectory() as name:
        for path in [*write_tables(Path(name))]:
            for arguments in commands_for(path, training=True):
                code, printed, error = became(arguments)
                failures += error is not None
                told = f"FAIL {error!r}" if error is not None else f"{code} {printed[:230]}"
                print(f"{path.name:<24} {' '.join(arguments[:2]):<22} {told}")  # noqa: T201
    print(f"{failures} failures")  # noqa: T201
    return failures


if __name__ == "__main__":
    sys.exit(min(main(), 1))
