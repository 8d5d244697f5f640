"""Listening sockets: taken before anything starts, and a taken port answered with who holds it."""

import errno
import ipaddress
import socket
from pathlib import Path

from driftwatch.errors import UserError

__all__ = ["PortTakenError", "bind", "is_loopback", "port_holder"]

_LISTEN = "0A"  # the state TCP_LISTEN in the kernel's table


class PortTakenError(UserError):
    """Somebody else listens there. SDKs point at the port, so the service takes no other by itself.

    Attributes:
        port: the port that was asked for.
        holder: the process that holds it (``"pid 4711 (python)"``), or None when it cannot be seen.
    """

    def __init__(self, host: str, port: int, *, option: str, holder: str | None) -> None:
        super().__init__(
            f"port {port} on {host} is taken" + (f" by {holder}" if holder else "") + f". Stop what listens there,"
            f" or give another port with {option}."
        )
        self.port = port
        self.holder = holder


def bind(host: str, port: int, *, option: str = "--port") -> socket.socket:
    """A socket that is bound to `host` and `port` (0: any free one) and listens.

    Args:
        host: an address or a name of this machine.
        port: the port.
        option: the command line option that chooses another, for the message.

    Raises:
        PortTakenError: another process listens there.
        UserError: this machine has no such address, or the port needs more rights.
    """
    try:
        family, kind, protocol, _, address = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)[0]
    except socket.gaierror as error:
        raise UserError(f"{host!r} is not an address of this machine ({error.strerror}); give --host") from None
    listener = socket.socket(family, kind, protocol)
    try:
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listener.bind(address)
        listener.listen(512)
    except OSError as error:
        listener.close()
        if error.errno == errno.EADDRINUSE:
            raise PortTakenError(host, port, option=option, holder=port_holder(port)) from None
        raise UserError(f"cannot listen on {host} port {port}: {error.strerror}; change --host or {option}") from None
    listener.set_inheritable(False)
    return listener


def is_loopback(host: str) -> bool:
    """Whether only this machine can reach `host`."""
    try:
        return ipaddress.ip_address(host.strip("[]")).is_loopback
    except ValueError:
        return host == "localhost"


def port_holder(port: int) -> str | None:
    """Who listens on a TCP port, from Linux's process table; None elsewhere or when it belongs to another user."""
    inodes = _listening_inodes(port)
    if not inodes:
        return None
    for process in Path("/proc").glob("[0-9]*"):
        if _holds(process, inodes):
            return f"pid {process.name} ({_name(process)})"
    return None


def _listening_inodes(port: int) -> set[str]:
    inodes = set()
    for table in (Path("/proc/net/tcp"), Path("/proc/net/tcp6")):
        try:
            lines = table.read_text().splitlines()[1:]
        except OSError:
            continue
        for line in lines:
            fields = line.split()
            if fields[3] == _LISTEN and int(fields[1].rpartition(":")[2], 16) == port:
                inodes.add(f"socket:[{fields[9]}]")
    return inodes


def _holds(process: Path, inodes: set[str]) -> bool:
    try:
        return any(str(descriptor.readlink()) in inodes for descriptor in (process / "fd").iterdir())
    except OSError:  # gone meanwhile, or another user's
        return False


def _name(process: Path) -> str:
    try:
        return (process / "comm").read_text().strip()
    except OSError:
        return "?"
