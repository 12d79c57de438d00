"""Who may ask what: keys that are made, kept without their secret, and checked."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from services.core.errors import Forbidden, SettingError, Unauthorized
from services.core.settings.access import AccessSettings
from services.middleware.api_keys import SCOPES, ApiKeys, Scope, make_key

NOW = datetime(2026, 3, 2, 12, tzinfo=UTC)


@pytest.mark.parametrize("scope", SCOPES)
def test_a_key_opens_its_own_scope_alone(scope: Scope) -> None:
    text, kept = make_key("somebody", [scope])
    keys = ApiKeys([kept])
    for asked in SCOPES:
        if asked == scope or scope == "admin":
            assert keys.check(f"Bearer {text}", asked) == kept
        else:
            with pytest.raises(Forbidden, match=f"needs {asked}"):
                keys.check(f"Bearer {text}", asked)


def test_what_is_kept_does_not_hold_the_secret() -> None:
    text, kept = make_key("somebody", ["app"])
    secret = text.rpartition("_")[2]
    document = ApiKeys([kept]).to_json()
    assert secret.encode() not in document
    assert ApiKeys.from_json(document, origin="test").check(f"bearer {text}", "app").id == kept.id


@pytest.mark.parametrize(
    "authorization",
    [None, "", "Basic abc", "Bearer ", "Bearer secret", "Bearer dstp_00_11"],
)
def test_refuses_what_is_no_key(authorization: str | None) -> None:
    with pytest.raises(Unauthorized):
        ApiKeys([make_key("somebody", ["app"])[1]]).check(authorization, "app")


def test_refuses_a_wrong_secret_and_an_unknown_id() -> None:
    text, kept = make_key("somebody", ["app"])
    other, _ = make_key("nobody", ["app"])
    keys = ApiKeys([kept])
    swapped = f"dstp_{kept.id}_{other.rpartition('_')[2]}"
    for wrong in (other, swapped):
        with pytest.raises(Unauthorized, match="not known"):
            keys.check(f"Bearer {wrong}", "app")
    assert keys.check(f"Bearer {text}", "app").name == "somebody"


def test_a_key_expires() -> None:
    text, kept = make_key("somebody", ["app"], expires=NOW)
    keys = ApiKeys([kept])
    assert keys.check(f"Bearer {text}", "app", now=NOW - timedelta(seconds=1)).name == "somebody"
    with pytest.raises(Unauthorized, match="expired"):
        keys.check(f"Bearer {text}", "app", now=NOW)


def test_reads_a_file_that_others_may_not_read(tmp_path: Path) -> None:
    text, kept = make_key("somebody", ["intake"])
    path = tmp_path / "keys.json"
    path.write_bytes(ApiKeys([kept]).to_json())
    path.chmod(0o644)
    with pytest.raises(SettingError, match="chmod"):
        ApiKeys.from_file(path)
    path.chmod(0o640)
    assert ApiKeys.from_file(path).check(f"Bearer {text}", "intake").name == "somebody"
    with pytest.raises(SettingError, match="No such file"):
        ApiKeys.from_file(tmp_path / "none.json")


def test_reads_the_environment(tmp_path: Path) -> None:
    text, kept = make_key("somebody", ["intake"])
    document = ApiKeys([kept]).to_json().decode()

    def read(**environment: str) -> ApiKeys | None:
        return ApiKeys.from_settings(AccessSettings.from_environment(environment))

    assert read() is None
    found = read(DOORSTEP_API_KEYS=document)
    assert found is not None
    assert found.check(f"Bearer {text}", "intake").name == "somebody"
    with pytest.raises(SettingError, match="both"):
        read(DOORSTEP_API_KEYS=document, DOORSTEP_API_KEYS_FILE=str(tmp_path / "keys.json"))


@pytest.mark.parametrize(
    ("document", "message"),
    [
        (b"", "in test"),
        (b"{}", "Expected `array`"),
        (b'[{"id": "0"}]', r"\$\[0\]"),
        (b'[{"scopes": ["root"]}]', "scopes"),
    ],
)
def test_says_where_a_document_is_wrong(document: bytes, message: str) -> None:
    with pytest.raises(SettingError, match=message):
        ApiKeys.from_json(document, origin="test")


def test_refuses_two_keys_of_one_id() -> None:
    _, kept = make_key("somebody", ["app"])
    with pytest.raises(SettingError, match="two API keys"):
        ApiKeys([kept, kept])


def test_refuses_to_make_a_key_without_a_scope() -> None:
    with pytest.raises(SettingError, match="scopes"):
        make_key("somebody", [])
