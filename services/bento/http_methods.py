"""List the HTTP methods of each path of a service."""

from __future__ import annotations

from typing import Any

from services.bento.fast_path import READING, questions_of

__all__ = ["methods_of"]


def methods_of(service: Any) -> dict[str, str]:
    """Return the value of the header ``Allow`` for each path.

    An endpoint that takes POST, one that takes GET and a mounted application can answer the same
    path, so no router alone knows all methods.

    Args:
        service: a BentoML service.
    """
    found: dict[str, set[str]] = {}
    for method in service.apis.values():
        found.setdefault(method.route, set()).add("POST")
    for path in questions_of(service.inner):
        found.setdefault(path, set()).update(READING)
    for app, prefix, _ in service.mount_apps:
        for route in getattr(app, "routes", ()):
            found.setdefault(prefix.rstrip("/") + route.path, set()).update(route.methods or ())
    return {path: ", ".join(sorted(methods)) for path, methods in found.items()}
