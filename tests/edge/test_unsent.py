from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from rostra.edge.framing import Piece, batch_of
from rostra.edge.unsent import MAX_UNSENT_PIECES, MAX_UNSENT_S, Unsent


def part(i: int) -> Piece:
    return Piece(b"%03d," % i, 0.5)


def drain(unsent: Unsent, step: int) -> bytes:
    got = b""
    while unsent:
        piece = bytes(unsent.next())[:step]
        got += piece
        unsent.advance(len(piece))
    return got


def test_the_rest_of_what_was_begun_comes_first() -> None:
    unsent = Unsent(batch_of([part(1), part(2)]), 6)
    assert bytes(unsent.next()) == b"2,"
    assert unsent.seconds == 0.5
    assert drain(unsent, 1) == b"2,"
    assert not unsent


def test_past_six_seconds_whole_parts_are_skipped_the_oldest_first() -> None:
    unsent = Unsent(batch_of([part(0)]), 1)
    for i in range(1, 12):
        assert unsent.push((part(i),)) == 0
    assert unsent.seconds == MAX_UNSENT_S
    assert unsent.push((part(12), part(13))) == 2
    assert unsent.skipped == 2
    assert drain(unsent, 3) == b"00," + b"".join(part(i).data for i in range(3, 14))


def test_what_holds_no_sound_is_never_skipped() -> None:
    unsent = Unsent(batch_of([part(0)]), 0)
    unsent.push((Piece(b"init"),))
    for i in range(1, 40):
        unsent.push((part(i),))
    got = drain(unsent, 100)
    assert got.startswith(b"000,init")
    assert got.endswith(part(39).data)


def test_so_much_that_nobody_reads_it() -> None:
    unsent = Unsent(batch_of([part(0)]), 0)
    unsent.push(tuple(Piece(b"n") for _ in range(MAX_UNSENT_PIECES)))
    assert unsent.hopeless


@given(
    st.lists(st.tuples(st.integers(1, 6), st.integers(0, 9)), min_size=1, max_size=60),
    st.integers(1, 7),
    st.integers(0, 4),
)
def test_every_part_arrives_whole_or_not_at_all(steps: list[tuple[int, int]], step: int, begun: int) -> None:
    """Whatever is pushed and sent when: in order, none twice, none cut, and every skip is counted."""
    unsent, got, number, skipped = Unsent(batch_of([part(0)]), begun), part(0).data[:begun], 1, 0
    for pushed, sends in steps:
        skipped += unsent.push(tuple(part(number + i) for i in range(pushed)))
        number += pushed
        for _ in range(sends):
            if unsent:
                data = bytes(unsent.next())[:step]
                got += data
                unsent.advance(len(data))
        assert unsent.seconds <= MAX_UNSENT_S + 0.5
    got += drain(unsent, step)
    arrived = [int(n) for n in got.decode().rstrip(",").split(",")]
    assert arrived == sorted(set(arrived))
    assert len(arrived) == number - skipped
    assert arrived[-1] == number - 1
