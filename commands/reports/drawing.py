"""Charts as SVG that follows its page: light or dark, in the page's letters, without a network.

Matplotlib draws them; see ``docs/decisions/0012-charts.md``. One unit of a chart is one pixel of a
page that is 400 pixels wide, so that letters never get smaller than ``FONT_PX`` there.
"""

from __future__ import annotations

import hashlib
import io
import re
import xml.etree.ElementTree as ET
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from functools import cache
from typing import Any

import matplotlib
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.text import Text

from commands.reports.chart import WIDTH_PX, Chart, LegendItem
from commands.reports.palette import PALETTE, colour, variable

__all__ = ["FONT_PX", "LINE_PX", "canvas", "finished", "text_width_px"]

FONT_PX = 12.5
LINE_PX, LETTER_PX, WIDE_LETTER_PX = 16.0, 8.2, 12.8

_SVG = "{http://www.w3.org/2000/svg}"
_LINK = "{http://www.w3.org/1999/xlink}href"
_COLOURS = {light: variable(name) for name, (light, _) in PALETTE.items()}
_NUMBER = re.compile(r"-?\d+\.\d{2,}")
_NUMERIC = ("d", "x", "y", "width", "height", "transform")
_STYLE: Any = {
    "figure.dpi": 72.0,  # a point of matplotlib is one unit of the SVG
    "figure.facecolor": "none",
    "axes.facecolor": "none",
    "axes.edgecolor": colour("chart-grid"),
    "axes.labelcolor": colour("chart-dim"),
    "axes.labelsize": FONT_PX,
    "axes.titlesize": FONT_PX,
    "axes.titlecolor": colour("chart-dim"),
    "axes.grid": True,
    "axes.axisbelow": True,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.spines.left": False,
    "axes.unicode_minus": False,
    "axes.xmargin": 0.02,
    "grid.color": colour("chart-grid"),
    "grid.linewidth": 1.0,
    "xtick.color": colour("chart-dim"),
    "ytick.color": colour("chart-dim"),
    "xtick.labelsize": FONT_PX,
    "ytick.labelsize": FONT_PX,
    "xtick.major.size": 0.0,
    "xtick.major.pad": 5.0,
    "ytick.major.size": 0.0,
    "xtick.minor.size": 0.0,
    "font.size": FONT_PX,
    "text.color": colour("chart-ink"),
    "text.parse_math": False,  # a name may hold a $
    "lines.linewidth": 2.0,
    "lines.solid_capstyle": "round",
    "svg.fonttype": "none",  # letters stay letters, in the font of the page
    "svg.hashsalt": "doorstep",  # the same chart is the same text
}


@cache
def _parameters() -> Any:
    """Return matplotlib's own settings with ours: not those of a user's ``matplotlibrc``."""
    own = {name: one for name, one in matplotlib.rcParamsDefault.items() if name != "backend"}
    return {**own, **_STYLE}


@contextmanager
def canvas(height_px: float) -> Iterator[tuple[Figure, Axes]]:
    """Give an empty chart to draw on; :func:`finished` is called while it is open."""
    with matplotlib.rc_context(_parameters()):
        figure = Figure(figsize=(WIDTH_PX / 72.0, height_px / 72.0))
        axes = figure.subplots()
        yield figure, axes


def finished(
    figure: Figure,
    label: str,
    legend: tuple[LegendItem, ...] = (),
    notes: Mapping[str, str] | None = None,
) -> Chart:
    """Return what was drawn.

    Args:
        figure: of :func:`canvas`.
        label: what the chart shows, for those who do not see it.
        legend: what its colours stand for.
        notes: text that is shown where a mark is pointed at, by the mark's ``gid``.
    """
    _make_room(figure)
    buffer = io.StringIO()
    figure.savefig(buffer, format="svg", transparent=True, metadata={"Date": None})
    root = ET.fromstring(buffer.getvalue())
    _remove_what_a_page_does_not_need(root)
    _add_notes(root, notes or {})
    _make_ids_unique(root)
    for element in root.iter():
        _simplify(element)
    height = root.attrib["viewBox"].split()[3]
    root.attrib = {
        "viewBox": root.attrib["viewBox"],
        "width": str(WIDTH_PX),
        "height": height,
        "role": "img",
        "aria-label": label,
    }
    return Chart(ET.tostring(root, encoding="unicode"), legend)


def _make_room(figure: Figure) -> None:
    """Leave room for ticks and labels: what the longest of them take.

    Matplotlib's own layouts measure every letter twice, which takes half of the time of a page.
    """
    axes = figure.axes[0]
    width, height = WIDTH_PX, figure.get_figheight() * 72.0
    titles = axes.get_title("left"), axes.get_title("right")
    lines = (len(axes.get_xticks()) > 0) + (len(axes.get_xticks(minor=True)) > 0)
    bottom_px = LINE_PX * (lines + bool(axes.get_xlabel())) + 6.0
    top_px = LINE_PX + 4.0 if any(titles) else 4.0
    minutes = [one for child in axes.child_axes for one in child.get_yticklabels()]
    half_px = _longest(axes.get_xticklabels(which="both")) / 2.0
    left_px = max(_longest(axes.get_yticklabels()) + 8.0, half_px)
    right_px = max(_longest(minutes) + 8.0, half_px)
    axes.set_position(
        (
            left_px / width,
            bottom_px / height,
            1.0 - (left_px + right_px) / width,
            1.0 - (top_px + bottom_px) / height,
        )
    )


def _longest(labels: Sequence[Text]) -> float:
    """Return the width of the longest label, px: letters of most fonts are narrower."""
    return max((text_width_px(label.get_text()) for label in labels), default=0.0)


def text_width_px(text: str) -> float:
    """Return how wide a text is at most, in the font of any page."""
    return sum(WIDE_LETTER_PX if letter in "MWmw%@" else LETTER_PX for letter in text)


def _remove_what_a_page_does_not_need(root: ET.Element) -> None:
    """Remove metadata, the file's own style, clips, and frames that are not seen.

    Nothing is drawn beyond the axes, so that nothing has to be clipped.
    """
    for parent in list(root.iter()):
        for child in list(parent):
            name = child.tag.removeprefix(_SVG)
            is_unseen = name == "path" and child.get("style") == "fill: none"
            if is_unseen or name in ("metadata", "style", "clipPath"):
                parent.remove(child)
    for element in root.iter():
        element.attrib.pop("clip-path", None)
    for parent in reversed(list(root.iter())):
        for child in list(parent):
            if child.tag in (_SVG + "g", _SVG + "defs") and not len(child):
                parent.remove(child)


def _add_notes(root: ET.Element, notes: Mapping[str, str]) -> None:
    for element in root.iter():
        note = notes.get(element.get("id", ""))
        if note is not None:
            title = ET.Element(_SVG + "title")
            title.text = note
            element.insert(0, title)


def _make_ids_unique(root: ET.Element) -> None:
    """Drop the ids that nothing refers to; the others get a prefix, as a page has many charts."""
    used = {element.get(_LINK, "#")[1:] for element in root.iter()} - {""}
    prefix = "c" + hashlib.sha256(ET.tostring(root)).hexdigest()[:8]
    for element in root.iter():
        name = element.attrib.pop("id", "")
        if name in used:
            element.set("id", prefix + name)
        link = element.attrib.pop(_LINK, None)
        if link is not None:
            element.set("href", f"#{prefix}{link[1:]}")


def _simplify(element: ET.Element) -> None:
    """Write an element as HTML knows it: no namespace, short numbers, the page's colours."""
    element.tag = element.tag.removeprefix(_SVG)
    for key, value in list(element.attrib.items()):
        if key == "style":
            element.attrib[key] = _page_style(value)
        elif key == "transform" and value.startswith("rotate(-0 "):
            del element.attrib[key]
        elif key in _NUMERIC:
            short = _NUMBER.sub(lambda found: f"{float(found[0]):.1f}", value)
            element.attrib[key] = " ".join(short.split())
    if element.tag not in ("text", "title"):
        element.text = None
    element.tail = None


def _page_style(style: str) -> str:
    """Return a style with the variables of the palette, without a font of its own."""
    kept = []
    for rule in style.split(";"):
        name, _, value = (part.strip() for part in rule.partition(":"))
        if name and name != "font-family":
            kept.append(f"{name}:{_COLOURS.get(value, value)}")
    return ";".join(kept)
