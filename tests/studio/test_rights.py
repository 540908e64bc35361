from typing import Any
from unittest.mock import AsyncMock

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from rostra.errors import BadToken, Forbidden
from rostra.permissions import MAY, OPERATOR_MAY, Action
from rostra.studio.rights import Entrance, Rights
from rostra.units import Role, RoomState, WallTime
from rostra.wire.rooms import Room
from rostra.wire.tokens import Claims, sign

KEY = Ed25519PrivateKey.from_private_bytes(bytes(range(32)))
OPERATOR = "o" * 43
RIGHTS = Rights(OPERATOR, KEY.public_key(), lambda: WallTime(1e9))
HOST = f"Bearer {sign(Claims('main', Role.HOST, '', 'host', 2_000_000_000), KEY)}"
SPEAKER = f"Bearer {sign(Claims('main', Role.SPEAKER, '', 'speaker', 2_000_000_000), KEY)}"


@pytest.mark.parametrize("field", [None, "", "Bearer", "Bearer  ", "Basic abc", "bear abc", "Bearer " + "x" * 5000])
def test_no_bearer_token(field: str | None) -> None:
    with pytest.raises(BadToken):
        RIGHTS.token(field)


def test_the_scheme_is_case_insensitive() -> None:  # RFC 9110, 11.1
    assert RIGHTS.caller(f"bEARER {OPERATOR}", "main").operator


def test_the_operator() -> None:
    RIGHTS.need_operator(f"Bearer {OPERATOR}", Action.CREATE)
    for nonsense in ("Bearer nonsense", "Bearer \u00e9"):
        with pytest.raises(BadToken, match="not the operator's token"):
            RIGHTS.need_operator(nonsense, Action.CREATE)
    with pytest.raises(Forbidden, match="Only an operator may make rooms"):
        RIGHTS.need_operator(HOST, Action.CREATE)


def room(**changes: Any) -> Room:
    return Room("main", "A talk", RoomState.OPEN, WallTime(1e9), WallTime(1e9), **changes)


@pytest.mark.parametrize("action", list(Action))
@pytest.mark.parametrize("role", [*Role, None])
async def test_every_role_and_action_is_as_the_table_says(role: Role | None, action: Action) -> None:
    token = OPERATOR if role is None else sign(Claims("main", role, "", role.value, 2_000_000_000), KEY)
    entrance = Entrance(RIGHTS, AsyncMock(return_value=room()))
    allowed = action in (OPERATOR_MAY if role is None else MAY[role])
    if allowed:
        caller, _ = await entrance.need(f"Bearer {token}", "main", action)
        assert caller.operator is (role is None)
    else:
        with pytest.raises(Forbidden):
            await entrance.need(f"Bearer {token}", "main", action)


async def test_a_link_that_was_taken_back_is_none() -> None:
    shared = Entrance(RIGHTS, AsyncMock(return_value=room(issues={"host": 1})))
    with pytest.raises(BadToken, match="taken back"):
        await shared.need(HOST, "main", Action.LISTEN)
    with pytest.raises(BadToken, match="taken back"):
        await shared.link(HOST.removeprefix("Bearer "), "main", Action.SPEAK)
    personal = f"Bearer {sign(Claims('main', Role.SPEAKER, '', 'j1', 2_000_000_000), KEY)}"
    await shared.need(personal, "main", Action.SPEAK)
    with pytest.raises(BadToken, match="taken back"):
        await Entrance(RIGHTS, AsyncMock(return_value=room(revoked=("j1",)))).need(personal, "main", Action.SPEAK)


def test_a_link_is_for_one_room() -> None:
    with pytest.raises(BadToken, match="another room"):
        RIGHTS.caller(HOST, "other")
