"""Pages of paired differences: models side by side, and what groups of features are worth."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

from commands.console.plain_table import difference_text
from commands.reports.chart import Chart
from commands.reports.page import (
    Block,
    Cell,
    Details,
    Figure,
    Figures,
    Page,
    Row,
    Section,
    Table,
    Text,
    seconds_cell,
)
from commands.reports.plots import Interval, interval_rows
from commands.reports.scales import Scale
from estimators.evaluation.comparison import BLOCKS_MIN, ComparedRow, Comparison, LossDifference
from estimators.training.ablation import Ablation, AblationRow

__all__ = ["Verdicts", "ablation_page", "comparison_page", "differences_chart", "on_what"]

NO_DIFFERENCE = "no difference"
ABOVE = "MAE above the first model's"
RANGE_LEVEL = 0.8


@dataclass(frozen=True, kw_only=True)
class Verdicts:
    """What a difference is called.

    Args:
        good: sign of what is better, 1 or -1.
        better: the word for it.
        worse: the word for the other sign.
    """

    good: int
    better: str
    worse: str

    def word(self, difference: LossDifference) -> str:
        """Return the word; a difference whose interval holds 0 is none.

        >>> may_be_none = LossDifference(
        ...     mean_s=0.4, low_s=-1.2, high_s=2.0, reference_s=100.0, n_blocks=50
        ... )
        >>> COMPARED.word(may_be_none)
        'no difference'
        """
        return {"good": self.better, "bad": self.worse, "": NO_DIFFERENCE}[self.kind(difference)]

    def kind(self, difference: LossDifference) -> str:
        """Return "good", "bad", or nothing where there is no difference."""
        if not difference.is_significant:
            return ""
        return "good" if difference.mean_s * self.good > 0.0 else "bad"

    def cell(self, difference: LossDifference | None) -> Cell:
        """Return a difference with its interval, and the word for it below."""
        if difference is None:
            return Cell("")
        return Cell(difference_text(difference), self.word(difference), self.kind(difference))


COMPARED = Verdicts(good=-1, better="better", worse="worse")
SAVED = Verdicts(good=1, better="saves", worse="costs")


def differences_chart(
    label: str, differences: Mapping[str, LossDifference], verdicts: Verdicts
) -> Chart | None:
    """Return a bar per name from zero to the mean difference, with its interval as a line.

    Args:
        label: of the axis.
        differences: by name, drawn from top to bottom.
        verdicts: say which are good; bars are grey where zero lies in the interval.
    """
    if not differences:
        return None
    rows = {
        name: Interval(
            value=one.mean_s,
            low=one.low_s,
            high=one.high_s,
            colour=f"chart-{verdicts.kind(one) or 'none'}",
            note=f"{name}: {difference_text(one)} s, {verdicts.word(one)}",
        )
        for name, one in differences.items()
    }
    return interval_rows(label, rows, Scale(label=label, seconds=True))


def comparison_page(found: Comparison) -> str:
    """Return a comparison as a page of charts (HTML)."""
    groups = dict.fromkeys(row.group for row in found.rows)
    sections = [
        Section(
            "Overall" if group == "all" else f"By {group}",
            list(_compared([row for row in found.rows if row.group == group], found.models)),
        )
        for group in groups
    ]
    return Page(
        title=f"{len(found.models)} models side by side on {found.dataset}",
        top=[
            Text(
                f"All models on the same orders, {found.period[0]} to {found.period[1]}."
                f" Differences are from {found.reference}, in seconds, negative is better; lines"
                " and brackets are 95% intervals (paired bootstrap over hours). Where the interval"
                " holds 0, chance could have done it: no difference, and the bar is grey."
            ),
            *_in_words(found),
        ],
        sections=sections,
    ).html()


def _in_words(found: Comparison) -> Iterator[Text]:
    """Yield a sentence for each model beside the reference, over the whole period."""
    for row in found.rows:
        if row.group == "all" and row.mae is not None and row.crps is not None:
            yield Text(
                f"{row.model} compared with {found.reference}: the mean absolute error"
                f" {difference_in_words(row.mae)}; the CRPS {difference_in_words(row.crps)}."
            )


def difference_in_words(one: LossDifference) -> str:
    """Return what a paired difference says of a loss.

    >>> difference_in_words(
    ...     LossDifference(mean_s=0.4, low_s=-1.2, high_s=2.0, reference_s=100.0, n_blocks=50)
    ... )
    'shows no difference (the 95% interval from -1.2 to +2.0 s holds 0)'
    >>> difference_in_words(
    ...     LossDifference(
    ...         mean_s=-9.0, low_s=-12.0, high_s=-6.0, reference_s=100.0, n_blocks=50
    ...     )
    ... )
    'is better by 9.0 s (-9.0%; 95% interval from -12.0 to -6.0 s)'
    """
    interval = f"from {one.low_s:+.1f} to {one.high_s:+.1f} s"
    if one.n_blocks < BLOCKS_MIN:
        return f"shows {NO_DIFFERENCE} (its rows are of fewer than {BLOCKS_MIN} hours)"
    if not one.is_significant:
        return f"shows {NO_DIFFERENCE} (the 95% interval {interval} holds 0)"
    return (
        f"is {COMPARED.word(one)} by {abs(one.mean_s):.1f} s ({one.share:+.1%}; 95% interval"
        f" {interval})"
    )


def _compared(rows: Sequence[ComparedRow], models: Sequence[str]) -> Iterator[Block]:
    figures = []
    if rows[0].group == "all":
        shown = {row.model: row.mae for row in rows if row.mae is not None}
        chart = differences_chart(ABOVE, shown, COMPARED)
        figures.append(
            Figure(title="Mean absolute error above that of the first model", chart=chart)
        )
    else:  # a chart for each model: the slices stand in the same order in all of them
        for model in models:
            own_rows = [row for row in rows if row.model == model]
            shown = {row.value: row.mae for row in own_rows if row.mae is not None}
            figures.append(Figure(title=model, chart=differences_chart(ABOVE, shown, COMPARED)))
    yield Figures(figures)
    group = rows[0].group
    names = ("model",) if group == "all" else ("model", group)
    yield Table(
        heads=(*names, "orders", "MAE s", "more", "CRPS s", "more", "in 80% range", "80% range s"),
        rows=[Row(_compared_cells(row)) for row in rows],
        texts=range(len(names)),
    )


def _compared_cells(row: ComparedRow) -> list[Cell | str]:
    names = [row.model] if row.group == "all" else [row.model, row.value]
    return [
        *names,
        f"{row.scores.n:,}",
        seconds_cell(row.scores.mae_s),
        COMPARED.cell(row.mae),
        seconds_cell(row.scores.crps_s),
        COMPARED.cell(row.crps),
        f"{row.scores.coverage[RANGE_LEVEL]:.1%}",
        seconds_cell(row.scores.width_s[RANGE_LEVEL], 0),
    ]


def on_what(found: Ablation) -> str:
    """Return in words which rows an ablation scored."""
    return "the test period" if found.on == "test period" else "inner splits of the training period"


def ablation_page(found: Ablation) -> str:
    """Return an ablation as a page of charts (HTML)."""
    overall = Table(
        heads=("model", "MAE s", "CRPS s"),
        rows=[
            Row([name, seconds_cell(mae_s), seconds_cell(crps_s)])
            for name, (mae_s, crps_s) in found.overall.items()
        ],
    )
    without = {row.group.name: row.last.mae for row in found.rows}
    alone = {row.group.name: row.first.mae for row in found.rows if row.group.kind != "facts"}
    text = (
        f"Seconds from {' to '.join(found.target)}. Models with and without each group of features,"
        f" fitted on earlier rows, scored on {found.scored:,} later ones ({on_what(found)}),"
        f" {found.period[0]} to {found.period[1]}. Lines and brackets are 95% intervals (paired"
        " bootstrap over hours). Where the interval holds 0, chance could have done it: no"
        " difference, and the bar is grey."
    )
    return Page(
        title=f"What the features of {found.estimator} are worth on {found.dataset}",
        top=[Text(text), overall, *_undecided(found)],
        sections=[
            Section("What the error rises by without the group", [_worth_figure(without)]),
            Section(
                "What the group alone saves, beside the facts of the request",
                [_worth_figure(alone)],
            ),
            Section("In numbers", [_worth_table(found.rows)]),
            Section(
                "Which features",
                [Details(row.group.name, ", ".join(row.group.features)) for row in found.rows],
            ),
        ],
    ).html()


def _undecided(found: Ablation) -> Iterator[Text]:
    """Yield the groups whose absence makes no difference, if there are any."""
    names = [row.group.name for row in found.rows if not row.last.mae.is_significant]
    if names:
        yield Text(
            f"Without these groups, beside all others, the mean absolute error shows"
            f" {NO_DIFFERENCE}: {', '.join(names)}."
        )


def _worth_figure(differences: Mapping[str, LossDifference]) -> Figures:
    chart = differences_chart("mean absolute error saved", differences, SAVED)
    return Figures([Figure(title="Mean absolute error saved", chart=chart)])


def _worth_table(rows: Sequence[AblationRow]) -> Table:
    return Table(
        heads=("group", "features", "MAE s beside all others", "CRPS s", "MAE s beside the facts",
               "CRPS s"),
        rows=[
            Row(
                [
                    row.group.name,
                    str(len(row.group.features)),
                    *(SAVED.cell(one) for one in (row.last.mae, row.last.crps)),
                    *(SAVED.cell(one) for one in (row.first.mae, row.first.crps)),
                ]
            )
            for row in rows
        ],
    )  # fmt: skip
