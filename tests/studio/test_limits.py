from rostra.studio.limits import Buckets, Rate
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
