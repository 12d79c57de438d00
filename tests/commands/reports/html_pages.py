"""What must hold of every page: one file, well formed, light and dark, for narrow screens too."""

from __future__ import annotations

import re
import xml.etree.ElementTree as ET
from html.parser import HTMLParser

from commands.reports.chart import WIDTH_PX

__all__ = ["Page", "check_page", "check_texts_fit"]

FONT_LEAST_PX = 12.0
VOID = {"meta", "br", "link", "img", "input", "hr"}
LOADING = {"script", "iframe", "img", "object", "embed", "video", "audio", "base", "form"}
LETTER_SHARE = 0.62
"""Width of a letter of a wide font, of its size."""


class Page(HTMLParser):
    """Where everything of a page stands."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.text = text
        self.open: list[tuple[str, dict[str, str]]] = []
        self.tags: list[tuple[str, dict[str, str]]] = []
        self.parents: list[list[tuple[str, dict[str, str]]]] = []
        self.words: list[str] = []
        self.headings: list[str] = []
        self.contents: list[str] = []
        self.rows: list[list[str]] = []
        self.feed(text)
        self.close()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        found = {name: value or "" for name, value in attrs}
        self.tags.append((tag, found))
        self.parents.append(list(self.open))
        if tag == "tr":
            self.rows.append([])
        if tag in {"td", "th"}:
            self.rows[-1].append("")
        if tag == "h2":
            self.headings.append("")
        if tag == "a" and self.is_in("nav"):
            self.contents.append("")
        if tag not in VOID:
            self.open.append((tag, found))

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        assert self.is_in("svg"), f"<{tag}/> is no HTML"
        self.handle_starttag(tag, attrs)
        self.open.pop()

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop()[0] == tag

    def handle_data(self, data: str) -> None:
        if self.is_in("style"):
            return
        self.words.append(data)
        if self.is_in("td") or self.is_in("th"):
            self.rows[-1][-1] += data
        if self.is_in("h2"):
            self.headings[-1] += data
        if self.is_in("nav") and self.is_in("a"):
            self.contents[-1] += data

    def is_in(self, tag: str) -> bool:
        return any(name == tag for name, _ in self.open)

    @property
    def said(self) -> str:
        """All text, spaces folded."""
        return " ".join(" ".join(self.words).split())

    def all(self, tag: str) -> list[dict[str, str]]:
        return [found for name, found in self.tags if name == tag]


def check_page(text: str, *, beside: tuple[str, ...] = ()) -> Page:
    """Return the page, after everything that must hold of any page was checked.

    ``beside`` names the pages in its folder that it leads to.
    """
    page = Page(text)
    assert text.startswith("<!DOCTYPE html>")
    assert page.open == []
    assert {"name": "viewport", "content": "width=device-width, initial-scale=1"} in page.all(
        "meta"
    )
    _check_loads_nothing(page, beside)
    _check_contents(page)
    _check_colours(page)
    _check_fits(page)
    charts = "".join(re.findall(r"<svg.*?</svg>", text, re.DOTALL))
    assert not re.search(r"\b(nan|inf)\b", charts), "what is missing is not drawn"
    return page


def _check_loads_nothing(page: Page, beside: tuple[str, ...]) -> None:
    assert "http" not in page.text
    assert "@import" not in page.text
    assert "url(" not in page.text
    assert not LOADING & {tag for tag, _ in page.tags}
    ids = [found["id"] for _, found in page.tags if "id" in found]
    assert len(ids) == len(set(ids)), "an id stands twice"
    for tag, found in page.tags:
        target = found.get("href") or found.get("src") or "data:,"
        if tag == "a" and target in beside:
            continue
        assert target == "data:," or target.removeprefix("#") in ids, f"{tag} leads to {target}"
        assert not [name for name in found if name.startswith("on")]


def _check_contents(page: Page) -> None:
    assert page.headings, "a page has sections"
    assert page.contents == page.headings
    ids = [found["id"] for found in page.all("section")]
    links = [found["href"] for found in page.all("a") if found["href"].startswith("#")]
    assert [f"#{one}" for one in ids] == links


def _check_colours(page: Page) -> None:
    """Every colour is a variable with a value for light pages and another for dark ones."""
    style = page.text[page.text.index("<style>") : page.text.index("</style>")]
    dark = "".join(
        re.findall(r"prefers-color-scheme: ?dark\) ?\{ ?:root ?\{(.*?)\}", style, re.DOTALL)
    )
    light = "".join(re.findall(r"^:root ?\{(.*?)\}", style, re.DOTALL | re.MULTILINE))
    for name in set(re.findall(r"var\((--[\w-]+)\)", page.text)):
        values = [re.findall(rf"{name}: ?(#\w+)", rules) for rules in (light, dark)]
        assert [len(one) for one in values] == [1, 1], name
        assert values[0] != values[1], name
    body = page.text[page.text.index("</style>") :]
    assert not re.search(r'(stroke|fill|color)[:=]"?\s*(#|rgb|black|white)', body)


def _check_fits(page: Page) -> None:
    """Nothing is wider than a page of 400 px, and no letter smaller than 12 px.

    Charts are as wide as such a page, tables scroll in a box of their own.
    """
    for parents, (tag, found) in zip(page.parents, page.tags, strict=True):
        if tag == "table":
            assert any(one.get("class") == "scroll" for _, one in parents)
        if tag == "svg":
            assert parents[-1][0] == "figure"
            assert float(found["width"]) <= WIDTH_PX
            assert found["viewbox"] == f"0 0 {WIDTH_PX} {found['height']}"
            assert found["aria-label"]
    assert re.search(r"\.scroll \{ overflow-x: auto; max-width: 100%", page.text)
    for tag, found in page.tags:
        sizes = re.findall(r"font-size: ?([\d.]+)px", found.get("style", ""))
        assert all(float(size) >= FONT_LEAST_PX for size in sizes), tag
        assert tag != "text" or sizes
    for number, unit in re.findall(r"font-size: ?([\d.]+)(px|rem|em)", page.text):
        assert float(number) * (1.0 if unit == "px" else 16.0) >= FONT_LEAST_PX
    for svg in re.findall(r"<svg.*?</svg>", page.text, re.DOTALL):
        check_texts_fit(svg)
    captions = [k for k, (tag, _) in enumerate(page.tags) if tag == "figcaption"]
    drawn = [k for k, (tag, _) in enumerate(page.tags) if tag == "svg"]
    assert len(captions) == len(drawn)
    assert all(title < chart for title, chart in zip(captions, drawn, strict=True))


def check_texts_fit(svg: str) -> None:
    """No text of a chart reaches beyond the chart, in a wide font."""
    for text in ET.fromstring(svg).iter("text"):
        style = dict(part.split(":") for part in text.attrib["style"].split(";"))
        said = "".join(text.itertext())
        width = LETTER_SHARE * float(style["font-size"].removesuffix("px")) * len(said)
        before = {"start": 0.0, "middle": 0.5, "end": 1.0}[style["text-anchor"]] * width
        left = float(text.attrib["x"]) - before
        assert -1.0 <= left <= left + width <= WIDTH_PX + 1.0, said
