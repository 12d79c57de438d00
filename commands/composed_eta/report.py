"""Print and write the report of a composed ETA."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from commands.console.output import UserError
from commands.console.output_files import write_json, write_text
from commands.options.report import ReportChoice
from commands.reports.score_table import print_report, print_stages

if TYPE_CHECKING:
    from estimators.evaluation.report import Report

__all__ = ["print_eta_report", "write_eta_report"]


def write_eta_report(
    outputs: ReportChoice,
    report: Report,
    metadata: Mapping[str, Any],
    tag: str,
    content: dict[str, Any],
) -> None:
    """Write the page and the numbers that are asked for."""
    if outputs.page is not None:
        from commands.reports.training_page import report_page

        if not report.rows:
            raise UserError("there is no order to test with, so there is nothing to report")
        write_text(outputs.page, report_page(report, None, metadata, tag=tag))
    if outputs.metrics is not None:
        write_json(outputs.metrics, content)


def print_eta_report(report: Report) -> None:
    """Print the scores of all models, then those at each stage of an order."""
    print_report(report)
    print_stages(report)
