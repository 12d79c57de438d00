"""Answer with the ranges to show for a list of stores: the Wall ETA under a display policy.

Knows nothing of HTTP. What a session has seen is not kept here but comes with the request, as the
last answer gave it: so every replica gives the same answer, none needs memory that grows with the
sessions, and a restart lets no number jump.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict

import numpy as np

from aggregators.times import moment_to_us
from aggregators.typing import SampleId
from estimators.core.dictionary_column import Column, DictionaryColumn
from estimators.core.stages import DIRECT, ELAPSED
from estimators.core.typing import FloatArray, IntArray
from services.core.errors import InvalidRequest
from services.core.limits import MAX_STORES
from services.estimation.results import STATUSES, RowResults
from services.estimation.rows import RequestRows
from services.handlers.display_metrics import DisplayMetrics
from services.handlers.display_policy import DisplayPolicy, ShownRanges
from services.handlers.display_settings import changed_policy
from services.handlers.handler import Dependencies, Handler
from services.handlers.rounding import round_probabilities, round_to_eighths
from services.prediction_log.entries import MAX_LOGGED_STORES, spread
from services.schemas.displayed_eta import (
    DisplayedEtaAnswer,
    DisplayedEtaRequest,
    Ranges,
    RowRefusal,
    Shown,
)
from services.schemas.request_times import moment_of
from services.schemas.vocabulary import RowErrors, check_length

__all__ = ["DisplayedEta"]


LOGGED_LEVELS = (0.1, 0.5, 0.9)
_NEVER = (np.nan, np.nan)


class DisplayedEta(Handler):
    """Answers which ranges to show.

    Args:
        needs: what it shares with the other handlers.
        policy: of the service.
        ranges: count what became of the ranges.
    """

    logged_as = "eta/displayed_eta"

    def __init__(
        self, needs: Dependencies, policy: DisplayPolicy, *, ranges: DisplayMetrics
    ) -> None:
        super().__init__(needs)
        self._policy = policy
        self._ranges = ranges

    async def answer(self, request: DisplayedEtaRequest, *, request_id: str) -> DisplayedEtaAnswer:
        """Answer one request.

        Raises:
            InvalidRequest: a column of another length or of an unknown name, a fact of the order
                that cannot be, or a policy out of its bounds.
        """
        as_of = moment_of(request.as_of, self._clock)
        policy = changed_policy(self._policy, request.policy)
        stores = request.stores.store_id
        errors: RowErrors = {}
        rows = self._rows(request, moment_to_us(as_of, "as_of"), errors)
        good = np.array([row for row in range(len(stores)) if row not in errors], dtype=np.int64)
        shown = _SessionHistory(request.shown)
        answer = DisplayedEtaAnswer(
            request_id=request_id,
            as_of=as_of,
            ranges=_no_ranges(stores),
            shown=shown.with_new([], [], []),
            seen=0,
            changed=0,
            jump_rate=0.0,
            policy=asdict(policy),
            problems=[
                RowRefusal(row=row, field=error.field, reason=error.reason)
                for row, error in sorted(errors.items())
            ],
            models={},
        )
        if errors:
            self._metrics.count_answers("refused", len(errors))
        if len(good):
            part = await self._composer.ask(DIRECT, rows.take(good))
            low_s, high_s = shown.of([stores[row] for row in good.tolist()])
            ranges = policy.ranges(part.distribution, shown_low_s=low_s, shown_high_s=high_s)
            _fill(answer, good, part, ranges, shown)
            answer.seen = int((~np.isnan(low_s)).sum())
            answer.jump_rate = answer.changed / answer.seen if answer.seen else 0.0
            self._count(part, answer)
            self._write_log(rows, good, part, answer)
        return answer

    def _rows(self, request: DisplayedEtaRequest, as_of_us: int, errors: RowErrors) -> RequestRows:
        """Return all stores as rows of orders that do not exist yet."""
        stores = request.stores
        n = len(stores.store_id)
        of_all = np.zeros(n, np.int64)
        self._orders.vocabulary.check(request.order, "order")
        order = self._orders.vocabulary.given(request.order)
        columns: dict[str, Column] = {
            name: DictionaryColumn([value], of_all) for name, value in order.items()
        }
        columns |= self._orders.vocabulary.checked_columns(
            stores.facts, n, path="stores.facts", of="store", errors=errors
        )
        for row, error in self._orders.vocabulary.bad_values(
            "store_id", stores.store_id, "stores"
        ).items():
            errors.setdefault(row, InvalidRequest(error.reason, field=f"{error.field}[{row}]"))
        columns["store_id"] = self._orders.vocabulary.given_column("store_id", stores.store_id)
        columns |= {name: DictionaryColumn([None], of_all) for name in ELAPSED}
        return RequestRows(
            columns=columns,
            sample_ids=DictionaryColumn([None], of_all),
            as_of_us=np.full(n, as_of_us, np.int64),
            stages=np.full(n, "not_placed", dtype=np.str_),
        )

    def _count(self, part: RowResults, answer: DisplayedEtaAnswer) -> None:
        for status, count in part.counts().items():
            self._metrics.count_answers(status, count)
        self._ranges.count(ranges=len(part.codes), seen=answer.seen, changed=answer.changed)

    def _write_log(
        self, rows: RequestRows, good: IntArray, part: RowResults, answer: DisplayedEtaAnswer
    ) -> None:
        if not self._log.is_open:
            return
        levels_s = part.distribution.quantile(LOGGED_LEVELS)
        mean_s = part.distribution.mean()
        for k in spread(len(good), MAX_LOGGED_STORES):
            row = int(good[k])
            order = {name: column[row] for name, column in rows.columns.items()}
            self._log.add(
                request_id=answer.request_id,
                row=row,
                order_id=None,
                as_of=answer.as_of,
                status=STATUSES[part.codes[k]],
                notes=part.notes_of(k),
                order={name: value for name, value in order.items() if value is not None},
                mean_s=mean_s[k].item(),
                quantiles_s=dict(zip(LOGGED_LEVELS, levels_s[k].tolist(), strict=True)),
                model=part.model,
            )


class _SessionHistory:
    """The ranges that a session has seen, by store."""

    def __init__(self, shown: Shown | None) -> None:
        self._ranges: dict[SampleId, tuple[float, float]] = {}
        if shown is None:
            return
        n = len(shown.store_id)
        check_length(shown.low_s, n, "shown.low_s", "store")
        check_length(shown.high_s, n, "shown.high_s", "store")
        for row, (store, low_s, high_s) in enumerate(
            zip(shown.store_id, shown.low_s, shown.high_s, strict=True)
        ):
            if high_s < low_s:
                raise InvalidRequest(
                    f"is {high_s!r}, below the lower end {low_s!r}", field=f"shown.high_s[{row}]"
                )
            self._ranges[store] = (low_s, high_s)

    def of(self, stores: Sequence[SampleId]) -> tuple[FloatArray, FloatArray]:
        """Return both ends of what was shown for stores, NaN where nothing was."""
        ends = np.array([self._ranges.get(store, _NEVER) for store in stores], dtype=np.float64)
        return ends[:, 0], ends[:, 1]

    def with_new(
        self, stores: Sequence[SampleId], low_s: Sequence[float], high_s: Sequence[float]
    ) -> Shown:
        """Return the updated history: new ranges first, up to the limit.

        Stores of another page stay, so that nothing jumps when the customer comes back to them.
        """
        seen = dict(zip(stores, zip(low_s, high_s, strict=True), strict=True))
        for store, ends in self._ranges.items():
            seen.setdefault(store, ends)
        kept = list(seen.items())[:MAX_STORES]
        return Shown(
            store_id=[store for store, _ in kept],
            low_s=[low for _, (low, _high) in kept],
            high_s=[high for _, (_low, high) in kept],
        )


def _no_ranges(stores: Sequence[SampleId]) -> Ranges:
    n = len(stores)
    return Ranges(
        store_id=list(stores),
        low_s=[None] * n,
        high_s=[None] * n,
        mean_s=[None] * n,
        inside=[None] * n,
        late=[None] * n,
        changed=[False] * n,
        status=[None] * n,
        notes=[[] for _ in stores],
    )


def _fill(
    answer: DisplayedEtaAnswer,
    good: IntArray,
    part: RowResults,
    ranges: ShownRanges,
    before: _SessionHistory,
) -> None:
    """Write the estimates of the accepted rows into the answer."""
    low_s, high_s = ranges.low_s.tolist(), ranges.high_s.tolist()
    columns = {
        "low_s": low_s,
        "high_s": high_s,
        "mean_s": round_to_eighths(part.distribution.mean()).tolist(),
        "inside": round_probabilities(ranges.inside).tolist(),
        "late": round_probabilities(ranges.late).tolist(),
        "changed": ranges.changed.tolist(),
        "status": part.status,
        "notes": part.notes_by_row(),
    }
    places = good.tolist()
    for name, values in columns.items():
        column = getattr(answer.ranges, name)
        for place, value in zip(places, values, strict=True):
            column[place] = value
    stores = [answer.ranges.store_id[place] for place in places]
    answer.shown = before.with_new(stores, low_s, high_s)
    answer.changed = int(ranges.changed.sum())
    if part.model is not None:
        answer.models[DIRECT] = part.model
