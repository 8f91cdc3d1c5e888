"""Reading the facts about a cluster from its leading master."""

from __future__ import annotations

import logging
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from sparkmesos_core.errors import MesosError, TimedOutError
from sparkmesos_core.master import HostPort
from sparkmesos_core.mesos.http import MesosHttp
from sparkmesos_core.preflight.cluster_facts import (
    ClusterFacts,
    agents_of,
    recovering_of,
    roles_whitelist_of,
    withholds_gpu_agents,
)
from sparkmesos_core.preflight.reading_time import seconds_left
from sparkmesos_core.preflight.side_by_side import side_by_side

logger = logging.getLogger(__name__)

_AGENTS = "/slaves"
_FLAGS = "/flags"


@dataclass(frozen=True)
class MasterAccess:
    """Where the leading master answers, and as whom it is asked if it wants to know that."""

    url: str
    """`http://HOST:PORT` or `https://HOST:PORT`."""
    ca_file: Path | None = None
    principal: str | None = None
    secret: str | None = field(default=None, repr=False)


def read_cluster_facts(access: MasterAccess, *, deadline: float) -> ClusterFacts:
    """What the master tells by the `deadline`, a time of `time.monotonic`: `GET /slaves` and `GET /flags`.

    Credentials are only sent to a master that asks for them. Flags that it does not tell count as not set.
    Raises UnreachableError or TimedOutError if it does not answer, MesosError if it refuses to list its
    agents, or answers what cannot be understood, and UsageError if the CA file cannot be used.
    """
    asked = side_by_side(
        {path: partial(_ask, access, path, deadline) for path in (_AGENTS, _FLAGS)}, deadline
    )
    if failure := asked.failures.get(_AGENTS):
        raise failure
    if _AGENTS in asked.late:
        raise TimedOutError(f"{access.url}{_AGENTS} did not answer in time")
    slaves, flags = asked.results[_AGENTS], asked.results.get(_FLAGS)
    if flags is None:
        reason = asked.failures.get(_FLAGS, "it did not answer in time")
        logger.info("The flags of the master are not known: %s", reason)
        flags = {"flags": {}}
    parts = urlsplit(access.url)
    try:
        return ClusterFacts(
            agents=agents_of(slaves),
            recovering=recovering_of(slaves),
            roles_whitelist=roles_whitelist_of(flags),
            master=HostPort(parts.hostname or "", parts.port or (443 if parts.scheme == "https" else 80)),
            withholds_gpu_agents=withholds_gpu_agents(flags),
        )
    except ValueError as error:
        raise MesosError(f"{access.url} answered what cannot be understood: {error}") from error


def _ask(access: MasterAccess, path: str, deadline: float) -> Any:
    with MesosHttp(
        access.url,
        timeout=seconds_left(deadline),
        ca_file=str(access.ca_file) if access.ca_file is not None else None,
        principal=access.principal,
        secret=access.secret,
    ) as http:
        return http.get_json(path)
