"""``rostra room``: rooms by the studio's API, with the operator's token."""

from __future__ import annotations

import json
from collections.abc import Callable
from datetime import datetime
from typing import Any, TypeVar

import click

F = TypeVar("F", bound=Callable[..., Any])

_LINKS = {
    "host": "opens the room and runs it",
    "cohost": "speaks, and mutes others",
    "speaker": "speaks",
    "public": "listens: give this one to everyone",
}


class _Time(click.ParamType):  # type: ignore[type-arg]  # generic only in later versions of click
    name = "ISO-TIME"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> datetime:
        if isinstance(value, datetime):
            return value
        try:
            return datetime.fromisoformat(value).astimezone()
        except (ValueError, OverflowError):
            self.fail(f"{value!r} is not a time: write 2026-05-01T19:30, or 2026-05-01T19:30+02:00.", param, ctx)


def _common(command: F) -> F:
    for option in (
        click.option("--json", "as_json", is_flag=True, help="For programs."),
        click.option("--data", metavar="DIR", help="The data folder of the running `rostra serve`. Default .rostra."),
        click.option("--studio", metavar="URL", help="A studio elsewhere, with --token."),
        click.option("--token", metavar="TOKEN", help="Its operator's token (DATA/keys/operator-token)."),
        click.option("--config", "config_file", metavar="FILE", help="Settings (TOML)."),
    ):
        command = option(command)
    return command


@click.group(
    epilog='Example:  rostra room create "Evening talk" --at 2026-05-01T19:30',
    context_settings={"help_option_names": ["-h", "--help"]},
)
def command() -> None:
    """Make, list, show and end rooms of the Rostra that runs here.

    Whoever holds a room's link holds the right in it; there are no passwords.
    """


@command.command(epilog='Example:  rostra room create "Evening talk" --id talk --at 2026-05-01T19:30')
@click.argument("title")
@click.option("--id", "room_id", metavar="ID", help="Its name in addresses. Default: made from the title.")
@click.option("--at", type=_Time(), help="When it is announced to begin. Default: now.")
@_common
def create(title: str, room_id: str | None, at: datetime | None, **options: Any) -> None:
    """Make a room and print its links.

    The doors open when the host comes.
    """
    new = {"title": title, "id": room_id, "at": at.isoformat() if at else None}
    room = _ask("POST", "/api/rooms", options, {k: v for k, v in new.items() if v is not None})
    _print(room, options, lambda: _with_links(room))


@command.command("list", epilog="Example:  rostra room list")
@_common
def list_rooms(**options: Any) -> None:
    """List all rooms, the newest first."""
    rooms = _ask("GET", "/api/rooms", options)

    def show() -> None:
        if not rooms:
            click.echo('There are no rooms. Make one: rostra room create "A title"')
        for room in rooms:
            click.echo(f"{room['state']:<12} {_time(room['at'])}  {room['id']:<24} {room['title']}")

    _print(rooms, options, show)


@command.command(epilog="Example:  rostra room show talk")
@click.argument("room_id", metavar="ID")
@_common
def show(room_id: str, **options: Any) -> None:
    """Show a room, its links included."""
    room = _ask("GET", f"/api/rooms/{_safe(room_id)}", options)
    _print(room, options, lambda: _with_links(room))


@command.command(epilog="Example:  rostra room end talk")
@click.argument("room_id", metavar="ID")
@_common
def end(room_id: str, **options: Any) -> None:
    """End a room that is on air, or cancel one that has not begun.

    Listeners are told that it is over. It cannot be opened again.
    """
    room = _ask("POST", f"/api/rooms/{_safe(room_id)}/end", options)
    _print(room, options, lambda: click.echo(f"{room['id']} is {room['state']}."))


def _print(found: Any, options: dict[str, Any], for_people: Callable[[], None]) -> None:
    if options["as_json"]:
        click.echo(json.dumps(found, ensure_ascii=False))
    else:
        for_people()


def _with_links(room: dict[str, Any]) -> None:
    click.echo(f"{room['title']}\n{room['id']}, {room['state']}, {_time(room['at'])}\n")
    for name, what in _LINKS.items():
        click.echo(f"{name:<8} {what}\n  {room['links'][name]}\n")


def _time(text: str) -> str:
    return f"{datetime.fromisoformat(text).astimezone():%a %d %b %Y %H:%M}"


def _safe(room_id: str) -> str:
    """:raises NotFound: before anything odd goes into an address."""
    from rostra.errors import NotFound
    from rostra.wire.rooms import ROOM_ID

    if not ROOM_ID.fullmatch(room_id):
        raise NotFound(f"There is no room {room_id!r}: an id is 1 to 40 of a-z, 0-9 and inner hyphens.")
    return room_id


def _ask(method: str, path: str, options: dict[str, Any], body: dict[str, Any] | None = None) -> Any:
    """:raises RostraError: with the studio's own sentence."""
    import httpx

    from rostra.errors import RostraError, Unavailable

    studio, token, verify = _studio(options)
    try:
        answer = httpx.request(
            method,
            f"{studio}{path}",
            json=body,
            headers={"Authorization": f"Bearer {token}"},
            timeout=15.0,
            verify=verify,
            trust_env=False,
        )
        found = answer.json()
    except httpx.HTTPError as e:
        raise Unavailable(f"The studio at {studio} does not answer ({e}). Is `rostra serve` running?") from e
    except ValueError as e:
        raise RostraError(f"What answers at {studio} is not a Rostra studio.") from e
    if answer.is_success:
        return found
    detail = found.get("detail") if isinstance(found, dict) else None
    raise RostraError(str(detail or f"The studio answered with status {answer.status_code}."))


def _studio(options: dict[str, Any]) -> tuple[str, str, bool]:
    """Address, token, and whether to check its certificate: our own, asked by its number, is not made out to that."""
    from pathlib import Path
    from urllib.parse import urlsplit

    from rostra import config
    from rostra.errors import Unavailable
    from rostra.keys import operator_token

    if options["studio"] and options["token"]:
        return options["studio"].rstrip("/"), options["token"], True
    overrides = {"data": options["data"]} if options["data"] else {}
    data = Path(config.load(options["config_file"], overrides).data)
    token = options["token"] or operator_token(data)
    if options["studio"]:
        return options["studio"].rstrip("/"), token, True
    try:
        studio = str(json.loads((data / "run" / "serve.json").read_text())["studio"])
    except (OSError, ValueError, KeyError, TypeError) as e:
        raise Unavailable(
            f"No `rostra serve` runs with the data folder {data}. Start it, or give its --data DIR, or --studio URL."
        ) from e
    return studio, token, urlsplit(studio).hostname not in ("127.0.0.1", "::1", "localhost")
