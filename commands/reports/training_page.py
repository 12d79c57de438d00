"""The report of a training or evaluation, as a page to read: one file, no network."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from markupsafe import Markup

from commands.console.plain_table import share_text
from commands.reports import training_charts as charts
from commands.reports.page import (
    Block,
    Cell,
    FactList,
    Figure,
    Figures,
    Heading,
    Page,
    Row,
    Section,
    Table,
    Text,
    seconds_cell,
)
from commands.reports.score_table import labels_in_words
from estimators.evaluation.report import Report, ReportRow
from estimators.evaluation.scores import ALL
from estimators.training.choice_text import opinion_text, tuning_text
from estimators.training.diagnostics import Diagnostics

__all__ = ["report_page", "write_page"]

TOPICS, DIMENSIONS, COLUMNS = 14, 10, 20
"""The most bars of each kind of contribution."""

LEVEL = 0.8
"""The range that is judged in words."""

COVERAGE_WANTED = 0.02
"""What the share inside that range may be off over the whole test period."""

GROUPS = ("hour", "city", "store age")
"""The slices that have charts, in this order; others follow."""

_SCORES_TEXT = (
    "On rows later than all that was learned from, beside simpler models. MAE: how far the median"
    " was off on average. RMSE: the same for the mean, where a few large errors count most; bias:"
    " by how much the mean was too long (+) or too short (-). Pinball and CRPS judge the whole"
    " distribution, in seconds: lower is better, and a model that is as right but surer wins. PIT"
    " distance: 0 is a perfectly calibrated model; chance alone gives about 0.9 / √rows."
)


def write_page(
    path: Path,
    report: Report,
    diagnostics: Diagnostics | None,
    metadata: Mapping[str, Any],
    *,
    tag: str,
) -> None:
    """Write the page of a report; see :func:`report_page`."""
    path.write_text(report_page(report, diagnostics, metadata, tag=tag), encoding="utf-8")


def report_page(
    report: Report, diagnostics: Diagnostics | None, metadata: Mapping[str, Any], *, tag: str
) -> str:
    """Return the page as HTML.

    Args:
        report: the scores, with slices and baselines.
        diagnostics: examples, errors over time, contributions; None: of a composed ETA there are
            none, its parts have their own.
        metadata: of the model.
        tag: of the saved model; empty where it was not saved.
    """
    sections = [
        Section("Scores", [Text(_SCORES_TEXT), _score_table(report), _score_bars(report)]),
        Section("Is it as sure as it should be?", _calibration(report, diagnostics)),
        Section("Where it is good, and where not", list(_slices(report))),
    ]
    if diagnostics is not None:
        sections += [
            Section("Over time", _over_time(diagnostics)),
            Section("What moves the estimates", _drivers(diagnostics)),
            Section("Examples", _examples(diagnostics)),
        ]
    page = Page(
        title=f"{report.estimator} on {report.dataset}",
        top=[Text(_in_one_sentence(report)), FactList(_facts(report, metadata, tag))],
        sections=[section for section in sections if section.blocks],
    )
    return page.html()


def _facts(report: Report, metadata: Mapping[str, Any], tag: str) -> dict[str, str]:
    start, end = report.period
    target = " → ".join(metadata.get("target", ()))
    labels = metadata.get("labels")
    return {
        "model": tag or "not saved",
        "answers": f"seconds {target}, asked at {metadata.get('as_of', '')}",
        "learned from": f"{metadata.get('rows_trained', 0):,} rows, {metadata.get('trained_from')}"
        f" to {metadata.get('trained_until')}",
        **({"labels": labels_in_words(labels)} if labels else {}),
        **_choice(metadata),
        "tested on": f"{report.overall(report.estimator).n:,} rows, {start} to {end}",
        "inputs": f"{_inputs(metadata)}, catalog"
        f" {metadata.get('catalog_version')}, aggregators {metadata.get('aggregators_version')}",
        "data": f"{metadata.get('dataset')}, fingerprint"
        f" {str(metadata.get('data_fingerprint', ''))[:16]}",
        "grown": _grown(metadata),
    }


def _choice(metadata: Mapping[str, Any]) -> dict[str, str]:
    """Return how the parameters were chosen; a composed ETA has a record for every part."""
    if "parameters" not in metadata:
        return {}
    tuning, opinion = metadata.get("tuning"), metadata.get("second_opinion")
    return {
        **({"parameters": tuning_text(tuning)} if tuning else {}),
        **({"second opinion": opinion_text(opinion)} if opinion else {}),
    }


def _inputs(metadata: Mapping[str, Any]) -> str:
    names = metadata.get("feature_names")
    return "those of its parts" if names is None else f"{len(names)} facts and features"


def _grown(metadata: Mapping[str, Any]) -> str:
    if "parameters" not in metadata:  # composed of models that have their own
        searched = "" if metadata.get("tuning") is None else ", parameters searched on inner splits"
        version = metadata.get("lightgbm_version", "?")
        return f"{metadata.get('trees', '?')} trees in all parts, LightGBM {version}{searched}"
    parameters = metadata.get("parameters", {})
    return (
        f"{metadata.get('trees', '?')} trees of at most {parameters.get('leaves', '?')} leaves,"
        f" LightGBM {metadata.get('lightgbm_version', '?')}, seed {parameters.get('seed', '?')}"
    )


def _in_one_sentence(report: Report) -> Markup:
    own = report.overall(report.estimator)
    others = [row for row in report.rows if row.group == ALL and row.model != report.estimator]
    note = "".join(
        f"; {row.model}: {row.scores.mae_s:,.0f} s"
        for row in others
        if not math.isnan(row.scores.mae_s)
    )
    share = own.coverage.get(LEVEL, math.nan)
    kind = "good" if abs(share - LEVEL) <= COVERAGE_WANTED else "bad"
    width_s = own.width_s.get(LEVEL, math.nan)
    return Markup(
        "On average the median was <b>{} s</b> ({} min) off{}. The range that should hold 80% of"
        ' what happens held <b class="{}">{}</b>; it is {} s ({} min) wide on average.'
    ).format(
        f"{own.mae_s:,.0f}", f"{own.mae_s / 60.0:,.1f}", note, kind, f"{share:.1%}",
        f"{width_s:,.0f}", f"{width_s / 60.0:,.1f}",
    )  # fmt: skip


def _score_table(report: Report) -> Table:
    heads = ("model", "rows", "MAE s", "RMSE s", "bias s", "pinball s", "CRPS s", "in 50%",
             "in 80%", "in 90%", "80% range, s", "PIT distance")  # fmt: skip
    rows = [row for row in report.rows if row.group == ALL]
    return Table(
        heads=heads,
        rows=[Row(_score_cells(row), emphasised=row.model == report.estimator) for row in rows],
    )


def _score_cells(row: ReportRow) -> list[Cell | str]:
    scores = row.scores
    return [
        row.model,
        f"{scores.n:,}" if scores.n else "-",
        *(seconds_cell(v) for v in (scores.mae_s, scores.rmse_s)),
        "-" if math.isnan(scores.bias_s) else f"{scores.bias_s:+,.1f}",
        *(seconds_cell(v) for v in (scores.pinball_s, scores.crps_s)),
        *(share_text(scores.coverage.get(level, math.nan)) for level in (0.5, 0.8, 0.9)),
        seconds_cell(scores.width_s.get(LEVEL, math.nan)),
        "-" if math.isnan(scores.pit_distance) else f"{scores.pit_distance:.3f}",
    ]


def _score_bars(report: Report) -> Figures:
    mae_s = {row.model: row.scores.mae_s for row in report.rows if row.group == ALL}
    chart = charts.errors_by_model(mae_s, emphasised=report.estimator)
    return Figures([Figure(title="Mean absolute error", chart=chart)])


def _calibration(report: Report, diagnostics: Diagnostics | None) -> list[Block]:
    own = report.overall(report.estimator)
    figures = [
        Figure(
            title="Calibration",
            chart=charts.calibration({report.estimator: own}),
            note="Share of outcomes at or below each predicted quantile. On the dashed line it is"
            " as promised; below it, things took longer than said.",
        ),
        Figure(
            title="Distance from the promise",
            chart=charts.deviation(own),
            note="The same, as the distance from what was promised. The band holds 95 of 100 points"
            " of a perfect model.",
        ),
        Figure(
            title="Where outcomes fell in their own distribution (PIT)",
            chart=charts.pit(own),
            note="Flat is right; a hill: ranges too wide; a valley with high ends: too narrow; a"
            " slope: too early or too late. The band holds 95 of 100 bars of a perfect model; bars"
            " outside it are orange.",
        ),
    ]
    if diagnostics is not None:
        figures += _sharpness(diagnostics)
    text = (
        "A forecast that says 80% must be right in 80 of 100 cases, and whatever it says must hold"
        " for short and long estimates alike."
    )
    return [Text(text), Figures(figures)]


def _sharpness(diagnostics: Diagnostics) -> list[Figure]:
    return [
        Figure(
            title="Said and happened",
            chart=charts.reliability(diagnostics.reliability),
            note=f"Rows with similar estimates ({diagnostics.reliability[0].rows:,} each): what was"
            " said (dashed) and what happened (solid) at 10%, half and 90%. They should lie on each"
            " other.",
        ),
        Figure(
            title="The cost of being wrong",
            chart=charts.pinball(diagnostics.pinball_s),
            note="What being wrong at each level costs. Its mean over the levels is half the CRPS.",
        ),
        Figure(
            title="How sure it is",
            chart=charts.spread_of_widths(diagnostics.width_s),
            note="Width of the 80% ranges, from the surest orders to the least sure. A flat line is"
            " a model that cannot tell them apart.",
        ),
    ]


def _slices(report: Report) -> Iterator[Block]:
    groups = dict.fromkeys(row.group for row in report.rows if row.group != ALL)
    if not groups:
        return
    yield Text(
        "The same scores by slice. Shaded: within 4% of what the range promises; the whiskers hold"
        " 95 of 100 results that chance would give with so few rows. Long whiskers: too few rows to"
        " judge."
    )
    yield from _outside(report)
    own = [row for row in report.rows if row.model == report.estimator]
    for group in [*(g for g in GROUPS if g in groups), *(g for g in groups if g not in GROUPS)]:
        every = [row for row in own if row.group == group and row.scores.n]
        rows = charts.drawn(every)
        if not rows:
            continue
        left = len(every) - len(rows)
        more = f"Not drawn: {left} with the fewest rows." if left > 0 else ""
        yield Heading(f"By {group}")
        yield Figures(
            [
                Figure(title=f"Inside the ranges, by {group}", chart=charts.coverage(rows),
                       note=more),
                Figure(title=f"Mean absolute error, by {group}", chart=charts.errors(rows)),
                Figure(title=f"Mean width of the ranges, by {group}", chart=charts.widths(rows)),
            ]
        )  # fmt: skip


def _outside(report: Report) -> Iterator[Block]:
    """Yield the slices whose 80% range is off by more than is wanted, if that is no chance."""
    found = [
        Row(
            [
                f"{row.group} {row.value}",
                f"{row.scores.n:,}",
                f"{row.scores.coverage[LEVEL]:.1%}",
                "possible" if _may_be_chance(row) else "unlikely",
            ]
        )
        for row in report.rows
        if row.group != ALL and row.model == report.estimator and _is_off(row)
    ]
    if not found:
        yield Text("The 80% range is within the band in every slice that is drawn.", "good")
        return
    yield Text("Slices in which the 80% range is outside the band:")
    yield Table(heads=("slice", "rows", "in 80% range", "chance?"), rows=found, texts=(0, 3))


def _is_off(row: ReportRow) -> bool:
    """Whether a slice of enough rows misses the level by more than is wanted."""
    share = row.scores.coverage.get(LEVEL, math.nan)
    return row.scores.n >= charts.ROWS_LEAST and abs(share - LEVEL) > charts.TOLERANCE


def _may_be_chance(row: ReportRow) -> bool:
    chance = charts.NORMAL_QUANTILE_95 * math.sqrt(LEVEL * (1.0 - LEVEL) / row.scores.n)
    return abs(row.scores.coverage[LEVEL] - LEVEL) <= chance


def _over_time(diagnostics: Diagnostics) -> list[Block]:
    periods = diagnostics.periods
    if len(periods) < 2:
        return []
    text = (
        "By day of the test period (UTC). A line that climbs away from the training period says"
        " that the world changes: train more often."
    )
    figures = [
        Figure(title="Mean absolute error", chart=charts.errors_by_day(periods)),
        Figure(title="Share inside the 80% range", chart=charts.coverage_by_day(periods)),
    ]
    return [Text(text), Figures(figures)]


def _drivers(diagnostics: Diagnostics) -> Sequence[Block]:
    text = Markup(
        "By how many seconds each input moves an estimate up or down on average (mean absolute SHAP"
        " values of the median, {} rows). For one order the contributions add up to its estimate:"
        " <code>doorstep explain --order</code>."
    ).format(f"{diagnostics.rows_explained:,}")
    topics = charts.contributions(diagnostics.topics, TOPICS)
    dimensions = charts.contributions(diagnostics.dimensions, DIMENSIONS)
    columns = charts.contributions(diagnostics.columns, COLUMNS)
    return [
        Text(text),
        Figures(
            [
                Figure(title="By topic", chart=topics),
                Figure(
                    title="By whose recent past it is",
                    chart=dimensions,
                    note="Facts are what the request says.",
                ),
                Figure(title="By fact and feature", chart=columns),
            ]
        ),
        Text(
            "What the strongest of them add by their value: the mean of bins of equally many rows,"
            " or of the most frequent values; rows in which the value was missing are left out."
        ),
        Figures(
            [
                Figure(title=one.name, chart=charts.dependence(one), note=one.description)
                for one in diagnostics.dependences
            ]
        ),
    ]


def _examples(diagnostics: Diagnostics) -> list[Block]:
    text = (
        "Orders of the test period, evenly chosen over time (UTC). Box: half of what can happen;"
        " line: 80% of it; bar: the median. Dots: what happened, red outside the line, which two in"
        " ten should be; what is beyond the end stands at the end. Point at a dot to read the"
        " numbers of its order."
    )
    drawn = charts.examples(diagnostics.examples)
    titles = [f"Part {k}" if len(drawn) > 1 else "Orders" for k in range(1, len(drawn) + 1)]
    figures = [Figure(title=t, chart=chart) for t, chart in zip(titles, drawn, strict=True)]
    return [Text(text), Figures(figures)]
