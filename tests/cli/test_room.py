"""The room commands against an HTTP server that notes what it is asked and answers as told."""

from __future__ import annotations

import http.server
import json
import os
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner, Result

from rostra.cli import main
from rostra.keys import make_keys, operator_token

NAMES = [
    "create", "list", "show", "change", "open", "start", "end", "cancel", "postpone", "links", "invite", "revoke",
    "reissue", "delete",
]  # fmt: skip

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
        self.refuse = ""
        """A path that is answered by a refusal."""
        studio = self

        class Handler(http.server.BaseHTTPRequestHandler):
            def handle_any(self) -> None:
                body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
                token = self.headers.get("Authorization", "")
                kind = self.headers.get("Content-Type", "")
                said = json.loads(body) if body and kind == "application/json" else body or None
                studio.asked.append((self.command, self.path, said, token))
                status, found = studio.answer if self.path != studio.refuse else (415, {"detail": "No."})
                sent = found if isinstance(found, bytes) else json.dumps(found).encode()
                self.send_response(status)
                self.send_header("Content-Length", str(len(sent)))
                self.end_headers()
                self.wfile.write(sent)

            do_GET = do_POST = do_PATCH = do_PUT = do_DELETE = handle_any

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


@pytest.fixture
def berlin(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """The clock of this machine."""
    monkeypatch.setenv("TZ", "Europe/Berlin")
    time.tzset()
    yield
    monkeypatch.undo()
    time.tzset()


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
    for words in ([], *([name] for name in NAMES)):
        assert "Example:" in CliRunner().invoke(main, ["room", *words, "--help"]).output


def test_the_desk_is_signed_in_to_by_a_link(studio: Studio, data: Path) -> None:
    link = f"{studio.url}/desk#t={operator_token(data)}"
    assert CliRunner().invoke(main, ["desk-token", "--data", str(data)]).output == f"{link}\n"
    shown = CliRunner().invoke(main, ["desk-token", "--data", str(data), "--json"])
    assert json.loads(shown.output) == {"link": link}
    assert studio.asked == []
    assert run(data, "desk").exit_code == 2


def test_a_room_is_announced_with_all_that_is_said(studio: Studio, data: Path, tmp_path: Path) -> None:
    (tmp_path / "sea.png").write_bytes(b"the sea")
    words = (
        "create", "A talk", "--at", "2030-05-01T19:30", "--tz", "Europe/Berlin", "--words", "Of the sea.", "--speaker",
        "Ann", "--speaker", "Ben", "--invited", "--unlisted", "--delay", "10", "--doors", "30",
        "--picture", str(tmp_path / "sea.png"),
    )  # fmt: skip
    shown = run(data, *words)
    assert shown.exit_code == 0, shown.output
    assert studio.asked[0][2] == {
        "title": "A talk", "at": "2030-05-01T19:30:00", "tz": "Europe/Berlin", "words": "Of the sea.",
        "speakers": ["Ann", "Ben"], "invited": True, "listed": False, "delay_s": 10.0, "doors_s": 1800.0,
    }  # fmt: skip
    assert studio.asked[1][:3] == ("PUT", "/api/rooms/talk/picture", b"the sea")
    assert shown.stderr == "19:30 is on the clock in Europe/Berlin.\n"


def test_a_picture_that_is_not_taken_does_not_hide_the_links(studio: Studio, data: Path, tmp_path: Path) -> None:
    (tmp_path / "sea.png").write_bytes(b"the sea")
    studio.refuse = "/api/rooms/talk/picture"
    shown = run(data, "create", "A talk", "--picture", str(tmp_path / "sea.png"))
    assert shown.exit_code == 1
    assert "http://s/host/talk#t=H" in shown.stdout
    assert shown.stderr == (
        "rostra: The room is made, but without its picture: No. Then: rostra room change talk --picture FILE\n"
    )


def test_a_picture_that_cannot_be_had_is_said_before_anything_is_made(
    studio: Studio, data: Path, tmp_path: Path
) -> None:
    (tmp_path / "empty.png").touch()
    for file, why in (("none.png", "cannot be read"), ("empty.png", "is empty"), (".", "cannot be read")):
        shown = run(data, "create", "A talk", "--picture", str(tmp_path / file))
        assert (shown.exit_code, why in shown.output) == (2, True)
    assert studio.asked == []


def test_a_new_room_is_announced_by_the_clock_of_this_machine(studio: Studio, data: Path, berlin: None) -> None:
    shown = run(data, "create", "A talk", "--at", "2030-05-01T19:30", "--json")
    assert json.loads(shown.stdout) == ROOM
    assert shown.stderr == "19:30 is on the clock of this machine (CEST, +0200); --tz names another zone.\n"
    assert studio.asked[-1][2]["at"] == "2030-05-01T19:30:00+02:00"
    assert "Wed 01 May 2030 19:30 CEST" in run(data, "show", "talk").stdout


def test_a_room_is_moved_by_its_own_clock(studio: Studio, data: Path, berlin: None) -> None:
    studio.answer = (200, {**ROOM, "tz": "Asia/Tokyo", "remark": "There is no 02:30 that day."})
    for words in (("change", "talk"), ("postpone", "talk"), ("postpone", "talk", "--tz", "Asia/Tokyo")):
        studio.asked.clear()
        shown = run(data, *words, "--at", "2030-05-01T19:30")
        assert shown.stderr == "19:30 is on the clock in Asia/Tokyo.\nThere is no 02:30 that day.\n"
        assert [asked[0] for asked in studio.asked] == ["GET", "PATCH" if "change" in words else "POST"]
        assert studio.asked[-1][2]["at"] == "2030-05-01T19:30:00"  # which the studio reads in the room's zone
        run(data, *words, "--at", "2030-05-01T19:30+02:00")
        assert studio.asked[-1][2]["at"] == "2030-05-01T19:30:00+02:00"
        assert len(studio.asked) == 3  # whose clock it is was not asked again


def test_an_hour_that_is_skipped_or_comes_twice_in_another_zone_is_said(studio: Studio, data: Path) -> None:
    for at, sent, said in (
        ("2030-03-31T02:30", "2030-03-31T03:30:00+02:00", "There is no 02:30 on 31.03.2030 in Europe/Berlin"),
        ("2030-10-27T02:30", "2030-10-27T02:30:00+02:00", "It is the first time, +02:00 from UTC."),
    ):
        shown = run(data, "postpone", "talk", "--at", at, "--tz", "Europe/Berlin")
        assert studio.asked[-1][2]["at"] == sent
        assert said in shown.stderr


def test_a_room_is_postponed_by_the_clock_of_a_zone(studio: Studio, data: Path) -> None:
    shown = run(data, "postpone", "talk", "--at", "2030-01-05T19:30", "--tz", "Asia/Tokyo", "--note", "Ill.")
    assert studio.asked[-1][1:3] == (
        "/api/rooms/talk/postpone", {"at": "2030-01-05T19:30:00+09:00", "note": "Ill."},
    )  # fmt: skip
    assert shown.stderr == "19:30 is on the clock in Asia/Tokyo.\n"
    assert shown.stdout.startswith("talk is scheduled, ")


def test_an_unknown_zone_goes_nowhere(studio: Studio, data: Path) -> None:
    for zone in ("Mars", "", "../etc", "Europe"):
        shown = run(data, "create", "A", "--tz", zone)
        assert (shown.exit_code, "is no time zone" in shown.output) == (2, True)
    assert studio.asked == []


def test_what_must_be_said_about_a_time_is_said(studio: Studio, data: Path) -> None:
    studio.answer = (200, {**ROOM, "remark": "There is no 02:30 that day."})
    for words in (("create", "A talk"), ("change", "talk", "--title", "B")):
        assert "There is no 02:30 that day." in run(data, *words).stderr


def test_change_wants_something_to_change(studio: Studio, data: Path, tmp_path: Path) -> None:
    assert run(data, "change", "talk").exit_code == 2
    assert studio.asked == []
    run(data, "change", "talk", "--public", "--listed", "--delay", "0")
    assert studio.asked[0] == (
        "PATCH", "/api/rooms/talk", {"listed": True, "invited": False, "delay_s": 0.0},
        f"Bearer {operator_token(data)}",
    )  # fmt: skip
    (tmp_path / "sea.png").write_bytes(b"the sea")
    assert run(data, "change", "talk", "--picture", str(tmp_path / "sea.png")).exit_code == 0
    assert [asked[0] for asked in studio.asked] == ["PATCH", "PUT"]


def test_its_life(studio: Studio, data: Path) -> None:
    for state, words in (
        ("open", ("open", "talk")), ("live", ("start", "talk")), ("ended", ("end", "talk")),
        ("cancelled", ("cancel", "talk", "--note", "Ill.")),
    ):  # fmt: skip
        studio.answer = (200, {**ROOM, "state": state})
        assert run(data, *words).output == f"talk is {state}.\n"
        assert studio.asked[-1][:2] == ("POST", f"/api/rooms/talk/{words[0]}")
    assert studio.asked[-1][2] == {"note": "Ill."}


def test_links_are_shown_given_and_taken_back(studio: Studio, data: Path) -> None:
    studio.answer = (201, {"link": "http://s/speak/talk#t=P", "identity": "i-1"})
    assert run(data, "invite", "talk", "speaker", "Ann").output == "http://s/speak/talk#t=P\n"
    assert studio.asked[-1][2] == {"role": "speaker", "name": "Ann"}
    assert run(data, "invite", "talk", "king").exit_code == 2
    studio.answer = (200, {"role": "host", "link": "http://s/host/talk#t=N"})
    assert run(data, "reissue", "talk", "host").output == "http://s/host/talk#t=N\n"
    made = {"identity": "i-1", "role": "speaker", "name": "Ann", "at": ROOM["at"], "revoked": None}
    page = {"items": [made, {**made, "identity": "i-2", "revoked": ROOM["at"]}], "next": None, "complete": False}
    studio.answer = (200, {**page, "shared": {"host": "http://s/host/talk#t=H"}})
    shown = run(data, "links", "talk")
    assert shown.stdout == ("host     http://s/host/talk#t=H\nspeaker  i-1  Ann\nspeaker  i-2  Ann taken back\n")
    assert "the catalog does not answer" in shown.stderr
    studio.answer = (200, {})
    assert run(data, "revoke", "talk", "i-1").output == "It is no longer good.\n"
    assert studio.asked[-1][:2] == ("DELETE", "/api/rooms/talk/links/i-1")


def test_delete_asks(studio: Studio, data: Path) -> None:
    shown = CliRunner().invoke(main, ["room", "delete", "talk", "--data", str(data)], input="n\n")
    assert shown.exit_code == 1
    assert "'A talk'" in shown.stderr
    assert [asked[0] for asked in studio.asked] == ["GET"]
    shown = CliRunner().invoke(main, ["room", "delete", "talk", "--data", str(data)], input="y\n")
    assert (shown.exit_code, studio.asked[-1][:2]) == (0, ("DELETE", "/api/rooms/talk"))
    studio.asked.clear()
    assert run(data, "delete", "talk", "--yes").output == "talk is deleted.\n"
    assert [asked[0] for asked in studio.asked] == ["DELETE"]


def test_an_odd_studio_or_token_is_a_sentence(data: Path) -> None:
    for words in (("--studio", "studio.test", "--token", "x"), ("--studio", "http://127.0.0.1:1", "--token", "x\ny")):
        shown = CliRunner().invoke(main, ["room", "list", *words])
        assert shown.exit_code == 1
        assert shown.output.startswith("rostra: ")
        assert "x\ny" not in shown.output
