"""`doorstep explain`: what moves a model's estimates, and why one of them is what it is."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from enum import StrEnum
from typing import TYPE_CHECKING, Annotated, Any

import typer

from commands.console.option_groups import with_options
from commands.console.output import UserError, console, progress, reports_errors
from commands.data.sources import parse_moment
from commands.options.data import DATA_OPTIONS, DataChoice
from commands.options.models import ONE_MODEL
from commands.options.report import open_for_model

if TYPE_CHECKING:
    import pandas as pd

    from commands.reports.explanation import ExplainedOrder
    from estimators import Dataset
    from estimators.features.facts import Facts
    from estimators.model.base import Estimator

__all__ = ["explain"]


class ExplainedStatistic(StrEnum):
    """What of a distribution is explained."""

    MEDIAN = "median"
    MEAN = "mean"


def _explain(
    model: str,
    choice: DataChoice,
    order: Annotated[
        str | None,
        typer.Option(help="Explain this one: its id in the data or store.", show_default=False),
    ] = None,
    of: Annotated[
        ExplainedStatistic, typer.Option(help="What of the estimate is explained.")
    ] = ExplainedStatistic.MEDIAN,
    top: Annotated[int, typer.Option(min=1, max=1_000, help="Facts and features to print.")] = 15,
    store: Annotated[
        str | None,
        typer.Option(
            help="Ask an event store instead of a data set: SQLite file or redis://...",
            show_default=False,
        ),
    ] = None,
    at: Annotated[
        str | None,
        typer.Option(
            help="With --store: the moment, e.g. 2026-03-02T12:00+01:00.  [default: now]",
            show_default=False,
        ),
    ] = None,
    key: Annotated[
        list[str] | None,
        typer.Option(
            help="With --store: what the request says, e.g. store_id=s-001; may be repeated.",
            show_default=False,
        ),
    ] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON instead of tables.")] = False,
) -> None:
    """Say in seconds what moves a model's estimates; with --order, why one is what it is.

    Without --order: by how many seconds each topic, fact and feature moves the estimates of the
    data's test period up or down. With it: the contributions of everything that is known about one
    order, which add up to its estimate, beside what then happened. With --store: the same for a
    request to an event store.
    """
    if store is None and (at or key):
        raise UserError("--at and --key say what an event store is asked: pass --store, too")
    from commands.reports import explanation as explained
    from estimators.registry import models as registry

    with progress() as report:
        report("model", 0.0)
        tag = registry.resolve(model)
        trained = registry.load(tag)
        report("model", 1.0)
        estimator = trained.estimator
        content: explained.ExplainedOrder | explained.ExplainedModel
        if store is not None:
            moment = datetime.now(UTC) if at is None else parse_moment(at, "--at")
            content = _of_request(estimator, store, moment, key or [], order, of)
        else:
            dataset = estimator.asked_of(open_for_model(choice, trained.metadata, report))
            report("explain", 0.0)
            if order is not None:
                content = _of_order(estimator, dataset, order, of)
            else:
                content = explained.explained_model(estimator, dataset, of=of.value)
            report("explain", 1.0)
    if as_json:
        typer.echo(json.dumps({"model": tag, **content.to_json()}, indent=2, ensure_ascii=False))
        return
    console.print(f"model [bold]{tag}[/]", highlight=False)
    content.show(top)


explain = reports_errors(with_options(_explain, model=ONE_MODEL, choice=DATA_OPTIONS))


def _of_order(
    estimator: Estimator, dataset: Dataset, order: str, of: ExplainedStatistic
) -> ExplainedOrder:
    import numpy as np

    from aggregators.times import from_us
    from commands.reports.explanation import ExplainedOrder
    from estimators.training.matrix import inputs_of

    rows = _row_of(dataset.table[dataset.source.sample_id], order)
    if not (rows & dataset.asked).any():
        why = f"its {dataset.as_of!r} never happened" if rows.any() else "there is none"
        raise UserError(f"data set {dataset.name!r} cannot be asked about {order!r}: {why}")
    X = inputs_of(estimator, dataset, rows)
    (row,) = np.flatnonzero(rows)
    actual_s = float(dataset.target_s[row])
    return ExplainedOrder(
        sample_id=_plain(order),
        as_of=from_us(int(dataset.as_of_us[row])),
        predicted=estimator.predict(X),
        explanation=estimator.explain(X, of=of.value),
        actual_s=None if np.isnan(actual_s) else actual_s,
        was_learned=bool(dataset.trains[row]),
        is_extra=dataset.base_s is not None,
    )


def _row_of(ids: pd.Series[Any], order: str) -> Any:
    import numpy as np
    import pandas as pd

    if pd.api.types.is_integer_dtype(ids):
        if not order.lstrip("-").isdigit():
            raise UserError(f"--order is {order!r}; the ids of these data are integers")
        return np.asarray(ids == int(order))
    return np.asarray(ids.astype(str) == order)


def _of_request(
    estimator: Estimator,
    store: str,
    moment: datetime,
    keys: list[str],
    order: str | None,
    of: ExplainedStatistic,
) -> ExplainedOrder:
    from pathlib import Path

    from commands.reports.explanation import ExplainedOrder
    from services.core.settings.events import IN_MEMORY
    from services.event_store.opening import is_redis, open_event_store

    if store == IN_MEMORY or not (is_redis(store) or Path(store).is_file()):
        raise UserError(f"there is no event store {store!r}")
    facts = _facts(keys, estimator.facts, estimator.features.dimensions)
    sources = estimator.features.sources
    with open_event_store(store, sources) as opened:
        found = estimator.explain_estimate(
            opened, as_of=moment, facts=facts, sample_id=_plain(order), of=of.value
        )
    return ExplainedOrder(
        sample_id=_plain(order),
        as_of=moment,
        predicted=estimator.predict(found.values),
        explanation=found,
        actual_s=None,
        was_learned=False,
    )


def _facts(keys: list[str], facts: Facts, dimensions: tuple[str, ...]) -> dict[str, Any]:
    """Return what a request says, as the model knows it: numbers, integers or text."""
    known = dict.fromkeys((*facts.inputs, *dimensions))
    found: dict[str, Any] = {}
    for text in keys:
        name, equals, value = text.partition("=")
        if not equals or name not in known:
            raise UserError(f"--key is {text!r}; expected NAME=VALUE of {', '.join(known)}")
        if name in facts.numbers:
            try:
                found[name] = float(value)
            except ValueError:
                raise UserError(f"--key {name} is {value!r}; expected a number") from None
        else:
            values = facts.categories.get(name, ())
            found[name] = int(value) if value.isdigit() and int(value) in values else value
    return found


def _plain(order: str | None) -> str | int | None:
    return int(order) if order is not None and order.isdigit() else order
