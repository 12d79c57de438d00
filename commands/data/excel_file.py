"""Read the first sheet of an Excel file as a table."""

from __future__ import annotations

import logging
import re
from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING

import pyarrow as pa
import pyarrow.compute as pc

from commands.console.output import UserError, error_console

if TYPE_CHECKING:
    import fastexcel

__all__ = ["excel_table", "is_excel"]


def is_excel(path: Path) -> bool:
    """Return whether a file is an Excel file by its name."""
    return path.suffix == ".xlsx"


def excel_table(path: Path) -> pa.Table:
    """Return the first sheet of an Excel file; its first row has the names of the columns.

    A column of numbers, times or truth values has that type; a column of several kinds is text.
    Empty rows at the end are left out.

    Raises:
        UserError: the library that reads such files is not installed, or the file is damaged.
    """
    state = path.stat()
    return _first_sheet(path, state.st_mtime_ns, state.st_size)


@lru_cache(maxsize=1)  # its heading is asked for often, and a sheet can only be read as a whole
def _first_sheet(path: Path, _changed_ns: int, _size: int) -> pa.Table:
    try:
        import fastexcel
    except ImportError:
        raise UserError(
            f"{path.name}: Excel files need fastexcel: pip install 'doorstep[excel]', or save the"
            " sheet as a CSV file"
        ) from None
    # It warns of each empty column, which is a column of missing texts.
    logging.getLogger("fastexcel").setLevel(logging.ERROR)
    try:
        file = fastexcel.read_excel(path)
        names = file.sheet_names
        sheet = file.load_sheet(0, schema_sample_rows=None, skip_whitespace_tail_rows=True)
        table = pa.Table.from_batches([sheet.to_arrow()])
        names_given = _names_given(file, table.column_names)
    except fastexcel.FastExcelError as error:
        why = str(error).splitlines()[0]
        raise UserError(f"{path.name} cannot be read: {why}") from error
    if len(names) > 1:
        left = ", ".join(names[1:])
        error_console.print(
            f"{path.name}: the sheet {names[0]!r} is read, not {left}", soft_wrap=True, markup=False
        )
    return pa.table([_exact(column) for column in table.columns], names=names_given)


def _names_given(file: fastexcel.ExcelReader, names: list[str]) -> list[str]:
    """Return the names of the columns as the sheet has them.

    The second of two columns of one name is read as ``name_1``, which may also be its own name.
    """
    if not any(re.sub(r"_\d+$", "", name) in names for name in names if name[-1:].isdigit()):
        return names
    row = file.load_sheet(0, header_row=None, n_rows=1, dtypes="string").to_arrow()
    given = [column[0].as_py() or "" for column in row.columns]
    return given if max(map(given.count, filter(None, given)), default=1) > 1 else names


def _exact(column: pa.ChunkedArray) -> pa.ChunkedArray:
    """Return whole numbers as integers: Excel keeps all numbers as floats."""
    if not pa.types.is_floating(column.type):
        return column
    is_whole = pc.all(pc.equal(column, pc.floor(column))).as_py() is not False
    is_exact = pc.max(pc.abs(column)).as_py() or 0.0
    return column.cast(pa.int64()) if is_whole and is_exact < 2**53 else column
