from rostra.studio.metrics import EDGE_SILENT_S, MAX_EDGES, Audience, exposition


def test_listeners_are_summed_over_the_edges_that_are_there() -> None:
    audience = Audience()
    audience.heard("e1", {"rooms": {"main": {"push": 3, "hls": 1}}}, 10.0)
    audience.heard("e2", {"rooms": {"main": {"push": 4}, "b": {"mp3": 1}}}, 11.0)
    assert audience.listening(12.0) == {("main", "push"): 7, ("main", "hls"): 1, ("b", "mp3"): 1}
    assert audience.edges == 2
    assert audience.listening(10.5 + EDGE_SILENT_S) == {("main", "push"): 4, ("b", "mp3"): 1}
    assert audience.edges == 1


def test_counts_that_are_none_are_ignored_and_edges_bounded() -> None:
    audience = Audience()
    for n in range(MAX_EDGES + 50):
        audience.heard(f"e{n}", {"rooms": {"main": {"push": 1}}}, 0.0)
    assert audience.listening(0.0) == {("main", "push"): MAX_EDGES}
    for bad in ({}, {"rooms": 7}, {"rooms": {"a": 7}}, {"rooms": {"a": {"push": "many"}}}):
        audience.heard("e0", bad, 0.0)
        assert audience.listening(0.0) == {("main", "push"): MAX_EDGES - 1}


def test_the_text_is_as_prometheus_reads_it() -> None:
    values = {(("room", 'a"b\\c\n'),): 2.0, (): 1.5}
    text = exposition([("rostra_x", "gauge", "An x.", values)])
    assert text == ('# HELP rostra_x An x.\n# TYPE rostra_x gauge\nrostra_x 1.5\nrostra_x{room="a\\"b\\\\c\\n"} 2\n')
