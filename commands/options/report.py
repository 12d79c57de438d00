"""Declare the options for a report: a page to read, metrics as JSON."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from commands.console.option_groups import OptionGroup
from commands.console.output import StageProgress, UserError, error_console
from commands.console.output_files import check_output
from commands.data.sources import DatasetName
from commands.options.data import DataChoice

if TYPE_CHECKING:
    from estimators import Dataset
    from estimators.evaluation.report import Report
    from estimators.model.base import Estimator

__all__ = ["REPORT_OPTIONS", "MetricsOption", "ReportChoice", "as_document", "open_for_model"]

SIMULATED = (DatasetName.SIMULATOR, DatasetName.CITIES)

PageOption = Annotated[
    Path | None,
    typer.Option(
        "--report",
        help="Write a page of plots (HTML, one file): scores, calibration, errors by hour and"
        " city, what moves the estimates, examples.",
        show_default=False,
    ),
]
MetricsOption = Annotated[
    Path | None,
    typer.Option(
        "--metrics", help="Write all scores and what the page shows as JSON.", show_default=False
    ),
]


@dataclass(frozen=True, kw_only=True)
class ReportChoice:
    """What is to be written beside the table on the console.

    Args:
        page: the .html file; None: none.
        metrics: the .json file; None: none.
    """

    page: Path | None
    metrics: Path | None

    def __post_init__(self) -> None:
        """Check the paths before the work begins."""
        check_output(self.page, "--report", ".html")
        check_output(self.metrics, "--metrics", ".json")

    def write(
        self,
        estimator: Estimator,
        dataset: Dataset,
        report: Report,
        metadata: Mapping[str, Any],
        *,
        tag: str,
        progress: StageProgress,
    ) -> None:
        """Write the files that are asked for.

        Args:
            estimator: fitted.
            dataset: asked what the estimator answers.
            report: its scores.
            metadata: of the model.
            tag: of the saved model; empty where it was not saved.
            progress: shows the stage "explain".
        """
        if self.page is None and self.metrics is None:
            return
        if not report.rows:
            raise UserError("there is no order to test with, so there is nothing to report")
        from commands.reports.training_page import write_page
        from estimators.training.diagnostics import diagnose

        diagnostics = diagnose(estimator, dataset, progress=progress)
        if self.page is not None:
            write_page(self.page, report, diagnostics, metadata, tag=tag)
        if self.metrics is not None:
            content = as_document(tag, metadata, report)
            content["diagnostics"] = diagnostics.to_json()
            text = json.dumps(content, indent=2, ensure_ascii=False, allow_nan=False)
            self.metrics.write_text(text + "\n", encoding="utf-8")

    def tell(self) -> None:
        """Say what was written."""
        for path in (self.page, self.metrics):
            if path is not None:
                error_console.print(f"wrote {path}", highlight=False)


REPORT_OPTIONS = OptionGroup(
    options={"page": (PageOption, None), "metrics": (MetricsOption, None)}, build=ReportChoice
)
"""The options of a :class:`ReportChoice`; see :mod:`commands.console.option_groups`."""


def as_document(tag: str, metadata: Mapping[str, Any], report: Report) -> dict[str, Any]:
    """Return what ``--json`` prints of a training or evaluation, and ``--metrics`` begins with."""
    return {"model": tag or None, "metadata": dict(metadata), "report": report.to_json()}


def open_for_model(
    choice: DataChoice, metadata: Mapping[str, Any], report: StageProgress
) -> Dataset:
    """Return the data that the options ask for; by default of the kind that a model knows.

    Args:
        choice: of the options.
        metadata: of the model.
        report: told of the stage "data".

    Raises:
        UserError: the options do not fit together, or the model was trained on a table that has
            no name here.
    """
    known = [one for one in DatasetName if one.value == metadata["dataset"]]
    if not known and choice.dataset is None and choice.mapping is None:
        raise UserError(
            f"the model was trained on {metadata['dataset']!r}, which is no data set of this"
            " project: pass its --mapping (and --data), or the --dataset to score it on"
        )
    own = known[0] if known else DatasetName.DELIVEROO
    if choice.dataset is None and choice.mapping is None and own in SIMULATED:
        choice = replace(choice, dataset=own)
    return choice.open(report, public=own)
