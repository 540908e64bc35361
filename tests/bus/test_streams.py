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
