"""The page of a service: what it says, that it loads nothing, that nothing can be smuggled in."""

from __future__ import annotations

import json
from html.parser import HTMLParser
from typing import Any

import pytest

from services.middleware.front_page import PAGE_HEADERS, page_of
from services.middleware.guard import OPEN_PATHS
from services.schemas.order_schema import order_schema, with_order
from services.schemas.vocabulary import Vocabulary
from tests.services.bento.test_openapi import SERVICES, description_of

NUMBERS = ("amount", "distance_m", "since_ready_s", "floor", "wind_speed_m_s")
NAMES = (*NUMBERS, "store_id", "city")
LOADING = ("script", "iframe", "img", "object", "embed", "video", "audio", "base", "form")


class Page(HTMLParser):
    """What stands in a page: its tags with their attributes, its text, its tables."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.tags: list[tuple[str, dict[str, str | None]]] = []
        self.words: list[str] = []
        self.rows: list[list[str]] = []
        self._inside: list[str] = []
        self.feed(text)
        self.close()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, dict(attrs)))
        self._inside.append(tag)
        if tag == "tr":
            self.rows.append([])
        if tag == "td":
            self.rows[-1].append("")

    def handle_endtag(self, tag: str) -> None:
        while self._inside and self._inside.pop() != tag:
            pass

    def handle_data(self, data: str) -> None:
        if "style" in self._inside:
            return
        self.words.append(data)
        if "td" in self._inside:
            self.rows[-1][-1] += data

    @property
    def text(self) -> str:
        return " ".join(" ".join(self.words).split())


def document_of(name: str) -> dict[str, Any]:
    document: dict[str, Any] = json.loads(description_of(name))
    return document


@pytest.mark.parametrize("name", SERVICES)
def test_every_endpoint_is_there_with_its_method_and_what_it_does(name: str) -> None:
    document = document_of(name)
    page = Page(page_of(document))
    assert ("title", {}) in page.tags
    assert f"Doorstep: {name}" in page.text
    for path, operations in document["paths"].items():
        for method, operation in operations.items():
            said = f"{method.upper()} {path} {operation['summary']}"
            if path in OPEN_PATHS:
                assert [path, operation["summary"]] in page.rows
            else:
                assert said in page.text
    links = {attributes.get("href") for tag, attributes in page.tags if tag == "a"}
    assert {"docs.json", "schema.json", "readyz", "metrics"} <= links
    assert "callers.md" in page.text


@pytest.mark.parametrize("name", SERVICES)
def test_nothing_is_loaded_from_anywhere(name: str) -> None:
    text = page_of(document_of(name))
    page = Page(text)
    assert "//" not in text.replace('"//', "")
    assert "@import" not in text
    assert "url(" not in text
    for tag, attributes in page.tags:
        assert tag not in LOADING
        assert not [one for one in attributes if one.startswith("on")]
        target = attributes.get("href") or attributes.get("src") or ""
        assert ":" not in target or target == "data:,", f"{tag} leads to {target}"
    policy = PAGE_HEADERS["content-security-policy"]
    assert policy.startswith("default-src 'none'")
    assert "script-src" not in policy
    assert "connect-src" not in policy


def test_the_fields_of_an_order_have_types_and_units() -> None:
    document = with_order(
        document_of("etp"), order_schema(Vocabulary(frozenset(NAMES), frozenset(NUMBERS)))
    )
    page = Page(page_of(document))
    for row in (
        ["amount", "number, 0 to 1,000,000,000", "currency", "Value of the basket"],
        ["distance_m", "number, 0 to 1,000,000", "m", "Distance from the store to the customer"],
        ["since_ready_s", "number, 0 to 1,000,000,000", "s", "Time since the order was ready"],
        ["store_id", "string or integer", "", "The store"],
        ["wind_speed_m_s", "number", "m/s", "Wind speed"],
    ):
        assert row in page.rows
    assert len([row for row in page.rows if len(row) == 4]) == len(NAMES)


def test_a_page_without_models_says_nothing_of_orders() -> None:
    assert "Fields of" not in page_of(document_of("etp"))


def test_the_page_says_whether_a_key_is_needed() -> None:
    document = document_of("wall_eta")
    assert "Endpoints need an API key: Authorization: Bearer KEY" in Page(page_of(document)).text
    for operations in document["paths"].values():
        for operation in operations.values():
            operation["security"] = []
    assert "This service has no API keys." in Page(page_of(document)).text


def test_markup_in_names_is_text() -> None:
    """A feature, a field or an example may be called anything."""
    hostile = "<script>alert(1)</script>\"'&"
    document = document_of("etp")
    document["info"].update(title=hostile, description=hostile, version=hostile)
    post = document["paths"]["/predict"]["post"]
    post.update(summary=hostile, description=hostile + hostile)
    post["requestBody"]["content"]["application/json"]["example"] = {hostile: hostile}
    document["paths"]["/" + hostile] = {"get": document["paths"]["/livez"]["get"]}
    page = Page(
        page_of(with_order(document, order_schema(Vocabulary(frozenset([hostile]), frozenset()))))
    )
    assert "script" not in {tag for tag, _ in page.tags}
    assert hostile in page.text
