"""Keys, records, reports and who was seated, over a real nats-server."""

import asyncio
import secrets

import pytest

from rostra.bus.buckets import THE_KEYS
from rostra.bus.client import Bus
from rostra.bus.server import NatsServer
from rostra.errors import Conflict, NotFound
from rostra.units import WallTime
from rostra.wire.door import SHUFFLED, DoorRecord, DoorReport, LineRecord, Outcome, RoomCount, Seated
from rostra.wire.passes import DoorKeys, Line, tend
from tests.bus.test_client import until

NOW = WallTime(1.9e9)


async def test_edges_that_begin_at_once_have_one_set_of_keys(server: NatsServer, bus: Bus) -> None:
    with pytest.raises(NotFound):
        await bus.door_keys.get(THE_KEYS)
    other = await Bus.connect(server.url, "other")
    heard: list[DoorKeys | None] = []
    await other.door_keys.watch(lambda _, keys: heard.append(keys))

    async def first(mine: Bus) -> bool:
        keys = tend(None, NOW, secrets.token_bytes(32))
        assert keys is not None
        try:
            await mine.door_keys.put(THE_KEYS, keys, 0)
        except Conflict:
            return False
        return True

    assert sorted(await asyncio.gather(first(bus), first(other))) == [False, True]
    keys, revision = await other.door_keys.get(THE_KEYS)
    await until(lambda: heard == [keys])
    changed = tend(keys, WallTime(NOW + 1e6), secrets.token_bytes(32))
    assert changed is not None
    await bus.door_keys.put(THE_KEYS, changed, revision)
    await until(lambda: heard == [keys, changed])
    await other.close()


async def test_a_record_is_moved_by_one_at_a_time_and_outlives_the_bus(server: NatsServer, bus: Bus) -> None:
    heard: list[tuple[str, int]] = []
    await bus.door.watch(lambda room, record: heard.append((room, record.serving[Line.LATE] if record else -1)))
    record = DoorRecord("main", NOW, bytes(16), {Line.LATE: LineRecord(SHUFFLED, ((SHUFFLED, SHUFFLED + 250, 3),))})
    revision = await bus.door.put("main", record, 0)
    further = DoorRecord("main", NOW, bytes(16), {Line.LATE: LineRecord(SHUFFLED + 100)})
    await bus.door.put("main", further, revision)
    with pytest.raises(Conflict):
        await bus.door.put("main", record, revision)
    await until(lambda: heard == [("main", SHUFFLED), ("main", SHUFFLED + 100)])
    await server.kill()
    await server.start()
    await until(lambda: bus.connected)
    found, _ = await bus.door.get("main")
    assert found == further, "nobody loses their place with the bus"


async def test_reports_and_who_was_seated_reach_everyone(server: NatsServer, bus: Bus) -> None:
    other = await Bus.connect(server.url, "other")
    reports: list[DoorReport] = []
    seated: list[Seated] = []
    await other.subscribe_door_reports(reports.append)
    await other.subscribe_seated(seated.append)
    await other.flush()
    report = DoorReport(
        "edge-1-aa", NOW, 5, 2.5, {"main": RoomCount(0, 1, {Line.LATE: ((SHUFFLED, SHUFFLED + 250, 3),)}, {})},
        outcomes={Outcome.NUMBERED: (1, 2, 0, 0, 0)},
    )  # fmt: skip
    wave = Seated("edge-1-aa", (("main", b"12345678"), ("main", b"abcdefgh"), ("other", b"12345678")))
    await bus._connection.publish("door.report.edge-1-aa", b"garbage")
    await bus._connection.publish("door.seated", b"garbage")
    await bus.publish_door_report(report)
    await bus.publish_seated(wave)
    await until(lambda: reports == [report] and seated == [wave])
    await other.close()


async def test_without_a_bus_nothing_is_waited_for(server: NatsServer, bus: Bus) -> None:
    await server.kill()
    await until(lambda: not bus.connected)
    async with asyncio.timeout(1):
        await bus.publish_door_report(DoorReport("e", NOW, 0, 0.0))
        await bus.publish_seated(Seated("e", ()))
