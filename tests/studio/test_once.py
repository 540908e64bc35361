from tests.studio.conftest import Door


async def test_a_wish_that_is_said_twice_is_granted_once(door: Door) -> None:
    headers = {**door.operator, "Idempotency-Key": "k1"}
    made = [await door.client.post("/api/rooms", json={"title": "A talk"}, headers=headers) for _ in range(2)]
    assert [m.status_code for m in made] == [201, 201]
    assert made[0].json() == made[1].json()
    other = await door.client.post("/api/rooms", json={"title": "Another"}, headers=headers)
    assert other.status_code == 409
