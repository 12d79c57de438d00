"""The page of a training: one file that says what the report holds."""

from __future__ import annotations

import math
from dataclasses import replace

import numpy as np
import pytest

from commands.reports import training_charts as charts
from commands.reports.training_page import report_page
from estimators.etp import train_etp
from estimators.evaluation.report import ReportRow
from estimators.evaluation.scores import Scores
from estimators.training.diagnostics import DependenceCurve, Diagnostics, diagnose
from estimators.training.trained import TrainedEstimator
from tests.commands.reports import chart_reading as reading
from tests.commands.reports.html_pages import check_page
from tests.estimators.building import QUICK, town, town_dataset

SEED = 31


@pytest.fixture(scope="module")
def trained() -> TrainedEstimator:
    return train_etp(town_dataset(town(SEED)), parameters=QUICK)


@pytest.fixture(scope="module")
def found(trained: TrainedEstimator) -> Diagnostics:
    return diagnose(trained.estimator, town_dataset(town(SEED)))


@pytest.fixture(scope="module")
def page(trained: TrainedEstimator, found: Diagnostics) -> str:
    return report_page(trained.report, found, trained.metadata, tag="etp:<abc>")


def test_the_page_is_whole_and_fits_every_screen(page: str) -> None:
    read = check_page(page)
    assert "etp:<abc>" in read.said
    assert "etp:&lt;abc&gt;" in page


def test_the_page_says_what_the_report_says(page: str, trained: TrainedEstimator) -> None:
    read = check_page(page)
    for row in trained.report.rows:
        if row.group == "all":
            (cells,) = [one for one in read.rows if one[0].strip() == row.model]
            said = [cell.split() for cell in cells[1:]]
            assert said[0] == [f"{row.scores.n:,}"]
            mae_s, width_s = row.scores.mae_s, row.scores.width_s[0.8]
            assert said[1] == [f"{mae_s:,.1f}", f"{mae_s / 60.0:,.1f}", "min"]
            assert said[7] == [f"{row.scores.coverage[0.8]:.1%}"]
            assert said[9] == [f"{width_s:,.1f}", f"{width_s / 60.0:,.1f}", "min"]
            assert f"{mae_s:,.1f} s · {mae_s / 60.0:,.1f} min" in read.said
    own = trained.report.overall("etp")
    assert f"{own.mae_s:,.0f} s ({own.mae_s / 60.0:,.1f} min) off" in read.said
    assert {"Scores", "Over time", "What moves the estimates", "Examples"} <= set(read.headings)
    for group in ("hour", "city", "store age"):
        assert f"By {group}" in read.words


def test_every_chart_is_drawn(page: str, found: Diagnostics) -> None:
    # Scores; calibration; three per group; two over time; three of contributions; the dependences;
    # the examples.
    parts = math.ceil(len(found.examples) / charts.EXAMPLES_SHOWN)
    drawn = 1 + 6 + 3 * 3 + 2 + 3 + len(found.dependences) + parts
    assert page.count("<svg") == drawn
    assert page.count("<title>") == 1 + len(found.examples)


def test_the_same_report_is_the_same_page(
    page: str, trained: TrainedEstimator, found: Diagnostics
) -> None:
    assert report_page(trained.report, found, trained.metadata, tag="etp:<abc>") == page


def test_how_the_parameters_were_chosen_is_said(
    trained: TrainedEstimator, found: Diagnostics
) -> None:
    plain = {
        "trees": 120, "mae_s": 61.0, "mae_beyond_ours_s": 1.0, "mae_noise_s": 0.75,
        "rmse_s": 88.0, "rmse_beyond_ours_s": -2.0, "rmse_noise_s": 1.5,
    }  # fmt: skip
    chosen = {
        **trained.metadata,
        "tuning": {"method": "race", "trials": 0, "rows": 1_400, "rows_min": 2_000},
        "second_opinion": {
            "rows_scored": 500, "ours": {"mae_s": 60.0, "rmse_s": 90.0}, "plain": {"l1": plain},
            "taken": None, "why": "it is not better by more than noise",
        },
    }  # fmt: skip
    said = check_page(report_page(trained.report, found, chosen, tag="")).said
    assert "default parameters: 1,400 training rows are too few to choose by" in said
    assert "ours 60.0 and 90.0; L1 61.0 (+1.0 ± 0.8) and 88.0 (-2.0 ± 1.5): it is not" in said


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


@pytest.mark.parametrize("share", [0.0, 0.7, 1.0])
def test_shares_are_drawn_where_they_are(share: float) -> None:
    rows = [ReportRow(model="etp", group="city", value="x", scores=scores(40, share))]
    chart = charts.coverage(rows)
    assert reading.legend(chart) == ["90% range", "80% range", "50% range"]
    reach = charts.NORMAL_QUANTILE_95 * math.sqrt(share * (1.0 - share) / 40)
    for k in range(3):
        (whisker, *_) = reading.lines(chart, f"series-{k + 1}")
        ends = [x for x, _ in whisker]
        expected = [100.0 * max(share - reach, 0.0), 100.0 * min(share + reach, 1.0)]
        assert ends == pytest.approx(expected, abs=0.5)


def test_pit_bars_beyond_chance_are_marked() -> None:
    flat = charts.pit(Scores(n=2_000, pit=(100,) * 20))
    peak = charts.pit(Scores(n=2_000, pit=(400, *(84,) * 19)))
    assert flat is not None
    assert peak is not None
    assert len(reading.bars(flat, "series-1")) == 20
    assert not reading.bars(flat, "series-2")
    assert reading.bars(peak, "series-2")[0].high == pytest.approx(4.0, abs=0.05)
    assert charts.pit(Scores(n=0)) is None


def test_the_calibration_curve_is_the_report(trained: TrainedEstimator) -> None:
    own = trained.report.overall("etp")
    chart = charts.calibration({"etp": own})
    assert chart is not None
    assert [(one.name, one.dashed) for one in chart.legend] == [("ideal", True), ("etp", False)]
    (line,) = reading.lines(chart, "series-2")
    expected = [(100.0 * q, 100.0 * share) for q, share in sorted(own.calibration.items())]
    assert np.array(line) == pytest.approx(np.array(expected), abs=0.5)


def test_errors_by_slice_are_the_report(trained: TrainedEstimator) -> None:
    rows = charts.drawn([row for row in trained.report.rows if row.group == "city"])
    chart = charts.errors(rows)
    largest = max(row.scores.mae_s for row in rows)
    drawn = [one.right for one in reading.bars(chart, "series-1")]
    assert drawn == pytest.approx([row.scores.mae_s for row in rows], abs=0.01 * largest)
    assert [row.value for row in rows] == [one for one in reading.texts(chart) if one.isupper()]


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
    listed = [(row[0], row[3]) for row in check_page(page).rows if row[0].startswith("city ")]
    assert listed == [("city BCN", "unlikely"), ("city WAW", "possible")]
    assert "within the band in every slice" in page_with(city("MAD", 5_000, 0.81))
    assert "Where it is good" not in page_with()


def test_published_results_without_a_number_have_no_bar() -> None:
    chart = charts.errors_by_model({"etp": 10.0, "other": math.nan}, emphasised="etp")
    assert chart is not None
    assert reading.texts(chart) == ["etp", "10.0 s · 0.2 min"]
    assert len(reading.bars(chart, "series-2")) == 1
    assert charts.errors_by_model({}, emphasised="etp") is None


def test_a_category_has_bars_on_both_sides_of_zero() -> None:
    one = DependenceCurve(
        name="food",
        description="Food.",
        unit="",
        values=("a<b", "$x$"),
        contribution_s=(-20.0, 30.0),
    )
    chart = charts.dependence(one)
    assert {"a<b", "$x$"} <= set(reading.texts(chart))
    ends = [(box.left, box.right) for box in reading.bars(chart, "series-1")]
    assert np.array(ends) == pytest.approx(np.array([(-20.0, 0.0), (0.0, 30.0)]), abs=0.3)


def test_what_happened_is_beside_what_was_said(found: Diagnostics) -> None:
    drawn = charts.examples(found.examples)
    notes = [note for chart in drawn for note in reading.notes(chart)]
    assert len(notes) == len(found.examples)
    for note, one in zip(notes, found.examples, strict=True):
        assert note.startswith(f"{one.sample_id}, {one.as_of}: ")
        assert note.endswith(f"it took {one.actual_s:,.0f} s ({one.actual_s / 60.0:,.1f} min)")
