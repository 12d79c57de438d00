"""Compile the syntax tree of an expression to operations on columns, by a list of what is allowed.

What is not on the list is refused: attributes, subscripts, comprehensions, lambdas, powers and
calls of anything but the listed functions have no compilation, so none of them can be reached.
"""

from __future__ import annotations

import ast
import sys
from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from difflib import get_close_matches
from typing import Any
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

import pyarrow.compute as pc

from commands.data.expressions.functions import FUNCTIONS, SPECIAL_FUNCTIONS
from commands.data.expressions.kernels import (
    ARITHMETIC,
    COMPARISONS,
    greatest,
    is_in,
    least,
    missing_of,
    rounded,
    to_text,
)
from commands.data.expressions.kinds import Kind
from commands.data.expressions.syntax import parse
from commands.data.expressions.terms import Term, column_term, combined

__all__ = ["ALLOWED", "compile_expression"]

NUMBER_MAX = 2.0**53
"""Whole numbers are exact up to this one."""
DIGITS_MAX = 9
NAMES_LISTED = 40
MISSING = "missing"
TRUTHS = {"true": True, "false": False}

ALLOWED = (
    "numbers, texts in quotes, true, false, names of columns, + - * / //, == != < <= > >=, and, or,"
    " not, in [..], is missing, A if CONDITION else B, and the functions "
    + ", ".join((*FUNCTIONS, *SPECIAL_FUNCTIONS))
)
"""What expressions consist of."""

_OPERATORS: dict[type[ast.AST], str] = {
    ast.Add: "+", ast.Sub: "-", ast.Mult: "*", ast.Div: "/", ast.FloorDiv: "//",
    ast.Eq: "==", ast.NotEq: "!=", ast.Lt: "<", ast.LtE: "<=", ast.Gt: ">", ast.GtE: ">=",
}  # fmt: skip


def compile_expression(
    text: str,
    kinds: Mapping[str, Kind | None],
    *,
    wanted: Kind | None = None,
    clock: str | None = None,
) -> Term:
    """Return the operations of an expression.

    Args:
        text: the expression.
        kinds: column -> kind of its values; None: a column of texts (of a CSV file) that is read
            as whatever the expression compares or computes it with.
        wanted: the kind that the expression must have; None: any.
        clock: IANA name of the clock that times without an offset are read from.

    Raises:
        ExpressionError: it is not allowed; the message names the place and what is allowed.
    """
    compiler = _Compiler(text, kinds, clock)
    return compiler.term(compiler.tree, wanted)


class _Compiler:
    """Compiles one expression."""

    def __init__(self, text: str, kinds: Mapping[str, Kind | None], clock: str | None) -> None:
        self.source, self.tree = parse(text)
        self._kinds = kinds
        self._clock = clock
        self._compilers: dict[type[ast.AST], Callable[[Any, Kind | None], Term]] = {
            ast.Constant: self._constant,
            ast.Name: self._name,
            ast.BinOp: self._arithmetic,
            ast.UnaryOp: self._unary,
            ast.BoolOp: self._combination,
            ast.Compare: self._comparison,
            ast.IfExp: self._choice,
            ast.Call: self._call,
        }

    def term(self, node: ast.expr, wanted: Kind | None) -> Term:
        """Return the operations of a part, which must have a kind if one is wanted."""
        compiled = self._compilers.get(type(node))
        if compiled is None:
            raise self.source.error(node, f"is not allowed; allowed are {ALLOWED}")
        term = compiled(node, wanted)
        if wanted is not None and term.kind is not wanted:
            hint = f"; {wanted}(...) reads a column as one" if term.kind is Kind.TEXT else ""
            hint = hint if wanted in (Kind.NUMBER, Kind.TIME) else ""
            raise self.source.error(node, f"is a {term.kind}; expected a {wanted}{hint}")
        return term

    def _kind_of(self, node: ast.expr) -> Kind | None:
        """Return the kind that a part has by itself; None: what it stands with decides it.

        It looks at the form alone, never compiles: a part would else be compiled once per level.
        """
        name = self._column_of(node)
        if name is not None:
            return self._kinds.get(name)
        match node:
            case ast.Constant(value=bool()) | ast.Compare() | ast.BoolOp():
                return Kind.CONDITION
            case ast.Constant(value=str()):
                return Kind.TEXT
            case ast.Constant() | ast.BinOp():
                return Kind.NUMBER
            case ast.Name():
                return Kind.CONDITION if node.id in TRUTHS else None
            case ast.UnaryOp():
                return Kind.CONDITION if isinstance(node.op, ast.Not) else Kind.NUMBER
            case ast.IfExp():
                return self._first_kind([node.body, node.orelse])
            case ast.Call(func=ast.Name(id="min" | "max")):
                return self._first_kind(node.args)
            case ast.Call(func=ast.Name(id="number" | "text" | "time" as kind)):
                return Kind(kind)
            case ast.Call(func=ast.Name(id=function)) if function in FUNCTIONS:
                return FUNCTIONS[function].result
            case ast.Call(func=ast.Name(id="round")):
                return Kind.NUMBER
        return None

    def _first_kind(self, nodes: list[ast.expr]) -> Kind | None:
        return next(filter(None, (self._kind_of(one) for one in nodes)), None)

    def _column_of(self, node: ast.expr) -> str | None:
        """Return the column that a part names; None: it names none."""
        if isinstance(node, ast.Name):
            return None if node.id == MISSING or node.id in TRUTHS else node.id
        if isinstance(node, ast.Call) and _called(node) == "column":
            one = node.args[0] if len(node.args) == 1 and not node.keywords else None
            if isinstance(one, ast.Constant) and isinstance(one.value, str):
                return one.value
            raise self.source.error(node, f"expected {SPECIAL_FUNCTIONS['column']}")
        return None

    def _constant(self, node: ast.Constant, wanted: Kind | None) -> Term:
        value = node.value
        if isinstance(value, bool):
            return Term.of_constant(value, Kind.CONDITION)
        if isinstance(value, int | float):
            if abs(value) > (NUMBER_MAX if isinstance(value, int) else sys.float_info.max):
                raise self.source.error(node, "is too large for an exact number")
            return Term.of_constant(float(value), Kind.NUMBER)
        if isinstance(value, str) and value.isprintable():
            if wanted is Kind.TIME:
                return self._moment(node, value)
            return Term.of_constant(value, Kind.TEXT)
        raise self.source.error(node, "expected a number, or a printable text in quotes")

    def _moment(self, node: ast.expr, text: str) -> Term:
        try:
            moment = datetime.fromisoformat(text)
        except ValueError:
            raise self.source.error(
                node, "is no time; expected one such as 2026-03-02T12:00+01:00"
            ) from None
        if moment.tzinfo is None:
            if self._clock is None:
                raise self.source.error(
                    node, "has no offset; add one, such as +01:00, or declare clock:"
                )
            try:
                moment = moment.replace(tzinfo=ZoneInfo(self._clock))
            except (ZoneInfoNotFoundError, ValueError, OSError):
                raise self.source.error(
                    node, f"clock: {self._clock!r} is no IANA name such as Europe/Madrid"
                ) from None
        try:
            return Term.of_constant(moment.astimezone(UTC), Kind.TIME)
        except OverflowError:
            raise self.source.error(node, "is outside the years 1 to 9999") from None

    def _name(self, node: ast.expr, wanted: Kind | None) -> Term:
        if isinstance(node, ast.Name) and node.id in TRUTHS:
            return Term.of_constant(TRUTHS[node.id], Kind.CONDITION)
        if isinstance(node, ast.Name) and node.id == MISSING:
            if wanted is None:
                raise self.source.error(node, "stands alone; expected VALUE is missing")
            return Term(kind=wanted, evaluate=lambda _: missing_of(wanted))
        name = self._checked_column(node)
        read = Kind.TEXT if wanted in (None, Kind.CONDITION) else wanted
        return column_term(name, self._kinds[name] or read)

    def _checked_column(self, node: ast.expr) -> str:
        name = self._column_of(node)
        if name is None or name not in self._kinds:
            known = list(self._kinds)
            close = get_close_matches(str(name), known, n=1)
            hint = f"did you mean {close[0]!r}? " if close else ""
            if isinstance(node, ast.Name) and node.id in (*FUNCTIONS, *SPECIAL_FUNCTIONS):
                hint = "is a function; "
            listed = ", ".join(known[:NAMES_LISTED])
            more = f" and {len(known) - NAMES_LISTED} more" if len(known) > NAMES_LISTED else ""
            raise self.source.error(node, f"{hint}no such column; there are: {listed}{more}")
        return name

    def _arithmetic(self, node: ast.BinOp, _: Kind | None) -> Term:
        operator = _OPERATORS.get(type(node.op))
        if operator is None:
            raise self.source.error(node, f"the operator is not allowed; allowed are {ALLOWED}")
        for side in (node.left, node.right):
            if self._kind_of(side) is Kind.TIME:
                raise self.source.error(
                    node, "times are subtracted with seconds(start, end), minutes or hours"
                )
        sides = self.term(node.left, Kind.NUMBER), self.term(node.right, Kind.NUMBER)
        return combined(Kind.NUMBER, ARITHMETIC[operator], *sides)

    def _unary(self, node: ast.UnaryOp, _: Kind | None) -> Term:
        if isinstance(node.op, ast.Not):
            return combined(Kind.CONDITION, pc.invert, self.term(node.operand, Kind.CONDITION))
        if isinstance(node.op, ast.USub):
            return combined(Kind.NUMBER, pc.negate, self.term(node.operand, Kind.NUMBER))
        raise self.source.error(node, f"the operator is not allowed; allowed are {ALLOWED}")

    def _combination(self, node: ast.BoolOp, _: Kind | None) -> Term:
        kernel = pc.and_kleene if isinstance(node.op, ast.And) else pc.or_kleene
        term = self.term(node.values[0], Kind.CONDITION)
        for value in node.values[1:]:
            term = combined(Kind.CONDITION, kernel, term, self.term(value, Kind.CONDITION))
        return term

    def _comparison(self, node: ast.Compare, _: Kind | None) -> Term:
        sides = [node.left, *node.comparators]
        found: Term | None = None
        for left, operator, right in zip(sides, node.ops, node.comparators, strict=False):
            one = self._compared(node, left, operator, right)
            found = one if found is None else combined(Kind.CONDITION, pc.and_kleene, found, one)
        assert found is not None, "a comparison has at least one operator"
        return found

    def _compared(
        self, node: ast.expr, left: ast.expr, operator: ast.cmpop, right: ast.expr
    ) -> Term:
        is_missing = isinstance(right, ast.Name) and right.id == MISSING
        if isinstance(operator, ast.Is | ast.IsNot):
            if not is_missing:
                raise self.source.error(node, "expected VALUE is missing, or VALUE is not missing")
            kernel = pc.is_null if isinstance(operator, ast.Is) else pc.is_valid
            return combined(Kind.CONDITION, kernel, self.term(left, None))
        if is_missing or (isinstance(left, ast.Name) and left.id == MISSING):
            raise self.source.error(node, "write VALUE is missing, or VALUE is not missing")
        if isinstance(operator, ast.In | ast.NotIn):
            among = self._among(left, right)
            is_not = isinstance(operator, ast.NotIn)
            return combined(Kind.CONDITION, pc.invert, among) if is_not else among
        for side in (left, right):
            if self._column_of(side) is not None:
                self._checked_column(side)
        kind = self._kind_of(left) or self._kind_of(right)
        if {kind, self._kind_of(right)} == {Kind.TEXT, Kind.TIME}:
            kind = Kind.TIME  # "2026-03-02" beside a time
        symbol = _OPERATORS[type(operator)]
        if symbol not in ("==", "!=") and kind in (Kind.TEXT, Kind.CONDITION, None):
            raise self.source.error(
                node,
                "texts and conditions have no order; number(column) and time(column) read a column"
                " as numbers or times",
            )
        kind = kind or Kind.TEXT
        return combined(
            Kind.CONDITION, COMPARISONS[symbol], self.term(left, kind), self.term(right, kind)
        )

    def _among(self, left: ast.expr, right: ast.expr) -> Term:
        if not isinstance(right, ast.List | ast.Tuple) or not right.elts:
            raise self.source.error(
                right, 'expected a list such as ["a", "b"]; contains(text, "part") looks into texts'
            )
        kind = self._kind_of(left) or self._first_kind(right.elts) or Kind.TEXT
        values = []
        for one in right.elts:
            term = self.term(one, kind)
            if term.columns:
                raise self.source.error(one, "expected numbers or texts, not columns")
            values.append(term.evaluate(None).as_py())
            if values[-1] is None:
                raise self.source.error(one, "write VALUE is missing, beside the list")
        return combined(
            Kind.CONDITION, lambda value: is_in(value, values, kind), self.term(left, kind)
        )

    def _choice(self, node: ast.IfExp, wanted: Kind | None) -> Term:
        kind = wanted or self._kind_of(node)
        condition = self.term(node.test, Kind.CONDITION)
        first = self.term(node.body, kind)
        second = self.term(node.orelse, kind or first.kind)
        return combined(first.kind, pc.if_else, condition, first, second)

    def _call(self, node: ast.Call, wanted: Kind | None) -> Term:
        name = _called(node)
        if name is None or (name not in FUNCTIONS and name not in SPECIAL_FUNCTIONS):
            close = get_close_matches(name or "", [*FUNCTIONS, *SPECIAL_FUNCTIONS], n=1)
            hint = f"did you mean {close[0]!r}? " if close else ""
            known = ", ".join((*FUNCTIONS, *SPECIAL_FUNCTIONS))
            raise self.source.error(node, f"{hint}no such function; there are: {known}")
        if node.keywords or any(isinstance(one, ast.Starred) for one in node.args):
            raise self.source.error(node, f"expected {self._usage(name)}")
        if name in FUNCTIONS:
            return self._listed(node, name)
        special: dict[str, Callable[[ast.Call, Kind | None], Term]] = {
            "column": self._name,
            "round": self._rounded,
            "min": self._extreme,
            "max": self._extreme,
        }
        return special.get(name, self._read_as)(node, wanted)

    def _usage(self, name: str) -> str:
        return FUNCTIONS[name].usage if name in FUNCTIONS else SPECIAL_FUNCTIONS[name]

    def _listed(self, node: ast.Call, name: str) -> Term:
        function = FUNCTIONS[name]
        more = len(node.args) - len(function.parameters)
        if more < 0 or (more > 0 and not function.many):
            raise self.source.error(node, f"expected {function.usage}")
        kinds = (*function.parameters, *[function.parameters[-1]] * more)
        terms = [self.term(one, kind) for one, kind in zip(node.args, kinds, strict=True)]
        fixed = []
        for place in sorted(function.constants):
            if not isinstance(node.args[place], ast.Constant):
                raise self.source.error(node.args[place], f"expected {function.usage}")
            fixed.append(terms[place].evaluate(None).as_py())
        free = [term for place, term in enumerate(terms) if place not in function.constants]
        return combined(function.result, lambda *values: function.kernel(*values, *fixed), *free)

    def _rounded(self, node: ast.Call, _: Kind | None) -> Term:
        usage = f"expected {SPECIAL_FUNCTIONS['round']}, with 0 to {DIGITS_MAX} digits"
        if len(node.args) not in (1, 2):
            raise self.source.error(node, usage)
        last = node.args[-1]
        given = last.value if isinstance(last, ast.Constant) else None
        digits = 0 if len(node.args) == 1 else given
        if type(digits) is not int or not 0 <= digits <= DIGITS_MAX:
            raise self.source.error(node, usage)
        value = self.term(node.args[0], Kind.NUMBER)
        return combined(Kind.NUMBER, lambda numbers: rounded(numbers, digits), value)

    def _extreme(self, node: ast.Call, wanted: Kind | None) -> Term:
        name = _called(node) or ""
        kind = wanted or self._first_kind(node.args) or Kind.NUMBER
        if len(node.args) < 2 or kind not in (Kind.NUMBER, Kind.TIME):
            raise self.source.error(node, f"expected {self._usage(name)} of numbers or of times")
        terms = [self.term(one, kind) for one in node.args]
        return combined(kind, least if name == "min" else greatest, *terms)

    def _read_as(self, node: ast.Call, _: Kind | None) -> Term:
        """Compile ``number(column)``, ``time(column)`` and ``text(value)``."""
        kind = Kind(_called(node) or "")
        if len(node.args) != 1:
            raise self.source.error(node, f"expected {self._usage(kind)}")
        (given,) = node.args
        if kind is Kind.TIME and isinstance(given, ast.Constant):
            return self.term(given, kind)
        if kind is Kind.TEXT and self._column_of(given) is None:
            value = self.term(given, None)
            return combined(kind, lambda values: to_text(values, value.kind), value)
        if self._column_of(given) is None:
            raise self.source.error(node, f"expected {self._usage(kind)}")
        name = self._checked_column(given)
        held = self._kinds[name]
        if kind is not Kind.TEXT and held not in (None, kind, Kind.TEXT):
            raise self.source.error(given, f"holds values of the kind {held}, not {kind}")
        return column_term(name, kind)


def _called(node: ast.Call) -> str | None:
    return node.func.id if isinstance(node.func, ast.Name) else None
