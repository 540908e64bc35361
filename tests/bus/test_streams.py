"""JetStream through the bus's connection."""

import pytest

from rostra.bus import streams
from rostra.bus.client import Bus
from rostra.errors import BusUnavailable, Conflict

CONFIG = {
    "name": "notes", "subjects": ["note.>"], "storage": "memory", "allow_direct": True, "max_bytes": 1 << 20,
    "num_replicas": 1,
}  # fmt: skip


async def test_a_stream_is_made_once(bus: Bus) -> None:
    assert await streams.ensure(bus._connection, CONFIG) is True
    assert await streams.ensure(bus._connection, CONFIG) is False


async def test_a_stream_of_another_version_gets_the_limits_of_this_one(bus: Bus) -> None:
    """As in an old data folder: what it holds stays."""
    wanted = {**CONFIG, "name": "old", "subjects": ["old.>"], "storage": "file", "discard": "new"}
    await streams.ensure(bus._connection, {**wanted, "max_bytes": 1 << 16, "max_age": 3_600_000_000_000})
    await streams.put(bus._connection, "old.a", b"1", 0)
    made = (await streams.extent(bus._connection, "old")).made_us
    wanted |= {"subjects": ["old.>", "older.>"], "max_age": 0, "republish": {"src": "old.>", "dest": "news.>"}}
    for _ in range(2):
        assert await streams.ensure(bus._connection, wanted) is False
        config = (await streams._api(bus._connection, "STREAM.INFO.old", {}))["config"]
        assert not streams.differs(config, wanted)
    found = await streams.extent(bus._connection, "old")
    assert (found.made_us, found.first, found.last, found.messages) == (made, 1, 1, 1)


async def test_what_cannot_be_changed_in_place(bus: Bus, caplog: pytest.LogCaptureFixture) -> None:
    """A stream in memory is made anew; one on disk keeps what it has."""
    for storage in ("memory", "file"):
        name = f"{storage}-stream"
        config = {**CONFIG, "name": name, "subjects": [f"{storage}.>"], "storage": storage}
        await streams.ensure(bus._connection, config)
        await streams.put(bus._connection, f"{storage}.a", b"1", 0)
        made = await streams.ensure(bus._connection, {**config, "retention": "workqueue"})
        assert made is (storage == "memory")
        assert (await streams.extent(bus._connection, name)).messages == (0 if made else 1)
    assert "'memory-stream' is made anew" in caplog.text
    assert "'file-stream' keeps the limits it has" in caplog.text


def test_what_a_server_adds_or_leaves_out_is_no_difference() -> None:
    found = {"name": "a", "max_age": 5, "max_msgs": -1, "republish": {"src": "a", "dest": "b", "headers_only": False}}
    for same in ({"name": "a"}, {"max_age": 5, "no_ack": False}, {"republish": {"src": "a"}}, {"duplicate_window": 0}):
        assert not streams.differs(found, same)
    for other in ({"max_age": 6}, {"no_ack": True}, {"republish": {"src": "x"}}, {"placement": {"tags": ["x"]}}):
        assert streams.differs(found, other)


async def test_a_stream_that_the_server_will_not_have_is_a_sentence(bus: Bus) -> None:
    with pytest.raises(BusUnavailable, match="will not make the stream 'big'"):
        await streams.ensure(bus._connection, {**CONFIG, "name": "big", "subjects": ["big"], "max_bytes": 1 << 50})


async def test_compare_and_set(bus: Bus) -> None:
    await streams.ensure(bus._connection, CONFIG)
    first = await streams.put(bus._connection, "note.a", b"1", 0)
    with pytest.raises(Conflict):
        await streams.put(bus._connection, "note.a", b"2", 0)
    second = await streams.put(bus._connection, "note.a", b"2", first)
    assert second > first
    found = await streams.last(bus._connection, "notes", "note.a")
    assert found is not None
    assert (found.data, found.sequence, found.deleted) == (b"2", second, False)
    assert await streams.last(bus._connection, "notes", "note.b") is None


async def test_reading_in_many_batches(bus: Bus, monkeypatch: pytest.MonkeyPatch) -> None:
    await streams.ensure(bus._connection, CONFIG)
    for n in range(25):
        await streams.put(bus._connection, f"note.{n % 2}", str(n).encode(), 0 if n < 2 else n - 1)
    monkeypatch.setattr(streams, "BATCH", 4)
    assert [int(s.data) for s in await streams.read_all(bus._connection, "notes", "note.>")] == list(range(25))
    assert [int(s.data) for s in await streams.read_all(bus._connection, "notes", "note.1")] == list(range(1, 25, 2))
    assert await streams.read_all(bus._connection, "notes", "note.9") == []
    monkeypatch.setattr(streams, "MAX_READ", 8)
    assert len(await streams.read_all(bus._connection, "notes", "note.>")) == 8


async def test_a_stream_that_is_not_there(bus: Bus) -> None:
    with pytest.raises(BusUnavailable):
        await streams.read_all(bus._connection, "nothing", ">")
