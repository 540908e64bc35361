"""What a synthetic listener sends, as bytes. Pure."""

from __future__ import annotations

from rostra.rehearsal.listener import Asked
from rostra.rehearsal.target import Target
from rostra.units import Rendition


class Requests:
    def __init__(self, target: Target) -> None:
        self._room = target.path
        self._end = f"Host: {target.netloc}\r\nUser-Agent: rostra-rehearsal\r\n".encode()
        self._plain: dict[tuple[Asked, Rendition], bytes] = {}

    def make(
        self, what: Asked, rendition: Rendition, path: str = "", *, pass_: str = "", body: bytes | None = None
    ) -> bytes:
        """``path``: of a part or init below ``/hls/``, or the query of a playlist."""
        if not path and not pass_ and body is None:
            known = self._plain.get((what, rendition))
            if known is None:
                known = self._plain[what, rendition] = self._get(self._path(what, rendition, ""))
            return known
        address = self._path(what, rendition, path)
        if pass_ and what in (Asked.LIVE, Asked.PLAYLIST):
            address += ("&" if "?" in address else "?") + f"w={pass_}"
        if body is None:
            return self._get(address)
        return b"POST %s HTTP/1.1\r\n%sContent-Type: application/json\r\nContent-Length: %d\r\n\r\n%s" % (
            address.encode(), self._end, len(body), body,
        )  # fmt: skip

    def _get(self, address: str) -> bytes:
        return b"GET %s HTTP/1.1\r\n%s\r\n" % (address.encode(), self._end)

    def _path(self, what: Asked, rendition: Rendition, path: str) -> str:
        room = self._room
        match what:
            case Asked.LIVE:
                return f"{room}/live" + ("" if rendition is Rendition.OPUS else f"?codec={rendition}")
            case Asked.PAGE:
                return room
            case Asked.STATE | Asked.SERVING:
                return f"{room}/state"
            case Asked.DOOR | Asked.CHALLENGE:
                return f"{room}/door"
            case Asked.PLAYLIST:
                return f"{room}/hls/{rendition}.m3u8{path}"
            case Asked.INIT | Asked.PART:
                return f"{room}/hls/{below(rendition, path)}"


def below(rendition: Rendition, uri: str) -> str:
    """An address in a playlist, below ``/hls/``: ours are relative to it."""
    return uri.rpartition("/hls/")[2] if "/hls/" in uri else uri if "/" in uri else f"{rendition}/{uri}"
