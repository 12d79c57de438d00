"""Which methods of HTTP the paths of a service take."""

from __future__ import annotations

from typing import Any

__all__ = ["methods_of"]


def methods_of(service: Any) -> dict[str, str]:
    """Return the methods of each path as the header ``Allow`` has them.

    A path may be answered by an endpoint of BentoML, which is POST, and by an application beside
    it: a router that knows one of them alone would name too few.

    Args:
        service: a BentoML service.
    """
    found: dict[str, set[str]] = {}
    for method in service.apis.values():
        found.setdefault(method.route, set()).add("POST")
    for app, prefix, _ in service.mount_apps:
        for route in getattr(app, "routes", ()):
            found.setdefault(prefix.rstrip("/") + route.path, set()).update(route.methods or ())
    return {path: ", ".join(sorted(methods)) for path, methods in found.items()}
