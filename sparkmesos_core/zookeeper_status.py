"""What a ZooKeeper server tells of itself, without a session: the four-letter command `srvr`.

It is the only one that servers since 3.5.3 answer unless they are told to answer others
(`4lw.commands.whitelist`); those that are told not to answer say so, which still shows what they are.
"""

from __future__ import annotations

import re
import socket
import time
from dataclasses import dataclass, replace

from sparkmesos_core.master import HostPort
from sparkmesos_core.zookeeper_session import why_no_connection

_COMMAND = b"srvr"
_MOST_BYTES = 16 * 1024
_SHORTEST_WAIT = 0.1
_NOT_SERVING = "not currently serving requests"
_NOT_LISTED = "not in the whitelist"
_LATENCY = re.compile(r"Latency min/avg/max: *[\d.]+/([\d.]+)/")


@dataclass(frozen=True)
class ServerStatus:
    """What is known of one server."""

    server: HostPort
    trouble: str = ""
    """Why it is not known whether it serves: `refuses the connection`. Empty if it has answered."""
    serves: bool | None = None
    """Whether it takes requests; without a majority of its ensemble it does not. None if it does not tell."""
    mode: str = ""
    """`leader`, `follower`, `observer`, `standalone`, `read-only`; empty if it does not tell."""
    version: str = ""
    """Such as `3.6.3`."""
    average_latency: float = 0.0
    """Of requests, in milliseconds."""
    outstanding: int = 0
    """Requests that wait to be processed."""
    peer: str = ""
    """The address that has answered: several names may be of the same server."""


def read_status(server: HostPort, deadline: float) -> ServerStatus:
    """Asks a server, until the `deadline` (of `time.monotonic`)."""
    try:
        with socket.create_connection((server.host, server.port), timeout=_left(deadline)) as connection:
            peer = str(connection.getpeername()[:2])
            connection.sendall(_COMMAND)
            answer = b""
            while len(answer) < _MOST_BYTES:
                connection.settimeout(_left(deadline))
                piece = connection.recv(_MOST_BYTES)
                if not piece:
                    break
                answer += piece
    except TimeoutError:
        return ServerStatus(server, "does not answer in time")
    except (OSError, UnicodeError) as error:
        reason = why_no_connection(error) if isinstance(error, OSError) else "cannot be resolved"
        return ServerStatus(server, reason)
    return replace(understand(server, answer.decode("utf-8", "replace")), peer=peer)


def understand(server: HostPort, answer: str) -> ServerStatus:
    """What an answer to `srvr` says."""
    if _NOT_LISTED in answer:
        return ServerStatus(server)
    if _NOT_SERVING in answer:
        return ServerStatus(server, serves=False)
    fields = {
        name.strip(): value.strip()
        for name, _, value in (line.partition(":") for line in answer.splitlines())
    }
    if "Zookeeper version" not in fields:
        return ServerStatus(server, "takes connections, but does not answer like a ZooKeeper")
    latency = _LATENCY.search(answer)
    return ServerStatus(
        server,
        serves=True,
        mode=fields.get("Mode", ""),
        version=re.split(r"[-,\s]", fields["Zookeeper version"], maxsplit=1)[0],
        average_latency=float(latency[1]) if latency else 0.0,
        outstanding=_number(fields.get("Outstanding", "")),
    )


def _number(text: str) -> int:
    return int(text) if text.isdecimal() else 0


def _left(deadline: float) -> float:
    return max(deadline - time.monotonic(), _SHORTEST_WAIT)
