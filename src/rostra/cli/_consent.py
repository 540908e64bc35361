"""A consent to a rehearsal, made where the keys are: signed here, its private half handed to the edges over the bus."""

from __future__ import annotations

import asyncio
import json
import secrets
import time
from pathlib import Path
from typing import Any

from rostra.bus import Bus
from rostra.errors import BadRequest, Unavailable
from rostra.keys import private_key
from rostra.wire.rehearsals import MAX_HOURS, grant, origin_of

BUS_WITHIN_S = 5.0

KNOWN_IN_S = 1.0
"""Until every edge has heard of it from the bus. Whoever uses the token asks once, and takes a no for a no."""


def make_consent(data: Path, url: str, hours: float, *, nats: str = "", stage_door: bool = False) -> str:
    """The token. ``url``: of the front door as the generator will be given it; empty: as it is here.

    :raises RostraError: no keys, no bus, or no such address.
    """
    key = private_key(data)
    addresses = _addresses(data) if not (nats and url) or stage_door else {}
    origin = origin_of(url or str(addresses.get("front", "")))
    studio = origin_of(str(addresses.get("studio", ""))) if stage_door else ""
    if not origin:
        raise BadRequest(f"{url!r} is no address of a front door: that looks like https://example.org")
    if not 0 < hours <= MAX_HOURS:
        raise BadRequest(f"A consent lasts up to {MAX_HOURS:.0f} hours.")
    granted = grant(secrets.token_urlsafe(12), origin, int(time.time() + hours * 3600), key, studio)
    asyncio.run(_hand_out(nats or str(addresses["nats"]), granted))
    return granted.token


async def _hand_out(url: str, granted: Any) -> None:
    from rostra.wire.rehearsals import read_token

    bus = await Bus.connect(url, "rehearsal-token", BUS_WITHIN_S)
    try:
        consent, _ = read_token(granted.token)
        await bus.rehearsals.put(consent.id, granted)
        await bus.flush()
        await asyncio.sleep(KNOWN_IN_S)
    finally:
        await bus.close()


def _addresses(data: Path) -> dict[str, Any]:
    try:
        found = json.loads((data / "run" / "serve.json").read_text())
        return {name: found[name] for name in ("front", "studio", "nats")}
    except (OSError, ValueError, KeyError, TypeError) as e:
        raise Unavailable(
            f"No `rostra serve` runs with the data folder {data}. Start it, or give its --data DIR, or --nats URL and "
            "the front door's address."
        ) from e
