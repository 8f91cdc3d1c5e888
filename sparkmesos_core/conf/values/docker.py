"""What `spark.mesos.executor.docker.*` says of a container: volumes, port mappings, parameters.

Spark skips an entry that it cannot read with a warning in a log; here it is an error.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import NamedTuple

from sparkmesos_core.conf.values.java_strings import split, to_sequence, trim
from sparkmesos_core.conf.values.scalars import parse_integer
from sparkmesos_core.errors import UsageError
from sparkmesos_core.quoting import quoted

_LAST_PORT = 65535
_MODES = ("rw", "ro")
_PROTOCOLS = ("tcp", "udp", "sctp")
_VOLUME_HINT = (
    "Write CONTAINER or HOST:CONTAINER, with :rw or :ro behind it if you like, as in /data:/data:ro."
)
_PORT_HINT = "Write HOST:CONTAINER, with :tcp or :udp behind it if you like, as in 8080:80:tcp."
_PARAMETER_HINT = "Write KEY=VALUE,KEY=VALUE; a comma always separates, so a value cannot hold one."


@dataclass(frozen=True)
class Volume:
    """A path in the container, on a path of the agent or, without `host`, on whatever the image has there."""

    container: str
    host: str | None = None
    read_only: bool = False


@dataclass(frozen=True)
class PortMap:
    """A port of the agent that leads to one of the container."""

    host: int
    container: int
    protocol: str = "tcp"


class DockerParameter(NamedTuple):
    """An option of `docker run`, without its dashes."""

    key: str
    value: str


def parse_volumes(text: str) -> tuple[Volume, ...]:
    """The comma list of `[host:]container[:rw|:ro]` (`MesosSchedulerBackendUtil.parseVolumesSpec`).

    Raises UsageError for an entry of another form, and for one with an empty path, which Spark lets through.
    """
    return tuple(_volume(entry) for entry in to_sequence(text))


def parse_port_maps(text: str) -> tuple[PortMap, ...]:
    """The comma list of `host:container[:tcp|:udp]` (`MesosSchedulerBackendUtil.parsePortMappingsSpec`).

    Raises UsageError for an entry of another form, and for what is no port or protocol, which Spark lets
    through to fail on the agent.
    """
    return tuple(_port_map(entry) for entry in to_sequence(text))


def parse_docker_parameters(text: str) -> tuple[DockerParameter, ...]:
    """The comma list of `key=value`, split at the first `=` (`MesosSchedulerBackendUtil.parseParamsSpec`).

    Raises UsageError for an entry without `=` or without a key.
    """
    parameters = []
    for entry in to_sequence(text):
        key, equals, value = entry.partition("=")
        if not equals or not key:
            missing = "key" if equals else "'='"
            raise UsageError(f"{quoted(entry)} is not a parameter: it has no {missing}", hint=_PARAMETER_HINT)
        parameters.append(DockerParameter(key, value))
    return tuple(parameters)


def _volume(entry: str) -> Volume:
    paths = split(entry, ":")
    mode = paths.pop() if len(paths) > 1 and paths[-1] in _MODES else "rw"
    if not 1 <= len(paths) <= 2:
        raise UsageError(f"{quoted(entry)} is not a volume", hint=_VOLUME_HINT)
    if "" in paths:
        raise UsageError(f"{quoted(entry)} is not a volume: a path is empty", hint=_VOLUME_HINT)
    return Volume(paths[-1], paths[0] if len(paths) == 2 else None, mode == "ro")


def _port_map(entry: str) -> PortMap:
    pieces = split(entry, ":")
    if not 2 <= len(pieces) <= 3:
        raise UsageError(f"{quoted(entry)} is not a port mapping", hint=_PORT_HINT)
    protocol = pieces[2].lower() if len(pieces) == 3 else "tcp"
    if protocol not in _PROTOCOLS:
        raise UsageError(
            f"{quoted(entry)} is not a port mapping: there is no protocol {quoted(pieces[2])}",
            hint=_PORT_HINT,
        )
    return PortMap(_port(entry, pieces[0], 0), _port(entry, pieces[1], 1), protocol)


def _port(entry: str, text: str, first: int) -> int:
    """One of the two ports; `host` may be 0, which lets Docker choose."""
    try:
        port = parse_integer(text) if trim(text) == text else -1
    except UsageError:
        port = -1
    if not first <= port <= _LAST_PORT:
        raise UsageError(
            f"{quoted(entry)} is not a port mapping: {quoted(text)} is not a port", hint=_PORT_HINT
        ) from None
    return port
