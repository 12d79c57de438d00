"""`doorstep compare MODEL MODEL ...`: saved models side by side on the same orders."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from commands.console.json_output import JsonOption, print_json
from commands.console.option_groups import with_options
from commands.console.output import (
    StageProgress,
    UserError,
    console,
    error_console,
    progress,
    reports_errors,
)
from commands.console.output_files import check_output, write_json, write_text
from commands.console.plain_table import difference_text, plain_table
from commands.options.data import DATA_OPTIONS, DataChoice
from commands.options.models import MODELS
from commands.options.report import open_for_model

if TYPE_CHECKING:
    from rich.table import Table

    from estimators.evaluation.comparison import ComparedRow, Comparison
    from estimators.training.train import TrainedEstimator

__all__ = ["WORSE", "compare"]

WORSE = 3
"""The exit code where a model is worse than allowed; 1 is an error, 2 a wrong option."""
MODELS_MAX = 20
RANGE_LEVEL = 0.8


def _compare(
    models: list[str],
    choice: DataChoice,
    against_baselines: Annotated[
        bool,
        typer.Option(
            "--against-baselines",
            help="Also the constant median and the model without real-time features, fitted anew.",
        ),
    ] = False,
    slices: Annotated[
        bool, typer.Option(help="Also print the differences by city, hour and age of the store.")
    ] = False,
    fail_if_worse: Annotated[
        str | None,
        typer.Option(
            help="End with exit code 3 if the MAE or the CRPS of a model exceeds the first one's by"
            " more than this, e.g. 1%.",
            show_default=False,
        ),
    ] = None,
    page: Annotated[
        Path | None,
        typer.Option("--report", help="Write a page of charts (HTML).", show_default=False),
    ] = None,
    metrics: Annotated[
        Path | None,
        typer.Option("--metrics", help="Write all numbers as JSON.", show_default=False),
    ] = None,
    as_json: JsonOption = False,
) -> None:
    """Compare saved models, of one estimator or several, on the later part of the data.

    All score the same orders, so that a difference is about the models alone; its 95% interval
    comes from a bootstrap that draws whole hours.
    """
    check_output(page, "--report", ".html")
    check_output(metrics, "--metrics", ".json")
    allowed = None if fail_if_worse is None else _share(fail_if_worse)
    if len(models) > MODELS_MAX:
        raise UserError(f"{len(models)} models; expected at most {MODELS_MAX}")
    if len(set(models)) < len(models) or (len(models) < 2 and not against_baselines):
        raise UserError(
            f"{len(models)} models; expected two or more, each once, such as doorstep compare"
            " etp:latest etp:OLDER, or --against-baselines with one; `doorstep models` lists them"
        )
    with progress() as report:
        found = _compared(models, choice, against_baselines, report)
    print_json(found.to_json()) if as_json else _print(found, slices=slices)
    if metrics is not None:
        write_json(metrics, found.to_json())
    if page is not None:
        from commands.reports.difference_page import comparison_page

        write_text(page, comparison_page(found))
    if allowed is not None:
        _judge(found, models, allowed)


compare = reports_errors(with_options(_compare, models=MODELS, choice=DATA_OPTIONS))


def _share(text: str) -> float:
    try:
        share = float(text.rstrip("% ")) / (100.0 if text.rstrip().endswith("%") else 1.0)
    except ValueError:
        share = -1.0
    if not 0.0 <= share < 10.0:
        raise UserError(f"--fail-if-worse is {text!r}; expected a share such as 1% or 0.01")
    return share


def _compared(
    tags: Sequence[str], choice: DataChoice, against_baselines: bool, report: StageProgress
) -> Comparison:
    from estimators.registry import models as registry
    from estimators.training.model_comparison import compare_models

    report("models", 0.0)
    trained: dict[str, TrainedEstimator] = {}
    for k, tag in enumerate(tags):
        full = registry.resolve(tag)
        if full in trained:
            raise UserError(f"{tag} is {full}, which stands there already")
        trained[full] = registry.load(full)
        report("models", (k + 1) / len(tags))
    dataset = open_for_model(choice, next(iter(trained.values())).metadata, report)
    return compare_models(trained, dataset, against_baselines=against_baselines, progress=report)


def _judge(found: Comparison, tags: Sequence[str], allowed: float) -> None:
    """End with ``WORSE`` if a model, not a baseline, is worse than allowed."""
    candidates = found.models[1 : len(tags)]
    worse = [row for row in found.worse_than(allowed) if row.model in candidates]
    for row in worse:
        summary = ", ".join(
            f"{name} {one.share:+.1%}"
            for name, one in (("MAE", row.mae), ("CRPS", row.crps))
            if one is not None
        )
        error_console.print(
            f"[bold red]worse:[/] {row.model} than {found.reference} by more than {allowed:.1%}:"
            f" {summary}",
            highlight=False,
        )
    if worse:
        raise typer.Exit(WORSE)


def _print(found: Comparison, *, slices: bool) -> None:
    start, end = found.period
    console.print(
        f"on {found.dataset}, {start} to {end}; differences from [bold]{found.reference}[/], 95%"
        " interval",
        highlight=False,
    )
    groups = dict.fromkeys(row.group for row in found.rows)
    for group in groups:
        if group == "all" or slices:
            console.print(_table([row for row in found.rows if row.group == group], group))


def _table(rows: Sequence[ComparedRow], group: str) -> Table:
    heads = ("model", "orders", "MAE s", "more", "CRPS s", "more", "in 80% range", "80% range s")
    shown = heads if group == "all" else (group, *heads)
    table = plain_table(*shown, texts=("model",))
    for row in rows:
        cells = (
            row.model,
            f"{row.scores.n:,}",
            f"{row.scores.mae_s:.1f}",
            difference_text(row.mae),
            f"{row.scores.crps_s:.1f}",
            difference_text(row.crps),
            f"{row.scores.coverage[RANGE_LEVEL]:.1%}",
            f"{row.scores.width_s[RANGE_LEVEL]:,.0f}",
        )
        table.add_row(*(cells if group == "all" else (row.value, *cells)))
    return table
