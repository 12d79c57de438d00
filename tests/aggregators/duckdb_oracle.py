"""The second oracle: DuckDB's SQL, a join of queries with samples and an aggregate over it.

Shares no code with the package nor with the first oracle. Times are BIGINT microseconds. A missing
attribute value is NULL.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import duckdb
import numpy as np
import pyarrow as pa

from tests.aggregators.specs import (
    AttributeSpec,
    DurationSpec,
    ElapsedSpec,
    FunctionSpec,
    Query,
    RatioSpec,
    Row,
    SourceSpec,
    Spec,
)

Floats = np.ndarray[Any, np.dtype[np.float64]]

# Ordered aggregates take the order of the specification; the others need none.
_IN_ORDER = "ORDER BY moment, sample_id"
_PLAIN_SQL = {
    "count": "count(value)",
    "sum": f"coalesce(sum(value {_IN_ORDER}), 0)",
    "mean": "avg(value)",
    "std": "stddev_pop(value)",
    "var": "var_pop(value)",
    "min": "min(value)",
    "max": "max(value)",
    "median": "median(value)",
    "first": f"first(value {_IN_ORDER}) FILTER (value IS NOT NULL)",
    "last": f"last(value {_IN_ORDER}) FILTER (value IS NOT NULL)",
    "n_unique": "nullif(count(DISTINCT value), 0)",
    "trend": "CASE WHEN count(value) > 1 THEN regr_slope(value, place) END",
}

# Those whose value does not depend on how a database adds up.
EXACT_FUNCTIONS = ("count", "min", "max", "first", "last", "n_unique")


def can_say(function: FunctionSpec) -> bool:
    """Whether SQL has the function."""
    return function.family in ("plain", "quantile")


def is_exact(spec: Spec) -> bool:
    """Whether SQL gives the same bits: the others differ by how they round."""
    return spec.function.name in EXACT_FUNCTIONS


class DuckDBOracle:
    """Answers specifications over one table of samples."""

    def __init__(self, rows: Sequence[Row], source: SourceSpec) -> None:
        self._source = source
        self._connection = duckdb.connect(":memory:", config={"threads": "1"})
        self._connection.register("given_samples", _sample_table(rows, source))
        self._connection.execute("CREATE TABLE samples AS SELECT * FROM given_samples")

    def values(self, spec: Spec, queries: Sequence[Query]) -> tuple[Floats, Floats]:
        """The value of the feature for each query, and the largest magnitude that went into it.

        Both float64 of shape (queries,).
        """
        self._connection.register("queries", _query_table(queries, self._source))
        answers = self._connection.execute(self._sql(spec)).fetchall()
        self._connection.unregister("queries")
        values = [math.nan if answer is None else float(answer) for _, answer, _ in answers]
        sizes = [0.0 if size is None else float(size) for _, _, size in answers]
        return np.array(values, dtype=np.float64), np.array(sizes, dtype=np.float64)

    def _sql(self, spec: Spec) -> str:
        moment = f's."{spec.selecting_event}"'
        conditions = [
            f's."{spec.dimension}" = q.key',
            self._known(spec.dimension),
            f"{moment} < q.as_of",
        ]
        if spec.exclude_self:
            conditions.append(f'(q.self_id IS NULL OR s."{self._source.sample_id}" != q.self_id)')
        if spec.kind == "after":
            conditions.append(f"{moment} >= q.as_of - {spec.window_us}")
        if spec.kind == "between":
            conditions += [
                f'(s."{event}" IS NULL OR s."{event}" >= q.as_of)' for event in spec.second_events
            ]
            if spec.max_age_us is not None:
                conditions.append(f"{moment} >= q.as_of - {spec.max_age_us}")
        limit = f"WHERE recency <= {spec.n}" if spec.kind == "last_n" else ""
        attribute = "NULL" if spec.attribute is None else self._attribute(spec.attribute)
        return f"""
            WITH members AS (
                SELECT q.query_id, s."{self._source.sample_id}" AS sample_id, {moment} AS moment,
                       {attribute} AS value,
                       row_number() OVER (
                           PARTITION BY q.query_id
                           ORDER BY {moment} DESC, s."{self._source.sample_id}" DESC
                       ) AS recency
                FROM queries q JOIN samples s ON {" AND ".join(conditions)}
            ),
            selected AS (
                SELECT *, count(value) OVER (
                    PARTITION BY query_id ORDER BY moment, sample_id ROWS UNBOUNDED PRECEDING
                ) AS place
                FROM members {limit}
            )
            SELECT q.query_id, {self._function(spec)} AS answer, max(abs(value)) AS size
            FROM queries q LEFT JOIN selected USING (query_id)
            GROUP BY q.query_id ORDER BY q.query_id
        """

    def _function(self, spec: Spec) -> str:
        if spec.function.family == "quantile":
            return f"quantile_cont(value, {dict(spec.function.parameters)['q']!r})"
        if spec.attribute is None:
            return "count(sample_id)"
        return _PLAIN_SQL[spec.function.name]

    def _known(self, column: str) -> str:
        return f's."{self._source.event_of(column)}" < q.as_of'

    def _attribute(self, attribute: AttributeSpec) -> str:
        if isinstance(attribute, DurationSpec):
            start, end = f's."{attribute.start}"', f's."{attribute.end}"'
            happened = f"{start} < q.as_of AND {end} < q.as_of"
            lasted = _bounded_sql(f"({end} - {start})", attribute)
            return f"CASE WHEN {happened} THEN {lasted}::DOUBLE / 1000000.0::DOUBLE END"
        if isinstance(attribute, ElapsedSpec):
            since = f's."{attribute.since}"'
            seconds = f"(q.as_of - {since})::DOUBLE / 1000000.0::DOUBLE"
            return f"CASE WHEN {since} < q.as_of THEN {seconds} END"
        if isinstance(attribute, RatioSpec):
            over, under = self._attribute(attribute.over), self._attribute(attribute.under)
            return f"({over}) / nullif({under}, 0)"
        return f'CASE WHEN {self._known(attribute)} THEN s."{attribute}" END'


def _bounded_sql(lasted: str, attribute: DurationSpec) -> str:
    for bound_us, pick, beyond in (
        (attribute.low_us, "greatest", "<"),
        (attribute.high_us, "least", ">"),
    ):
        if bound_us is not None and attribute.beyond == "missing":
            lasted = f"(CASE WHEN {lasted} {beyond} {bound_us} THEN NULL ELSE {lasted} END)"
        elif bound_us is not None:
            lasted = f"{pick}({lasted}, {bound_us})"
    return lasted


def _identity_type(values: Sequence[Any]) -> pa.DataType:
    return pa.string() if any(isinstance(value, str) for value in values) else pa.int64()


def _sample_table(rows: Sequence[Row], source: SourceSpec) -> pa.Table:
    ids = [row[source.sample_id] for row in rows]
    columns = {source.sample_id: pa.array(ids, _identity_type(ids))}
    for event in source.events:
        columns[event] = pa.array([row[event] for row in rows], pa.int64())
    for dimension in source.dimensions:
        columns[dimension] = pa.array([row[dimension] for row in rows], _identity_type(ids))
    for attribute in source.attributes:
        known = [None if math.isnan(row[attribute]) else row[attribute] for row in rows]
        columns[attribute] = pa.array(known, pa.float64())
    return pa.table(columns)


def _query_table(queries: Sequence[Query], source: SourceSpec) -> pa.Table:
    identities = [query.key for query in queries] + [query.sample_id for query in queries]
    kind = _identity_type(identities)
    return pa.table(
        {
            "query_id": pa.array(range(len(queries)), pa.int64()),
            "key": pa.array([query.key for query in queries], kind),
            "self_id": pa.array([query.sample_id for query in queries], kind),
            "as_of": pa.array([query.as_of for query in queries], pa.int64()),
        }
    )
