"""The colours of charts: each has a name, and a value for light pages and one for dark pages."""

from __future__ import annotations

from types import MappingProxyType

__all__ = ["PALETTE", "SERIES", "colour", "stylesheet", "variable"]

PALETTE = MappingProxyType(
    {
        "series-1": ("#2563a8", "#7db1f0"),
        "series-2": ("#c2571a", "#f2a065"),
        "series-3": ("#1f855a", "#5cc99a"),
        "series-4": ("#8e4aa0", "#cf96e0"),
        "series-5": ("#8f6b00", "#e0bd55"),
        "series-6": ("#1c7f9c", "#74cbe6"),
        "series-7": ("#b3306b", "#f08cb8"),
        "series-8": ("#66707c", "#a9b2bd"),
        "chart-ink": ("#1c2127", "#e6e9ee"),
        "chart-dim": ("#545d69", "#a8b1bd"),
        "chart-grid": ("#dde1e7", "#343a42"),
        "chart-band": ("#e3eaf3", "#26313f"),
        "chart-good": ("#157f3c", "#6fcf8d"),
        "chart-bad": ("#c0332b", "#f28b82"),
        "chart-none": ("#7d8793", "#98a2ad"),
        "chart-street": ("#56667b", "#8f9fb5"),
        "chart-lane": ("#aebfd3", "#4a5a70"),
    }
)
"""Name -> colour on light, colour on dark. All light values differ: a chart is drawn with them, and
each is then replaced by the variable of its name."""

SERIES = tuple(name for name in PALETTE if name.startswith("series-"))
"""One per series, in this order; they differ in lightness, too, and every chart has a legend."""


def colour(name: str) -> str:
    """Return what a chart is drawn with.

    >>> colour("series-1")
    '#2563a8'
    """
    return PALETTE[name][0]


def variable(name: str) -> str:
    """Return the CSS value that is light or dark as the page is.

    >>> variable("series-1")
    'var(--series-1)'
    """
    return f"var(--{name})"


def stylesheet() -> str:
    """Return the rules that give every variable its value, in light pages and in dark ones."""
    light, dark = (
        "".join(f"--{name}:{values[k]};" for name, values in PALETTE.items()) for k in (0, 1)
    )
    return f":root{{{light}}}@media (prefers-color-scheme:dark){{:root{{{dark}}}}}"
