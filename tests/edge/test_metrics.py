from __future__ import annotations

from rostra.edge.metrics import Metric, one, render


def test_text() -> None:
    text = render(
        [
            one("a_total", "counter", "How often.", 3),
            Metric("b", "gauge", "By room.", {(("room", 'x"\\\n'), ("tls", "no")): 0.25, (): 12_345_678_901}),
        ]
    ).decode()
    assert text == (
        "# HELP a_total How often.\n# TYPE a_total counter\na_total 3\n"
        '# HELP b By room.\n# TYPE b gauge\nb{room="x\\"\\\\\\n",tls="no"} 0.25\nb 1.23456789e+10\n'
    )
