"""No expression reaches a file, an attribute, an import, or work without bound.

Tests `commands.data.expressions.syntax` and `commands.data.expressions.compiling`.
"""

from __future__ import annotations

import ast
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pandas as pd
import pyarrow as pa
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from commands.console.output import UserError
from commands.data.expressions.chunk_columns import ChunkColumns
from commands.data.expressions.compiling import compile_expression
from commands.data.expressions.kernels import TEXT_MAX
from commands.data.expressions.kinds import Kind
from commands.data.expressions.syntax import DEPTH_MAX, LENGTH_MAX, ExpressionError, parse

KINDS: dict[str, Kind | None] = {"a": Kind.NUMBER, "s": Kind.TEXT, "x": None, "__class__": None}
NODES = frozenset(
    (
        "Constant", "Name", "BinOp", "UnaryOp", "BoolOp", "Compare", "IfExp", "Call", "List",
        "Tuple", "Load", "Add", "Sub", "Mult", "Div", "FloorDiv", "USub", "Not", "And", "Or", "Eq",
        "NotEq", "Lt", "LtE", "Gt", "GtE", "Is", "IsNot", "In", "NotIn",
    )
)  # fmt: skip
CALLED = frozenset(
    (
        "lower", "upper", "strip", "length", "join", "contains", "starts_with", "ends_with", "abs",
        "round", "min", "max", "seconds", "minutes", "hours", "number", "text", "time", "column",
    )
)  # fmt: skip
HOSTILE = (
    "__import__('os').system('true')",
    "open('/etc/passwd')",
    "eval('1')",
    "exec('1')",
    "compile('1', 'f', 'eval')",
    "getattr(s, 'x')",
    "globals()",
    "vars()",
    "print(a)",
    "type(a)",
    "s.__class__",
    "a.real",
    "''.join(s)",
    "(1).__class__.__bases__[0].__subclasses__()",
    "s[0]",
    "s[1:]",
    "[a for a in (1, 2)]",
    "{a for a in (1, 2)}",
    "{1: a for a in (1, 2)}",
    "(a for a in (1, 2))",
    "{'a': 1}",
    "{1, 2}",
    "lambda: a",
    "(a := 5)",
    "f'{a}'",
    "f'{s.__class__}'",
    "a ** 2",
    "9 ** 9 ** 9 ** 9",
    "2 << 999999999",
    "a % 2",
    "a @ a",
    "a & 1",
    "'a' * 999999999",
    "[0] * 999999999",
    "'%999999999d' % a",
    "s + s",
    "await a",
    "(yield a)",
    "*a",
    "...",
    "None",
    "b'x'",
    "lower.__globals__",
    "lower(lower)",
    "lower",
    "column",
    "column(lower)",
    "column('a' 'b')",
    "(lower)(s).x",
    "(lambda: s)()",
    "lower(s)()",
    "min(*s)",
    "lower(**s)",
    "contains(s, s)",
    "contains(s, '(a+)+$', 1)",
    "read_csv('/etc/passwd')",
    "select(1)",
    "missing",
    "import os",
    "a; a",
    "a\\\n+ 1; import os",
    "del a",
    "assert a",
    "1) + (2",
    "__builtins__",
    "__name__",
    "a if a > 1",
    "a.b.c()",
    "not_a_column",
    "a == 1 #",
)
WORDS = (
    *HOSTILE, "a", "s", "x", "__class__", "1", "2.5", "'t'", '"%s"', "(", ")", "[", "]", "{", "}",
    ",", ".", ":", ":=", "=", "==", "<", "*", "**", "+", "-", "/", "//", "%", "and", "or", "not",
    "in", "is", "if", "else", "for", "lambda", "missing", "true", "lower(", "min(", "join(",
    "column(", "time(", "\\", "\n", "\0", "#", "@", "~", "`", "$", "é", "\ufeff", "\U0001f600",
    "0x", "1e999", "__",
)  # fmt: skip

_seen: list[str] = []
_watched = False


def _audit(event: str, _: Any) -> None:
    if _watched:
        _seen.append(event)


sys.addaudithook(_audit)


@contextmanager
def effects() -> Iterator[list[str]]:
    """What happens outside the interpreter meanwhile: files, imports, processes, executed code."""
    global _watched
    _seen.clear()
    _watched = True
    try:
        yield _seen
    finally:
        _watched = False


def rows() -> ChunkColumns:
    arrays = {
        "a": pa.array([1.0, None]),
        "s": pa.array(["b", None]),
        "x": pa.array(["3", None]),
        "__class__": pa.array(["c", None]),
    }
    return ChunkColumns(
        Path("t"),
        arrays,
        pd.RangeIndex(1, 3),
        numbers=lambda column, _: pd.to_numeric(column, errors="coerce").astype("float64"),
        moments=lambda column, _: pd.to_datetime(
            column, errors="coerce", utc=True, format="ISO8601"
        ),
    )


def outcome(text: str) -> bool:
    """Whether an expression is allowed; it is evaluated, and nothing else may happen."""
    columns = rows()
    term = None
    with effects() as seen:
        try:
            term = compile_expression(text, KINDS)
            columns.add("result", term.evaluate(columns), term.kind)
        except (ExpressionError, UserError):
            pass
    # ast.parse is an event of this name; it makes a tree and runs nothing.
    assert set(seen) <= {"compile"}, (text, seen)
    if term is not None:
        _check_tree(text)
        assert set(term.columns) <= set(KINDS)
        assert columns.arrays.keys() <= {*KINDS, "result"}
    return term is not None


def _check_tree(text: str) -> None:
    for node in ast.walk(ast.parse(" ".join(text.split()), mode="eval").body):
        assert type(node).__name__ in NODES, text
        if isinstance(node, ast.Call):
            assert isinstance(node.func, ast.Name), text
            assert node.func.id in CALLED, text


@pytest.fixture(autouse=True, scope="module")
def warm() -> None:
    """What is imported at the first evaluation."""
    for text in ("a + 1 > 2", "lower(s)", "number(x)", "time(x)", "a in [1]", "amuont", "a +"):
        try:
            term = compile_expression(text, KINDS)
            term.evaluate(rows())
        except ExpressionError:
            continue


@pytest.mark.parametrize("text", HOSTILE)
def test_what_could_reach_further_is_refused(text: str) -> None:
    assert not outcome(text)


@pytest.mark.parametrize("frame", ["({}) > 1", "lower({})", "a if {} else a", "s in [{}]", "-{}"])
@pytest.mark.parametrize("text", [one for one in HOSTILE if one not in ("missing", "1) + (2")])
def test_it_is_refused_inside_of_others_too(text: str, frame: str) -> None:
    assert not outcome(frame.format(text))


def test_allowed_expressions_pass_the_same_checks() -> None:
    for text in ("a + 1", "lower(s) == 'b'", "x > 2", "__class__ == 'c'", "time(x) is missing"):
        assert outcome(text), text


@settings(max_examples=400, deadline=None)
@given(st.lists(st.sampled_from(WORDS), max_size=12).map(" ".join))
@example("(" * 400 + "a" + ")" * 400)
@example("-" * 999 + "1")
@example("not " * 249 + "a")
@example("[" * 999)
@example("a" + ".a" * 400)
@example("lower(" * 150 + "s" + ")" * 150)
@example("1 if a else " * 80 + "1")
@example("a" + " < a" * 240)
def test_no_sequence_of_words_reaches_further(text: str) -> None:
    outcome(text)


@settings(max_examples=300, deadline=None)
@given(st.text(max_size=60))
def test_no_text_reaches_further(text: str) -> None:
    outcome(text)


def test_length_and_depth_are_bounded() -> None:
    assert outcome("a" + " + a" * ((LENGTH_MAX - 1) // 4 // 10))
    with pytest.raises(ExpressionError, match="1,001 characters; expected up to 1,000"):
        parse("a" + " " * LENGTH_MAX)
    deep = "abs(" * DEPTH_MAX + "a" + ")" * DEPTH_MAX
    with pytest.raises(ExpressionError, match=f"deeper than {DEPTH_MAX}; derive a column"):
        parse(deep)
    parse("abs(" * (DEPTH_MAX - 1) + "a" + ")" * (DEPTH_MAX - 1))


def test_the_work_does_not_grow_with_the_depth_but_with_the_length() -> None:
    """Each part is compiled once: a tree of two branches per level would else take 2^29 steps."""
    calls: list[str] = []

    class Counted(dict[str, Kind | None]):
        def __getitem__(self, key: str) -> Kind | None:
            calls.append(key)
            return super().__getitem__(key)

    text = "a"
    for _ in range(DEPTH_MAX - 2):
        text = f"min(a, {text})"
    compile_expression(text, Counted(KINDS))
    assert len(calls) < 3 * DEPTH_MAX


def test_texts_that_are_put_together_are_bounded() -> None:
    columns = rows()
    kinds = dict(KINDS)
    grown = compile_expression(f"join({', '.join(['s'] * 100)})", kinds)
    columns.add("g", grown.evaluate(columns), Kind.TEXT)
    kinds["g"] = Kind.TEXT
    longer = compile_expression(f"join({', '.join(['g'] * 11)})", kinds)
    with pytest.raises(
        ExpressionError, match=f"text of 1,100 characters; expected up to {TEXT_MAX:,}"
    ):
        longer.evaluate(columns)
