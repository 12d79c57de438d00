"""The results as tables in README.md: `python -m benchmarks.report`.

Everything between the markers is written from the files in results/, so that no figure is copied by
hand; a benchmark without a file is left out.
"""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

from benchmarks.measuring import RESULTS
from benchmarks.peers.worker import ALL, FEATURES

README = Path(__file__).parent / "README.md"
START, END = "<!-- results -->", "<!-- end of results -->"

WAYS = {
    "transform_array": "`transform_array`",
    "transform": "`transform` (a dict)",
    "transform_array_after_append": "`transform_array` after an append",
    "append": "`append` of one event",
}

Result = dict[str, Any]


def main() -> None:
    parts = [
        write(result) for name, write in WRITERS.items() if (result := _stored(name)) is not None
    ]
    text = README.read_text(encoding="utf-8")
    before, rest = text.split(START)
    _, after = rest.split(END)
    tables = "\n".join(parts)
    README.write_text(f"{before}{START}\n\n{tables}\n{END}{after}", encoding="utf-8")


def training_vs_peers(result: Result) -> str:
    """One table per number of orders and kind of ids."""
    lines = [
        "### Training beside temporian, DuckDB and pandas",
        "",
        f"Median of {result['rounds']} rounds on one core; in brackets how many times as long as"
        " Doorstep. " + _machine(result),
        "",
    ]
    for table in result["tables"]:
        lines += [f"**{table['orders']:,} orders, {table['ids']} as ids**", ""]
        names = (*FEATURES, ALL)
        lines += _header("seconds", *(name.replace("_", " ") for name in names))
        for library, of in table["seconds"].items():
            ratios = table["times_slower_than_doorstep"][library]
            cells = [
                f"{of[name]['wall_s_median']:.3f} ({ratios[name]['wall']:.1f}x)" for name in names
            ]
            lines.append(_row(_library(library, table), *cells))
        said = [
            f"{library}: {count} of {feature.replace('_', ' ')}"
            for library, of in table["values_unlike_doorstep"].items()
            for feature, count in of.items()
            if count
        ]
        lines += ["", f"Values unlike Doorstep's: {'; '.join(said) or 'none'}.", ""]
    return "\n".join(lines)


def catalog_training(result: Result) -> str:
    """Time and memory of the catalog."""
    lines = ["### 100 features of the catalog", "", "Two cores. " + _machine(result), ""]
    lines += _header(
        "what", "orders", "features", "seconds (median)", "runs", "MiB beside the orders"
    )
    tasks: dict[str, Result] = {
        "`transform`": result["transform_1m"],
        "`write_parquet`": result["write_parquet_large"],
        "`transform`, tsfresh only": result["tsfresh"],
        **{f"`write_parquet`, {name}": task for name, task in result["memory_growth"].items()},
    }
    for name, task in tasks.items():
        count = task.get("features_measured", task["features"])
        lines.append(
            _row(
                name,
                f"{task['orders']:,}",
                str(count),
                f"{task['wall_s_median']:.2f}",
                str(task["runs"]),
                f"{task['peak_beside_mib']:,}",
            )
        )
    large = result["write_parquet_large"]
    lines += [
        "",
        f"The {large['orders']:,} orders themselves take {large['orders_mib']:,} MiB as a"
        f" DataFrame; the Parquet file has {large['written_mib']:,} MiB.",
        "",
    ]
    return "\n".join(lines)


def inference(result: Result) -> str:
    """Latencies; the run with the median of medians stands for all."""
    lines = [
        "### One request: 60 features from the memory store",
        "",
        f"Microseconds over {result['reads_per_run']:,} reads, the middle one of"
        f" {len(result['native'])} runs. " + _machine(result),
        "",
    ]
    lines += _header("what", "median", "p90", "p99")
    for title, runs in (("native", result["native"]), ("with tsfresh", result["with_tsfresh"])):
        middle = sorted(runs, key=lambda run: run["transform_array"]["us_median"])[len(runs) // 2]
        said = "native" if title == "native" else f"{middle['tsfresh_features']} of them tsfresh"
        for way, words in WAYS.items():
            figures = (f"{middle[way][key]:.0f}" for key in ("us_median", "us_p90", "us_p99"))
            lines.append(_row(f"{words}, {said}", *figures))
    orders = result["native"][0]["orders"]
    lines += [
        "",
        f"Orders: {orders['store_id']} of the store, {orders['courier_id']} of the courier,"
        f" {orders['city']:,} of the city.",
        "",
    ]
    return "\n".join(lines)


def import_time(result: Result) -> str:
    """Import and first calls."""
    lines = ["### Import and first call", "", _machine(result), ""]
    lines += _header("process", "seconds (median)", "heavy modules loaded")
    for name in ("python_alone", "import_numpy", "import_aggregators", "import_catalog"):
        of = result[name]
        lines.append(
            _row(
                name.replace("_", " "),
                f"{of['process_s_median']:.3f}",
                of["heavy_modules_loaded"].strip("[]").replace("'", "") or "none",
            )
        )
    first = result["first_calls"]
    lines += ["", *_header("seconds", "first process (kernels to compile)", "a later one")]
    for step, seconds in first["after_installation"].items():
        lines.append(
            _row(
                step.removesuffix("_s").replace("_", " "),
                f"{seconds:.3f}",
                f"{first['later_process_median'][step]:.3f}",
            )
        )
    return "\n".join([*lines, ""])


def event_store(result: Result) -> str:
    """Intake, requests and compaction of each store."""
    fsync = result["one_fsync"]
    lines = [
        "### Event stores",
        "",
        f"One fsync of 4 KiB took {fsync['us_median']:.0f} us in the median"
        f" ({fsync['us_p99']:.0f} us p99). " + _machine(result),
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
        lines += _header("", *(run["store"] for run in runs))
        for words, cell in STORE_ROWS.items():
            lines.append(_row(words, *(cell(run) for run in runs)))
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
        return f"{found['us_median'] / 1e3:.2f} / {found['us_p99'] / 1e3:.2f} ms"

    return cell


STORE_ROWS: dict[str, Callable[[Result], str]] = {
    "events/s in batches of 500": lambda run: f"{run['intake']['events_per_s']:,}",
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
    lines = ["### The event service over HTTP, and the consumer of a stream", "", _machine(result)]
    lines += ["", *_header("what", "connections", "events/s", "median", "p99")]
    for name, words in (("batches_of_500", "batches of 500"), ("single_events", "single events")):
        for run in http[name]:
            lines.append(
                _row(
                    words, str(run["connections"]), f"{run['events_per_s']:,}", *_milliseconds(run)
                )
            )
    read = http["acknowledged_is_in_the_next_read"]
    lines += ["", *_header("question", "median", "p99")]
    lines.append(_row("one feature of an order acknowledged before", *_milliseconds(read["asked"])))
    lines.append(_row("sending the order and asking", *_milliseconds(read["sent_and_asked"])))
    for name, run in http["all_features_of_a_request"].items():
        words = f"{run['features']} features, {name.replace('_', ' ')}"
        lines.append(_row(words, *_milliseconds(run)))
    consumer = result["consumer"]
    lines += [
        "",
        f"All {read['rounds']:,} orders were in the next read. A consumer moved"
        f" {consumer['sqlite_events_per_s']:,} events/s from a stream into SQLite; without a store"
        f" it would do {consumer['checked_only_events_per_s']:,}.",
        "",
    ]
    return "\n".join(lines)


def services(result: Result) -> str:
    """Latency at fixed rates, most requests a second, memory; beside what was aimed at."""
    etp, eta, pairs = result["etp"], result["eta"], result["pairs"]
    chosen, shown = eta["courier_selection"], eta["displayed_eta"]
    lines = [
        "### Services under load",
        "",
        f"{result['world']['events']:,} events in an SQLite store, medians of"
        f" {etp['most']['runs']} runs. {_machine(result)}",
        "",
        *_header("call", "load", "p50", "p99", "processor time", "aim (p50 / p99)"),
    ]
    for words, run, aim in (
        ("`etp /predict`, 60 real-time features", etp["at_200_per_s"], "2 / 5 ms"),
        ("`courier_selection`, 1 order x 200 couriers", chosen["at_a_fixed_rate"], "10 / 20 ms"),
        ("`displayed_eta`, 50 stores", shown["at_a_fixed_rate"], "8 / 16 ms"),
    ):
        took = f"{run['processor_ms']:.2f} ms"
        lines.append(_row(words, f"{run['rate']:g} a second", *_milliseconds(run), took, aim))
    lines += ["", *_header("most, one process on one core", "requests/s", "p50", "p99", "aim")]
    for words, run, aim in (
        ("`etp /predict`", etp["most"], "1,500"),
        ("`courier_selection`, 1 x 200", chosen["most"], ""),
        ("`displayed_eta`, 50 stores", shown["most"], ""),
    ):
        lines.append(_row(words, f"{run['requests_per_s']:,.0f}", *_milliseconds(run), aim))
    most = {name: n for name, n in pairs.items() if name.startswith("pairs_per_s")}
    said = "; ".join(
        f"{n:,} with {name.removeprefix('pairs_per_s_').replace('_', ' ')}"
        for name, n in most.items()
    )
    lines += [
        "",
        f"Pairs a second of {pairs['processes']} processes on as many cores, which the load shares:"
        f" {said} (aim: 50,000). Memory of the process that answers: eTP"
        f" {etp['resident_mb']['after']:.0f} MB, ETA with all parts"
        f" {eta['resident_mb']['after']:.0f} MB (aim: at most 400).",
        "",
    ]
    return "\n".join(lines)


def service_profile(result: Result) -> str:
    """Where the time of one estimate goes."""
    lines = [
        "### Where the time of one eTP estimate goes",
        "",
        f"{result['features']} real-time features, {result['columns']} columns, {result['trees']}"
        f" trees; microseconds of processor time, the best of several rounds. {_machine(result)}",
        "",
        *_header("step", "us"),
    ]
    lines += [_row(step, f"{us:.1f}") for step, us in result["steps_us"].items()]
    return "\n".join([*lines, ""])


def _milliseconds(run: Result) -> tuple[str, str]:
    return f"{run['p50_ms']:.2f} ms", f"{run['p99_ms']:.2f} ms"


WRITERS = {
    "training_vs_peers": training_vs_peers,
    "catalog_training": catalog_training,
    "inference": inference,
    "import_time": import_time,
    "event_store": event_store,
    "event_service": event_service,
    "services": services,
    "service_profile": service_profile,
}


def _stored(name: str) -> Result | None:
    path = RESULTS / f"{name}.json"
    if not path.exists():
        return None
    result: Result = json.loads(path.read_text(encoding="utf-8"))
    return result


def _machine(result: Result) -> str:
    of = result["machine"]
    packages = ", ".join(f"{name} {version}" for name, version in of["packages"].items())
    return (
        f"Measured on {of['cores']} cores ({of['processor']}, {of['memory_gib']} GiB,"
        f" {of['system']}, Python {of['python']}, {packages}; load"
        f" {of['load_1min_at_start']:.1f} when it was written)."
    )


def _library(name: str, table: Result) -> str:
    if name == "temporian_core":
        return "temporian, its input sorted and indexed beforehand, its output left so"
    return f"{name} {table['versions'][name]}"


def _header(*cells: str) -> list[str]:
    return [_row(*cells), "|" + "---|" * len(cells)]


def _row(*cells: str) -> str:
    return f"| {' | '.join(cells)} |"


if __name__ == "__main__":
    main()
