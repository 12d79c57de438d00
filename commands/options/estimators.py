"""Declare the estimators of the command line: one row and one subcommand each."""

from __future__ import annotations

import importlib
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Annotated, Any

import typer

from commands.console.option_groups import OptionGroup, with_options
from commands.console.output import StageProgress, UserError, reports_errors
from commands.data.sources import DatasetName

if TYPE_CHECKING:
    from commands.options.data import DataChoice
    from estimators import Dataset
    from estimators.model.base import Estimator

__all__ = [
    "OFFERED",
    "EstimatorChoice",
    "OfferedEstimator",
    "add_commands",
    "choices_for",
    "compile_for_training",
]

ESTIMATOR_KERNELS = (
    "estimators.features.shrinkage",
    "estimators.quantiles.calibration_kernels",
    "estimators.quantiles.contribution_kernels",
    "estimators.quantiles.tree_kernels",
)
"""The modules whose kernels fit, estimate and explain."""


@dataclass(frozen=True, kw_only=True)
class OfferedEstimator:
    """An estimator that can be trained from the command line.

    Args:
        command: its subcommand.
        what: what it estimates, to stand after a verb.
        class_path: module and class, imported when it is needed.
        public: the data that it was made for; of simulated cities there are always some.
        serving: the command that serves a model of it; empty: the model is a part of a service.
        targets: part of the way -> start and end of what is estimated, asked at the start; the
            first is the default. Empty: what the data set asks by itself.
        needs_one_of: sources beside the samples, without all of which it learns nothing.
    """

    command: str
    what: str
    class_path: tuple[str, str]
    public: DatasetName
    serving: str = ""
    targets: Mapping[str, tuple[str, str]] = field(default_factory=dict)
    needs_one_of: tuple[str, ...] = ()

    @property
    def has_legs(self) -> bool:
        """Whether there are several models of it, one per part of the way."""
        return len(self.targets) > 1

    def next_step(self, tag: str) -> str:
        """Return what to do with a saved model, as the last line of its training says it."""
        if self.serving:
            return f"serve it with: doorstep {self.serving} --model {tag}"
        return f"see what it carries: doorstep models show {tag}"

    def load(self) -> type[Estimator]:
        """Return the class."""
        module, name = self.class_path
        found: type[Estimator] = getattr(importlib.import_module(module), name)
        return found


OFFERED: tuple[OfferedEstimator, ...] = (
    OfferedEstimator(
        command="etp",
        what="the eTP: how long until an order is ready",
        class_path=("estimators.etp", "Etp"),
        public=DatasetName.DELIVEROO,
        serving="serve etp",
    ),
    OfferedEstimator(
        command="wall-eta",
        what="the Wall ETA: how long from placing an order to its delivery",
        class_path=("estimators.wall_eta", "WallEta"),
        public=DatasetName.WOLT,
        serving="serve wall-eta",
        targets={"": ("activated", "delivered")},
    ),
    OfferedEstimator(
        command="courier-travel",
        what="courier travel: how long to the store, or from there to the customer",
        class_path=("estimators.courier_travel", "CourierTravel"),
        public=DatasetName.JUMPMAN,
        targets={
            "to-customer": ("picked_up", "courier_at_customer"),
            "to-store": ("courier_assigned", "courier_at_store"),
        },
    ),
    OfferedEstimator(
        command="parking",
        what="parking: how long from the courier's arrival to the door and the handover",
        class_path=("estimators.parking", "Parking"),
        public=DatasetName.CITIES,
        targets={"": ("courier_at_customer", "delivered")},
    ),
    OfferedEstimator(
        command="conditions",
        what="conditions: the seconds that weather and local events add to a courier's way",
        class_path=("estimators.conditions", "Conditions"),
        public=DatasetName.CITIES,
        targets={
            "before-pickup": ("courier_assigned", "delivered"),
            "on-the-way": ("picked_up", "delivered"),
        },
        needs_one_of=("weather", "local_events"),
    ),
)
"""Every estimator that `doorstep train` and `doorstep ablate` know."""


@dataclass(frozen=True, kw_only=True)
class EstimatorChoice:
    """An estimator and the part of the way that it is asked about."""

    offered: OfferedEstimator
    leg: str = ""

    def __post_init__(self) -> None:
        if self.offered.has_legs and self.leg not in self.offered.targets:
            known = ", ".join(self.offered.targets)
            raise UserError(f"--leg is {self.leg!r}; expected one of {known}")

    @property
    def name(self) -> str:
        """What the model is called in the model store."""
        name = self.offered.command.replace("-", "_")
        return f"{name}_{self.leg.replace('-', '_')}" if self.offered.has_legs else name

    def open(self, choice: DataChoice, report: StageProgress) -> tuple[type[Estimator], Dataset]:
        """Return the estimator's class and the data, asked what the estimator answers.

        Args:
            choice: of the data.
            report: told of the stages "data" and "compiling", which takes a moment except in the
                first run after an installation without compiled kernels.

        Raises:
            UserError: the options do not fit together.
            UnknownNameError: the data have no such event.
        """
        public = self.offered.public
        if public is DatasetName.CITIES and choice.dataset is None and choice.mapping is None:
            choice = replace(choice, dataset=public)
        found = self.asked_of(choice.open(report, public=public))
        compile_for_training(report)
        estimator_class = self.offered.load()
        return estimator_class, estimator_class.prepared(found, seed=choice.seed)

    def asked_of(self, dataset: Dataset) -> Dataset:
        """Return a data set with the estimator's question.

        Raises:
            UnknownNameError: the data have no such event.
        """
        from aggregators import Duration

        if not self.offered.targets:
            return dataset
        start, end = self.offered.targets[self.leg]
        dataset.source.check_event(end)
        return dataset.about(Duration(start, end), as_of=start)


def compile_for_training(report: StageProgress) -> None:
    """Compile the kernels that training needs, or load them.

    Args:
        report: told of the stage "compiling".
    """
    from aggregators.kernels.compilation import FEATURE_KERNELS, compile_kernels

    report("compiling", 0.0)
    compile_kernels(
        (*FEATURE_KERNELS, *ESTIMATOR_KERNELS),
        lambda done, total: report("compiling", done / total),
        training=True,
    )


def choices_for(dataset: Dataset) -> list[EstimatorChoice]:
    """Return what can be trained on a data set, by its events and sources.

    The eTP takes any question. It is a choice unless another estimator has the data set's own.
    """
    events = {*dataset.source.events}
    others = {source.name for source in dataset.others}
    choices = [
        EstimatorChoice(offered=offered, leg=leg)
        for offered in OFFERED
        if not offered.needs_one_of or others & {*offered.needs_one_of}
        for leg, target in offered.targets.items()
        if events >= {*target}
    ]
    asked = (dataset.target.start, dataset.target.end)
    if any(one.offered.targets[one.leg] == asked for one in choices):
        return choices
    own = [EstimatorChoice(offered=one) for one in OFFERED if not one.targets]
    return [*own, *choices]


def add_commands(app: typer.Typer, command: Callable[..., Any], verb: str, more: str) -> None:
    """Add a subcommand for every estimator.

    Args:
        app: gets them.
        command: takes ``asked: EstimatorChoice``; its other arguments are options of every
            subcommand.
        verb: what the subcommands do, the first word of their help.
        more: what else their help says.
    """
    for offered in OFFERED:
        body = with_options(command, asked=_option_of(offered))
        app.command(offered.command, help=f"{verb} {offered.what}.\n\n{more}")(reports_errors(body))


def _option_of(offered: OfferedEstimator) -> OptionGroup:
    if not offered.has_legs:
        leg = next(iter(offered.targets), "")
        return OptionGroup(options={}, build=lambda: EstimatorChoice(offered=offered, leg=leg))
    known = ", ".join(offered.targets)
    option = Annotated[str, typer.Option(help=f"Which part of the way: {known}.")]
    return OptionGroup(
        options={"leg": (option, next(iter(offered.targets)))},
        build=lambda leg: EstimatorChoice(offered=offered, leg=leg),
    )
