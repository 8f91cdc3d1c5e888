"""What listens on the agents where executors expect the external shuffle service."""

from __future__ import annotations

import socket
import time
from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial

from sparkmesos_core.network_failures import FailureKind, network_failure_of
from sparkmesos_core.preflight.agent_names import spread
from sparkmesos_core.preflight.cluster_facts import AgentFacts
from sparkmesos_core.preflight.fitting_agent import meets_constraints
from sparkmesos_core.preflight.side_by_side import side_by_side
from sparkmesos_core.spark.shuffle_service import ServiceKind, ask_shuffle_service, is_for_mesos
from sparkmesos_core.verify.facts.application import APPLICATION
from sparkmesos_core.verify.facts.cluster import AGENTS
from sparkmesos_core.verify.known import Fact, Known

MOST_HOSTS = 64
"""So many are asked, spread over all."""


@dataclass(frozen=True)
class ShuffleServices:
    """What was found on the hosts of the agents that executors may run on."""

    port: int
    kinds: dict[str, ServiceKind]
    """What listens, by host. Of one that is SPARK at most it is known whether it is the one for Mesos."""
    closed: dict[str, str]
    """Why nobody could be connected to, by host."""
    unknown: tuple[str, ...]
    """Hosts whose names cannot be resolved here, which a check of its own reports."""
    hosts: int
    """How many there are."""

    @property
    def asked(self) -> int:
        """How many of them were asked."""
        return len(self.kinds) + len(self.closed) + len(self.unknown)


def _services(known: Known) -> ShuffleServices | None:
    application = known[APPLICATION]
    port = application.shuffle_service_port
    if port is None:
        return None
    agents = [agent.facts for agent in known[AGENTS].agents]
    hosts = hosts_of([one for one in agents if one.active and meets_constraints(one, application.need)])
    authenticates = known.subject.configuration.typed("spark.authenticate") is True
    # The last word on a connection that is not taken is to come within the check's time.
    deadline = time.monotonic() + 0.8 * known.timeout
    asked = spread(hosts, MOST_HOSTS)
    jobs = {
        host: partial(ask_shuffle_service, host, port, deadline, authenticates=authenticates)
        for host in asked
    }
    outcome = side_by_side(jobs, known.deadline())
    closed = dict.fromkeys(outcome.late, "does not answer")
    unknown = []
    for host, failure in outcome.failures.items():
        if isinstance(failure, socket.gaierror):
            unknown.append(host)
        elif isinstance(failure, OSError):
            closed[host] = _why(failure)
        else:
            raise failure
    kinds = _with_one_for_mesos(outcome.results, port, time.monotonic() + 0.8 * known.timeout)
    return ShuffleServices(port, kinds, closed, tuple(unknown), len(hosts))


def _with_one_for_mesos(kinds: dict[str, ServiceKind], port: int, deadline: float) -> dict[str, ServiceKind]:
    """Of one of them it is asked whether it is the one for Mesos: that leaves a line in its log."""
    host = next((host for host, kind in kinds.items() if kind is ServiceKind.SPARK), None)
    if host is None:
        return kinds
    try:
        found = ServiceKind.MESOS if is_for_mesos(host, port, deadline) else ServiceKind.OTHER_SPARK
    except OSError:  # it has answered before, so that it is there
        return kinds
    return {**kinds, host: found}


SHUFFLE_SERVICES: Fact[ShuffleServices | None] = Fact(
    "the shuffle services", _services, reported_by="shuffle-service-ports", patience=2
)
"""None if the application uses none."""


def hosts_of(agents: Sequence[AgentFacts]) -> list[str]:
    """The names that Spark connects to, each once: those of offers (`MesosCoarseGrainedSchedulerBackend`)."""
    return list(dict.fromkeys(agent.hostname for agent in agents))


def _why(failure: OSError) -> str:
    match network_failure_of(failure).kind:
        case FailureKind.REFUSED:
            return "refuses the connection"
        case FailureKind.NO_CONNECTION | FailureKind.SILENCE:
            return "does not answer"
        case FailureKind.UNREACHABLE:
            return "cannot be reached"
    return (failure.strerror or str(failure)).lower()
