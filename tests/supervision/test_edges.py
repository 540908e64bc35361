import pytest

from rostra.supervision.edges import MOST_EDGES, edge_count, first_edges


@pytest.mark.parametrize(
    ("cores", "open_files", "memory_listeners", "expected"),
    [
        (2, 1_048_576, 2_000_000, 3),  # one a core and one to spare
        (8, 1_048_576, 8_000_000, 9),
        (2, 20_000, 2_000_000, 7),  # 100,000 listeners at 19,800 each, and one to spare
        (2, 20_000, 30_000, 3),  # memory ends first
        (1, 1_048_576, 1_000, 2),
        (2, 1024, 2_000_000, MOST_EDGES),
        (64, 1_048_576, 64_000_000, MOST_EDGES),
        (1, 100, 1_000, MOST_EDGES),  # fewer files than are kept back
    ],
)
def test_how_many(cores: int, open_files: int, memory_listeners: int, expected: int) -> None:
    assert edge_count(cores, open_files, 200, memory_listeners) == expected


def test_the_door_opens_with_a_few() -> None:
    assert [first_edges(n, 2) for n in (1, 2, 3, 7, 32)] == [1, 2, 3, 3, 3]
