"""A good request for every endpoint of the ETA service: the examples of its OpenAPI description."""

from __future__ import annotations

from typing import Any

__all__ = ["COURIER_ARRIVAL", "COURIER_SELECTION", "DISPLAYED_ETA", "ETA"]

_MOMENT = "2026-03-02T12:04:00Z"

ETA: dict[str, Any] = {
    "order_id": "o-1042",
    "order": {
        "store_id": "store-7",
        "store_category": "BCN pizza",
        "city": "BCN",
        "zone": "BCN-3",
        "amount": 23.5,
        "products": 3,
        "distance_m": 1_850.0,
    },
    "happened": {"activated": "2026-03-02T12:03:31.250Z"},
    "as_of": _MOMENT,
    "levels": [0.1, 0.5, 0.9],
    "explain": False,
}

COURIER_SELECTION: dict[str, Any] = {
    "orders": {
        "order_id": ["o-1042", None],
        "facts": {
            "store_id": ["store-7", "store-8"],
            "store_category": ["BCN pizza", "BCN sushi"],
            "city": ["BCN", "BCN"],
            "zone": ["BCN-3", "BCN-1"],
            "distance_m": [1_850.0, 920.0],
        },
        "promised_at": ["2026-03-02T12:40:00Z", None],
    },
    "couriers": {
        "courier_id": ["c-17", "c-4", "c-31"],
        "facts": {"vehicle": ["bike", "scooter", "bike"]},
    },
    "pairs": {
        "order": [0, 0, 1, 1],
        "courier": [0, 1, 1, 2],
        "distance_to_store_m": [250.0, 1_400.0, 300.0, 780.0],
    },
    "weights": {"courier_wait": 1.0, "food_wait": 1.0, "eta": 1.0, "lateness": 2.0},
    "levels": [0.1, 0.5, 0.9],
    "as_of": _MOMENT,
    "top": 1,
}

DISPLAYED_ETA: dict[str, Any] = {
    "stores": {
        "store_id": ["store-7", "store-8"],
        "facts": {
            "store_category": ["BCN pizza", "BCN sushi"],
            "distance_m": [1_850.0, 920.0],
        },
    },
    "order": {"city": "BCN", "zone": "BCN-3", "amount": 23.5, "products": 3},
    "shown": {"store_id": ["store-7"], "low_s": [1_500.0], "high_s": [2_400.0]},
    "policy": {"level": 0.9},
    "as_of": _MOMENT,
}

COURIER_ARRIVAL: dict[str, Any] = {
    "orders": [
        {"order_id": "o-1042"},
        {
            "order_id": "o-1043",
            "order": {"courier_id": "c-4", "vehicle": "scooter", "distance_to_store_m": 640.0},
            "happened": {"courier_assigned": "2026-03-02T12:02:10Z"},
        },
    ],
    "as_of": _MOMENT,
    "levels": [0.1, 0.5, 0.9],
}
