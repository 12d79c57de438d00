"""`doorstep models`: list the saved models, show one of them, add checksums."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Mapping
from typing import TYPE_CHECKING, Annotated, Any

import typer

from commands.console.option_groups import with_options
from commands.console.output import console, error_console, reports_errors
from commands.console.plain_table import number_text, plain_table, share_text
from commands.options.models import ONE_MODEL
from commands.reports.score_table import labels_in_words

if TYPE_CHECKING:
    from estimators.monitoring import Reference
    from estimators.registry.models import SavedModel

__all__ = ["models_app"]

models_app = typer.Typer(name="models", help="List, show or seal saved models.")

JsonOption = Annotated[bool, typer.Option("--json", help="Print JSON instead of tables.")]

INPUTS_SHOWN = 8
"""Inputs that were missing most often in training, printed one by one."""


@models_app.callback(invoke_without_command=True)
@reports_errors
def models(context: typer.Context, as_json: JsonOption = False) -> None:
    """List the saved models, the newest first; what is broken is named, the others are listed."""
    if context.invoked_subcommand is not None:
        return
    from estimators.registry import models as registry

    found, broken = registry.list_models(), registry.broken_models()
    for tag, reason in broken:
        error_console.print(
            f"broken: {tag}: {reason}", highlight=False, markup=False, soft_wrap=True
        )
    if as_json:
        typer.echo(json.dumps(found, indent=2, ensure_ascii=False, default=str))
        return
    if not found:
        console.print("no model was saved yet; `doorstep train --help` says how to make one")
        return
    heads = ("model", "estimator", "data", "rows", "MAE s", "in 80% range", "trained until",
             "saved")  # fmt: skip
    texts = ("estimator", "data", "trained until", "saved")
    table = plain_table(*heads, texts=texts, no_wrap=True)
    for one in found:
        scores = one.get("metrics", {}).get(one.get("estimator"), {})
        coverage = scores.get("coverage", {}).get("0.8")
        table.add_row(
            one["tag"],
            str(one.get("estimator", "?")),
            str(one.get("dataset", "?")),
            f"{one.get('rows_trained', 0):,}",
            number_text(scores.get("mae_s")),
            share_text(coverage),
            str(one.get("trained_until", "?"))[:16],
            str(one["created"])[:16],
        )
    console.print(table)


@models_app.command("seal")
@reports_errors
def seal_models(
    tags: Annotated[
        list[str], typer.Argument(help="Tags of saved models; of an ETA its parts are sealed, too.")
    ],
) -> None:
    """Add checksums to models that were saved without; check those that have them.

    A model whose files have other checksums than when it was saved is not served.
    """
    from estimators.registry.sealing import seal

    for tag in tags:
        for full, is_new in seal(tag).items():
            done = "checksums added" if is_new else "unchanged since it was saved"
            console.print(f"{full}: {done}", highlight=False, markup=False)


def _show(model: str, as_json: JsonOption = False) -> None:
    """Show what a saved model carries: data, periods, inputs, scores, calibration, reference."""
    from commands.reports.score_table import print_report, print_stages
    from estimators.core.stages import ANY_MOMENT
    from estimators.registry import models as registry

    saved = registry.read(model)
    if as_json:
        typer.echo(json.dumps(_as_json(saved), indent=2, ensure_ascii=False, allow_nan=False))
        return
    console.print(f"model [bold]{saved.tag}[/]", highlight=False)
    if saved.parts:
        _print_facts(_composed_facts(saved))
        console.print()
        print_report(saved.report)
        print_stages(saved.report)
        return
    _print_facts(_facts(saved))
    console.print()
    print_report(saved.report)
    console.print()
    _print_reference(saved.reference)
    more = f"\nIts scores by slice: doorstep models show {saved.tag} --json"
    if saved.metadata["as_of"] != ANY_MOMENT:
        more += f"; what moves its estimates: doorstep explain {saved.tag}"
    console.print(more, highlight=False)


show = models_app.command("show")(reports_errors(with_options(_show, model=ONE_MODEL)))


def _facts(model: SavedModel) -> dict[str, str]:
    data = model.metadata
    topics = Counter(definition["dimension"] for definition in model.features)
    facts = len(data["feature_names"]) - len(model.features) - len(model.shrinkage)
    by = ", ".join(f"{n} of {name}" for name, n in topics.most_common())
    calibration = model.calibration
    return {
        "estimator": f"{model.estimator}: seconds from {data['target'][0]} to {data['target'][1]},"
        f" asked at {data['as_of']}",
        "saved": f"{model.created}, {model.size_bytes / 1e6:.1f} MB",
        "data": f"{data['dataset']}, fingerprint {data['data_fingerprint'][:16]}",
        "trained": f"{data['rows_trained']:,} rows, {data['trained_from']} to"
        f" {data['trained_until']}",
        "tested": f"{data['rows_tested']:,} rows from {data['test_from']} on",
        "inputs": f"{facts} facts, {len(model.features)} real-time features ({by})"
        + (f", {len(model.shrinkage)} made of them for young stores" if model.shrinkage else ""),
        "features": f"fingerprint {data['feature_fingerprint'][:16]}, catalog"
        f" {data['catalog_version']}, aggregators {data['aggregators_version']}",
        "model": f"{data['trees']} trees, LightGBM {data['lightgbm_version']}, seed"
        f" {model.parameters['seed']}",
        **({"labels": labels_in_words(data["labels"])} if data.get("labels") else {}),
        "calibration": f"{len(calibration['levels'])} levels, {calibration.get('scale', 'log')}"
        f" scale, longest {number_text(calibration['longest_s'])} s",
    }


def _composed_facts(model: SavedModel) -> dict[str, str]:
    data = model.metadata
    weights = ", ".join(f"{name} {one['weight']:g}" for name, one in model.calibration.items())
    return {
        "estimator": "eta: seconds until an order is handed over, asked at any moment of it",
        "saved": f"{model.created}, {model.size_bytes / 1e6:.1f} MB and its parts'",
        "data": f"{data['dataset']}, fingerprint {data['data_fingerprint'][:16]}",
        "trained": f"{data['rows_trained']:,} moments, {data['trained_from']} to"
        f" {data['trained_until']}",
        "tested": f"{data['rows_tested']:,} moments from {data['test_from']} on",
        **{f"part {i}": tag for i, tag in enumerate(model.parts.values(), 1)},
        "composition": f"its weight beside the direct model: {weights}",
    }


def _print_facts(facts: Mapping[str, str]) -> None:
    for label, value in facts.items():
        console.print(f"{label:<12} {value}", highlight=False, markup=False)


def _print_reference(reference: Reference | None) -> None:
    if reference is None:
        console.print("no reference statistics: it was saved before there were any")
        return
    table = plain_table("reference", "rows", "mean", "std", "median", "missing", no_wrap=True)
    answers = f"answers ({reference.answered}), s"
    for name, one in {
        "labels, s": reference.labels_s,
        answers: reference.median_s,
        "80% range, s": reference.width_s,
    }.items():
        middle = one.edges[len(one.edges) // 2] if one.edges else one.mean
        numbers = (number_text(value) for value in (one.mean, one.std, middle))
        table.add_row(name, f"{one.rows:,}", *numbers, f"{one.missing_share:.1%}")
    console.print(table)
    missing = {name: one.missing_share for name, one in reference.inputs.items()}
    often = sorted((name for name in missing if missing[name] > 0), key=lambda n: -missing[n])
    if often:
        listed = ", ".join(f"{name} {missing[name]:.1%}" for name in often[:INPUTS_SHOWN])
        console.print(f"missing most often in training: {listed}", highlight=False)


def _as_json(model: SavedModel) -> dict[str, Any]:
    return {
        "tag": model.tag,
        "created": model.created,
        "size_bytes": model.size_bytes,
        "estimator": model.estimator,
        "metadata": dict(model.metadata),
        "parameters": dict(model.parameters),
        "calibration": dict(model.calibration),
        "features": [dict(definition) for definition in model.features],
        "shrinkage": [dict(one) for one in model.shrinkage],
        "report": model.report.to_json(),
        "reference": None if model.reference is None else model.reference.to_json(),
        "parts": dict(model.parts),
    }
