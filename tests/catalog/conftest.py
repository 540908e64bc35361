"""Each test that takes ``catalog`` or ``url`` runs on SQLite and on a real PostgreSQL."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from rostra.catalog import Catalog
from tests.catalog.server import Missing, Postgres


@pytest.fixture(scope="session")
def postgres() -> Iterator[Postgres]:
    try:
        server = Postgres()
    except Missing as e:
        pytest.skip(str(e))
    try:
        server.start()
        yield server
    finally:
        server.remove()


@pytest.fixture(params=["sqlite", pytest.param("postgresql", marks=pytest.mark.stranger("postgres"))])
def url(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    """Of an empty database."""
    if request.param == "sqlite":
        return f"sqlite:///{tmp_path / 'catalog.db'}"
    return str(request.getfixturevalue("postgres").fresh())


@pytest.fixture
def catalog(url: str) -> Iterator[Catalog]:
    catalog = Catalog.open(url)
    yield catalog
    catalog.close()
