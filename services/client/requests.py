"""Builds the HTTP requests of a client: address, headers, API key, time limits."""

from __future__ import annotations

from collections.abc import Mapping

import httpx

from services.client.retries import timeout_of
from services.core.settings.access import ClientSettings

__all__ = ["Keys", "OwnSample", "RequestBuilder"]

Keys = Mapping[str, str | int | None]
"""A value for each dimension, None where it is missing."""
OwnSample = str | int | dict[str, str | int | None] | None
"""The id of the sample for which features are asked, by source where there are several."""

_READY_S = 5.0
_JSON = "application/json"


class RequestBuilder:
    """Builds the requests to one service.

    The clients of httpx would also follow redirects and keep cookies. A call costs a quarter less
    without them (docs/client.md), so the requests go to httpx's transports directly.

    Args:
        url: base address of the service.
        api_key: key to send; None: that of the environment.

    Raises:
        SettingError: the file with the key cannot be read, or the key is a placeholder.

    >>> request = RequestBuilder("http://etp:3000/v1/", "").question("/predict", b"{}", {}, 0.5)
    >>> str(request.url), request.extensions["timeout"]["read"]
    ('http://etp:3000/v1/predict', 0.5)
    """

    def __init__(self, url: str, api_key: str | None) -> None:
        key = ClientSettings.from_environment().key() if api_key is None else api_key
        self._headers = {"accept": _JSON, "accept-encoding": "identity", "content-type": _JSON}
        if key:
            self._headers["authorization"] = f"Bearer {key}"
        self._url = httpx.URL(url)
        self._base = self._url.path.rstrip("/")
        self._urls: dict[str, httpx.URL] = {}

    def question(
        self, path: str, body: bytes, headers: dict[str, str], left_s: float
    ) -> httpx.Request:
        """Return a question.

        Args:
            path: path of the endpoint.
            body: JSON.
            headers: headers of this request alone.
            left_s: seconds that its caller waits for the answer.
        """
        return httpx.Request(
            "POST",
            self._url_of(path),
            content=body,
            headers={**self._headers, **headers},
            extensions={"timeout": timeout_of(left_s)},
        )

    def readiness(self) -> httpx.Request:
        """Return the request that asks whether the service is ready."""
        return httpx.Request(
            "GET",
            self._url_of("/readyz"),
            headers={"accept": "*/*"},
            extensions={"timeout": timeout_of(_READY_S)},
        )

    def _url_of(self, path: str) -> httpx.URL:
        found = self._urls.get(path)
        if found is None:
            found = self._urls[path] = self._url.copy_with(path=self._base + path)
        return found
