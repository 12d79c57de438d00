"""The options of a search: none, so many trials, or as many as there is time for."""

from __future__ import annotations

import pytest

from commands.console.output import UserError
from commands.options.tuning import ParametersFrom, TuneChoice, tell_tuning


def test_nothing_is_searched_unless_it_is_asked_for() -> None:
    assert TuneChoice(tune=None, tune_minutes=None).tuning() is None


def test_trials_and_minutes_are_handed_on() -> None:
    search = TuneChoice(tune=7, tune_minutes=1.5).tuning()
    assert search is not None
    assert (search.trials, search.time_limit_s) == (7, 90.0)
    unlimited = TuneChoice(tune=7, tune_minutes=None).tuning()
    assert unlimited is not None
    assert unlimited.time_limit_s is None


def test_minutes_without_a_search_are_a_mistake() -> None:
    with pytest.raises(UserError, match="pass --tune N, too"):
        TuneChoice(tune=None, tune_minutes=3.0).tuning()


def test_default_parameters_are_neither_raced_nor_tuned() -> None:
    default = TuneChoice(tune=None, tune_minutes=None, parameters=ParametersFrom.DEFAULT)
    assert not default.search
    assert default.tuning() is None
    assert TuneChoice(tune=None, tune_minutes=None).search
    with pytest.raises(UserError, match="leave out --parameters default"):
        TuneChoice(tune=2, tune_minutes=None, parameters=ParametersFrom.DEFAULT).tuning()


def test_what_was_found_is_told(capsys: pytest.CaptureFixture[str]) -> None:
    tell_tuning(None)
    assert capsys.readouterr().out == ""
    record = {
        "method": "optuna", "objective": "crps_s", "parameters": {"leaves": 31.0}, "trials": 4,
        "rows_scored": 12_345, "default": 50.25, "best": 48.0,
    }  # fmt: skip
    tell_tuning(record, part="parking")
    told = " ".join(capsys.readouterr().out.split())
    assert told == (
        "parking: tuned in 4 trials on 12,345 rows of the training period: CRPS 50.2 s by default,"
        " 48.0 s with leaves 31"
    )
