"""Placeholder until the results have their final form."""


def main() -> None:
    """Nothing yet."""
