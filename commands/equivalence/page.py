"""Write the result of `doorstep check-equivalence` to the console, as JSON and as a page."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from markupsafe import Markup

import aggregators
from aggregators import FeatureSet
from aggregators.parity.equivalence import EquivalenceReport
from aggregators.parity.history import HistoryDifference
from commands.console.output import console
from commands.console.plain_table import plain_table
from commands.reports.feature_text import definition_in_words
from commands.reports.page import Block, FactList, Heading, Page, Row, Section, Sides, Table, Text

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
    heads = ("data", "store", "samples", "deliveries", "features", "asked", "values", "mismatches",
             "s", "history")  # fmt: skip
    table = plain_table(*heads, texts=("store", "history"), no_wrap=True)
    table.columns[-1].no_wrap = False
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


def _page(checked: Sequence[StoreComparison]) -> str:
    mismatches = sum(one.result.mismatches for one in checked)
    compared = sum(one.result.compared for one in checked)
    total = Markup("<b>{} values compared bit for bit, {} mismatches.</b>").format(
        f"{compared:,}", f"{mismatches:,}"
    )
    return Page(
        title=f"Training and inference: {mismatches:,} mismatches",
        top=[
            Text(total, "good" if all(one.is_equal for one in checked) else "bad"),
            Text(
                "Tables were replayed as events: late, out of order, a tenth delivered twice, some"
                " wrong at first and then corrected, some taken back. Every sample was asked for"
                " all features at each event of its life, once the bound on lateness after that"
                " moment was over; what happened later was in the store as well."
            ),
        ],
        sections=[section for one in checked for section in _sections(one)],
    ).html()


def _sections(one: StoreComparison) -> Iterator[Section]:
    name = f"{one.name}, {one.way}"
    yield Section(f"{name}: what was compared", [FactList(_facts(one))])
    if one.result.examples:
        yield Section(f"{name}: the first mismatches", list(_examples(one)))
    yield Section(f"{name}: by feature", [_features(one)])


def _facts(one: StoreComparison) -> dict[str, str]:
    result = one.result
    facts: dict[str, int | str] = {
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
        "duration": f"{one.duration_s:.1f} s ({one.duration_s / 60.0:.1f} min)",
    }
    return {
        name: f"{value:,}" if isinstance(value, int) else value for name, value in facts.items()
    }


def _examples(one: StoreComparison) -> Iterator[Block]:
    for example in one.result.examples:
        yield Heading(example.feature, "bad")
        yield Text(f"sample {example.sample_id!r}, key {example.key!r}, as of {example.as_of}")
        yield Sides(
            {
                f"training: {example.training!r}": example.training_explained,
                f"inference: {example.inference!r}": example.inference_explained,
            }
        )


def _features(one: StoreComparison) -> Table:
    asked = one.result.queries + one.result.asked_again
    return Table(
        heads=("feature", "values", "mismatches", "what it is"),
        rows=[
            Row(
                [
                    feature.name,
                    f"{asked:,}",
                    f"{one.result.by_feature[feature.name]:,}",
                    definition_in_words(feature),
                ]
            )
            for feature in one.features
        ],
        texts=(0, 3),
    )
