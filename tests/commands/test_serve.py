"""`doorstep serve` becomes the service that it is told to, with the settings it was given."""

from __future__ import annotations

import asyncio
import inspect
import os
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import bentoml
import pytest
from typer.testing import CliRunner

from commands.consume import consume
from commands.serve import (
    serve_app,
    serve_courier_travel,
    serve_eta,
    serve_etp,
    serve_events,
    serve_wall_eta,
)
from estimators.eta.trained import TrainedEta
from estimators.registry import models as registry
from services.bento.process import end_server, free_port
from services.client import EventClient
from services.core.settings.events import EventSettings
from services.core.settings.models import (
    CourierTravelSettings,
    EtaSettings,
    EtpSettings,
    WallEtaSettings,
)
from services.core.settings.parts import PartSettings
from services.core.settings.variable import Settings, declared
from services.etp import EtpService
from tests.commands.running import ROOT, doorstep
from tests.waiting import wait_until


def test_the_event_service_serves_what_it_is_told_to(tmp_path: Path) -> None:
    port = free_port()
    command = [sys.executable, "-m", "commands", "serve", "events", "--port", str(port)]
    command += [
        "--store",
        str(tmp_path / "events.db"),
        "--catalog",
        "tests.services.building:CATALOG",
    ]
    with (tmp_path / "log").open("wb") as log:
        server = subprocess.Popen(
            command, cwd=ROOT, env={**os.environ, "NO_COLOR": "1"}, stdout=log, stderr=log
        )
    try:
        with EventClient(f"http://127.0.0.1:{port}") as client:
            wait_until(lambda: client.is_ready() or server.poll() is not None)
            assert server.poll() is None, (tmp_path / "log").read_text()
            answer = client.features({"city": "BCN"}, sample_id=None)
        assert (answer.catalog.name, answer.catalog.version) == ("small", "4.5.6")
    finally:
        end_server(server)
    assert (tmp_path / "events.db").is_file()
    assert "serving 3 features of small 4.5.6" in (tmp_path / "log").read_text()


@pytest.mark.parametrize(
    ("command", "options", "reason"),
    [
        ("etp", ("--model", "etp_of_nobody"), "no model 'etp_of_nobody'"),
        ("courier-travel", ("--to-store-model", "nobody"), "no model 'nobody'"),
        ("wall-eta", ("--model", "nobody:latest"), "no model 'nobody:latest'"),
        ("eta", ("--model", "nobody"), "no model 'nobody'"),
    ],
)
def test_a_model_that_is_not_there_is_said_at_once(
    command: str, options: tuple[str, ...], reason: str
) -> None:
    done = CliRunner().invoke(serve_app, [command, *options])
    assert done.exit_code == 1
    assert reason in " ".join(done.output.split())


def test_a_model_of_something_else_is_not_served(saved_eta: str) -> None:
    tags = registry.load_eta(saved_eta, parts=()).tags
    done = CliRunner().invoke(serve_app, ["wall-eta", "--model", tags["parking"]])
    assert done.exit_code == 1
    assert "expected wall_eta or eta_direct" in " ".join(done.output.split())
    done = CliRunner().invoke(serve_app, ["eta", "--model", saved_eta, "--etp-url", "etp:3000"])
    assert done.exit_code == 1
    assert "DOORSTEP_ETP_URL" in done.output


def test_a_service_is_told_its_settings(saved_eta: str, monkeypatch: pytest.MonkeyPatch) -> None:
    told: dict[str, str] = {}

    def become(_path: str, command: list[str], environment: dict[str, str]) -> None:
        told.update(environment, target=command[3])
        raise SystemExit(0)

    monkeypatch.setattr("os.execve", become)
    tags = registry.load_eta(saved_eta, parts=()).tags
    port = ["--port", str(free_port())]
    options = ["--parking-model", tags["parking"], "--store", "memory", *port]
    options += ["--to-store-model", tags["to_store"], "--to-customer-model", tags["to_customer"]]
    assert CliRunner().invoke(serve_app, ["courier-travel", *options]).exit_code == 0
    assert told["target"] == "services.courier_travel:CourierTravelService"
    settings = CourierTravelSettings.from_environment(told)
    assert settings.models == {leg: tags[leg] for leg in ("to_store", "to_customer", "parking")}
    options = ["--model", saved_eta, "--etp-url", "http://etp:1", "--part-timeout-ms", "250", *port]
    assert CliRunner().invoke(serve_app, ["eta", *options]).exit_code == 0
    assert EtaSettings.from_environment(told).model == saved_eta
    parts = PartSettings.from_environment(told)
    assert (parts.etp_url, parts.timeout_ms) == ("http://etp:1", 250.0)


def test_a_broken_model_does_not_keep_its_service_from_starting(
    trained_eta: TrainedEta, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It answers what is usual and says why, where it would be started again and again."""
    tag = registry.save(trained_eta.parts["ready"], name="eta_ready_broken")
    path = Path(bentoml.models.get(tag).path) / "estimator.json"
    path.unlink()
    path.symlink_to("/dev/zero")
    told: dict[str, str] = {}

    def become(_path: str, _command: list[str], environment: dict[str, str]) -> None:
        told.update(environment)
        raise SystemExit(0)

    monkeypatch.setattr("os.execve", become)
    port = ["--port", str(free_port())]
    for asked in (tag, "eta_ready_broken:latest", "eta_ready_broken"):
        done = CliRunner().invoke(serve_app, ["etp", "--model", asked, *port])
        assert done.exit_code == 0, done.output
        assert f"what is usual by {tag} is answered" in " ".join(done.output.split())
        assert EtpSettings.from_environment(told).model == asked
    assert CliRunner().invoke(serve_app, ["etp", "--model", f"{tag}x", *port]).exit_code == 1


def _write(path: Path, text: str) -> None:
    path.unlink()
    path.write_text(text)


def _link(path: Path, where: str) -> None:
    path.unlink()
    path.symlink_to(where)


@pytest.mark.parametrize(
    ("file", "damage", "reason"),
    [
        ("checksums.json", lambda path: _write(path, "{}"), "checksums.json holds no checksums"),
        ("checksums.json", lambda path: _link(path, "/dev/zero"), "checksums.json is a link"),
        ("model.yaml", lambda path: _write(path, "{{{"), "model.yaml cannot be read"),
        ("model.yaml", Path.unlink, "model.yaml is missing"),
        ("estimator.json", lambda path: _link(path, "/dev/zero"), "estimator.json is no regular"),
    ],
)
def test_a_model_is_served_as_broken_whichever_of_its_files_is(
    trained_eta: TrainedEta,
    monkeypatch: pytest.MonkeyPatch,
    file: str,
    damage: Callable[[Path], None],
    reason: str,
) -> None:
    """The process stays up and says why; the message names the broken model and nothing else."""
    tag = registry.save(trained_eta.parts["ready"], name="eta_ready_alone")
    folder = Path(bentoml.models.get(tag).path)
    damage(folder / file)
    told: dict[str, str] = {}

    def become(_path: str, _command: list[str], environment: dict[str, str]) -> None:
        told.update(environment)
        raise SystemExit(0)

    monkeypatch.setattr("os.execve", become)
    try:
        port = ["--port", str(free_port())]
        for asked in (tag, "eta_ready_alone:latest"):
            done = CliRunner().invoke(serve_app, ["etp", "--model", asked, *port])
            said = " ".join(done.output.split())
            assert done.exit_code == 0, said
            assert EtpSettings.from_environment(told).model == asked
            assert reason in said
            assert "was saved yet" not in said
        for name, value in told.items():
            monkeypatch.setenv(name, value)
        service = EtpService.inner()  # type: ignore[attr-defined]
        try:
            assert not service.complete()
            assert not service.__is_ready__()
            service.start._tried.set()
            assert reason in service.unready_reason
        finally:
            asyncio.run(service.finish())
    finally:
        shutil.rmtree(folder)


def test_a_broken_eta_does_not_keep_its_service_from_starting(
    saved_eta: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    whole = Path(bentoml.models.get(saved_eta).path)
    broken = whole.parent / "broken"
    shutil.copytree(whole, broken)
    (broken / "model.yaml").unlink()
    told: dict[str, str] = {}

    def become(_path: str, _command: list[str], environment: dict[str, str]) -> None:
        told.update(environment)
        raise SystemExit(0)

    monkeypatch.setattr("os.execve", become)
    try:
        asked = f"{saved_eta.partition(':')[0]}:broken"
        options = ["eta", "--model", asked, "--port", str(free_port())]
        done = CliRunner().invoke(serve_app, options)
    finally:
        shutil.rmtree(broken)
    assert done.exit_code == 0, done.output
    assert EtaSettings.from_environment(told).model == asked
    assert "model.yaml is missing" in " ".join(done.output.split())


@pytest.mark.parametrize(
    ("options", "reason"),
    [
        (("--store", "/nowhere/events.db"), "there is no folder"),
        (("--catalog", "aggregators.catalog:NOTHING"), "cannot be imported"),
        (("--catalog", "aggregators.catalog:ORDERS"), "expected a Catalog"),
    ],
)
def test_what_cannot_be_served_is_said_at_once(options: tuple[str, ...], reason: str) -> None:
    done = doorstep("serve", "events", *options)
    assert done.returncode == 1
    assert reason in done.stderr


def test_options_have_the_defaults_of_the_settings() -> None:
    kinds: dict[Callable[..., object], tuple[type[Settings], ...]] = {
        serve_events: (EventSettings,),
        serve_etp: (EtpSettings,),
        serve_courier_travel: (CourierTravelSettings,),
        serve_wall_eta: (WallEtaSettings,),
        serve_eta: (EtaSettings, PartSettings),
    }
    for command, classes in kinds.items():
        options = inspect.signature(command).parameters
        for one in (one for settings in classes for one in declared(settings)):
            if not one.variable.option:
                continue
            name = one.variable.option.removeprefix("--").replace("-", "_")
            assert options[name].default == one.default
    consumer = inspect.signature(consume).parameters
    assert consumer["max_clock_skew_s"].default == EventSettings.max_clock_skew_s
    assert consumer["catalog"].default == EventSettings.catalog
