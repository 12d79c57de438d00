"""Render the page of a service for a browser.

It is made of the service's OpenAPI description alone, so it shows nothing that is not open anyway,
and says nothing that the description does not. It loads nothing: one file, no script.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

from markupsafe import Markup

from services.core.pages.rendering import render
from services.middleware.infrastructure_paths import TAG as INFRASTRUCTURE

__all__ = ["PAGE_HEADERS", "page_of"]

PAGE_HEADERS = {
    "content-security-policy": (
        "default-src 'none'; style-src 'unsafe-inline'; img-src data:; base-uri 'none';"
        " form-action 'none'; frame-ancestors 'none'"
    ),
    "referrer-policy": "no-referrer",
    "x-content-type-options": "nosniff",
}
"""Forbids the browser to load or run anything."""

_DOCS = {
    "callers.md": "the three callers, with requests that run",
    "event_service.md": "events and features over HTTP",
    "estimator_services.md": "each estimator as a service",
    "operations.md": "keys, deadlines, limits, logs, metrics",
}

TEMPLATES = Path(__file__).parent / "templates"

_CODE = Markup("<code>{}</code>")


def page_of(document: Mapping[str, Any]) -> str:
    """Return the page of a service as HTML.

    Args:
        document: the OpenAPI description of the service.
    """
    info = document["info"]
    first, _, rest = info["description"].partition("\n")
    operations = list(_operations(document["paths"]))
    own = [one for one in operations if INFRASTRUCTURE not in one[2]["tags"]]
    others = [one for one in operations if INFRASTRUCTURE in one[2]["tags"]]
    return render(
        "front_page.html",
        folder=TEMPLATES,
        title=info["title"],
        lead=first,
        more=rest.strip(),
        needs_key=any(operation["security"] for _, _, operation in own),
        openapi=document["openapi"],
        version=info["version"],
        endpoints=[_endpoint(*one) for one in own],
        order=_order(document["components"]["schemas"].get("Order")),
        open=[_open_row(path, operation) for _, path, operation in others],
        docs=[(_CODE.format(name), words) for name, words in _DOCS.items()],
    )


def _operations(paths: Mapping[str, Any]) -> Iterable[tuple[str, str, dict[str, Any]]]:
    for path, operations in paths.items():
        for method, operation in operations.items():
            yield method.upper(), path, operation


def _endpoint(method: str, path: str, operation: Mapping[str, Any]) -> dict[str, str]:
    """Return what the page says of one endpoint; an example where the description has one."""
    found = {
        "method": method,
        "path": path,
        "summary": operation["summary"],
        "description": operation["description"].removeprefix(operation["summary"]).strip(),
        "scopes": ", ".join(operation["x-scopes"]),
        "example": "",
    }
    for media_type, content in operation.get("requestBody", {}).get("content", {}).items():
        if "example" in content:
            example = json.dumps(content["example"], indent=2, ensure_ascii=False)
            return {**found, "media_type": media_type, "example": example}
    return found


def _open_row(path: str, operation: Mapping[str, Any]) -> tuple[str, str]:
    link = Markup('<a href="{}">{}</a>').format(path.lstrip("/") or ".", path)
    return link, operation["summary"]


def _order(schema: Mapping[str, Any] | None) -> dict[str, Any] | None:
    """Return the fields of an order, where the service has models that say which there are."""
    if schema is None:
        return None
    fields = [
        (_CODE.format(name), _type(field), field.get("x-unit", ""), field["description"])
        for name, field in sorted(schema["properties"].items())
    ]
    return {"description": schema["description"], "fields": fields}


def _type(field: Mapping[str, Any]) -> str:
    found = " or ".join(one for one in field["type"] if one != "null")
    if "minimum" not in field:
        return found
    return f"{found}, {field['minimum']:,.15g} to {field['maximum']:,.15g}"
