"""The room commands against an HTTP server that notes what it is asked and answers as told."""

from __future__ import annotations

import http.server
import json
import os
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner, Result

from rostra.cli import main
from rostra.keys import make_keys, operator_token

ROOM = {
    "id": "talk", "title": "A talk", "state": "scheduled",
    "at": "2030-05-01T17:30:00Z", "created": "2030-01-01T00:00:00Z", "started": None, "ended": None, "public": "http://f/r/talk",
    "links": {"host": "http://s/host/talk#t=H", "cohost": "http://s/host/talk#t=C", "speaker": "http://s/speak/talk#t=S",
              "public": "http://f/r/talk"},
}  # fmt: skip


class Studio:
    def __init__(self) -> None:
        self.asked: list[tuple[str, str, Any, str]] = []
        self.answer: tuple[int, Any] = (200, ROOM)
        studio = self

        class Handler(http.server.BaseHTTPRequestHandler):
            def handle_any(self) -> None:
                body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
                token = self.headers.get("Authorization", "")
                studio.asked.append((self.command, self.path, json.loads(body) if body else None, token))
                status, found = studio.answer
                sent = found if isinstance(found, bytes) else json.dumps(found).encode()
                self.send_response(status)
                self.send_header("Content-Length", str(len(sent)))
                self.end_headers()
                self.wfile.write(sent)

            do_GET = do_POST = handle_any

            def log_message(self, *_: object) -> None:
                pass

        self.server = http.server.HTTPServer(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self.server.server_port}"
        self.thread = threading.Thread(target=self.server.serve_forever)
        self.thread.start()

    def close(self) -> None:
        self.server.shutdown()
        self.thread.join()
        self.server.server_close()


@pytest.fixture
def studio() -> Iterator[Studio]:
    found = Studio()
    yield found
    found.close()


@pytest.fixture
def data(tmp_path: Path, studio: Studio, monkeypatch: pytest.MonkeyPatch) -> Path:
    for name in [n for n in os.environ if n.startswith("ROSTRA_")]:
        monkeypatch.delenv(name)
    make_keys(tmp_path)
    (tmp_path / "run").mkdir()
    (tmp_path / "run" / "serve.json").write_text(json.dumps({"studio": studio.url}))
    return tmp_path


def run(data: Path, *words: str) -> Result:
    return CliRunner().invoke(main, ["room", *words, "--data", str(data)])


def test_create_finds_the_studio_and_prints_the_links(studio: Studio, data: Path) -> None:
    studio.answer = (201, ROOM)
    shown = run(data, "create", "A talk", "--id", "talk", "--at", "2030-05-01T19:30+02:00")
    assert shown.exit_code == 0, shown.output
    for link in ROOM["links"].values():  # type: ignore[attr-defined]
        assert link in shown.output
    method, path, body, token = studio.asked[0]
    assert (method, path, token) == ("POST", "/api/rooms", f"Bearer {operator_token(data)}")
    assert (body["title"], body["id"]) == ("A talk", "talk")
    assert body["at"].startswith("2030-05-01T")


def test_json_is_what_the_studio_said(studio: Studio, data: Path) -> None:
    for words in (("create", "A talk"), ("show", "talk"), ("end", "talk")):
        assert json.loads(run(data, *words, "--json").output) == ROOM
    assert [a[:2] for a in studio.asked] == [
        ("POST", "/api/rooms"), ("GET", "/api/rooms/talk"), ("POST", "/api/rooms/talk/end"),
    ]  # fmt: skip
    assert studio.asked[0][2] == {"title": "A talk"}


def test_list_for_people(studio: Studio, data: Path) -> None:
    studio.answer = (200, {"items": [ROOM], "next": None})
    shown = run(data, "list").output
    assert "scheduled" in shown
    assert "A talk" in shown
    studio.answer = (200, {"items": [], "next": None})
    assert "rostra room create" in run(data, "list").output


def test_what_the_studio_refuses_is_said(studio: Studio, data: Path) -> None:
    studio.answer = (409, {"detail": "There is a room 'talk' already.", "status": 409})
    shown = run(data, "create", "A talk")
    assert (shown.exit_code, shown.output) == (1, "rostra: There is a room 'talk' already.\n")
    studio.answer = (200, b"<html>")
    assert "is not a Rostra studio" in run(data, "list").output
    studio.answer = (500, ["?"])
    assert "status 500" in run(data, "list").output


def test_nobody_there(studio: Studio, data: Path, tmp_path: Path) -> None:
    (data / "run" / "serve.json").write_text(json.dumps({"studio": "http://127.0.0.1:1"}))
    assert "Is `rostra serve` running?" in run(data, "list").output
    (data / "run" / "serve.json").unlink()
    assert "No `rostra serve` runs with the data folder" in run(data, "list").output
    assert "cannot be read" in run(tmp_path / "elsewhere", "list").output


def test_a_studio_elsewhere(studio: Studio, data: Path) -> None:
    studio.answer = (200, {"items": [], "next": None})
    shown = CliRunner().invoke(main, ["room", "list", "--json", "--studio", f"{studio.url}/", "--token", "secret"])
    assert shown.exit_code == 0
    assert studio.asked[0][3] == "Bearer secret"


def test_odd_arguments_go_nowhere(studio: Studio, data: Path) -> None:
    assert run(data, "show", "../../x").exit_code == 1
    assert run(data, "create", "A", "--at", "tomorrow").exit_code == 2
    assert studio.asked == []


def test_every_command_teaches_by_an_example() -> None:
    names = [
        "create",
        "list",
        "show",
        "change",
        "open",
        "start",
        "end",
        "cancel",
        "postpone",
        "links",
        "invite",
        "revoke",
        "reissue",
        "delete",
    ]
    for words in ([], *([name] for name in names)):
        assert "Example:" in CliRunner().invoke(main, ["room", *words, "--help"]).output


def test_the_desk_is_signed_in_to_by_a_link(studio: Studio, data: Path) -> None:
    shown = CliRunner().invoke(main, ["desk-token", "--data", str(data)])
    assert shown.output == f"{studio.url}/desk#t={operator_token(data)}\n"
