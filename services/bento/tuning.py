"""Tune a BentoML service to answer in well under a millisecond.

Without tuning, some answers are 100 to 300 ms late, because garbage collection stops the process:
there is more garbage than necessary (:mod:`services.bento.patches`), and it is collected at any
time.
"""

from __future__ import annotations

import gc
import sys
from typing import Any

from services.bento.internals import check_internals
from services.core.limits import REQUEST_TIMEOUT_S
from services.transport.parent_watch import tie_to_parent
from services.transport.server import install

check_internals()  # before what may be missing is imported

from bentoml._internal.context import server_context  # noqa: E402

from services.bento.direct_route import DirectRoute  # noqa: E402
from services.bento.patches import bound_paths, disable_bentoml_timers  # noqa: E402

__all__ = ["SERVICE_OPTIONS", "freeze_garbage"]

bound_paths()
disable_bentoml_timers()
install(DirectRoute)
if server_context.worker_index is not None:  # a worker, and no test or command
    tie_to_parent()

SERVICE_OPTIONS: dict[str, Any] = {
    "traffic": {"timeout": REQUEST_TIMEOUT_S},
    "logging": {"access": {"enabled": False}},
    # OpenTelemetry costs 0.2 ms per request even where nobody listens.
    "tracing": {"excluded_urls": [".*"]},
    "metrics": {"enabled": True, "namespace": "doorstep"},
    "workers": 1,
}

_GC_THRESHOLDS = (50_000, 50, 100)

# A thread that computes lets others run after so long; Python's own 5 ms would show in answers.
_SWITCH_INTERVAL_S = 0.0005


def freeze_garbage() -> None:
    """Exclude all present objects from garbage collection, and collect others rarely.

    Call it once, after the warm-up and before the first request.
    """
    gc.collect()
    gc.freeze()
    gc.set_threshold(*_GC_THRESHOLDS)
    sys.setswitchinterval(_SWITCH_INTERVAL_S)
