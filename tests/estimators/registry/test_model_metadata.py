"""What the model store keeps of a training: no missing values, and the overall scores."""

from __future__ import annotations

from estimators.evaluation.report import Report, ReportRow
from estimators.evaluation.scores import Scores
from estimators.registry.model_metadata import store_metadata


def test_missing_values_are_left_out_at_any_depth_and_overall_scores_are_added() -> None:
    rows = tuple(
        ReportRow(model="etp", group=group, value=value, scores=Scores(n=5, mae_s=mae_s))
        for group, value, mae_s in (("all", "", 90.0), ("city", "BCN", 80.0))
    )
    report = Report(estimator="etp", dataset="town", period=("", ""), rows=rows)
    metadata = {
        "dataset": "town",
        "tuning": None,
        "parameters": {"leaves": 6, "depth": None},
        "label_bounds_s": [10.0, None],
    }
    kept = store_metadata(metadata, report)
    scores = kept.pop("metrics")
    assert kept == {"dataset": "town", "parameters": {"leaves": 6}}
    assert set(scores) == {"etp"}
    assert (scores["etp"]["n"], scores["etp"]["mae_s"]) == (5, 90.0)
    assert None not in scores["etp"].values()
