"""Tables of features in training."""

from benchmarks.peers.worker import ALL, FEATURES
from benchmarks.tables.markdown import Result, header, origin, range_of, row, with_range


def training_vs_peers(result: Result) -> str:
    """One table per number of orders and kind of ids, of the clock and of processor time."""
    lines = [
        "### Training beside temporian, DuckDB and pandas",
        "",
        f"Median and range of {result['rounds']} rounds on one core, seconds; then how many times"
        " as long as Doorstep. " + origin(result),
        "",
    ]
    for table in result["tables"]:
        for clock, words in (("wall", "by the clock"), ("processor", "of processor time")):
            lines += _peers(table, clock, words)
        said = [
            f"{library}: {count} of {feature.replace('_', ' ')}"
            for library, of in table["values_unlike_doorstep"].items()
            for feature, count in of.items()
            if count
        ]
        lines += [f"Values unlike Doorstep's: {'; '.join(said) or 'none'}.", ""]
    return "\n".join(lines)


def _peers(table: Result, clock: str, words: str) -> list[str]:
    """One table of one clock; older results have no range of processor time."""
    lines = [f"**{table['orders']:,} orders, {table['ids']} as ids, seconds {words}**", ""]
    names = (*FEATURES, ALL)
    lines += header("", *(name.replace("_", " ") for name in names))
    for library, of in table["seconds"].items():
        ratios = table["times_slower_than_doorstep"][library]
        cells = []
        for name in names:
            runs = of[name].get(f"{clock}_s_all", [of[name][f"{clock}_s_median"]])
            cells.append(f"{with_range(runs, 3)} {ratios[name][clock]:.1f}x")
        lines.append(row(_library(library, table), *cells))
    return [*lines, ""]


def catalog_training(result: Result) -> str:
    """Time and memory of the catalog."""
    lines = ["### 100 features of the catalog", "", "Two cores. " + origin(result), ""]
    lines += header(
        "what",
        "orders",
        "features",
        "seconds, median (range)",
        "processor time, s",
        "runs",
        "MiB beside the orders",
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
            row(
                name,
                f"{task['orders']:,}",
                str(count),
                with_range(task["wall_s_all"]),
                f"{task['processor_s_median']:.2f}",
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


def function_windows(result: Result) -> str:
    """Each function over each window, as times of a count of 15 minutes."""
    lines = [
        "### Functions over windows, relative to a count of 15 minutes",
        "",
        f"{result['orders']:,} orders of {result['cities']} cities, one core; each feature alone"
        " and in turns with the count of 15 minutes of the same dimension. A cell has the ratio in"
        f" training and the ratio in serving (one request from the memory store, {result['reads']}"
        " reads), each the larger one of an amount and of a duration. " + origin(result),
        "",
    ]
    windows = list(dict.fromkeys(one["window"] for one in result["training"]))
    functions = list(dict.fromkeys(one["function"] for one in result["training"]))
    for dimension in dict.fromkeys(one["dimension"] for one in result["training"]):
        lines += [f"**By {dimension}: training, serving**", "", *header("function", *windows)]
        for function in functions:
            cells = [
                ", ".join(
                    f"{_largest(result[way], function, window, dimension):.1f}"
                    for way in ("training", "serving")
                )
                for window in windows
            ]
            lines.append(row(function, *cells))
        lines.append("")
    return "\n".join([*lines, *_above(result), ""])


def _largest(found: list[Result], function: str, window: str, dimension: str) -> float:
    asked = (function, window, dimension)
    of = [
        one["ratio"] for one in found if (one["function"], one["window"], one["dimension"]) == asked
    ]
    return float(max(of))


def _above(result: Result) -> list[str]:
    """The cases that cost more than they may."""
    limit = result["largest_ratio"]
    lines = []
    for way in ("training", "serving"):
        over = [one for one in result[way] if one["ratio"] > limit]
        over.sort(key=lambda one: -one["ratio"])
        named = "; ".join(
            f"{one['function']} of {one['attribute']}, {one['window']}, {one['dimension']}:"
            f" {one['ratio']:.1f}"
            for one in over
        )
        said = f"{len(over)} ({named})" if over else "none"
        lines.append(f"Above {limit:g} in {way}: {said} of {len(result[way])}.")
    return lines


def quick(result: Result) -> str:
    """The quick figures, with which `make benchmark-quick` compares its own."""
    lines = [
        "### The quick subset",
        "",
        "What `make benchmark-quick` measures, in three minutes; processor time, median and range."
        f" {origin(result)}",
        "",
        *header("what", "figure", "unit"),
    ]
    for name, one in result["figures"].items():
        lines.append(row(name, range_of(one), one["unit"]))
    return "\n".join([*lines, ""])


def _library(name: str, table: Result) -> str:
    if name == "doorstep_core":
        return "Doorstep, its table prepared beforehand"
    if name == "temporian_core":
        return "temporian, its input sorted and indexed beforehand, its output left so"
    return f"{name} {table['versions'][name]}"
