"""Short enough to be read: the limits on functions and files."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from pathlib import Path

ROOT = Path(__file__).parent.parent
FOLDERS = ("aggregators", "estimators", "services", "simulator", "commands", "tests", "benchmarks")
FILE_LINES_MAX = 400
FUNCTION_LINES_MAX = 70  # without the docstring, which holds examples


def source_files() -> Iterator[Path]:
    for folder in FOLDERS:
        for path in sorted((ROOT / folder).rglob("*.py")):
            if not any(part.startswith(".") for part in path.relative_to(ROOT).parts):
                yield path


def function_lines(source: str) -> Iterator[tuple[str, int]]:
    """The name and length of every function, its docstring not counted."""
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            length = (node.end_lineno or node.lineno) - node.lineno + 1
            if ast.get_docstring(node) is not None:
                docstring = node.body[0]
                length -= (docstring.end_lineno or docstring.lineno) - docstring.lineno + 1
            yield node.name, length


def test_files_are_short() -> None:
    lengths = {path: len(path.read_text(encoding="utf-8").splitlines()) for path in source_files()}
    long = {str(path.relative_to(ROOT)): n for path, n in lengths.items() if n > FILE_LINES_MAX}
    assert lengths
    assert not long, f"files of more than {FILE_LINES_MAX} lines: {long}"


def test_functions_are_short() -> None:
    long = [
        f"{path.relative_to(ROOT)}: {name} has {length} lines"
        for path in source_files()
        for name, length in function_lines(path.read_text(encoding="utf-8"))
        if length > FUNCTION_LINES_MAX
    ]
    assert not long, "\n".join(long)


def test_function_lines_leave_the_docstring_out() -> None:
    source = 'def f():\n    """One.\n\n    Two.\n    """\n    return 1\n'
    assert list(function_lines(source)) == [("f", 2)]
