"""How the source port hands a source client to the stage: one message beside the client's socket (``SCM_RIGHTS``).

The source port connects to ``DATA/run/stage-ROOM.sock`` (a stream socket), sends one message with the socket in
its ancillary data, and closes. The stage answers the client itself, refusals included; it answers nothing here.

Layout: length u32 (big endian, of what follows), then JSON ``{"v":1,"head":{...},"rest":base64}``. ``head`` has the
fields of :class:`~rostra.wire.source_head.SourceHead`; ``rest`` is what was read of the body already.
"""

from __future__ import annotations

import base64
import json
import struct
from dataclasses import asdict, dataclass

from rostra.errors import WireError
from rostra.wire.source_head import SourceHead

_LENGTH = struct.Struct(">I")

MAX_REST_BYTES = 64 * 1024
"""One read of a socket; the source port need not read further than the head."""

MAX_MESSAGE_BYTES = 128 * 1024
"""The rest in base64, the head, and room to spare."""


@dataclass(frozen=True, slots=True)
class Handover:
    head: SourceHead
    rest: bytes = b""

    def __post_init__(self) -> None:
        if len(self.rest) > MAX_REST_BYTES:
            raise ValueError(f"at most {MAX_REST_BYTES} bytes of the body may be handed over")


def encode_handover(handover: Handover) -> bytes:
    """The whole message, length included. Send it with ``socket.send_fds([message], [client.fileno()])``.

    The descriptor goes with the first byte; should ``send_fds`` take less than all, send what is left with ``sendall``.
    """
    rest = base64.b64encode(handover.rest).decode("ascii")
    body = json.dumps({"v": 1, "head": asdict(handover.head), "rest": rest}, separators=(",", ":")).encode()
    return _LENGTH.pack(len(body)) + body


def message_length(data: bytes) -> int | None:
    """Bytes of the whole message, or None while that cannot be told.

    :raises WireError: if it is longer than a message can be.
    """
    if len(data) < _LENGTH.size:
        return None
    length = _LENGTH.size + int(_LENGTH.unpack_from(data)[0])
    if length > MAX_MESSAGE_BYTES:
        raise WireError(f"a handover of {length} bytes is not possible")
    return length


def decode_handover(data: bytes) -> Handover:
    """:raises WireError: if it is not one whole handover of a version we know."""
    if message_length(data) != len(data):
        raise WireError("a handover whose length does not add up")
    try:
        body = json.loads(data[_LENGTH.size :])
        if body["v"] != 1:
            raise WireError("a handover of another version")
        head = SourceHead(**body["head"])
        return Handover(head, base64.b64decode(body["rest"], validate=True))
    except (ValueError, TypeError, KeyError, AttributeError) as e:
        raise WireError(f"not a handover: {e}") from e
