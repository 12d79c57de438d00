"""A feature in words, and as the code that declares it."""

from __future__ import annotations

from dataclasses import MISSING, fields
from typing import Any

from aggregators import Duration, Elapsed, Ratio, StatsAfterEvent, StatsBetweenEvents
from aggregators.attributes import Attribute, columns_of, events_of
from aggregators.features.base import Aggregator
from aggregators.functions import Quantile, Tsfresh, function_name

__all__ = ["as_code", "attribute_in_words", "boundaries", "definition_in_words", "window_of"]

_FUNCTION_WORDS = {
    "sum": "the sum",
    "mean": "the mean",
    "std": "the standard deviation (of the population)",
    "var": "the variance (of the population)",
    "min": "the least",
    "max": "the greatest",
    "median": "the median",
    "first": "the first",
    "last": "the last",
    "n_unique": "the number of distinct values",
    "trend": "the least-squares slope per sample",
}
_METADATA = ("name", "unit", "owner", "description", "topic", "version")


def window_of(feature: Aggregator) -> str:
    """Return in few characters which samples a feature looks at.

    >>> from aggregators.catalog import CATALOG
    >>> window_of(CATALOG["store_prep_last_5_mean_s"])
    'last 5 ready'
    """
    if isinstance(feature, StatsBetweenEvents):
        limit = f", {feature.max_age}" if feature.max_age else ""
        return f"{feature.first_event} → {feature.closing_events[0]}{limit}"
    if isinstance(feature, StatsAfterEvent):
        return f"{feature.window} after {feature.event}"
    return f"last {getattr(feature, 'n', '')} {feature.order_event}"


def _bounds(duration: Duration) -> str:
    """Return the bounds of a duration as the end of a phrase."""
    given = (("at least", duration.at_least), ("at most", duration.at_most))
    words = [f"{what} {span}" for what, span in given if span is not None]
    if not words:
        return ""
    return f" ({' and '.join(words)}{', else missing' if duration.beyond == 'missing' else ''})"


def attribute_in_words(attribute: Attribute) -> str:
    """Return an attribute as a phrase.

    >>> attribute_in_words(Ratio("distance_m", Duration("picked_up", "delivered")))
    'distance_m per the seconds from picked_up to delivered'
    >>> attribute_in_words(Duration("accepted", "ready", at_most="2h", beyond="missing"))
    'the seconds from accepted to ready (at most 2h, else missing)'
    """
    if isinstance(attribute, Duration):
        return f"the seconds from {attribute.start} to {attribute.end}{_bounds(attribute)}"
    if isinstance(attribute, Elapsed):
        return f"the seconds from {attribute.since} to as_of"
    if isinstance(attribute, Ratio):
        parts = (attribute.numerator, attribute.denominator)
        return " per ".join(attribute_in_words(part) for part in parts)
    return attribute


def definition_in_words(feature: Aggregator) -> str:
    """Return one sentence that says what is computed, of which samples of which group."""
    samples = f"{feature.source.name} of the same {feature.dimension}"
    if feature.attribute is None:
        what = "the number of"
    elif feature.function == "count":
        what = f"the number of values of {attribute_in_words(feature.attribute)} over the"
    else:
        what = f"{_function_in_words(feature)} of {attribute_in_words(feature.attribute)} over the"
    if isinstance(feature, StatsBetweenEvents):
        closing = " nor ".join(feature.closing_events)
        limit = f" and for at most {feature.max_age}" if feature.max_age else ""
        which = f"{samples} that are {feature.first_event} but not yet {closing},{limit}"
    elif isinstance(feature, StatsAfterEvent):
        which = f"{samples} that were {feature.event} within the last {feature.window}"
    else:
        number = getattr(feature, "n", 1)
        count = "one sample of" if number == 1 else str(number)
        which = f"{count} {samples} with the latest {feature.order_event}"
    sentence = f"{what} {which}".rstrip(",")
    return sentence[0].upper() + sentence[1:] + "."


def boundaries(feature: Aggregator) -> list[str]:
    """Return the exact conditions of the selection and what missing things give, one per line."""
    lines = _selection(feature)
    order = f"({feature.order_event}, {feature.source.sample_id})"
    lines.append(f"values in the order of {order}")
    if feature.exclude_self:
        lines.append("the sample for which it is computed never counts")
    else:
        lines.append("the sample for which it is computed counts like any other")
    if feature.attribute is not None:
        lines += _known_from(feature)
        lines.append("missing values are skipped" + _missing_still_counts(feature))
    known_from = feature.source.known_from_event(feature.dimension)
    if known_from != feature.source.events[0]:
        lines.append(
            f"a sample has its {feature.dimension} once {known_from} happened before as_of"
        )
    empty = "0" if feature.function in ("count", "sum") else "NaN (missing)"
    lines.append(f"nothing selected gives {empty}")
    lines.append(f"a sample, or a request, without {feature.dimension} belongs to no group")
    return lines


def as_code(feature: Aggregator) -> str:
    """Return the Python expression that declares a feature, without its metadata.

    >>> from aggregators.catalog import CATALOG
    >>> print(as_code(CATALOG["store_prep_last_5_mean_s"]))
    StatsLastNSamples(
        ORDERS,
        name='store_prep_last_5_mean_s',
        dimension='store_id',
        function='mean',
        attribute=Duration('accepted', 'ready'),
        event='ready',
        n=5,
    )
    """
    lines = [f"{type(feature).__name__}(", f"    {feature.source.name.upper()},"]
    lines.append(f"    name={feature.name!r},")
    for item in fields(feature):
        value = getattr(feature, item.name)
        default = item.default if item.default is not MISSING else None
        if item.name == "source" or item.name in _METADATA or value == default:
            continue
        lines.append(f"    {item.name}={_code(value)},")
    return "\n".join([*lines, ")"])


def _selection(feature: Aggregator) -> list[str]:
    if isinstance(feature, StatsBetweenEvents):
        oldest = f"as_of - {feature.max_age} <= " if feature.max_age else ""
        closing = ", ".join(feature.closing_events)
        return [
            f"{oldest}{feature.first_event} < as_of",
            f"none of {closing} has happened before as_of",
        ]
    if isinstance(feature, StatsAfterEvent):
        return [f"as_of - {feature.window} <= {feature.event} < as_of"]
    return [f"{feature.order_event} < as_of", f"of these the latest {getattr(feature, 'n', '')}"]


def _known_from(feature: Aggregator) -> list[str]:
    assert feature.attribute is not None
    lines = []
    if events := events_of(feature.attribute):
        needed = " and ".join(dict.fromkeys(events))
        lines.append(f"a value is known once {needed} happened before as_of")
    for column in columns_of(feature.attribute):
        event = feature.source.known_from_event(column)
        lines.append(f"{column} is known once {event} happened before as_of")
    return lines


def _missing_still_counts(feature: Aggregator) -> str:
    return f", but use up one of the {feature.n}" if hasattr(feature, "n") else ""


def _function_in_words(feature: Aggregator) -> str:
    function = feature.function
    if isinstance(function, Quantile):
        return f"the {function.q:g} quantile (linear interpolation)"
    if isinstance(function, Tsfresh):
        settings = ", ".join(f"{name}={value!r}" for name, value in function.parameters)
        return f"tsfresh's {function.calculator}" + (f" with {settings}" if settings else "")
    if isinstance(function, str):
        return _FUNCTION_WORDS[function]
    return function_name(function)


def _code(value: Any) -> str:
    if isinstance(value, Duration):
        return repr(value)
    if isinstance(value, Elapsed):
        return f"Elapsed({value.since!r})"
    if isinstance(value, Ratio):
        return f"Ratio({_code(value.numerator)}, {_code(value.denominator)})"
    if isinstance(value, Quantile):
        return f"quantile({value.q!r})"
    if isinstance(value, Tsfresh):
        parameters = "".join(f", {name}={setting!r}" for name, setting in value.parameters)
        return f"tsfresh({value.calculator!r}{parameters})"
    if callable(value):
        return str(getattr(value, "__name__", value))
    return repr(value)
