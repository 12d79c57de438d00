"""The results of benchmarks as tables of README.md, a file per kind of benchmark."""
