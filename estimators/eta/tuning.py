"""Searches for the parameters of an ETA's parts, each on its own moments.

Every part has a search of its own. One set for all parts would cost as much, as each set must be
fitted in each part to be scored. The best parameters also differ between parts: the labels of the
conditions are mostly noise, those of parking are not.

A search uses no row of a calibration. The dependence of the parts, the weight of the conditions and
the calibration of the sum are learned from the parts' predictions for the blocks of the training
period (:mod:`estimators.eta.training`). So parts are searched on moments whose orders had ended
before the first of these blocks. Conditions have labels from that block on, and only that block is
not predicted by them: they are searched there.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

from estimators.core.errors import DatasetError
from estimators.core.typing import BoolArray, FloatArray
from estimators.eta.condition_effect import condition_labels
from estimators.eta.moments import Moments
from estimators.eta.rows import PartMatrix
from estimators.training.train import Progress
from estimators.training.tuning import Tuning, tune

__all__ = ["tuned_bases", "tuned_conditions"]


def tuned_bases(
    rows: Mapping[str, PartMatrix],
    moments: Moments,
    searched: BoolArray,
    tuning: Tuning,
    report: Progress,
) -> dict[str, PartMatrix]:
    """Return the rows of all parts, those of all but ``conditions`` with parameters found for them.

    Args:
        rows: of all parts, their estimators not fitted.
        moments: that the rows are of.
        searched: which moments to search on, shape (n_moments,).
        tuning: how long to search, all parts together; they share its time equally.
        report: called with the stages "tune ready" and so on.

    Raises:
        EstimatorError: Optuna is not installed.
        DatasetError: a part has too few rows there.
    """
    own = _share_of(tuning, len(rows))
    return {
        name: one if name == "conditions" else _tuned(one, moments, searched, own, report)
        for name, one in rows.items()
    }


def tuned_conditions(
    rows: Mapping[str, PartMatrix],
    moments: Moments,
    unseen: Mapping[str, FloatArray],
    searched: BoolArray,
    tuning: Tuning,
    report: Progress,
) -> PartMatrix:
    """Return the rows of the conditions with parameters found for them, still without labels.

    Args:
        rows: of all parts.
        moments: that the rows are of.
        unseen: the other parts' out-of-sample predictions, by name.
        searched: which moments to search on; those with predictions of the parts have labels.
        tuning: as for :func:`tuned_bases`.
        report: called with the stage "tune conditions".

    Raises:
        EstimatorError: Optuna is not installed.
        DatasetError: there are too few rows.
    """
    own = rows["conditions"]
    # Labels are centred: here by what is searched on alone, not by later rows.
    label_s = condition_labels(moments, unseen, searched)
    labelled = replace(own, target_s=label_s[own.at])
    found = _tuned(labelled, moments, searched, _share_of(tuning, len(rows)), report)
    return replace(found, target_s=own.target_s)


def _tuned(
    one: PartMatrix, moments: Moments, searched: BoolArray, tuning: Tuning, report: Progress
) -> PartMatrix:
    """Return the rows with the parameters that a search found, and its record."""
    matrix = one.matrix(moments, searched)
    try:
        found = tune(matrix, tuning, progress=lambda part: report(f"tune {one.part}", part))
    except DatasetError as error:
        raise DatasetError(
            f"no parameters can be searched for the part {one.part!r} on its"
            f" {len(matrix.target_s):,} rows before the ETA is calibrated: {error};"
            " train on more orders, or without a search"
        ) from error
    return one.with_parameters(found.parameters, tuning=found.record)


def _share_of(tuning: Tuning, parts: int) -> Tuning:
    if tuning.time_limit_s is None:
        return tuning
    return replace(tuning, time_limit_s=tuning.time_limit_s / parts)
