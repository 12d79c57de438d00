"""A service in a process of its own starts, answers, and is gone when the block ends.

Tests `services.bento.worker`.
"""

from __future__ import annotations

import contextlib
import os
import signal
from pathlib import Path

import httpx
import psutil  # type: ignore[import-untyped]
import pytest

from services.bento.process import ServiceProcess, ServiceStartError, free_port
from tests.patient_http import get, post
from tests.waiting import wait_until

pytestmark = pytest.mark.slow

STUB = "tests.services.stub:Stub"


def is_running(pid: int) -> bool:
    with contextlib.suppress(ProcessLookupError):
        os.kill(pid, 0)
        return True
    return False


def test_a_service_answers_while_the_block_lasts_and_is_gone_after(tmp_path: Path) -> None:
    seen: list[tuple[ServiceProcess, int, int]] = []

    def fail_within() -> None:
        with ServiceProcess(STUB, log=tmp_path / "log") as service:
            ids = post(f"{service.url}/ids", json={}).json()
            assert service.pid in (ids["server"], ids["worker"])
            assert get(f"{service.url}/livez").status_code == 200
            seen.append((service, ids["server"], ids["worker"]))
            raise RuntimeError

    with pytest.raises(RuntimeError):
        fail_within()
    service, server, worker = seen[0]
    # A worker that lost its parent is collected by init.
    wait_until(lambda: not is_running(worker) and not is_running(server))
    with pytest.raises(httpx.ConnectError):
        get(f"{service.url}/livez")
    service.stop()  # a second time is harmless


def test_a_server_that_was_killed_leaves_no_worker(tmp_path: Path) -> None:
    with ServiceProcess(STUB, log=tmp_path / "log") as service:
        workers = psutil.Process(service.pid).children(recursive=True)
        assert workers
        os.kill(service.pid, signal.SIGKILL)
    assert not any(worker.is_running() for worker in workers)


def test_a_service_that_cannot_start_says_what_it_printed(tmp_path: Path) -> None:
    service = ServiceProcess("tests.services.nowhere:Stub", log=tmp_path / "log")
    with pytest.raises(ServiceStartError, match="exit code") as caught, service:
        pass
    assert "nowhere" in caught.value.reason


def test_a_service_that_fails_while_starting_is_given_up(tmp_path: Path) -> None:
    service = ServiceProcess(
        STUB, log=tmp_path / "log", settings={"STUB_FAILS": "1"}, start_timeout_s=3.0
    )
    with pytest.raises(ServiceStartError, match=r"ready within 3 s|exit code") as caught, service:
        pass
    assert "log" in caught.value.reason


def test_free_ports_are_free() -> None:
    assert 1_024 < free_port() < 65_536


def test_services_that_run_side_by_side_keep_their_own_metrics(tmp_path: Path) -> None:
    def requests_of(service: ServiceProcess) -> float:
        text = get(f"{service.url}/metrics").text
        lines = [line for line in text.splitlines() if line.startswith("doorstep_request_total")]
        return sum(float(line.rpartition(" ")[2]) for line in lines if 'endpoint="/ids"' in line)

    with ServiceProcess(STUB, log=tmp_path / "first") as first:
        assert post(f"{first.url}/ids", json={}).status_code == 200
        assert requests_of(first) == 1.0
        with ServiceProcess(STUB, log=tmp_path / "second") as second:
            assert requests_of(second) == 0.0
            assert requests_of(first) == 1.0
            assert post(f"{first.url}/ids", json={}).status_code == 200
