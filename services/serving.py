"""`bentoml serve`, with what a service needs: `python -m services.serving TARGET ...`.

A folder of its own for metrics: BentoML keeps the metrics of all workers in one folder of its home,
and empties it whenever a service starts. Services that share a home would take it from each other:
requests then fail, and their metrics are mixed.

And a look at the API keys: a service that others can reach starts with keys, or not at all.
"""

from __future__ import annotations

import os
import sys
import tempfile
from collections.abc import Mapping, Sequence

from _bentoml_impl.server import serving  # type: ignore[import-untyped]
from bentoml._internal.configuration.containers import BentoMLContainer
from bentoml_cli.cli import cli

from services.access import check_exposure
from services.errors import SettingError

__all__ = ["host_of", "main"]

_HOST_OPTION = "--host"
_HOST_VARIABLE = "BENTOML_HOST"
_EVERYWHERE = "0.0.0.0"


def host_of(arguments: Sequence[str], environment: Mapping[str, str]) -> str:
    """Return the address that `bentoml serve` listens on, given its arguments.

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
    try:
        check_exposure(host_of(arguments, os.environ), os.environ)
    except SettingError as error:
        sys.exit(f"the service cannot start: {error}")
    serving._SERVICE_WORKER_SCRIPT = "services.worker"
    with tempfile.TemporaryDirectory(prefix="doorstep-metrics-") as folder:
        BentoMLContainer.prometheus_multiproc_dir.set(folder)
        cli(["serve", *arguments])


if __name__ == "__main__":
    main(sys.argv[1:])
