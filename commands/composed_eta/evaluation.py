"""Score a saved ETA again, for `doorstep evaluate`."""

from __future__ import annotations

from commands.composed_eta.report import print_eta_report, write_eta_report
from commands.console.json_output import print_json
from commands.console.output import console, progress
from commands.options.data import DataChoice
from commands.options.report import ReportChoice, as_document, open_for_model

__all__ = ["evaluate_eta"]


def evaluate_eta(choice: DataChoice, tag: str, outputs: ReportChoice, *, as_json: bool) -> None:
    """Score a saved ETA on the later part of the data, and print and write what comes out.

    Args:
        choice: of the data; by default of the kind that the model was trained on.
        tag: of the model.
        outputs: the files that are written beside.
        as_json: whether JSON is printed instead of tables.

    Raises:
        UserError: the options do not fit together.
        RegistryError: the model or one of its parts cannot be loaded.
    """
    from estimators.eta.evaluation import evaluate_eta as score
    from estimators.registry import models as registry

    with progress() as report:
        report("model", 0.0)
        metadata = registry.describe(tag)
        model = registry.load_eta(str(metadata["tag"]))  # a newer one may have been saved meanwhile
        report("model", 1.0)
        dataset = open_for_model(choice, metadata, report)
        scored = score(model, dataset, metadata, progress=report)
    if as_json:
        print_json(as_document(str(metadata["tag"]), metadata, scored))
    else:
        console.print(f"model [bold]{metadata['tag']}[/]")
        print_eta_report(scored)
    content = {"model": metadata["tag"], "report": scored.to_json()}
    write_eta_report(outputs, scored, metadata, str(metadata["tag"]), content)
