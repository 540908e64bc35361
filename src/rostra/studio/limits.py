"""How often one may ask: a bucket of tokens for each link and for each address, and a small one for bad links.

ASGI middleware before every route, so that a thousand attempts a second to guess a link cost a dictionary look-up each
or one signature, and an answer that is at hand: what was never a token of ours needs no route to be refused. The
signature also tells a host who comes by the same proxy from those who guess.
"""

from __future__ import annotations

import hashlib
import ipaddress
from collections import OrderedDict
from collections.abc import Callable
from dataclasses import dataclass
from time import monotonic

from starlette.responses import Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from rostra.errors import BadToken, TooMany
from rostra.studio import problems

MAX_KNOWN = 10_000
"""Buckets of a kind, links known to be good, tokens known to be none: a hundred bytes each. The one that was not used
for longest goes."""

_TOKEN_ALONE = ("/api", "/stage")
"""Behind these nothing is to be had without a token; a made-up one is refused whatever it is shown for, and where there
is none, nobody waits for the body of what is sent to be written down."""

GOOD = "rostra.good"
"""In the scope of a request: the link that it showed is good."""


@dataclass(frozen=True, slots=True)
class Rate:
    a_second: float
    burst: int


LINK = Rate(100.0, 400)
"""A console asks about five times a second; ten speakers may share one link."""
ADDRESS = Rate(200.0, 800)
"""A whole team behind one address, or behind a proxy in front."""
GUESSES = Rate(0.5, 40)
"""Bad links from one address: someone who mistypes needs a few."""


class Buckets:
    """One for each key. Pure: is told the time."""

    def __init__(self, rate: Rate, most: int = MAX_KNOWN) -> None:
        self._rate, self._most = rate, most
        self._full_at: OrderedDict[bytes, float] = OrderedDict()
        """When the bucket is full again."""

    def wait(self, key: bytes, now: float) -> float:
        """Seconds until there is one to take; 0: there is."""
        ahead = self._full_at.get(key, now) - now
        return max(0.0, ahead - (self._rate.burst - 1) / self._rate.a_second)

    def take(self, key: bytes, now: float) -> float:
        """Takes one, unless it must be waited for: then seconds to wait."""
        if (wait := self.wait(key, now)) > 0:
            return wait
        self._full_at[key] = max(now, self._full_at.get(key, now)) + 1 / self._rate.a_second
        self._full_at.move_to_end(key)
        if len(self._full_at) > self._most:
            self._full_at.popitem(last=False)
        return 0.0

    def __len__(self) -> int:
        return len(self._full_at)


@dataclass(frozen=True, slots=True)
class Rates:
    link: Rate = LINK
    address: Rate = ADDRESS
    guesses: Rate = GUESSES


class Limits:
    """``paths``: beginnings of the addresses that are limited; pages are files in memory."""

    def __init__(
        self, app: ASGIApp, rates: Rates, paths: tuple[str, ...] = ("/api", "/stage", "/metrics"),
        clock: Callable[[], float] = monotonic, fault: Callable[[str], BadToken | None] = lambda authorization: None,
    ) -> None:  # fmt: skip
        """``fault``: what is wrong with an Authorization field that has no token of ours."""
        self._app, self._paths, self._clock, self._fault = app, paths, clock, fault
        self._links, self._addresses = Buckets(rates.link), Buckets(rates.address)
        self._guesses = Buckets(rates.guesses)
        self._good: OrderedDict[bytes, None] = OrderedDict()
        self._bad: OrderedDict[bytes, Response] = OrderedDict()
        self._refusals: dict[str, Response] = {}
        """One for each sentence, of which there are a handful."""

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http" or not scope["path"].startswith(self._paths):
            await self._app(scope, receive, send)
            return
        address, shown = household(scope.get("client")), _shown(scope)
        token = _stand_in(shown)
        known = token in self._good
        bad = None if known or not _asks_for_one(scope, shown) else self._none_of_ours(token, shown)
        if (wait := self._wait(address, token, known=known, guess=not shown or bad is not None)) > 0:
            refusal = problems.answer(TooMany("That is too often. Wait a little, then go on.", wait))
            await refusal(scope, receive, send)
            return
        if bad is not None and scope["path"].startswith(_TOKEN_ALONE):
            self._guesses.take(address, self._clock())
            await bad(scope, receive, send)
            return

        async def noting_send(message: Message) -> None:
            if message["type"] == "http.response.start":
                self._note(scope, message["status"], address, token)
            await send(message)

        await self._app(scope, receive, noting_send)

    def _none_of_ours(self, token: bytes, shown: bytes) -> Response | None:
        """How a token that we never made is refused."""
        if (seen := self._bad.get(token)) is not None:
            self._bad.move_to_end(token)
            return seen
        fault = self._fault(shown.decode("latin-1"))
        if fault is None:
            return None
        refusal = self._refusals.setdefault(str(fault), problems.answer(fault))
        self._bad[token] = refusal
        if len(self._bad) > MAX_KNOWN:
            self._bad.popitem(last=False)
        return refusal

    def _wait(self, address: bytes, token: bytes, *, known: bool, guess: bool) -> float:
        now = self._clock()
        if guess and (wait := self._guesses.wait(address, now)) > 0:
            return wait
        return self._addresses.take(address, now) or (self._links.take(token, now) if known else 0.0)

    def _note(self, scope: Scope, status: int, address: bytes, token: bytes) -> None:
        """What is answered to OPTIONS, whatever token comes with it, says nothing of the token."""
        if status == 401:
            self._good.pop(token, None)
            self._guesses.take(address, self._clock())
        elif status < 400 and token and scope["method"] != "OPTIONS":
            scope[GOOD] = True
            self._good[token] = None
            self._good.move_to_end(token)
            if len(self._good) > MAX_KNOWN:
                self._good.popitem(last=False)


def household(client: tuple[str, int] | None) -> bytes:
    """An IPv4 address, or the /64 of an IPv6 one: that is what one household is given."""
    try:
        address = ipaddress.ip_address(client[0] if client else "")
    except ValueError:
        return b"?"
    if isinstance(address, ipaddress.IPv6Address):
        return (address.ipv4_mapped.packed) if address.ipv4_mapped else address.packed[:8]
    return address.packed


def _asks_for_one(scope: Scope, shown: bytes) -> bool:
    """Whether there has to be a token of ours, before anything else is looked at."""
    if shown:
        return bool(scope["method"] != "OPTIONS")
    return bool(scope["method"] == "POST" or (scope["method"] == "PUT" and scope["path"].startswith("/api")))


def _shown(scope: Scope) -> bytes:
    return next((bytes(value) for name, value in scope["headers"] if name == b"authorization"), b"")


def _stand_in(shown: bytes) -> bytes:
    """For the token, and short: we keep no secrets in tables."""
    return hashlib.blake2b(shown, digest_size=16).digest() if shown else b""
