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
    (folder / "room.html").write_text("<html><!--rostra:state--><script type=module>1</script></html>")
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
