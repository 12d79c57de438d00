"""Assemble the `doorstep` command from its subcommands.

Only typer and rich are imported here. What a subcommand needs, it imports when it runs, so that
``doorstep --help`` answers at once.
"""

from __future__ import annotations

from importlib.metadata import PackageNotFoundError, version
from typing import Annotated

import typer

from commands.ablate import ablate_app
from commands.catalog import catalog
from commands.check_equivalence import check_equivalence
from commands.compare import compare
from commands.console.output import console
from commands.consume import consume
from commands.demo import demo
from commands.evaluate import evaluate
from commands.explain import explain
from commands.export import export
from commands.import_ import import_table
from commands.keys import keys_app
from commands.mapping import mapping_app, try_table
from commands.models import models_app
from commands.serve import serve_app
from commands.simulate import simulate
from commands.store import store_app
from commands.train import train_app

__all__ = ["app"]

app = typer.Typer(
    name="doorstep",
    help="How long deliveries take, as they happen: features, estimators and their services.",
    no_args_is_help=True,
    pretty_exceptions_show_locals=False,
    context_settings={"help_option_names": ["-h", "--help"]},
)


def _print_version(wanted: bool) -> None:
    if not wanted:
        return
    try:
        installed = version("doorstep")
    except PackageNotFoundError:  # run from the source tree
        installed = "(not installed)"
    console.print(f"doorstep {installed}", highlight=False)
    raise typer.Exit


@app.callback()
def _doorstep(
    show_version: Annotated[
        bool,
        typer.Option(
            "--version", callback=_print_version, is_eager=True, help="Print the version and exit."
        ),
    ] = False,
) -> None:
    """Stands before all subcommands."""


app.command("try")(try_table)
app.command()(catalog)
app.add_typer(train_app)
app.add_typer(mapping_app)
app.add_typer(ablate_app)
app.command("evaluate")(evaluate)
app.command("explain")(explain)
app.add_typer(models_app)
app.command("compare")(compare)
app.add_typer(serve_app)
app.add_typer(keys_app)
app.add_typer(store_app)
app.command()(consume)
app.command("check-equivalence")(check_equivalence)
app.command("import")(import_table)
app.command()(export)
app.command()(simulate)
app.command()(demo)
