"""The bento of the composed service holds its parts, or asks the bentos of other services."""

from __future__ import annotations

import contextlib
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
import yaml

from deploy.bentos import BentoPlan, build
from estimators.eta.model import ETA_PARTS
from estimators.registry import models as registry
from services.schemas.examples_eta import ETA
from tests.bentos import ROOT, ask, lend_kernels, linked_environment, served

ASKED = {"etp": ("ready",), "courier_travel": ("to_store", "to_customer", "parking")}
"""What the composed service asks over the network, and the parts there; the rest it holds."""

pytestmark = pytest.mark.slow


@dataclass(frozen=True)
class Built:
    """A bento, what went into it, and the Python that has what it locks."""

    plan: BentoPlan
    folder: Path
    python: Path


@pytest.fixture(scope="module")
def built(saved_eta: str, tmp_path_factory: pytest.TempPathFactory) -> dict[str, Built]:
    """By service, with the parts of one ETA."""
    folder = tmp_path_factory.mktemp("bentos")
    tags = registry.load_eta(saved_eta, parts=()).tags
    models = {name: tuple(tags[part] for part in parts) for name, parts in ASKED.items()}
    models["eta"] = (saved_eta, *(tags[part] for part in ETA_PARTS))

    def one(service: str) -> Built:
        plan = BentoPlan(service=service, root=ROOT, models=models[service])
        build(plan, to=folder / service)
        lend_kernels(ROOT, folder / service / "src")
        python = linked_environment(service, folder / f"{service}-environment")
        return Built(plan, folder / service, python)

    services = ("eta", *ASKED)
    with ThreadPoolExecutor(2) as pool:
        return dict(zip(services, pool.map(one, services), strict=True))


def test_bento_holds_the_models_of_its_plan(built: dict[str, Built]) -> None:
    for one in built.values():
        manifest = yaml.safe_load((one.folder / "bento.yaml").read_text(encoding="utf-8"))
        assert tuple(model["tag"] for model in manifest["models"]) == one.plan.models


def test_newer_parts_do_not_get_into_an_older_composition(saved_eta: str) -> None:
    tags = registry.load_eta("eta:latest", parts=()).tags
    newer = registry.save(registry.load(tags["ready"]), name="eta_ready")
    assert BentoPlan.of("etp", ROOT).models == (newer,)
    composed = registry.describe("eta:latest")["tag"]
    assert BentoPlan.of("eta", ROOT).models == (composed, *(tags[part] for part in ETA_PARTS))


def test_parts_answer_the_same_in_one_process_and_in_others(
    built: dict[str, Built], saved_eta: str, tmp_path: Path
) -> None:
    """Each process runs the code of its own bento, over one event store."""
    store = {
        "DOORSTEP_STORE": str(tmp_path / "events.db"),
        "DOORSTEP_PART_TIMEOUT_MS": "9000",  # no part is late, however busy the machine is
        "DOORSTEP_MAX_WAIT_MS": "30000",
    }
    with contextlib.ExitStack() as stack, ThreadPoolExecutor(2) as pool:

        def start(service: str, name: str, **settings: str) -> str:
            bento = built[service]
            running = served(bento.python, bento.folder, tmp_path / name, **store, **settings)
            return stack.enter_context(running)

        starting = [pool.submit(start, service, service) for service in ASKED]
        urls = {
            f"DOORSTEP_{service.upper()}_URL": one.result()
            for service, one in zip(ASKED, starting, strict=True)
        }
        alone, asking = (
            one.result()
            for one in (
                pool.submit(start, "eta", "alone"),
                pool.submit(start, "eta", "asking", **urls),
            )
        )
        answers: list[dict[str, Any]] = [ask(url, "/eta", ETA) for url in (alone, asking)]
        explained = ask(alone, "/eta", ETA | {"explain": True})

    tags = registry.load_eta(saved_eta, parts=()).tags
    asked = {part for parts in ASKED.values() for part in parts}
    for answer in answers:
        answer.pop("request_id")
        models = {name: model["tag"] for name, model in answer["models"].items()}
        assert models.pop("eta") == saved_eta
        assert asked <= models.keys()
        assert models.items() <= tags.items()
        assert answer["eta_s"]["0.5"] > 0.0
        answer["models"]["eta"].pop("fingerprint")  # that of the parts which the process holds
    assert answers[0] == answers[1]
    assert explained["expected_eta_s"] == answers[0]["expected_eta_s"]
    assert explained["explanation"], "what explains is in the lock, too"
