"""`doorstep train ESTIMATOR`: train, evaluate, save."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Any

import typer

from commands.data_options import DATA_OPTIONS, DataChoice
from commands.estimators import Asked, add_commands
from commands.json_output import JsonOption, print_json
from commands.option_groups import with_options
from commands.output import UserError, console, error_console, progress
from commands.report_options import REPORT_OPTIONS, ReportChoice, as_document
from commands.train_eta import TRAIN_ETA_HELP, train_eta

__all__ = ["train_app"]

train_app = typer.Typer(name="train", help="Train an estimator and save it.", no_args_is_help=True)

MAX_THREADS = 64

NameOption = Annotated[
    str | None,
    typer.Option(
        help="Name of the model in the model store.  [default: the estimator's]",
        show_default=False,
    ),
]
ThreadsOption = Annotated[int, typer.Option(min=1, max=MAX_THREADS, help="Threads to fit with.")]
SaveOption = Annotated[bool, typer.Option(help="Save the model to the BentoML model store.")]
TuneOption = Annotated[
    int | None,
    typer.Option(
        min=1,
        max=10_000,
        help="Search for better parameters first: so many sets of them, scored on inner splits by"
        " time of the training period (needs the extra 'tune').",
        show_default=False,
    ),
]
TuneMinutesOption = Annotated[
    float | None,
    typer.Option(min=0.01, help="Try no further set after so many minutes.", show_default=False),
]


@train_app.callback()
def _train() -> None:
    """Train an estimator and save it."""


def _train_one(
    asked: Asked,
    choice: DataChoice,
    outputs: ReportChoice,
    name: NameOption = None,
    threads: ThreadsOption = 2,
    save: SaveOption = True,
    tune: TuneOption = None,
    tune_minutes: TuneMinutesOption = None,
    as_json: JsonOption = False,
) -> None:
    from commands.report import print_report

    if tune_minutes is not None and tune is None:
        raise UserError("--tune-minutes limits a search: pass --tune N, too")
    with progress() as report:
        estimator_class, dataset = asked.open(choice, report)
        from estimators.training import train
        from estimators.tuning import Tuning

        trained = train(
            estimator_class,
            dataset,
            progress=report,
            num_threads=threads,
            seed=choice.seed,
            tuning=None
            if tune is None
            else Tuning(
                trials=tune,
                time_limit_s=None if tune_minutes is None else 60.0 * tune_minutes,
            ),
        )
    if not as_json:
        print_report(trained.report)
        _tell_labels(trained.metadata["labels"])
        _tell_tuning(trained.metadata["tuning"])
    tag = ""
    if save:
        from estimators import registry

        tag = registry.save(trained, name=name or asked.name)
    with progress() as report:
        outputs.write(
            trained.estimator, dataset, trained.report, trained.metadata, tag=tag, progress=report
        )
    outputs.tell()
    if as_json:
        print_json(as_document(tag, trained.metadata, trained.report))
    if not tag:
        error_console.print("not saved (--no-save)")
        return
    shown = error_console if as_json else console
    shown.print(f"saved as [bold]{tag}[/]; {asked.offered.next_step(tag)}", soft_wrap=True)


def _tell_labels(labels: Mapping[str, Mapping[str, int]]) -> None:
    """Say how many labels were exact, if not all were: only these are scored."""
    for period, counts in labels.items():
        told = ", ".join(f"{n:,} {kind}" for kind, n in counts.items())
        scored = "; exact ones are scored" if period == "test" else "; bounds are learned from, too"
        console.print(f"labels of the {period} period: {told}{scored}", highlight=False)


def _tell_tuning(record: Mapping[str, Any] | None) -> None:
    """Say what the search found, on the rows that it looked at."""
    if record is None:
        return
    found = ", ".join(f"{name} {value:.3g}" for name, value in record["parameters"].items())
    console.print(
        f"tuned in {record['trials']} trials on {record['rows_scored']:,} rows of the training"
        f" period: CRPS {record['default']:.1f} s by default, {record['best']:.1f} s with {found}",
        highlight=False,
    )


add_commands(
    train_app,
    with_options(_train_one, choice=DATA_OPTIONS, outputs=REPORT_OPTIONS),
    "Train",
    "Prints its errors on the later part of the data beside the constant median, the same model"
    " without real-time features, and what others have published on the same split.",
)
train_app.command("eta", help=TRAIN_ETA_HELP)(train_eta)
