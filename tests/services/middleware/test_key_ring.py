"""Which keys a service knows, when it reads them again, and where it may do without."""

from __future__ import annotations

from pathlib import Path

import pytest

from services.core.errors import SettingError, Unauthorized
from services.middleware.api_keys import ApiKeys, make_key
from services.middleware.key_ring import KeyRing, allows_anonymous, check_exposure


class Clock:
    def __init__(self) -> None:
        self.now_s = 0.0

    def __call__(self) -> float:
        return self.now_s


def write_keys(path: Path, *names: str) -> None:
    """Replace a file of keys, as `doorstep keys` does it."""
    beside = path.with_suffix(".new")
    beside.write_bytes(ApiKeys(make_key(name, ["app"])[1] for name in names).to_json())
    beside.chmod(0o600)
    beside.replace(path)


def names_of(keys: ApiKeys | None) -> list[str]:
    assert keys is not None
    return [key.name for key in keys]


def test_a_file_that_changes_is_read_again_after_a_second(tmp_path: Path) -> None:
    path, clock = tmp_path / "keys.json", Clock()
    write_keys(path, "first")
    ring = KeyRing({"DOORSTEP_API_KEYS_FILE": str(path)}, clock=clock)
    write_keys(path, "first", "second")
    clock.now_s = 0.5
    assert names_of(ring.keys()) == ["first"]
    clock.now_s = 1.0
    assert names_of(ring.keys()) == ["first", "second"]


def test_keys_that_cannot_be_read_any_more_stay(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    path, clock = tmp_path / "keys.json", Clock()
    write_keys(path, "first")
    ring = KeyRing({"DOORSTEP_API_KEYS_FILE": str(path)}, clock=clock)
    path.write_text("[{", encoding="utf-8")
    clock.now_s = 1.0
    assert names_of(ring.keys()) == ["first"]
    path.unlink()
    clock.now_s = 2.0
    assert names_of(ring.keys()) == ["first"]
    said = [record for record in caplog.records if "stay as they were" in record.getMessage()]
    assert len(said) == 2
    clock.now_s = 3.0
    ring.keys()
    assert len([r for r in caplog.records if "stay as they were" in r.getMessage()]) == 2
    write_keys(path, "third")
    clock.now_s = 4.0
    assert names_of(ring.keys()) == ["third"]


def test_a_key_that_was_revoked_while_the_file_could_not_be_read_is_refused_later(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    """The file is read until it succeeds, though it does not change any more."""
    path, clock = tmp_path / "keys.json", Clock()
    write_keys(path, "stays", "revoked")
    ring = KeyRing({"DOORSTEP_API_KEYS_FILE": str(path)}, clock=clock)
    write_keys(path, "stays")
    read = Path.read_bytes
    failing = True

    def read_bytes(self: Path) -> bytes:
        if failing:
            raise PermissionError(13, "Permission denied")
        return read(self)

    monkeypatch.setattr(Path, "read_bytes", read_bytes)
    for second in (1.0, 2.0, 3.0):
        clock.now_s = second
        assert names_of(ring.keys()) == ["stays", "revoked"]
    said = [r for r in caplog.records if "stay as they were" in r.getMessage()]
    assert len(said) == 1, "once, not every second"
    failing = False
    clock.now_s = 4.0
    assert names_of(ring.keys()) == ["stays"]


def test_an_empty_list_of_keys_lets_nobody_in_and_is_said(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    path, clock = tmp_path / "keys.json", Clock()
    write_keys(path)
    ring = KeyRing({"DOORSTEP_API_KEYS_FILE": str(path)}, clock=clock)
    keys = ring.keys()
    assert keys is not None
    assert len(keys) == 0
    with pytest.raises(Unauthorized):
        keys.check(f"Bearer {make_key('somebody', ['admin'])[0]}", "app")
    assert "the list of API keys is empty" in caplog.text
    check_exposure("0.0.0.0", {"DOORSTEP_API_KEYS": "[]"})  # open to nobody


@pytest.mark.parametrize("document", ['{"keys": []}', "{}", "EXAMPLE", "EXAMPLE: a file", ""])
def test_a_file_that_is_no_list_of_keys_is_refused(tmp_path: Path, document: str) -> None:
    path = tmp_path / "keys.json"
    path.write_text(document, encoding="utf-8")
    path.chmod(0o600)
    with pytest.raises(SettingError, match=r"doorstep keys create|placeholder"):
        KeyRing({"DOORSTEP_API_KEYS_FILE": str(path)})


def test_keys_that_cannot_be_read_at_first_are_an_error(tmp_path: Path) -> None:
    with pytest.raises(SettingError, match="cannot be read"):
        KeyRing({"DOORSTEP_API_KEYS_FILE": str(tmp_path / "none.json")})


@pytest.mark.parametrize("host", ["0.0.0.0", "::", "192.168.1.7", "host.example.com"])
def test_without_keys_others_are_not_let_in(host: str) -> None:
    with pytest.raises(SettingError, match="loopback address only") as caught:
        check_exposure(host, {})
    assert "DOORSTEP_API_KEYS_FILE" in caught.value.reason
    check_exposure(host, {"DOORSTEP_ALLOW_ANONYMOUS": "1"})
    keys = ApiKeys([make_key("somebody", ["app"])[1]]).to_json().decode()
    check_exposure(host, {"DOORSTEP_API_KEYS": keys})


@pytest.mark.parametrize("host", ["127.0.0.1", "127.8.8.8", "::1", "localhost", "::ffff:127.0.0.1"])
def test_without_keys_this_machine_is_let_in(host: str) -> None:
    check_exposure(host, {})


def test_the_permission_is_yes_or_no() -> None:
    assert not allows_anonymous({"DOORSTEP_ALLOW_ANONYMOUS": "0"})
    with pytest.raises(SettingError, match="expected 0 or 1"):
        allows_anonymous({"DOORSTEP_ALLOW_ANONYMOUS": "true"})
