"""`bentoml serve` with a folder of its own for metrics: `python -m services.serving TARGET ...`.

BentoML keeps the metrics of all workers in one folder of its home, and empties it whenever a
service starts. Services that share a home would take it from each other: requests then fail, and
their metrics are mixed.
"""

from __future__ import annotations

import sys
import tempfile

from bentoml._internal.configuration.containers import BentoMLContainer
from bentoml_cli.cli import cli

__all__ = ["main"]


def main(arguments: list[str]) -> None:
    """Serve until interrupted.

    Args:
        arguments: those of ``bentoml serve``: the service's import path and options.
    """
    with tempfile.TemporaryDirectory(prefix="doorstep-metrics-") as folder:
        BentoMLContainer.prometheus_multiproc_dir.set(folder)
        cli(["serve", *arguments])


if __name__ == "__main__":
    main(sys.argv[1:])
