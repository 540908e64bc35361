"""`rostra serve`, whole: it starts, it survives the death of each of its processes, and it leaves nothing behind."""

from __future__ import annotations

import datetime
import os
import signal
import socket
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path

import httpx
import psutil
import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from rostra.bus.server import command, free_port
from tests.processes.serving import ANY_PORTS, RUN, Serving, alive, serving, until


@pytest.fixture(scope="module")
def running(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Serving]:
    with serving(tmp_path_factory.mktemp("serve") / "data") as found:
        yield found


def answers(url: str) -> bool:
    try:
        return httpx.get(f"{url}/healthz", timeout=2.0, trust_env=False).status_code == 200
    except httpx.HTTPError:
        return False


def refused(data: Path, *options: str) -> str:
    """What it says when it will not start; it says nothing on standard output, and nothing stays."""
    done = subprocess.run(
        [*RUN, "serve", "--data", str(data), *options], capture_output=True, text=True, timeout=30, check=False
    )
    assert done.returncode == 1, done.stderr
    assert done.stdout == ""
    assert "Traceback" not in done.stderr
    return done.stderr.strip().splitlines()[-1]


def test_it_says_one_line_when_both_doors_answer(running: Serving) -> None:
    assert running.ready == f"ready front={running.front} studio={running.studio}\n"
    assert answers(running.front)
    assert answers(running.studio)
    assert running.addresses["pid"] == running.process.pid
    assert len(running.pids("edge")) == 2
    assert len(running.pids("studio")) == 1
    assert len(running.pids("nats-server")) == 1
    assert "Traceback" not in running.log.read_text()


def test_rooms_by_command_two_of_one_name_and_an_end(running: Serving) -> None:
    made = running.room("create", "Évening talk", "--id", "talk")
    assert made["links"]["public"] == f"{running.front}/r/talk"
    assert set(made["links"]) == {"host", "cohost", "speaker", "public"}
    again = subprocess.run(
        [*RUN, "room", "create", "Other", "--id", "talk", "--data", str(running.data)],
        capture_output=True, text=True, timeout=30, check=False,
    )  # fmt: skip
    assert again.returncode == 1
    assert again.stderr == "rostra: There is a room 'talk' already. Choose another id with --id.\n"
    assert [r["id"] for r in running.room("list")] == ["talk"]
    assert running.room("show", "talk")["links"] == made["links"]
    assert httpx.get(f"{running.front}/r/talk/state").json()["state"] == "scheduled"
    assert running.room("end", "talk")["state"] == "cancelled"


@pytest.mark.parametrize("role", ["edge", "studio"])
def test_a_process_that_is_killed_is_back(running: Serving, role: str) -> None:
    before = running.pids(role)
    os.kill(before[0], signal.SIGKILL)
    door = running.front if role == "edge" else running.studio
    until(lambda: len(running.pids(role)) == len(before) and before[0] not in running.pids(role), what=role)
    until(lambda: answers(door), what=role)


def test_an_edge_that_hangs_is_ended_and_started_again(running: Serving) -> None:
    until(lambda: len(running.pids("edge")) == 2)
    time.sleep(1.5)  # let a heart that just began become regular
    victim = running.pids("edge")[0]
    os.kill(victim, signal.SIGSTOP)
    until(lambda: not alive(victim), 6.0, "the hung edge")
    until(lambda: len(running.pids("edge")) == 2, what="edges")
    assert "hangs: no sign of life for 2 s" in running.log.read_text()


def test_the_bus_is_back_on_its_port_and_remembers_the_rooms(running: Serving) -> None:
    running.room("create", "Kept", "--id", "kept")
    (nats,) = running.pids("nats-server")
    os.kill(nats, signal.SIGKILL)
    until(lambda: running.pids("nats-server") not in ([], [nats]), what="nats-server")
    until(lambda: httpx.get(f"{running.studio}/healthz").json()["bus"], what="the studio's bus")
    assert "kept" in [r["id"] for r in running.room("list")]
    until(lambda: httpx.get(f"{running.front}/r/kept/state").status_code == 200, what="the edge's bus")


def test_the_bus_hung_is_ended_and_started_again(running: Serving) -> None:
    (nats,) = running.pids("nats-server")
    os.kill(nats, signal.SIGSTOP)
    until(lambda: not alive(nats), 20.0, "the hung bus")
    until(lambda: httpx.get(f"{running.studio}/healthz").json()["bus"], what="the studio's bus")


def test_a_room_on_air_has_a_stage_whatever_happens_to_it(running: Serving) -> None:
    host = running.room("create", "On air", "--id", "on-air")["links"]["host"].partition("#t=")[2]
    bearer = {"Authorization": f"Bearer {host}"}
    opened = httpx.post(f"{running.studio}/api/rooms/on-air/open", headers=bearer, timeout=15.0)
    assert opened.json()["state"] == "open"
    (first,) = running.pids("stage")

    def people() -> int:
        return httpx.get(f"{running.studio}/api/rooms/on-air/people", headers=bearer, timeout=5.0).status_code

    assert people() == 200
    os.kill(first, signal.SIGKILL)
    until(lambda: running.pids("stage") not in ([], [first]) and people() == 200, what="the stage after kill -9")
    (second,) = running.pids("stage")
    time.sleep(1.5)  # until its heart is regular
    os.kill(second, signal.SIGSTOP)
    until(lambda: not alive(second), 8.0, "the hung stage")
    until(lambda: running.pids("stage") not in ([], [second]) and people() == 200, what="the stage after a hang")
    assert running.room("end", "on-air")["state"] == "ended"
    until(lambda: running.pids("stage") == [], what="the end of the stage")
    assert people() == 503


def test_a_second_one_on_the_same_folder_is_refused(running: Serving) -> None:
    said = refused(running.data, *ANY_PORTS)
    assert f"(process {running.process.pid}) uses the data folder" in said
    assert answers(running.front)


@pytest.mark.parametrize("door", ["front", "studio", "source"])
def test_a_port_in_use_is_a_sentence_at_once(running: Serving, tmp_path: Path, door: str) -> None:
    port = running.addresses[door].rpartition(":")[2]
    options = [*ANY_PORTS, f"--{door}", f"127.0.0.1:{port}"]
    said = refused(tmp_path / "data", *options)
    assert said == (
        f"rostra: Port {port} on 127.0.0.1 is in use by another program. "
        f"Stop it, or choose another with --{door} 127.0.0.1:PORT."
    )


def test_a_strangers_port_that_it_would_share_is_in_use(tmp_path: Path) -> None:
    with socket.socket() as stranger:
        stranger.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT, 1)
        stranger.bind(("127.0.0.1", 0))
        stranger.listen(1)
        said = refused(tmp_path / "data", *ANY_PORTS, "--front", f"127.0.0.1:{stranger.getsockname()[1]}")
        assert "is in use by another program" in said


def test_what_makes_no_sense_is_a_sentence(tmp_path: Path) -> None:
    (tmp_path / "old" / "keys").mkdir(parents=True)
    (tmp_path / "old" / "VERSION").write_text("99\n")
    assert "is of version '99'" in refused(tmp_path / "old", *ANY_PORTS)
    assert "write HOST:PORT" in refused(tmp_path / "data", "--front", "nonsense")
    assert "needs both --tls-cert FILE and --tls-key FILE" in refused(tmp_path / "d1", *ANY_PORTS, "--tls-cert", "x")
    said = refused(tmp_path / "d2", *ANY_PORTS, "--tls-cert", "/no/cert", "--tls-key", "/no/key")
    assert "The certificate /no/cert with the key /no/key cannot be used" in said
    (tmp_path / "c.toml").write_text("[front]\nports = 1\n")
    assert "front.ports: is not a setting" in refused(tmp_path / "d3", "--config", str(tmp_path / "c.toml"))


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_told_to_end_it_leaves_nothing_within_three_seconds(tmp_path: Path, number: signal.Signals) -> None:
    with serving(tmp_path / "data") as found:
        below = found.everyone()
        assert len(below) >= 4
        began = time.monotonic()
        assert found.end(number) == 0
        assert time.monotonic() - began < 3.0
        assert not [pid for pid in below if alive(pid)]
        assert not (found.data / "run" / "serve.json").exists()
        log = found.log.read_text()
        assert "Traceback" not in log
        assert "starting it again" not in log


def test_ctrl_c_while_it_starts_leaves_nothing(tmp_path: Path) -> None:
    process = subprocess.Popen(
        [*RUN, "serve", *ANY_PORTS, "--edges", "2", "--data", str(tmp_path / "data")],
        stdout=subprocess.PIPE, stderr=subprocess.DEVNULL,
    )  # fmt: skip
    assert process.stdout
    us = psutil.Process(process.pid)
    until(lambda: len(us.children(recursive=True)) >= 2, what="its first processes")
    below = us.children(recursive=True)
    process.send_signal(signal.SIGINT)
    assert process.wait(10) == 0
    process.stdout.close()
    assert not [p for p in below if alive(p.pid)]


def test_killed_with_9_it_takes_everyone_with_it_and_the_next_start_works(tmp_path: Path) -> None:
    with serving(tmp_path / "data") as found:
        found.room("create", "Kept", "--id", "kept")
        below = found.everyone()
        found.process.kill()
        found.process.wait(5)
        until(lambda: not [pid for pid in below if alive(pid)], 5.0, "the children")
    with serving(tmp_path / "data", edges=1) as again:
        assert [r["id"] for r in again.room("list")] == ["kept"]


def test_a_room_that_was_on_air_is_taken_up_by_the_next_start(tmp_path: Path) -> None:
    with serving(tmp_path / "data", edges=1) as found:
        host = found.room("create", "On air", "--id", "on-air")["links"]["host"].partition("#t=")[2]
        bearer = {"Authorization": f"Bearer {host}"}
        httpx.post(f"{found.studio}/api/rooms/on-air/open", headers=bearer, timeout=15.0).raise_for_status()
        below = found.everyone()
        assert found.end() == 0
        assert not [pid for pid in below if alive(pid)]
    with serving(tmp_path / "data", edges=1) as again:
        until(lambda: len(again.pids("stage")) == 1, what="the stage")
        until(lambda: "is on air: generation 2" in again.log.read_text(), what="generation 2")


def test_a_bus_of_somebody_elses(tmp_path: Path) -> None:
    port = free_port()
    (tmp_path / "bus").mkdir()
    bus = subprocess.Popen(command(tmp_path / "bus", port))
    try:
        with serving(tmp_path / "data", "--nats", f"nats://127.0.0.1:{port}", edges=1) as found:
            assert found.pids("nats-server") == []
            assert found.room("create", "A", "--id", "a")["id"] == "a"
            assert found.end() == 0
        assert bus.poll() is None
    finally:
        bus.kill()
        bus.wait()


def test_ready_behind_a_proxy_that_is_this_machine(tmp_path: Path) -> None:
    config = tmp_path / "c.toml"
    config.write_text('[front]\nproxy_protocol = true\ntrusted_proxies = ["127.0.0.0/8"]\n')
    with serving(tmp_path / "data", "--config", str(config), edges=1) as found:
        assert answers(found.studio)


def test_settings_from_the_environment_reach_everyone_once(tmp_path: Path) -> None:
    environment = {"ROSTRA_FRONT_PUBLIC_URL": "https://live.example", "ROSTRA_STUDIO_PORT": "0"}
    with serving(tmp_path / "data", edges=1, environment=environment) as found:
        assert found.ready == f"ready front=https://live.example studio={found.studio}\n"
        assert found.room("create", "A", "--id", "a")["links"]["public"] == "https://live.example/r/a"


def test_a_process_that_can_never_work_ends_the_start_with_a_sentence(tmp_path: Path) -> None:
    """An edge needs open files to keep back; here it has too few."""
    said = refused(tmp_path / "data", *ANY_PORTS, "--edges", "1", "--config", str(_hungry(tmp_path)))
    assert said.startswith("rostra: edge-0 ended 3 times before it worked")


def _hungry(folder: Path) -> Path:
    config = folder / "hungry.toml"
    config.write_text("[front]\nreserve_descriptors = 2000000000\n")
    return config


def test_tls_at_both_doors(tmp_path: Path) -> None:
    cert, key = _certificate(tmp_path)
    with serving(tmp_path / "data", "--tls-cert", str(cert), "--tls-key", str(key), edges=1) as found:
        for url in (found.front, found.studio):
            assert url.startswith("https://127.0.0.1:")
            assert httpx.get(f"{url}/healthz", verify=False, trust_env=False).status_code == 200
        assert found.room("create", "A", "--id", "a")["links"]["host"].startswith(f"{found.studio}/host/a#t=")


def _certificate(folder: Path) -> tuple[Path, Path]:
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "rostra.test")])
    now = datetime.datetime.now(datetime.UTC)
    cert = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(1)
        .not_valid_before(now - datetime.timedelta(hours=1))
        .not_valid_after(now + datetime.timedelta(days=1))
        .sign(key, hashes.SHA256())
    )
    (folder / "cert.pem").write_bytes(cert.public_bytes(serialization.Encoding.PEM))
    (folder / "key.pem").write_bytes(
        key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
    )
    return folder / "cert.pem", folder / "key.pem"
