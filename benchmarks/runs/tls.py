"""What TLS costs: at the edge itself, and at nginx or HAProxy in front of a plain edge."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory

from benchmarks.crowd import Crowd, gathered
from benchmarks.ours import OnAir, edges, live, on_air
from benchmarks.peers import Server, haproxy_tls, make_certificate, nginx, nginx_tls
from benchmarks.programs import LeftOut, free_port, has_openssl
from benchmarks.results import Must, Result
from benchmarks.scale import Scale
from benchmarks.steady import steadily

FLUSH_S = 1.0
WHAT = "CPU to send a listener a second of sound"


def run(scale: Scale) -> Result:
    if not has_openssl():
        raise LeftOut("the crowd has no TLS without OpenSSL's headers (libssl-dev)")
    # A proxy holds two sockets a listener, so 8,000 is what 20,000 open files allow.
    listeners, seconds = scale.pick(8000, 100), scale.pick(20.0, 2.0)
    result = Result(
        "tls",
        f"{WHAT}, with TLS",
        {
            "transport": "TLS 1.3, ECDSA P-256", "loopback": True, "flush_s": FLUSH_S, "rendition": "opus",
            "listeners": listeners, "steady_s": seconds, "rounds": len(scale.rounds),
            "processes": "1 edge, 1 proxy worker, 1 crowd; servers on one core, all else on the other",
        },
    )  # fmt: skip
    cpu: dict[str, list[float]] = {}
    lost: list[float] = []
    with on_air(pinned=True, loop_s=scale.pick(40.0, 8.0)) as air, TemporaryDirectory() as name:
        both = make_certificate(Path(name))
        for _ in scale.rounds:
            lost.append(0)
            for setup in (_plain, _tls_at_the_edge, _behind_nginx, _behind_haproxy):
                try:
                    with setup(air, both) as (port, groups):
                        encrypted = setup is not _plain
                        crowd = Crowd(port, live(), listeners, 500, tls=encrypted, pinned=True)
                        with gathered(crowd) as gathering:
                            pids = {n: s.pids for n, s in groups.items()}
                            steady = steadily(gathering, pids, seconds, settle_s=2 * FLUSH_S)
                            heard = gathering.finish()
                        for group, value in steady.cpu_us.items():
                            cpu.setdefault(group, []).append(value)
                        lost[-1] += heard.lost + heard.never
                except LeftOut as e:
                    result.left_out = sorted({*result.left_out, str(e)})
    for group, values in cpu.items():
        result.add(WHAT, group, "us", values)
    if "nginx ending TLS" in cpu:
        must = None if scale.quick else Must("<=", 1.3)
        edge, theirs, behind = cpu["edge with TLS"], cpu["nginx ending TLS"], cpu["edge behind nginx"]
        result.add_ratio(WHAT, ("edge with TLS", "nginx ending TLS"), (edge, theirs), must)
        together = [a + b for a, b in zip(theirs, behind, strict=True)]
        result.add_ratio(WHAT, ("edge with TLS", "nginx ending TLS + edge behind it"), (edge, together))
    result.add("listeners lost or never heard", "all", "", lost, Must("<=", 0, every=True))
    return result


Setup = Iterator[tuple[int, dict[str, Server]]]


@contextmanager
def _plain(air: OnAir, both: tuple[Path, Path]) -> Setup:
    with edges(air, flush_s=FLUSH_S, pinned=True) as edge:
        yield edge.port, {"edge, plain": edge}


@contextmanager
def _tls_at_the_edge(air: OnAir, both: tuple[Path, Path]) -> Setup:
    with edges(air, flush_s=FLUSH_S, pinned=True, certificate=both) as edge:
        yield edge.port, {"edge with TLS": edge}


@contextmanager
def _behind_nginx(air: OnAir, both: tuple[Path, Path]) -> Setup:
    with edges(air, flush_s=FLUSH_S, pinned=True) as edge:
        port = free_port()
        with nginx(nginx_tls(port, edge.port, *both), port, pinned=True) as proxy:
            yield port, {"nginx ending TLS": proxy, "edge behind nginx": edge}


@contextmanager
def _behind_haproxy(air: OnAir, both: tuple[Path, Path]) -> Setup:
    with edges(air, flush_s=FLUSH_S, pinned=True) as edge, haproxy_tls(edge.port, *both, pinned=True) as proxy:
        yield proxy.port, {"HAProxy ending TLS": proxy, "edge behind HAProxy": edge}
