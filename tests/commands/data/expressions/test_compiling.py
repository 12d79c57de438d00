"""Expressions: what they mean, row by row, and what is refused.

Tests `commands.data.expressions.compiling`, `commands.data.expressions.functions`,
`commands.data.expressions.kernels` and `commands.data.expressions.terms`.
"""

from __future__ import annotations

import math
from pathlib import Path
from typing import Any

import pandas as pd
import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from commands.data.expressions.chunk_columns import ChunkColumns
from commands.data.expressions.compiling import compile_expression
from commands.data.expressions.kinds import ARROW_TYPES, Kind
from commands.data.expressions.syntax import ExpressionError
from tests.commands.data.expressions.grammar import (
    ROWS,
    Meaning,
    Row,
    conditions,
    numbers,
    texts,
    times,
)

KINDS = {
    "a": Kind.NUMBER, "b": Kind.NUMBER, "s": Kind.TEXT, "t": Kind.TEXT, "u": Kind.TIME,
    "v": Kind.TIME,
}  # fmt: skip
CSV: dict[str, Kind | None] = {"amount": None, "status": None, "Placed At": None, "tip": None}


def refuse(column: pd.Series[Any], name: str) -> pd.Series[Any]:
    raise AssertionError(f"{name} is typed: {column}")


def evaluated(text: str, rows: list[Row]) -> list[Any]:
    arrays = {
        name: pa.array([row[name] for row in rows], ARROW_TYPES[kind])
        for name, kind in KINDS.items()
    }
    index = pd.RangeIndex(1, len(rows) + 1)
    columns = ChunkColumns(Path("t"), arrays, index, numbers=refuse, moments=refuse)
    term = compile_expression(text, KINDS)
    columns.add("result", term.evaluate(columns), term.kind)
    found: list[Any] = columns.arrays["result"].to_pylist()
    return found


@settings(max_examples=300, deadline=None)
@given(ROWS, st.one_of(numbers(3), texts(3), times(3), conditions(3)))
def test_an_expression_means_what_python_says_row_by_row(rows: list[Row], one: Meaning) -> None:
    if len(one.text) > 1_000:
        with pytest.raises(ExpressionError, match="expected up to 1,000"):
            evaluated(one.text, rows)
        return
    found = evaluated(one.text, rows)
    for row, value in zip(rows, found, strict=True):
        expected = one.value(row)
        if isinstance(expected, float) and value is not None and math.isfinite(expected):
            assert value == pytest.approx(expected, rel=1e-15, abs=0.0), (one.text, row)
        else:
            assert value == expected, (one.text, row)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("round(2.5)", 2.0),
        ("round(a / 3, 2)", 0.33),
        ("missing if a == 1 else b", None),
        ("1 < a + 1 <= 2", True),
        ("text(a)", "1"),
        ("text(a / 8)", "0.125"),
        ("text(a == 1)", "true"),
        ("a in [1, -2]", True),
        ("-a not in (1, -1)", False),
        ('u == "2026-03-02T12:00Z"', True),
        ("a\n  +\n  b", 3.0),
        ("number(s) + 1", 6.0),
        ("- - a", 1.0),
    ],
)
def test_examples(text: str, expected: Any) -> None:
    from datetime import UTC, datetime

    time = datetime(2026, 3, 2, 12, tzinfo=UTC)
    row = {"a": 1.0, "b": 2.0, "s": "5", "t": None, "u": time, "v": time}
    kinds: dict[str, Kind | None] = dict(KINDS)
    term = compile_expression(text, kinds)
    arrays = {name: pa.array([row[name]], ARROW_TYPES[kind]) for name, kind in KINDS.items()}
    columns = ChunkColumns(
        Path("t"),
        arrays,
        pd.RangeIndex(1, 2),
        numbers=lambda column, _: column.astype("float64"),
        moments=refuse,
    )
    columns.add("result", term.evaluate(columns), term.kind)
    assert columns.output("result").to_pylist() == [expected]


def test_what_stands_beside_a_csv_column_decides_how_it_is_read() -> None:
    for text, kind in (
        ("amount > 5", Kind.NUMBER),
        ("5 + amount > 2", Kind.NUMBER),
        ("amount == '5'", Kind.TEXT),
        ("amount in [1, 2]", Kind.NUMBER),
        ("amount == status", Kind.TEXT),
        ("amount >= time('2026-03-02T12:00Z')", Kind.TIME),
        ("lower(amount) == status", Kind.TEXT),
        ("seconds(amount, amount) > 1", Kind.NUMBER),
    ):
        read: list[Kind] = []

        class Recorded:
            def values(self, name: str, kind: Kind, into: list[Kind] = read) -> pa.Array:
                into.append(kind if name == "amount" else Kind.CONDITION)
                return pa.array([], ARROW_TYPES[kind])

        compile_expression(text, CSV, wanted=Kind.CONDITION).evaluate(Recorded())
        wanted = Kind.TIME if text.startswith("seconds") else kind
        assert wanted in read, text


REFUSED = [
    ("", "it is empty"),
    ("amount >", "invalid syntax; texts have quotes"),
    ("amount = 5", "at character 8: invalid syntax"),
    ("amuont > 5", "at character 1, amuont: did you mean 'amount'.*there are: amount, status"),
    ("tip > 5 and amuont > 5", "at character 13, amuont: did you mean"),
    ('"ñ" == "ñ" and amuont > 5', "at character 16, amuont"),
    ("amount > status", "texts and conditions have no order; number"),
    ("status == 'a' < 3", "texts and conditions have no order"),
    ("amount + 'a'", "'a': is a text; expected a number"),
    ("amount", "is a text; expected a condition"),
    ("amount > 5 and tip", "at character 16, tip: is a text; expected a condition"),
    ("floor(amount) > 1", "no such function; there are: lower, upper"),
    ("rond(amount) > 1", "did you mean 'round'"),
    ("lower > 1", "is a function; no such column"),
    ("round(amount, 12) > 1", r"expected round\(number\).*0 to 9 digits"),
    ("round(amount, tip) > 1", "0 to 9 digits"),
    ("round(amount, -1) > 1", "0 to 9 digits"),
    ("contains(status, tip)", r"tip: expected contains\(text, .part.\)"),
    ("contains(status)", "expected contains"),
    ("lower(status, status) == 'a'", r"expected lower\(text\)"),
    ("lower(text=status) == 'a'", r"expected lower\(text\)"),
    ("lower(*status) == 'a'", r"expected lower\(text\)"),
    ("min(amount) > 1", r"expected min\(a, b, ...\)"),
    ("min(lower(status), 'a') == 'a'", r"expected min\(a, b, ...\)"),
    ("column(status) == 'a'", "expected column"),
    ("column('statsu') == 'a'", "did you mean 'status'"),
    ("number(lower(status)) > 1", r"expected number\(column\)"),
    ("status == missing", "write VALUE is missing"),
    ("status is None", "expected VALUE is missing"),
    ("missing is status", "expected VALUE is missing"),
    ("status in 'abc'", "expected a list such as"),
    ("status in []", "expected a list such as"),
    ("status in ['a', missing]", "write VALUE is missing, beside the list"),
    ("status in [tip]", "expected numbers or texts, not columns"),
    ("time('soon') > time(tip)", "is no time; expected one such as"),
    ("time('2026-03-02') > time(tip)", "has no offset; add one, such as .* declare clock:"),
    ("amount > 99999999999999999999", "too large for an exact number"),
    ("amount > 1e999", "too large"),
    ("amount % 2 == 0", "the operator is not allowed; allowed are numbers, texts"),
    ("~amount > 0", "the operator is not allowed"),
    ("status == b'a'", "expected a number, or a printable text"),
    ("amount > 1j", "expected a number, or a printable text"),
    ("status == 'a\\nb'", "expected a number, or a printable text"),
    ("amount > 5 # note", "at character 12: comments are not allowed"),
    ("status == '\\d'", "cannot be read|invalid escape"),
    ("\0", "cannot be read|null"),
]


@pytest.mark.parametrize(("text", "message"), REFUSED)
def test_mistakes_are_told_with_their_place(text: str, message: str) -> None:
    with pytest.raises(ExpressionError, match=message):
        compile_expression(text, CSV, wanted=Kind.CONDITION)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("v - u", r"times are subtracted with seconds\(start, end\)"),
        ("u == 'soon'", "is no time"),
        ("number(u)", "holds values of the kind time, not number"),
        ("a == s", "is a text; expected a number; number"),
        ("a if a else b", "is a number; expected a condition"),
        ("a if s == 'x' else s", "is a text; expected a number"),
    ],
)
def test_kinds_of_a_typed_file_are_kept(text: str, message: str) -> None:
    with pytest.raises(ExpressionError, match=message):
        compile_expression(text, dict(KINDS))


def test_a_clock_gives_times_their_offset() -> None:
    term = compile_expression("time('2026-07-01 12:00')", CSV, clock="Europe/Madrid")
    assert term.evaluate(None).as_py().isoformat() == "2026-07-01T10:00:00+00:00"
    with pytest.raises(ExpressionError, match="'Madrid' is no IANA name"):
        compile_expression("time('2026-07-01 12:00')", CSV, clock="Madrid")
