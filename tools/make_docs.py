"""Pages that are made from code: ``python -m tools.make_docs`` writes them, ``--check`` says whether they drifted.

* docs/settings.md from ``rostra.config``
* docs/commands.md from every command's ``--help``
* docs/seats.md from the table of transitions in ``rostra.stage.seats``
* docs/life.md from the tables in ``rostra.life``
* docs/rights.md from the table in ``rostra.permissions``
"""

from __future__ import annotations

import difflib
import json
import sys
from pathlib import Path
from typing import Any

import click
from pydantic import BaseModel
from pydantic.fields import FieldInfo

from rostra import life, permissions
from rostra.cli import VERBS, main
from rostra.config import Settings
from rostra.stage.seats import TRANSITIONS
from rostra.units import Role

DOCS = Path(__file__).parent.parent / "docs"

HELP_WIDTH = 96


def pages() -> dict[Path, str]:
    return {
        DOCS / "settings.md": settings(),
        DOCS / "commands.md": commands(),
        DOCS / "seats.md": seats(),
        DOCS / "life.md": life_of_a_room(),
        DOCS / "rights.md": rights(),
    }


# --- settings ---------------------------------------------------------------------------------------------------------


def settings() -> str:
    out = [
        "# Settings",
        "",
        "Made from `src/rostra/config.py` by `make docs`.",
        "",
        "They come from, later ones winning: the defaults below, `--config FILE` (TOML, the same names),"
        " `ROSTRA_SECTION_KEY` in the environment, the command line. An unknown key is an error.",
        "",
        "```toml",
        "# rostra.toml",
        'data = "/srv/rostra"',
        "",
        "[front]",
        "port = 8080",
        'public_url = "https://listen.example"',
        "",
        "[studio]",
        'host = "0.0.0.0"',
        "```",
        "",
        "The same in the environment: `ROSTRA_DATA=/srv/rostra ROSTRA_FRONT_PORT=8080`; lists as JSON.",
        "",
    ]
    plain = {n: f for n, f in Settings.model_fields.items() if not _section(f)}
    out += ["## Of the whole", "", *_table("", plain)]
    for name, found in Settings.model_fields.items():
        if section := _section(found):
            out += ["", f"## `[{name}]`", "", " ".join((section.__doc__ or "").split()), ""]
            out += _table(f"{name}.", section.model_fields)
    return "\n".join(out) + "\n"


def _section(found: FieldInfo) -> type[BaseModel] | None:
    kind = found.annotation
    return kind if isinstance(kind, type) and issubclass(kind, BaseModel) else None


def _table(prefix: str, fields: dict[str, FieldInfo]) -> list[str]:
    rows = ["| key | default | what it is |", "| --- | --- | --- |"]
    for name, found in fields.items():
        about = " ".join((found.description or "").split()).replace("|", "\\|")
        if bounds := _bounds(found):
            about += f" ({bounds})"
        rows.append(f"| `{prefix}{name}` | `{_default(found.default)}` | {about} |")
    return rows


def _bounds(found: FieldInfo) -> str:
    """``0 to 65535`` out of the constraints, or the words that a pattern allows."""
    low = next((m.ge for m in found.metadata if getattr(m, "ge", None) is not None), None)
    high = next((m.le for m in found.metadata if getattr(m, "le", None) is not None), None)
    pattern = next((m.pattern for m in found.metadata if getattr(m, "pattern", None)), None)
    if pattern:
        return str(pattern).strip("^$()").replace("|", ", ")
    if low is not None and high is not None:
        return f"{low:g} to {high:g}"
    return f"at least {low:g}" if low is not None else ""


def _default(value: Any) -> str:
    return json.dumps(value, ensure_ascii=False)


# --- commands ---------------------------------------------------------------------------------------------------------


def commands() -> str:
    out = ["# Commands", "", "Made from every command's `--help` by `make docs`.", ""]
    out += [f"* [`rostra {verb}`](#rostra-{verb}): {what}" for verb, what in VERBS.items()]
    root = click.Context(main, info_name="rostra", terminal_width=HELP_WIDTH, **main.context_settings)
    for verb in VERBS:
        command = main.get_command(root, verb)
        assert command is not None
        out += _command(command, verb, root, 2)
    return "\n".join(out) + "\n"


def _command(command: click.Command, name: str, parent: click.Context, depth: int) -> list[str]:
    with click.Context(command, info_name=name, parent=parent, terminal_width=HELP_WIDTH) as context:
        out = ["", f"{'#' * depth} {context.command_path}", "", "```", command.get_help(context), "```"]
        if isinstance(command, click.Group):
            for child in command.list_commands(context):
                found = command.get_command(context, child)
                assert found is not None
                out += _command(found, child, context, depth + 1)
    return out


# --- seats ------------------------------------------------------------------------------------------------------------


def seats() -> str:
    out = [
        "# The life of a seat",
        "",
        "Made from the table in `src/rostra/stage/seats.py` by `make docs`; what the words mean stands there.",
        "",
        "```mermaid",
        "stateDiagram-v2",
        "    [*] --> free",
    ]
    joined: dict[tuple[str, str], list[str]] = {}
    for (state, event), after in TRANSITIONS.items():
        joined.setdefault((state.name.lower(), after.name.lower()), []).append(event.name.lower())
    out += [f"    {before} --> {after}: {', '.join(events)}" for (before, after), events in joined.items()]
    out += ["```", "", "| a seat that is | and | is then |", "| --- | --- | --- |"]
    for (state, event), after in TRANSITIONS.items():
        out.append(f"| {state.name.lower()} | {event.name.lower()} | {after.name.lower()} |")
    return "\n".join(out) + "\n"


# --- the life of a room -----------------------------------------------------------------------------------------------


def life_of_a_room() -> str:
    out = [
        "# The life of a room",
        "",
        "Made from the tables in `src/rostra/life.py` by `make docs`; what the words mean stands there.",
        "",
        "```mermaid",
        "stateDiagram-v2",
        "    [*] --> scheduled",
    ]
    out += [
        f"    {before.value} --> {after.value}: {event.value}" for (before, event), after in life.TRANSITIONS.items()
    ]
    out += [f"    {state.value} --> [*]" for state in sorted(life.OVER)]
    out += ["```", "", "| a room that is | and | is then | who may cause it |", "| --- | --- | --- | --- |"]
    for (before, event), after in life.TRANSITIONS.items():
        causes = ", ".join(cause.value for cause in life.Cause if cause in life.CAUSES[event])
        out.append(f"| {before.value} | {event.value} | {after.value} | {causes} |")
    return "\n".join(out) + "\n"


# --- who may do what --------------------------------------------------------------------------------------------------


def rights() -> str:
    columns = [Role.HOST, Role.COHOST, Role.SPEAKER, Role.LISTENER]
    out = [
        "# Who may do what",
        "",
        "Made from the table in `src/rostra/permissions.py` by `make docs`. A role comes with the link.",
        "",
        "| | operator | host | co-host | speaker | listener |",
        "| --- | --- | --- | --- | --- | --- |",
    ]
    for action in permissions.Action:
        marks = [action in permissions.OPERATOR_MAY, *(permissions.may(role, action) for role in columns)]
        out.append(f"| {action.value} | " + " | ".join("yes" if mark else "" for mark in marks) + " |")
    return "\n".join(out) + "\n"


# ----------------------------------------------------------------------------------------------------------------------


def drift() -> list[str]:
    """A diff of each page that is not what the code says."""
    found = []
    for path, text in pages().items():
        there = path.read_text(encoding="utf-8") if path.exists() else ""
        if there != text:
            name = str(path.relative_to(DOCS.parent))
            lines = difflib.unified_diff(there.splitlines(), text.splitlines(), name, "as the code says", lineterm="")
            found.append("\n".join(lines))
    return found


def run(arguments: list[str]) -> int:
    if "--check" in arguments:
        found = drift()
        if found:
            print("\n".join(found), "\nThese pages are not what the code says. Run: make docs", sep="\n")
        return 1 if found else 0
    for path, text in pages().items():
        path.write_text(text, encoding="utf-8")
        print(f"written: {path.relative_to(DOCS.parent)}")
    return 0


if __name__ == "__main__":
    sys.exit(run(sys.argv[1:]))
