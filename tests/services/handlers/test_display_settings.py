"""How ranges are shown is said by a setting, and changed by a request within bounds."""

from __future__ import annotations

import json
from dataclasses import fields
from pathlib import Path

import pytest

from services.core.errors import InvalidRequest, SettingError
from services.core.settings.models import EtaSettings
from services.handlers.display_policy import DisplayPolicy
from services.handlers.display_settings import BOUNDS, changed_policy, policy_from
from services.schemas.displayed_eta import PolicyChanges


def test_a_policy_is_said_in_the_setting_or_in_a_file(tmp_path: Path) -> None:
    assert policy_from("") == DisplayPolicy()
    assert policy_from(' {"hysteresis_s": 90}').hysteresis_s == 90.0
    path = tmp_path / "policy.json"
    path.write_text(json.dumps({"level": 0.9, "step_s": 60}), encoding="utf-8")
    assert policy_from(str(path)) == DisplayPolicy(level=0.9, step_s=60.0)


@pytest.mark.parametrize(
    ("setting", "message"),
    [
        ("nowhere.json", "cannot be read"),
        ("{", "expected a JSON object"),
        ('{"level": "high"}', "expected a JSON object of numbers"),
        ('{"levl": 0.9}', "did you mean 'level'"),
        ('{"level": 2}', "above 0 and below 1"),
        ('{"least_width_s": 450}', "multiple"),
    ],
)
def test_a_policy_that_cannot_be_is_refused_at_the_start(setting: str, message: str) -> None:
    with pytest.raises(SettingError, match=message) as refusal:
        policy_from(setting)
    assert "DOORSTEP_DISPLAY_POLICY" in str(refusal.value)


def test_every_number_has_bounds_around_its_default() -> None:
    names = {one.name for one in fields(DisplayPolicy)}
    assert set(BOUNDS) == names == set(PolicyChanges.__struct_fields__)
    for name, (low, high) in BOUNDS.items():
        assert low <= getattr(DisplayPolicy(), name) <= high
        for value in (low - 0.01, high + 0.01):
            with pytest.raises(InvalidRequest, match=name):
                changed_policy(DisplayPolicy(), PolicyChanges(**{name: value}))


def test_no_change_is_the_very_policy() -> None:
    policy = DisplayPolicy(level=0.7)
    assert changed_policy(policy, PolicyChanges()) is policy


def test_settings_are_those_of_the_environment() -> None:
    settings = EtaSettings(model="eta:x", event_store="a.db", display_policy='{"level": 0.9}')
    assert EtaSettings.from_environment(settings.to_environment()) == settings
    assert EtaSettings.from_environment({}) == EtaSettings()
