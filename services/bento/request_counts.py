"""Count requests in BentoML's instruments, without looking the instruments up at each request."""

from __future__ import annotations

import time
from typing import Any

from bentoml._internal.context import server_context

from services.bento.patches import BoundedTraffic, counted_path

__all__ = ["PathCounts", "RequestCounts"]


class RequestCounts:
    """Counts the requests of a service, as BentoML's middleware does.

    Args:
        traffic: BentoML's middleware, whose instruments are counted in.
    """

    def __init__(self, traffic: BoundedTraffic) -> None:
        if not traffic._is_setup:
            traffic._setup()
        self._traffic: Any = traffic
        self._last: Any = traffic.metrics_last_request_timestamp.labels(**_labels())
        self._by_path: dict[str, PathCounts] = {}

    def begin(self, path: str) -> Running:
        """Count a request that begins.

        Args:
            path: one of the service's paths; there are few.
        """
        counts = self._by_path.get(path)
        if counts is None:
            counts = self._by_path[path] = PathCounts(self._traffic, counted_path(path))
        self._last.set_to_current_time()
        counts.in_progress.inc()
        return Running(counts)


class PathCounts:
    """Holds the instruments of one path.

    Args:
        traffic: BentoML's middleware.
        path: under which its requests are counted.
    """

    def __init__(self, traffic: Any, path: str) -> None:
        self._traffic = traffic
        self._labels = {"endpoint": path, **_labels()}
        self.in_progress: Any = traffic.metrics_request_in_progress.labels(**self._labels)
        self._by_status: dict[int, tuple[Any, Any]] = {}

    def answered(self, status: int, seconds: float) -> None:
        """Count an answer."""
        found = self._by_status.get(status)
        if found is None:
            labels = {**self._labels, "http_response_code": status}
            found = self._by_status[status] = (
                self._traffic.metrics_request_total.labels(**labels),
                self._traffic.metrics_request_duration.labels(**labels),
            )
        total, duration = found
        total.inc()
        duration.observe(seconds)


class Running:
    """Holds one request that has begun."""

    __slots__ = ("_began_s", "_counts")

    def __init__(self, counts: PathCounts) -> None:
        self._counts = counts
        self._began_s = time.perf_counter()

    def end(self, status: int) -> None:
        """Count the end of the request.

        Args:
            status: of the answer; 0 if none was sent.
        """
        if status:
            self._counts.answered(status, time.perf_counter() - self._began_s)
        self._counts.in_progress.dec()


def _labels() -> dict[str, Any]:
    """Return the labels that all requests of a worker share."""
    return {
        "service_name": server_context.bento_name,
        "service_version": server_context.bento_version,
        "runner_name": server_context.service_name,
    }
