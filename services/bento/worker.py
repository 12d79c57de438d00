"""Run BentoML's worker, and end it with its server.

`python -m services.bento.serve` makes BentoML start this module instead of its own.
"""

from __future__ import annotations

import sys

from services.bento.logs import set_up_bentoml_logs
from services.middleware.log_setup import service_of, set_up_logs
from services.transport.parent_watch import tie_to_parent

__all__: list[str] = []

if __name__ == "__main__":
    tie_to_parent()  # before all else: loading a service takes seconds
    service = service_of(sys.argv[1])
    set_up_logs(service)
    set_up_bentoml_logs(service)

    from _bentoml_impl.worker.service import main  # type: ignore[import-untyped]

    main()
