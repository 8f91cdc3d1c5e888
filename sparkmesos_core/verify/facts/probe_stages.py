"""How far agents have come in the probe: what none has come to is told by the check of the stage before."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from sparkmesos_core.errors import MesosError
from sparkmesos_core.verify.check import Verdict
from sparkmesos_core.verify.facts.probe import PROBE
from sparkmesos_core.verify.known import Fact, Known
from sparkmesos_core.verify.probe.machine_verdicts import (
    judge_block_manager_port,
    judge_disk,
    judge_driver_name,
    judge_driver_port,
)
from sparkmesos_core.verify.probe.result import ProbeResult, TriedAgent
from sparkmesos_core.verify.probe.spark_verdicts import judge_java, judge_layout, judge_spark_class
from sparkmesos_core.verify.probe.stages import (
    fetched,
    reaching_block_manager,
    reaching_driver,
    started,
    starting_executors,
    with_disk,
    with_java,
    with_name,
    with_spark,
    with_user,
)
from sparkmesos_core.verify.probe.start_verdicts import judge_agents, judge_fetch, judge_start, judge_user

Agents = Sequence[TriedAgent]


def _stage(
    name: str,
    reported_by: str,
    those: Callable[[ProbeResult], Agents],
    judge: Callable[[ProbeResult], Verdict],
    before: Fact[Agents] | None = None,
) -> Fact[Agents]:
    """The agents that have come so far. Not known if none has: what follows from that is left out."""

    def read(known: Known) -> Agents:
        if before is not None:
            known[before]
        result = known[PROBE]
        agents = those(result)
        if not agents:
            problem = judge(result).problems[0]
            raise MesosError(problem.message, hint=problem.hint)
        return agents

    return Fact(name, read, reported_by)


TRIED = _stage("which agents were tried", "probe-agents", lambda result: result.agents, judge_agents)
FETCHED = _stage("which agents have fetched all", "probe-fetch", fetched, judge_fetch, TRIED)
WITH_USER = _stage("which agents have the user", "probe-user", with_user, judge_user, FETCHED)
STARTED = _stage("which agents have run the task", "probe-start", started, judge_start, WITH_USER)
WITH_SPARK = _stage("which agents have Spark", "probe-layout", with_spark, judge_layout, STARTED)
WITH_JAVA = _stage("which agents have a Java", "probe-java", with_java, judge_java, WITH_SPARK)
STARTING_EXECUTORS = _stage(
    "which agents start executors", "probe-spark-class", starting_executors, judge_spark_class, WITH_JAVA
)
WITH_DISK = _stage("which agents have room on their disks", "probe-disk", with_disk, judge_disk, STARTED)
WITH_NAME = _stage("which agents know the driver", "probe-driver-name", with_name, judge_driver_name, STARTED)
REACHING_DRIVER = _stage(
    "which agents reach the driver", "probe-driver-port", reaching_driver, judge_driver_port, WITH_NAME
)
REACHING_BLOCK_MANAGER = _stage(
    "which agents reach the driver's block manager",
    "probe-block-manager-port",
    reaching_block_manager,
    judge_block_manager_port,
    REACHING_DRIVER,
)


def _sound(known: Known) -> frozenset[str]:
    ends = (STARTING_EXECUTORS, WITH_DISK, REACHING_BLOCK_MANAGER)
    sound = frozenset.intersection(*(frozenset(agent.id for agent in known[end]) for end in ends))
    if not sound:
        raise MesosError(
            "No application of Spark was run: each agent tried has failed at something in the probe",
            hint="Do what the other checks of the probe advise (--only probe makes all of them).",
        )
    return sound


SOUND: Fact[frozenset[str]] = Fact("which agents are sound", _sound, reported_by="probe-spark")
"""The ids of agents on which nothing is known that would keep an executor from working; at least one."""
