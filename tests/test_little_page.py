from __future__ import annotations

import base64
import hashlib
import re

from rostra.little_page import POLICY, little_page


def test_its_policy_allows_its_style_and_nothing_else() -> None:
    (style,) = re.findall(rb"<style>(.*?)</style>", little_page("T", "S"))
    digest = base64.b64encode(hashlib.sha256(style).digest()).decode()
    assert f"style-src 'sha256-{digest}'" in POLICY
    assert POLICY.startswith("default-src 'none'") and "unsafe" not in POLICY


def test_what_it_tells_is_text() -> None:
    page = little_page("<b>T</b>", "S & <script>s</script>")
    assert b"<b>" not in page and b"<script" not in page
    assert b"S &amp; &lt;script&gt;" in page
    assert b"http" not in page
