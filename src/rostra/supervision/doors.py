"""Whether a door answers, asked as a client would: one HTTP request over a connection of its own."""

from __future__ import annotations

import asyncio
import contextlib
import ipaddress
import ssl
from collections.abc import Sequence
from urllib.parse import urlsplit

ANSWER_WITHIN_S = 2.0

PROXY_HEALTH = b"PROXY UNKNOWN\r\n"


async def answers(url: str, preamble: bytes = b"") -> bool:
    """Whether ``GET url`` gives 200. Certificates are not checked: it is our own door, asked by its number.

    ``preamble`` is sent before the request, under TLS.
    """
    parts = urlsplit(url)
    context = None
    if parts.scheme == "https":
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
        context.check_hostname = False
        context.verify_mode = ssl.CERT_NONE
    writer = None
    try:
        async with asyncio.timeout(ANSWER_WITHIN_S):
            if preamble and context is not None:
                return await _answers_port(parts.hostname or "", parts.port or 443)
            reader, writer = await asyncio.open_connection(parts.hostname, parts.port, ssl=context)
            request = f"GET {parts.path or '/'} HTTP/1.1\r\nHost: {parts.netloc}\r\nConnection: close\r\n\r\n"
            writer.write(preamble + request.encode())
            status = await reader.readline()
            return status.split()[1:2] == [b"200"]
    except (OSError, TimeoutError, ValueError):
        return False
    finally:
        if writer is not None:
            writer.close()


async def _answers_port(host: str, port: int) -> bool:
    """Behind the PROXY protocol TLS begins after the preamble, which asyncio cannot do: that it accepts is enough."""
    _, writer = await asyncio.open_connection(host, port)
    writer.close()
    with contextlib.suppress(OSError):
        await writer.wait_closed()
    return True


def preamble_for(url: str, trusted: Sequence[str]) -> bytes:
    """What an edge that trusts the door's own address as a proxy expects to hear first: PROXY protocol v1 (section 2.1)
    in the form for health checks. Nothing where it does not."""
    name = urlsplit(url).hostname or ""
    try:
        host = ipaddress.ip_address("127.0.0.1" if name == "localhost" else name)
    except ValueError:
        return b""
    return PROXY_HEALTH if any(host in ipaddress.ip_network(network, strict=False) for network in trusted) else b""
