"""`doorstep keys`: what it prints, what it keeps, and who may read that."""

from __future__ import annotations

import json
import stat
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from typer.testing import CliRunner

from commands.keys import ScopeName
from commands.main import app
from services.core.errors import SettingError, Unauthorized
from services.middleware.api_keys import SCOPES, make_key
from services.middleware.key_file import add_key, read_keys, remove_key
from tests.commands.running import doorstep


def test_a_key_is_made_listed_used_and_revoked(tmp_path: Path) -> None:
    file = tmp_path / "keys.json"
    made = doorstep("keys", "create", "routing engine", "--scope", "routing", "--file", str(file))
    assert made.returncode == 0, made.stderr
    (text,) = made.stdout.splitlines()
    assert "shown once" in made.stderr
    assert text not in made.stderr
    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    secret = text.rpartition("_")[2]
    assert secret not in file.read_text()
    key = read_keys(file).check(f"Bearer {text}", "routing")
    assert key.name == "routing engine"

    listed = doorstep("keys", "list", "--json", DOORSTEP_API_KEYS_FILE=str(file))
    assert json.loads(listed.stdout) == [
        {"id": key.id, "name": "routing engine", "scopes": ["routing"], "expires": None}
    ]
    revoked = doorstep("keys", "revoke", key.id, "--file", str(file))
    assert revoked.stdout.strip() == f"revoked {key.id} of routing engine"
    with pytest.raises(Unauthorized):
        read_keys(file).check(f"Bearer {text}", "routing")
    again = doorstep("keys", "revoke", key.id, "--file", str(file))
    assert again.returncode == 1
    assert "has no API key" in again.stderr
    assert "Traceback" not in again.stderr
    assert {path.name for path in tmp_path.iterdir()} == {"keys.json", ".keys.json.lock"}


def run(*arguments: str) -> str:
    shown = CliRunner().invoke(app, ["keys", *arguments])
    assert shown.exit_code == 0, shown.output
    return shown.output


def test_a_key_may_expire_and_have_several_scopes(tmp_path: Path) -> None:
    file = tmp_path / "keys.json"
    scopes = ["--scope", "app", "--scope", "partner"]
    run("create", "app", *scopes, "--days", "30", "--file", str(file))
    (key,) = read_keys(file)
    assert key.scopes == ["app", "partner"]
    assert key.expires is not None
    left = key.expires - datetime.now(UTC)
    assert timedelta(days=29, hours=23) < left <= timedelta(days=30)
    past = make_key("old", ["app"], expires=datetime(2026, 1, 1, tzinfo=UTC))[1]
    add_key(file, past)
    shown = run("list", "--file", str(file))
    assert "app, partner" in shown
    assert "2026-01-01 00:00 UTC (expired)" in shown


def test_an_empty_file_says_how_to_make_a_key(tmp_path: Path) -> None:
    assert "doorstep keys create" in run("list", "--file", str(tmp_path / "keys.json"))


@pytest.mark.parametrize(
    "arguments",
    [
        ("create", "x", "--scope", "root"),
        ("create", "x"),
        ("create", "x", "--scope", "app", "--days", "0"),
    ],
)
def test_what_no_key_can_be_is_a_usage_error(arguments: tuple[str, ...], tmp_path: Path) -> None:
    file = tmp_path / "keys.json"
    shown = CliRunner().invoke(app, ["keys", *arguments, "--file", str(file)])
    assert shown.exit_code == 2
    assert not file.exists()


def test_a_folder_that_is_not_there_is_said(tmp_path: Path) -> None:
    where = tmp_path / "none" / "keys.json"
    done = CliRunner().invoke(app, ["keys", "create", "x", "--scope", "app", "--file", str(where)])
    assert done.exit_code == 1


def test_the_command_line_has_every_scope() -> None:
    assert [scope.value for scope in ScopeName] == list(SCOPES)


def test_several_at_once_lose_no_key(tmp_path: Path) -> None:
    file = tmp_path / "keys.json"
    kept = [make_key(f"k-{i}", ["app"])[1] for i in range(24)]
    with ThreadPoolExecutor(8) as pool:
        list(pool.map(lambda key: add_key(file, key), kept))
    assert {key.id for key in read_keys(file)} == {key.id for key in kept}


def test_a_file_keeps_the_rights_of_its_group(tmp_path: Path) -> None:
    file = tmp_path / "keys.json"
    first, second = (make_key(name, ["app"])[1] for name in ("a", "b"))
    add_key(file, first)
    file.chmod(0o640)
    add_key(file, second)
    assert stat.S_IMODE(file.stat().st_mode) == 0o640
    assert remove_key(file, first.id) == first


def test_a_file_that_everybody_may_read_is_refused(tmp_path: Path) -> None:
    file = tmp_path / "keys.json"
    key = make_key("a", ["app"])[1]
    add_key(file, key)
    before = file.read_bytes()
    file.chmod(0o644)
    with pytest.raises(SettingError, match="chmod"):
        add_key(file, make_key("b", ["app"])[1])
    assert file.read_bytes() == before
