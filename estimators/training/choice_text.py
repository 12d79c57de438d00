"""How the parameters of a training were chosen, in words."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

__all__ = ["choice_lines", "opinion_text", "tuning_text"]

OBJECTIVES = {"crps_s": "CRPS", "mae_s": "MAE"}


def choice_lines(metadata: Mapping[str, Any]) -> list[str]:
    """Return lines about the race or search and about the second opinion, as far as there were any.

    Args:
        metadata: of a trained estimator.
    """
    lines = []
    if metadata.get("tuning"):
        lines.append(tuning_text(metadata["tuning"]))
    if metadata.get("second_opinion"):
        lines.append(f"second opinion: {opinion_text(metadata['second_opinion'])}")
    return lines


def tuning_text(record: Mapping[str, Any]) -> str:
    """Return the result of a race or a search, on its own rows.

    >>> tuning_text(  # doctest: +NORMALIZE_WHITESPACE
    ...     {
    ...         "method": "optuna",
    ...         "parameters": {"leaves": 31},
    ...         "trials": 4,
    ...         "rows_scored": 12345,
    ...         "objective": "crps_s",
    ...         "default": 50.26,
    ...         "best": 48.0,
    ...     }
    ... ).split(": ")
    ['tuned in 4 trials on 12,345 rows of the training period',
     'CRPS 50.3 s by default, 48.0 s with leaves 31']
    """
    if record["method"] == "race":
        return _race_text(record)
    found = ", ".join(f"{name} {value:.3g}" for name, value in record["parameters"].items())
    return (
        f"tuned in {record['trials']} trials on {record['rows_scored']:,} rows of the training"
        f" period: {OBJECTIVES[record['objective']]} {record['default']:.1f} s by default,"
        f" {record['best']:.1f} s with {found}"
    )


def _race_text(record: Mapping[str, Any]) -> str:
    if not record["trials"]:
        return (
            f"default parameters: {record['rows']:,} training rows are too few to choose by;"
            f" expected at least {record['rows_min']:,}"
        )
    raced = (
        f"{record['trials']} sets of parameters raced on {record['rows_scored']:,} rows of the"
        f" training period: MAE of the middle {record['default']:.1f} s by default"
    )
    if record["parameters"]:
        return f"{raced}, {record['best']:.1f} s with {record['chosen']}"
    return f"{raced}; no set is better by more than noise"


def opinion_text(record: Mapping[str, Any]) -> str:
    """Return how plain LightGBM did beside our middle level, with the noise of differences."""
    own, plain = record["ours"], record["plain"]
    compared = "; ".join(
        f"{loss.upper()} {one['mae_s']:.1f} ({_beyond(one, 'mae')}) and {one['rmse_s']:.1f}"
        f" ({_beyond(one, 'rmse')})"
        for loss, one in plain.items()
    )
    return (
        f"plain LightGBM on {record['rows_scored']:,} later rows of the training period: MAE and"
        f" RMSE, s: ours {own['mae_s']:.1f} and {own['rmse_s']:.1f}; {compared}: {record['why']}"
    )


def _beyond(one: Mapping[str, float], name: str) -> str:
    return f"{one[f'{name}_beyond_ours_s']:+.1f} ± {one[f'{name}_noise_s']:.1f}"
