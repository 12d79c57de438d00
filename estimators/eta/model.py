"""The ETA of an order at any stage: composed of parts, calibrated as a whole, and adding up.

    eta = max(to_store, ready) + to_customer + parking + conditions

Parts of the past are absent. The composed distribution may be averaged, quantile by quantile, with
that of a direct model of the rest (the blend), as far as this improved the prediction of later
orders of the training period. A stretch that is learned on such orders calibrates it. Last the
expected parts are adjusted until they sum to the expected ETA again, see
:mod:`estimators.eta.reconciliation`.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import Any

import numpy as np

from aggregators import EventStore
from aggregators.times import moment_to_us
from estimators.core.distribution import Distribution
from estimators.core.errors import InputError
from estimators.core.stages import (
    DIRECT,
    OPEN_STAGES,
    elapsed_facts,
    happened_by,
    pending_at,
    stage_of,
)
from estimators.core.typing import FloatArray, IntArray
from estimators.eta.composition import STEP_S, Composed, GaussianCopula, compose
from estimators.eta.part_question import PartQuestion
from estimators.eta.parts import PART_SPECS
from estimators.eta.reconciliation import reconciled
from estimators.fallback.model import Fallback
from estimators.model.base import Estimator
from estimators.quantiles.calibration import GRID_LEVELS, ConformalGrid

__all__ = ["ANCHOR_LEVELS", "ETA_PARTS", "EtaEstimate", "EtaModel", "StageModel", "blended"]

ETA_PARTS = ("ready", "to_store", "to_customer", "parking", "conditions", DIRECT)
"""The estimators of an ETA; each is a saved model of its own, ``eta_ready`` and so on."""

ANCHOR_LEVELS = (0.1, 0.5, 0.9)
"""The levels of a composed distribution from which calibration stretches."""

_ANCHORS = [GRID_LEVELS.index(level) for level in ANCHOR_LEVELS]


@dataclass(frozen=True, kw_only=True, eq=False)
class EtaEstimate(Composed):
    """ETAs of one stage: a composition whose sum is blended and calibrated.

    Args:
        stage: of all rows.
    """

    stage: str


@dataclass(frozen=True, kw_only=True)
class StageModel:
    """The blend and the calibration of the composed ETAs of one stage.

    Args:
        weight: of the composition in the blend, 0 to 1; the rest is the direct model's.
        composed: the stretch of the composition alone; None: it is left as it is.
        blend: that of the blend.
        conditions_weight: weight of the conditions, 0 to 1.
    """

    weight: float = 1.0
    conditions_weight: float = 1.0
    composed: ConformalGrid | None = None
    blend: ConformalGrid | None = None

    def finished(
        self,
        composed: Distribution,
        direct: Distribution | None,
        places: IntArray | None = None,
    ) -> Distribution:
        """Return the composition, blended with the direct model if there is one, and stretched.

        Args:
            composed: of all rows.
            direct: what the direct model says of the rest.
            places: of each row in ``direct``; None: it has one per row, in their order.
        """
        if direct is None or self.weight == 1.0:
            grid = self.composed
            return composed if grid is None else grid.distribution(composed.quantile(ANCHOR_LEVELS))
        values = _averaged(composed, direct, self.weight, places)
        if self.blend is None:
            return Distribution(GRID_LEVELS, values)
        return self.blend.distribution(values[:, _ANCHORS])  # no quantile is nearer than its level

    def to_json(self) -> dict[str, Any]:
        """Return a JSON-able dictionary; :meth:`from_json` reads it."""
        grids = {"composed": self.composed, "blend": self.blend}
        return {
            "weight": self.weight,
            "heed": self.conditions_weight,
            **{name: None if grid is None else grid.to_json() for name, grid in grids.items()},
        }

    @classmethod
    def from_json(cls, document: Mapping[str, Any]) -> StageModel:
        """Return what :meth:`to_json` wrote."""
        grids = {
            name: None if document[name] is None else ConformalGrid.from_json(document[name])
            for name in ("composed", "blend")
        }
        return cls(
            weight=float(document["weight"]), conditions_weight=float(document["heed"]), **grids
        )


@dataclass(frozen=True, kw_only=True, eq=False)
class EtaModel:
    """The parts of an ETA and their composition.

    Args:
        parts: estimators by part, some or all of ``ETA_PARTS``: parts that another process answers
            need not be here.
        dependence: how the surprises of the parts are tied.
        stages: blend and calibration of each of ``OPEN_STAGES``; absent: none.
        tags: of the parts in the model store, where they are saved.
        fallbacks: the fallback of each part that cannot be asked, by part.
        questions: the question of each part, if it was saved with the ETA.

    >>> model = EtaModel(parts={})
    >>> def about(seconds: float) -> Distribution:
    ...     return Distribution([0.1, 0.9], [[0.9 * seconds, 1.1 * seconds]])
    >>> estimate = model.compose(
    ...     {"to_customer": about(600), "parking": about(120)}, "picked_up"
    ... )
    >>> (
    ...     estimate.expected_eta_s.round().tolist(),
    ...     round(estimate.expected_s["to_customer"].item()),
    ... )
    ([720.0], 600)
    """

    parts: Mapping[str, Estimator]
    dependence: GaussianCopula = field(default_factory=GaussianCopula.none)
    stages: Mapping[str, StageModel] = field(default_factory=dict)
    tags: Mapping[str, str] = field(default_factory=dict)
    fallbacks: Mapping[str, Fallback] = field(default_factory=dict)
    questions: Mapping[str, PartQuestion] = field(default_factory=dict)

    def question(self, part: str) -> PartQuestion:
        """Return the question that a part must answer to be a part of this ETA.

        An ETA that was saved without questions has those of its parts' kinds, with any facts.

        >>> EtaModel(parts={}).question("ready").end
        'ready'
        """
        if part in self.questions:
            return self.questions[part]
        target = PART_SPECS[part].target
        return PartQuestion(start=target.start, end=target.end)

    def needed(self, stage: str) -> tuple[str, ...]:
        """Return the parts to ask in a stage: the pending ones, and ``direct`` if it has a weight.

        >>> EtaModel(parts={}).needed("courier_at_store")
        ('ready', 'to_customer', 'parking', 'conditions')
        """
        asked = pending_at(stage)
        return (*asked, DIRECT) if asked and self._of(stage).weight < 1.0 else asked

    def compose(
        self,
        parts: Mapping[str, Distribution],
        stage: str,
        *,
        places: Mapping[str, IntArray] | None = None,
    ) -> EtaEstimate:
        """Return the ETAs of rows that are all in one stage.

        Args:
            parts: the distribution of each of ``needed(stage)``, of as many rows; of
                ``conditions`` the mean counts, times the stage's weight of them. Without
                ``conditions`` nothing is added, without ``direct`` the composition stands alone.
                Parts that are past are ignored.
            stage: one of ``OPEN_STAGES``.
            places: of a part whose distribution several rows share, the place of each row's own;
                see :func:`estimators.eta.composition.compose`.

        Raises:
            InputError: no such stage, a pending part is not there, or numbers of rows differ.
        """
        if stage not in OPEN_STAGES:
            raise InputError(f"stage {stage!r}; expected one of {', '.join(OPEN_STAGES)}")
        asked = {name: parts[name] for name in pending_at(stage) if name in parts}
        absent = set(pending_at(stage)) - set(asked) - {"conditions"}
        if absent:
            raise InputError(f"stage {stage!r} needs the parts {', '.join(sorted(absent))}, too")
        places = places or {}
        shift_s: FloatArray | None = None
        if "conditions" in asked:
            # The spread of conditions is in the other parts already: their mean alone is added, the
            # integral, as the weight of conditions was learned with it.
            shift_s = asked.pop("conditions").integral() * self._of(stage).conditions_weight
            if "conditions" in places:
                shift_s = shift_s[places["conditions"]]
        composed = compose(asked, self.dependence, places=places, shift_s=shift_s)
        direct = parts.get(DIRECT)
        eta = self._of(stage).finished(composed.eta, direct, places.get(DIRECT))
        return self._reconciled(composed, eta, stage)

    def _reconciled(self, composed: Composed, eta: Distribution, stage: str) -> EtaEstimate:
        """Return the composition with its finished ETA, and parts that sum to it."""
        total_s = np.round(eta.mean() / STEP_S) * STEP_S
        return EtaEstimate(
            eta=eta,
            at_store=composed.at_store,
            expected_s=reconciled(composed.expected_s, composed.variance_s2, total_s),
            ready_on_arrival=composed.ready_on_arrival,
            courier_wait_s=composed.courier_wait_s,
            food_wait_s=composed.food_wait_s,
            variance_s2=composed.variance_s2,
            stage=stage,
        )

    def estimate(
        self,
        store: EventStore,
        *,
        as_of: datetime | int,
        facts: Mapping[str, Any],
        sample_id: str | int | None,
        happened_us: Mapping[str, int],
    ) -> EtaEstimate:
        """Answer for one order: ask the parts of this process and compose (one row).

        For a part that is not in this process its fallback answers.

        Args:
            store: holds the events.
            as_of: the moment, a timezone-aware datetime or microseconds UTC.
            facts: of the order, and of its courier if there is one.
            sample_id: the order itself, never counted in its own features; None: none exists yet.
            happened_us: when the order's events were, microseconds UTC; those that are not before
                ``as_of`` have not happened.

        Raises:
            InputError: nothing is to come any more, or a part has no fallback either.
        """
        as_of_us = moment_to_us(as_of, "as_of")
        past = [name for name, at in happened_us.items() if happened_by(np.array(at), as_of_us)]
        stage = stage_of(past)
        asked = {**facts, **elapsed_facts(happened_us, as_of_us)}
        answers: dict[str, Distribution] = {}
        for name in self.needed(stage):
            if name in self.parts:
                answers[name] = self.parts[name].estimate(
                    store, as_of=as_of_us, facts=asked, sample_id=sample_id
                )
            elif name in self.fallbacks:
                columns = {fact: [value] for fact, value in asked.items()}
                answers[name], _ = self.fallbacks[name].distribution(columns, as_of_us)
        return self.compose(answers, stage)

    def with_tags(self, tags: Mapping[str, str]) -> EtaModel:
        """Return the same model with the tags of its saved parts."""
        return replace(self, tags=dict(tags))

    def _of(self, stage: str) -> StageModel:
        return self.stages.get(stage, _UNCHANGED)

    def to_json(self) -> dict[str, Any]:
        """Return all but the parts, JSON-able; :meth:`from_json` reads it."""
        return {
            "dependence": self.dependence.to_json(),
            "stages": {name: one.to_json() for name, one in self.stages.items()},
            "tags": dict(self.tags),
            "fallbacks": {name: one.to_json() for name, one in self.fallbacks.items()},
            "questions": {
                **{name: one.to_json() for name, one in self.questions.items()},
                **{name: PartQuestion.of(one).to_json() for name, one in self.parts.items()},
            },
        }

    @classmethod
    def from_json(cls, document: Mapping[str, Any], parts: Mapping[str, Estimator]) -> EtaModel:
        """Return the model that :meth:`to_json` wrote, with its parts."""
        return cls(
            parts=dict(parts),
            dependence=GaussianCopula.from_json(document["dependence"]),
            stages={k: StageModel.from_json(one) for k, one in document["stages"].items()},
            tags=dict(document["tags"]),
            fallbacks={k: Fallback.from_json(one) for k, one in document["fallbacks"].items()},
            questions={
                k: PartQuestion.from_json(one) for k, one in document.get("questions", {}).items()
            },
        )


_UNCHANGED = StageModel()


def blended(composed: Distribution, direct: Distribution, weight: float) -> Distribution:
    """Return the average of two distributions' quantiles, at ``GRID_LEVELS``.

    Args:
        composed: counts as much as the weight says.
        direct: counts for the rest; as many rows.
        weight: 0 to 1.

    >>> low = Distribution(GRID_LEVELS, [[100.0] * len(GRID_LEVELS)])
    >>> high = Distribution(GRID_LEVELS, [[200.0] * len(GRID_LEVELS)])
    >>> blended(low, high, 0.75).quantile(0.5).tolist()
    [125.0]
    """
    if weight == 1.0:
        return Distribution(GRID_LEVELS, _on_grid(composed))
    return Distribution(GRID_LEVELS, _averaged(composed, direct, weight))


def _averaged(
    composed: Distribution,
    direct: Distribution,
    weight: float,
    places: IntArray | None = None,
) -> FloatArray:
    """Return the average of quantiles at ``GRID_LEVELS``, shape (n_rows, n_levels)."""
    composed_values, other = _on_grid(composed), _on_grid(direct)
    if places is not None:
        other = other[places]
    if composed_values.shape != other.shape:
        raise InputError(
            f"{len(composed_values)} composed rows and {len(other)} direct ones; expected as many"
        )
    averaged = weight * composed_values + (1.0 - weight) * other
    return np.asarray(np.maximum.accumulate(averaged, axis=1))


def _on_grid(distribution: Distribution) -> FloatArray:
    """Return the seconds at ``GRID_LEVELS``, shape (n_rows, n_levels)."""
    if np.array_equal(distribution.levels, GRID_LEVELS):
        return distribution.values
    return distribution.quantile(GRID_LEVELS)
