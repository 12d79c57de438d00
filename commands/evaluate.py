"""`doorstep evaluate`: score a saved model again."""

from __future__ import annotations

from typing import Annotated

import typer

from commands.composed_eta.evaluation import evaluate_eta
from commands.console.json_output import JsonOption, print_json
from commands.console.option_groups import with_options
from commands.console.output import console, progress, reports_errors
from commands.options.data import DATA_OPTIONS, DataChoice
from commands.options.models import ONE_MODEL
from commands.options.report import REPORT_OPTIONS, ReportChoice, as_document, open_for_model

__all__ = ["evaluate"]


def _evaluate(
    model: str,
    choice: DataChoice,
    outputs: ReportChoice,
    slices: Annotated[
        bool, typer.Option(help="Also print the scores by city, hour and age of the store.")
    ] = False,
    as_json: JsonOption = False,
) -> None:
    """Score a saved model, of whatever estimator, on the later part of the data.

    With the data it was trained on this repeats the numbers of its training. Where --data is given
    without --dataset, the data set is the one that the model was trained on.
    """
    from commands.reports.score_table import print_report
    from estimators.registry import models as registry
    from estimators.training.train import evaluate as score

    described = registry.describe(model)
    tag = str(described["tag"])
    if described["estimator"] == registry.ETA:
        evaluate_eta(choice, tag, outputs, as_json=as_json)
        return
    with progress() as report:
        report("model", 0.0)
        trained = registry.load(tag)
        report("model", 1.0)
        chosen = open_for_model(choice, trained.metadata, report)
        estimator = trained.estimator
        chosen = estimator.asked_of(chosen)
        scored = score(trained, chosen, progress=report)
        outputs.write(estimator, chosen, scored, trained.metadata, tag=tag, progress=report)
    if as_json:
        print_json(as_document(tag, trained.metadata, scored))
    else:
        console.print(f"model [bold]{tag}[/]")
        print_report(scored, slices=slices)
    outputs.tell()


evaluate = reports_errors(
    with_options(_evaluate, model=ONE_MODEL, choice=DATA_OPTIONS, outputs=REPORT_OPTIONS)
)
