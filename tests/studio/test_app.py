"""The addresses that belong to no group."""

import re

from rostra.studio.handbook import page
from tests.studio.conftest import Door


async def test_health_with_and_without_a_bus(door: Door) -> None:
    assert (await door.client.get("/healthz")).json() == {"ok": True, "bus": True}
    await door.office.bus.close()  # type: ignore[attr-defined]
    answer = await door.client.get("/healthz")
    assert (answer.status_code, answer.json()) == (200, {"ok": True, "bus": False})


async def test_metrics(door: Door) -> None:
    door.office.figures.sources["handed"] += 2
    await door.client.get("/healthz")
    answer = await door.client.get("/metrics")
    assert answer.headers["content-type"].startswith("text/plain; version=0.0.4")
    assert 'rostra_studio_requests_total{method="GET",status="200"} 1' in answer.text
    assert 'rostra_source_clients_total{outcome="handed"} 2' in answer.text
    assert "rostra_bus_connected 1" in answer.text


async def test_docs_and_description_load_nothing_from_anyone(door: Door) -> None:
    answer = await door.client.get("/docs")
    assert answer.status_code == 200
    for path in ("/api/rooms", "/stage/{room}/whip", "/api/rooms/{room}/seats/{seat}/mute"):
        assert path in answer.text
    assert not re.findall(r"""(?:src|href)=["']?(?:https?:)?//""", answer.text)
    description = (await door.client.get("/openapi.json")).json()
    assert description["openapi"].startswith("3.1")
    assert "application/sdp" in description["paths"]["/stage/{room}/whip"]["post"]["requestBody"]["content"]
    assert page(description) == answer.text


async def test_the_docs_escape_what_they_show() -> None:
    shown = page({"info": {"title": "<b>"}, "paths": {"/<x>": {"get": {"summary": "<script>"}}}})
    assert "<script>" not in shown
    assert "/<x>" not in shown
