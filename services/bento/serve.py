"""Run `bentoml serve` with the checks of this project: `python -m services.bento.serve TARGET ...`.

Each service gets a folder of its own for metrics. BentoML keeps the metrics of all workers in one
folder of its home and empties it at every start. Services that share a home would delete the files
of each other: requests would fail, and metrics would be mixed.

A service that other machines can reach does not start without API keys.
"""

from __future__ import annotations

import os
import sys
import tempfile
from collections.abc import Mapping, Sequence
from pathlib import Path

from services.bento.internals import InternalChanged, check_internals
from services.bento.logs import set_up_bentoml_logs
from services.core.errors import SettingError
from services.middleware.key_ring import check_exposure
from services.middleware.log_setup import fail, service_of, set_up_logs

__all__ = ["host_of", "main"]

_HOST_OPTION = "--host"
_HOST_VARIABLE = "BENTOML_HOST"
_EVERYWHERE = "0.0.0.0"


def host_of(arguments: Sequence[str], environment: Mapping[str, str]) -> str:
    """Return the address that `bentoml serve` listens on with these arguments.

    >>> host_of(["services.etp:EtpService", "--host", "127.0.0.1"], {})
    '127.0.0.1'
    >>> host_of(["services.etp:EtpService"], {})
    '0.0.0.0'
    """
    host = environment.get(_HOST_VARIABLE) or _EVERYWHERE
    for i, argument in enumerate(arguments):
        if argument == _HOST_OPTION and i + 1 < len(arguments):
            host = arguments[i + 1]
        elif argument.startswith(f"{_HOST_OPTION}="):
            host = argument.partition("=")[2]
    return host


def main(arguments: list[str]) -> None:
    """Serve until interrupted.

    Args:
        arguments: those of ``bentoml serve``: the service's import path and options.
    """
    service = service_of(arguments[0] if arguments else "")
    set_up_logs(service)
    try:
        set_up_bentoml_logs(service)
        check_internals()
        check_exposure(host_of(arguments, os.environ), os.environ)
    except (InternalChanged, SettingError) as error:
        fail(f"the service cannot start: {error}")

    # Not before the log is there: what these say while they are imported shall be in it, too.
    import click
    from _bentoml_impl.server import serving  # type: ignore[import-untyped]
    from bentoml._internal.configuration.containers import BentoMLContainer
    from bentoml_cli.cli import cli

    serving._SERVICE_WORKER_SCRIPT = "services.bento.worker"
    _let_workers_import(Path(__file__).parent.parent.parent)
    with tempfile.TemporaryDirectory(prefix="doorstep-metrics-") as folder:
        BentoMLContainer.prometheus_multiproc_dir.set(folder)
        try:
            cli(["serve", *arguments], standalone_mode=False)
        except click.ClickException as error:
            fail(f"the service cannot start: {click.unstyle(error.format_message())}")
        except OSError as error:  # the port is in use, most often
            fail(f"the service cannot start: {error}")
        except click.Abort:
            fail("interrupted")


def _let_workers_import(folder: Path) -> None:
    """Add this package to the path of workers, which start in the folder of a bento."""
    others = os.environ.get("PYTHONPATH")
    os.environ["PYTHONPATH"] = f"{folder}{os.pathsep}{others}" if others else str(folder)


if __name__ == "__main__":
    main(sys.argv[1:])
