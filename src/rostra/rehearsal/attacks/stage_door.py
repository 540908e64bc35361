"""A flood at the stage door: WHIP offers with tokens that are none, API calls and sign-ins.

It is aimed at the stage door's address where the consent names one, at the front door's otherwise (which has no such
addresses and says so).
"""

from __future__ import annotations

from collections.abc import Iterator

from rostra.rehearsal.attacks.steps import Aim, Answer, Send, Step

OFFER = (
    "v=0\r\no=- {n} 2 IN IP4 127.0.0.1\r\ns=-\r\nt=0 0\r\na=group:BUNDLE 0\r\n"
    "m=audio 9 UDP/TLS/RTP/SAVPF 111\r\nc=IN IP4 0.0.0.0\r\na=mid:0\r\na=sendonly\r\na=rtcp-mux\r\n"
    "a=ice-ufrag:abcd\r\na=ice-pwd:abcdefghijklmnopqrstuvwx\r\na=setup:actpass\r\na=rtpmap:111 opus/48000/2\r\n"
)


def script(aim: Aim, number: int) -> Iterator[Step]:
    offer = OFFER.replace("{n}", str(number)).encode()
    room = aim.target.room
    for turn in range(1_000_000):
        token = f"Authorization: Bearer {aim.word(number << 20 ^ turn, 90)}\r\n"
        if turn % 2:
            yield Send(aim.get(f"/api/rooms/{room}", token))
        else:
            head = (
                f"POST /stage/{room}/whip HTTP/1.1\r\nHost: {aim.target.netloc}\r\nContent-Type: application/sdp\r\n"
                f"Content-Length: {len(offer)}\r\n{token}\r\n"
            )
            yield Send(head.encode() + offer)
        yield Answer()
