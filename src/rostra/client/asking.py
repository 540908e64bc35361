"""How the studio is asked: one HTTP client, answers of a bounded size, pages, and wishes that are granted once."""

from __future__ import annotations

import json
import secrets
from collections.abc import Iterator
from typing import Any
from urllib.parse import urlsplit

import httpx

from rostra.client.answers import Json
from rostra.client.problems import error
from rostra.errors import BadToken, ConfigError, RostraError, Unavailable

PAGE = 100

MAX_ANSWER_BYTES = 16 * 1024 * 1024
"""A page of a hundred rooms with the longest words that there may be has a tenth of it."""

_BROKEN = (httpx.ReadError, httpx.WriteError, httpx.CloseError, httpx.RemoteProtocolError)
"""The connection was there and is gone: whether the wish was heard is not known."""


class Asking:
    def __init__(
        self, base_url: str, token: str, timeout_s: float, *, verify: bool, transport: httpx.BaseTransport | None
    ) -> None:
        self._base = _address(base_url)
        if not token or not token.isascii() or not token.isprintable() or " " in token:
            raise BadToken("That is no token. Copy what stands after #t= in a link, or DATA/keys/operator-token.")
        self._timeout_s = timeout_s
        self._http = httpx.Client(
            headers={"Authorization": f"Bearer {token}", "Accept": "application/json"},
            verify=verify,
            trust_env=False,  # a proxy of the environment does not get to see tokens
            transport=transport,
        )

    def close(self) -> None:
        self._http.close()

    def make(self, path: str, body: Json | bytes, at_least_s: float = 0.0) -> Json:
        """Granted once, however often it is said: with one key, and once more if the connection breaks."""
        headers = {"Idempotency-Key": secrets.token_urlsafe(16)}
        try:
            return self.ask("POST", path, body, headers=headers, at_least_s=at_least_s)
        except Unavailable as e:
            if not isinstance(e.__cause__, _BROKEN):
                raise
            return self.ask("POST", path, body, headers=headers, at_least_s=at_least_s)

    def pages(self, path: str, params: Json | None = None) -> Iterator[Json]:
        """Each asked for only when the one before is used up."""
        cursor = ""
        while True:
            page = self.ask("GET", path, params={**(params or {}), "limit": PAGE, "cursor": cursor})
            if not isinstance(page.get("items"), list):
                raise self._stranger()
            yield page
            before, cursor = cursor, str(page.get("next") or "")
            if not cursor:
                return
            if cursor == before:
                raise RostraError(f"The studio at {self._base} gives the same page again and again. Restart it.")

    def items(self, path: str, params: Json | None = None) -> Iterator[Json]:
        for page in self.pages(path, params):
            yield from page["items"]

    def ask(
        self, method: str, path: str, body: Json | bytes | None = None, *,
        params: Json | None = None, headers: dict[str, str] | None = None, at_least_s: float = 0.0,
    ) -> Json:  # fmt: skip
        sent: Json = {"content": body} if isinstance(body, bytes) else {"json": body} if body is not None else {}
        within_s = max(self._timeout_s, at_least_s)
        try:
            with self._http.stream(
                method, f"{self._base}{path}", params=params, headers=headers, timeout=within_s, **sent
            ) as answer:
                told = self._read(answer)
        except httpx.TimeoutException as e:
            raise Unavailable(
                f"The studio at {self._base} did not answer within {within_s:g} s. Is `rostra serve` running? "
                "What was asked may have been done: look before you ask again."
            ) from e
        except httpx.HTTPError as e:
            why = str(e) or type(e).__name__
            raise Unavailable(f"The studio at {self._base} does not answer ({why}). Is `rostra serve` running?") from e
        return self._understood(answer, told)

    def _read(self, answer: httpx.Response) -> bytes:
        told = bytearray()
        for piece in answer.iter_bytes():
            told += piece
            if len(told) > MAX_ANSWER_BYTES:
                raise self._stranger()
        return bytes(told)

    def _understood(self, answer: httpx.Response, told: bytes) -> Json:
        found: Any = None
        try:
            found = json.loads(told)
        except (ValueError, RecursionError) as e:
            if answer.status_code >= 500:  # a proxy before a studio that is down
                raise Unavailable(
                    f"The studio at {self._base} does not answer (status {answer.status_code}). Try again in a minute."
                ) from e
            raise self._stranger() from e
        if not answer.is_success:
            raise error(answer.status_code, found, answer.headers.get("Retry-After", ""))
        if not isinstance(found, dict):
            raise self._stranger()
        return found

    def _stranger(self) -> RostraError:
        return RostraError(f"What answers at {self._base} is not a Rostra studio. Look at the address again.")


def _address(base_url: str) -> str:
    try:
        parts = urlsplit(base_url)
        good = parts.scheme in ("http", "https") and bool(parts.hostname) and not parts.query and not parts.fragment
        _ = parts.port
        httpx.URL(base_url)
    except (ValueError, httpx.InvalidURL):
        good = False
    if not good:
        raise ConfigError(
            f"{base_url[:100]!r} is not the address of a studio: write it as https://HOST or http://HOST:PORT."
        )
    return base_url.rstrip("/")
