from __future__ import annotations

from html.parser import HTMLParser

from rostra.edge.announcing import MAX_DESCRIPTION, description_of, head_of, title_of
from tests.edge.making import room

FRONT = "https://live.example"
CARD = "a" * 32 + ".png"
HOSTILE = "\"'><script>alert(1)</script>\n<!--rostra:state--> & \u202e"


class Tags(HTMLParser):
    def __init__(self, data: bytes) -> None:
        super().__init__()
        self.metas: dict[str, str] = {}
        self.others: list[str] = []
        self.feed(data.decode())

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        values = dict(attrs)
        if tag == "meta":
            self.metas[values.get("property") or values.get("name") or ""] = values.get("content") or ""
        else:
            self.others.append(tag)


def test_sites_learn_what_it_is() -> None:
    of = room(title="An evening", words="About\n\nnothing.", speakers=("Ada", "Grace"), card=CARD, tz="Europe/Berlin")
    metas = Tags(head_of(of, FRONT)).metas
    assert metas["og:title"] == "An evening"
    assert metas["og:url"] == f"{FRONT}/r/demo"
    assert metas["og:image"] == f"{FRONT}/p/{CARD}"
    assert metas["twitter:card"] == "summary_large_image"
    expected = "Tuesday, 14 November 2023, 23:13 CET. With Ada, Grace. About nothing."
    assert metas["description"] == metas["og:description"] == expected
    assert "robots" not in metas
    assert title_of(of) == "An evening · Rostra".encode()


def test_without_a_picture() -> None:
    metas = Tags(head_of(room(), FRONT)).metas
    assert "og:image" not in metas
    assert metas["twitter:card"] == "summary"


def test_no_text_breaks_out() -> None:
    of = room(title=HOSTILE, words=HOSTILE, speakers=("\"'><img src=x>",), tz=HOSTILE)
    data = head_of(of, FRONT)
    tags = Tags(data)
    assert set(tags.others) == {"link"}
    assert tags.metas["og:title"].startswith("\"'><script>")
    assert b"<!--" not in data + title_of(of)
    assert b"<script" not in title_of(of)


def test_half_a_surrogate_pair_is_no_bytes() -> None:
    head_of(room(title="x\ud800", words="\udfff"), FRONT)
    title_of(room(title="x\ud800"))


def test_who_is_not_to_be_found_says_so() -> None:
    assert Tags(head_of(room(listed=False), FRONT)).metas["robots"] == "noindex"
    data = head_of(room(invited=True), FRONT)
    assert Tags(data).metas["robots"] == "noindex"
    assert b"feed.xml" not in data


def test_a_description_is_short() -> None:
    assert len(description_of(room(words="word " * 400))) <= MAX_DESCRIPTION
