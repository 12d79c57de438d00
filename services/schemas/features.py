"""What the event service takes and gives for features and explanations, as typed JSON."""

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
    """For whom, and when.

    ``keys`` gives dimensions their values, null where a value is missing. ``sample_id`` is the
    sample for which this is asked, so that it is not counted in its own features, or null where it
    does not exist yet; with several sources, an object from source to id (a plain id is of the
    catalog's first source). ``as_of`` is the moment; now, if it is left out.
    """

    keys: dict[str, Key]
    sample_id: OwnSample
    as_of: Time | None = None


class FeaturesRequest(FeatureRow, kw_only=True, forbid_unknown_fields=True):
    """Which features of the catalog have which values?

    ``features`` names them; or ``topic`` names a topic; without both, all features that the keys
    allow. ``event_times``: also say which events each value rests on.
    """

    features: FeatureNames = field(default_factory=list)
    topic: Text | None = None
    event_times: bool = True


class FeaturesBatchRequest(Struct, kw_only=True, forbid_unknown_fields=True):
    """The same features for many rows; each row is a ``FeatureRow``, answered on its own."""

    rows: Annotated[list[Raw], Meta(min_length=1, max_length=MAX_ROWS)]
    features: FeatureNames = field(default_factory=list)
    topic: Text | None = None
    event_times: bool = False


class CatalogInfo(Struct, kw_only=True):
    """What computed the values: the catalog, and the fingerprint of the features in the answer.

    Equal fingerprints mean equal definitions, in the same order.
    """

    name: str
    version: str
    fingerprint: str


class Observation(Struct, kw_only=True):
    """What a value rests on: how many samples, and the times of the events that order them.

    The times of the first and of the last are null where no sample was selected.
    """

    n_samples: int
    first_event_time: datetime | None
    last_event_time: datetime | None


class FeatureValues(Struct, kw_only=True):
    """Values as of a moment; null where a feature has none. ``rests_on`` only if asked for."""

    as_of: datetime
    keys: dict[str, Key]
    sample_id: OwnSample
    features: dict[str, float | None]
    rests_on: dict[str, Observation] | None = None


class FeaturesAnswer(FeatureValues, kw_only=True):
    """The values that were asked for, and what computed them."""

    request_id: str
    catalog: CatalogInfo


class FeatureRowAnswer(Struct, kw_only=True):
    """One row of a batch: either ``answer`` or ``problem``, the other is null."""

    row: int
    answer: FeatureValues | None = None
    problem: Problem | None = None


class FeaturesBatchAnswer(Struct, kw_only=True):
    """The rows in the order of the request; ``refused`` counts those with a problem.

    ``catalog`` has the fingerprint of the whole catalog where rows differ in what their keys allow.
    """

    request_id: str
    catalog: CatalogInfo
    refused: int
    rows: list[FeatureRowAnswer]


class ExplainRequest(FeatureRow, kw_only=True, forbid_unknown_fields=True):
    """Why does a feature have its value? ``why`` names a sample: is it counted, and if not why?"""

    feature: Text
    why: SampleId | None = None


class ExplainedSample(Struct, kw_only=True):
    """A sample that counts: its id, the event that orders it, its attribute's value or null."""

    sample_id: SampleId
    event_time: datetime
    value: float | None


class ExplainAnswer(Struct, kw_only=True):
    """A feature's value with the samples that it rests on, in the order of their values.

    ``samples`` lists the latest; ``n_samples`` says how many there are. ``why`` is the sentence
    about the sample that was asked for.
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
