"""The guard where it matters: before services in processes of their own."""

from __future__ import annotations

import asyncio
import itertools
import json
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest

from services.bento.process import ServiceProcess, free_port
from services.core.limits import MAX_REQUESTS
from services.middleware.api_keys import ApiKeys, make_key
from tests.patient_http import get, post
from tests.services.middleware.test_key_ring import write_keys
from tests.waiting import PATIENCE_S, wait_until

pytestmark = pytest.mark.slow

ROOT = Path(__file__).parent.parent.parent.parent
STUB = "tests.services.stub:Stub"
TRACE = "0af7651916cd43dd8448eb211c80319c"


@pytest.fixture(scope="module")
def stub(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ServiceProcess]:
    """A service without keys, which the tests share."""
    with ServiceProcess(STUB, log=tmp_path_factory.mktemp("stub") / "log") as service:
        yield service


def ask(service: ServiceProcess, key: str = "", **headers: str) -> httpx.Response:
    if key:
        headers["authorization"] = f"Bearer {key}"
    named = {name.replace("_", "-"): text for name, text in headers.items()}
    return post(f"{service.url}/ids", json={}, headers=named)


def test_a_service_with_keys_knows_who_asks_and_learns_of_new_ones(tmp_path: Path) -> None:
    path, log = tmp_path / "keys.json", tmp_path / "log"
    text, kept = make_key("app", ["app"])
    other, kept_other = make_key("events", ["intake"])
    path.write_bytes(ApiKeys([kept_other]).to_json())
    path.chmod(0o600)
    settings = {"DOORSTEP_API_KEYS_FILE": str(path), "DOORSTEP_LOG_SAMPLE": "1"}
    with ServiceProcess(STUB, log=log, settings=settings) as service:
        assert ask(service).status_code == 401
        assert ask(service).headers["www-authenticate"] == "Bearer"
        assert ask(service, other).status_code == 403
        assert ask(service, text).status_code == 401
        for open_path in ("/livez", "/readyz", "/metrics", "/docs.json"):
            assert get(service.url + open_path).status_code == 200
        beside = path.with_suffix(".new")
        beside.write_bytes(ApiKeys([kept]).to_json())
        beside.chmod(0o600)
        beside.replace(path)
        wait_until(lambda: ask(service, text).status_code == 200, log.read_text)
        assert ask(service, other).status_code == 401
        traced = ask(service, text, traceparent=f"00-{TRACE}-b7ad6b7169203331-01")
        assert TRACE in traced.headers["traceresponse"]
        shown = get(f"{service.url}/metrics").text
    assert 'doorstep_refused_total{reason="forbidden"} 1.0' in shown
    lines = [json.loads(line) for line in log.read_text().splitlines() if line.startswith("{")]
    (line,) = [line for line in lines if line.get("trace_id") == TRACE]
    assert (line["service"], line["path"], line["status"]) == ("stub", "/ids", 200)
    assert line["key_id"] == kept.id
    assert text not in log.read_text()


def test_a_service_without_keys_does_not_listen_to_everybody(tmp_path: Path) -> None:
    write_keys(tmp_path / "keys.json", "somebody")
    command = [sys.executable, "-m", "services.bento.serve", STUB, "--host", "0.0.0.0"]
    done = subprocess.run(
        [*command, "--port", str(free_port())],
        cwd=ROOT, capture_output=True, text=True, check=False, timeout=PATIENCE_S,
        env={**os.environ, "BENTOML_DO_NOT_TRACK": "True"},
    )  # fmt: skip
    assert done.returncode == 1
    assert "without API keys a service listens on a loopback address only" in done.stdout
    assert "Traceback" not in done.stdout + done.stderr


def test_a_web_page_gets_no_answer_of_a_service_without_keys(stub: ServiceProcess) -> None:
    own = stub.url.removeprefix("http://")
    port = own.rpartition(":")[2]
    assert ask(stub, origin=stub.url).status_code == 200
    assert ask(stub, host=f"localhost:{port}").status_code == 200
    assert ask(stub, host=f"rebound.example.com:{port}").status_code == 421
    assert ask(stub, origin="https://example.com").status_code == 403
    without_type = post(f"{stub.url}/ids", content=b"{}")
    assert without_type.status_code == 415
    assert ask(stub).status_code == 200


def test_a_deadline_ends_the_wait(stub: ServiceProcess, tmp_path: Path) -> None:
    response = post(
        f"{stub.url}/wait",
        json={"until": str(tmp_path / "never")},
        headers={"x-timeout-ms": "100"},
    )
    assert response.status_code == 504
    assert response.json()["error"] == "too_late"
    assert ask(stub).status_code == 200


def test_more_at_once_than_the_limit_is_told_to_come_back(
    stub: ServiceProcess, tmp_path: Path
) -> None:
    go, more = tmp_path / "go", 30

    async def flood(url: str) -> None:
        limits = httpx.Limits(max_connections=None)
        async with httpx.AsyncClient(
            base_url=url, limits=limits, trust_env=False, timeout=PATIENCE_S
        ) as client:
            asked = [
                asyncio.create_task(client.post("/wait", json={"until": str(go)}))
                for _ in range(MAX_REQUESTS + more)
            ]
            for done in itertools.islice(asyncio.as_completed(asked), more):
                response = await done
                assert response.status_code == 503
                assert int(response.headers["retry-after"]) > 0
            for path in ("/livez", "/readyz", "/metrics"):
                assert (await client.get(path)).status_code == 200
            go.touch()
            statuses = [(await one).status_code for one in asked]
            assert statuses.count(200) == MAX_REQUESTS
            assert statuses.count(503) == more

    asyncio.run(flood(stub.url))
