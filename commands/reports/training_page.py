"""The report of a training or evaluation, as a page to read: one file, no network."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from html import escape
from pathlib import Path
from typing import Any

from commands.reports import charts
from commands.reports.score_table import labels_in_words
from estimators.evaluation.report import Report, ReportRow
from estimators.evaluation.scores import ALL
from estimators.training.diagnostics import Diagnostics

__all__ = ["report_page", "write_page"]

TOPICS, DIMENSIONS, COLUMNS = 14, 10, 20
"""The most bars of each kind of contribution."""

LEVEL = 0.8
"""The range that is judged in words."""

GROUPS = ("hour", "city", "store age")
"""The slices that have charts, in this order; others follow."""

_STYLE = """
body{font:15px/1.45 system-ui,sans-serif;color:#1d2733;margin:2rem auto;max-width:1240px;
padding:0 1rem;background:#fff}
h1{margin-bottom:.2rem}h2{margin:2.2rem 0 .3rem;border-top:1px solid #d7dde4;padding-top:1rem}
p{max-width:72ch;margin:.4rem 0}
figure{margin:.6rem 0;width:390px}figure.wide{width:100%}
figure svg{width:100%;height:auto;overflow:visible}figure.bars svg{max-width:100%}
figure.bars{width:auto;max-width:100%}
figcaption{font-size:13px;color:#4a5663;max-width:72ch}
section{display:flex;flex-wrap:wrap;gap:.5rem 1.2rem}
svg text{font:11px system-ui,sans-serif;fill:#4a5663}
table{border-collapse:collapse;font-variant-numeric:tabular-nums;margin:.6rem 0}
td,th{padding:.15rem .9rem .15rem 0;text-align:right}th{white-space:nowrap}
td:first-child,th:first-child{text-align:left}
tr.own td{font-weight:600}.facts td{text-align:left}.facts td:first-child{color:#4a5663}
.good{color:#146c2e}.bad{color:#b3261e}
"""


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
    parts = [
        *_head(report, metadata, tag),
        *_scores(report),
        *_calibration(report, diagnostics),
        *_slices(report),
    ]
    if diagnostics is not None:
        parts += [*_over_time(diagnostics), *_drivers(diagnostics), *_examples(diagnostics)]
    return "\n".join([*parts, "</html>", ""])


def _head(report: Report, metadata: Mapping[str, Any], tag: str) -> Iterator[str]:
    title = f"{report.estimator} on {report.dataset}"
    start, end = report.period
    target = " → ".join(metadata.get("target", ()))
    facts = {
        "model": tag or "not saved",
        "answers": f"seconds {target}, asked at {metadata.get('as_of', '')}",
        "learned from": f"{metadata.get('rows_trained', 0):,} rows, {metadata.get('trained_from')}"
        f" to {metadata.get('trained_until')}",
        **_labels(metadata.get("labels") or {}),
        "tested on": f"{report.overall(report.estimator).n:,} rows, {start} to {end}",
        "inputs": f"{_inputs(metadata)}, catalog"
        f" {metadata.get('catalog_version')}, aggregators {metadata.get('aggregators_version')}",
        "data": f"{metadata.get('dataset')}, fingerprint"
        f" {str(metadata.get('data_fingerprint', ''))[:16]}",
        "grown": _grown(metadata),
    }
    if metadata.get("labels"):
        facts["labels"] = labels_in_words(metadata["labels"])
    rows = "".join(f"<tr><td>{k}</td><td>{escape(v)}</td></tr>" for k, v in facts.items())
    yield '<!DOCTYPE html>\n<html lang="en"><meta charset="utf-8">'
    yield f"<title>{escape(title)}</title><style>{_STYLE}</style><h1>{escape(title)}</h1>"
    yield f"<p>{_in_one_sentence(report)}</p><table class='facts'>{rows}</table>"


def _labels(labels: Mapping[str, Mapping[str, int]]) -> dict[str, str]:
    """Return how many labels were exact, if not all were: only these are scored."""
    return {
        f"labels, {period}": ", ".join(f"{n:,} {kind}" for kind, n in counts.items())
        for period, counts in labels.items()
    }


def _inputs(metadata: Mapping[str, Any]) -> str:
    names = metadata.get("feature_names")
    return "those of its parts" if names is None else f"{len(names)} facts and features"


def _grown(metadata: Mapping[str, Any]) -> str:
    searched = "" if metadata.get("tuning") is None else ", parameters searched on inner splits"
    if "parameters" not in metadata:  # composed of models that have their own
        version = metadata.get("lightgbm_version", "?")
        return f"{metadata.get('trees', '?')} trees in all parts, LightGBM {version}{searched}"
    parameters = metadata.get("parameters", {})
    return (
        f"{metadata.get('trees', '?')} trees of at most {parameters.get('leaves', '?')} leaves,"
        f" LightGBM {metadata.get('lightgbm_version', '?')}, seed {parameters.get('seed', '?')}"
        f"{searched}"
    )


def _in_one_sentence(report: Report) -> str:
    own = report.overall(report.estimator)
    others = [row for row in report.rows if row.group == ALL and row.model != report.estimator]
    note = "".join(
        f"; {row.model}: {row.scores.mae_s:,.0f} s"
        for row in others
        if not math.isnan(row.scores.mae_s)
    )
    share = own.coverage.get(0.8, math.nan)
    kind = "good" if abs(share - 0.8) <= 0.02 else "bad"
    return (
        f"On average the median was <b>{own.mae_s:,.0f} s</b> off{escape(note)}. The range that"
        f" should hold 80% of what happens held <b class='{kind}'>{share:.1%}</b>; it is"
        f" {own.width_s.get(0.8, math.nan):,.0f} s wide on average."
    )


def _scores(report: Report) -> Iterator[str]:
    rows = [row for row in report.rows if row.group == ALL]
    heads = ("", "rows", "MAE s", "RMSE s", "pinball s", "CRPS s", "in 50%", "in 80%", "in 90%",
             "80% range, s", "PIT distance")  # fmt: skip
    head = "".join(f"<th>{name}</th>" for name in heads)
    body = "".join(_score_row(row, own=row.model == report.estimator) for row in rows)
    yield "<h2>Scores</h2>"
    yield (
        "<p>On rows later than all that was learned from, beside simpler models. MAE: how far the"
        " median was off on average. RMSE: the same for the mean, where a few large errors count"
        " most. Pinball and CRPS judge the whole distribution, in seconds: lower is better, and a"
        " model that is as right but surer wins. PIT distance: 0 is a perfectly calibrated model;"
        " chance alone gives about 0.9 / √rows.</p>"
    )
    yield f"<table><tr>{head}</tr>{body}</table>"
    mae_s = {row.model: row.scores.mae_s for row in rows}
    bars = charts.horizontal_bars(mae_s, "s", emphasised=report.estimator)
    yield _section(_figure(bars, "Mean absolute error.", "bars"))


def _score_row(row: ReportRow, *, own: bool) -> str:
    scores = row.scores
    cells = [
        row.model,
        f"{scores.n:,}" if scores.n else "-",
        *(_number(v) for v in (scores.mae_s, scores.rmse_s, scores.pinball_s, scores.crps_s)),
        *(_share(scores.coverage.get(level, math.nan)) for level in (0.5, 0.8, 0.9)),
        _number(scores.width_s.get(0.8, math.nan)),
        "-" if math.isnan(scores.pit_distance) else f"{scores.pit_distance:.3f}",
    ]
    kind = " class='own'" if own else ""
    return f"<tr{kind}>" + "".join(f"<td>{escape(cell)}</td>" for cell in cells) + "</tr>"


def _calibration(report: Report, diagnostics: Diagnostics | None) -> Iterator[str]:
    own = report.overall(report.estimator)
    yield "<h2>Is it as sure as it should be?</h2>"
    yield (
        "<p>A forecast that says 80% must be right in 80 of 100 cases, and whatever it says must"
        " hold for short and long estimates alike.</p>"
    )
    yield _section(
        _figure(
            charts.calibration({report.estimator: own}),
            "Share of outcomes at or below each predicted quantile. On the dashed line it is as"
            " promised; below it, things took longer than said.",
        ),
        _figure(
            charts.deviation(own),
            "The same, as the distance from what was promised. The band holds 95 of 100 points of a"
            " perfect model.",
        ),
        _figure(
            charts.pit(own),
            "Where in their own distribution the outcomes fell (PIT). Flat is right; a hill: ranges"
            " too wide; a valley with high ends: too narrow; a slope: too early or too late. The"
            " band holds 95 of 100 bars of a perfect model; bars outside it are orange.",
        ),
        *(() if diagnostics is None else _sharpness(diagnostics)),
    )


def _sharpness(diagnostics: Diagnostics) -> tuple[str, ...]:
    return (
        _figure(
            charts.reliability(diagnostics.reliability),
            f"Rows with similar estimates ({diagnostics.reliability[0].rows:,} each): what was"
            " said (dashed) and what happened (solid) at 10%, half and 90%. They should lie on each"
            " other.",
        ),
        _figure(
            charts.pinball(diagnostics.pinball_s),
            "What being wrong at each level costs. Its mean over the levels is half the CRPS.",
        ),
        _figure(
            charts.spread_of_widths(diagnostics.width_s),
            "How sure it is: width of the 80% ranges, from the surest orders to the least sure. A"
            " flat line is a model that cannot tell them apart.",
        ),
    )


def _slices(report: Report) -> Iterator[str]:
    groups = dict.fromkeys(row.group for row in report.rows if row.group != ALL)
    if not groups:
        return
    yield "<h2>Where it is good, and where not</h2>"
    yield (
        "<p>The same scores by slice. Shaded: within 4% of what the range promises; the whiskers"
        " hold 95 of 100 results that chance would give with so few rows. Long whiskers: too few"
        " rows to judge.</p>"
    )
    yield from _outside(report)
    ordered = [g for g in GROUPS if g in groups] + [g for g in groups if g not in GROUPS]
    for group in ordered:
        own = [row for row in report.rows if row.model == report.estimator]
        every = [row for row in own if row.group == group and row.scores.n]
        rows = charts.drawn(every)
        if not rows:
            continue
        left = len(every) - len(rows)
        more = f" Not drawn: {left} with the fewest rows." if left > 0 else ""
        yield f"<h3>By {escape(group)}</h3>"
        yield _section(
            _figure(charts.coverage(rows), f"Inside the ranges, by {group}.{more}"),
            _figure(charts.errors(rows), f"Mean absolute error, by {group}."),
            _figure(charts.widths(rows), f"Mean width of the 50% and 80% ranges, by {group}."),
        )


def _outside(report: Report) -> Iterator[str]:
    """Yield the slices whose 80% range is off by more than is wanted, if that is no chance."""
    found = []
    for row in report.rows:
        share, n = row.scores.coverage.get(LEVEL, math.nan), row.scores.n
        if (
            row.group == ALL
            or row.model != report.estimator
            or n < charts.ROWS_LEAST
            or math.isnan(share)
        ):
            continue
        off = abs(share - LEVEL)
        if off > charts.TOLERANCE:
            is_chance = off <= charts.NORMAL_QUANTILE_95 * math.sqrt(LEVEL * (1.0 - LEVEL) / n)
            found.append((row, share, is_chance))
    if not found:
        yield "<p class='good'>The 80% range is within the band in every slice that is drawn.</p>"
        return
    body = "".join(
        f"<tr><td>{escape(row.group)} {escape(row.value)}</td><td>{row.scores.n:,}</td>"
        f"<td>{share:.1%}</td><td>{'possible' if is_chance else 'unlikely'}</td></tr>"
        for row, share, is_chance in found
    )
    yield "<p>Slices in which the 80% range is outside the band:</p>"
    yield (
        "<table><tr><th>slice</th><th>rows</th><th>in 80% range</th><th>chance?</th></tr>"
        f"{body}</table>"
    )


def _over_time(diagnostics: Diagnostics) -> Iterator[str]:
    if len(diagnostics.periods) < 2:
        return
    yield "<h2>Over time</h2>"
    yield (
        "<p>By day of the test period (UTC). A line that climbs away from the training period says"
        " that the world changes: train more often.</p>"
    )
    yield _section(
        _figure(charts.errors_by_day(diagnostics.periods), "Mean absolute error."),
        _figure(charts.coverage_by_day(diagnostics.periods), "Share inside the 80% range."),
    )


def _drivers(diagnostics: Diagnostics) -> Iterator[str]:
    yield "<h2>What moves the estimates</h2>"
    yield (
        "<p>By how many seconds each input moves an estimate up or down on average (mean absolute"
        f" SHAP values of the median, {diagnostics.rows_explained:,} rows). For one order the"
        " contributions add up to its estimate: <code>doorstep explain --order</code>.</p>"
    )
    groups = _figure(charts.contributions(diagnostics.topics, TOPICS), "By topic.", "bars")
    groups += _figure(
        charts.contributions(diagnostics.dimensions, DIMENSIONS),
        "By whose recent past it is; facts are what the request says.",
        "bars",
    )
    yield _section(
        f"<div>{groups}</div>",
        _figure(charts.contributions(diagnostics.columns, COLUMNS), "By fact and feature.", "bars"),
    )
    yield (
        "<p>What the strongest of them add by their value: the mean of bins of equally many rows,"
        " or of the most frequent values; rows in which the value was missing are left out.</p>"
    )
    yield _section(
        *(
            _figure(charts.dependence(one), f"{one.name}: {one.description}")
            for one in diagnostics.dependences
        )
    )


def _examples(diagnostics: Diagnostics) -> Iterator[str]:
    yield "<h2>Examples</h2>"
    yield (
        "<p>Orders of the test period, evenly chosen over time. Box: half of what can happen; line:"
        " 80% of it; bar: the median. Dots: what happened, red outside the line, which two in ten"
        " should be; what is beyond the top stands at the top. Point at an order to read its"
        " numbers.</p>"
    )
    yield _section(_figure(charts.examples(diagnostics.examples), "", "wide"))


def _section(*figures: str) -> str:
    return f"<section>{''.join(figures)}</section>"


def _figure(svg: str, caption: str, kind: str = "") -> str:
    if not svg:
        return ""
    named = f' class="{kind}"' if kind else ""
    return f"<figure{named}>{svg}<figcaption>{escape(caption)}</figcaption></figure>"


def _number(value: float) -> str:
    return "-" if math.isnan(value) else f"{value:,.1f}"


def _share(value: float) -> str:
    return "-" if math.isnan(value) else f"{value:.1%}"
