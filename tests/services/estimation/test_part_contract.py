"""A part in another process must answer what the ETA asks: its question, its facts, its unit."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import httpx
import msgspec
import numpy as np
import pytest

from estimators.core.errors import RegistryError
from estimators.eta.model import ETA_PARTS, EtaModel
from estimators.eta.part_question import PartQuestion
from estimators.eta.parts import PART_SPECS
from estimators.eta.trained import TrainedEta
from estimators.quantiles.calibration import GRID_LEVELS
from estimators.registry import models as registry
from services.client.async_connection import AsyncServiceClient
from services.client.circuit_breaker import CircuitBreaker
from services.composition.loading import EtaLoader
from services.composition.opening import expected_of
from services.composition.parts import Parts
from services.composition.remote_parts import RemotePart
from services.core.settings.parts import PartSettings
from services.estimation.part_contract import PartContract
from services.estimation.results import RowResults
from services.schemas.common import ModelInfo, PredictColumnsAnswer, Question
from tests.services.building import NOON
from tests.services.doubling import USUAL, Clock, ask, medians, rows_of

READY = PartQuestion(start="dispatched", end="ready", facts=("amount", "store_id"))
EXPECTED = PartContract(question=READY, tag="eta_ready:fitted")


def answering(tag: str, question: Question | None) -> Callable[[httpx.Request], httpx.Response]:
    def answer(request: httpx.Request) -> httpx.Response:
        n = len(msgspec.json.decode(request.content)["sample_ids"])
        said = PredictColumnsAnswer(
            request_id="r",
            as_of=NOON,
            model=ModelInfo(tag=tag, catalog_version="1", fingerprint="f"),
            levels=list(GRID_LEVELS),
            values_s=[[100.0 + 200.0 * q for q in GRID_LEVELS]] * n,
            status=["ok"] * n,
            notes=[[]] * n,
            question=question,
        )
        return httpx.Response(200, content=msgspec.json.encode(said))

    return answer


def question(**changes: Any) -> Question:
    return Question(**{**READY.to_json(), **changes})


def parts_of(tag: str, asked: Question | None, *, clock: Any = None) -> Parts:
    transport = httpx.MockTransport(answering(tag, asked))
    client = AsyncServiceClient("http://etp", retries=0, transport=transport)
    remote = RemotePart(client, breaker=CircuitBreaker("http://etp"), expected=EXPECTED)
    options = {} if clock is None else {"clock": clock}
    return Parts(
        {},
        {"ready": remote},
        fallbacks={"ready": USUAL},
        expected={"ready": EXPECTED},
        **options,
    )


def answered(tag: str, asked: Question | None) -> RowResults:
    return ask(parts_of(tag, asked), ready=rows_of([1.0, 2.0]))["ready"]


OTHERS = [
    ({"asked_at": "dispatched"}, "it is asked at 'dispatched'; the ETA asks at any moment"),
    ({"start": "accepted"}, "it estimates 'accepted' to 'ready'; the ETA needs 'dispatched' to"),
    ({"end": "delivered"}, "it estimates 'dispatched' to 'delivered'; the ETA needs"),
    ({"unit": "min"}, "it answers in 'min'; the ETA needs 's'"),
    ({"facts": ["store_id"]}, "it answers without amount, other than"),
    ({"facts": ["amount", "mood", "store_id"]}, "it answers with mood, other than"),
]


@pytest.mark.parametrize(("changes", "words"), OTHERS)
def test_an_answer_to_another_question_is_none(changes: dict[str, Any], words: str) -> None:
    found = answered("etp:other", question(**changes))
    assert found.status == ["fallback", "fallback"]
    assert found.model is None
    assert found.notes[0][0].startswith("ready is answered by etp:other, which does not fit: ")
    assert words in found.notes[0][0]
    assert medians(found) == medians(answered("etp:other", question(**changes)))


def test_an_answer_that_does_not_say_what_it_is_about_is_none_but_of_the_same_model() -> None:
    found = answered("etp:older_service", None)
    assert found.status == ["fallback", "fallback"]
    assert "does not say what it estimates" in found.notes[0][0]
    same = answered("eta_ready:fitted", None)
    assert (same.status, same.notes) == (["ok", "ok"], {})


def test_a_retrained_model_is_taken_noted_and_gets_a_wider_range() -> None:
    fitted = answered("eta_ready:fitted", question())
    retrained = answered("eta_ready:newer", question())
    assert fitted.status == ["ok", "ok"]
    assert retrained.status == ["degraded", "degraded"]
    assert retrained.notes[0] == [
        "ready is answered by eta_ready:newer; the ETA was calibrated with eta_ready:fitted: the"
        " range is wider"
    ]
    assert retrained.model is not None
    assert retrained.model.tag == "eta_ready:newer"
    assert medians(retrained) == pytest.approx(medians(fitted))
    (low, high), (least, most) = (one.distribution.interval(0.8) for one in (fitted, retrained))
    assert (least < low).all()
    assert (most > high).all()


def test_doubts_are_found_without_a_request_and_go_with_their_cause() -> None:

    async def ask_twice() -> list[list[str]]:
        parts = parts_of("etp:other", question(asked_at="dispatched"), clock=Clock())
        return [await parts.part_problems(), await parts.part_problems()]

    (doubt,), again = asyncio.run(ask_twice())
    assert doubt.startswith("ready is answered by etp:other, which does not fit")
    assert again == [doubt], "remembered, not asked anew"
    (noted,) = asyncio.run(parts_of("eta_ready:newer", question()).part_problems())
    assert "was calibrated with eta_ready:fitted" in noted
    assert asyncio.run(parts_of("eta_ready:fitted", question()).part_problems()) == []


def test_a_part_that_hangs_keeps_nobody_waiting_who_asks_whether_it_is_ready(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("services.composition.parts.PROBLEM_WAIT_S", 0.01)
    asked: list[None] = []

    class Hangs(httpx.AsyncBaseTransport):
        async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
            asked.append(None)
            await asyncio.Event().wait()
            raise AssertionError

    async def ask_twice() -> list[list[str]]:
        client = AsyncServiceClient("http://etp", retries=0, transport=Hangs())
        remote = RemotePart(client, breaker=CircuitBreaker("http://etp"), expected=EXPECTED)
        parts = Parts({}, {"ready": remote}, expected={"ready": EXPECTED}, timeout_s=3_600.0)
        return [await parts.part_problems(), await parts.part_problems()]

    assert asyncio.run(ask_twice()) == [[], []]
    assert len(asked) == 1, "one question at a time"


def test_every_part_expects_the_question_that_it_was_fitted_with(trained_eta: TrainedEta) -> None:
    model = trained_eta.model
    saved = EtaModel.from_json(model.with_tags({"ready": "eta_ready:v1"}).to_json(), {})
    for part in ETA_PARTS:
        asked = saved.question(part)
        assert asked == PartQuestion.of(model.parts[part])
        assert (asked.start, asked.end) == (
            PART_SPECS[part].target.start,
            PART_SPECS[part].target.end,
        )
        others = [PartQuestion.of(one) for name, one in model.parts.items() if name != part]
        assert all(asked.problem_of(other) for other in others), part
    document = saved.to_json()
    del document["questions"]  # as it was before
    older = EtaModel.from_json(document, {})
    assert older.question("ready") == replace(saved.question("ready"), facts=())
    assert expected_of(older)["ready"].tag == "eta_ready:v1"


def test_a_part_of_this_process_must_fit_as_well(trained_eta: TrainedEta) -> None:
    """The tag of a part may be changed by hand; what it names is held against the question."""
    name = "eta_swapped"
    parking = registry.save(trained_eta.parts["parking"], name=f"{name}_other")
    tag = registry.save_eta(_with_tag(trained_eta, "ready", parking), name=name)
    bare = registry.load_eta(tag, parts=())
    assert bare.tags["ready"] == parking
    loader = EtaLoader(PartSettings())
    loader.load(tag)
    assert set(loader.missing) == {"ready"}
    assert "does not fit: it estimates 'courier_at_customer'" in loader.missing["ready"]
    assert "ready" not in loader.model.parts
    assert not loader.load(tag)


def test_a_part_of_this_process_that_was_trained_anew_is_noticed(trained_eta: TrainedEta) -> None:
    name = "eta_latest_part"
    registry.save(trained_eta.parts["ready"], name=f"{name}_ready")
    tag = registry.save_eta(_with_tag(trained_eta, "ready", f"{name}_ready:latest"), name=name)
    loader = EtaLoader(PartSettings())
    loader.load(tag)
    assert not loader.missing
    assert loader.served["ready"] == registry.resolve(f"{name}_ready:latest")
    expected = expected_of(loader.model)
    assert "was calibrated with" in expected["ready"].mismatch_note(loader.served["ready"])
    assert expected["parking"].mismatch_note(loader.served["parking"]) == ""


class _Tagged(EtaModel):
    """An ETA that says another tag of one part than that under which it was saved."""

    def with_tags(self, tags: Any) -> EtaModel:
        return replace(super().with_tags(tags), tags={**tags, **self.tags})


def _with_tag(trained: TrainedEta, part: str, tag: str) -> TrainedEta:
    model = trained.model
    tagged = _Tagged(
        parts=model.parts,
        dependence=model.dependence,
        stages=model.stages,
        tags={part: tag},
        fallbacks=model.fallbacks,
    )
    return replace(trained, model=tagged)


def test_the_widened_part_makes_the_eta_wider(trained_eta: TrainedEta) -> None:
    model = trained_eta.model
    grid = np.array([[100.0 * (0.6 + 0.8 * q) for q in GRID_LEVELS]])
    from estimators.core.distribution import Distribution

    parts = {
        name: Distribution(GRID_LEVELS, grid * (0.0 if name == "conditions" else 4.0))
        for name in ETA_PARTS
    }
    told = model.compose(parts, "accepted").eta.interval(0.8)
    wider = {**parts, "ready": EXPECTED.widened(parts["ready"])}
    wider["to_store"] = EXPECTED.widened(parts["to_store"])
    reached = model.compose(wider, "accepted").eta.interval(0.8)
    assert reached[1][0] - reached[0][0] > told[1][0] - told[0][0]


def test_a_damaged_part_is_answered_by_what_is_usual(
    trained_eta: TrainedEta, tmp_path: Path
) -> None:
    import bentoml

    name = "eta_damaged_part"
    tag = registry.save_eta(trained_eta, name=name)
    lost = registry.load_eta(tag, parts=()).tags["to_store"]
    path = Path(bentoml.models.get(lost).path) / "estimator.json"
    path.write_bytes(path.read_bytes().replace(b"split_feature=", b"split_feature=1000000 ", 1))
    loader = EtaLoader(PartSettings())
    loader.load(tag)
    assert "another checksum" in loader.missing["to_store"]
    with pytest.raises(RegistryError):
        registry.load(lost)
