"""A stranger reads our OpenAPI description and holds us to every word of it: Schemathesis, over real HTTP, on a real
bus and a real catalog; once as an operator, once as a host."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
import schemathesis
import uvicorn
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from hypothesis import HealthCheck, settings
from schemathesis.checks import not_a_server_error
from schemathesis.core.failures import FailureGroup
from schemathesis.specs.openapi.checks import (
    content_type_conformance,
    response_headers_conformance,
    response_schema_conformance,
    status_code_conformance,
)

from rostra.bus.client import Bus
from rostra.bus.server import NatsServer
from rostra.catalog import Catalog
from rostra.config import Settings
from rostra.keys import make_keys, operator_token, private_key
from rostra.studio.app import Office, make_app, wall_clock
from rostra.studio.limits import Rate, Rates
from rostra.studio.links import Links
from rostra.studio.rights import Rights
from rostra.units import Role, RoomState
from tests.studio.conftest import OtherEnds, Workshop, a_room

CHECKS = [
    not_a_server_error,
    status_code_conformance,
    content_type_conformance,
    response_headers_conformance,
    response_schema_conformance,
]

EXAMPLES = settings(
    max_examples=12, deadline=None, derandomize=True, database=None, suppress_health_check=list(HealthCheck)
)

OFTEN = Rate(100_000.0, 100_000)


@dataclass
class Served:
    url: str
    operator: str
    host: str


class _Server(uvicorn.Server):
    def install_signal_handlers(self) -> None: ...


@pytest.fixture(scope="module")
def served(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    """The stage door in a thread of its own, with a room on air whose stage is played by the test."""
    folder = tmp_path_factory.mktemp("door")
    ready, stop, found = threading.Event(), threading.Event(), list[Served]()
    thread = threading.Thread(target=lambda: asyncio.run(_serve(folder, found, ready, stop)))
    thread.start()
    try:
        assert ready.wait(30) and found, "the stage door did not open"
        yield found[0]
    finally:
        stop.set()
        thread.join(30)


async def _serve(folder: Path, found: list[Served], ready: threading.Event, stop: threading.Event) -> None:
    nats = NatsServer(folder / "bus")
    await nats.start()
    make_keys(folder)
    key = private_key(folder)
    bus, others = await Bus.connect(nats.url, "studio", 10), OtherEnds(await Bus.connect(nats.url, "others", 10))
    await others.bus.serve("supervisor.stage", others.supervisor)
    config = Settings.model_validate({"studio": {"public_url": "http://studio.test"}})
    office = Office(
        settings=config,
        bus=bus,
        catalog=lambda: Catalog.open(f"sqlite:///{folder / 'catalog.db'}"),
        pictures=Workshop(),
        rights=Rights(operator_token(folder), key.public_key(), wall_clock),
        links=Links(key, config.studio_url, config.front_url),
        pages=folder,
        now=wall_clock,
        rates=Rates(OFTEN, OFTEN, OFTEN),
    )
    await office.start()
    room = await office.rooms.create(a_room("main"), exactly=True)
    record, revision = await bus.get_room("main")
    await bus.update_room(record.with_(state=RoomState.LIVE), revision)
    await others.stage_for("main")
    server = _Server(uvicorn.Config(make_app(office), port=0, log_config=None, lifespan="off", ws="none"))
    serving = asyncio.create_task(server.serve())
    while not server.started:
        await asyncio.sleep(0.02)
    port = server.servers[0].sockets[0].getsockname()[1]
    host = office.links.invite(room, Role.HOST, "Hostess", room.shared_identity(Role.HOST)).partition("#t=")[2]
    found.append(Served(f"http://127.0.0.1:{port}", operator_token(folder), host))
    ready.set()
    while not stop.is_set():
        await asyncio.sleep(0.05)
    server.should_exit = True
    await serving
    await office.close()
    await bus.close()
    await others.bus.close()
    await nats.kill()


def _description() -> dict[str, Any]:
    """Of the same application; nothing in it depends on what is behind the routes."""
    key, config = Ed25519PrivateKey.generate(), Settings()
    nothing: Any = None
    rights, links = Rights("", key.public_key(), wall_clock), Links(key, config.studio_url, config.front_url)
    office = Office(
        settings=config, bus=nothing, catalog=nothing, pictures=nothing, rights=rights, links=links, pages=Path(),
        now=wall_clock,
    )  # fmt: skip
    return make_app(office).openapi()


@schemathesis.serializer("application/sdp")
def sdp(context: schemathesis.SerializationContext, value: object) -> bytes:
    return str(value).encode("utf-8", "replace")


schema = schemathesis.openapi.from_dict(_description())


@schema.parametrize()
@EXAMPLES
def test_an_operator_finds_what_is_written(case: schemathesis.Case, served: Served) -> None:
    case.call_and_validate(base_url=served.url, headers={"Authorization": f"Bearer {served.operator}"}, checks=CHECKS)


@schema.parametrize()
@EXAMPLES
def test_a_host_finds_what_is_written(case: schemathesis.Case, served: Served) -> None:
    if "room" in case.path_parameters:
        case.path_parameters["room"] = "main"
    case.call_and_validate(base_url=served.url, headers={"Authorization": f"Bearer {served.host}"}, checks=CHECKS)


def test_negative_control_a_description_that_is_wrong_is_noticed(served: Served) -> None:
    wrong = _description()
    answers = wrong["paths"]["/api/rooms"]["get"]["responses"]
    answers["201"] = answers.pop("200")
    operation = schemathesis.openapi.from_dict(wrong)["/api/rooms"]["GET"]
    with pytest.raises(FailureGroup, match="Undocumented status code"):
        operation.Case().call_and_validate(
            base_url=served.url, headers={"Authorization": f"Bearer {served.operator}"}, checks=CHECKS
        )
