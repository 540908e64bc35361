from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rostra.edge.head import MAX_BODY_BYTES
from rostra.edge.letters import (
    HandAsked,
    Report,
    RsvpMade,
    clean,
    hand_asked,
    number_asked,
    reaction_sent,
    report_made,
    rsvp_made,
)
from rostra.errors import BadRequest, Refused, Unsupported

TICKET = "abcdefghijklmnopqrst_-"
JSON = "application/json"


def body(**values: Any) -> bytes:
    return json.dumps(values).encode()


def test_a_hand() -> None:
    assert hand_asked(body(name="Ada", why="A word"), JSON) == HandAsked("Ada", "A word", "")
    assert hand_asked(body(name="Ada"), "text/plain;charset=UTF-8") == HandAsked("Ada", "", "")
    assert hand_asked(body(name="Ada", ticket=TICKET), "") == HandAsked("Ada", "", TICKET)
    assert hand_asked(body(ticket=TICKET, withdraw=True), JSON).withdraw
    assert hand_asked(body(ticket=TICKET), JSON) == HandAsked("", "", TICKET)


def test_the_others() -> None:
    assert rsvp_made(b"", "") == rsvp_made(b"{}", JSON) == RsvpMade()
    assert rsvp_made(body(ticket=TICKET), JSON) == RsvpMade(TICKET)
    assert reaction_sent('{"r":"❤️"}'.encode(), "text/plain") == "❤"
    assert report_made(body(said=" This \n is \u202e wrong ", about="s3"), JSON) == Report("This\nis wrong", "s3")


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"{",
        b"null",
        b"[]",
        b'"name"',
        b"[" * MAX_BODY_BYTES,
        b'{"name":' * 400,
        b'{"name":"a","name":"b"}',
        b'{"name":"\xff"}',
        b"\xef\xbb\xbf{}",
        b'{"name":NaN}',
        b'{"name":' + b"9" * 4000 + b"}",
        b'{"name":1}',
        b'{"name":null}',
        b'{"name":["a"]}',
        b'{"name":{"a":1}}',
        b'{"name":"a","why":true}',
        b'{"name":"a","ticket":"short"}',
        b'{"name":"a","ticket":22}',
        b'{"name":"a","other":1}',
        b'{"name":"a","__proto__":{}}',
        b'{"withdraw":true}',
        b'{"ticket":"abcdefghijklmnopqrst_-","withdraw":"yes"}',
        b'{"name":""}',
        b'{"name":"\\u0000\\u202e\\u200b"}',
        b'{"name":"\\ud800"}',
        b"name=Ada",
        b'\0{"name":"a"}',
    ],
)
def test_what_is_no_hand_is_refused_with_a_sentence(data: bytes) -> None:
    with pytest.raises(BadRequest) as refused:
        hand_asked(data, JSON)
    assert str(refused.value).endswith(".")
    assert "\0" not in str(refused.value)


@pytest.mark.parametrize("kind", ["application/x-www-form-urlencoded", "multipart/form-data; boundary=x", "text/html"])
def test_forms_of_other_sites_are_refused(kind: str) -> None:
    with pytest.raises(Unsupported):
        hand_asked(body(name="Ada"), kind)


def test_lengths() -> None:
    assert hand_asked(body(name="ä" * 60, why="x" * 280), JSON).name == "ä" * 60
    for values in ({"name": "a" * 61}, {"name": "a", "why": "x" * 281}):
        with pytest.raises(BadRequest, match="at most"):
            hand_asked(body(**values), JSON)
    with pytest.raises(BadRequest):
        report_made(body(said="x" * 1001), JSON)
    with pytest.raises(BadRequest):
        report_made(body(said="x", about="y" * 65), JSON)
    with pytest.raises(BadRequest):
        report_made(body(said="  "), JSON)
    for r in ("💩", "", "❤❤"):
        with pytest.raises(BadRequest):
            reaction_sent(body(r=r), JSON)


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("Ada", "Ada"),
        ("  Ada \t\n Lovelace ", "Ada Lovelace"),
        ("<script>alert(1)</script>", "<script>alert(1)</script>"),  # shown as text; who shows it escapes it
        ("A\u200bd\u2060a\ufeff", "Ada"),
        ("\u202eadA\u202c\u2066x\u2069", "adAx"),
        ("A\0d\x1ba\x7f\x9b", "Ada"),
        ("אבג", "אבג"),
        ("e\u0301", "é"),
        ("Z" + "\u0335" * 200, "Z" + "\u0335" * 4),
        ("👩\u200d👩\u200d👧", "👩👩👧"),
        ("\U000e0041\U000e0042", ""),
        ("\u2028x\u2029y", "x y"),
    ],
)
def test_names_look_like_what_they_are(text: str, shown: str) -> None:
    assert clean(text, 1000) == shown


def test_a_sentence_keeps_its_joiners_and_lines() -> None:
    assert clean("👩\u200d👧 می\u200cخواهم", 100, joiners=True) == "👩\u200d👧 می\u200cخواهم"
    assert clean("a\n\n\n\n b \r\n c", 100, lines=True) == "a\n\nb\nc"


@given(
    st.binary(max_size=300)
    | st.text(max_size=200)
    .map(
        str.encode,
    )
    .filter(bool)
)
def test_any_bytes_are_taken_or_refused(data: bytes) -> None:
    for read in (hand_asked, rsvp_made, number_asked, reaction_sent, report_made):
        try:
            read(data, JSON)
        except Refused as e:
            str(e).encode()


@given(st.text(max_size=300))
def test_cleaning_twice_is_cleaning_once(text: str) -> None:
    for lines in (False, True):
        once = clean(text, 1000, lines=lines)
        assert clean(once, 1000, lines=lines) == once
        once.encode()
