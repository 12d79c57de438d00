"""A page that shows the moments of a table beside those of the city that was fitted to it."""

from __future__ import annotations

from commands.reports.page import Block, Cell, Page, Row, Section, Table, Text
from simulator.fitting import Fit, MomentComparison
from simulator.fitting.matches import MATCHES

__all__ = ["fit_page"]


def fit_page(fit: Fit) -> str:
    """Return the page as HTML; it needs no other file and no network."""
    scenario = fit.scenario
    text = (
        f"The parameters of simulated cities were fitted to a table of orders: {len(fit.fitted)}"
        f" parameters, {fit.trials} simulated cities of about {scenario.orders:,} orders in"
        f" {scenario.days} days, {scenario.cities} x {scenario.n_stores} stores. The simulated"
        " column is of one more city, with a seed that the search did not use. +- is one standard"
        " error (jackknife)."
    )
    n_met = len(fit.comparisons) - len(fit.unmet)
    kind = "bad" if fit.unmet else "good"
    result = Text(
        f"{n_met} of {len(fit.comparisons)} moments are met: equal within a tenth, or within two"
        " standard errors of the difference.",
        kind,
    )
    sections = [
        Section("Moments", [_moments(fit)]),
        Section("Not met", _unmet(fit)),
        Section("Parameters", _parameters(fit)),
    ]
    return Page(title="Cities like the table", top=[Text(text), result], sections=sections).html()


def _moments(fit: Fit) -> Table:
    rows = [Row(_cells(one)) for one in fit.comparisons]
    heads = ("moment", "table", "simulated", "fitted by")
    return Table(heads=heads, rows=rows, texts=(0, 3))


def _cells(one: MomentComparison) -> list[Cell | str]:
    kind = "" if one.met else "bad"
    return [
        one.moment,
        str(one.real),
        Cell(str(one.simulated), "" if one.met else "not met", kind),
        one.parameter or "-",
    ]


def _unmet(fit: Fit) -> list[Block]:
    if not fit.unmet:
        return [Text("Every moment of the table is met.", "good")]
    rows = [Row([one.moment, one.problem]) for one in fit.unmet]
    return [Table(heads=("moment", "why"), rows=rows, texts=(0, 1))]


def _parameters(fit: Fit) -> list[Block]:
    rows = []
    for match in MATCHES:
        before, after = (match.value(one) for one in (fit.started_from, fit.nature))
        moment = fit.fitted.get(match.parameter, "not in the table: unchanged")
        rows.append(Row([match.parameter, f"{before:g}", f"{after:g}", moment]))
    heads = ("parameter", "before", "fitted", "moment")
    return [Table(heads=heads, rows=rows, texts=(0, 3))]
