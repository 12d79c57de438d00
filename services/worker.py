"""The worker of a service: BentoML's, which ends with its server.

`python -m services.serving` lets BentoML start this instead of its own module.
"""

from __future__ import annotations

from services.transport.parent import tie_to_parent

__all__: list[str] = []

if __name__ == "__main__":
    tie_to_parent()  # before all else: loading a service takes seconds

    from _bentoml_impl.worker.service import main  # type: ignore[import-untyped]

    main()
