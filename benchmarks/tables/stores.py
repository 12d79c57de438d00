"""Tables of event stores and the event service."""

from collections.abc import Callable
from typing import Any

from benchmarks.tables.markdown import (
    Result,
    header,
    milliseconds,
    origin,
    range_of,
    row,
)


def event_store(result: Result) -> str:
    """Intake, requests and compaction of each store."""
    fsync = result["one_fsync"]
    lines = [
        "### Event stores",
        "",
        f"One fsync of 4 KiB took {fsync['us_median']:.0f} us in the median"
        f" ({fsync['us_p99']:.0f} us p99). " + origin(result),
        "",
    ]
    for name, title in (("spread", "20 cities"), ("hot_city", "one city, 100,000 orders a day")):
        runs = result[name]
        orders = runs[0]["orders_of_the_day"]
        lines += [
            f"**{title}: {runs[0]['intake']['events']:,} events.** Of the last 24 hours' orders"
            f" {orders['store_id']:,} are of the store, {orders['courier_id']:,} of the courier and"
            f" {orders['city']:,} of the city that are asked for.",
            "",
        ]
        lines += header("", *(run["store"] for run in runs))
        for words, cell in STORE_ROWS.items():
            lines.append(row(words, *(cell(run) for run in runs)))
        lines.append("")
    if result["compaction"] is not None:
        lines += _compaction(result["compaction"])
    return "\n".join(lines)


def _compaction(result: Result) -> list[str]:
    kept, took_s = result["samples_kept"], result["compaction_s"]
    return [
        f"**{result['events']:,} events over {len(kept)} days,** compacted every night for"
        f" {result['features']} features of the catalog, whose longest window is 7 days: the store"
        f" kept {kept[0]:,} orders after the first night and {kept[-1]:,} of {result['orders']:,}"
        f" after the last ({max(kept):,} at most); the file had {result['file_mib'][-1]:,} MiB"
        f" ({max(result['file_mib']):,} at most), the process {result['resident_mib']:,} MiB. A"
        f" compaction took {max(took_s):.1f} s at most.",
        "",
    ]


def _us(*path: str) -> Callable[[Result], str]:
    def cell(run: Result) -> str:
        found: Any = run
        for step in path:
            found = found[step]
        text = f"{found['us_median'] / 1e3:.2f} / {found['us_p99'] / 1e3:.2f} ms"
        if "us_median_range" in found:  # older results have none
            low, high = (found["us_median_range"][name] / 1e3 for name in ("least", "greatest"))
            text += f" (median {low:.2f} to {high:.2f}; processor {found['processor_us']:.0f} us)"
        return text

    return cell


def _events_per_s(intake: Result) -> str:
    if "events_per_s_range" not in intake:  # an older result
        return f"{intake['events_per_s']:,}"
    used = f"processor {intake['processor_us_per_event']:.1f} us an event"
    return f"{range_of(intake['events_per_s_range'], 0)}; {used}"


STORE_ROWS: dict[str, Callable[[Result], str]] = {
    "events/s in batches of 500": lambda run: _events_per_s(run["intake"]),
    "batch of 500, median / p99": _us("intake", "batch_of_500"),
    "events/s one by one": lambda run: f"{run['intake']['single_events_per_s']:,}",
    "opening with all events": lambda run: f"{run['opened_s']:.1f} s",
    "60 features of one request, median / p99": _us("one_request"),
    "the same after an append each": _us("one_request_after_an_append"),
    "200 couriers x 15 features at once": _us("couriers_at_once"),
}


def event_service(result: Result) -> str:
    """Intake and questions over HTTP, and the consumer."""
    http = result["http"]
    lines = ["### The event service over HTTP, and the consumer of a stream", "", origin(result)]
    lines += [
        "",
        *header(
            "what", "connections", "events/s", "median", "p99", "processor time of an event, us"
        ),
    ]
    for name, words in (("batches_of_500", "batches of 500"), ("single_events", "single events")):
        for run in http[name]:
            rate = range_of(run["range"], 0) if "range" in run else f"{run['events_per_s']:,}"
            used = f"{run['processor_us_per_event']:.0f}"
            lines.append(row(words, str(run["connections"]), rate, *milliseconds(run), used))
    read = http["acknowledged_is_in_the_next_read"]
    lines += ["", *header("question", "median", "p99")]
    lines.append(row("one feature of an order acknowledged before", *milliseconds(read["asked"])))
    lines.append(row("sending the order and asking", *milliseconds(read["sent_and_asked"])))
    for name, run in http["all_features_of_a_request"].items():
        words = f"{run['features']} features, {name.replace('_', ' ')}"
        lines.append(row(words, *milliseconds(run)))
    consumer = result["consumer"]
    lines += [
        "",
        f"All {read['rounds']:,} orders were in the next read. A consumer moved"
        f" {consumer['sqlite_events_per_s']:,} events/s from a stream into SQLite; without a store"
        f" it would do {consumer['checked_only_events_per_s']:,}.",
        "",
    ]
    return "\n".join(lines)
