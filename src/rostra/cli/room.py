"""``rostra room``: rooms by the studio's API, with the operator's token."""

from __future__ import annotations

import json
from collections.abc import Callable
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

import click

if TYPE_CHECKING:
    from rostra.client import RostraClient

F = TypeVar("F", bound=Callable[..., Any])

_LINKS = {
    "host": "opens the room and runs it",
    "cohost": "speaks, and mutes others",
    "speaker": "speaks",
    "public": "listens: give this one to everyone",
}


class _Time(click.ParamType):  # type: ignore[type-arg]  # generic only in later versions of click
    name = "ISO-TIME"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> str:
        try:
            return datetime.fromisoformat(value).isoformat()
        except (ValueError, OverflowError):
            self.fail(f"{value!r} is not a time: write 2031-05-01T19:30, or 2031-05-01T19:30+02:00.", param, ctx)


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


def _announced(command: F) -> F:
    for option in (
        click.option("--words", help="What it is about."),
        click.option("--tz", metavar="ZONE", help="The time zone it is announced in: Europe/Berlin."),
        click.option("--speaker", multiple=True, metavar="NAME", help="A name to announce; give it again for more."),
        click.option("--invited/--public", default=None, help="Whether it takes a link to listen."),
        click.option("--listed/--unlisted", default=None, help="Whether home page and feed name it."),
        click.option("--delay", type=float, metavar="S", help="Broadcast delay, 0 to 30 seconds."),
        click.option("--doors", type=float, metavar="MIN", help="Minutes before its time the doors open. Default 15."),
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


@command.command(
    epilog='Example:  rostra room create "Evening talk" --id talk --at 2031-05-01T19:30 --tz Europe/Berlin'
)
@click.argument("title")
@click.option("--id", "room_id", metavar="ID", help="Its name in addresses. Default: made from the title.")
@click.option("--at", type=_Time(), help="When it is announced to begin. Default: now.")
@_announced
@click.option("--picture", type=click.Path(exists=True, dir_okay=False), metavar="FILE", help="JPEG, PNG, WebP, GIF.")
@_common
def create(title: str, room_id: str | None, at: str | None, picture: str | None, **options: Any) -> None:
    """Make a room and print its links.

    The doors open 15 minutes before its time (--doors), or when the host comes. A time without an offset is what the
    clock shows in --tz, or here.
    """
    with _client(options) as rostra:
        room = rostra.create_room(title, id=room_id, at=_moment(at, options["tz"]), **_more(options))
        if picture:
            room |= rostra.set_picture(room["id"], Path(picture).read_bytes())
    _print(room, options, lambda: _with_links(room))


@command.command("list", epilog="Example:  rostra room list")
@_common
def list_rooms(**options: Any) -> None:
    """List all rooms, the newest first."""
    with _client(options) as rostra:
        rooms = list(rostra.rooms())

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
    with _client(options) as rostra:
        room = rostra.room(_safe(room_id))
    _print(room, options, lambda: _with_links(room))


@command.command(epilog='Example:  rostra room change talk --title "A longer evening" --delay 10')
@click.argument("room_id", metavar="ID")
@click.option("--title", help="What listeners read.")
@click.option("--at", type=_Time(), help="Moves it: those who wait are told.")
@_announced
@click.option("--picture", type=click.Path(exists=True, dir_okay=False), metavar="FILE", help="JPEG, PNG, WebP, GIF.")
@_common
def change(room_id: str, title: str | None, at: str | None, picture: str | None, **options: Any) -> None:
    """Change what is announced: only what is given."""
    changes = {"title": title, "at": _moment(at, options["tz"]), **_more(options)}
    changes = {name: value for name, value in changes.items() if value is not None}
    if not changes and not picture:
        raise click.UsageError("Say what to change; `rostra room change --help` lists it.")
    with _client(options) as rostra:
        room = rostra.change_room(_safe(room_id), **changes) if changes else {}
        if picture:
            room = rostra.set_picture(_safe(room_id), Path(picture).read_bytes())
    _done(room, options)


@command.command("open", epilog="Example:  rostra room open talk")
@click.argument("room_id", metavar="ID")
@_common
def open_room(room_id: str, **options: Any) -> None:
    """Open the doors now."""
    with _client(options) as rostra:
        _done(rostra.open(_safe(room_id)), options)


@command.command(epilog="Example:  rostra room start talk")
@click.argument("room_id", metavar="ID")
@_common
def start(room_id: str, **options: Any) -> None:
    """Start it, whatever the announced time."""
    with _client(options) as rostra:
        _done(rostra.start(_safe(room_id)), options)


@command.command(epilog="Example:  rostra room end talk")
@click.argument("room_id", metavar="ID")
@_common
def end(room_id: str, **options: Any) -> None:
    """End a room that is on air, or cancel one that has not begun.

    Listeners are told that it is over. It cannot be opened again.
    """
    with _client(options) as rostra:
        _done(rostra.end(_safe(room_id)), options)


@command.command(epilog='Example:  rostra room cancel talk --note "Ann is ill."')
@click.argument("room_id", metavar="ID")
@click.option("--note", default="", help="Why, for those who wait.")
@_common
def cancel(room_id: str, note: str, **options: Any) -> None:
    """Cancel a room that has not begun."""
    with _client(options) as rostra:
        _done(rostra.cancel(_safe(room_id), note), options)


@command.command(epilog="Example:  rostra room postpone talk 2031-05-02T19:30")
@click.argument("room_id", metavar="ID")
@click.argument("at", type=_Time())
@click.option("--note", default="", help="Why, for those who wait.")
@_common
def postpone(room_id: str, at: str, note: str, **options: Any) -> None:
    """Move a room to another time. One without an offset is in the room's time zone."""
    with _client(options) as rostra:
        _done(rostra.postpone(_safe(room_id), at, note), options)


@command.command(epilog="Example:  rostra room links talk")
@click.argument("room_id", metavar="ID")
@_common
def links(room_id: str, **options: Any) -> None:
    """Show its links, and whom personal ones were made for."""
    with _client(options) as rostra:
        found = rostra.links(_safe(room_id))

    def show() -> None:
        for name, link in found["shared"].items():
            click.echo(f"{name:<8} {link}")
        for one in found["items"]:
            gone = "taken back" if one["revoked"] else ""
            click.echo(f"{one['role']:<8} {one['identity']}  {one['name']} {gone}".rstrip())

    _print(found, options, show)


@command.command(epilog="Example:  rostra room invite talk speaker --name Ann")
@click.argument("room_id", metavar="ID")
@click.argument("role", type=click.Choice(["host", "cohost", "speaker", "listener"]))
@click.option("--name", default="", help="Shown beside the voice. Default: they are asked.")
@_common
def invite(room_id: str, role: Any, name: str, **options: Any) -> None:
    """Print a link for one person, which can be taken back by itself."""
    with _client(options) as rostra:
        made = rostra.invite(_safe(room_id), role, name)
    _print(made, options, lambda: click.echo(made["link"]))


@command.command(epilog="Example:  rostra room revoke talk Xb3kQ9-identity")
@click.argument("room_id", metavar="ID")
@click.argument("identity")
@_common
def revoke(room_id: str, identity: str, **options: Any) -> None:
    """Take a personal link back, at once. `rostra room links ID` lists them."""
    with _client(options) as rostra:
        rostra.revoke(_safe(room_id), identity)
    _print({}, options, lambda: click.echo("It is no longer good."))


@command.command(epilog="Example:  rostra room reissue talk speaker")
@click.argument("room_id", metavar="ID")
@click.argument("role", type=click.Choice(["host", "cohost", "speaker", "listener"]))
@_common
def reissue(room_id: str, role: Any, **options: Any) -> None:
    """Make the shared link of a role anew; the one before is no longer good."""
    with _client(options) as rostra:
        made = rostra.reissue(_safe(room_id), role)
    _print(made, options, lambda: click.echo(made["link"]))


@command.command(epilog="Example:  rostra room delete talk")
@click.argument("room_id", metavar="ID")
@_common
def delete(room_id: str, **options: Any) -> None:
    """Delete a room and all that belongs to it. It must not be on air."""
    with _client(options) as rostra:
        rostra.delete_room(_safe(room_id))
    _print({}, options, lambda: click.echo(f"{room_id} is deleted."))


def _more(options: dict[str, Any]) -> dict[str, Any]:
    doors = options["doors"]
    return {
        "words": options["words"],
        "tz": options["tz"],
        "speakers": list(options["speaker"]) or None,
        "invited": options["invited"],
        "listed": options["listed"],
        "delay_s": options["delay"],
        "doors_s": doors * 60.0 if doors is not None else None,
    }


def _moment(at: str | None, tz: str | None) -> str | None:
    """What the clock shows here, where neither an offset nor a time zone was given."""
    if at is None or tz or datetime.fromisoformat(at).tzinfo is not None:
        return at
    return datetime.fromisoformat(at).astimezone().isoformat()


def _done(room: dict[str, Any], options: dict[str, Any]) -> None:
    def show() -> None:
        click.echo(f"{room['id']} is {room['state']}.")
        if room.get("remark"):
            click.echo(room["remark"])

    _print(room, options, show)


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


def _client(options: dict[str, Any]) -> RostraClient:
    from rostra.client import RostraClient

    studio, token, verify = studio_of(options)
    return RostraClient(studio, token, verify=verify)


def studio_of(options: dict[str, Any]) -> tuple[str, str, bool]:
    """Address, token, and whether to check its certificate: our own, asked by its number, is not made out to that."""
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
