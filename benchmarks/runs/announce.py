"""From the wish to its being seen at every edge: a new room's page, an edit, another time; and an RSVP to the host."""

from __future__ import annotations

import json
import time
from datetime import UTC, datetime, timedelta
from statistics import median

from benchmarks.kept import Doors, ask
from benchmarks.results import Must, Result
from benchmarks.scale import Scale
from benchmarks.whole import Whole, serving
from rostra.client import RostraClient
from rostra.rehearsal.challenges import read_challenge, solve

NEW = "from the wish for a room to its page at the last edge"
EDIT = "from a change of its title to the page at the last edge"
MOVED = "from another time to the state that the last edge tells"
COMING = "from a listener's RSVP at an edge to the host's count"


def run(scale: Scale) -> Result:
    rooms, edges = scale.pick(20, 2), scale.pick(4, 2)
    result = Result(
        "announce",
        "A room is announced, changed and moved",
        {
            "transport": "plain", "loopback": True, "rooms_a_round": rooms, "rounds": len(scale.rounds),
            "catalog": "SQLite", "processes": f"rostra serve ({edges} edges)",
            "asked": "each edge on a kept connection, 2 ms after it has answered",
        },
    )  # fmt: skip
    columns: dict[str, list[list[float]]] = {}
    for _ in scale.rounds:
        with serving(edges=edges) as whole, whole.operator() as operator:
            doors, found = Doors(whole, edges), dict[str, list[float]]()
            for number in range(rooms):
                for name, value in _one(whole, operator, doors, number).items():
                    found.setdefault(name, []).append(value)
        for name, values in found.items():
            columns.setdefault(name, []).append(values)
    for name, rounds in columns.items():
        must = None if scale.quick else Must("<=", 1.0, every=True)
        whose = "the host" if name == COMING else f"{edges} edges"
        result.add(f"{name}, p50", whose, "s", [median(v) for v in rounds])
        result.add(f"{name}, worst", whose, "s", [max(v) for v in rounds], must)
    return result


def _one(whole: Whole, operator: RostraClient, doors: Doors, number: int) -> dict[str, float]:
    found: dict[str, float] = {}
    room, title, other = f"talk-{number}", f"An evening with number {number}", f"Another name for number {number}"
    at = datetime.now(UTC) + timedelta(days=1)
    page, state = f"/r/{room}", f"/r/{room}/state"
    doors.freshen()
    begun = time.monotonic()
    operator.create_room(title, id=room, at=at, words="About the sea.", speakers=["Ann", "Ben"])
    found[NEW] = doors.until(page, lambda status, body: status == 200 and title.encode() in body) - begun
    begun = time.monotonic()
    operator.change_room(room, title=other)
    found[EDIT] = doors.until(page, lambda status, body: other.encode() in body) - begun
    later = at + timedelta(hours=3)
    begun = time.monotonic()
    operator.postpone(room, later, "The train is late.")
    moved = later.timestamp()
    found[MOVED] = doors.until(state, lambda status, body: abs(json.loads(body)["at"] - moved) < 1) - begun
    begun = time.monotonic()
    status, answer = ask(doors.any(), f"/r/{room}/rsvp", b"{}")
    if status == 428:
        begun = time.monotonic()
        work = solve(read_challenge(answer)) or ""
        status, answer = ask(doors.any(), f"/r/{room}/rsvp", json.dumps({"answer": work}).encode())
    if status != 202:
        raise RuntimeError(f"an RSVP is answered {status}: {answer[:200]!r}")
    while not operator.rsvps(room):
        if time.monotonic() > begun + 10:
            raise RuntimeError("the host does not hear of an RSVP")
        time.sleep(0.02)  # an operator may ask a hundred times a second
    found[COMING] = time.monotonic() - begun
    return found
