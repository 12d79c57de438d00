"""Define the requests and answers for features and explanations."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, TypeAlias

from msgspec import Meta, Raw, Struct, field

from services.core.limits import MAX_FEATURES, MAX_ROWS
from services.schemas.common import Problem, SampleId, Text, Time

__all__ = [
    "CatalogInfo",
    "ExplainAnswer",
    "ExplainRequest",
    "ExplainedSample",
    "FeatureRow",
    "FeatureValues",
    "FeaturesAnswer",
    "FeaturesBatchAnswer",
    "FeaturesBatchRequest",
    "FeaturesRequest",
    "Observation",
]

Key: TypeAlias = Text | int | None
OwnSample: TypeAlias = SampleId | dict[str, SampleId | None] | None
FeatureNames: TypeAlias = Annotated[list[Text], Meta(max_length=MAX_FEATURES)]


class FeatureRow(Struct, kw_only=True, forbid_unknown_fields=True):
    """Name the keys, the sample and the moment of one row.

    ``keys`` maps dimensions to their values, null for a missing value. ``sample_id`` is the sample
    for which the features are computed, so that it is not counted in them, or null if it does not
    exist yet; with several sources, an object from source to id (a plain id belongs to the
    catalog's first source). ``as_of`` is the moment; the present one if it is left out.
    """

    keys: dict[str, Key]
    sample_id: OwnSample
    as_of: Time | None = None


class FeaturesRequest(FeatureRow, kw_only=True, forbid_unknown_fields=True):
    """Ask for the values of features of the catalog.

    ``features`` names them, or ``topic`` names a topic; without both, all features that the keys
    allow. ``event_times`` adds the times of the events behind each value.
    """

    features: FeatureNames = field(default_factory=list)
    topic: Text | None = None
    event_times: bool = True


class FeaturesBatchRequest(Struct, kw_only=True, forbid_unknown_fields=True):
    """Ask for the same features of many rows; each ``FeatureRow`` is answered alone."""

    rows: Annotated[list[Raw], Meta(min_length=1, max_length=MAX_ROWS)]
    features: FeatureNames = field(default_factory=list)
    topic: Text | None = None
    event_times: bool = False


class CatalogInfo(Struct, kw_only=True):
    """Name the catalog, and the fingerprint of the features in the answer.

    Equal fingerprints mean equal definitions, in the same order.
    """

    name: str
    version: str
    fingerprint: str


class Observation(Struct, kw_only=True):
    """State the number of samples of a value, and the times of the events that order them.

    The times of the first and of the last are null if no sample was selected.
    """

    n_samples: int
    first_event_time: datetime | None
    last_event_time: datetime | None


class FeatureValues(Struct, kw_only=True):
    """List values as of a moment; null for a feature without a value. ``rests_on`` is optional."""

    as_of: datetime
    keys: dict[str, Key]
    sample_id: OwnSample
    features: dict[str, float | None]
    rests_on: dict[str, Observation] | None = None


class FeaturesAnswer(FeatureValues, kw_only=True):
    """List the requested values, and the catalog that computed them."""

    request_id: str
    catalog: CatalogInfo


class FeatureRowAnswer(Struct, kw_only=True):
    """Answer one row of a batch: either ``answer`` or ``problem``; the other is null."""

    row: int
    answer: FeatureValues | None = None
    problem: Problem | None = None


class FeaturesBatchAnswer(Struct, kw_only=True):
    """List the rows in the order of the request; ``refused`` counts those with a problem.

    ``catalog`` has the fingerprint of the whole catalog if the keys of the rows allow different
    features.
    """

    request_id: str
    catalog: CatalogInfo
    refused: int
    rows: list[FeatureRowAnswer]


class ExplainRequest(FeatureRow, kw_only=True, forbid_unknown_fields=True):
    """Ask for the samples of a feature's value.

    ``why`` names a sample: the answer says whether it is counted, and if not, why.
    """

    feature: Text
    why: SampleId | None = None


class ExplainedSample(Struct, kw_only=True):
    """Describe a selected sample: its id, the event that orders it, its attribute or null."""

    sample_id: SampleId
    event_time: datetime
    value: float | None


class ExplainAnswer(Struct, kw_only=True):
    """Explain a feature's value by its samples, in the order of their values.

    ``samples`` lists the latest ones; ``n_samples`` counts all. ``why`` is a sentence about the
    sample that the request names.
    """

    request_id: str
    catalog: CatalogInfo
    feature: str
    unit: str
    definition: str
    as_of: datetime
    key: Key
    value: float | None
    n_samples: int
    samples: list[ExplainedSample]
    why: str | None = None
