"""``rostra room``: rooms by the studio's API, with the operator's token.

``--json`` prints what the studio answered, as it came; what is for a person beside it goes to standard error.
"""

from __future__ import annotations

import dataclasses
import json
import sys
from collections.abc import Callable
from datetime import datetime, tzinfo
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

import click

if TYPE_CHECKING:
    from rostra.client import Room, RostraClient

F = TypeVar("F", bound=Callable[..., Any])

_LINKS = {
    "host": "opens the room and runs it",
    "cohost": "speaks, and mutes others",
    "speaker": "speaks",
    "public": "listens: give this one to everyone",
    "listener": "listens: the room takes this link to hear it",
}
_ROLES = click.Choice(["host", "cohost", "speaker", "listener"])

MAX_FILE_BYTES = 64 * 1024 * 1024
"""No more of a file is read. The studio takes less (8 MB), and says so itself."""


class _Time(click.ParamType):  # type: ignore[type-arg]  # generic only in later versions of click
    name = "ISO-TIME"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> str:
        try:
            return datetime.fromisoformat(value).isoformat()
        except (ValueError, OverflowError):
            self.fail(f"{value!r} is not a time: write 2031-05-01T19:30, or 2031-05-01T19:30+02:00.", param, ctx)


class _Zone(click.ParamType):  # type: ignore[type-arg]
    name = "ZONE"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> str:
        from zoneinfo import ZoneInfo

        try:
            return ZoneInfo(value).key
        except (ValueError, OSError, KeyError):
            self.fail(f"{value!r} is no time zone: write it as Europe/Berlin or UTC.", param, ctx)


class _Picture(click.ParamType):  # type: ignore[type-arg]
    """Read at once: a file that cannot be had is said before anything is made."""

    name = "FILE"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> bytes:
        try:
            with Path(value).open("rb") as file:
                data = file.read(MAX_FILE_BYTES + 1)
        except OSError as e:
            self.fail(f"{value!r} cannot be read: {e.strerror}.", param, ctx)
        if not data or len(data) > MAX_FILE_BYTES:
            self.fail(f"{value!r} is {'too large' if data else 'empty'}: give a picture of at most 8 MB.", param, ctx)
        return data


def _common(command: F) -> F:
    options = (
        click.option("--json", "as_json", is_flag=True, help="For programs."),
        click.option("--data", metavar="DIR", help="The data folder of the running `rostra serve`. Default .rostra."),
        click.option("--studio", metavar="URL", help="A studio elsewhere, with --token."),
        click.option("--token", metavar="TOKEN", help="Its operator's token (DATA/keys/operator-token)."),
        click.option("--config", "config_file", metavar="FILE", help="Settings (TOML)."),
    )
    for option in reversed(options):  # the one named first is shown first
        command = option(command)
    return command


def _announced(command: F) -> F:
    options = (
        click.option("--words", help="What it is about."),
        click.option("--tz", type=_Zone(), help="The time zone it is announced in. Default: UTC, or as it was."),
        click.option("--picture", type=_Picture(), metavar="FILE", help="JPEG, PNG, WebP or GIF, at most 8 MB."),
        click.option("--speaker", multiple=True, metavar="NAME", help="A name to announce; give it again for more."),
        click.option("--invited/--public", default=None, help="Whether it takes a link to listen."),
        click.option("--listed/--unlisted", default=None, help="Whether home page and feed name it."),
        click.option("--delay", type=click.FloatRange(0, 30), metavar="S", help="Broadcast delay, 0 to 30 seconds."),
        click.option(
            "--doors",
            type=click.FloatRange(0, 24 * 60),
            metavar="MIN",
            help="Minutes before its time the doors open. Default 15.",
        ),
    )
    for option in reversed(options):  # the one named first is shown first
        command = option(command)
    return command


@click.group(
    epilog="""\b
Example:  rostra room create "Evening talk" --at 2031-05-01T19:30 --tz Europe/Berlin
          rostra room invite evening-talk speaker Ann
          rostra room postpone evening-talk --at 2031-05-02T19:30 --note "Ann is ill."
          rostra room links evening-talk""",
    context_settings={"help_option_names": ["-h", "--help"]},
)
def command() -> None:
    """Make, list, show, change and end rooms of the Rostra that runs here.

    Whoever holds a room's link holds the right in it; there are no passwords. Another Rostra than the one of this
    folder: --data DIR, or --studio URL with --token.
    """


@command.command(
    epilog="""\b
Example:  rostra room create "Evening talk"
          rostra room create "Evening talk" --id talk --at 2031-05-01T19:30 --tz Europe/Berlin \\
            --speaker Ann --speaker Ben --words "About the sea." --picture sea.jpg
          rostra room create "Board meeting" --invited --unlisted --delay 10"""
)
@click.argument("title")
@click.option("--id", "room_id", metavar="ID", help="Its name in addresses. Default: made from the title.")
@click.option("--at", type=_Time(), help="When it is announced to begin. Default: now.")
@_announced
@_common
def create(title: str, room_id: str | None, at: str | None, picture: bytes | None, **options: Any) -> None:
    """Make a room and print its links.

    The doors open 15 minutes before its time (--doors), or when a host opens them. A time without an offset is what the
    clock shows in the zone --tz, or, without --tz, on this machine.
    """
    from rostra.errors import RostraError

    at = _moment(at, options["tz"])
    refused: RostraError | None = None
    with _client(options) as rostra:
        room = rostra.create_room(title, id=room_id, at=at, **_more(options))
        if picture:
            try:
                room = _pictured(room, rostra.set_picture(room.id, picture))
            except RostraError as e:  # it is made, and nobody would be told its links
                refused = e
    _print(room.raw, options, lambda: _with_links(room))
    if refused:
        again = f"rostra room change {room.id} --picture FILE"
        click.echo(f"rostra: The room is made, but without its picture: {refused} Then: {again}", err=True)
        sys.exit(1)


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
            click.echo(f"{room.state:<12} {_time(room.at)}  {room.id:<24} {room.title}")

    _print([room.raw for room in rooms], options, show)


@command.command(epilog="Example:  rostra room show talk")
@click.argument("room_id", metavar="ID")
@_common
def show(room_id: str, **options: Any) -> None:
    """Show a room, its links included."""
    with _client(options) as rostra:
        room = rostra.room(room_id)
    _print(room.raw, options, lambda: _with_links(room))


@command.command(
    epilog="""\b
Example:  rostra room change talk --title "A longer evening" --delay 10
          rostra room change talk --speaker Ann --speaker Ben --picture sea.jpg"""
)
@click.argument("room_id", metavar="ID")
@click.option("--title", help="What listeners read.")
@click.option("--at", type=_Time(), help="Moves it: those who wait are told.")
@_announced
@_common
def change(room_id: str, title: str | None, at: str | None, picture: bytes | None, **options: Any) -> None:
    """Change what is announced: only what is given.

    --speaker replaces all names that were announced. A time without an offset is what the clock shows in the zone --tz,
    or, without --tz, in the room's own.
    """
    changes = {"title": title, "at": at, **_more(options)}
    changes = {name: value for name, value in changes.items() if value is not None}
    if not changes and not picture:
        raise click.UsageError("Say what to change; `rostra room change --help` lists it.")
    with _client(options) as rostra:
        if at and not _has_offset(at):
            _say_clock(at, options["tz"] or rostra.room(room_id).tz)
        room = rostra.change_room(room_id, **changes) if changes else None
        if picture:
            pictured = rostra.set_picture(room_id, picture)
            room = _pictured(room, pictured) if room else pictured
    assert room is not None
    _done(room, options)


@command.command("open", epilog="Example:  rostra room open talk")
@click.argument("room_id", metavar="ID")
@_common
def open_room(room_id: str, **options: Any) -> None:
    """Open the doors now."""
    with _client(options) as rostra:
        _done(rostra.open(room_id), options)


@command.command(epilog="Example:  rostra room start talk")
@click.argument("room_id", metavar="ID")
@_common
def start(room_id: str, **options: Any) -> None:
    """Start it, whatever the announced time."""
    with _client(options) as rostra:
        _done(rostra.start(room_id), options)


@command.command(epilog="Example:  rostra room end talk")
@click.argument("room_id", metavar="ID")
@_common
def end(room_id: str, **options: Any) -> None:
    """End a room that is on air, or cancel one that has not begun.

    Listeners are told that it is over. It cannot be opened again.
    """
    with _client(options) as rostra:
        _done(rostra.end(room_id), options)


@command.command(epilog='Example:  rostra room cancel talk --note "Ann is ill."')
@click.argument("room_id", metavar="ID")
@click.option("--note", default="", help="Why, for those who wait.")
@_common
def cancel(room_id: str, note: str, **options: Any) -> None:
    """Cancel a room that has not begun."""
    with _client(options) as rostra:
        _done(rostra.cancel(room_id, note), options)


@command.command(
    epilog="""\b
Example:  rostra room postpone talk --at 2031-05-02T19:30 --tz Europe/Berlin
          rostra room postpone talk --at 2031-05-02T19:30+02:00 --note "Ann is ill.\""""
)
@click.argument("room_id", metavar="ID")
@click.option("--at", type=_Time(), required=True, help="The new time.")
@click.option("--tz", type=_Zone(), help="Whose clock a time without an offset is read from. Default: the room's.")
@click.option("--note", default="", help="Why, for those who wait.")
@_common
def postpone(room_id: str, at: str, tz: str | None, note: str, **options: Any) -> None:
    """Move a room to another time. Those who wait for it are told.

    The zone that it is announced in stays.
    """
    with _client(options) as rostra:
        remark = ""
        if not _has_offset(at):
            announced_in = rostra.room(room_id).tz
            _say_clock(at, tz or announced_in)
            if tz and tz != announced_in:  # the studio reads it in the room's zone, and says what must be said of it
                at, remark = _on_clock(at, tz)
        room = rostra.postpone(room_id, at, note)
    _done(dataclasses.replace(room, remark=room.remark or remark), options)


@command.command(epilog="Example:  rostra room links talk")
@click.argument("room_id", metavar="ID")
@_common
def links(room_id: str, **options: Any) -> None:
    """Show its links, and whom personal ones were made for."""
    with _client(options) as rostra:
        found = rostra.links(room_id)

    def show() -> None:
        for name, link in found.shared.items():
            click.echo(f"{name:<8} {link}")
        for one in found.items:
            gone = "taken back" if one.revoked else ""
            click.echo(f"{one.role:<8} {one.identity}  {one.name} {gone}".rstrip())
        if not found.complete:
            click.echo("Personal links are missing here: the catalog does not answer. Try again in a minute.", err=True)

    _print(found.raw, options, show)


@command.command(
    epilog="""\b
Example:  rostra room invite talk speaker Ann
          rostra room invite talk cohost"""
)
@click.argument("room_id", metavar="ID")
@click.argument("role", type=_ROLES)
@click.argument("name", default="")
@_common
def invite(room_id: str, role: Any, name: str, **options: Any) -> None:
    """Print a link for one person, which can be taken back by itself.

    NAME is shown beside the voice; without it they are asked. `rostra room revoke` takes the link back.
    """
    with _client(options) as rostra:
        made = rostra.invite(room_id, role, name)
    _print(made.raw, options, lambda: click.echo(made.link))


@command.command(epilog="Example:  rostra room revoke talk Xb3kQ9-identity")
@click.argument("room_id", metavar="ID")
@click.argument("identity")
@_common
def revoke(room_id: str, identity: str, **options: Any) -> None:
    """Take a personal link back, at once. `rostra room links ID` lists them."""
    with _client(options) as rostra:
        rostra.revoke(room_id, identity)
    _print({}, options, lambda: click.echo("It is no longer good."))


@command.command(epilog="Example:  rostra room reissue talk speaker")
@click.argument("room_id", metavar="ID")
@click.argument("role", type=_ROLES)
@_common
def reissue(room_id: str, role: Any, **options: Any) -> None:
    """Make the shared link of a role anew; the one before is no longer good."""
    with _client(options) as rostra:
        made = rostra.reissue(room_id, role)
    _print(made.raw, options, lambda: click.echo(made.link))


@command.command(epilog="Example:  rostra room delete talk --yes")
@click.argument("room_id", metavar="ID")
@click.option("--yes", is_flag=True, help="Do not ask.")
@_common
def delete(room_id: str, yes: bool, **options: Any) -> None:
    """Delete a room and all that belongs to it, for good. It must not be on air."""
    with _client(options) as rostra:
        if not yes:
            room = rostra.room(room_id)
            click.confirm(f"Delete {room.id}, {room.title!r}, with its links, posts and reports?", abort=True, err=True)
        rostra.delete_room(room_id)
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


@command.command(
    "rehearsal-token",
    epilog="""\b
Example:  rostra room rehearsal-token
          rostra room rehearsal-token https://live.example.org --hours 4""",
)
@click.argument("url", required=False, default="")
@click.option("--hours", type=click.FloatRange(0.01, 24), default=2.0, show_default=True, help="How long it holds.")
@click.option("--stage-door", is_flag=True, help="The stage door of this machine may be attacked as well.")
@click.option("--data", metavar="DIR", help="The data folder of the running `rostra serve`. Default .rostra.")
@click.option("--nats", metavar="URL", default="", help="The bus, where `rostra serve` does not run here.")
@click.option("--config", "config_file", metavar="FILE", help="Settings (TOML).")
def rehearsal_token(
    url: str, *, hours: float, stage_door: bool, data: str | None, nats: str, config_file: str | None
) -> None:
    """Agree to a rehearsal of the front door at URL, and print the token that says so.

    Whoever has it may send a crowd and attacks to that address, and to no other, until it expires: see
    `rostra rehearse`. URL: as the rehearsal will be given it; the front door of this machine by default.
    """
    from rostra import config
    from rostra.cli._consent import make_consent

    folder = Path(config.load(config_file, {"data": data} if data else {}).data)
    click.echo(make_consent(folder, url, hours, nats=nats, stage_door=stage_door))


def _moment(at: str | None, tz: str | None, here: tzinfo | None = None) -> str | None:
    """The time to ask for; says on whose clock one without an offset was read. ``here``: of this machine."""
    if at is None or _has_offset(at):
        return at
    if tz:
        _say_clock(at, tz)
        return at
    found = datetime.fromisoformat(at)
    found = found.astimezone() if here is None else found.replace(tzinfo=here)
    click.echo(f"{found:%H:%M} is on the clock of this machine ({found:%Z, %z}); --tz names another zone.", err=True)
    return found.isoformat()


def _has_offset(at: str) -> bool:
    return datetime.fromisoformat(at).tzinfo is not None


def _say_clock(at: str, tz: str) -> None:
    click.echo(f"{datetime.fromisoformat(at):%H:%M} is on the clock in {tz}.", err=True)


def _on_clock(at: str, tz: str) -> tuple[str, str]:
    """The same with its offset, and what must be said about an hour that is skipped or comes twice."""
    from zoneinfo import ZoneInfo

    from rostra.wire.clocks import moment

    seconds, remark = moment(datetime.fromisoformat(at), tz)
    return datetime.fromtimestamp(seconds, ZoneInfo(tz)).isoformat(), remark


def _pictured(room: Room, pictured: Room) -> Room:
    """The room with what changed by its picture; its links and the remark about its time stay."""
    new = {"picture": pictured.picture, "card": pictured.card}
    return dataclasses.replace(room, picture=pictured.picture, card=pictured.card, raw={**room.raw, **new})


def _done(room: Room, options: dict[str, Any]) -> None:
    def show() -> None:
        click.echo(f"{room.id} is {room.state}." if room.state != "scheduled" else f"{room.id} is {_when(room)}.")

    _print(room.raw, options, show)
    if room.remark:
        click.echo(room.remark, err=True)


def _print(found: Any, options: dict[str, Any], for_people: Callable[[], None]) -> None:
    if options["as_json"]:
        click.echo(json.dumps(found, ensure_ascii=False))
    else:
        for_people()


def _with_links(room: Room) -> None:
    click.echo(f"{room.title}\n{room.id}, {_when(room)}\n")
    for name, what in _LINKS.items():
        if name in room.links:
            click.echo(f"{name:<8} {what}\n  {room.links[name]}\n")
    if room.remark:
        click.echo(room.remark, err=True)


def _when(room: Room) -> str:
    return f"{room.state}, {_time(room.at)}"


def _time(at: datetime) -> str:
    """On the clock of this machine, which is named."""
    return f"{at.astimezone():%a %d %b %Y %H:%M %Z}"


def _client(options: dict[str, Any]) -> RostraClient:
    from rostra.client import RostraClient

    studio, token, verify = studio_of(options)
    return RostraClient(studio, token, verify=verify)


def desk_link(options: dict[str, Any]) -> str:
    studio, token, _ = studio_of(options)
    return f"{studio}/desk#t={token}"


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
