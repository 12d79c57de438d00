"""Tables on the console: no frames, a dash for what is not known, differences with intervals."""

from __future__ import annotations

import math
from collections.abc import Collection
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from rich.table import Table

    from estimators.evaluation.comparison import LossDifference

__all__ = ["UNKNOWN", "difference_text", "number_text", "plain_table", "share_text"]

UNKNOWN = "-"


def plain_table(
    *columns: str, texts: Collection[str] = (), no_wrap: bool = False, title: str | None = None
) -> Table:
    """Return an empty table whose first column is text and whose others are numbers.

    Args:
        columns: headings.
        texts: headings of further columns that are text.
        no_wrap: whether cells are cut, not folded, where the terminal is narrow.
        title: above the table.

    >>> [
    ...     str(column.justify)
    ...     for column in plain_table("model", "rows", "saved", texts=["saved"]).columns
    ... ]
    ['left', 'right', 'left']
    """
    from rich.table import Table

    table = Table(
        box=None, padding=(0, 2, 0, 0), header_style="bold", title=title, title_justify="left"
    )
    for k, name in enumerate(columns):
        is_text = k == 0 or name in texts
        table.add_column(name, justify="left" if is_text else "right", no_wrap=no_wrap)
    return table


def number_text(value: float | None) -> str:
    """Return a number with one digit.

    >>> number_text(1234.56), number_text(float("nan")), number_text(None)
    ('1,234.6', '-', '-')
    """
    return UNKNOWN if value is None or math.isnan(value) else f"{value:,.1f}"


def share_text(value: float | None) -> str:
    """Return a share as percent.

    >>> share_text(0.8123), share_text(float("nan"))
    ('81.2%', '-')
    """
    return UNKNOWN if value is None or math.isnan(value) else f"{value:.1%}"


def difference_text(one: LossDifference | None) -> str:
    """Return a difference in seconds with its interval; nothing where there is none.

    >>> from estimators.evaluation.comparison import LossDifference
    >>> difference_text(
    ...     LossDifference(mean_s=1.25, low_s=-0.5, high_s=3.0, reference_s=60.0, n_blocks=50)
    ... )
    '+1.2 [-0.5, +3.0]'
    """
    return "" if one is None else f"{one.mean_s:+.1f} [{one.low_s:+.1f}, {one.high_s:+.1f}]"
