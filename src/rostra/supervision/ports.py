"""Ports, before anything is started: is one free, and which one is ours when any will do."""

from __future__ import annotations

import errno
import socket

from rostra.errors import ConfigError, EnvironmentFault, PortInUse


def parse_address(text: str, option: str) -> tuple[str, int]:
    """``HOST:PORT``, ``[IPV6]:PORT`` or ``:PORT`` (all addresses). :raises ConfigError: if it is none of them."""
    host, colon, port = text.rpartition(":")
    if host.startswith("[") and host.endswith("]"):
        host = host[1:-1]
    elif ":" in host:
        raise ConfigError(f"{option} {text!r}: write an IPv6 address in brackets, as in {option} [::1]:8080.")
    if not colon or not (port.isascii() and port.isdigit()) or int(port) > 65535:
        raise ConfigError(f"{option} {text!r}: write HOST:PORT, as in {option} 127.0.0.1:8080.")
    return host or "0.0.0.0", int(port)  # noqa: S104


def reserve(host: str, port: int, option: str) -> socket.socket:
    """A bound socket that holds ``host:port`` for our processes, which bind it too (SO_REUSEPORT).

    It does not listen, so the kernel gives it no connections. Whether someone else has the port is tried first without
    SO_REUSEPORT: with it, the kernel would let us share the port with another Rostra of the same user.

    :raises PortInUse: if someone has it.
    :raises EnvironmentFault: if the address is not one of this machine, or the port needs rights we lack.
    """
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    try:
        with socket.socket(family, socket.SOCK_STREAM) as probe:
            # Connections of an earlier run that linger in TIME_WAIT are nobody's.
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            probe.bind((host, port))
            probe.listen(1)
        return _hold(family, host, port)
    except OSError as e:
        if e.errno == errno.EADDRINUSE:
            raise PortInUse(host, port, option) from e
        if e.errno == errno.EACCES:
            raise EnvironmentFault(
                f"Port {port} on {host} needs more rights than we have (ports below 1024 do). "
                f"Choose another with {option} {host}:8080."
            ) from e
        raise EnvironmentFault(f"{option} {host}:{port} cannot be used: {e.strerror or e}.") from e


def _hold(family: socket.AddressFamily, host: str, port: int) -> socket.socket:
    """Without SO_REUSEADDR, so that another Rostra's probe meets us before our processes listen; with it only where
    connections in TIME_WAIT are in the way."""
    for reuse in (0, 1):
        held = socket.socket(family, socket.SOCK_STREAM)
        try:
            held.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, reuse)
            held.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT, 1)
            held.bind((host, port))
        except OSError:
            held.close()
            if reuse:
                raise
        else:
            return held
    raise AssertionError("the second try returns or raises")


def port_of(held: socket.socket) -> int:
    return int(held.getsockname()[1])
