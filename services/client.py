"""Small clients of the services: typed requests and answers over httpx, no model library.

A service that says 429 or 503 is asked again after the seconds that it names, as long as there is
time left and the budget for that lasts: every request can be sent twice, because an event that is
known already changes nothing. A client that is used while a request is answered hands on that
request's trace and deadline.
"""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from datetime import datetime
from types import TracebackType
from typing import Any, Self, TypeVar

import httpx
import msgspec

from services.feature_schemas import (
    ExplainAnswer,
    ExplainRequest,
    FeatureRow,
    FeaturesAnswer,
    FeaturesBatchAnswer,
    FeaturesRequest,
)
from services.limits import REQUEST_TIMEOUT_S
from services.request_context import TIMEOUT_HEADER, current_request
from services.retrying import RetryBudget
from services.schemas import (
    DEFAULT_LEVELS,
    CloudEvent,
    EventsAnswer,
    PredictAnswer,
    PredictBatchAnswer,
    PredictRequest,
    Problem,
)

__all__ = ["ClientError", "EtpClient", "EventClient", "RequestRefused", "ServiceUnreachable"]

T = TypeVar("T")

API_KEY_VARIABLE = "DOORSTEP_API_KEY"
"""Environment variable of the key that a client sends, where it is given none."""
RETRIES = 3
"""How often a request is sent again after 429 or 503."""
_TRY_LATER = (httpx.codes.TOO_MANY_REQUESTS, httpx.codes.SERVICE_UNAVAILABLE)
_FIRST_WAIT_S = 0.1
_LEAST_S = 0.001  # a millisecond is the least that a service can be told


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


class _ServiceClient:
    """What the clients share. A context manager; calls are blocking.

    Args:
        url: base address, such as ``http://127.0.0.1:3000``.
        api_key: what the service knows this client by; that of the environment variable
            ``DOORSTEP_API_KEY`` by default, none where that is empty.
        timeout_s: longest wait for an answer, with all that is sent again. The service is told
            how much of it is left.
        retries: how often a request is sent again after 429 or 503.
        budget: how many requests of all may be sent again; one of its own by default. Clients of
            one service can share one.
        transport: takes the place of the network, in tests.
        clock: seconds that never run back; injected in tests.
        sleep: waits for seconds; injected in tests.
    """

    def __init__(
        self,
        url: str,
        *,
        api_key: str | None = None,
        timeout_s: float = REQUEST_TIMEOUT_S,
        retries: int = RETRIES,
        budget: RetryBudget | None = None,
        transport: httpx.BaseTransport | None = None,
        clock: Callable[[], float] = time.monotonic,
        sleep: Callable[[float], None] = time.sleep,
    ) -> None:
        self._timeout_s = timeout_s
        self._retries = retries
        self._budget = RetryBudget() if budget is None else budget
        self._clock = clock
        self._sleep = sleep
        key = os.environ.get(API_KEY_VARIABLE, "") if api_key is None else api_key
        headers = {"authorization": f"Bearer {key}"} if key else {}
        # Proxy settings of the environment are for the world outside, not for a service next door.
        self._http = httpx.Client(
            base_url=url, timeout=timeout_s, transport=transport, trust_env=False, headers=headers
        )

    def __enter__(self) -> Self:
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

    def send_events(self, events: Iterable[CloudEvent]) -> EventsAnswer:
        """Send a batch of events; the service has the accepted ones when this returns.

        Raises:
            RequestRefused: the service said no, and why; after 503 it was asked again before.
            ServiceUnreachable: no answer.
        """
        return self._post("/events", list(events), EventsAnswer)

    def is_ready(self) -> bool:
        """Return whether the service is up and has what it needs."""
        try:
            return self._http.get("/readyz").status_code == httpx.codes.OK
        except httpx.HTTPError:
            return False

    def _post(self, path: str, content: Any, kind: type[T]) -> T:
        body = msgspec.json.encode(content)
        self._budget.add_request()
        ends_s = self._clock() + self._time_left_s()
        response = self._send(path, body, ends_s)
        for attempt in range(self._retries):
            wait_s = _wait_s(response, attempt)
            if (
                response.status_code not in _TRY_LATER
                or self._clock() + wait_s >= ends_s
                or not self._budget.take_retry()
            ):
                break
            self._sleep(wait_s)
            response = self._send(path, body, ends_s)
        if response.status_code != httpx.codes.OK:
            raise RequestRefused(response.status_code, _problem_of(response))
        return msgspec.json.decode(response.content, type=kind)

    def _time_left_s(self) -> float:
        """Return the seconds for one call: no more than the request has left for which it is."""
        request = current_request()
        return self._timeout_s if request is None else min(self._timeout_s, request.remaining_s())

    def _send(self, path: str, body: bytes, ends_s: float) -> httpx.Response:
        left_s = ends_s - self._clock()
        if left_s < _LEAST_S:
            raise ServiceUnreachable(f"no time is left to ask {self._http.base_url}")
        headers = {"content-type": "application/json", TIMEOUT_HEADER: str(int(left_s * 1e3))}
        request = current_request()
        if request is not None:
            headers |= {"x-request-id": request.request_id, **request.trace.headers()}
        try:
            return self._http.post(path, content=body, headers=headers, timeout=left_s)
        except httpx.HTTPError as error:
            raise ServiceUnreachable(
                f"no answer from {self._http.base_url}: {type(error).__name__} {error}".rstrip()
            ) from error


class EtpClient(_ServiceClient):
    """Talks to one eTP service; see :class:`EventClient` for the arguments.

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


class EventClient(_ServiceClient):
    """Talks to one event service. A context manager; calls are blocking.

    Args:
        url: base address, such as ``http://127.0.0.1:3000``.
        api_key: what the service knows this client by; that of the environment variable
            ``DOORSTEP_API_KEY`` by default, none where that is empty.
        timeout_s: longest wait for an answer, with all that is sent again. The service is told
            how much of it is left.
        retries: how often a request is sent again after 429 or 503.
        budget: how many requests of all may be sent again; one of its own by default. Clients of
            one service can share one.
        transport: takes the place of the network, in tests.
        clock: seconds that never run back; injected in tests.
        sleep: waits for seconds; injected in tests.

    >>> answer = {
    ...     "request_id": "r",
    ...     "catalog": {"name": "doorstep", "version": "1.0.0", "fingerprint": "f"},
    ...     "as_of": "2026-03-02T12:00:00Z",
    ...     "keys": {"store_id": "s-1"},
    ...     "sample_id": None,
    ...     "features": {"store_queue_orders": 2.0},
    ... }
    >>> transport = httpx.MockTransport(lambda request: httpx.Response(200, json=answer))
    >>> with EventClient("http://events", transport=transport) as client:
    ...     answer = client.features({"store_id": "s-1"}, sample_id=None)
    ...     print(answer.features)
    {'store_queue_orders': 2.0}
    """

    def features(
        self,
        keys: Mapping[str, str | int | None],
        *,
        sample_id: str | int | dict[str, str | int | None] | None,
        names: Sequence[str] = (),
        topic: str | None = None,
        as_of: datetime | None = None,
        event_times: bool = False,
    ) -> FeaturesAnswer:
        """Ask for the values of features.

        Args:
            keys: a value for each dimension, None where it is missing.
            sample_id: the sample for which this is asked, or None where it does not exist yet; by
                source where there are several.
            names: the features; all that the keys allow, if there are none.
            topic: a topic of the catalog instead of names.
            as_of: the moment, timezone-aware; None means now.
            event_times: also answer which events the values rest on.

        Raises:
            RequestRefused: the service said no, and why.
            ServiceUnreachable: no answer.
        """
        request = FeaturesRequest(
            keys=dict(keys),
            sample_id=sample_id,
            features=list(names),
            topic=topic,
            as_of=as_of,
            event_times=event_times,
        )
        return self._post("/features", request, FeaturesAnswer)

    def features_batch(
        self, rows: Iterable[FeatureRow], *, names: Sequence[str] = (), topic: str | None = None
    ) -> FeaturesBatchAnswer:
        """Ask for the same features of many rows; each has its own answer or problem."""
        request = {"rows": list(rows), "features": list(names), "topic": topic}
        return self._post("/features_batch", request, FeaturesBatchAnswer)

    def explain(
        self,
        name: str,
        keys: Mapping[str, str | int | None],
        *,
        sample_id: str | int | None,
        as_of: datetime | None = None,
        why: str | int | None = None,
    ) -> ExplainAnswer:
        """Ask why a feature has its value, and why a sample counts in it or does not."""
        request = ExplainRequest(
            feature=name, keys=dict(keys), sample_id=sample_id, as_of=as_of, why=why
        )
        return self._post("/explain", request, ExplainAnswer)


def _wait_s(response: httpx.Response, attempt: int) -> float:
    """Return how long to wait before a request is sent again: as the service says, if it does."""
    named = response.headers.get("retry-after", "")
    return float(named) if named.isdigit() else _FIRST_WAIT_S * 2.0**attempt


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
