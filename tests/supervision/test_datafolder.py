import json
from pathlib import Path

import pytest

from rostra.errors import DataFolderFault
from rostra.supervision.datafolder import VERSION, DataFolder


def test_it_is_made_and_used_again(tmp_path: Path) -> None:
    for _ in range(2):
        folder = DataFolder.open(tmp_path / "a" / "data")
        assert (folder.path / "VERSION").read_text().strip() == VERSION
        folder.write_addresses({"pid": 1, "front": "http://127.0.0.1:1"})
        assert json.loads((folder.path / "run" / "serve.json").read_text())["front"] == "http://127.0.0.1:1"
        folder.close()
        assert not (folder.path / "run" / "serve.json").exists()


def test_two_at_once_are_refused_and_the_other_is_named(tmp_path: Path) -> None:
    folder = DataFolder.open(tmp_path / "data")
    folder.write_addresses({"pid": 4711})
    with pytest.raises(DataFolderFault, match=r"\(process 4711\) uses the data folder.*--data DIR"):
        DataFolder.open(tmp_path / "data")
    folder.close()
    DataFolder.open(tmp_path / "data").close()


def test_another_version_is_refused_and_left_as_it_is(tmp_path: Path) -> None:
    DataFolder.open(tmp_path / "data").close()
    (tmp_path / "data" / "VERSION").write_text("2\n")
    before = sorted(p.name for p in (tmp_path / "data").rglob("*"))
    with pytest.raises(DataFolderFault, match=r"is of version '2'; this Rostra writes version 1\..*Nothing in it was"):
        DataFolder.open(tmp_path / "data")
    assert sorted(p.name for p in (tmp_path / "data").rglob("*")) == before


def test_a_folder_with_somebody_elses_files_is_refused(tmp_path: Path) -> None:
    (tmp_path / "thesis.odt").write_text("x")
    with pytest.raises(DataFolderFault, match="files in it that Rostra did not make"):
        DataFolder.open(tmp_path)
    assert [p.name for p in tmp_path.iterdir()] == ["thesis.odt"]


def test_a_file_in_its_place_is_a_sentence(tmp_path: Path) -> None:
    (tmp_path / "data").write_text("x")
    with pytest.raises(DataFolderFault, match="cannot be used"):
        DataFolder.open(tmp_path / "data")
    with pytest.raises(DataFolderFault, match="cannot be used"):
        DataFolder.open(Path("/proc/rostra"))


def test_keys_made_beforehand_are_no_strangers(tmp_path: Path) -> None:
    (tmp_path / "keys").mkdir()
    DataFolder.open(tmp_path).close()
