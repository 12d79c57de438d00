"""Settings are read from the environment as they are declared, and each is declared once."""

from __future__ import annotations

import ast
import re
import subprocess
import sys
from dataclasses import make_dataclass
from pathlib import Path
from typing import Any, get_args

import msgspec
import pytest
from typer.main import get_command

from commands.main import app
from services.core.errors import SettingError
from services.core.settings import table
from services.core.settings.access import AccessSettings, ClientSettings
from services.core.settings.events import EventSettings, IntakeSettings
from services.core.settings.logs import LogSettings, PredictionLogSettings
from services.core.settings.models import EtaSettings, EtpSettings
from services.core.settings.parts import PartSettings
from services.core.settings.transport import TransportSettings
from services.core.settings.variable import ALL_SERVICES, Declared, Settings, declared

ROOT = Path(__file__).parent.parent.parent.parent.parent
KINDS = [kind for group in table.GROUPS.values() for kind in group]
FIELDS = [(kind, one) for kind in KINDS for one in declared(kind)]
NUMBERS = [(kind, one) for kind, one in FIELDS if get_args(one.kind)[0] in (int, float)]


def named(pair: object) -> str | None:
    return pair.variable.name if isinstance(pair, Declared) else None


@pytest.mark.parametrize("kind", KINDS)
def test_what_is_not_set_or_empty_keeps_its_default(kind: type[Settings]) -> None:
    assert kind.from_environment({}) == kind()
    empty = {one.variable.name: "" for one in declared(kind)}
    assert kind.from_environment(empty) == kind()


@pytest.mark.parametrize("kind", KINDS)
def test_settings_say_how_they_are_set(kind: type[Settings]) -> None:
    assert kind.from_environment(kind().to_environment()) == kind()


@pytest.mark.parametrize(("kind", "one"), NUMBERS, ids=named)
def test_a_number_within_its_bounds_is_taken(kind: type[Settings], one: Declared) -> None:
    (bounds,) = [item for item in get_args(one.kind) if isinstance(item, msgspec.Meta)]
    least = bounds.ge if bounds.ge is not None else 0.25
    assert getattr(kind.from_environment({one.variable.name: f"{least:g}"}), one.field) == least
    assert isinstance(one.default, get_args(one.kind)[0])


@pytest.mark.parametrize("text", ["soon", "-1", "nan", "-inf", "1e999", " ", "0x10", "1 s"])
@pytest.mark.parametrize(("kind", "one"), NUMBERS, ids=named)
def test_a_number_that_cannot_be_is_refused(kind: type[Settings], one: Declared, text: str) -> None:
    with pytest.raises(SettingError) as refusal:
        kind.from_environment({one.variable.name: text})
    assert str(refusal.value) == f"{one.variable.name} is {text!r}; expected {one.expected()}"


@pytest.mark.parametrize(
    ("kind", "name", "text", "message"),
    [
        (TransportSettings, "DOORSTEP_MAX_CONNECTIONS", "0", "a whole number, 1 to 1000000"),
        (TransportSettings, "DOORSTEP_MAX_CONNECTIONS", "2.5", "a whole number, 1 to 1000000"),
        (TransportSettings, "DOORSTEP_GRACE_S", "86401", "seconds, 0 to 86400"),
        (TransportSettings, "DOORSTEP_MAX_WAIT_MS", "inf", "milliseconds, 0 to 86400"),
        (LogSettings, "DOORSTEP_LOG_SAMPLE", "1.5", "a number, 0 to 1"),
        (LogSettings, "DOORSTEP_LOG_FORMAT", "xml", "json or text"),
        (PredictionLogSettings, "DOORSTEP_PREDICTION_LOG_MAX_MB", "0", "megabytes above 0"),
        (EventSettings, "DOORSTEP_COMPACT_EVERY_S", "inf", "seconds, 0 or more"),
        (PartSettings, "DOORSTEP_PART_TIMEOUT_MS", "inf", "milliseconds, 0 or more"),
        (AccessSettings, "DOORSTEP_ALLOW_ANONYMOUS", "yes", "0 or 1"),
        (IntakeSettings, "DOORSTEP_UNKNOWN_DATA", "drop", "ignore or refuse"),
    ],
)
def test_an_error_names_the_variable_what_came_and_what_was_expected(
    kind: type[Settings], name: str, text: str, message: str
) -> None:
    with pytest.raises(SettingError) as refusal:
        kind.from_environment({name: text})
    assert str(refusal.value) == f"{name} is {text!r}; expected {message}"


def test_slow_requests_may_be_logged_never() -> None:
    assert LogSettings.from_environment({"DOORSTEP_LOG_SLOW_MS": "inf"}).slow_ms == float("inf")


@pytest.mark.parametrize("kind", [EventSettings, EtpSettings, EtaSettings])
def test_what_no_type_can_say_is_checked_too(kind: type[Settings]) -> None:
    with pytest.raises(SettingError, match=r"DOORSTEP_TIME_SPAN: time span '2000'"):
        kind.from_environment({"DOORSTEP_TIME_SPAN": "2000"})
    with pytest.raises(SettingError, match="DOORSTEP_KEEP"):
        EventSettings.from_environment({"DOORSTEP_KEEP": "long"})


def test_an_address_is_refused_without_its_password() -> None:
    with pytest.raises(SettingError, match="DOORSTEP_ETP_URL is 'etp:3000'; expected an") as found:
        PartSettings.from_environment({"DOORSTEP_ETP_URL": "me:secret@etp:3000"})
    assert "secret" not in str(found.value)


def test_the_key_of_a_client_is_shown_nowhere(tmp_path: Path) -> None:
    settings = ClientSettings.from_environment({"DOORSTEP_API_KEY": "dk_1_secret"})
    assert settings.key() == "dk_1_secret"
    assert "secret" not in repr(settings)
    path = tmp_path / "key"
    path.write_text("dk_2_other\n", encoding="utf-8")
    assert ClientSettings(api_key_file=str(path)).key() == "dk_2_other"


def test_every_setting_is_declared_in_one_way() -> None:
    variables: dict[str, Any] = {}
    for _, one in FIELDS:
        known = variables.setdefault(one.variable.name, one)
        assert (known.variable, known.default) == (one.variable, one.default)
    assert len(variables) > 35
    for one in variables.values():
        assert one.variable.meaning
        assert not one.variable.meaning.endswith(".")
        name = one.variable.name
        unit = {"S": "s", "MS": "ms", "MB": "MB"}.get(name.rpartition("_")[2], "")
        assert one.variable.unit == unit, name


def test_every_class_of_settings_is_in_the_table() -> None:
    found: set[type[Settings]] = set()
    waiting = [Settings]
    while waiting:
        for kind in waiting.pop().__subclasses__():
            waiting.append(kind)
            found.add(kind)
    bases = {"StoreSettings", "EstimatorSettings", "_Example"}
    assert {kind.__name__ for kind in found} - bases == {kind.__name__ for kind in KINDS}
    assert all(set(kind.services) <= {*ALL_SERVICES, "clients"} for kind in KINDS)


def test_a_field_without_a_variable_is_found() -> None:
    careless: Any = make_dataclass("Careless", [("wait_s", float, 1.0)])
    with pytest.raises(TypeError, match=r"Careless\.wait_s has 0 variables"):
        declared(careless)


def test_variables_are_named_where_they_are_declared() -> None:
    """No other module of the services reads a variable of its own."""
    declaring = ROOT / "services" / "core" / "settings"
    for path in (ROOT / "services").rglob("*.py"):
        if path.parent == declaring or path.name == "precompile.py":  # the latter sets one
            continue
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, ast.Constant) and isinstance(node.value, str):
                assert not re.fullmatch(r"DOORSTEP_\w+", node.value), f"{path}:{node.lineno}"


def test_options_that_settings_name_are_those_of_doorstep_serve() -> None:
    command: Any = get_command(app)
    served = command.commands["serve"].commands
    for setting in table.settings_of(KINDS):
        option = setting.declared.variable.option
        for service in setting.services if option else ():
            parameters = served[service.replace("_", "-")].params
            assert option in {name for one in parameters for name in one.opts}, (service, option)


def test_the_settings_of_a_client_load_no_other() -> None:
    code = "import sys, services.core.settings.access as _; print('aggregators' in sys.modules)"
    shown = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert shown.stdout.strip() == "False"
