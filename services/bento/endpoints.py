"""Define JSON endpoints of a BentoML service: raw bytes in, a finished response out.

BentoML's own endpoints decode with pydantic, take several content types, ignore unknown fields and
inbound request ids, and mask error bodies. These endpoints use msgspec, JSON alone, limits,
``x-request-id`` and errors that name the field; they keep BentoML's metrics and OpenAPI.
"""

from __future__ import annotations

import functools
import inspect
import logging
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, ClassVar, TypeAlias, TypeVar

import bentoml
import msgspec
from starlette.requests import ClientDisconnect, Request
from starlette.responses import Response

from services.core.context import (
    REQUEST_KEY,
    RequestContext,
    current_request,
    request_id_from,
)
from services.core.errors import DeadlineExceeded, InvalidRequest, ServiceError
from services.core.limits import MAX_BODY_BYTES
from services.middleware.responses import UNEXPECTED, problem_headers, problem_of
from services.schemas.decoding import is_utf_8

__all__ = [
    "Call",
    "answered",
    "json_endpoint",
    "json_response",
    "question_endpoint",
    "read_call",
    "request_id_of",
]

logger = logging.getLogger("doorstep.services")

JSON = "application/json"
_JSON_TYPE = JSON.encode()
_SHOWN_CHARACTERS = 100
_BINARY_MODE = b"ce-specversion"
_REF_TEMPLATE = "#/components/schemas/{name}"

S = TypeVar("S")
Endpoint: TypeAlias = "Callable[[S, Call], Awaitable[Response]]"
Question: TypeAlias = "Callable[[S, Request], Awaitable[Response]]"


@dataclass(frozen=True, slots=True)
class Call:
    """Hold one undecoded request: its body, content type and id.

    ``refusal`` is set if the request was refused before its body was read. ``cloud_headers`` are
    the headers ``ce-*``: the attributes of an event in binary mode.
    """

    body: bytes
    media_type: str
    request_id: str
    refusal: InvalidRequest | None = None
    cloud_headers: Mapping[str, str] = field(default_factory=dict)


def request_id_of(request: Request) -> str:
    """Return the id of a request, or a new one."""
    known: RequestContext | None = request.scope.get(REQUEST_KEY)
    if known is not None:
        return known.request_id
    return request_id_from(request.headers.get("x-request-id", ""))


async def read_call(request: Request, media_types: tuple[str, ...]) -> Call:
    """Read a request within the limit of bytes; give it an id if it has none."""
    # Starlette's headers decode all names for each look-up. The first of several counts.
    given = dict(reversed(request.scope["headers"]))
    request_id = request_id_of(request)
    content_type = given.get(b"content-type", b"").decode("latin-1")
    media_type = content_type.partition(";")[0].strip().lower()
    is_binary = _BINARY_MODE in given
    if not content_type and is_binary:
        media_type = JSON  # an event without data has none; a web page cannot send this header
    refusal: InvalidRequest | None = None
    body = b""
    if media_type not in media_types or not is_utf_8(content_type):
        refusal = InvalidRequest(
            f"content type {content_type[:_SHOWN_CHARACTERS]!r} is not taken; send"
            f" {' or '.join(media_types)}, in UTF-8",
            http_status=415,
        )
    else:
        try:
            body = await _read_body(request, given.get(b"content-length", b""))
        except InvalidRequest as error:
            refusal = error
    cloud_headers: dict[str, str] = {}
    if media_type == JSON and is_binary:  # otherwise the body says everything
        headers = request.headers
        cloud_headers = {name: text for name, text in headers.items() if name.startswith("ce-")}
        twice = [name for name in cloud_headers if len(headers.getlist(name)) > 1]
        if twice:
            refusal = refusal or InvalidRequest("stands more than once", field=twice[0])
    return Call(body, media_type, request_id, refusal, cloud_headers)


async def _read_body(request: Request, announced: bytes) -> bytes:
    if announced.isdigit() and int(announced) > MAX_BODY_BYTES:
        raise _too_large(int(announced))
    parts: list[bytes] = []
    size = 0
    has_more = True
    while has_more:
        message = await request.receive()
        if message["type"] == "http.disconnect":
            raise ClientDisconnect
        part = message.get("body", b"")
        size += len(part)
        if size > MAX_BODY_BYTES:
            raise _too_large(size)
        parts.append(part)
        has_more = message.get("more_body", False)
    return b"".join(parts)


def _too_large(size: int) -> InvalidRequest:
    return InvalidRequest(
        f"the body has {size} bytes or more; at most {MAX_BODY_BYTES} are taken, send less at once",
        http_status=413,
    )


def json_response(
    answer: Any, *, request_id: str, status: int = 200, headers: Mapping[str, str] | None = None
) -> Response:
    """Return a struct as a JSON response. NaN becomes null."""
    body = msgspec.json.encode(answer)
    raw = [(b"x-request-id", request_id.encode("latin-1"))]
    if headers:
        raw += [(name.lower().encode(), text.encode("latin-1")) for name, text in headers.items()]
    raw += [(b"content-length", b"%d" % len(body)), (b"content-type", _JSON_TYPE)]
    return _Encoded(body, status, raw)


class _Encoded(Response):
    """Holds an answer whose headers are encoded; Starlette would encode each of them again."""

    def __init__(self, body: bytes, status: int, headers: list[tuple[bytes, bytes]]) -> None:
        self.body = body
        self.status_code = status
        self.media_type = JSON
        self.background = None
        self.raw_headers = headers


def json_endpoint(
    route: str,
    *,
    takes: Any,
    gives: Any,
    media_types: tuple[str, ...] = (JSON,),
    example: Any = None,
    also: Mapping[int, str] | None = None,
    refuses: Mapping[int, str] | None = None,
) -> Callable[[Endpoint[S]], Any]:
    """Turn a method into an endpoint: POST JSON of one type, get JSON of another.

    The method gets the undecoded :class:`Call`. A service error is answered as a
    :class:`~services.schemas.common.Problem`; an internal error is logged with its traceback and
    answered without details.

    Args:
        route: path of the endpoint.
        takes: msgspec type of the body, for the OpenAPI description.
        gives: msgspec type of the answer, for the OpenAPI description.
        media_types: accepted content types; others are refused with 415.
        example: a valid body, for the OpenAPI description.
        also: further statuses of a successful answer, with their meaning.
        refuses: further statuses of a refusal, with their meaning.
    """
    api = bentoml.api(
        route=route,
        input_spec=_described(_JsonInput, takes, media_types, example),
        output_spec=_described(_JsonOutput, gives, (JSON,), also=also, refuses=refuses),
    )

    def decorate(endpoint: Endpoint[S]) -> Any:
        @functools.wraps(endpoint)
        async def guarded(self: S, call: Call, /) -> Response:
            async def answer() -> Response:
                if call.refusal is not None:
                    raise call.refusal
                return await endpoint(self, call)

            return await answered(answer, request_id=call.request_id)

        return api(guarded)

    return decorate


def question_endpoint(path: str) -> Callable[[Question[S]], Question[S]]:
    """Turn a method into an endpoint for GET.

    The method gets Starlette's request and reads its query string. Errors are answered as by
    :func:`json_endpoint`.

    Args:
        path: of the endpoint.
    """

    def decorate(question: Question[S]) -> Question[S]:
        @functools.wraps(question)
        async def guarded(self: S, request: Request, /) -> Response:
            return await answered(
                lambda: question(self, request), request_id=request_id_of(request)
            )

        guarded.question_path = path  # type: ignore[attr-defined]
        return guarded

    return decorate


async def answered(answer: Callable[[], Awaitable[Response]], *, request_id: str) -> Response:
    """Return an answer, or the problem of its error.

    A request whose deadline passed while it waited is refused without further work.
    """
    asked = current_request()
    try:
        if asked is not None and asked.remaining_s() <= 0.0:
            raise DeadlineExceeded("the time was over before the turn of this request came")
        return await answer()
    except ServiceError as error:
        return _refusal(request_id, error)
    except Exception:
        logger.exception("request %s failed", request_id)
        return _refusal(request_id, ServiceError(UNEXPECTED))


def _refusal(request_id: str, error: ServiceError) -> Response:
    return json_response(
        problem_of(error, request_id),
        request_id=request_id,
        status=error.http_status,
        headers=problem_headers(error),
    )


class _Described(bentoml.IODescriptor):  # type: ignore[misc]  # bentoml's names are lazy: Any
    """Describes a msgspec type to BentoML's OpenAPI generator."""

    kind: ClassVar[Any]
    media_types: ClassVar[tuple[str, ...]] = (JSON,)
    example: ClassVar[Any] = None
    also: ClassVar[Mapping[int, str]] = {}
    refuses: ClassVar[Mapping[int, str]] = {}

    @classmethod
    def model_json_schema(cls, *_: Any, **options: Any) -> dict[str, Any]:
        if "ref_template" not in options:
            return msgspec.json.schema(cls.kind)
        (schema,), _components = msgspec.json.schema_components(
            [cls.kind], ref_template=_REF_TEMPLATE
        )
        # BentoML's own class for schemas spells a reference without the dollar sign.
        return {"ref" if key == "$ref" else key: value for key, value in schema.items()}

    @classmethod
    def openapi_components(cls, name: str) -> dict[str, Any]:
        # Not before `check_internals` has said whether it is there.
        from bentoml._internal.service.openapi.specification import Schema

        _schema, components = msgspec.json.schema_components([cls.kind], ref_template=_REF_TEMPLATE)
        for schema in components.values():
            if "description" in schema:
                schema["description"] = inspect.cleandoc(schema["description"])
        return {title: Schema(**schema) for title, schema in components.items()}

    @classmethod
    def mime_type(cls) -> str:
        return cls.media_types[0]


class _JsonInput(_Described):
    __root_input__: ClassVar[bool] = True

    @classmethod
    async def from_http_request(cls, request: Request, serde: Any) -> Any:
        # The content type decides nothing but refusal: whatever arrives is decoded as JSON.
        return await read_call(request, cls.media_types)


class _JsonOutput(_Described):
    pass


def _described(
    base: type[_Described],
    kind: Any,
    media_types: tuple[str, ...],
    example: Any = None,
    also: Mapping[int, str] | None = None,
    refuses: Mapping[int, str] | None = None,
) -> Any:
    """Return a new descriptor class for one type; BentoML identifies descriptors by their class."""
    name = getattr(kind, "__name__", "Json") + base.__name__.removeprefix("_Json")
    own = {
        "kind": kind,
        "media_types": media_types,
        "example": example,
        "also": also or {},
        "refuses": refuses or {},
        "__module__": __name__,
    }
    return type(name, (base,), own)
