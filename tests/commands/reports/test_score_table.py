"""The table of scores says what the report holds, also where it holds nothing."""

from __future__ import annotations

import pytest

from commands.reports.score_table import print_report
from estimators.evaluation.report import Report, ReportRow
from estimators.evaluation.scores import Scores


def report(*rows: ReportRow) -> Report:
    return Report(estimator="etp", dataset="city", period=("a", "b"), rows=rows)


def test_scores_are_printed_and_unknown_ones_are_dashes(
    capsys: pytest.CaptureFixture[str],
) -> None:
    known = Scores(n=1_234, mae_s=187.24, rmse_s=360.0, bias_s=-4.16, pinball_s=70.7,
                   crps_s=142.0, coverage={0.8: 0.784}, width_s={0.8: 656.9})  # fmt: skip
    print_report(
        report(
            ReportRow(model="etp", group="all", value="", scores=known),
            ReportRow(model="published", group="all", value="", scores=Scores(n=0, mae_s=410.0)),
            ReportRow(model="etp", group="city", value="BCN", scores=known),
        )
    )
    lines = [line.split() for line in capsys.readouterr().out.splitlines()]
    assert ["etp", "1,234", "187.2", "360.0", "-4.2", "70.7", "142.0", "78.4%", "656.9"] in lines
    assert ["published", "-", "410.0", "-", "-", "-", "-", "-", "-"] in lines
    assert not any("BCN" in line for line in lines)


def test_slices_are_printed_on_demand(capsys: pytest.CaptureFixture[str]) -> None:
    row = ReportRow(model="etp", group="city", value="BCN", scores=Scores(n=1))
    print_report(report(row), slices=True)
    shown = capsys.readouterr().out
    assert "city" in shown
    assert "BCN" in shown


def test_a_report_without_rows_says_so(capsys: pytest.CaptureFixture[str]) -> None:
    print_report(report())
    assert "no order to test with" in capsys.readouterr().out
