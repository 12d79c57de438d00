"""Differences with their intervals, drawn as bars, and the page that they stand on."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from html import escape

from estimators.evaluation.comparison import LossDifference
from simulator.report.charts import COLOURS

__all__ = ["cell", "html_page", "html_table", "intervals_chart"]

WIDTH, ROW_HEIGHT, NAME_WIDTH, MARGIN = 780, 22, 250, 60
TICKS = 5

_STYLE = """
body{font:15px/1.45 system-ui,sans-serif;color:#1d2733;margin:2rem auto;max-width:1100px;
padding:0 1rem;background:#fff}
h1{margin-bottom:.2rem}h2{margin:2rem 0 .3rem;border-top:1px solid #d7dde4;padding-top:1rem}
p{max-width:72ch;margin:.4rem 0}
svg{width:100%;max-width:860px;height:auto}svg text{font:11px system-ui,sans-serif;fill:#4a5663}
table{border-collapse:collapse;font-variant-numeric:tabular-nums;margin:.6rem 0}
td,th{padding:.15rem .9rem .15rem 0;text-align:right;white-space:nowrap}
td:first-child,th:first-child{text-align:left}
.good{color:#146c2e}.bad{color:#b3261e}
"""


def html_page(title: str, parts: Iterable[str]) -> str:
    """Return a page that needs nothing else to be read.

    >>> html_page("a & b", ["<p>text</p>"]).startswith("<!DOCTYPE html>")
    True
    """
    head = f'<!DOCTYPE html>\n<html lang="en"><meta charset="utf-8"><title>{escape(title)}</title>'
    return "\n".join(
        [f"{head}<style>{_STYLE}</style><h1>{escape(title)}</h1>", *parts, "</html>\n"]
    )


def html_table(heads: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    """Return a table; cells are HTML already."""
    head = "".join(f"<th>{escape(name)}</th>" for name in heads)
    body = "".join(f"<tr>{''.join(f'<td>{one}</td>' for one in row)}</tr>" for row in rows)
    return f"<table><tr>{head}</tr>{body}</table>"


def cell(difference: LossDifference | None, *, good: int) -> str:
    """Return a difference with its interval, coloured where it is sure.

    Args:
        difference: None gives an empty cell.
        good: sign of what is better, 1 or -1.
    """
    if difference is None:
        return ""
    text = f"{difference.mean_s:+.1f} [{difference.low_s:+.1f}, {difference.high_s:+.1f}]"
    if not difference.is_significant:
        return text
    kind = "good" if difference.mean_s * good > 0.0 else "bad"
    return f"<span class='{kind}'>{text}</span>"


def intervals_chart(differences: Mapping[str, LossDifference], label: str, *, good: int) -> str:
    """Return a bar per name from zero to the mean difference, with its interval as a line.

    Args:
        differences: by name, drawn from top to bottom.
        label: of the axis.
        good: sign of what is better, 1 or -1; bars are grey where zero lies in the interval.
    """
    if not differences:
        return ""
    ends = [end for one in differences.values() for end in (one.low_s, one.high_s)]
    low, high = min(0.0, *ends), max(0.0, *ends)
    span = (high - low) or 1.0
    height = ROW_HEIGHT * len(differences) + 46

    def x(value: float) -> float:
        return NAME_WIDTH + (value - low) / span * (WIDTH - NAME_WIDTH - MARGIN)

    parts = [f'<svg viewBox="0 0 {WIDTH} {height}" role="img">']
    bottom = height - 40
    parts += [
        f'<line x1="{x(value):.1f}" x2="{x(value):.1f}" y1="4" y2="{bottom}" stroke="#e2e6ea"/>'
        f'<text x="{x(value):.1f}" y="{bottom + 15}" text-anchor="middle">{value:g}</text>'
        for value in _ticks(low, high)
    ]
    for k, (name, one) in enumerate(differences.items()):
        y = 8 + ROW_HEIGHT * k
        colour = COLOURS[7]
        if one.is_significant:
            colour = COLOURS[2] if one.mean_s * good > 0.0 else COLOURS[6]
        left, right = sorted((x(0.0), x(one.mean_s)))
        middle = y + ROW_HEIGHT / 2 - 4
        parts.append(
            f'<text x="{NAME_WIDTH - 8}" y="{middle + 4:.1f}" text-anchor="end">'
            f"{escape(name)}</text>"
            f'<rect x="{left:.1f}" y="{y}" width="{max(right - left, 1.0):.1f}"'
            f' height="{ROW_HEIGHT - 8}" fill="{colour}" opacity="0.75"/>'
            f'<line x1="{x(one.low_s):.1f}" x2="{x(one.high_s):.1f}" y1="{middle:.1f}"'
            f' y2="{middle:.1f}" stroke="#1d2733" stroke-width="1.4"/>'
        )
    parts.append(
        f'<line x1="{x(0.0):.1f}" x2="{x(0.0):.1f}" y1="4" y2="{bottom}" stroke="#4a5663"/>'
        f'<text x="{(NAME_WIDTH + WIDTH - MARGIN) / 2:.0f}" y="{height - 8}" text-anchor="middle">'
        f"{escape(label)}</text></svg>"
    )
    return "".join(parts)


def _ticks(low: float, high: float) -> list[float]:
    """Return about five round numbers within a span.

    >>> _ticks(-15.9, 106.0)
    [0.0, 25.0, 50.0, 75.0, 100.0]
    """
    raw = max(high - low, 1e-9) / TICKS
    power = 10.0 ** math.floor(math.log10(raw))
    step = power * min((1.0, 2.0, 2.5, 5.0, 10.0), key=lambda m: abs(m * power - raw))
    first = math.ceil(low / step)
    return [round(step * k, 10) for k in range(first, math.floor(high / step) + 1)]
