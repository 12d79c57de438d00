"""Pages of paired differences: their numbers, and "no difference" where an interval holds 0."""

from __future__ import annotations

import numpy as np
import pytest

from commands.reports.difference_page import (
    COMPARED,
    SAVED,
    ablation_page,
    comparison_page,
    differences_chart,
)
from estimators.core.distribution import Distribution
from estimators.evaluation.comparison import Comparison, LossDifference, compare
from estimators.training.ablation import Ablation, AblationRow, FeatureGroup, LossReduction
from tests.commands.reports import chart_reading as reading
from tests.commands.reports.html_pages import check_page

SEED = 5
N = 600
LEVELS = (0.05, 0.1, 0.25, 0.5, 0.75, 0.9, 0.95)
AS_OF_US = np.arange(N) * 600_000_000


def compared() -> Comparison:
    """Three models: one like the first but for noise, one that is always a minute late."""
    rng = np.random.default_rng(SEED)
    target_s = 900.0 + 200.0 * rng.standard_normal(N)

    def model(shift_s: float) -> Distribution:
        middle_s = target_s + 50.0 * rng.standard_normal(N) + shift_s
        spread_s = np.array([-160.0, -128.0, -67.0, 0.0, 67.0, 128.0, 160.0])
        return Distribution(LEVELS, middle_s[:, np.newaxis] + spread_s)

    predicted = {"etp:first": model(0.0), "etp:<alike>": model(0.0), "etp:late": model(60.0)}
    slices = {"city": np.where(np.arange(N) % 3 == 0, "BCN", "WAW")}
    period = ("2026-03-02T00:00:00+00:00", "2026-03-06T00:00:00+00:00")
    return compare(predicted, target_s, AS_OF_US, dataset="made", period=period, slices=slices)


def difference(mean_s: float, reach_s: float, n_blocks: int = 50) -> LossDifference:
    return LossDifference(
        mean_s=mean_s,
        low_s=mean_s - reach_s,
        high_s=mean_s + reach_s,
        reference_s=100.0,
        n_blocks=n_blocks,
    )


def test_the_page_of_a_comparison_has_its_numbers() -> None:
    found = compared()
    page = check_page(comparison_page(found))
    assert page.headings == ["Overall", "By city"]
    assert len(page.all("svg")) == 1 + 2  # overall; by city, of each model beside the first
    for row in found.rows:
        names = [row.model] if row.group == "all" else [row.model, row.value]
        (cells,) = [one for one in page.rows if one[: len(names)] == names and
                    len(one) == 7 + len(names)]  # fmt: skip
        rest = cells[len(names) :]
        assert rest[0] == f"{row.scores.n:,}"
        mae_s = row.scores.mae_s
        assert rest[1].split() == [f"{mae_s:,.1f}", f"{mae_s / 60.0:,.1f}", "min"]
        for cell, one in ((rest[2], row.mae), (rest[4], row.crps)):
            if one is None:
                assert cell == ""
            else:
                said = f"{one.mean_s:+.1f} [{one.low_s:+.1f}, {one.high_s:+.1f}]"
                assert cell.startswith(said)
                assert cell.endswith(COMPARED.word(one))


def test_models_that_do_not_differ_are_said_not_to() -> None:
    found = compared()
    said = check_page(comparison_page(found)).said
    overall = {row.model: row.mae for row in found.rows if row.group == "all"}
    alike, late = overall["etp:<alike>"], overall["etp:late"]
    assert alike is not None
    assert late is not None
    assert alike.low_s < 0.0 < alike.high_s
    assert (
        "etp:<alike> compared with etp:first: the mean absolute error shows no difference (the 95%"
        f" interval from {alike.low_s:+.1f} to {alike.high_s:+.1f} s holds 0)"
    ) in said
    assert f"the mean absolute error is worse by {late.mean_s:.1f} s" in said


@pytest.mark.parametrize(
    ("mean_s", "reach_s", "compared", "saved", "colour"),
    [
        (-5.0, 2.0, "better", "costs", "chart-good"),
        (5.0, 2.0, "worse", "saves", "chart-bad"),
        (1.0, 2.0, "no difference", "no difference", "chart-none"),
        (2.0, 2.0, "no difference", "no difference", "chart-none"),
        (0.0, 0.0, "no difference", "no difference", "chart-none"),
    ],
)
def test_a_difference_is_called_what_it_is(
    mean_s: float, reach_s: float, compared: str, saved: str, colour: str
) -> None:
    one = difference(mean_s, reach_s)
    assert (COMPARED.word(one), SAVED.word(one)) == (compared, saved)
    chart = differences_chart("more", {"a": one, "other": difference(30.0, 1.0)}, COMPARED)
    assert chart is not None
    if mean_s:
        first = reading.bars(chart, colour)[0]
        assert (first.left, first.right) == pytest.approx(sorted((mean_s, 0.0)), abs=0.3)
    assert compared in reading.notes(chart)[0]
    assert differences_chart("more", {}, COMPARED) is None


def ablation() -> Ablation:
    def row(name: str, kind: str, last_s: float, first_s: float) -> AblationRow:
        group = FeatureGroup(name=name, kind=kind, features=(f"{name}_a", f"{name}_b"))
        last, first = difference(last_s, 2.0), difference(first_s, 2.0)
        return AblationRow(
            group=group,
            last=LossReduction(mae=last, crps=last),
            first=LossReduction(mae=first, crps=first),
        )

    return Ablation(
        estimator="etp",
        dataset="made",
        target=("dispatched", "ready"),
        on="inner splits",
        period=("2026-03-02T00:00:00+00:00", "2026-03-06T00:00:00+00:00"),
        scored=N,
        overall={"constant median": (300.0, 240.0), "all features": (150.0, 110.0)},
        rows=(row("facts", "facts", 12.0, 20.0), row("zone", "dimension", 0.5, -9.0)),
    )


def test_the_page_of_an_ablation_has_its_numbers_and_its_groups() -> None:
    page = check_page(ablation_page(ablation()))
    assert len(page.headings) == 4
    assert [row[0] for row in page.rows] == ["model", "constant median", "all features", "group",
                                             "facts", "zone"]  # fmt: skip
    assert page.rows[1][1].split() == ["300.0", "5.0", "min"]
    assert page.rows[5][2] == "+0.5 [-1.5, +2.5] no difference"
    assert page.rows[5][4] == "-9.0 [-11.0, -7.0] costs"
    assert "the mean absolute error shows no difference: zone." in page.said
    assert "facts_a, facts_b" in page.said
