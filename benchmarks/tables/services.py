"""Tables of the services."""

from benchmarks.tables.markdown import Result, header, origin, range_of, row, with_range


def services(result: Result) -> str:
    """Latency at fixed rates, most requests a second, memory; beside what is aimed at."""
    etp, eta = result["etp"], result["eta"]
    chosen, shown = eta["courier_selection"], eta["displayed_eta"]
    lines = [
        "### Services under load",
        "",
        f"{result['world']['events']:,} events in an SQLite store, medians of"
        f" {etp['most']['runs']} runs with their ranges. {origin(result)}",
        "",
        *header("call", "load", "p50", "p99", "processor time", "aim (p50 / p99)"),
    ]
    for words, run, aim in (
        ("`etp /predict`, 60 real-time features", etp["at_200_per_s"], "0.6 / 1.2 ms"),
        ("`courier_selection`, 1 order x 200 couriers", chosen["at_a_fixed_rate"], "6 / 10 ms"),
        ("`displayed_eta`, 50 stores", shown["at_a_fixed_rate"], "3 / 6 ms"),
    ):
        figures = (_of_runs(run, name) for name in ("p50_ms", "p99_ms", "processor_ms"))
        lines.append(row(words, f"{run['rate']:g} a second", *figures, aim))
    lines += ["", *header("most, one process on one core", "requests/s", "p50", "p99", "aim")]
    for words, run, aim in (
        ("`etp /predict`", etp["most"], "4,000"),
        ("`courier_selection`, 1 x 200", chosen["most"], ""),
        ("`displayed_eta`, 50 stores", shown["most"], ""),
    ):
        figures = (_of_runs(run, name) for name in ("p50_ms", "p99_ms"))
        lines.append(row(words, _of_runs(run, "requests_per_s", 0), *figures, aim))
    return "\n".join([*lines, "", *_pairs_and_memory(result), ""])


def _of_runs(run: Result, name: str, digits: int = 2) -> str:
    """A figure with its range; older results have none."""
    if name in run.get("ranges", {}):
        return range_of(run["ranges"][name], digits)
    return with_range([run[name]], digits)


def _pairs_and_memory(result: Result) -> list[str]:
    etp, eta, pairs = result["etp"], result["eta"], result["pairs"]
    said = "; ".join(
        f"{_pairs_per_s(pairs, name)} with {name.removeprefix('pairs_per_s_').replace('_', ' ')}"
        for name in pairs
        if name.startswith("pairs_per_s")
    )
    return [
        f"Pairs a second of {pairs['processes']} processes on as many cores, which the load shares:"
        f" {said} (aim: 80,000 and 150,000). Memory of the process that answers: eTP"
        f" {etp['resident_mb']['after']:.0f} MB, ETA with all parts"
        f" {eta['resident_mb']['after']:.0f} MB (aim: at most 300).",
    ]


def _pairs_per_s(pairs: Result, name: str) -> str:
    if f"range_of_{name}" in pairs:
        return range_of(pairs[f"range_of_{name}"], 0)
    return f"{pairs[name]:,}"  # an older result


def service_profile(result: Result) -> str:
    """Where the time of one estimate goes."""
    lines = [
        "### Where the time of one eTP estimate goes",
        "",
        f"{result['features']} real-time features, {result['columns']} columns, {result['trees']}"
        " trees; microseconds of processor time, the median and the range of"
        f" {result['rounds']} rounds. {origin(result)}",
        "",
        *header("step", "us"),
    ]
    lines += [row(step, range_of(us, 1)) for step, us in result["steps_us"].items()]
    return "\n".join([*lines, ""])


def start(result: Result) -> str:
    """Seconds until a service lives, and is ready."""
    lines = [
        "### Start of a service",
        "",
        f"A service in a process of its own with a store in memory, median and range of"
        f" {result['runs']} runs: cold with an empty cache of kernels, warm with a filled one."
        f" {origin(result)}",
        "",
        *header("service", "kernels", "`/livez`, s", "`/readyz`, s", "processor time, s"),
    ]
    for service, ways in result["services"].items():
        for way, figures in ways.items():
            cells = (figures[name]["all"] for name in ("livez_s", "readyz_s", "processor_s"))
            lines.append(row(service, way, *(with_range(one, 1) for one in cells)))
    return "\n".join([*lines, ""])


def endpoint_routes(result: Result) -> str:
    """Three routes from HTTP to an endpoint."""
    lines = [
        "### From HTTP to an endpoint",
        "",
        "One tiny endpoint behind the same guard, each route in a server of its own, all on one"
        f" core; median and range of {result['runs']} runs, in turns. {origin(result)}",
        "",
        *header("route", "p50, ms", "p99, ms", "processor time, us", "requests/s"),
    ]
    for route, figures in result["routes"].items():
        lines.append(
            row(
                route,
                range_of(figures["p50_ms"], 3),
                range_of(figures["p99_ms"], 3),
                range_of(figures["processor_us"], 0),
                range_of(figures["requests_per_s"], 0),
            )
        )
    return "\n".join([*lines, ""])
