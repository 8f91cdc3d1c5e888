"""Who listens at a port of this machine, as far as this user may know."""

from __future__ import annotations

import contextlib
import errno
import shlex
import socket

import psutil

from sparkmesos_core.errors import DaemonError, SparkMesosError, UsageError
from sparkmesos_core.redaction import redact_arguments

_SHOWN_CHARACTERS = 80
_ANOTHER = "another port, the same on all machines: --conf spark.shuffle.service.port=PORT"
_HINT = f"Stop that, or choose {_ANOTHER}"


def require_free(port: int) -> None:
    """Raises DaemonError if a service could not listen at this port of all addresses; 0 always can.

    UsageError for a port that this user may not take.
    """
    if not port:
        return
    dual = socket.has_dualstack_ipv6()
    try:
        # As Java does it: an IPv6 socket, where there is such a thing, for addresses of both kinds.
        socket.create_server(
            ("", port), family=socket.AF_INET6 if dual else socket.AF_INET, dualstack_ipv6=dual
        ).close()
    except OSError as error:
        if error.errno == errno.EADDRINUSE:
            raise _in_use(port) from error
        if error.errno in (errno.EACCES, errno.EPERM):
            raise UsageError(
                f"This user may not listen at port {port}",
                hint=f"Choose {_ANOTHER}, above 1023.",
            ) from error
        raise DaemonError(f"Nobody can listen at port {port}: {error.strerror}", hint=_HINT) from error


def _in_use(port: int) -> SparkMesosError:
    """The error for a port that somebody has."""
    who = _owner(port)
    return DaemonError(f"Port {port} is in use" + (f" by {who}" if who else ""), hint=_HINT)


def listening_ports(pid: int) -> frozenset[int]:
    """The TCP ports that a process listens at; empty if it has ended or is another user's."""
    try:
        connections = psutil.Process(pid).net_connections("tcp")
    except (psutil.Error, OSError):
        return frozenset()
    return frozenset(one.laddr.port for one in connections if one.laddr and one.status == psutil.CONN_LISTEN)


def _owner(port: int) -> str:
    """The process that listens there, in words; empty if this user may not know."""
    with contextlib.suppress(psutil.Error, OSError):
        for one in psutil.net_connections("tcp"):
            if not one.laddr or one.status != psutil.CONN_LISTEN or one.pid is None:
                continue
            if one.laddr.port == port:
                return f"process {one.pid} ({_shown(psutil.Process(one.pid).cmdline())})"
    return ""


def _shown(arguments: list[str]) -> str:
    """A command line without its middle, if it is long: that of a JVM ends in what it runs."""
    text = shlex.join(redact_arguments(arguments))
    if len(text) <= 2 * _SHOWN_CHARACTERS:
        return text
    return f"{text[:_SHOWN_CHARACTERS]} … {text[-_SHOWN_CHARACTERS:]}"
