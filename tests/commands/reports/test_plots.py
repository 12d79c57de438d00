"""The kinds of charts: what is drawn is what was given, in seconds and in minutes."""

from __future__ import annotations

import re
import xml.etree.ElementTree as ET

import numpy as np
import pytest

from commands.reports.chart import WIDTH_PX, Chart
from commands.reports.drawing import FONT_PX
from commands.reports.palette import PALETTE, stylesheet
from commands.reports.plots import (
    Interval,
    column_bars,
    interval_rows,
    line_chart,
    range_rows,
    row_bars,
    value_rows,
)
from commands.reports.scales import Scale, minutes_text, time_ticks
from tests.commands.reports import chart_reading as reading
from tests.commands.reports.html_pages import check_texts_fit

HOURS = np.arange(24.0)
SECONDS = Scale(label="waiting", seconds=True, low=0.0)
LONG = "store_time_to_ready_last_20_median_per_product_of_the_kitchen"


def drawn() -> dict[str, Chart]:
    wave = 400.0 + 300.0 * np.sin(HOURS / 4.0)
    levels = [np.array([100.0, 200.0, 300.0, 450.0, 900.0]), np.full(5, np.nan)]
    interval = Interval(value=-1_250.0, low=-1_900.0, high=-700.0, colour="chart-good")
    return {
        "lines": line_chart("l", HOURS, {"a": wave, "b": wave / 2.0}, Scale(label="hour"), SECONDS),
        "time": line_chart("t", wave, {"": wave}, Scale(seconds=True), SECONDS),
        "columns": column_bars("c", HOURS, wave, Scale(label="h"), Scale(label="%"),
                               colours=["series-1"] * 24, width=0.9, band=(1.0, 2.0)),
        "values": value_rows("v", {LONG: 86_400.0, "b": 1.0}, ["86,400.0 s · 1,440.0 min", "1 s"]),
        "bars": row_bars("b", ["MWMWMWMW", "b"], {"x": wave[:2], "y": -wave[:2]}, SECONDS),
        "ranges": range_rows("r", ["a", "b"], levels, SECONDS),
        "intervals": interval_rows("i", {LONG: interval}, Scale(label="more", seconds=True)),
    }  # fmt: skip


DRAWN = drawn()


@pytest.mark.parametrize("name", DRAWN)
def test_a_chart_follows_its_page_and_fits_it(name: str) -> None:
    chart = DRAWN[name]
    root = ET.fromstring(chart.svg)
    assert root.attrib["width"] == str(WIDTH_PX)
    assert len(list(root.iter())) > 5
    assert "#" not in re.sub(r'(href="#|id=")\w+"', "", chart.svg), "colours are variables"
    for text in root.iter("text"):
        style = dict(part.split(":") for part in text.attrib["style"].split(";"))
        assert style["font-size"] == f"{FONT_PX}px"
        assert "font-family" not in style
    check_texts_fit(chart.svg)


def test_lines_are_read_as_they_were_given() -> None:
    chart = DRAWN["lines"]
    assert reading.legend(chart) == ["a", "b"]
    (line,) = reading.lines(chart, "series-1")
    expected = np.column_stack([HOURS, 400.0 + 300.0 * np.sin(HOURS / 4.0)])
    assert np.array(line) == pytest.approx(expected, abs=3.0)


def test_minutes_stand_beside_seconds() -> None:
    chart = DRAWN["lines"]
    found = reading.ticks(chart, "y")
    seconds = [float(text.replace(",", "")) for text in found]
    assert len(seconds) >= 3
    said = reading.texts(chart)
    assert "waiting, s" in said
    assert "min" in said
    assert {minutes_text(one) for one in seconds} <= set(said)
    level = reading.texts(DRAWN["time"])
    places = reading.ticks(DRAWN["time"], "x")
    assert len(places) >= 2
    for text in places:
        number = float(text.removesuffix(" s").replace(",", ""))
        assert f"{minutes_text(number)} min" in level


def test_a_missing_value_is_a_gap() -> None:
    y = np.array([1.0, 2.0, np.nan, 3.0, 4.0])
    chart = line_chart("gap", np.arange(5.0), {"": y}, Scale(), Scale(low=0.0))
    assert [len(part) for part in reading.lines(chart, "series-1")] == [2, 2]
    empty = line_chart("none", np.arange(5.0), {"": y * np.nan}, Scale(), Scale(low=0.0))
    assert "no values" in reading.texts(empty)


def test_bars_end_at_their_values() -> None:
    ends = [(box.left, box.right) for box in reading.bars(DRAWN["bars"], "series-1")]
    assert np.array(ends) == pytest.approx(
        np.array([(0.0, 400.0), (0.0, 400.0 + 300.0 * np.sin(0.25))]), abs=4.0
    )
    assert [box.left for box in reading.bars(DRAWN["bars"], "series-2")] == pytest.approx(
        [-400.0, -400.0 - 300.0 * np.sin(0.25)], abs=4.0
    )


def test_ranges_are_drawn_and_missing_ones_are_not() -> None:
    (box,) = reading.bars(DRAWN["ranges"], "series-1")
    assert (box.left, box.right) == pytest.approx((200.0, 450.0), abs=4.0)
    line, median = reading.lines(DRAWN["ranges"], "series-1")
    assert [x for x, _ in line] == pytest.approx([100.0, 900.0], abs=4.0)
    assert [x for x, _ in median] == pytest.approx([300.0, 300.0], abs=4.0)


def test_intervals_are_drawn() -> None:
    (bar,) = reading.bars(DRAWN["intervals"], "chart-good")
    assert (bar.left, bar.right) == pytest.approx((-1_250.0, 0.0), abs=8.0)
    (line,) = reading.lines(DRAWN["intervals"], "chart-ink")
    assert [x for x, _ in line] == pytest.approx([-1_900.0, -700.0], abs=8.0)


def test_the_same_chart_is_the_same_text() -> None:
    assert {name: one.svg for name, one in drawn().items()} == {
        name: one.svg for name, one in DRAWN.items()
    }


def test_a_chart_can_be_a_file() -> None:
    text = DRAWN["lines"].file()
    root = ET.fromstring(text)
    assert root.tag == "{http://www.w3.org/2000/svg}svg"
    said = [one.text for one in root.iter("{http://www.w3.org/2000/svg}text")]
    assert said[:2] == ["a", "b"]
    assert stylesheet() in text


def test_every_colour_has_a_light_and_a_dark_value_that_is_seen() -> None:
    def luminance(colour: str) -> float:
        parts = [int(colour[k : k + 2], 16) / 255.0 for k in (1, 3, 5)]
        linear = [p / 12.92 if p <= 0.04045 else ((p + 0.055) / 1.055) ** 2.4 for p in parts]
        return float(np.dot(linear, [0.2126, 0.7152, 0.0722]))

    def contrast(colour: str, page: str) -> float:
        low, high = sorted((luminance(colour), luminance(page)))
        return (high + 0.05) / (low + 0.05)

    assert len({light for light, _ in PALETTE.values()}) == len(PALETTE)
    for name, (light, dark) in PALETTE.items():
        if name in ("chart-grid", "chart-band", "chart-lane"):
            continue  # behind what is to be read
        assert contrast(light, "#ffffff") >= 3.0, name
        assert contrast(dark, "#15191d") >= 3.0, name


@pytest.mark.parametrize("span", [0.3, 7.0, 59.0, 61.0, 1_000.0, 5_000.0, 90_000.0, 1e7])
def test_ticks_are_few_and_within_the_span(span: float) -> None:
    for most in (4, 6):
        found = time_ticks(-0.3 * span, 0.7 * span, most)
        assert 2 <= len(found) <= most
        assert 0.0 in found
        assert -0.3 * span <= found[0] <= found[-1] <= 0.7 * span + 1e-6
