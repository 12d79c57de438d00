"""HTTP to services on this machine, by clients that wait for minutes and never ask a proxy."""

from __future__ import annotations

from typing import Any

import httpx

from tests.waiting import PATIENCE_S

__all__ = ["get", "http_client", "metric_of", "post"]


def http_client(url: str) -> httpx.Client:
    """A client of a service."""
    return httpx.Client(base_url=url, trust_env=False, timeout=PATIENCE_S)


def get(url: str, **options: Any) -> httpx.Response:
    """What a service answers to a GET."""
    return httpx.get(url, trust_env=False, timeout=PATIENCE_S, **options)


def post(url: str, **options: Any) -> httpx.Response:
    """What a service answers to a POST."""
    return httpx.post(url, trust_env=False, timeout=PATIENCE_S, **options)


def metric_of(url: str, name: str) -> float:
    """The value of a metric without labels; 0 where it has none yet."""
    lines = get(f"{url}/metrics").text.splitlines()
    return sum(float(line.split()[-1]) for line in lines if line.startswith(f"{name} "))
