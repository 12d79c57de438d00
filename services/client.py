"""A small client of the services: typed requests and answers over httpx, no model library."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from types import TracebackType
from typing import Any, TypeVar

import httpx
import msgspec

from services.limits import REQUEST_TIMEOUT_S
from services.schemas import (
    DEFAULT_LEVELS,
    CloudEvent,
    EventsAnswer,
    PredictAnswer,
    PredictBatchAnswer,
    PredictRequest,
    Problem,
)

__all__ = ["ClientError", "EtpClient", "RequestRefused", "ServiceUnreachable"]

T = TypeVar("T")


class ClientError(Exception):
    """Base of the client's errors."""


class ServiceUnreachable(ClientError):
    """No answer arrived: the service is down, unknown or too slow."""


class RequestRefused(ClientError):
    """The service refused the request; ``problem`` has the field and the reason.

    ``http_status`` is 4xx for what was sent, 503 where sending it again later is worthwhile.
    """

    def __init__(self, http_status: int, problem: Problem) -> None:
        where = f"{problem.field}: " if problem.field else ""
        super().__init__(f"{http_status}, {where}{problem.reason} (request {problem.request_id})")
        self.http_status = http_status
        self.problem = problem


class EtpClient:
    """Talks to one eTP service. A context manager; calls are blocking.

    Args:
        url: base address, such as ``http://127.0.0.1:3000``.
        timeout_s: longest wait for an answer.
        transport: takes the place of the network, in tests.

    >>> answer = {
    ...     "request_id": "r",
    ...     "status": "ok",
    ...     "as_of": "2026-03-02T12:00:00Z",
    ...     "sample_id": None,
    ...     "mean_s": 610.0,
    ...     "quantiles_s": {"0.5": 600.0},
    ...     "model": {"tag": "etp:1", "catalog_version": "1.0.0", "fingerprint": "f"},
    ... }
    >>> transport = httpx.MockTransport(lambda request: httpx.Response(200, json=answer))
    >>> with EtpClient("http://etp", transport=transport) as client:
    ...     client.predict({"store_id": "s-1"}, sample_id=None, levels=[0.5]).quantiles_s
    {'0.5': 600.0}
    """

    def __init__(
        self,
        url: str,
        *,
        timeout_s: float = REQUEST_TIMEOUT_S,
        transport: httpx.BaseTransport | None = None,
    ) -> None:
        # Proxy settings of the environment are for the world outside, not for a service next door.
        self._http = httpx.Client(
            base_url=url, timeout=timeout_s, transport=transport, trust_env=False
        )

    def __enter__(self) -> EtpClient:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self.close()

    def close(self) -> None:
        """Close the connections."""
        self._http.close()

    def predict(
        self,
        order: Mapping[str, Any],
        *,
        sample_id: str | int | None,
        as_of: datetime | None = None,
        levels: Sequence[float] = DEFAULT_LEVELS,
        include_features: bool = False,
    ) -> PredictAnswer:
        """Ask for one estimate.

        Args:
            order: dimensions and facts of the order.
            sample_id: the order's id, or None where it does not exist yet.
            as_of: the moment, timezone-aware; None means now.
            levels: quantile levels to answer, each above 0 and below 1.
            include_features: also answer the features' values.

        Raises:
            RequestRefused: the service said no, and why.
            ServiceUnreachable: no answer.
        """
        request = PredictRequest(
            order=dict(order),
            sample_id=sample_id,
            as_of=as_of,
            levels=list(levels),
            include_features=include_features,
        )
        return self._post("/predict", request, PredictAnswer)

    def predict_batch(self, requests: Iterable[PredictRequest]) -> PredictBatchAnswer:
        """Ask for many estimates at once; each row has its own answer or problem."""
        return self._post("/predict_batch", {"rows": list(requests)}, PredictBatchAnswer)

    def send_events(self, events: Iterable[CloudEvent]) -> EventsAnswer:
        """Send a batch of events; the service has the accepted ones when this returns."""
        return self._post("/events", list(events), EventsAnswer)

    def is_ready(self) -> bool:
        """Return whether the service is up and has its model."""
        try:
            return self._http.get("/readyz").status_code == httpx.codes.OK
        except httpx.HTTPError:
            return False

    def _post(self, path: str, content: Any, kind: type[T]) -> T:
        try:
            response = self._http.post(
                path,
                content=msgspec.json.encode(content),
                headers={"content-type": "application/json"},
            )
        except httpx.HTTPError as error:
            raise ServiceUnreachable(
                f"no answer from {self._http.base_url}: {type(error).__name__} {error}".rstrip()
            ) from error
        if response.status_code != httpx.codes.OK:
            raise RequestRefused(response.status_code, _problem_of(response))
        return msgspec.json.decode(response.content, type=kind)


def _problem_of(response: httpx.Response) -> Problem:
    try:
        return msgspec.json.decode(response.content, type=Problem)
    except msgspec.MsgspecError:  # from something on the way, not from the service itself
        return Problem(
            error="unknown",
            field="",
            reason=response.text[:500],
            request_id=response.headers.get("x-request-id", ""),
        )
