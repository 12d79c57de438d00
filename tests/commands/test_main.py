"""The command as a whole: help, version, quick start, errors without tracebacks."""

from __future__ import annotations

import subprocess
import sys

import pytest
import typer
from typer.testing import CliRunner

from commands.console.output import UserError, reports_errors
from commands.main import app
from services.core.errors import InvalidRequest
from tests.commands.running import ROOT, doorstep

SUBCOMMANDS = (
    "catalog", "mapping", "train", "ablate", "compare", "evaluate", "explain", "models", "serve",
    "keys", "consume", "check-equivalence", "import", "export", "simulate", "demo", "try",
)  # fmt: skip

SERVED = ("etp", "courier-travel", "wall-eta", "eta", "events")


def test_help_lists_every_subcommand() -> None:
    shown = CliRunner().invoke(app, ["--help"])
    assert shown.exit_code == 0
    assert all(name in shown.output for name in SUBCOMMANDS)


@pytest.mark.parametrize(
    "arguments",
    [*([name] for name in SUBCOMMANDS), ["train", "etp"], *(["serve", name] for name in SERVED)],
)
def test_every_subcommand_has_help(arguments: list[str]) -> None:
    shown = CliRunner().invoke(app, [*arguments, "--help"])
    assert shown.exit_code == 0, shown.output
    assert "Usage" in shown.output


def test_version() -> None:
    shown = CliRunner().invoke(app, ["--version"])
    assert shown.exit_code == 0
    assert shown.output.startswith("doorstep ")


def test_an_unknown_option_is_a_usage_error() -> None:
    assert CliRunner().invoke(app, ["catalog", "--colour"]).exit_code == 2


@pytest.mark.parametrize("arguments", [["--help"], ["catalog"], ["catalog", "store_queue_orders"]])
def test_quick_commands_do_not_load_the_models(arguments: list[str]) -> None:
    code = (
        "import sys\nfrom commands.main import app\n"
        f"try: app({arguments!r})\nexcept SystemExit: pass\n"
        "slow = {'lightgbm', 'bentoml', 'sklearn', 'tsfresh', 'numba'} & set(sys.modules)\n"
        "print('slow:', sorted(slow))"
    )
    shown = subprocess.run(
        [sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=True
    )
    assert shown.stdout.splitlines()[-1] == "slow: []"


@pytest.mark.parametrize("error", [UserError("do this"), InvalidRequest("do this")])
def test_a_users_mistake_is_one_line_and_exit_code_1(
    error: Exception, capsys: pytest.CaptureFixture[str]
) -> None:
    @reports_errors
    def command() -> None:
        raise error

    with pytest.raises(typer.Exit) as caught:
        command()
    assert caught.value.exit_code == 1


def test_our_own_mistake_keeps_its_traceback() -> None:
    @reports_errors
    def command() -> None:
        raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        command()


def test_a_mistake_on_the_command_line_shows_no_traceback() -> None:
    shown = doorstep("catalog", "store_queue_order")
    assert shown.returncode == 1
    assert "Traceback" not in shown.stderr
    assert "did you mean store_queue_orders" in shown.stderr
    assert shown.stdout == ""


def test_the_shell_completes_commands() -> None:
    shown = doorstep(_DOORSTEP_COMPLETE="complete_bash", COMP_WORDS="doorstep ex", COMP_CWORD="1")
    assert {*shown.stdout.split()} == {"explain", "export"}, shown.stderr


def test_the_shell_completes_options() -> None:
    words = "doorstep models show --j"
    shown = doorstep(_DOORSTEP_COMPLETE="complete_bash", COMP_WORDS=words, COMP_CWORD="3")
    assert shown.stdout.split() == ["--json"]
