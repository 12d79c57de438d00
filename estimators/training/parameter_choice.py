"""The one place where the parameters of an estimator's trees are chosen."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from estimators.model.base import Estimator
from estimators.quantiles.growing.parameters import BoostingParameters
from estimators.training.matrix import FeatureMatrix
from estimators.training.race import ROWS_MIN, race
from estimators.training.second_opinion import second_opinion
from estimators.training.tuning import Tuning, tune

__all__ = ["ParameterChoice", "choose_parameters", "declares_own_parameters"]

STAGE = "parameters"


@dataclass(frozen=True, kw_only=True)
class ParameterChoice:
    """The parameters of a training, and how they were chosen.

    Args:
        parameters: to train with.
        tuning: the record of a race or a search; None: there was none.
        second_opinion: the record of the comparison with plain LightGBM; None: there was none.
    """

    parameters: BoostingParameters
    tuning: dict[str, Any] | None
    second_opinion: dict[str, Any] | None


def choose_parameters(
    matrix: FeatureMatrix,
    *,
    given: bool,
    tuning: Tuning | None,
    search: bool,
    compares: bool,
    report: Callable[[str, float], None],
) -> ParameterChoice:
    """Choose the parameters of a training on inner splits; the test period is not looked at.

    Parameters that a user gave, or that the user's own class declares, are never replaced.

    Args:
        matrix: facts and features; its estimator has the parameters to start from.
        given: whether a user gave these parameters.
        tuning: search with Optuna from them (stage "tune"); None: no such search.
        search: race a few sets against them (stage "parameters") unless they were given.
        compares: whether plain LightGBM is trained beside, as a second opinion.
        report: called with the stage and the part that is done.
    """
    estimator = matrix.estimator
    parameters = estimator.parameters
    fixed = given or declares_own_parameters(type(estimator))
    record = None
    # Differences, of conditions or to a baseline, are not what a race of whole durations judges.
    durations = parameters.scale == "log" and estimator.baseline is None
    if tuning is not None:
        tuned = tune(matrix, tuning, progress=lambda part: report("tune", part))
        parameters, record = tuned.parameters, tuned.record
    elif search and durations and not fixed:
        raced = race(matrix, parameters, progress=lambda part: report(STAGE, 0.6 * part))
        parameters, record = raced.parameters, raced.record
    if not (compares and durations and len(matrix.learned) >= ROWS_MIN):
        return ParameterChoice(parameters=parameters, tuning=record, second_opinion=None)
    takes = search and not fixed and tuning is None
    opinion = second_opinion(matrix, parameters, takes=takes)
    report(STAGE, 1.0)
    return ParameterChoice(
        parameters=opinion.parameters or parameters,
        tuning=record,
        second_opinion=opinion.record,
    )


def declares_own_parameters(estimator_class: type[Estimator]) -> bool:
    """Whether a class outside this package says what the default parameters are.

    >>> from estimators.etp import Etp
    >>> declares_own_parameters(Etp)
    False
    """
    declaring = next(one for one in estimator_class.__mro__ if "default_parameters" in vars(one))
    return declaring.__module__.partition(".")[0] != Estimator.__module__.partition(".")[0]
