"""Every error of the stage door as ``application/problem+json`` (RFC 9457), with a sentence a person understands."""

from __future__ import annotations

import http
import logging

from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from fastapi.responses import JSONResponse, Response
from starlette.exceptions import HTTPException

from rostra.errors import BadRequest, BadToken, Full, RostraError, Unavailable

log = logging.getLogger("rostra.studio")

MEDIA_TYPE = "application/problem+json"

_SENTENCES = {
    404: "There is nothing at this address.",
    405: "This address does not take that method.",
}


def install(app: FastAPI) -> None:
    app.add_exception_handler(RostraError, _ours)
    app.add_exception_handler(HTTPException, _http)
    app.add_exception_handler(RequestValidationError, _invalid)
    app.add_exception_handler(Exception, _bug)


def answer(error: RostraError) -> JSONResponse:
    headers = {"Cache-Control": "no-store"}
    if isinstance(error, BadToken):
        headers["WWW-Authenticate"] = 'Bearer realm="rostra"'  # RFC 9110, 11.6.1: a 401 names a challenge
    if isinstance(error, Full):
        headers["Retry-After"] = str(max(1, round(error.retry_after_s)))
    elif isinstance(error, Unavailable):
        headers["Retry-After"] = "2"
    return JSONResponse(error.problem(), error.status, headers, MEDIA_TYPE)


async def _ours(_request: Request, error: Exception) -> Response:
    assert isinstance(error, RostraError)
    if error.status == 500:
        log.error("%s", error)
    return answer(error)


async def _http(_request: Request, error: Exception) -> Response:
    assert isinstance(error, HTTPException)
    body = {
        "type": "about:blank",  # RFC 9457, 4.2.1: no more than the status says
        "title": http.HTTPStatus(error.status_code).phrase,
        "status": error.status_code,
        "detail": _SENTENCES.get(error.status_code, str(error.detail)),
    }
    return JSONResponse(body, error.status_code, dict(error.headers or {}), MEDIA_TYPE)


async def _invalid(_request: Request, error: Exception) -> Response:
    assert isinstance(error, RequestValidationError)
    wrong = [f"{'.'.join(str(x) for x in e['loc'] if x != 'body') or 'body'}: {e['msg']}" for e in error.errors()[:5]]
    return answer(BadRequest(f"The request is not as it should be: {'; '.join(wrong)[:500]}."))


async def _bug(request: Request, error: Exception) -> Response:
    log.error("%s %s failed", request.method, request.url.path, exc_info=error)
    return answer(RostraError("Something went wrong on our side; it is in the log."))
