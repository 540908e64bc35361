from __future__ import annotations

from rostra.edge.framing import ICY_INTERVAL, Form, Piece, batch_of, chunk, frame, icy_title


def test_chunk() -> None:
    assert chunk(b"x" * 26) == b"1a\r\n" + b"x" * 26 + b"\r\n"


def test_frames_keep_their_borders() -> None:
    pieces = [Piece(b"init"), Piece(b"part", 0.5)]
    assert frame(pieces, Form.BARE) == pieces
    assert frame(pieces, Form.CHUNKED) == [Piece(b"4\r\ninit\r\n"), Piece(b"4\r\npart\r\n", 0.5)]


def test_batch_joins_once() -> None:
    batch = batch_of([Piece(b"a"), Piece(b"b", 0.5), Piece(b"c", 0.5)])
    assert (batch.data, batch.seconds) == (b"abc", 1.0)
    single = Piece(b"only", 0.5)
    assert batch_of([single]).data is single.data
    assert batch_of([]).data == b""


def test_icy_block_after_each_interval() -> None:
    parts = [Piece(bytes([i]) * ICY_INTERVAL, 0.504) for i in range(3)]
    framed = frame(parts, Form.ICY, icy_title("Hi"))
    data = b"".join(p.data for p in framed)
    at, found = 0, []
    while at < len(data):
        sound, size = data[at : at + ICY_INTERVAL], data[at + ICY_INTERVAL] * 16
        found.append((sound[0], data[at + ICY_INTERVAL + 1 : at + ICY_INTERVAL + 1 + size].rstrip(b"\0")))
        at += ICY_INTERVAL + 1 + size
    assert found == [(0, b"StreamTitle='Hi';"), (1, b""), (2, b"")]


def test_icy_leaves_out_what_would_shift_the_rest() -> None:
    assert frame([Piece(b"short", 0.5), Piece(b"init")], Form.ICY) == []


def test_icy_titles() -> None:
    block = icy_title("Don't")
    assert len(block) == 1 + block[0] * 16
    assert block[1:].rstrip(b"\0").decode() == "StreamTitle='Don\N{RIGHT SINGLE QUOTATION MARK}t';"
    long = icy_title("\N{SNOWMAN}" * 5000)
    assert long[0] <= 255
    assert len(long) == 1 + long[0] * 16
    long[1:].rstrip(b"\0").decode()
