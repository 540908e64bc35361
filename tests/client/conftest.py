"""A studio that answers as told, over a real connection, and notes what it is asked."""

from __future__ import annotations

import http.server
import json
import socket
import threading
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

import pytest

from rostra.client import RostraClient

BREAK = object()
"""The connection is gone before the answer."""

ROOM = {"id": "talk", "title": "A talk", "state": "scheduled", "at": "2030-05-01T17:30:00Z"}


@dataclass
class Asked:
    method: str
    path: str
    body: bytes
    headers: dict[str, str]

    @property
    def json(self) -> Any:
        return json.loads(self.body)


@dataclass
class Studio:
    url: str = ""
    asked: list[Asked] = field(default_factory=list)
    answers: list[Any] = field(default_factory=list)
    """One after the other, the last again and again: what is sent as JSON, or (status, it), bytes, or ``BREAK``."""
    headers: dict[str, str] = field(default_factory=dict)
    delay: threading.Event | None = None

    def client(self, **more: Any) -> RostraClient:
        return RostraClient(self.url, "secret", **more)


@pytest.fixture
def studio() -> Iterator[Studio]:
    found = Studio()

    class Handler(http.server.BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def handle_any(self) -> None:
            body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
            found.asked.append(Asked(self.command, self.path, body, dict(self.headers)))
            if found.delay:
                found.delay.wait(10)
            answer = found.answers.pop(0) if len(found.answers) > 1 else found.answers[0]
            if answer is BREAK:
                self.close_connection = True
                self.connection.shutdown(socket.SHUT_RDWR)
                return
            status, answer = answer if isinstance(answer, tuple) else (200, answer)
            sent = answer if isinstance(answer, bytes) else json.dumps(answer).encode()
            self.send_response(status)
            for name, value in {"Content-Length": str(len(sent)), **found.headers}.items():
                self.send_header(name, value)
            self.end_headers()
            self.wfile.write(sent)

        do_GET = do_POST = do_PATCH = do_PUT = do_DELETE = handle_any

        def log_message(self, *_: object) -> None:
            pass

    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    found.url = f"http://127.0.0.1:{server.server_port}"
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02})
    thread.start()
    yield found
    if found.delay:
        found.delay.set()
    server.shutdown()
    thread.join()
    server.server_close()
