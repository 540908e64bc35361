import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from hypothesis import given
from hypothesis import strategies as st

from rostra.studio.links import Links, another_id, id_from
from rostra.units import Role, RoomState, WallTime
from rostra.wire.rooms import LINKS_LIVE_S, ROOM_ID, Room
from rostra.wire.tokens import verify

KEY = Ed25519PrivateKey.from_private_bytes(bytes(range(32)))
LINKS = Links(KEY, "https://stage.example", "https://live.example")
ROOM = Room("talk", "A talk", RoomState.SCHEDULED, WallTime(2e9), WallTime(1.9e9))


def test_a_rooms_links_are_the_same_whenever_they_are_asked_for() -> None:
    links = LINKS.of(ROOM)
    assert list(links) == ["host", "cohost", "speaker", "public"]
    assert links == LINKS.of(ROOM)
    assert links["public"] == "https://live.example/r/talk"
    for role, page in (("host", "host"), ("cohost", "host"), ("speaker", "speak")):
        address, _, token = links[role].partition("#t=")
        assert address == f"https://stage.example/{page}/talk"
        assert verify(token, KEY.public_key(), "talk", WallTime(2e9)).role == role


def test_a_link_lives_thirty_days_from_the_announced_beginning() -> None:
    assert ROOM.links_until == 2_000_000_000 + LINKS_LIVE_S
    assert ROOM.with_(at=WallTime(0.0)).links_until == 1_900_000_000 + LINKS_LIVE_S


def test_an_invitation_names_its_person() -> None:
    token = LINKS.invite(ROOM, Role.SPEAKER, "Ann", "x1").partition("#t=")[2]
    claims = verify(token, KEY.public_key(), "talk", WallTime(2e9))
    assert (claims.name, claims.jti) == ("Ann", "x1")
    assert LINKS.invite(ROOM, Role.LISTENER, "", "x2").startswith(f"{LINKS.public(ROOM)}?t=")


@pytest.mark.parametrize(
    ("title", "expected"),
    [
        ("A Talk, at Eight!", "a-talk-at-eight"),
        ("Évening – café", "evening-cafe"),
        ("x" * 60, "x" * 40),
        ("a" * 39 + " b", "a" * 39),
        ("討論", "room-abc123"),
        ("!", "room-abc123"),
    ],
)
def test_ids_from_titles(title: str, expected: str) -> None:
    assert id_from(title, lambda: "abc123") == expected


@given(st.text(max_size=200), st.integers(2, 99))
def test_every_title_gives_an_id_and_another_one(title: str, number: int) -> None:
    found = id_from(title, lambda: "abc123")
    assert ROOM_ID.fullmatch(found)
    assert ROOM_ID.fullmatch(another_id(found, number))
    assert another_id(found, number) != found
