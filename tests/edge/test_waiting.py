"""How many hands of one network wait."""

from __future__ import annotations

from rostra.edge.waiting import A_HOUSEHOLD, A_NETWORK, KEPT_S, Waiting

HERE, NEXT_DOOR, ELSEWHERE = "203.0.113.7", "203.0.113.8", "198.51.100.1"


def raised(it: Waiting, many: int, address: str = HERE, room: str = "demo", now: float = 0.0) -> list[str]:
    tickets = [f"{room}-{address}-{now:g}-{n}" for n in range(many) if it.may(room, address, now)]
    for n, ticket in enumerate(tickets):
        if it.may(room, address, now):
            it.up(room, address, ticket, now)
        else:
            return tickets[:n]
    return tickets


def test_one_address_has_so_many_and_others_are_not_held_up() -> None:
    it = Waiting()
    assert len(raised(it, 100)) == A_HOUSEHOLD
    assert it.may("demo", NEXT_DOOR, 0.0) and it.may("demo", ELSEWHERE, 0.0) and it.may("other", HERE, 0.0)


def test_who_is_answered_makes_room() -> None:
    it = Waiting()
    tickets = raised(it, A_HOUSEHOLD)
    assert not it.may("demo", HERE, 0.0)
    for ticket in (tickets[3], tickets[3], "none of ours"):
        it.down(ticket)
    assert len(raised(it, 5)) == 1
    it.forget()
    assert (len(it), len(raised(it, 3))) == (0, 3)


def test_a_network_of_many_addresses_is_bounded_too() -> None:
    it = Waiting()
    taken = sum(len(raised(it, 100, f"2001:db8:1:{n:x}::1")) for n in range(60))
    assert taken == A_NETWORK
    assert it.may("demo", "2001:db8:2::1", 0.0)


def test_a_day_later_nobody_waits_and_memory_is_bounded() -> None:
    it = Waiting(most=50)
    raised(it, A_HOUSEHOLD)
    assert it.may("demo", HERE, KEPT_S) and len(it) == 0
    for n in range(200):
        raised(it, 1, f"203.0.{n}.1", now=KEPT_S)
    assert len(it) == 50
    for ticket in list(it._hands):
        it.down(ticket)
    assert not it._counts
