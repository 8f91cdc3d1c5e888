"""All checks there are, in the order in which they are shown: what others rest on comes first."""

from __future__ import annotations

from sparkmesos_core.verify.check import Check
from sparkmesos_core.verify.checks import (
    agents,
    archive,
    capacity,
    client,
    client_configuration,
    cluster_state,
    dispatcher,
    distribution,
    driver,
    driver_size,
    fetched_files,
    frameworks,
    free_room,
    logs,
    master,
    master_health,
    master_terms,
    probe,
    probe_spark,
    services,
    tasks,
    zookeeper,
)

ALL_CHECKS: tuple[Check, ...] = (
    *client.CHECKS,
    *client_configuration.CHECKS,
    *driver.CHECKS,
    *zookeeper.CHECKS,
    *master.CHECKS,
    *master_terms.CHECKS,
    *master_health.CHECKS,
    *cluster_state.CHECKS,
    *agents.CHECKS,
    *capacity.CHECKS,
    *free_room.CHECKS,
    *driver_size.CHECKS,
    *frameworks.CHECKS,
    *tasks.CHECKS,
    *fetched_files.HOME_CHECKS,
    *distribution.CHECKS,
    *archive.CHECKS,
    *fetched_files.CHECKS,
    *dispatcher.CHECKS,
    *services.CHECKS,
    *logs.CHECKS,
    *probe.CHECKS,
    *probe_spark.CHECKS,
)
"""Their ids are stable: scripts name them in --only and --skip, and read them in JSON."""
