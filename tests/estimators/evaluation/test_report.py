"""A report prints as a table of at most ten lines, and is one in a notebook."""

from __future__ import annotations

import numpy as np
import pytest

from estimators.evaluation.report import Report, ReportRow
from estimators.evaluation.scores import ALL, Scores

GOOD = Scores(
    n=1_234,
    mae_s=101.26,
    rmse_s=150.0,
    bias_s=3.21,
    crps_s=70.04,
    coverage={0.8: 0.795},
    width_s={0.8: 3_210.0},
)


def _report(models: int, slices: tuple[str, ...] = ()) -> Report:
    names = ["etp", *(f"<other {k}>" for k in range(1, models))]
    rows = [ReportRow(model=name, group=ALL, value="", scores=GOOD) for name in names]
    rows += [ReportRow(model="etp", group=one, value="x", scores=GOOD) for one in slices]
    return Report(
        estimator="etp", dataset="town", period=("2026-03-02", "2026-03-09"), rows=tuple(rows)
    )


def test_a_report_prints_as_a_table() -> None:
    assert str(_report(2, ("city", "hour"))).splitlines() == [
        "etp on town, tested on 2026-03-02 to 2026-03-09",
        "model      orders  MAE s  RMSE s  bias s  CRPS s  in 80% range  80% range s",
        "etp         1,234  101.3   150.0    +3.2    70.0         79.5%      3,210.0",
        "<other 1>   1,234  101.3   150.0    +3.2    70.0         79.5%      3,210.0",
        "also by city, hour: report.rows",
    ]


@pytest.mark.parametrize("models", [1, 7, 8, 30])
def test_it_has_at_most_ten_lines(models: int) -> None:
    text = str(_report(models, ("city",)))
    assert len(text.splitlines()) <= 10
    assert (f"{models - 7} more models" in text) == (models > 7)


def test_what_is_not_known_is_a_dash() -> None:
    row = ReportRow(model="published", group=ALL, value="", scores=Scores(n=0, mae_s=98.0))
    report = Report(estimator="etp", dataset="town", period=("a", "b"), rows=(row,))
    assert str(report).splitlines()[-1].split() == [
        "published",
        "-",
        "98.0",
        "-",
        "-",
        "-",
        "-",
        "-",
    ]
    assert np.isnan(row.scores.crps_s)


def test_a_report_of_nothing_says_so() -> None:
    report = Report(estimator="etp", dataset="town", period=("", ""), rows=())
    assert str(report) == "etp on town: no order to test with"
    assert "<table>" not in report._repr_html_()


def test_a_notebook_shows_a_table() -> None:
    page = _report(2, ("city",))._repr_html_()
    assert page.count("<tr>") == 3
    assert "<th>etp</th><th>1,234</th>" in page
    assert "&lt;other 1&gt;" in page


def test_its_name_is_short() -> None:
    assert repr(_report(2)) == "<Report of etp on town, 2 rows>"
