from __future__ import annotations

from typing import Any

from rostra.errors import BadToken
from rostra.studio.limits import MAX_KNOWN, Buckets, Limits, Rate, Rates
from rostra.units import Role
from tests.studio.conftest import Door


def test_a_bucket_gives_its_burst_and_then_its_rate() -> None:
    buckets = Buckets(Rate(2.0, 3), most=2)
    assert [buckets.take(b"a", 0.0) for _ in range(3)] == [0.0] * 3
    assert buckets.take(b"a", 0.0) == 0.5
    assert buckets.take(b"a", 0.5) == 0.0
    buckets.take(b"b", 0.5)
    buckets.take(b"c", 0.5)
    assert len(buckets) == 2


async def test_guessing_is_stopped_and_good_links_go_on(door: Door) -> None:
    await door.client.get("/api/rooms", headers=door.operator)
    answers = [await door.client.get("/api/rooms", headers={"Authorization": f"Bearer {n}"}) for n in range(60)]
    assert answers[0].status_code == 401
    assert answers[-1].status_code == 429
    assert int(answers[-1].headers["retry-after"]) >= 1
    assert answers[-1].headers["content-type"] == "application/problem+json"
    assert (await door.client.get("/api/rooms", headers=door.operator)).status_code == 200


async def test_what_options_answers_makes_no_token_a_good_one(door: Door) -> None:
    """Or a stranger could push those who hold a link out of the table of good ones."""
    made_up = {"Authorization": "Bearer made-up"}
    await door.room()
    for _ in range(3):
        assert (await door.client.options("/stage/main/whip", headers=made_up)).status_code == 204
    for _ in range(60):
        await door.client.get("/api/rooms", headers={"Authorization": "Bearer another"})
    assert (await door.client.get("/api/rooms", headers=made_up)).status_code == 429


async def test_what_is_none_of_ours_is_refused_in_its_words_before_any_route(door: Door) -> None:
    """Counted as any other answer, and remembered only so long."""
    await door.room()
    host = (await door.token(Role.HOST))["Authorization"]
    wrong = {
        "Bearer x.y": "damaged",
        "Bearer made-up": "operator's token",
        "Basic abc": "Authorization: Bearer",
        f"Bearer {'x' * 2000}": "too long",
        host[:-4] + "AAAA": "",
    }
    for shown, sentence in wrong.items():
        for _ in range(2):
            answer = await door.client.post("/stage/main/whip", content=b"x", headers={"Authorization": shown})
            assert (answer.status_code, answer.headers["content-type"]) == (401, "application/problem+json")
            assert answer.headers["www-authenticate"].startswith("Bearer")
            assert answer.headers["x-content-type-options"] == "nosniff"
            assert sentence in answer.json()["detail"]
    assert door.office.figures.requests["POST", 401] == 2 * len(wrong)
    assert (await door.client.get("/healthz", headers={"Authorization": "Bearer x.y"})).status_code == 200


async def test_a_made_up_token_is_looked_at_once_and_forgotten_in_time() -> None:
    asked: list[str] = []

    async def app(scope: Any, receive: Any, send: Any) -> None:
        raise AssertionError("nobody comes so far")

    def fault(authorization: str) -> BadToken:
        asked.append(authorization)
        return BadToken("It is none.")

    limits = Limits(app, Rates(guesses=Rate(1e9, 10**9), address=Rate(1e9, 10**9)), fault=fault)

    async def ask(token: str) -> int:
        sent: list[Any] = []

        async def send(message: Any) -> None:
            sent.append(message)

        scope = {"type": "http", "method": "GET", "path": "/api/rooms", "client": ("203.0.113.9", 1),
                 "headers": [(b"authorization", f"Bearer {token}".encode())]}  # fmt: skip
        await limits(scope, None, send)  # type: ignore[arg-type]
        return int(sent[0]["status"])

    assert [await ask("same") for _ in range(3)] == [401] * 3
    assert len(asked) == 1, "a signature is looked at once"
    for n in range(MAX_KNOWN + 10):
        assert await ask(str(n)) == 401
    assert len(limits._bad) == MAX_KNOWN
