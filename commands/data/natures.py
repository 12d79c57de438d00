"""Read and write the nature of simulated cities: a name, or a YAML file of its numbers."""

from __future__ import annotations

from dataclasses import asdict, fields
from pathlib import Path
from typing import TYPE_CHECKING, Any

from commands.console.output import UserError

if TYPE_CHECKING:
    from simulator.world.nature import Nature

__all__ = ["chosen_nature", "write_nature"]

SUFFIXES = (".yaml", ".yml", ".json")


def chosen_nature(text: str) -> Nature | str:
    """Return the nature that an option names.

    Args:
        text: a name, or a file that :func:`write_nature` wrote, or the ``scenario.json`` of a
            folder of cities.

    Raises:
        UserError: no such name or file, or a number that cannot be taken.
    """
    from simulator.world.nature import NATURES

    if text in NATURES:
        return text
    if Path(text).suffix not in SUFFIXES:
        raise UserError(
            f"--nature: nature is {text!r}; expected one of {', '.join(NATURES)}, or a file that"
            f" ends in {', '.join(SUFFIXES)}"
        )
    return _read(Path(text))


def write_nature(nature: Nature, path: Path, comment: str) -> None:
    """Write the numbers of a nature as YAML, one a line, below a comment."""
    lines = [f"# {line}" for line in comment.splitlines()]
    for name, value in asdict(nature).items():
        lines.append(f"{name}: {list(value) if isinstance(value, tuple) else value}")
    path.write_text("\n".join(lines) + "\n", encoding="utf-8")


def _read(path: Path) -> Nature | str:
    import yaml

    from simulator.world.nature import NATURES, Nature

    try:
        found: Any = yaml.safe_load(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise UserError(f"--nature: {str(path)!r} cannot be read: {error.strerror}") from None
    except (yaml.YAMLError, UnicodeDecodeError) as error:
        raise UserError(f"--nature: {path.name} is no YAML: {error}") from None
    if isinstance(found, dict) and "nature" in found:
        found = found["nature"]
    if isinstance(found, str) and found in NATURES:
        return found
    if not isinstance(found, dict):
        raise UserError(
            f"--nature: {path.name} has no parameters; expected lines such as work: 1.2"
        )
    defaults = {field.name: field.default for field in fields(Nature)}
    values = {name: _number(path, name, value, defaults) for name, value in found.items()}
    try:
        return Nature(**values)
    except ValueError as error:
        raise UserError(f"--nature: {path.name}: {error}") from None


def _number(path: Path, name: object, value: object, defaults: dict[str, Any]) -> Any:
    if name not in defaults:
        raise UserError(
            f"--nature: {path.name}: there is no {name!r}; expected {', '.join(defaults)}"
        )
    default = defaults[str(name)]
    n = len(default) if isinstance(default, tuple) else 1
    given = value if isinstance(value, list) and n > 1 else [value]
    known = [one for one in given if isinstance(one, int | float) and not isinstance(one, bool)]
    whole = not isinstance(default, int) or all(float(one).is_integer() for one in known)
    if len(known) != n or len(given) != n or not whole:
        kind = "a whole number" if isinstance(default, int) else "a number"
        wanted = kind if n == 1 else f"a list of {n} numbers"
        raise UserError(f"--nature: {path.name}: {name} is {value!r}; expected {wanted}")
    if n > 1:
        return tuple(map(float, known))
    return int(known[0]) if isinstance(default, int) else float(known[0])
