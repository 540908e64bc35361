from __future__ import annotations

import json

import pytest

from rostra.edge.answers import (
    Answer,
    encoded,
    fields_of,
    http_date,
    json_answer,
    preflight,
    problem,
)
from rostra.edge.negotiate import Encoding
from rostra.errors import BusUnavailable, Full, MethodNotAllowed, NotFound, OutOfRange, TooMany

DATE = http_date(1_700_000_000.0)


def split(data: bytes) -> tuple[bytes, dict[bytes, bytes], bytes]:
    head, _, body = data.partition(b"\r\n\r\n")
    first, *lines = head.split(b"\r\n")
    names = [line.partition(b": ")[0] for line in lines]
    assert len(set(names)) == len(names)
    return first, {n: line.partition(b": ")[2] for n, line in zip(names, lines, strict=True)}, body


def test_whole_answer() -> None:
    answer = Answer(200, fields_of("text/plain", "no-store"), b"hello")
    first, fields, body = split(answer.render(DATE))
    assert first == b"HTTP/1.1 200 OK"
    assert fields[b"Content-Length"] == b"5"
    assert fields[b"Date"] == b"Tue, 14 Nov 2023 22:13:20 GMT"
    assert fields[b"X-Content-Type-Options"] == b"nosniff"
    assert b"Connection" not in fields
    assert body == b"hello"


def test_connection_and_head() -> None:
    answer = Answer(200, b"", b"hello")
    assert split(answer.render(DATE, close=True))[1][b"Connection"] == b"close"
    assert split(answer.render(DATE, one_one=False))[1][b"Connection"] == b"keep-alive"
    _, fields, body = split(answer.render(DATE, head_only=True))
    assert (fields[b"Content-Length"], body) == (b"5", b"")
    assert split(Answer(400, b"", closes=True).render(DATE))[1][b"Connection"] == b"close"


def test_ready_made_is_the_same_object() -> None:
    answer = Answer(200, b"", b"hello", date=DATE)
    assert answer.render(b"another date") is answer.whole
    assert answer.whole is not None
    assert answer.whole.endswith(b"\r\n\r\nhello")
    assert answer.render(DATE, close=True) is not answer.whole
    assert b"Content-Length" not in Answer(200, b"", length=False).render(DATE)
    assert b"Content-Length" not in Answer(304, b"").render(DATE)


def test_not_modified_keeps_its_fields() -> None:
    answer = Answer(200, encoded(Encoding.GZIP).encode(), b"x", tag='"t"')
    first, fields, body = split(answer.not_modified().render(DATE))
    assert first == b"HTTP/1.1 304 Not Modified"
    assert (fields[b"ETag"], fields[b"Vary"], body) == (b'"t"', b"Accept-Encoding", b"")


def test_problem_is_json_with_a_sentence() -> None:
    first, fields, body = split(problem(NotFound("There is no room 'x'.")).render(DATE))
    assert first == b"HTTP/1.1 404 Not Found"
    assert fields[b"Content-Type"] == b"application/problem+json"
    assert fields[b"Access-Control-Allow-Origin"] == b"*"
    assert json.loads(body) == {
        "type": "urn:rostra:problem:not-found",
        "title": "There is nothing here",
        "status": 404,
        "detail": "There is no room 'x'.",
    }


def test_problem_as_a_page_escapes_what_it_shows() -> None:
    _, fields, body = split(problem(NotFound("<script>x</script>"), page=True).render(DATE))
    assert fields[b"Content-Type"].startswith(b"text/html")
    assert b"script" not in fields[b"Content-Security-Policy"]
    assert b"<script>" not in body
    assert b"&lt;script&gt;" in body


def test_problems_carry_what_the_client_needs() -> None:
    assert split(problem(MethodNotAllowed("PUT", "GET, HEAD")).render(DATE))[1][b"Allow"] == b"GET, HEAD"
    assert split(problem(OutOfRange(9)).render(DATE))[1][b"Content-Range"] == b"bytes */9"
    assert split(problem(Full("No place.", 4.4)).render(DATE))[1][b"Retry-After"] == b"5"


@pytest.mark.parametrize("field", [b"Access-Control-Allow-Methods", b"Access-Control-Max-Age", b"Allow"])
def test_preflight(field: bytes) -> None:
    first, fields, _ = split(preflight().render(DATE))
    assert first == b"HTTP/1.1 204 No Content"
    assert field in fields


def test_too_often_and_away_say_when_to_come_back() -> None:
    assert split(problem(TooMany("Wait.", 2.2)).render(DATE))[1][b"Retry-After"] == b"3"
    assert split(problem(TooMany("Wait.", 0.0)).render(DATE))[1][b"Retry-After"] == b"1"
    first, fields, _ = split(problem(BusUnavailable("Away.")).render(DATE))
    assert (first, fields[b"Retry-After"]) == (b"HTTP/1.1 503 Service Unavailable", b"2")


def test_for_one_who_showed_a_link_no_cache_keeps_it() -> None:
    answer = Answer(200, fields_of("text/plain", "public, max-age=10"), b"hello", date=DATE, tag='"t"')
    mine = answer.private()
    assert mine is answer.private()
    _, fields, body = split(mine.render(DATE))
    assert (fields[b"Cache-Control"], fields[b"ETag"], body) == (b"private, max-age=10", b'"t"', b"hello")
    assert split(mine.not_modified().render(DATE))[1][b"Cache-Control"] == b"private, max-age=10"
    assert split(answer.render(DATE))[1][b"Cache-Control"] == b"public, max-age=10"
    endless = Answer(200, fields_of("audio/mp4", "public"), length=False).private()
    assert b"Content-Length" not in endless.render(DATE)


def test_fields_for_one_connection() -> None:
    answer = Answer(200, b"", b"x", date=DATE)
    more = answer.with_fields("Set-Cookie: a=b\r\n")
    assert split(more.render(DATE))[1][b"Set-Cookie"] == b"a=b"
    assert b"Set-Cookie" in more.not_modified().render(DATE)
    assert b"Set-Cookie" not in answer.render(DATE)


def test_what_is_for_one_alone_is_not_stored() -> None:
    _, fields, body = split(json_answer(202, {"a": "<ä>"}).render(DATE))
    assert fields[b"Cache-Control"] == b"no-store"
    assert json.loads(body) == {"a": "<ä>"}
