"""Every error of the stage door as ``application/problem+json`` (RFC 9457), with a sentence a person understands.

Whoever opens an address in a browser and is refused gets the sentence as a little page."""

from __future__ import annotations

import http
import logging
import math
from typing import Any

from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from fastapi.responses import JSONResponse, Response
from pydantic import BaseModel, Field
from starlette.exceptions import HTTPException

from rostra.errors import BadToken, Full, NotFound, RostraError, TooMany, Unavailable
from rostra.little_page import POLICY, little_page

log = logging.getLogger("rostra.studio")

MEDIA_TYPE = "application/problem+json"

MAX_ERRORS = 20
"""Fields that are named in one answer."""

_SENTENCES = {
    404: "There is nothing at this address. Open the whole link that you were given.",
    405: "This address does not take that method.",
}


class FieldProblem(BaseModel):
    field: str
    detail: str


class Problem(BaseModel):
    """RFC 9457."""

    type: str
    """``urn:rostra:problem:SLUG``."""
    title: str
    status: int
    detail: str
    """A sentence with what to do next."""
    errors: list[FieldProblem] = Field(default_factory=list)
    """Of a request that is not as it should be (422): what is wrong with which field."""


_WHAT = {
    400: "The request is malformed.",
    401: "No token, or one that is no longer good.",
    403: "The link does not give that right.",
    404: "There is no such room, or no such thing in it.",
    408: "The request took too long to arrive.",
    409: "That cannot be done to the room as it is now, or is taken.",
    410: "This is over.",
    413: "The body is too large.",
    415: "That kind of body is not taken.",
    422: "The request is not as it should be; `errors` says what is wrong with which field.",
    429: "Too often: again after Retry-After seconds.",
    500: "Something went wrong on our side.",
    503: "A part of the server does not answer: again after Retry-After seconds.",
}


def documented(*more: int) -> dict[int | str, dict[str, Any]]:
    """The error answers of a route, for its ``responses``: those that any may give, and ``more``."""
    content = {MEDIA_TYPE: {"schema": {"$ref": "#/components/schemas/Problem"}}}
    always = (400, 401, 403, 408, 413, 422, 429, 500, 503)
    return {status: {"description": _WHAT[status], "content": content} for status in sorted({*always, *more})}


def install(app: FastAPI) -> None:
    app.add_exception_handler(RostraError, _ours)
    app.add_exception_handler(HTTPException, _http)
    app.add_exception_handler(RequestValidationError, _invalid)
    app.add_exception_handler(Exception, _bug)


def answer(error: RostraError, *, page: bool = False) -> Response:
    """``page``: for a person, not for a program."""
    headers = {"Cache-Control": "no-store"}
    if isinstance(error, BadToken):
        headers["WWW-Authenticate"] = 'Bearer realm="rostra"'  # RFC 9110, 11.6.1: a 401 names a challenge
    if isinstance(error, Full | TooMany):
        headers["Retry-After"] = str(max(1, math.ceil(error.retry_after_s)))
    elif isinstance(error, Unavailable):
        headers["Retry-After"] = "2"
    if page:
        return _page(error.title, str(error), error.status, headers)
    return JSONResponse(error.problem(), error.status, headers, MEDIA_TYPE)


def _page(title: str, sentence: str, status: int, headers: dict[str, str]) -> Response:
    policy = {"Content-Security-Policy": f"{POLICY}; frame-ancestors 'none'", "Vary": "Accept"}
    return Response(little_page(title, sentence), status, headers | policy, "text/html; charset=utf-8")


def _by_person(request: Request) -> bool:
    """A browser that opens an address names pages; what scripts and programs ask for is not an address of pages."""
    asked = request.headers.get("accept", "")
    return not request.url.path.startswith(("/api", "/stage", "/assets")) and "text/html" in asked


async def _ours(request: Request, error: Exception) -> Response:
    assert isinstance(error, RostraError)
    if error.status == 500:
        log.error("%s", error)
    return answer(error, page=_by_person(request))


async def _http(request: Request, error: Exception) -> Response:
    assert isinstance(error, HTTPException)
    title = http.HTTPStatus(error.status_code).phrase
    sentence = _SENTENCES.get(error.status_code, str(error.detail))
    if _by_person(request):
        title = NotFound.title if error.status_code == 404 else title
        return _page(title, sentence, error.status_code, dict(error.headers or {}))
    body = {
        "type": "about:blank",  # RFC 9457, 4.2.1: no more than the status says
        "title": title,
        "status": error.status_code,
        "detail": sentence,
    }
    return JSONResponse(body, error.status_code, dict(error.headers or {}), MEDIA_TYPE)


async def _invalid(_request: Request, error: Exception) -> Response:
    assert isinstance(error, RequestValidationError)
    errors = [
        {"field": _field(e["loc"]), "detail": str(e["msg"]).removeprefix("Value error, ")[:300]}
        for e in error.errors()[:MAX_ERRORS]
    ]
    wrong = "; ".join(f"{e['field']}: {e['detail']}" for e in errors[:5])[:500]
    body = {
        "type": "urn:rostra:problem:invalid",
        "title": "The request is not as it should be",
        "status": 422,
        "detail": f"The request is not as it should be: {wrong}.",
        "errors": errors,
    }
    return JSONResponse(body, 422, {"Cache-Control": "no-store"}, MEDIA_TYPE)


def _field(where: tuple[int | str, ...]) -> str:
    """The name of the field without the part of the request it is in."""
    return ".".join(str(x) for x in where[1:])[:100] or str(where[0] if where else "body")


async def _bug(request: Request, error: Exception) -> Response:
    log.error("%s %s failed", request.method, request.url.path, exc_info=error)
    return answer(RostraError("Something went wrong on our side; it is in the log."))
