"""Whether the ports that are fixed for the driver are free on this machine."""

from __future__ import annotations

import errno
import socket
from collections.abc import Mapping
from dataclasses import dataclass

from sparkmesos_core.verify.facts.client import LISTENING_PLACE
from sparkmesos_core.verify.known import Fact, Known

_DRIVER, _UI = "spark.driver.port", "spark.ui.port"
_OWN_BLOCKS, _BLOCKS = "spark.driver.blockManager.port", "spark.blockManager.port"
_RETRIES = "spark.port.maxRetries"
_DEFAULT_RETRIES = 16
_MOST_RETRIES = 100
_LOWEST_PORT, _LARGEST_PORT = 1024, 65535


@dataclass(frozen=True)
class PortTrial:
    """Whether the driver could listen at a port."""

    key: str
    """The property that fixes it."""
    port: int
    free: bool
    reserved: bool = False
    """Whether Spark refuses it, since it is one of the system's."""
    next_free: int | None = None
    """The port that Spark would take instead; None if none is free that it would try."""
    retries: int = _DEFAULT_RETRIES
    """How many of the next ones it would try."""


def fixed_ports(configuration: Mapping[str, str]) -> dict[str, int]:
    """The ports of the driver that are not left to chance, by their properties.

    The default of the page, 4040, does not count: drivers side by side take the next ones.
    """
    keys = [_DRIVER, _OWN_BLOCKS if configuration.get(_OWN_BLOCKS) else _BLOCKS]
    if configuration.get("spark.ui.enabled", "true").strip().lower() != "false":
        keys.append(_UI)
    ports = {key: _number(configuration.get(key, "")) for key in keys}
    return {key: port for key, port in ports.items() if port is not None and 0 < port <= _LARGEST_PORT}


def try_port(key: str, address: str, port: int, retries: int) -> PortTrial:
    """Whether a port is free at this address, and which Spark takes if it is not.

    Spark tries the following ports, so many of them, and none of the system's (`Utils.startServiceOnPort`,
    `spark.port.maxRetries`).
    """
    if port < _LOWEST_PORT:
        return PortTrial(key, port, free=False, reserved=True, retries=retries)
    if _is_free(address, port):
        return PortTrial(key, port, free=True, retries=retries)
    following = range(port + 1, min(port + retries, _LARGEST_PORT) + 1)
    found = next((other for other in following if _is_free(address, other)), None)
    return PortTrial(key, port, free=False, next_free=found, retries=retries)


def _ports(known: Known) -> tuple[PortTrial, ...]:
    configuration = known.subject.configuration
    ports = fixed_ports(configuration)
    if not ports:
        return ()
    address = known[LISTENING_PLACE].listens_at
    told = _number(configuration.get(_RETRIES, ""))
    retries = min(_DEFAULT_RETRIES if told is None else told, _MOST_RETRIES)
    # The page is for everybody, wherever executors look for the driver.
    return tuple(try_port(key, "" if key == _UI else address, port, retries) for key, port in ports.items())


PORTS: Fact[tuple[PortTrial, ...]] = Fact("the driver's ports", _ports, reported_by="driver-ports")


def _is_free(address: str, port: int) -> bool:
    """True as well where that cannot be told, as for a name that is not known here."""
    try:
        family, kind, protocol, _, place = socket.getaddrinfo(
            address or None, port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE
        )[0]
        with socket.socket(family, kind, protocol) as trial:
            # As Java does: a connection of an earlier driver that is not quite gone does not count.
            trial.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            trial.bind(place)
            trial.listen(1)
    except OSError as error:  # gaierror, too
        return error.errno != errno.EADDRINUSE
    except UnicodeError:
        return True  # a name that is none
    return True


def _number(text: str) -> int | None:
    text = text.strip()
    return int(text) if text.isascii() and text.isdigit() else None
