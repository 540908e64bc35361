"""Nobody is sent to a seat that is not there, and a host is told what a shared link does after somebody was put off."""

from __future__ import annotations

from rostra.units import Role, RoomState, WallTime
from rostra.wire.hands import Hand, HandState
from tests.studio.conftest import Door, on_one_loop


@on_one_loop
async def test_a_listener_is_lifted_only_where_a_seat_is_free(one_door: Door) -> None:
    await one_door.room("full", RoomState.LIVE)
    await one_door.others.stage_for("full")
    hand = Hand("full", "a" * 22, "Ann", "", WallTime(1e9))
    await one_door.others.bus.hands.put(hand.key, hand, 0)
    cohost, url = await one_door.token(Role.COHOST, "full"), f"/api/rooms/full/hands/{hand.ticket}/accept"
    one_door.others.answers["people"] = {"seats": [], "places": {"speaker": 0}}
    try:
        refused = await one_door.client.post(url, headers=cohost)
        assert (refused.status_code, "All seats for speakers" in refused.json()["detail"]) == (409, True)
        assert (await one_door.others.bus.hands.get(hand.key))[0].state is HandState.WAITING
        one_door.others.answers["people"] = {"seats": [], "places": {"speaker": 1}}
        assert (await one_door.client.post(url, headers=cohost)).status_code == 200
    finally:
        del one_door.others.answers["people"]


@on_one_loop
async def test_a_host_is_told_that_a_shared_link_takes_nobody_new(one_door: Door) -> None:
    await one_door.room("shared", RoomState.LIVE)
    await one_door.others.stage_for("shared")
    cohost = await one_door.token(Role.COHOST, "shared")
    for identity, told in (("speaker", True), ("0123abcd", False)):
        one_door.others.seats[0]["identity"] = identity
        removed = (await one_door.client.delete("/api/rooms/shared/seats/s1", headers=cohost)).json()
        assert ("takes nobody new" in removed["hint"], removed["blocked"]) == (told, False)
