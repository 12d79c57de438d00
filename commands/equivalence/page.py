"""What `doorstep check-equivalence` found: on the console, as JSON, and as a page to read."""

from __future__ import annotations

import html
import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from rich.table import Table

import aggregators
from aggregators import FeatureSet
from aggregators.parity.equivalence import EquivalenceReport
from aggregators.parity.history import HistoryDifference
from commands.console.output import console
from commands.reports.feature_text import definition_in_words

__all__ = ["StoreComparison", "print_checked", "write_report"]


@dataclass(frozen=True, kw_only=True)
class StoreComparison:
    """The outcome for one data set over one store.

    ``histories`` compares the store's own table with the replayed one, by source; a service is not
    asked for its table, and a store that was compacted has none. ``dropped`` counts the samples
    that compactions dropped, None where there were none.
    """

    name: str
    store: str
    through_service: bool
    features: FeatureSet
    samples: int
    lateness: str
    asked_at: tuple[str, ...]
    result: EquivalenceReport
    histories: Mapping[str, HistoryDifference]
    dropped: int | None
    duration_s: float

    @property
    def is_equal(self) -> bool:
        """Whether every value and the whole history agree."""
        return not self.result.mismatches and all(h.is_same for h in self.histories.values())

    @property
    def way(self) -> str:
        """How the store was asked."""
        if self.dropped is not None:
            return f"{self.store}, compacted"
        return f"{self.store}, service" if self.through_service else self.store


def print_checked(checked: Sequence[StoreComparison]) -> None:
    """Print one line per data set, the total, and the first mismatches."""
    table = Table(box=None, padding=(0, 2, 0, 0), header_style="bold")
    table.add_column("data", no_wrap=True)
    table.add_column("store", no_wrap=True)
    for heading in ("samples", "deliveries", "features", "asked", "values", "mismatches", "s"):
        table.add_column(heading, justify="right", no_wrap=True)
    table.add_column("history")
    for one in checked:
        result = one.result
        asked = result.queries + result.asked_again
        numbers = (one.samples, result.deliveries, len(one.features), asked)
        table.add_row(
            one.name,
            one.way,
            *(f"{number:,}" for number in numbers),
            f"{result.compared:,}",
            f"{result.mismatches:,}",
            f"{one.duration_s:.1f}",
            _history(one),
        )
    console.print(table)
    values = sum(one.result.compared for one in checked)
    mismatches = sum(one.result.mismatches for one in checked)
    style = "bold red" if mismatches else "bold green"
    console.print(
        f"{values:,} values compared bit for bit, [{style}]{mismatches:,} mismatches[/]",
        highlight=False,
    )
    for one in checked:
        for example in one.result.examples:
            console.print(f"  {one.name}: {example}", markup=False, highlight=False)


def _history(one: StoreComparison) -> str:
    if one.dropped is not None:
        return f"{one.dropped:,} dropped"
    if not one.histories:
        return "not asked"
    wrong = sum(h.absent + h.foreign + h.different for h in one.histories.values())
    return f"{wrong:,} differences" if wrong else "same"


def write_report(checked: Sequence[StoreComparison], folder: Path) -> None:
    """Write ``equivalence.json`` and ``equivalence.html``."""
    folder.mkdir(parents=True, exist_ok=True)
    content = as_document(checked)
    text = json.dumps(content, indent=2, ensure_ascii=False, allow_nan=False)
    (folder / "equivalence.json").write_text(text + "\n", encoding="utf-8")
    (folder / "equivalence.html").write_text(_page(checked), encoding="utf-8")


def as_document(checked: Sequence[StoreComparison]) -> dict[str, Any]:
    """Return everything ready for JSON; values that differ are written as Python writes them."""
    return {
        "aggregators": aggregators.__version__,
        "compared": sum(one.result.compared for one in checked),
        "mismatches": sum(one.result.mismatches for one in checked),
        "runs": [_run_as_json(one) for one in checked],
    }


def _run_as_json(one: StoreComparison) -> dict[str, Any]:
    result = asdict(one.result)
    for example in result["examples"]:
        example.update({side: repr(example[side]) for side in ("training", "inference")})
    return {
        "data": one.name,
        "store": one.store,
        "through_service": one.through_service,
        "catalog": f"{one.features.name} {one.features.version}",
        "fingerprint": one.features.fingerprint,
        "features": len(one.features),
        "samples": one.samples,
        "lateness": one.lateness,
        "samples_dropped": one.dropped,
        "asked_at": one.asked_at,
        "duration_s": round(one.duration_s, 3),
        "history": {name: asdict(h) for name, h in one.histories.items()},
        **result,
    }


_STYLE = """
body { font: 15px/1.5 system-ui, sans-serif; margin: 2rem auto; max-width: 75rem; padding: 0 1rem }
table { border-collapse: collapse; margin: 1rem 0 }
th, td { padding: .2rem .8rem .2rem 0; text-align: left; border-bottom: 1px solid #ddd }
td.n, th.n { text-align: right; font-variant-numeric: tabular-nums }
pre { background: #f6f6f6; padding: .6rem; overflow-x: auto }
.sides { display: grid; grid-template-columns: 1fr 1fr; gap: 1rem }
.good { color: #146c2e } .bad { color: #b3261e }
"""


def _page(checked: Sequence[StoreComparison]) -> str:
    mismatches = sum(one.result.mismatches for one in checked)
    compared = sum(one.result.compared for one in checked)
    kind = "good" if all(one.is_equal for one in checked) else "bad"
    parts = [
        "<!doctype html><html lang='en'><meta charset='utf-8'>",
        f"<title>Training and inference: {mismatches:,} mismatches</title>",
        f"<style>{_STYLE}</style><h1>Training and inference</h1>",
        f"<p class='{kind}'><b>{compared:,} values compared bit for bit, {mismatches:,}"
        " mismatches.</b></p>",
        "<p>Tables were replayed as events: late, out of order, a tenth delivered twice, some wrong"
        " at first and then corrected, some taken back. Every sample was asked for all features at"
        " each event of its life, once the bound on lateness after that moment was over; what"
        " happened later was in the store as well.</p>",
    ]
    for one in checked:
        parts += _section(one)
    return "\n".join([*parts, "</html>", ""])


def _section(one: StoreComparison) -> list[str]:
    result = one.result
    facts: dict[str, Any] = {
        "store": one.way,
        "samples": one.samples,
        "asked at": ", ".join(one.asked_at),
        "rows asked": result.queries,
        "asked again when all had arrived": result.asked_again,
        "values compared": result.compared,
        "of which missing (NaN) on both sides or one": result.missing,
        "mismatches": result.mismatches,
        "store's own history": _history(one),
        "events": result.events,
        "deliveries": result.deliveries,
        "delivered again": result.repeated,
        "wrong first, then corrected": result.corrected,
        "never happened, retracted": result.retracted,
        "applied / duplicates / superseded": f"{result.applied:,} / {result.duplicates:,} /"
        f" {result.superseded:,}",
        "lateness": one.lateness,
        "seed": str(result.seed),
        "features": f"{len(one.features)} of {one.features.name} {one.features.version}",
        "seconds": f"{one.duration_s:.1f}",
    }
    lines = [f"<h2>{_text(one.name)}</h2>", "<table>"]
    for label, value in facts.items():
        shown = f"{value:,}" if isinstance(value, int) else _text(value)
        lines.append(f"<tr><th>{label}</th><td>{shown}</td></tr>")
    lines += ["</table>", *_examples(one), *_by_feature(one)]
    return lines


def _examples(one: StoreComparison) -> list[str]:
    lines = []
    for example in one.result.examples:
        lines += [
            f"<h3 class='bad'>{_text(example.feature)}</h3>",
            f"<p>sample {_text(repr(example.sample_id))}, key {_text(repr(example.key))}, as of"
            f" {_text(example.as_of)}</p><div class='sides'>",
            f"<div>training: {example.training!r}<pre>{_text(example.training_explained)}</pre>"
            "</div>",
            f"<div>inference: {example.inference!r}<pre>{_text(example.inference_explained)}</pre>"
            "</div></div>",
        ]
    return lines


def _by_feature(one: StoreComparison) -> list[str]:
    result = one.result
    lines = [
        "<table><tr><th>feature</th><th class='n'>values</th><th class='n'>mismatches</th>"
        "<th>what it is</th></tr>"
    ]
    asked = result.queries + result.asked_again
    lines += [
        f"<tr><td>{_text(feature.name)}</td><td class='n'>{asked:,}</td>"
        f"<td class='n'>{result.by_feature[feature.name]:,}</td>"
        f"<td>{_text(definition_in_words(feature))}</td></tr>"
        for feature in one.features
    ]
    return [*lines, "</table>"]


def _text(value: object) -> str:
    return html.escape(str(value))
