"""The catalog against a plain dict, from two threads, and with its database gone in the middle."""

from __future__ import annotations

import sqlite3
import tempfile
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule

from rostra.catalog import Catalog, Invitation, engine
from rostra.catalog.letters import MAX_PREFIX_REPORTS
from rostra.errors import CatalogUnavailable, Conflict, NotFound, RostraError
from rostra.units import Role, RoomState, WallTime
from rostra.wire.boards import MAX_POSTS, Post
from tests.catalog.making import abuse, post, room, rsvp
from tests.catalog.server import Postgres

IDS = st.sampled_from(["a", "b", "c-1"])
TIMES = st.floats(0, 4e9).map(WallTime)
WORDS = st.text(st.characters(codec="utf-8", exclude_characters="\0"), max_size=20)
NAMES = WORDS.filter(bool)
KEYS = st.sampled_from(["k", "l"])


def outcome(ask: Callable[[], Any]) -> Any:
    """What comes of it: a value, or which kind of refusal."""
    try:
        return ask()
    except RostraError as e:
        return type(e)


class CatalogMachine(RuleBasedStateMachine):
    """Whatever is done, in whatever order: the catalog says what a few dicts say."""

    @initialize()
    def open(self) -> None:
        self.folder = tempfile.TemporaryDirectory(prefix="rostra-catalog-")
        self.url = f"sqlite:///{self.folder.name}/catalog.db"
        self.catalog = Catalog.open(self.url)
        self.rooms: dict[str, Any] = {}
        self.versions: dict[str, int] = {}
        self.published: dict[str, int] = {}
        self.posts: dict[str, dict[str, Post]] = {}
        self.boards: dict[str, int] = {}
        self.invitations: dict[str, dict[str, Invitation]] = {}
        self.rsvps: dict[str, set[str]] = {}
        self.reports: list[tuple[str, str]] = []
        self.letter = 0
        self.settings: dict[str, str] = {}
        self.answers: dict[str, tuple[str, int, bytes, float]] = {}
        self.now = 1000.0

    def teardown(self) -> None:
        self.catalog.close()
        self.folder.cleanup()

    @rule()
    def restart(self) -> None:
        self.catalog.close()
        self.catalog = Catalog.open(self.url)

    @rule(room_id=IDS, title=NAMES, created=TIMES, at=TIMES, speakers=st.lists(NAMES, max_size=2).map(tuple))
    def create(self, room_id: str, title: str, created: float, at: WallTime, speakers: tuple[str, ...]) -> None:
        new = room(room_id, created, title=title, at=at, speakers=speakers)
        expected = Conflict if room_id in self.rooms else new
        assert outcome(lambda: self.catalog.create_room(new)) == expected
        if expected is new:
            self.rooms[room_id], self.versions[room_id], self.published[room_id] = new, 1, 0
            self.posts[room_id], self.boards[room_id] = {}, 0
            self.invitations[room_id], self.rsvps[room_id] = {}, set()

    @rule(room_id=IDS, words=WORDS, issues=st.dictionaries(st.sampled_from([*Role]), st.integers(0, 9)))
    def change(self, room_id: str, words: str, issues: dict[str, int]) -> None:
        def how(r: Any) -> Any:
            return r.with_(words=words, issues={str(role): n for role, n in issues.items()})

        before = self.rooms.get(room_id)
        expected = NotFound if before is None else how(before)
        assert outcome(lambda: self.catalog.change_room(room_id, how)) == expected
        if before is not None and expected != before:
            self.rooms[room_id] = expected
            self.versions[room_id] += 1

    @rule(room_id=IDS, state=st.sampled_from(RoomState), generation=st.integers(0, 2**50), started=TIMES)
    def happens(self, room_id: str, state: RoomState, generation: int, started: WallTime) -> None:
        happened = {"state": state, "generation": generation, "started": started}
        self.catalog.save_happened(room(room_id, title="not this", **happened))
        if room_id in self.rooms:
            self.rooms[room_id] = self.rooms[room_id].with_(**happened, epoch=WallTime(0.0), ended=WallTime(0.0))

    @rule(room_id=IDS)
    def delete(self, room_id: str) -> None:
        expected = None if room_id in self.rooms else NotFound
        assert outcome(lambda: self.catalog.delete_room(room_id)) == expected
        what: list[dict[str, Any]] = [self.rooms, self.versions, self.published, self.posts, self.boards]
        for belongs in (*what, self.invitations, self.rsvps):
            belongs.pop(room_id, None)
        self.reports = [(r, said) for r, said in self.reports if r != room_id]

    @rule(room_id=IDS, version=st.integers(0, 5))
    def publish(self, room_id: str, version: int) -> None:
        self.catalog.published(room_id, version)
        if room_id in self.rooms and self.published[room_id] < version <= self.versions[room_id]:
            self.published[room_id] = version

    @rule(room_id=IDS, post_id=KEYS, text=NAMES, pinned=st.booleans())
    def add_post(self, room_id: str, post_id: str, text: str, pinned: bool) -> None:
        self.now += 1
        new = post(post_id, self.now, text=text, pinned=pinned)
        found = outcome(lambda: self.catalog.add_post(room_id, new))
        if room_id not in self.rooms:
            assert found is NotFound
        elif post_id in self.posts[room_id]:
            assert found is Conflict
        else:
            self.posts[room_id][post_id] = new
            self._board_changed(room_id)
            assert found == self.catalog.board(room_id)

    @rule(room_id=IDS, post_id=KEYS, text=NAMES)
    def change_post(self, room_id: str, post_id: str, text: str) -> None:
        def how(p: Post) -> Post:
            return Post(p.id, p.at, p.by, text, pinned=p.pinned)

        before = self.posts.get(room_id, {}).get(post_id)
        found = outcome(lambda: self.catalog.change_post(room_id, post_id, how))
        if before is None:
            assert found is NotFound
        elif how(before) != before:
            self.posts[room_id][post_id] = how(before)
            self._board_changed(room_id)

    @rule(room_id=IDS, post_id=KEYS)
    def delete_post(self, room_id: str, post_id: str) -> None:
        found = outcome(lambda: self.catalog.delete_post(room_id, post_id))
        if post_id in self.posts.get(room_id, {}):
            del self.posts[room_id][post_id]
            self._board_changed(room_id)
        else:
            assert found is NotFound

    def _board_changed(self, room_id: str) -> None:
        self.boards[room_id] += 1
        self.versions[room_id] += 1

    @rule(room_id=IDS, identity=KEYS, role=st.sampled_from(Role), name=WORDS)
    def invite(self, room_id: str, identity: str, role: Role, name: str) -> None:
        self.now += 1
        found = outcome(lambda: self.catalog.add_invitation(room_id, identity, role, name, WallTime(self.now)))
        if room_id not in self.rooms:
            assert found is NotFound
        elif identity in self.invitations[room_id]:
            assert found is Conflict
        else:
            assert found is None
            self.invitations[room_id][identity] = Invitation(identity, role, name, WallTime(self.now))

    @rule(room_id=IDS, identity=KEYS, at=TIMES.filter(bool))
    def revoke(self, room_id: str, identity: str, at: WallTime) -> None:
        there = self.invitations.get(room_id, {}).get(identity)
        found = outcome(lambda: self.catalog.revoke_invitation(room_id, identity, at))
        assert found is (NotFound if there is None else None)
        if there is not None and not there.revoked:
            self.invitations[room_id][identity] = Invitation(identity, there.role, there.name, there.at, at)

    @rule(
        said=st.lists(st.tuples(IDS, st.sampled_from(["t", "u", "v", None]), st.booleans()), max_size=4),
        back=st.integers(0, 3),
        repeat=st.booleans(),
    )
    def letters(self, said: list[tuple[str, str | None, bool]], back: int, repeat: bool) -> None:
        first = max(1, self.letter + 1 - back)
        batch = []
        for number, (room_id, word, is_rsvp) in enumerate(said, first):
            letter = None if word is None else rsvp(word, room_id) if is_rsvp else abuse(word, room_id)
            batch.append((number, letter))
            if number <= self.letter:
                continue
            self.letter = number
            if word is not None and room_id in self.rooms:
                if is_rsvp:
                    self.rsvps[room_id].add(word)
                elif sum(r == room_id for r, _ in self.reports) < MAX_PREFIX_REPORTS:
                    self.reports.append((room_id, word))
        for _ in range(1 + repeat):
            self.catalog.take_letters(batch)

    @rule(key=KEYS, value=WORDS)
    def set(self, key: str, value: str) -> None:
        self.catalog.set_setting(key, value)
        self.settings[key] = value

    @rule(key=KEYS, fingerprint=KEYS, body=st.binary(max_size=9), later=st.sampled_from([1.0, 50_000.0]))
    def answer(self, key: str, fingerprint: str, body: bytes, later: float) -> None:
        self.now += later
        now = WallTime(self.now)
        known = self.answers.get(key)
        if known is not None and known[3] <= now - 24 * 3600:
            known = None
        found = outcome(lambda: self.catalog.answered(key, fingerprint, now))
        if known is None:
            assert found is None
            self.answers[key] = (fingerprint, 201, body, now)
            self.catalog.remember_answer(key, fingerprint, 201, body, now)
        else:
            assert found == ((known[1], known[2]) if known[0] == fingerprint else Conflict)

    @invariant()
    def all_is_there(self) -> None:
        expected = sorted(self.rooms.values(), key=lambda r: (r.created, r.id), reverse=True)
        assert self.catalog.list_rooms(10) == (expected, "")
        first, cursor = self.catalog.list_rooms(2)
        assert first + (self.catalog.list_rooms(2, cursor)[0] if cursor else []) == expected
        waiting = {id: v for id, v in self.versions.items() if v > self.published[id]}
        assert {r.id: v for r, v in self.catalog.to_publish()} == waiting
        for room_id in self.rooms:
            board = self.catalog.board(room_id)
            newest = sorted(self.posts[room_id].values(), key=lambda p: p.at, reverse=True)
            assert (board.version, list(board.posts)) == (self.boards[room_id], newest[:MAX_POSTS])
            assert self.catalog.invitations(room_id) == list(self.invitations[room_id].values())
            assert self.catalog.rsvps(room_id) == len(self.rsvps[room_id])
        assert [(r.room, r.said) for r in self.catalog.reports(None, 1000)[0]] == self.reports[::-1][:1000]
        assert self.catalog.last_letter() == self.letter
        assert all(self.catalog.setting(key) == value for key, value in self.settings.items())


TestAgainstDicts = CatalogMachine.TestCase
TestAgainstDicts.settings = settings(
    max_examples=25,
    stateful_step_count=30,
    deadline=None,
    derandomize=True,
    suppress_health_check=[HealthCheck.too_slow],
)


def at_once(*asks: Callable[[], None]) -> list[BaseException]:
    """What went wrong in any of them."""
    failures: list[BaseException] = []
    gate = threading.Barrier(len(asks))

    def work(ask: Callable[[], None]) -> None:
        try:
            gate.wait(10)
            ask()
        except BaseException as e:
            failures.append(e)

    threads = [threading.Thread(target=work, args=(ask,)) for ask in asks]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)
    return failures


def test_changes_from_two_threads_are_not_lost(catalog: Catalog) -> None:
    catalog.create_room(room(doors_s=0.0))

    def count() -> None:
        for _ in range(40):
            catalog.change_room("tea", lambda r: r.with_(doors_s=r.doors_s + 1))
            catalog.list_rooms(10)

    assert at_once(count, count) == []
    assert catalog.get_room("tea").doors_s == 80
    assert catalog.to_publish()[0][1] == 81


def test_one_id_for_one_of_two(catalog: Catalog) -> None:
    refused = at_once(*[lambda: catalog.create_room(room()) and None] * 3)
    assert [type(e) for e in refused] == [Conflict, Conflict]


def test_letters_that_two_take_at_once_count_once(catalog: Catalog) -> None:
    catalog.create_room(room())

    def take() -> None:
        for start in range(1, 41, 4):
            catalog.take_letters([(n, abuse(str(n), prefix=str(n))) for n in range(start, start + 4)])

    assert at_once(take, take) == []
    assert [r.said for r in catalog.reports("tea", 100)[0]] == [str(n) for n in range(40, 0, -1)]


def test_posting_beside_deleting_the_room(catalog: Catalog) -> None:
    catalog.create_room(room())

    def posting() -> None:
        try:
            for n in range(50):
                catalog.add_post("tea", post(str(n)))
                catalog.take_letters([(n + 1, rsvp(str(n)))])
                catalog.add_invitation("tea", str(n), Role.SPEAKER, "Ada", WallTime(1.0))
        except NotFound:
            pass

    assert at_once(posting, lambda: catalog.delete_room("tea")) == []


EVERY_WAY_TO_ASK: list[Callable[[Catalog], Any]] = [
    lambda c: c.create_room(room("new")),
    lambda c: c.get_room("tea"),
    lambda c: c.change_room("tea", lambda r: r.with_(title="Coffee")),
    lambda c: c.delete_room("other"),
    lambda c: c.list_rooms(10),
    lambda c: c.save_happened(room(generation=2)),
    lambda c: c.pictures_shown(),
    lambda c: c.to_publish(),
    lambda c: c.published("tea", 1),
    lambda c: c.add_invitation("tea", "i", Role.HOST, "Ada", WallTime(1.0)),
    lambda c: c.invitations("tea"),
    lambda c: c.revoke_invitation("tea", "i", WallTime(2.0)),
    lambda c: c.last_letter(),
    lambda c: c.take_letters([(1, rsvp("t"))]),
    lambda c: c.rsvps("tea"),
    lambda c: c.reports(None, 10),
    lambda c: c.add_post("tea", post()),
    lambda c: c.change_post("tea", "1", lambda p: post(text="other")),
    lambda c: c.delete_post("tea", "1"),
    lambda c: c.board("tea"),
    lambda c: c.setting("a"),
    lambda c: c.set_setting("a", "b"),
    lambda c: c.create_room_once(room("once"), "once", "print", 201, b""),
    lambda c: c.answered("key", "print", WallTime(1.0)),
    lambda c: c.remember_answer("key", "print", 200, b"", WallTime(1.0)),
    lambda c: c.note_seat("tea", 1, "Ada", Role.HOST, WallTime(1.0)),
    lambda c: c.left_seat("tea", 1, WallTime(2.0)),
    lambda c: c.seats("tea"),
]


def test_every_way_to_ask_is_tried_below() -> None:
    methods = {name for name in vars(Catalog) if not name.startswith("_")} - {"open", "close"}
    tried = {name for ask in EVERY_WAY_TO_ASK for name in ask.__code__.co_names if name in methods}
    assert tried == methods


@pytest.mark.stranger("postgres")
def test_a_server_that_is_gone_in_the_middle_and_comes_back(postgres: Postgres) -> None:
    catalog = Catalog.open(postgres.fresh())
    catalog.create_room(room())
    catalog.create_room(room("other"))

    def pull_the_plug(r: Any) -> Any:
        postgres.stop()
        return r.with_(title="Never")

    try:
        with pytest.raises(CatalogUnavailable, match="Rooms on air go on"):
            catalog.change_room("tea", pull_the_plug)
        for ask in EVERY_WAY_TO_ASK:
            with pytest.raises(CatalogUnavailable):
                ask(catalog)
    finally:
        postgres.start()
    assert catalog.get_room("tea").title == "Tea"
    for ask in EVERY_WAY_TO_ASK:
        ask(catalog)
    catalog.close()


def test_a_file_that_is_locked_then_gone_and_put_back(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(engine, "BUSY_S", 0.1)
    folder = tmp_path / "data"
    catalog = Catalog.open(f"sqlite:///{folder / 'catalog.db'}")
    catalog.create_room(room())
    catalog.create_room(room("other"))
    with sqlite3.connect(folder / "catalog.db", isolation_level=None) as other:
        other.execute("BEGIN EXCLUSIVE")
        with pytest.raises(CatalogUnavailable):
            catalog.set_setting("a", "b")
        assert catalog.get_room("tea") == room()  # whoever only reads is not held up
        with pytest.raises(CatalogUnavailable):
            catalog.set_setting("a", "b")
        other.execute("ROLLBACK")
    other.close()
    folder.rename(tmp_path / "away")
    for ask in EVERY_WAY_TO_ASK:
        with pytest.raises(CatalogUnavailable):
            ask(catalog)
    (tmp_path / "away").rename(folder)
    for ask in EVERY_WAY_TO_ASK:
        ask(catalog)
    catalog.close()


def test_a_file_that_is_no_database(tmp_path: Path) -> None:
    path = tmp_path / "catalog.db"
    path.write_bytes(b"this is no database" * 1000)
    with pytest.raises(CatalogUnavailable):
        Catalog.open(f"sqlite:///{path}")


def test_what_people_wrote_is_not_in_the_log(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    catalog = Catalog.open(f"sqlite:///{tmp_path / 'catalog.db'}")
    with sqlite3.connect(tmp_path / "catalog.db") as other:
        other.execute("DROP TABLE settings")
    other.close()
    with pytest.raises(CatalogUnavailable):
        catalog.set_setting("who", "a secret of mine")
    assert "no such table" in caplog.text
    assert "secret" not in caplog.text
    catalog.close()
