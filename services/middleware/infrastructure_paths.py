"""Describe the paths that need no key in OpenAPI: health, metrics, descriptions."""

from __future__ import annotations

from typing import Any

__all__ = ["TAG", "infrastructure_paths"]

TAG = "infrastructure"

_TEXT = "text/plain"
_HTML = "text/html"
_JSON = "application/json"

_OPEN: dict[str, tuple[str, str, str, dict[str, Any]]] = {
    "/": (
        "This service as a page",
        "What the service answers, for people; it loads nothing from elsewhere.",
        _HTML,
        {"type": "string"},
    ),
    "/docs.json": (
        "This description",
        "The service's endpoints, as OpenAPI.",
        _JSON,
        {"type": "object"},
    ),
    "/schema.json": (
        "Inputs and outputs, as BentoML's clients want them",
        "Routes with the JSON schemas of what they take and give.",
        _JSON,
        {"type": "object"},
    ),
    "/livez": (
        "Does the process live?",
        "200 as long as the process answers; restart it where it does not.",
        _TEXT,
        {"type": "string"},
    ),
    "/healthz": (
        "The same as /livez",
        "Kubernetes has preferred `/livez` and `/readyz` since 1.16.",
        _TEXT,
        {"type": "string"},
    ),
    "/readyz": (
        "May it get requests?",
        "200 once the service has all that it needs, with what makes answers worse all the same;"
        " until then 503 with the reason.",
        _JSON,
        {
            "type": "object",
            "properties": {
                "status": {"const": "ready"},
                "notes": {"type": "array", "items": {"type": "string"}},
            },
            "required": ["status", "notes"],
        },
    ),
    "/metrics": (
        "Metrics, as Prometheus reads them",
        "Counters and histograms of this process and of its service.",
        _TEXT,
        {"type": "string"},
    ),
}
_NOT_NOW = {
    "500": "A failure of the service; its log has it under the request's id",
    "503": "Not now; the reason says what is missing",
    "504": "There was no answer in time",
}


def infrastructure_paths() -> dict[str, Any]:
    """Return the OpenAPI description of the open paths of a service.

    >>> sorted(infrastructure_paths()["/livez"]["get"]["responses"])
    ['200', '500', '503', '504']
    """
    problem = {_JSON: {"schema": {"$ref": "#/components/schemas/Problem"}}}
    headers = {"x-request-id": {"$ref": "#/components/headers/x-request-id"}}
    refusals = {
        status: {"description": text, "content": problem, "headers": headers}
        for status, text in _NOT_NOW.items()
    }
    found: dict[str, Any] = {}
    for path, (summary, description, media_type, schema) in _OPEN.items():
        answer = {
            "description": summary,
            "content": {media_type: {"schema": schema}},
            "headers": headers,
        }
        found[path] = {
            "get": {
                "summary": summary,
                "description": description,
                "operationId": f"open__{path.strip('/').partition('.')[0] or 'page'}",
                "tags": [TAG],
                "security": [],
                "responses": {"200": answer, **refusals},
            }
        }
    return found
