"""What listens on agents where executors expect the external shuffle service."""

from __future__ import annotations

import socket
from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import partial

from sparkmesos_core.network_failures import FailureKind, network_failure_of
from sparkmesos_core.preflight.agent_names import spread
from sparkmesos_core.preflight.cluster_facts import AgentFacts
from sparkmesos_core.preflight.side_by_side import side_by_side
from sparkmesos_core.spark.shuffle_service import ServiceKind, ask_shuffle_service, is_for_mesos

MOST_HOSTS = 64
"""So many are asked, spread over all."""

REFUSED = "refuses the connection"


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


def hosts_of(agents: Sequence[AgentFacts]) -> list[str]:
    """The names that Spark connects to, each once: those of offers (`MesosCoarseGrainedSchedulerBackend`)."""
    return list(dict.fromkeys(agent.hostname for agent in agents))


def read_shuffle_services(
    hosts: Sequence[str], port: int, *, authenticates: bool, answers_by: float, deadline: float
) -> ShuffleServices:
    """Asks whoever listens at a port of up to MOST_HOSTS hosts, all at once, and changes nothing there.

    `authenticates` is whether they are expected to want that. Connections are given up at `answers_by`, and
    nobody is waited for after the `deadline`, both times of `time.monotonic`. Which of Spark's services it is
    is not asked for yet.
    """
    asked = spread(hosts, MOST_HOSTS)
    jobs = {
        host: partial(ask_shuffle_service, host, port, answers_by, authenticates=authenticates)
        for host in asked
    }
    outcome = side_by_side(jobs, deadline)
    closed = dict.fromkeys(outcome.late, "does not answer")
    unknown = []
    for host, failure in outcome.failures.items():
        if isinstance(failure, socket.gaierror):
            unknown.append(host)
        elif isinstance(failure, OSError):
            closed[host] = _why(failure)
        else:
            raise failure
    return ShuffleServices(port, outcome.results, closed, tuple(unknown), len(hosts))


def with_one_for_mesos(services: ShuffleServices, deadline: float) -> ShuffleServices:
    """Asks one of them by the `deadline` whether it is the one for Mesos: that leaves a line in its log."""
    host = next((host for host, kind in services.kinds.items() if kind is ServiceKind.SPARK), None)
    if host is None:
        return services
    try:
        is_it = is_for_mesos(host, services.port, deadline)
    except OSError:  # it has answered before, so that it is there
        return services
    found = ServiceKind.MESOS if is_it else ServiceKind.OTHER_SPARK
    return replace(services, kinds={**services.kinds, host: found})


def _why(failure: OSError) -> str:
    match network_failure_of(failure).kind:
        case FailureKind.REFUSED:
            return REFUSED
        case FailureKind.NO_CONNECTION | FailureKind.SILENCE:
            return "does not answer"
        case FailureKind.UNREACHABLE:
            return "cannot be reached"
    return (failure.strerror or str(failure)).lower()
