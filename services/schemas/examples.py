"""A good request for every endpoint: the examples of the OpenAPI descriptions."""

from __future__ import annotations

from typing import Any

__all__ = [
    "EVENTS",
    "EXPLAIN",
    "FEATURES",
    "FEATURES_BATCH",
    "PREDICT",
    "PREDICT_BATCH",
    "PREDICT_COLUMNS",
    "TRAVEL",
    "TRAVEL_BATCH",
    "TRAVEL_COLUMNS",
]

_MOMENT = "2026-03-02T12:04:00Z"
_STORE = {"store_id": "store-7"}

EVENTS: list[dict[str, Any]] = [
    {
        "specversion": "1.0",
        "id": "7d0c",
        "source": "orders",
        "type": "activated",
        "subject": "o-1042",
        "time": "2026-03-02T12:03:31.250Z",
        "data": {"store_id": "store-7", "city": "BCN", "amount": 23.5, "products": 3},
    },
    {
        "specversion": "1.0",
        "id": "7d0d",
        "source": "orders",
        "type": "dispatched",
        "subject": "o-1042",
        "time": "2026-03-02T12:03:32Z",
    },
]

PREDICT: dict[str, Any] = {
    "order": {
        "store_id": "store-7",
        "store_category": "BCN pizza",
        "city": "BCN",
        "amount": 23.5,
        "products": 3,
    },
    "sample_id": "o-1042",
    "as_of": _MOMENT,
    "levels": [0.1, 0.5, 0.9],
    "include_features": False,
}

PREDICT_BATCH: dict[str, Any] = {"rows": [PREDICT, {"order": _STORE, "sample_id": None}]}

PREDICT_COLUMNS: dict[str, Any] = {
    "columns": {
        "store_id": ["store-7", "store-8"],
        "store_category": ["BCN pizza", "BCN thai"],
        "city": "BCN",
        "amount": [23.5, None],
        "products": [3, None],
        "since_accepted_s": [28.5, None],
    },
    "sample_ids": ["o-1042", None],
    "as_of": _MOMENT,
}

_WAY: dict[str, Any] = {
    "city": "BCN",
    "zone": "BCN-3",
    "store_id": "store-7",
    "store_zone": "BCN-2",
    "courier_id": "courier-12",
    "vehicle": "bicycle",
    "distance_to_store_m": 850.0,
    "distance_m": 1_900.0,
}

TRAVEL: dict[str, Any] = {
    "leg": "to_store",
    "order": {**_WAY, "since_courier_assigned_s": 0.0},
    "sample_id": "o-1042",
    "as_of": _MOMENT,
    "levels": [0.1, 0.5, 0.9],
    "include_features": False,
}

TRAVEL_BATCH: dict[str, Any] = {
    "rows": [TRAVEL, {"leg": "parking", "order": _WAY, "sample_id": "o-1042"}]
}

TRAVEL_COLUMNS: dict[str, Any] = {
    "leg": "to_store",
    "columns": {
        **_WAY,
        "courier_id": ["courier-12", "courier-31"],
        "vehicle": ["bicycle", "car"],
        "distance_to_store_m": [850.0, 2_300.0],
        "since_courier_assigned_s": 0.0,
    },
    "sample_ids": ["o-1042", "o-1042"],
    "as_of": _MOMENT,
}

FEATURES: dict[str, Any] = {
    "keys": _STORE,
    "sample_id": None,
    "features": ["store_queue_orders", "store_queue_oldest_s"],
    "as_of": _MOMENT,
}

FEATURES_BATCH: dict[str, Any] = {
    "features": ["store_queue_orders"],
    "rows": [
        {"keys": _STORE, "sample_id": None, "as_of": _MOMENT},
        {"keys": {"store_id": "store-8"}, "sample_id": "o-1042"},
    ],
}

EXPLAIN: dict[str, Any] = {
    "feature": "store_queue_orders",
    "keys": _STORE,
    "sample_id": None,
    "as_of": _MOMENT,
    "why": "o-1042",
}
