"""Which databases there are, and that secrets stay where they are."""

import stat
from pathlib import Path

import pytest
from sqlalchemy import text

from rostra.catalog import Catalog
from rostra.catalog.engine import make_engine
from rostra.errors import CatalogUnavailable, ConfigError, DataFolderFault
from tests.catalog.making import room
from tests.catalog.server import Postgres


@pytest.mark.parametrize(
    "url",
    ["", "mysql://me:secret@there/x", "sqlite://", "sqlite:///:memory:", "sqlite://host/x", "secret",
     "postgresql://h:secret/x", "oracle+secret://x"],
)  # fmt: skip
def test_other_databases_are_refused_without_repeating_the_password(url: str) -> None:
    with pytest.raises(ConfigError, match="sqlite:///PATH or postgresql://") as refused:
        make_engine(url)
    assert "secret" not in str(refused.value)


def test_sqlite_is_private_in_a_folder_that_is_made(tmp_path: Path) -> None:
    path = tmp_path / "new" / "catalog.db"
    catalog = Catalog.open(f"sqlite:///{path}")
    catalog.create_room(room())
    modes = {p.name: stat.S_IMODE(p.stat().st_mode) for p in path.parent.iterdir()}
    catalog.close()
    assert modes.keys() >= {"catalog.db", "catalog.db-wal"}
    assert set(modes.values()) == {0o600}


def test_a_place_where_no_file_can_be(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(DataFolderFault, match="writable"):
        make_engine(f"sqlite:///{tmp_path / 'file' / 'catalog.db'}")


def test_sqlite_waits_keeps_and_relates(tmp_path: Path) -> None:
    engine = make_engine(f"sqlite:///{tmp_path / 'catalog.db'}")
    with engine.connect() as connection:
        ask = ("journal_mode", "synchronous", "foreign_keys", "busy_timeout")
        assert [connection.execute(text(f"PRAGMA {name}")).scalar() for name in ask] == ["wal", 2, 1, 5000]
    engine.dispose()


def test_a_server_that_is_not_there(tmp_path: Path) -> None:
    with pytest.raises(CatalogUnavailable, match="Rooms on air go on"):
        Catalog.open(f"postgresql://rostra@/x?host={tmp_path}")


@pytest.mark.stranger("postgres")
def test_what_is_said_in_the_url_stands(postgres: Postgres) -> None:
    url = postgres.fresh()
    for address, expected in ((url, "10s"), (f"{url}&options=-c%20statement_timeout%3D3s", "3s")):
        engine = make_engine(address)
        with engine.connect() as connection:
            assert connection.execute(text("SHOW statement_timeout")).scalar() == expected
        engine.dispose()
