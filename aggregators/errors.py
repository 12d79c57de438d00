"""Define the errors of the aggregators package.

Every error that a user can cause says what arrived, what was expected and what to do. Errors of bad
input are also a :class:`ValueError`, so callers need not import this tree.

::

    AggregatorError (ValueError)
    ├── DefinitionError         a source, attribute, function or feature that cannot be built
    │   └── UnknownNameError    a name that the source, the catalog or tsfresh does not have
    ├── DataError               a table or an event that cannot be taken as it is
    │   ├── ColumnError         a column is missing or of the wrong type
    │   ├── TimestampError      a timestamp without time zone, or one that is not a timestamp
    │   └── SampleIdError       sample ids that are missing, duplicated or of mixed type
    ├── QueryError              a request that lacks or mistypes as_of, key or sample id
    ├── FunctionError           a feature's function failed on the selected values
    └── StoreError              the event store cannot do what was asked
        └── StoreTypesError     it holds ids or keys of another type than a source declares
"""

from __future__ import annotations

from collections.abc import Iterable
from difflib import get_close_matches

__all__ = [
    "AggregatorError",
    "ColumnError",
    "DataError",
    "DefinitionError",
    "FunctionError",
    "QueryError",
    "SampleIdError",
    "StoreError",
    "StoreTypesError",
    "TimestampError",
    "UnknownNameError",
    "unknown_name",
]


class AggregatorError(ValueError):
    """Base of all errors raised by the aggregators package."""


class DefinitionError(AggregatorError):
    """A source, attribute, function or feature is declared in a way that cannot work."""


class UnknownNameError(DefinitionError):
    """A name (event, dimension, attribute, function, feature) is not known where it is used."""


class DataError(AggregatorError):
    """A table or an event carries something that cannot be taken as it is."""


class ColumnError(DataError):
    """A column is missing from a table, or its values are of the wrong type."""


class TimestampError(DataError):
    """A timestamp is naive, or is not a timestamp."""


class SampleIdError(DataError):
    """Sample ids are missing, duplicated or of mixed type."""


class QueryError(AggregatorError):
    """A request for a feature lacks, or mistypes, its as_of, key or sample id."""


class FunctionError(AggregatorError):
    """A feature's function raised, or gave something other than a number."""


class StoreError(AggregatorError):
    """An event store cannot do what was asked."""


class StoreTypesError(StoreError):
    """An event store holds ids or keys of another type than a source declares."""


def unknown_name(kind: str, name: object, where: str, known: Iterable[str]) -> UnknownNameError:
    """Return the error for a name that does not exist, with the closest one that does.

    >>> str(unknown_name("event", "redy", "source 'orders'", ["ready", "accepted"]))
    "unknown event 'redy' in source 'orders'; did you mean 'ready'? known: accepted, ready"
    """
    names = sorted(known)
    close = get_close_matches(str(name), names, n=1)
    hint = f"did you mean {close[0]!r}? " if close else ""
    listed = ", ".join(names) if names else "none"
    return UnknownNameError(f"unknown {kind} {name!r} in {where}; {hint}known: {listed}")
