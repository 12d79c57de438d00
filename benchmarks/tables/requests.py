"""Tables of imports and of requests in one process."""

from benchmarks.tables.markdown import (
    Result,
    header,
    origin,
    range_of,
    row,
    with_range,
)

WAYS = {
    "transform_array": "`transform_array`",
    "transform": "`transform` (a dict)",
    "transform_array_after_append": "`transform_array` after an append",
    "append": "`append` of one event",
}


def inference(result: Result) -> str:
    """Latencies; the run with the median of medians stands for all."""
    lines = [
        "### One request: 60 features from the memory store",
        "",
        f"Microseconds over {result['reads_per_run']:,} reads, the middle one of"
        f" {len(result['native'])} runs; the range is that of the runs' medians. " + origin(result),
        "",
    ]
    lines += header("what", "median (range)", "p90", "p99", "processor time")
    for title, runs in (("native", result["native"]), ("with tsfresh", result["with_tsfresh"])):
        middle = sorted(runs, key=lambda run: run["transform_array"]["us_median"])[len(runs) // 2]
        said = "native" if title == "native" else f"{middle['tsfresh_features']} of them tsfresh"
        for way, words in WAYS.items():
            medians = with_range([run[way]["us_median"] for run in runs], 0)
            figures = (f"{middle[way][key]:.0f}" for key in ("us_p90", "us_p99"))
            used = f"{middle[way]['processor_us']:.0f}" if "processor_us" in middle[way] else "-"
            lines.append(row(f"{words}, {said}", medians, *figures, used))
    orders = result["native"][0]["orders"]
    lines += [
        "",
        f"Orders: {orders['store_id']} of the store, {orders['courier_id']} of the courier,"
        f" {orders['city']:,} of the city.",
        "",
    ]
    return "\n".join(lines)


HOT_WAYS = {
    "transform_array": "`transform_array`",
    "transform_array_jittering": "moments that go back by up to a second",
    "transform_array_after_append": "after an append each",
    "append": "`append` of one event",
}


def hot_group(result: Result) -> str:
    """Latencies of a city; the run with the median of medians stands for all."""
    per_day = result["orders_a_day"]
    lines = [
        f"### A city with {per_day:,} orders a day, from the memory store",
        "",
        f"Microseconds over {result['reads_per_run']:,} reads, the middle one of"
        f" {len(result['runs'])} runs; in brackets those of the processor. " + origin(result),
        "",
    ]
    lines += header("what", "median", "p90", "p99")
    sets = {
        "short_windows": "40 features of the catalog",
        "long_windows": "20 more of long windows",
    }
    for name, words in sets.items():
        runs = [run[name] for run in result["runs"]]
        of = sorted(runs, key=lambda run: run["transform_array"]["us_median"])[len(runs) // 2]
        for way, said in HOT_WAYS.items():
            found = of[way]
            median = f"{found['us_median']:.0f} ({found['processor_us_median']:.0f})"
            p99 = f"{found['us_p99']:.0f} ({found['processor_us_p99']:.0f})"
            lines.append(row(f"{said}, {words}", median, f"{found['us_p90']:.0f}", p99))
        lines.append(
            row(
                f"reads of more than 2 ms while windows are built, {words}",
                f"{of['slow_reads_of_warm_up']} reads",
                "",
                f"{of['slow_reads_of_warm_up_s']} s together",
            )
        )
    return "\n".join([*lines, ""])


def import_time(result: Result) -> str:
    """Import and first calls."""
    lines = ["### Import and first call", "", origin(result), ""]
    lines += header(
        "process", "seconds, median (range)", "processor time, s", "heavy modules loaded"
    )
    for name in ("python_alone", "import_numpy", "import_aggregators", "import_catalog"):
        of = result[name]
        lines.append(
            row(
                name.replace("_", " "),
                range_of(of["process_s"], 3),
                f"{of['processor_s']['median']:.3f}",
                of["heavy_modules_loaded"].strip("[]").replace("'", "") or "none",
            )
        )
    first = result["first_calls"]
    lines += ["", *header("seconds", "first process (kernels to compile)", "a later one")]
    for step, one in first["later_process"].items():
        words = step.removesuffix("_s").replace("_", " ")
        lines.append(row(words, f"{first['after_installation'][step]:.3f}", range_of(one, 3)))
    return "\n".join([*lines, ""])
