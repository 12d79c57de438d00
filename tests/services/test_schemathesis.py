"""Schemathesis with keys: no endpoint answers without one, or with a wrong one."""

from __future__ import annotations

from pathlib import Path

from services.bento.process import ServiceProcess
from services.middleware.api_keys import ApiKeys, make_key
from tests.services.every_service import EVERY_SERVICE
from tests.services.schemathesis_run import UNHURRIED, faults_of


def test_a_service_with_keys_conforms_to_its_description(tmp_path: Path) -> None:
    text, kept = make_key("tests", ["admin"])
    keys = tmp_path / "keys.json"
    keys.write_bytes(ApiKeys([kept]).to_json())
    keys.chmod(0o600)
    known = EVERY_SERVICE["events"]
    settings = {
        **known.settings(tmp_path),
        "DOORSTEP_API_KEYS_FILE": str(keys),
        "DOORSTEP_LOG_SAMPLE": "0",
        **UNHURRIED,
    }
    with ServiceProcess(known.target, log=tmp_path / "log", settings=settings) as service:
        header = ("--header", f"Authorization: Bearer {text}")
        # The other endpoints are tried without keys, see test_contract.py.
        some = ("--include-path", "/explain", "--include-path", "/events", "--include-path", "/")
        assert not faults_of(service.url, tmp_path, *header, *some)
