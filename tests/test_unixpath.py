import socket
from pathlib import Path

import pytest

from rostra.unixpath import short


def test_a_socket_deep_down_can_be_bound_and_reached(tmp_path: Path) -> None:
    path = tmp_path / ("x" * 100) / ("y" * 100) / "stage-main.sock"
    path.parent.mkdir(parents=True)
    with socket.socket(socket.AF_UNIX) as listening, socket.socket(socket.AF_UNIX) as client:
        with short(path) as name:
            listening.bind(name)
        listening.listen(1)
        assert path.is_socket()
        with short(path) as name:
            client.connect(name)
        accepted, _ = listening.accept()
        client.sendall(b"here")
        assert accepted.recv(10) == b"here"
        accepted.close()


def test_no_folder(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError), short(tmp_path / "none" / "x.sock"):
        raise AssertionError
