"""The page of a training: one file that says what the report holds."""

from __future__ import annotations

import math
import re
from dataclasses import replace
from html.parser import HTMLParser

import pytest

from commands.reports import charts
from commands.reports.training_page import report_page
from estimators.etp import train_etp
from estimators.evaluation.report import ReportRow
from estimators.evaluation.scores import Scores
from estimators.training.diagnostics import DependenceCurve, Diagnostics, diagnose
from estimators.training.train import TrainedEstimator
from simulator.report.charts import COLOURS
from tests.estimators.building import QUICK, town, town_dataset

SEED = 31
VOID = {"meta", "br", "img", "circle", "rect", "line", "polyline", "polygon", "path"}


class Nesting(HTMLParser):
    """Checks that what is opened is closed, and collects the text."""

    def __init__(self) -> None:
        super().__init__()
        self.open: list[str] = []
        self.texts: list[str] = []
        self.addresses: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.addresses += [value or "" for name, value in attrs if name in {"src", "href"}]
        if tag not in VOID:
            self.open.append(tag)

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        assert tag in VOID, tag

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag

    def handle_data(self, data: str) -> None:
        self.texts.append(data)


@pytest.fixture(scope="module")
def trained() -> TrainedEstimator:
    return train_etp(town_dataset(town(SEED)), parameters=QUICK)


@pytest.fixture(scope="module")
def found(trained: TrainedEstimator) -> Diagnostics:
    return diagnose(trained.estimator, town_dataset(town(SEED)))


@pytest.fixture(scope="module")
def page(trained: TrainedEstimator, found: Diagnostics) -> str:
    return report_page(trained.report, found, trained.metadata, tag="etp:<abc>")


def test_the_page_is_whole_and_needs_nothing_else(page: str) -> None:
    nesting = Nesting()
    nesting.feed(page)
    assert nesting.open == []
    assert nesting.addresses == []
    assert "http" not in page
    assert "nan" not in re.sub(r"<style>.*?</style>", "", page, flags=re.DOTALL).lower().split()
    assert not re.search(r'="-?(nan|inf)"', page)
    assert "etp:&lt;abc&gt;" in page


def test_the_page_says_what_the_report_says(page: str, trained: TrainedEstimator) -> None:
    nesting = Nesting()
    nesting.feed(page)
    own = trained.report.overall("etp")
    text = " ".join(nesting.texts)
    assert f"{own.mae_s:,.1f}" in text
    assert f"{own.coverage[0.8]:.1%}" in text
    assert f"{trained.report.overall('constant median').mae_s:,.1f}" in text
    for heading in ("Scores", "Over time", "What moves the estimates", "Examples"):
        assert heading in nesting.texts
    for group in ("hour", "city", "store age"):
        assert f"By {group}" in nesting.texts


def test_every_chart_is_drawn(page: str, found: Diagnostics) -> None:
    # Scores; calibration; three per group; two over time; three of contributions; the dependences;
    # the examples.
    assert page.count("<svg") == 1 + 6 + 3 * 3 + 2 + 3 + len(found.dependences) + 1
    assert page.count("<title>") == 1 + len(found.examples)


def scores(n: int, share: float = 0.8) -> Scores:
    levels = (0.5, 0.8, 0.9)
    return Scores(
        n=n,
        mae_s=100.0,
        coverage=dict.fromkeys(levels, share),
        width_s=dict.fromkeys(levels, 300.0),
    )


def test_slices_of_few_rows_are_not_drawn() -> None:
    rows = [
        ReportRow(model="etp", group="city", value=str(n), scores=scores(n)) for n in (900, 60, 7)
    ]
    assert [row.value for row in charts.drawn(rows)] == ["900", "60"]
    assert [row.value for row in charts.drawn(rows[2:])] == ["7"]
    many = [ReportRow(model="etp", group="city", value="c", scores=scores(100))] * 90
    assert len(charts.drawn(many)) == charts.SLICES_SHOWN


@pytest.mark.parametrize("share", [0.0, 1.0])
def test_extreme_shares_stay_in_the_chart(share: float) -> None:
    rows = [ReportRow(model="etp", group="city", value="x", scores=scores(1, share))]
    svg = charts.coverage(rows)
    heights = [float(y) for y in re.findall(r'cy="([-\d.]+)"', svg)]
    assert len(heights) == 3
    assert all(0.0 <= y <= 300.0 for y in heights)


def test_pit_bars_beyond_chance_are_marked() -> None:
    flat = charts.pit(Scores(n=2_000, pit=(100,) * 20))
    peak = charts.pit(Scores(n=2_000, pit=(400, *(84,) * 19)))
    marked = f'fill="{COLOURS[1]}"'
    assert flat.count(marked) == 0
    assert peak.count(marked) >= 1
    assert charts.pit(Scores(n=0)) == ""


def test_slices_outside_the_band_are_listed_with_what_chance_says(
    trained: TrainedEstimator, found: Diagnostics
) -> None:
    def page_with(*slices: ReportRow) -> str:
        overall = [row for row in trained.report.rows if row.group == "all"]
        report = replace(trained.report, rows=(*overall, *slices))
        return report_page(report, found, trained.metadata, tag="")

    def city(name: str, n: int, share: float) -> ReportRow:
        return ReportRow(model="etp", group="city", value=name, scores=scores(n, share))

    page = page_with(city("BCN", 5_000, 0.7), city("WAW", 60, 0.75), city("MAD", 5_000, 0.8))
    listed = re.findall(r"<td>city (\w+)</td>.*?<td>([a-z ]+)</td></tr>", page)
    assert listed == [("BCN", "unlikely"), ("WAW", "possible")]
    assert "within the band in every slice" in page_with(city("MAD", 5_000, 0.81))
    assert "Where it is good" not in page_with()


def test_published_results_without_a_number_have_no_bar() -> None:
    svg = charts.horizontal_bars({"etp": 10.0, "other": math.nan}, "s", emphasised="etp")
    assert "etp" in svg
    assert "other" not in svg
    assert charts.horizontal_bars({}, "s") == ""


def test_a_category_has_bars_on_both_sides_of_zero() -> None:
    one = DependenceCurve(
        name="food",
        description="Food.",
        unit="",
        values=("a<b", "pizza"),
        contribution_s=(-20.0, 30.0),
    )
    svg = charts.dependence(one)
    assert "a&lt;b" in svg
    assert svg.count("<rect") == 2
