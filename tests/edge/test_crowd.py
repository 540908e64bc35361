"""Crowds over real sockets: socket pairs, small buffers, one poller turned by hand."""

from __future__ import annotations

import contextlib
import os
import random
import socket
from collections.abc import Iterator

import pytest

from rostra.edge.crowd import MAX_BATCHES, MERGE_BELOW, SLICE_LISTENERS, Crowd, Tally
from rostra.edge.framing import Form, Piece, batch_of
from rostra.edge.poller import PlainWire, Poller
from rostra.edge.unsent import MAX_UNSENT_S


class Ear:
    """The listener's side of a connection."""

    def __init__(self) -> None:
        ours, self.sock = socket.socketpair()
        ours.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, 4096)
        ours.setblocking(False)
        self.sock.setblocking(False)
        self.fd = ours.detach()
        self.heard = b""

    def listen(self, most: int = 1 << 20) -> bytes:
        with contextlib.suppress(BlockingIOError):
            while most > 0 and (data := self.sock.recv(min(most, 65536))):
                self.heard += data
                most -= len(data)
        return self.heard


class Hall:
    """A crowd and its ears."""

    def __init__(self, form: Form = Form.BARE) -> None:
        self.poller = Poller()
        self.tally = Tally()
        self.crowd = Crowd(form, PlainWire(), self.poller, self.tally)
        self.ears: list[Ear] = []
        self.number = 0

    def join(self, count: int = 1, welcome: bytes = b"") -> list[Ear]:
        new = [Ear() for _ in range(count)]
        for ear in new:
            self.crowd.join(ear.fd, batch_of([Piece(welcome)] if welcome else []), watched=False)
        self.ears += new
        return new

    def part(self, size: int = 0) -> Piece:
        self.number += 1
        return Piece(f"<{self.number}>".encode().ljust(size, b"."), 0.5)

    def flush(self, *pieces: Piece, send: bool = True) -> bytes:
        pushed = list(pieces) or [self.part()]
        self.crowd.push(pushed)
        if send:
            self.send_all()
        return b"".join(p.data for p in pushed)

    def send_all(self) -> None:
        while self.crowd.send_slice():
            pass

    def turn(self) -> None:
        self.poller.turn()

    def close(self) -> None:
        self.crowd.drop_all()
        for ear in self.ears:
            ear.sock.close()
        self.poller.stop()


@pytest.fixture
def hall() -> Iterator[Hall]:
    made = Hall()
    yield made
    made.close()


def test_everyone_gets_the_same(hall: Hall) -> None:
    hall.join(300, b"hello ")
    sent = hall.flush() + hall.flush(hall.part(), Piece(b"!"))
    assert {e.listen() for e in hall.ears} == {b"hello " + sent}
    assert len(hall.crowd) == 300
    assert hall.tally.joined == 300
    assert hall.tally.sends == 900


def test_sending_goes_slice_by_slice_and_newcomers_miss_and_repeat_nothing(hall: Hall) -> None:
    early = hall.join(3 * SLICE_LISTENERS)
    first = hall.flush(send=False)
    assert hall.crowd.send_slice()
    assert sum(1 for e in early if e.listen()) == SLICE_LISTENERS
    (late,) = hall.join(welcome=b"backlog with " + first)
    hall.send_all()
    second = hall.flush()
    assert {e.listen() for e in early} == {first + second}
    assert late.listen() == b"backlog with " + first + second


def test_a_slice_that_missed_a_flush_gets_both_joined(hall: Hall) -> None:
    hall.join(SLICE_LISTENERS + 1)
    sent = hall.flush(send=False) + hall.flush(send=False) + hall.flush(send=False)
    hall.send_all()
    assert {e.listen() for e in hall.ears} == {sent}
    assert hall.tally.sends == 2 * (SLICE_LISTENERS + 1)


def test_a_slice_far_behind_skips_whole_parts_and_they_are_counted(hall: Hall) -> None:
    hall.join(2)
    flushes = [hall.flush(send=False) for _ in range(20)]
    hall.send_all()
    kept = round(MAX_UNSENT_S / 0.5)
    # The first of what is owed is never skipped: a listener may have begun it.
    assert hall.ears[0].listen() == flushes[0] + b"".join(flushes[-kept + 1 :])
    assert hall.tally.skipped_parts == 2 * (20 - kept)


def test_flushes_kept_for_the_slow_are_bounded(hall: Hall) -> None:
    hall.join(1)
    for _ in range(MAX_BATCHES * 2):
        hall.flush(send=False)
    assert len(hall.crowd._batches) == MAX_BATCHES
    hall.send_all()
    assert hall.ears[0].listen().endswith(f"<{hall.number}>".encode())
    assert not hall.crowd.busy


def test_whoever_left_is_gone_at_the_next_turn_or_the_next_send(hall: Hall) -> None:
    a, b, c = hall.join(3)
    a.sock.close()
    hall.turn()
    assert len(hall.crowd) == 2
    assert hall.tally.left == 1
    b.sock.close()
    sent = hall.flush()
    assert len(hall.crowd) == 1
    assert c.listen() == sent
    with pytest.raises(OSError, match="Bad file"):
        os.fstat(a.fd)


def test_whoever_left_before_the_welcome_is_closed(hall: Hall) -> None:
    ear = Ear()
    ear.sock.close()
    hall.crowd.join(ear.fd, batch_of([Piece(b"x")]), watched=False)
    assert len(hall.crowd) == 0
    assert (hall.tally.joined, hall.tally.left) == (1, 1)


def test_a_listener_who_talks_costs_nothing(hall: Hall) -> None:
    ear = Ear()
    hall.ears.append(ear)
    hall.poller.watch(ear.fd, hall, 1)  # type: ignore[arg-type]  # as a conversation had watched it
    hall.crowd.join(ear.fd, batch_of([Piece(b"w")]), watched=True)
    ear.sock.send(b"GET / HTTP/1.1\r\n" * 100)
    hall.turn()
    hall.turn()
    assert hall.poller._epoll.poll(0) == []
    ear.sock.close()
    hall.turn()
    assert len(hall.crowd) == 0


def test_a_laggard_skips_whole_parts_and_comes_back(hall: Hall) -> None:
    slow, quick = hall.join(2)
    sizes = 3000
    for _ in range(40):
        hall.flush(hall.part(sizes))
        quick.listen()
    assert hall.crowd.lagging == 1
    assert len(hall.crowd) == 2
    assert hall.tally.skipped_parts > 0
    for _ in range(100):
        slow.listen()
        hall.turn()
    assert hall.crowd.lagging == 0
    hall.flush(hall.part(sizes))
    slow.listen()
    got = [slow.heard[i : i + sizes] for i in range(0, len(slow.heard), sizes)]
    numbers = [int(p[1 : p.index(b">")]) for p in got]
    assert all(p == f"<{n}>".encode().ljust(sizes, b".") for p, n in zip(got, numbers, strict=True))
    assert numbers == sorted(set(numbers))
    assert numbers[-1] == 41
    assert len(numbers) == 41 - hall.tally.skipped_parts
    assert len(quick.listen()) == 41 * sizes


def test_a_laggard_who_leaves_is_gone(hall: Hall) -> None:
    slow, _ = hall.join(2)
    for _ in range(10):
        hall.flush(hall.part(3000))
    slow.sock.close()
    hall.turn()
    assert len(hall.crowd) == 1


def test_a_laggard_for_whom_nothing_can_be_skipped_is_dropped(hall: Hall) -> None:
    (slow,) = hall.join()
    for _ in range(400):
        hall.flush(Piece(b"n" * 3000))
    assert len(hall.crowd) == 0
    assert slow.fd not in dict(hall.poller.endpoints())


def test_a_welcome_that_does_not_fit_makes_a_laggard(hall: Hall) -> None:
    (ear,) = hall.join(welcome=b"w" * 100_000)
    assert hall.crowd.lagging == 1
    sent = hall.flush()
    for _ in range(100):
        ear.listen()
        hall.turn()
    assert ear.heard == b"w" * 100_000 + sent
    assert hall.crowd.lagging == 0


def test_the_end_reaches_everyone_before_they_are_closed() -> None:
    hall = Hall(Form.CHUNKED)
    try:
        slow, quick = hall.join(2)
        for _ in range(8):
            hall.flush(hall.part(3000))
            quick.listen()
        hall.crowd.end()
        assert not hall.crowd.close_sent(10)
        hall.send_all()
        hall.crowd.close_sent(10)
        assert quick.listen().endswith(b"0\r\n\r\n")
        for _ in range(100):
            slow.listen()
            hall.turn()
        assert slow.heard.endswith(b"0\r\n\r\n")
        assert hall.crowd.close_sent(10)
        assert hall.tally.left == 2
    finally:
        hall.close()


def test_closing_is_done_some_at_a_time(hall: Hall) -> None:
    hall.join(5)
    hall.crowd.end()
    assert not hall.crowd.close_sent(3)
    assert len(hall.crowd) == 2
    assert hall.crowd.close_sent(3)


def test_slices_that_shrank_are_put_together(hall: Hall) -> None:
    ears = hall.join(4 * SLICE_LISTENERS)
    for i, ear in enumerate(ears):
        if i % SLICE_LISTENERS >= MERGE_BELOW - 5:
            ear.sock.close()
    for _ in range(4):
        hall.turn()
    left = [e for i, e in enumerate(ears) if i % SLICE_LISTENERS < MERGE_BELOW - 5]
    assert len(hall.crowd) == len(left)
    hall.crowd.tidy()
    assert len(hall.crowd._slices) == 1
    sent = hall.flush()
    assert {e.listen() for e in left} == {sent}
    left[0].sock.close()
    hall.turn()
    assert len(hall.crowd) == len(left) - 1


@pytest.mark.parametrize("seed", range(5))
def test_whatever_happens_each_hears_an_unbroken_line_of_whole_parts(seed: int) -> None:
    """Joins, leaves, slow and quick ears, flushes that overtake the sending: in order, none twice, none cut; and
    whoever was quick enough misses none.
    """
    chance, hall, size = random.Random(seed), Hall(), 2000
    begun: dict[Ear, int] = {}
    quick: set[Ear] = set()
    try:
        for _ in range(400):
            what = chance.random()
            if what < 0.3:
                (ear,) = hall.join()
                begun[ear] = hall.number
                if chance.random() < 0.5:
                    quick.add(ear)
            elif what < 0.35 and begun:
                ear = chance.choice(list(begun))
                ear.sock.close()
                del begun[ear]
                quick.discard(ear)
            elif what < 0.65:
                hall.flush(*[hall.part(size) for _ in range(chance.randint(1, 3))], send=False)
                if chance.random() < 0.8:
                    hall.send_all()
            else:
                hall.crowd.send_slice()
            hall.turn()
            for ear in begun:
                ear.listen(1 << 20 if ear in quick else chance.choice((0, 0, 500, 5000)))
            if chance.random() < 0.1:
                hall.crowd.tidy()
        for _ in range(50):
            hall.send_all()
            for ear in begun:
                ear.listen()
            hall.turn()
        assert len(hall.crowd) == len(begun)
        for ear, start in begun.items():
            assert len(ear.heard) % size == 0
            pieces = [ear.heard[i : i + size] for i in range(0, len(ear.heard), size)]
            numbers = [int(p[1 : p.index(b">")]) for p in pieces]
            assert all(p == f"<{n}>".encode().ljust(size, b".") for p, n in zip(pieces, numbers, strict=True))
            assert numbers == sorted(set(numbers))
            assert all(n > start for n in numbers)
            if ear in quick and len(numbers) < hall.number - start:
                assert hall.tally.skipped_parts > 0
        assert any(len(e.heard) == size * (hall.number - begun[e]) for e in quick)
    finally:
        hall.close()
