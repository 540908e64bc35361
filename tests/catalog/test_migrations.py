"""All the way up, all the way down, and up leads to what ``tables`` says."""

import threading
from pathlib import Path
from typing import Any

import pytest
from alembic.autogenerate import compare_metadata
from alembic.runtime.migration import MigrationContext
from sqlalchemy import Engine, inspect, text
from sqlalchemy.types import TypeEngine

import rostra
from rostra.catalog import Catalog, migrations
from rostra.catalog.engine import WRITES, make_engine
from rostra.catalog.tables import metadata
from rostra.errors import DataFolderFault
from tests.catalog.making import room


def move(engine: Engine, revision: str) -> None:
    with engine.connect() as connection:
        connection.execution_options(**{WRITES: True})
        with connection.begin():
            migrations.move(connection, revision)


def differ(context: MigrationContext, _: Any, __: Any, found: TypeEngine[Any], said: TypeEngine[Any]) -> bool:
    """Compares what stands in the SQL, collation included."""
    dialect = context.dialect
    return found.compile(dialect) != said.compile(dialect)


def test_up_from_empty_is_the_schema_and_down_leaves_nothing(url: str) -> None:
    engine = make_engine(url)
    for _ in range(2):
        move(engine, "head")
        with engine.connect() as connection:
            context = MigrationContext.configure(connection, opts={"compare_type": differ})
            assert compare_metadata(context, metadata) == []
        assert set(metadata.tables) < set(inspect(engine).get_table_names())
        move(engine, "base")
        assert set(inspect(engine).get_table_names()) <= {"alembic_version", "sqlite_sequence"}
    engine.dispose()


def test_a_catalog_is_opened_again(url: str) -> None:
    for n in range(3):
        catalog = Catalog.open(url)
        catalog.create_room(room(f"r{n}"))
        assert len(catalog.list_rooms(10)[0]) == n + 1
        catalog.close()


def test_a_later_version_is_not_touched(url: str) -> None:
    Catalog.open(url).close()
    engine = make_engine(url)
    with engine.begin() as connection:
        connection.execute(text("UPDATE alembic_version SET version_num = '9999'"))
    engine.dispose()
    with pytest.raises(DataFolderFault, match="later version"):
        Catalog.open(url)


def test_a_step_that_fails_leaves_no_half(url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    from alembic import op

    def fails(*_: object, **__: object) -> None:
        raise RuntimeError("power cut")

    with monkeypatch.context() as patch:
        patch.setattr(op, "bulk_insert", fails)
        with pytest.raises(RuntimeError, match="power cut"):
            Catalog.open(url)
    engine = make_engine(url)
    assert inspect(engine).get_table_names() == []
    engine.dispose()
    Catalog.open(url).close()


def test_two_that_start_at_once(url: str) -> None:
    failures: list[BaseException] = []

    def start() -> None:
        try:
            Catalog.open(url).close()
        except BaseException as e:
            failures.append(e)

    threads = [threading.Thread(target=start) for _ in range(2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(30)
    assert failures == []


def test_the_steps_come_with_the_package() -> None:
    folder = Path(rostra.__file__).parent / "catalog" / "migrations"
    assert Path(migrations.__file__).parent == folder
    assert (folder / "env.py").exists()
    assert [p.name for p in sorted((folder / "versions").glob("step*.py"))] == ["step0001.py"]
