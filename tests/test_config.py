from __future__ import annotations

import pytest

from rostra.config import strict_transport


@pytest.mark.parametrize("url", ["https://live.example.org", "https://live.example.org:8443", "https://1und1.de"])
def test_a_door_that_is_reached_by_https_and_by_a_name_says_so(url: str) -> None:
    assert strict_transport(url) == "max-age=2592000"


@pytest.mark.parametrize(
    "url",
    [
        "http://live.example.org", "https://localhost:8080", "https://LOCALHOST", "https://a.localhost", "https://localhost.",
        "https://127.0.0.1:8080", "https://[::1]:8080", "https://192.0.2.1", "https://intranet", "https://", "",
    ],
)  # fmt: skip
def test_no_other_door_does(url: str) -> None:
    assert strict_transport(url) == ""
