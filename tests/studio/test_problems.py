import logging

import httpx
import pytest
from fastapi import FastAPI

from rostra.errors import BadToken, BusUnavailable, Full, NotFound, RostraError
from rostra.studio import problems


def client_for(error: Exception) -> httpx.AsyncClient:
    app = FastAPI()
    problems.install(app)

    @app.get("/")
    async def fail(n: int = 0) -> None:
        raise error

    return httpx.AsyncClient(transport=httpx.ASGITransport(app, raise_app_exceptions=False), base_url="http://t")


@pytest.mark.parametrize(
    ("error", "status", "header"),
    [
        (NotFound("There is no room 'x'."), 404, None),
        (BadToken("This link has expired."), 401, ("www-authenticate", 'Bearer realm="rostra"')),
        (Full("All seats are taken.", 0.2), 503, ("retry-after", "1")),
        (BusUnavailable("The bus is away."), 503, ("retry-after", "2")),
    ],
)
async def test_our_errors(error: RostraError, status: int, header: tuple[str, str] | None) -> None:
    async with client_for(error) as client:
        answer = await client.get("/")
    assert answer.status_code == status
    assert answer.headers["content-type"] == "application/problem+json"
    assert answer.json() == error.problem()
    if header:
        assert answer.headers[header[0]] == header[1]


async def test_a_bug_says_nothing_of_itself_but_to_the_log(caplog: pytest.LogCaptureFixture) -> None:
    async with client_for(KeyError("secret")) as client:
        answer = await client.get("/")
    assert answer.status_code == 500
    assert "secret" not in answer.text
    assert answer.headers["content-type"] == "application/problem+json"
    assert any(r.levelno == logging.ERROR and r.exc_info for r in caplog.records)


async def test_what_the_framework_refuses_is_a_problem_too() -> None:
    async with client_for(NotFound("x")) as client:
        invalid = await client.get("/?n=x")
        missing = await client.get("/nothing")
        method = await client.post("/")
    assert (invalid.status_code, missing.status_code, method.status_code) == (422, 404, 405)
    assert invalid.json()["detail"].startswith("The request is not as it should be: n:")
    assert method.headers["allow"] == "GET"
    for answer in (invalid, missing, method):
        assert answer.headers["content-type"] == "application/problem+json"
        assert answer.json()["status"] == answer.status_code


async def test_whoever_opens_an_address_in_a_browser_reads_a_page() -> None:
    browser = {"accept": "text/html,application/xhtml+xml,*/*;q=0.8"}
    async with client_for(BusUnavailable("The <bus> is away.")) as client:
        refused = await client.get("/", headers=browser)
        missing = await client.get("/nothing", headers=browser)
        program = await client.get("/api/nothing", headers=browser)
    assert (refused.status_code, missing.status_code) == (503, 404)
    assert refused.headers["retry-after"] == "2"
    assert "The &lt;bus&gt; is away." in refused.text
    assert "There is nothing here" in missing.text
    for answer in (refused, missing):
        assert answer.headers["content-type"] == "text/html; charset=utf-8"
        assert "unsafe" not in answer.headers["content-security-policy"]
    assert program.headers["content-type"] == "application/problem+json"
