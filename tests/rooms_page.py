"""The rooms of each package as tables and pictures: ``python -m tests.rooms_page`` writes the page.

The layers are those of the contracts that hold the directions (pyproject.toml, import-linter), the
purposes are the docstrings of the rooms, and the arrows are the imports that there are.
"""

from __future__ import annotations

import ast
import re
import tomllib
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import grimp

__all__ = ["PAGE", "Box", "boxes_of", "packages", "rendered"]

ROOT = Path(__file__).parent.parent
PAGE = ROOT / "docs" / "architecture.md"

BEGIN, END = "<!-- rooms: begin -->", "<!-- rooms: end -->"
NAMED_MAX = 5
"""A layer of more single files is drawn by their number."""


@dataclass(frozen=True)
class Box:
    """One box of the picture: a room, or the single files that share a layer.

    Args:
        package: that it is part of.
        names: of the modules.
        level: of its layer, 0 at the top.
    """

    package: str
    names: tuple[str, ...]
    level: int

    @property
    def is_room(self) -> bool:
        return len(self.names) == 1 and (ROOT / self.package / self.names[0]).is_dir()

    @property
    def label(self) -> str:
        """What stands in the box."""
        files = [f"{name}.py" for name in self.names]
        if self.is_room:
            return f"{self.names[0]}/"
        return ", ".join(files) if len(files) <= NAMED_MAX else f"{len(files)} files, one each"


def purpose_of(path: Path) -> str:
    """The first line of the docstring of a module, or of a room."""
    source = path / "__init__.py" if path.is_dir() else path.with_suffix(".py")
    text = ast.get_docstring(ast.parse(source.read_text(encoding="utf-8"))) or ""
    return re.sub(r":\w+:`([^`]+)`", r"`\1`", text.partition("\n")[0])


def entries_of(box: Box) -> Iterator[tuple[str, str]]:
    """What a box holds and the purpose of it, file by file where these are few."""
    folder = ROOT / box.package
    if box.is_room:
        yield f"`{box.label}`", purpose_of(folder / box.names[0])
    elif len(box.names) <= NAMED_MAX:
        for name in box.names:
            yield f"`{name}.py`", purpose_of(folder / name)
    else:
        yield ", ".join(f"`{name}.py`" for name in box.names), "One file per command."


def contracts() -> dict[str, list[str]]:
    """Package -> its layers, from the top, as the contracts of import-linter declare them."""
    text = (ROOT / "pyproject.toml").read_text(encoding="utf-8")
    linter = tomllib.loads(text)["tool"]["importlinter"]
    return {
        one["containers"][0]: one["layers"]
        for one in linter["contracts"]
        if one["type"] == "layers" and "containers" in one
    }


def packages() -> list[str]:
    """The packages that have a contract, the lowest first."""
    return list(contracts())


def boxes_of(package: str) -> list[Box]:
    """The boxes of a package, the highest layer first; single files of a layer share a box."""
    boxes = []
    for level, layer in enumerate(contracts()[package]):
        names = [name.strip(" ()") for name in re.split(r"[|:]", layer)]
        rooms = [name for name in names if (ROOT / package / name).is_dir()]
        files = tuple(name for name in names if (ROOT / package / f"{name}.py").is_file())
        boxes += [Box(package, (room,), level) for room in rooms]
        boxes += [Box(package, files, level)] if files else []
    return boxes


def arrows_of(package: str, boxes: Sequence[Box]) -> set[tuple[Box, Box]]:
    """Pairs of boxes of which the first imports the second.

    Imports that run back up, which a contract lists as exceptions, are left out.
    """
    graph = grimp.build_graph(package, cache_dir=None)
    box_of = {name: box for box in boxes for name in box.names}

    def place(module: str) -> Box | None:
        parts = module.split(".")
        return box_of.get(parts[1]) if len(parts) > 1 else None

    found = set()
    for module in graph.modules:
        upper = place(module)
        for imported in graph.find_modules_directly_imported_by(module):
            lower = place(imported)
            if upper is not None and lower is not None and upper.level < lower.level:
                found.add((upper, lower))
    return found


def reduced(arrows: set[tuple[Box, Box]]) -> set[tuple[Box, Box]]:
    """The arrows without those that a longer way through other boxes implies."""
    assert all(upper.level < lower.level for upper, lower in arrows), "an import runs back up"
    below: dict[Box, set[Box]] = {}
    for upper, lower in arrows:
        below.setdefault(upper, set()).add(lower)

    def reaches(start: Box, goal: Box) -> bool:
        return any(next_ == goal or reaches(next_, goal) for next_ in below.get(start, ()))

    return {
        (upper, lower)
        for upper, lower in arrows
        if not any(other != lower and reaches(other, lower) for other in below[upper])
    }


def picture(boxes: Sequence[Box], arrows: set[tuple[Box, Box]]) -> Iterator[str]:
    """The lines of the picture, as Mermaid."""
    number: Mapping[Box, str] = {box: f"n{i}" for i, box in enumerate(boxes)}
    yield "```mermaid"
    yield "flowchart TB"
    for box in boxes:
        yield f'    {number[box]}["{box.label}"]'
    for upper, lower in sorted(
        arrows, key=lambda pair: (boxes.index(pair[0]), boxes.index(pair[1]))
    ):
        yield f"    {number[upper]} --> {number[lower]}"
    yield "```"


def section(package: str) -> Iterator[str]:
    """The lines about one package: its picture, and the purpose of each box."""
    boxes = boxes_of(package)
    yield f"### `{package}`"
    yield ""
    yield from picture(boxes, reduced(arrows_of(package, boxes)))
    yield ""
    yield "| layer | room | purpose |"
    yield "|---:|---|---|"
    for box in boxes:
        for name, purpose in entries_of(box):
            yield f"| {box.level + 1} | {name} | {purpose} |"
    yield ""


def rendered(page: str) -> str:
    """The page with the rooms as they are now."""
    lines = [line for package in packages() for line in section(package)]
    block = "\n".join([BEGIN, "", *lines, END])
    head, _, rest = page.partition(BEGIN)
    _, _, tail = rest.partition(END)
    return f"{head}{block}{tail}"


if __name__ == "__main__":
    PAGE.write_text(rendered(PAGE.read_text(encoding="utf-8")), encoding="utf-8")
