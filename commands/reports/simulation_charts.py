"""The charts of a simulation's page, drawn from the plain numbers that the simulator gives."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
from matplotlib.patches import PathPatch
from matplotlib.path import Path

from commands.reports.chart import WIDTH_PX, Chart, LegendItem
from commands.reports.drawing import canvas, finished
from commands.reports.palette import colour
from commands.reports.plots import line_chart, range_rows, row_bars
from commands.reports.scales import Scale
from estimators.core.typing import FloatArray
from simulator.report.plot_data import BarPlot, LinePlot, RangePlot, StreetMap

__all__ = ["draw", "draw_map"]

MINUTES = "min"
"""The simulator's unit of time; charts show seconds beside it."""

HOUR_TICKS = [(float(hour), str(hour)) for hour in range(0, 24, 4)]
STREETS = {"one-way street": "chart-lane", "street": "chart-street", "bridge": "series-7"}


def draw(title: str, plot: LinePlot | BarPlot | RangePlot) -> Chart:
    """Return the chart of a plot."""
    if isinstance(plot, LinePlot):
        return _lines(title, plot)
    if isinstance(plot, BarPlot):
        scale = Scale(label=", ".join(filter(None, (plot.unit, plot.of and f"by {plot.of}"))))
        return row_bars(title, plot.names, plot.series, scale)
    seconds = [60.0 * levels for levels in plot.levels_min]
    scale = Scale(label=plot.of, seconds=True, low=0.0)
    return range_rows(title, plot.names, seconds, scale)


def _lines(title: str, plot: LinePlot) -> Chart:
    in_minutes, x_in_minutes = plot.unit == MINUTES, plot.of == MINUTES
    factor = 60.0 if in_minutes else 1.0
    series = {name: factor * values for name, values in plot.series.items()}
    least = min((float(np.nanmin(y)) for y in series.values() if not np.isnan(y).all()), default=0)
    return line_chart(
        title,
        60.0 * plot.x if x_in_minutes else plot.x,
        series,
        Scale(
            label="" if x_in_minutes else plot.of,
            seconds=x_in_minutes,
            ticks=HOUR_TICKS if plot.of == "local hour" else None,
        ),
        Scale(label="" if in_minutes else plot.unit, seconds=in_minutes, low=min(0.0, least)),
    )


def draw_map(title: str, city: StreetMap) -> Chart:
    """Return a map: streets, one-way streets lighter, bridges thick, stores as dots."""
    streets: Mapping[str, tuple[FloatArray, float]] = {
        "one-way street": (city.one_way_m, 1.0),
        "street": (city.streets_m, 1.2),
        "bridge": (city.bridges_m, 3.0),
    }
    with canvas(WIDTH_PX) as (figure, axes):
        axes.set_axis_off()
        axes.set_xticks([])
        axes.set_yticks([])
        axes.set_aspect("equal")
        for name, (ends_m, width) in streets.items():
            if len(ends_m):
                axes.add_patch(_outline(ends_m, colour(STREETS[name]), width))
        axes.autoscale_view()
        axes.plot(*city.stores_m.T, "o", color=colour("series-2"), markersize=5.0)
        legend = [LegendItem(name, STREETS[name]) for name in streets]
        return finished(figure, title, (*legend, LegendItem("store", "series-2")))


def _outline(ends_m: FloatArray, shade: str, width: float) -> PathPatch:
    """Return many streets as one path: an element for each would be most of the page."""
    codes = np.tile([Path.MOVETO, Path.LINETO], len(ends_m))
    path = Path(ends_m.reshape(-1, 2), codes)
    return PathPatch(path, fill=False, edgecolor=shade, linewidth=width)
