"""The results as tables in README.md: `python -m benchmarks.report`.

Everything between the markers is written from the files in results/, so that no figure is copied by
hand; a benchmark without a file is left out.
"""

from pathlib import Path

from benchmarks.published import BENCHMARKS, STALE

README = Path(__file__).parent / "README.md"
START, END = "<!-- results -->", "<!-- end of results -->"
OLDER = (
    "**These figures are of older code, or of older definitions of the features; they are made"
    " again before the next release.**\n"
)


def main() -> None:
    """Write the tables into the page."""
    text = README.read_text(encoding="utf-8")
    README.write_text(with_tables(text), encoding="utf-8")


def with_tables(text: str) -> str:
    """Return the page with the tables of today's results."""
    before, rest = text.split(START)
    _, after = rest.split(END)
    return f"{before}{START}\n\n{tables()}\n{END}{after}"


def tables() -> str:
    """Return all sections, in the order of the benchmarks."""
    parts = []
    for benchmark in BENCHMARKS:
        result = benchmark.result()
        if result is not None:
            title, _, rest = benchmark.write(result).partition("\n")
            note = f"\n{OLDER}" if benchmark.name in STALE else ""
            parts.append(f"{title}\n{note}{rest}")
    return "\n".join(parts)


if __name__ == "__main__":
    main()
