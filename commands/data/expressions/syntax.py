"""Parse the text of an expression to a syntax tree, within limits; nothing is ever run."""

from __future__ import annotations

import ast
import io
import tokenize
import warnings

__all__ = ["DEPTH_MAX", "LENGTH_MAX", "ExpressionError", "ExpressionText", "parse"]

LENGTH_MAX = 1_000
"""Characters of an expression."""
DEPTH_MAX = 30
"""Operations within operations."""
SHOWN_MAX = 60
"""So many characters of a part an error shows."""


class ExpressionError(ValueError):
    """Reports an expression that is not allowed: where it is wrong, and what is allowed."""


class ExpressionText:
    """The text of an expression, so that an error names a place in it.

    Args:
        text: of the expression.
    """

    def __init__(self, text: str) -> None:
        self.text = text

    def error(self, node: ast.AST, why: str) -> ExpressionError:
        """Return the error about a part of the expression."""
        start, end = self._character(node, "col_offset"), self._character(node, "end_col_offset")
        part = self.text[start:end]
        shown = part if len(part) <= SHOWN_MAX else f"{part[:SHOWN_MAX]}..."
        return ExpressionError(f"at character {start + 1}, {shown}: {why}")

    def _character(self, node: ast.AST, field: str) -> int:
        # Python counts bytes of UTF-8.
        return len(self.text.encode()[: getattr(node, field, 0)].decode(errors="ignore"))


def parse(text: str) -> tuple[ExpressionText, ast.expr]:
    """Return an expression as a syntax tree, with its source for errors.

    Line breaks are spaces, as in a folded text of YAML. The grammar is that of Python's
    expressions; which of them are allowed is decided by what reads the tree.

    Raises:
        ExpressionError: it is no expression, too long or too deep, or has a comment.
    """
    if len(text) > LENGTH_MAX:
        raise ExpressionError(f"it has {len(text):,} characters; expected up to {LENGTH_MAX:,}")
    source = ExpressionText(" ".join(text.split("\n")).replace("\r", " ").strip())
    if not source.text:
        raise ExpressionError("it is empty")
    try:
        with warnings.catch_warnings():
            # Such as an unknown escape in a text, which Python would read in its own way.
            warnings.simplefilter("error")
            tree = ast.parse(source.text, mode="eval").body
        tokens = list(tokenize.generate_tokens(io.StringIO(source.text).readline))
    except (SyntaxError, tokenize.TokenError) as error:
        raise _no_expression(error) from None
    except (ValueError, RecursionError, MemoryError, OverflowError, Warning):
        raise ExpressionError("it cannot be read; is it too deep, or has it a NUL?") from None
    for token in tokens:
        if token.type == tokenize.COMMENT:
            place = token.start[1] + 1
            raise ExpressionError(f"at character {place}: comments are not allowed")
    _check_depth(source, tree)
    return source, tree


def _no_expression(error: Exception) -> ExpressionError:
    place = (
        f"at character {error.offset}: " if isinstance(error, SyntaxError) and error.offset else ""
    )
    why = str(error.args[0]).partition(". Perhaps")[0] if error.args else "invalid syntax"
    return ExpressionError(
        f"{place}{why}; texts have quotes, and a column whose name is no word is written"
        ' column("Its Name")'
    )


def _check_depth(source: ExpressionText, tree: ast.expr) -> None:
    """Refuse what is too deep, without recursion: the tree may be deeper than the stack."""
    level: list[ast.AST] = [tree]
    for _ in range(DEPTH_MAX):
        level = [child for node in level for child in ast.iter_child_nodes(node)]
        if not level:
            return
    expressions = [node for node in level if isinstance(node, ast.expr)]
    if expressions:
        raise source.error(
            expressions[0],
            f"operations within operations are deeper than {DEPTH_MAX}; derive a column in columns:"
            " for a part of it",
        )
