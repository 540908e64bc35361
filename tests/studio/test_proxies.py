"""Whom the stage door believes, and what it tells strangers."""

from __future__ import annotations

import httpx
import pytest

from rostra.config import Settings
from rostra.errors import ConfigError
from rostra.studio.app import make_app
from rostra.studio.proxies import networks
from tests.studio.conftest import STUDIO, Door, on_one_loop

PROXY, STRANGER = "10.0.0.7", "203.0.113.9"


def client(door: Door, by: str, trusted: tuple[str, ...] = ()) -> httpx.AsyncClient:
    settings = door.office.settings
    studio = settings.studio.model_copy(update={"trusted_proxies": trusted})
    door.office.settings = Settings.model_validate({**settings.model_dump(), "studio": studio.model_dump()})
    app = make_app(door.office)
    door.office.settings = settings
    return httpx.AsyncClient(transport=httpx.ASGITransport(app, client=(by, 4000)), base_url=STUDIO)


async def test_guesses_are_counted_by_the_address_that_a_trusted_proxy_names(door: Door) -> None:
    async def guess(asking: httpx.AsyncClient, address: str) -> int:
        headers = {"Authorization": "Bearer nonsense", "X-Forwarded-For": address}
        return (await asking.get("/api/rooms", headers=headers)).status_code

    async with client(door, PROXY, ("10.0.0.0/8",)) as asking:
        assert {await guess(asking, STRANGER) for _ in range(60)} == {401, 429}
        assert await guess(asking, STRANGER) == 429
        assert await guess(asking, f"198.51.100.1, {STRANGER}") == 429, (
            "what a stranger wrote before it is not believed"
        )
        assert await guess(asking, "198.51.100.1") == 401
    for trusted in ((), ("192.0.2.0/24",)):
        async with client(door, PROXY, trusted) as asking:
            assert [await guess(asking, f"198.51.100.{n}") for n in range(60)][-1] == 429, "nobody else is believed"


@on_one_loop
async def test_the_scheme_that_a_trusted_proxy_names(one_door: Door) -> None:
    for trusted, strict in (((), False), (("10.0.0.7/32",), True)):
        async with client(one_door, PROXY, trusted) as asking:
            headers = {"X-Forwarded-Proto": "https", "X-Forwarded-For": STRANGER, "Host": "stage.example"}
            answer = await asking.get("/healthz", headers=headers)
            assert ("strict-transport-security" in answer.headers) is strict


@on_one_loop
async def test_figures_are_told_to_this_machine_and_to_operators(one_door: Door) -> None:
    for by, headers, status in (
        ("127.0.0.1", {}, 200), ("::1", {}, 200), ("::ffff:127.0.0.1", {}, 200),
        ("127.0.0.1", {"X-Forwarded-For": STRANGER}, 401), ("127.0.0.1", {"Forwarded": "for=x"}, 401),
        (STRANGER, {}, 401), (STRANGER, {"Authorization": "Bearer nonsense"}, 401), (STRANGER, one_door.operator, 200),
    ):  # fmt: skip
        async with client(one_door, by) as asking:
            answer = await asking.get("/metrics", headers=headers)
            assert (answer.status_code, "rostra_listeners" in answer.text) == (status, status == 200), (by, headers)


def test_what_is_no_network() -> None:
    assert networks(("10.1.2.3/8", "::1")) == ["10.0.0.0/8", "::1/128"]
    with pytest.raises(ConfigError, match=r"studio\.trusted_proxies: 'nginx' is not a network"):
        networks(("nginx",))
