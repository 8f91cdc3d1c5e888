"""What listens on the agents where executors expect the external shuffle service."""

from __future__ import annotations

import time

from sparkmesos_core.preflight.fitting_agent import meets_constraints
from sparkmesos_core.preflight.shuffle_reading import (
    ShuffleServices,
    hosts_of,
    read_shuffle_services,
    with_one_for_mesos,
)
from sparkmesos_core.verify.facts.application import APPLICATION
from sparkmesos_core.verify.facts.cluster import AGENTS
from sparkmesos_core.verify.known import Fact, Known


def _services(known: Known) -> ShuffleServices | None:
    application = known[APPLICATION]
    port = application.shuffle_service_port
    if port is None:
        return None
    agents = [agent.facts for agent in known[AGENTS].agents]
    hosts = hosts_of([one for one in agents if one.active and meets_constraints(one, application.need)])
    services = read_shuffle_services(
        hosts,
        port,
        authenticates=known.subject.configuration.typed("spark.authenticate") is True,
        # The last word on a connection that is not taken is to come within the check's time.
        answers_by=time.monotonic() + 0.8 * known.timeout,
        deadline=known.deadline(),
    )
    return with_one_for_mesos(services, time.monotonic() + 0.8 * known.timeout)


SHUFFLE_SERVICES: Fact[ShuffleServices | None] = Fact(
    "the shuffle services", _services, reported_by="shuffle-service-ports", patience=2
)
"""None if the application uses none."""
