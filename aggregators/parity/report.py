"""Report what a comparison of training and inference found."""

from __future__ import annotations

from dataclasses import dataclass, field

from aggregators.typing import Key, SampleId

__all__ = ["EquivalenceReport", "Mismatch"]


@dataclass(frozen=True)
class Mismatch:
    """Holds one value that differs, and how each side computed it."""

    feature: str
    sample_id: SampleId
    as_of: str
    key: Key
    training: float
    inference: float
    training_explained: str = ""
    inference_explained: str = ""

    def __str__(self) -> str:
        return (
            f"{self.feature} of {self.sample_id!r} with key {self.key!r} at {self.as_of}:"
            f" training {self.training!r}, inference {self.inference!r}"
        )


@dataclass
class EquivalenceReport:
    """Counts the compared values and the mismatches, and holds the first mismatches.

    Attributes:
        seed: the seed of the replay.
        lateness_us: its bound on lateness in microseconds; None for any order of arrival.
        queries: how many rows were asked for their features.
        asked_again: how many of them were asked once more in the end, in any order.
        compared: values compared.
        mismatches: values that are not the same float64, bit for bit (NaN equals NaN).
        by_feature: mismatches of each feature.
        missing: how many of the compared values are missing (NaN) in training.
        examples: the first mismatches.
        events: events of the tables.
        deliveries: how often an event was delivered.
        repeated: deliveries of what was delivered before.
        corrected: events of which a wrong version was delivered, too.
        retracted: events that never happened, delivered and taken back.
        applied, duplicates, superseded: what became of the deliveries.
    """

    seed: int
    lateness_us: int | None = None
    queries: int = 0
    asked_again: int = 0
    compared: int = 0
    mismatches: int = 0
    by_feature: dict[str, int] = field(default_factory=dict)
    missing: int = 0
    examples: list[Mismatch] = field(default_factory=list)
    events: int = 0
    deliveries: int = 0
    repeated: int = 0
    corrected: int = 0
    retracted: int = 0
    applied: int = 0
    duplicates: int = 0
    superseded: int = 0

    def __str__(self) -> str:
        lines = [f"{self.compared:,} values compared, {self.mismatches:,} mismatches"]
        lines += [f"  {example}" for example in self.examples]
        return "\n".join(lines)
