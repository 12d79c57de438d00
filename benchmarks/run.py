"""All benchmarks, one after the other: `python -m benchmarks.run [--quick]`."""

import argparse

from benchmarks import (
    catalog_training,
    event_service,
    event_store,
    import_time,
    inference,
    report,
    training_vs_peers,
)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument(
        "--quick", action="store_true", help="smaller tables and fewer runs: minutes, not more"
    )
    options = parser.parse_args()
    if options.quick:
        import_time.main(["--runs", "3"])
        inference.main(["--reads", "500", "--runs", "1"])
        training_vs_peers.main(["--orders", "200000", "--rounds", "3"])
        catalog_training.main(["--large", "1000000", "--runs", "1"])
        event_store.main(["--events", "200000", "--compacted-events", "1000000"])
        event_service.main(["--batches", "20", "--singles", "500", "--messages", "10000"])
    else:
        import_time.main([])
        inference.main([])
        training_vs_peers.main([])
        catalog_training.main([])
        event_store.main([])
        event_service.main([])
    report.main()


if __name__ == "__main__":
    main()
