"""A variable that looks like a setting and is none is noticed."""

from __future__ import annotations

import os
import re
from pathlib import Path

import pytest

from services.core.settings.misspelt import misspelt_variables, warn_of_misspelt_variables
from services.core.settings.table import GROUPS, settings_of
from services.middleware.guard import Guard

ROOT = Path(__file__).parent.parent.parent.parent.parent
SETTINGS = [
    one.declared.variable.name
    for one in settings_of(kind for group in GROUPS.values() for kind in group)
]


@pytest.mark.parametrize("name", SETTINGS)
def test_a_letter_too_few_is_noticed_with_the_name_that_was_meant(name: str) -> None:
    for place in (10, len(name) - 2):
        wrong = name[:place] + name[place + 1 :]
        (sentence,) = misspelt_variables({wrong: "x", name: "y"})
        assert sentence == f"{wrong} is no setting and has no effect; did you mean {name}?"


def test_a_name_like_no_other_is_noticed_too() -> None:
    (sentence,) = misspelt_variables({"DOORSTEP_WEATHER": "rain"})
    assert sentence == (
        "DOORSTEP_WEATHER is no setting and has no effect; docs/settings.md lists all settings"
    )


def test_what_is_no_misspelling_is_left_alone() -> None:
    others = {
        "PATH": "/bin", "DOORSTEP": "1", "_DOORSTEP_COMPLETE": "zsh", "DOORSTEP_VERSION": "1",
        # What Kubernetes sets for services by the names doorstep-etp and doorstep-redis.
        "DOORSTEP_ETP_SERVICE_HOST": "10.0.0.7", "DOORSTEP_ETP_SERVICE_PORT": "3000",
        "DOORSTEP_ETP_SERVICE_PORT_HTTP": "3000", "DOORSTEP_ETP_PORT": "tcp://10.0.0.7:3000",
        "DOORSTEP_ETP_PORT_3000_TCP": "tcp://10.0.0.7:3000",
        "DOORSTEP_REDIS_PORT_6379_TCP_PROTO": "tcp",
        "DOORSTEP_REDIS_PORT_6379_TCP_ADDR": "10.0.0.8",
    }  # fmt: skip
    assert misspelt_variables({**others, **dict.fromkeys(SETTINGS, "x")}) == []


def test_the_variables_of_the_tests_are_known() -> None:
    assert misspelt_variables(os.environ) == []
    sources = [*(ROOT / "tests").rglob("*.py"), ROOT / "conftest.py", ROOT / "docker-compose.yaml"]
    named = {
        name
        for path in sources
        for name in re.findall(
            r'environ(?:\.get\(|\[|\.pop\()"(DOORSTEP_\w+)', path.read_text(encoding="utf-8")
        )
    }
    assert named
    assert misspelt_variables(dict.fromkeys(named, "x")) == []


def test_a_warning_is_logged(caplog: pytest.LogCaptureFixture) -> None:
    environment = {"DOORSTEP_LOG_SAMPEL": "1"}
    warn_of_misspelt_variables(environment)
    (record,) = caplog.records
    assert record.levelname == "WARNING"
    assert [record.getMessage()] == misspelt_variables(environment)


def test_a_service_says_it_when_it_starts(caplog: pytest.LogCaptureFixture) -> None:
    environment = {"DOORSTEP_MAX_CONNECTION": "50", "DOORSTEP_LOG_FORMAT": "text"}
    Guard(None, access={}, service="etp", environment=environment)
    assert "did you mean DOORSTEP_MAX_CONNECTIONS?" in caplog.text
