"""A tiny ETA, a file with the events of its cities, and questions to the services of its parts."""

from __future__ import annotations

from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from aggregators.stores import EventStore
from aggregators.times import moment_to_us
from estimators import Dataset
from estimators.core.stages import LIFE, elapsed_name
from estimators.registry import models as registry
from services.composition.opening import sources_of
from services.courier_travel import CourierTravelService
from services.estimation.rows import RequestRows
from services.etp import EtpService
from services.event_store.opening import open_event_store
from services.wall_eta import WallEtaService

VARIABLES = {
    "ready": "DOORSTEP_ETP_MODEL",
    "to_store": "DOORSTEP_TO_STORE_MODEL",
    "to_customer": "DOORSTEP_TO_CUSTOMER_MODEL",
    "parking": "DOORSTEP_PARKING_MODEL",
    "direct": "DOORSTEP_WALL_ETA_MODEL",
}
FACTS = (
    "store_id", "courier_id", "city", "zone", "store_category", "store_zone", "vehicle", "building",
    "floor", "amount", "products", "distance_m", "distance_to_store_m",
)  # fmt: skip
ROWS = 40
SERVICES: dict[str, Any] = {
    "etp": EtpService, "courier_travel": CourierTravelService, "wall_eta": WallEtaService
}  # fmt: skip
LEGS = ("to_store", "to_customer", "parking")
SERVICE_OF = {"ready": "etp", "direct": "wall_eta", **dict.fromkeys(LEGS, "courier_travel")}


class City:
    """A tiny ETA in the model store, a file with the events of its cities, and questions."""

    def __init__(self, tag: str, dataset: Dataset, folder: Path) -> None:
        self.model = registry.load_eta(tag)
        self.path = folder / "events.db"
        table = dataset.table
        middle = len(table) // 2
        self.asked = table.iloc[middle : middle + ROWS]
        assigned = self.asked["courier_assigned"].dropna().sort_values()
        self.as_of: datetime = assigned.iloc[len(assigned) // 2].to_pydatetime()
        self.ids: list[Any] = self.asked[dataset.source.sample_id].tolist()
        self.columns = {name: [_plain(one) for one in self.asked[name]] for name in FACTS}
        with open_event_store(str(self.path), sources_of(self.model)) as event_store:
            _fill(event_store, dataset)

    def environment(self) -> dict[str, str]:
        tags = {variable: self.model.tags[part] for part, variable in VARIABLES.items()}
        return {"DOORSTEP_STORE": str(self.path), **tags}

    def rows(self) -> RequestRows:
        as_of_us = moment_to_us(self.as_of, "as_of")
        return RequestRows(
            columns=self.columns, sample_ids=self.ids, as_of_us=np.full(len(self.ids), as_of_us)
        )

    def elapsed(self, row: int) -> dict[str, float | None]:
        """What has happened to an order, from its table."""
        found: dict[str, float | None] = {}
        for event in LIFE[:-1]:
            moment = self.asked[event].iloc[row]
            happened = not pd.isna(moment) and moment < self.as_of
            found[elapsed_name(event)] = (
                (self.as_of - moment.to_pydatetime()) / timedelta(seconds=1) if happened else None
            )
        return found

    def request(self, part: str, row: int, **order: Any) -> dict[str, Any]:
        """A question about one order; what the model of the part does not take is left out."""
        facts = self.model.parts[part].facts.inputs
        keys = self.model.parts[part].features.dimensions
        said = {name: self.columns[name][row] for name in FACTS if name in (*facts, *keys)}
        leg = {"leg": part} if part in LEGS else {}
        return {
            **leg,
            "order": {**said, **order},
            "sample_id": self.ids[row],
            "as_of": self.as_of.isoformat(),
        }


def _plain(value: Any) -> Any:
    if value is None or value != value:
        return None
    return value.item() if isinstance(value, np.generic) else value


def _fill(event_store: EventStore, dataset: Dataset) -> None:
    event_store.append_table(dataset.source, dataset.table)
    for source, table in dataset.others.items():
        if source.name in event_store.sources:
            event_store.append_table(source, table)
