from __future__ import annotations

import json
import os
import socket
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec

from rostra.config import Settings, load
from rostra.doctor import probes
from rostra.doctor.checks import Verdict


def settings(data: Path, **sections: dict[str, object]) -> Settings:
    return load(None, {"data": str(data), **sections})


def test_this_machine_has_the_codecs_and_the_bus(tmp_path: Path) -> None:
    assert probes.codecs().verdict is Verdict.OK
    assert "opus" in probes.codecs().value
    assert probes.bus("").verdict is Verdict.OK
    assert probes.udp(settings(tmp_path)).verdict is Verdict.OK


def test_time_never_raises() -> None:
    assert probes.clock().verdict in (Verdict.OK, Verdict.WARN)


def test_a_data_folder_that_is_not_there_yet(tmp_path: Path) -> None:
    assert probes.data_folder(tmp_path / "a" / "b").verdict is not Verdict.FAIL
    assert not (tmp_path / "a").exists()


@pytest.mark.skipif(os.getuid() == 0, reason="left out: root may write anywhere")
def test_a_data_folder_that_may_not_be_written(tmp_path: Path) -> None:
    tmp_path.chmod(0o500)
    assert probes.data_folder(tmp_path).verdict is Verdict.FAIL


def test_a_data_folder_where_nobody_may_write() -> None:
    """Not even root, for whom the check above is left out."""
    assert probes.data_folder(Path("/proc/self")).verdict is Verdict.FAIL


def test_a_data_folder_that_is_a_file(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("x")
    assert probes.data_folder(tmp_path / "file").verdict is Verdict.FAIL


def test_a_port_in_use_is_seen_and_ours_is_known_again(tmp_path: Path) -> None:
    with socket.socket() as busy:
        busy.bind(("127.0.0.1", 0))
        busy.listen(1)
        port = busy.getsockname()[1]
        front = {"host": "127.0.0.1", "port": port}
        free = {"host": "127.0.0.1", "port": 0}
        with_busy = settings(tmp_path, front=front, studio=free, source=free)
        assert [c.verdict for c in probes.doors(with_busy)] == [Verdict.FAIL, Verdict.OK, Verdict.OK]
        (tmp_path / "run").mkdir()
        url = f"http://127.0.0.1:{port}"
        (tmp_path / "run" / "serve.json").write_text(
            json.dumps({"pid": os.getpid(), "front": url, "studio": url, "source": url})
        )
        assert [c.value for c in probes.doors(with_busy) if c.verdict is Verdict.FAIL] == []


def test_an_address_that_is_not_ours_is_a_failure_in_words(tmp_path: Path) -> None:
    door = probes.doors(settings(tmp_path, front={"host": "192.0.2.1"}))[0]
    assert door.verdict is Verdict.FAIL
    assert "cannot be used" in door.means


def test_a_bus_elsewhere_that_does_not_answer_or_is_another() -> None:
    assert probes.bus("nats://127.0.0.1:1").verdict is Verdict.FAIL
    with socket.socket() as other:
        other.bind(("127.0.0.1", 0))
        other.listen(1)
        import threading

        def greet() -> None:
            connection, _ = other.accept()
            with connection:
                connection.sendall(b"220 mail\r\n")

        thread = threading.Thread(target=greet)
        thread.start()
        check = probes.bus(f"nats://127.0.0.1:{other.getsockname()[1]}")
        thread.join()
    assert "no NATS server" in check.means


def test_pages_that_are_missing_are_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(probes, "DIST", tmp_path)
    (tmp_path / "home.html").write_text("x")
    check = probes.pages()
    assert check.verdict is Verdict.FAIL
    assert "room.html" in check.value
    assert "home.html" not in check.value


def make_certificate(folder: Path, days: int) -> tuple[str, str]:
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "localhost")])
    now = datetime.now(UTC)
    certificate = (
        x509.CertificateBuilder()
        .subject_name(name).issuer_name(name).public_key(key.public_key()).serial_number(1)
        .not_valid_before(now - timedelta(days=100)).not_valid_after(now + timedelta(days=days))
        .sign(key, hashes.SHA256())
    )  # fmt: skip
    cert_file, key_file = folder / "cert.pem", folder / "key.pem"
    cert_file.write_bytes(certificate.public_bytes(serialization.Encoding.PEM))
    key_file.write_bytes(
        key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
    )
    return str(cert_file), str(key_file)


@pytest.mark.parametrize(("days", "verdict"), [(90, Verdict.OK), (3, Verdict.WARN), (-1, Verdict.FAIL)])
def test_a_certificate_is_looked_at(tmp_path: Path, days: int, verdict: Verdict) -> None:
    cert, key = make_certificate(tmp_path, days)
    found = list(probes.certificate(settings(tmp_path, tls={"cert": cert, "key": key})))
    assert [c.verdict for c in found] == [verdict]


def test_no_certificate_no_line_and_a_bad_one_a_failure(tmp_path: Path) -> None:
    assert list(probes.certificate(settings(tmp_path))) == []
    (tmp_path / "bad.pem").write_text("x")
    bad = str(tmp_path / "bad.pem")
    assert [c.verdict for c in probes.certificate(settings(tmp_path, tls={"cert": bad, "key": bad}))] == [Verdict.FAIL]


def test_limits_come_with_a_verdict_each(tmp_path: Path) -> None:
    found, findings = probes.limits(settings(tmp_path), 2, 10**9)
    assert len(found) == len(findings)
    assert any(c.verdict is Verdict.FAIL for c in found)
