"""Declare the options that choose saved models."""

from __future__ import annotations

from typing import Annotated

import typer

from commands.console.option_groups import OptionGroup
from commands.console.output import UserError

__all__ = ["DEFAULT_MODEL", "MODELS", "ONE_MODEL"]

DEFAULT_MODEL = "etp:latest"

OneArgument = Annotated[
    str | None,
    typer.Argument(
        metavar="MODEL",
        help=f"Tag of the saved model, such as eta:latest.  [default: {DEFAULT_MODEL}]",
        show_default=False,
    ),
]
OneOption = Annotated[
    str | None, typer.Option("--model", help="The same as MODEL.", show_default=False)
]
ManyArgument = Annotated[
    list[str] | None,
    typer.Argument(
        metavar="MODEL",
        help="Tags of saved models; the first is the one to compare with.",
        show_default=False,
    ),
]
ManyOption = Annotated[
    list[str] | None,
    typer.Option("--model", help="The same as MODEL; may be repeated.", show_default=False),
]


def _one(model: str | None, model_option: str | None) -> str:
    if model is not None and model_option is not None and model != model_option:
        raise UserError(f"the model is {model!r} and --model {model_option!r}: pass one of the two")
    return model or model_option or DEFAULT_MODEL


def _many(models: list[str] | None, model_option: list[str] | None) -> list[str]:
    return [*(models or []), *(model_option or [])]


ONE_MODEL = OptionGroup(
    options={"model": (OneArgument, None), "model_option": (OneOption, None)}, build=_one
)
"""A command's one model: ``doorstep evaluate eta:latest`` or ``--model eta:latest``."""

MODELS = OptionGroup(
    options={"models": (ManyArgument, None), "model_option": (ManyOption, None)}, build=_many
)
"""A command's models, in order: ``doorstep compare etp:latest etp:older``."""
