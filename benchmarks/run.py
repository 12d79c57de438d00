"""All benchmarks, one after the other: `python -m benchmarks.run [--quick]`."""

import argparse

from benchmarks import catalog_training, import_time, inference, report, training_vs_peers


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
    else:
        import_time.main([])
        inference.main([])
        training_vs_peers.main([])
        catalog_training.main([])
    report.main()


if __name__ == "__main__":
    main()
