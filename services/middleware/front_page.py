"""The page of a service, for whoever opens its address in a browser.

It is made of the service's OpenAPI description alone, so it shows nothing that is not open anyway,
and says nothing that the description does not. It loads nothing: one file, no script.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from html import escape
from typing import Any

from services.middleware.infrastructure_paths import TAG as INFRASTRUCTURE
from services.middleware.page_style import STYLE

__all__ = ["PAGE_HEADERS", "page_of"]

PAGE_HEADERS = {
    "content-security-policy": (
        "default-src 'none'; style-src 'unsafe-inline'; img-src data:; base-uri 'none';"
        " form-action 'none'; frame-ancestors 'none'"
    ),
    "referrer-policy": "no-referrer",
    "x-content-type-options": "nosniff",
}
"""The browser is told to load nothing, wherever from, and to run nothing."""

_DOCS = {
    "callers.md": "the three callers, with requests that run",
    "event_service.md": "events and features over HTTP",
    "estimator_services.md": "each estimator as a service",
    "operations.md": "keys, deadlines, limits, logs, metrics",
}
_KEY = "Endpoints need an API key: <code>Authorization: Bearer KEY</code>."
_NO_KEY = "This service has no API keys."


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
    parts = [
        f"<h1>{escape(info['title'])}</h1>",
        f"<p class=lead>{escape(first)}</p>",
        *([f"<p>{escape(rest.strip())}</p>"] if rest.strip() else []),
        f"<p>{_KEY if any(one['security'] for _, _, one in own) else _NO_KEY}"
        " The whole description, for programs: <a href=docs.json>docs.json</a> (OpenAPI"
        f" {escape(document['openapi'])}). Version: {escape(info['version'])}.</p>",
        "<h2>Endpoints</h2>",
        *(_endpoint(*one) for one in own),
        *_order(document["components"]["schemas"].get("Order")),
        "<h2>Open to everybody</h2>",
        _table("open", (_open_row(path, one) for _, path, one in others)),
        "<h2>Read on</h2>",
        "<p>In the project's folder <code>docs/</code>:</p>",
        _table("docs", ((f"<code>{name}</code>", words) for name, words in _DOCS.items())),
    ]
    return _HEAD.format(title=escape(info["title"]), style=STYLE) + "\n".join(parts) + _FOOT


_HEAD = """<!doctype html>
<html lang=en>
<head>
<meta charset=utf-8>
<meta name=viewport content="width=device-width, initial-scale=1">
<title>{title}</title>
<link rel=icon href="data:,">
<style>{style}</style>
</head>
<body>
<main>
"""
_FOOT = "\n</main>\n</body>\n</html>\n"


def _operations(paths: Mapping[str, Any]) -> Iterable[tuple[str, str, dict[str, Any]]]:
    for path, operations in paths.items():
        for method, operation in operations.items():
            yield method.upper(), path, operation


def _endpoint(method: str, path: str, operation: Mapping[str, Any]) -> str:
    """Return what one endpoint does, in one line; more, and an example, where that is opened."""
    scopes = ", ".join(operation["x-scopes"])
    line = (
        f"<summary><span class=call><b>{method}</b> <code>{escape(path)}</code></span>"
        f" <span class=what>{escape(operation['summary'])}</span></summary>"
    )
    more = operation["description"].removeprefix(operation["summary"]).strip()
    details = [f"<p>{escape(more)}</p>"] if more else []
    details.append(f"<p>For keys with the scope {escape(scopes)}, or admin.</p>")
    for media_type, content in operation.get("requestBody", {}).get("content", {}).items():
        if "example" in content:
            example = escape(json.dumps(content["example"], indent=2, ensure_ascii=False))
            details.append(f"<p>Takes {escape(media_type)}, such as:</p><pre>{example}</pre>")
            break
    return f"<details>{line}{''.join(details)}</details>"


def _open_row(path: str, operation: Mapping[str, Any]) -> tuple[str, str]:
    relative = escape(path.lstrip("/") or ".", quote=True)
    return f'<a href="{relative}">{escape(path)}</a>', escape(operation["summary"])


def _order(schema: Mapping[str, Any] | None) -> Iterable[str]:
    """Yield the fields of an order, where the service has models that say which there are."""
    if schema is None:
        return
    yield "<h2>Fields of <code>order</code></h2>"
    yield f"<p>{escape(schema['description'])}</p>"
    rows = (
        (
            f"<code>{escape(name)}</code>",
            escape(_type(field)),
            escape(field.get("x-unit", "")),
            escape(field["description"]),
        )
        for name, field in sorted(schema["properties"].items())
    )
    yield _table("order", rows, head=("field", "type", "unit", "what it is"))


def _type(field: Mapping[str, Any]) -> str:
    found = " or ".join(one for one in field["type"] if one != "null")
    if "minimum" not in field:
        return found
    return f"{found}, {field['minimum']:,.15g} to {field['maximum']:,.15g}"


def _table(kind: str, rows: Iterable[tuple[str, ...]], head: tuple[str, ...] = ()) -> str:
    cells = "".join(f"<th>{name}</th>" for name in head)
    lines = [f"<tr>{cells}</tr>"] if head else []
    lines += ["<tr>" + "".join(f"<td>{cell}</td>" for cell in row) + "</tr>" for row in rows]
    return f"<table class={kind}>{''.join(lines)}</table>"
