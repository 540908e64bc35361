"""Consents to a rehearsal, and the edge's answer for them: it signs a nonce that it was sent, if our operator agreed.

Without a consent that holds the address is as if it were not there, so a stranger who asks learns nothing.
"""

from __future__ import annotations

import json
import logging

from rostra.edge.answers import Answer, json_answer
from rostra.edge.guests import KeySource
from rostra.errors import BadRequest, NotFound, RostraError
from rostra.units import WallTime
from rostra.wire import rehearsals
from rostra.wire.rehearsals import IDENTITY, NONCE, Consent, Granted

log = logging.getLogger("rostra.edge")

MAX_CONSENTS = 64
"""An operator makes one a rehearsal; the oldest go first."""

NOTHING = "There is nothing at this address."


class Rehearsals:
    def __init__(self, key: KeySource) -> None:
        self._key = key
        self._granted: dict[str, tuple[Consent, bytes]] = {}

    def on_consent(self, identity: str, granted: Granted | None, wall: float) -> None:
        """From the bus: it was given, or taken back. Only what our own link key signed counts."""
        if granted is None:
            self._granted.pop(identity, None)
            return
        key = self._key()
        if key is None:
            return
        try:
            consent = rehearsals.verify(granted.token, key, WallTime(wall))
        except RostraError as e:
            log.debug("a consent to a rehearsal that does not hold: %s", e)
            return
        while len(self._granted) >= MAX_CONSENTS:
            del self._granted[next(iter(self._granted))]
        self._granted[consent.id] = (consent, granted.secret)

    def answer(self, body: bytes, wall: float) -> Answer:
        """:raises NotFound: nobody agreed, or not any more. :raises BadRequest: it is no question."""
        if not self._granted:
            raise NotFound(NOTHING)
        try:
            asked = json.loads(body)
            nonce, identity = asked["nonce"], asked["id"]
            if not NONCE.fullmatch(nonce) or not IDENTITY.fullmatch(identity):
                raise ValueError("not a nonce")
        except (ValueError, KeyError, TypeError, RecursionError):
            raise BadRequest("Send a nonce and the id of a consent.") from None
        found = self._granted.get(identity)
        if found is None or wall >= found[0].until:
            raise NotFound(NOTHING)
        consent, secret = found
        return json_answer(200, {"signature": rehearsals.answer(consent, secret, nonce)})
