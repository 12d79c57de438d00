"""Choose which estimates of the ETA service are logged: all single orders, a part of long lists.

A courier selection estimates thousands of pairs, of which one per order can come true: the best
pair of each order is logged. Of a list of stores, an evenly spaced part is logged.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from time import time
from typing import Any

import numpy as np

from aggregators.typing import SampleId
from services.core.context import current_request
from services.prediction_log.log import PredictionLog
from services.prediction_log.table import Served
from services.schemas.common import ModelInfo

__all__ = ["MAX_LOGGED_STORES", "PredictionLogger", "spread"]

MAX_LOGGED_STORES = 10
"""Stores per list whose ranges are logged."""

_NO_FEATURES = np.empty(0)


class PredictionLogger:
    """Logs estimates under one name.

    Args:
        log: takes the estimates; None: nothing is logged.
        service: the name in the log, such as ``eta/courier_arrival``.
        model: the model that composed them.
    """

    def __init__(self, log: PredictionLog | None, service: str, model: ModelInfo) -> None:
        self._log = log
        self._service = service
        self._model = model
        self.is_open = log is not None
        """Whether anything is logged."""

    def add(
        self,
        *,
        request_id: str,
        row: int,
        order_id: SampleId | None,
        as_of: datetime,
        status: str,
        notes: Sequence[str],
        order: Mapping[str, Any],
        mean_s: float,
        quantiles_s: Mapping[float, float],
        model: ModelInfo | None = None,
    ) -> None:
        """Log one estimate; see :class:`~services.prediction_log.table.Served`.

        ``model`` is the model of an estimate that was not composed.
        """
        if self._log is None:
            return
        asked = current_request()
        answered = self._model if model is None else model
        self._log.add(
            Served(
                time=time(),
                request_id=request_id,
                trace_id="" if asked is None else asked.trace.trace_id,
                row=row,
                service=self._service,
                model_tag=answered.tag,
                catalog_version=answered.catalog_version,
                fingerprint=answered.fingerprint,
                sample_id=order_id,
                as_of=as_of,
                status=status,
                notes=list(notes),
                order=dict(order),
                names=(),
                features=_NO_FEATURES,
                mean_s=mean_s,
                levels=list(quantiles_s),
                quantiles_s=list(quantiles_s.values()),
            )
        )


def spread(n: int, most: int) -> list[int]:
    """Return up to so many positions of a list, evenly spaced.

    >>> spread(5, 10), spread(10, 3)
    ([0, 1, 2, 3, 4], [0, 3, 6])
    """
    if n <= most:
        return list(range(n))
    return [k * n // most for k in range(most)]
