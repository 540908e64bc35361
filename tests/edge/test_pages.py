from __future__ import annotations

import gzip
import json
from pathlib import Path

import brotli

from rostra.edge.answers import http_date
from rostra.edge.negotiate import Encoding
from rostra.edge.pages import Pages, policy_of

DATE = http_date(0)


def built(folder: Path) -> Path:
    (folder / "assets").mkdir()
    (folder / "room.html").write_text(
        "<html><head><title>Rostra</title></head><!--rostra:state--><script type=module>1</script></html>"
    )
    (folder / "home.html").write_text("<html><style>b{}</style></html>")
    (folder / "assets" / "a-1.js").write_text("let a = 1;" * 50)
    manifest = {
        "pages": {"room": "room.html", "home": "home.html"},
        "assets": {"/assets/a-1.js": {"type": "text/javascript", "size": 500}},
        "csp": {"room": "default-src 'none'; script-src 'sha256-x'"},
    }
    (folder / "manifest.json").write_text(json.dumps(manifest))
    return folder


def test_assets_are_immutable_and_in_every_encoding(tmp_path: Path) -> None:
    pages = Pages(built(tmp_path))
    source = (tmp_path / "assets" / "a-1.js").read_bytes()
    forms = {e: pages.asset("/assets/a-1.js", e) for e in Encoding}
    for encoding, unpack in (
        (Encoding.IDENTITY, bytes),
        (Encoding.GZIP, gzip.decompress),
        (Encoding.BROTLI, brotli.decompress),
    ):
        answer = forms[encoding]
        assert answer is not None
        assert unpack(answer.body) == source
        head = answer.render(DATE)
        assert b"Cache-Control: public, max-age=31536000, immutable\r\n" in head
        assert b"Vary: Accept-Encoding\r\n" in head
        assert (b"Content-Encoding" in head) is (encoding is not Encoding.IDENTITY)
    assert pages.asset("/assets/other.js", Encoding.GZIP) is None


def test_state_stands_in_the_page_and_cannot_break_out_of_it(tmp_path: Path) -> None:
    pages = Pages(built(tmp_path))
    state = json.dumps({"title": "</script><script>alert(1)</script>"}).encode()
    html = pages.room_answers(state)[Encoding.IDENTITY].body
    assert html.count(b"</script>") == 2
    inner = html.split(b'id="state">')[1].split(b"</script>")[0]
    assert json.loads(inner) == json.loads(state)
    assert brotli.decompress(pages.room_answers(state)[Encoding.BROTLI].body) == html


def test_what_stands_beside_an_asset_is_not_packed_again(tmp_path: Path) -> None:
    built(tmp_path)
    (tmp_path / "assets" / "a-1.js.gz").write_bytes(b"gzip of the build")
    alone = Pages(tmp_path).asset("/assets/a-1.js", Encoding.GZIP)
    assert alone is not None
    assert alone.body != b"gzip of the build"
    (tmp_path / "assets" / "a-1.js.br").write_bytes(b"brotli of the build")
    pages = Pages(tmp_path)
    bodies = [answer.body for e in (Encoding.GZIP, Encoding.BROTLI) if (answer := pages.asset("/assets/a-1.js", e))]
    assert bodies == [b"gzip of the build", b"brotli of the build"]
    assert pages.asset("/assets/a-1.js.br", Encoding.IDENTITY) is None


def test_head_and_title_go_where_the_page_wants_them(tmp_path: Path) -> None:
    built(tmp_path)
    html = Pages(tmp_path).room_answers(b"{}", b"<meta x>", b"T \\1")[Encoding.IDENTITY].body
    assert b"<title>T \\1</title><meta x>\n</head>" in html
    page = "<head><!--rostra:meta--><title>Rostra</title></head><!--rostra:state-->"
    (tmp_path / "room.html").write_text(page)
    html = Pages(tmp_path).room_answers(b'{"a":"<!--rostra:meta-->"}', b"<meta x>")[Encoding.IDENTITY].body
    assert html.startswith(b"<head><meta x><title>Rostra</title></head>")
    assert html.count(b"<meta x>") == 1


def test_pages_that_tell_the_same_have_one_tag(tmp_path: Path) -> None:
    pages = Pages(built(tmp_path))
    one, two, other = (
        pages.room_answers(state, made_of=made)[Encoding.GZIP]
        for state, made in ((b'{"now":1}', b"x"), (b'{"now":2}', b"x"), (b'{"now":2}', b"y"))
    )
    assert one.tag == two.tag != other.tag
    assert one.tag.startswith('W/"')


def test_policy_comes_from_the_build_or_is_worked_out(tmp_path: Path) -> None:
    pages = Pages(built(tmp_path))
    assert b"script-src 'sha256-x'" in pages.room_answers(b"{}")[Encoding.IDENTITY].render(DATE)
    home = pages.home_answers[Encoding.IDENTITY].render(DATE)
    assert b"style-src 'self' 'sha256-" in home
    assert b"Referrer-Policy: no-referrer\r\n" in home


def test_policy_allows_what_stands_there_and_nothing_else() -> None:
    policy = policy_of(b"<style>a</style><script type=module>b</script><script src=/x.js></script>")
    # printf a | openssl dgst -sha256 -binary | base64, and b
    assert "style-src 'self' 'sha256-ypeBEsobvcr6wjGzmiPcTaeG7/gUfE5yuYB3ha/uSLs='" in policy
    assert "script-src 'self' 'sha256-PiPoFgA5WUoziU9lZOGxNIu9egCI1CxKy3PurtWcAJ0='" in policy
    assert "unsafe" not in policy


def test_each_form_has_its_own_tag(tmp_path: Path) -> None:
    tags = {a.tag for a in Pages(built(tmp_path)).home_answers.values()}
    assert len(tags) == 3


def test_without_a_build_a_plain_page_says_so(tmp_path: Path) -> None:
    for manifest in ("", "[]", "{"):
        (tmp_path / "manifest.json").write_text(manifest)
        pages = Pages(tmp_path)
        assert not pages.built
        assert b"make pages" in pages.home_answers[Encoding.IDENTITY].body
        assert b"make pages" in pages.room_answers(b"{}")[Encoding.IDENTITY].body
