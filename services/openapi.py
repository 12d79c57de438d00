"""The questions that are asked by GET, in the OpenAPI description that BentoML makes."""

from __future__ import annotations

from typing import Any

from services.queries import parameters_of

__all__ = ["with_questions"]


def with_questions(document: dict[str, Any], dimensions: tuple[str, ...]) -> dict[str, Any]:
    """Return the description with ``GET /features`` and ``GET /explain``.

    They answer what the POST endpoints of the same paths answer.

    Args:
        document: BentoML's OpenAPI description; its POST endpoints stay as they are.
        dimensions: the dimensions whose values are parameters.
    """
    for path in ("/features", "/explain"):
        post = document["paths"][path]["post"]
        document["paths"][path]["get"] = {
            "responses": post["responses"],
            "tags": post["tags"],
            "description": post["description"] + " The question stands in the address.",
            "operationId": f"{post['operationId']}_by_get",
            "parameters": parameters_of(path, dimensions),
        }
    return document
