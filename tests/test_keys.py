import threading
from pathlib import Path

import pytest

from rostra.errors import DataFolderFault
from rostra.keys import make_keys, operator_token, private_key, public_key
from rostra.units import Role, WallTime
from rostra.wire.tokens import Claims, sign, verify


def test_keys_are_made_once_and_private(tmp_path: Path) -> None:
    make_keys(tmp_path)
    files = {p.name: p.read_bytes() for p in (tmp_path / "keys").iterdir()}
    assert files.keys() == {"link.key", "link.pub", "operator-token"}
    for secret in ("link.key", "operator-token"):
        assert (tmp_path / "keys" / secret).stat().st_mode & 0o777 == 0o600
    assert (tmp_path / "keys").stat().st_mode & 0o777 == 0o700
    make_keys(tmp_path)
    assert {p.name: p.read_bytes() for p in (tmp_path / "keys").iterdir()} == files
    claims = Claims("main", Role.HOST, "Ann", "a", 2_000_000_000)
    assert verify(sign(claims, private_key(tmp_path)), public_key(tmp_path), "main", WallTime(1.0)) == claims
    assert len(operator_token(tmp_path)) >= 43


def test_two_that_make_keys_at_once_agree(tmp_path: Path) -> None:
    threads = [threading.Thread(target=make_keys, args=(tmp_path,)) for _ in range(8)]
    for t in threads:
        t.start()
    for t in threads:
        t.join()
    assert private_key(tmp_path).public_key() == public_key(tmp_path)
    assert len(list((tmp_path / "keys").iterdir())) == 3


def test_a_missing_or_damaged_key_is_a_sentence(tmp_path: Path) -> None:
    for read in (private_key, public_key, operator_token):
        with pytest.raises(DataFolderFault, match="Is --data the folder"):
            read(tmp_path)
    make_keys(tmp_path)
    for name in ("link.key", "link.pub", "operator-token"):
        (tmp_path / "keys" / name).write_bytes(b"nonsense")
    for read in (private_key, public_key, operator_token):
        with pytest.raises(DataFolderFault):
            read(tmp_path)


def test_a_folder_that_is_a_file_is_a_sentence(tmp_path: Path) -> None:
    (tmp_path / "x").write_text("")
    with pytest.raises(DataFolderFault, match="Choose another folder with --data"):
        make_keys(tmp_path / "x")
