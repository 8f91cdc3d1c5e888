"""Whether the cluster that records are of is the one that a process is to go to.

What people write as --master is no proof: one cluster has many spellings. Nor is a subscription, since
masters take a framework id that they do not know for one that a former master gave. What a cluster has of its
own are the ids of its agents and frameworks.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import replace
from typing import Any

from sparkmesos_core.errors import DaemonError, MesosError, SparkMesosError, UnreachableError
from sparkmesos_core.master import MesosMaster, ZooKeeperMaster
from sparkmesos_core.mesos.http import MesosHttp
from sparkmesos_core.mesos.leader import resolve_leader
from sparkmesos_core.preflight.cluster_facts import agents_of

_SECONDS = 10.0


def spelled(master: MesosMaster | ZooKeeperMaster) -> str:
    """What is kept of a master with records: its text without credentials."""
    return str(replace(master, credential=None) if isinstance(master, ZooKeeperMaster) else master)


def check_home(
    master: MesosMaster | ZooKeeperMaster,
    home: str,
    framework_id: str,
    agent_ids: Collection[str],
    *,
    place: str,
    principal: str | None = None,
    secret: str | None = None,
) -> None:
    """Raise DaemonError if a cluster knows neither the framework of records, nor any of their agents.

    `home` is the master that they are of, as it was spelled then; `place` is where they are kept, for people.
    May block for some seconds. Raises UnreachableError and MesosError if the cluster does not tell.
    """
    try:
        leader = resolve_leader(master, timeout=_SECONDS)
        with MesosHttp(leader.http_url, timeout=_SECONDS, principal=principal, secret=secret) as http:
            known = _agents(http) & set(agent_ids) or framework_id in _frameworks(http, framework_id)
    except SparkMesosError as error:
        kind = UnreachableError if isinstance(error, UnreachableError) else MesosError
        raise kind(
            f"It cannot be told whether {spelled(master)} is the cluster that the records in {place} are of,"
            f" which was {home}: {error.message}",
            hint=error.hint,
        ) from error
    if not known:
        raise DaemonError(
            f"The records in {place} are of another cluster: of the framework {framework_id} at {home}, and"
            f" {spelled(master)} knows neither that nor any of its agents",
            hint=f"End those services first (--stop --master {home}), or keep others apart from them: with"
            " another --instance, or with --zk by another node. If that cluster is gone for good, move its"
            " records aside: the file, with the one that ends in -wal, or the node in ZooKeeper.",
        )


def _agents(http: MesosHttp) -> set[str]:
    try:
        return {agent.id for agent in agents_of(http.get_json("/slaves"))}
    except ValueError as error:
        raise MesosError(f"{http.base_url} answered what cannot be understood: {error}") from error


def _frameworks(http: MesosHttp, framework_id: str) -> set[Any]:
    answer = http.get_json("/frameworks", framework_id=framework_id)
    groups = ("frameworks", "completed_frameworks", "unregistered_frameworks")
    found = [one for group in groups for one in answer.get(group, ())] if isinstance(answer, Mapping) else []
    return {one.get("id") if isinstance(one, Mapping) else one for one in found}
