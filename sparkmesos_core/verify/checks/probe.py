"""Checks of what a probe's tasks have found out on their agents: made only if a probe is asked for."""

from __future__ import annotations

import os
import time
from collections.abc import Callable

from sparkmesos_core.conf.finding import Severity
from sparkmesos_core.preflight.python_programs import named_version, version_of_program
from sparkmesos_core.preflight.python_version import driver_program
from sparkmesos_core.verify.check import CheckFunction, Checks, Group, Problem, Verdict, not_applicable
from sparkmesos_core.verify.checks.driver_here import of_driver_here
from sparkmesos_core.verify.checks.told_from_here import (
    FETCHABLE,
    GOOD_HOME,
    GOOD_LAYOUT,
    GOOD_PROGRAMS,
    GOOD_VERSION,
)
from sparkmesos_core.verify.facts.client import SPARK, driver_environment
from sparkmesos_core.verify.facts.probe import PROBE, CannotProbeError
from sparkmesos_core.verify.facts.probe_stages import (
    FETCHED,
    REACHING_DRIVER,
    STARTED,
    TRIED,
    WITH_JAVA,
    WITH_NAME,
    WITH_SPARK,
    WITH_USER,
    Agents,
)
from sparkmesos_core.verify.known import Fact, Known, UnknownFactError
from sparkmesos_core.verify.probe.machine_verdicts import (
    judge_block_manager_port,
    judge_disk,
    judge_driver_name,
    judge_driver_port,
)
from sparkmesos_core.verify.probe.spark_verdicts import (
    judge_java,
    judge_layout,
    judge_python,
    judge_spark_class,
    judge_spark_version,
)
from sparkmesos_core.verify.probe.start_verdicts import judge_agents, judge_fetch, judge_start, judge_user

CHECKS = Checks(Group.PROBE)


def _of(stage: Fact[Agents]) -> Callable[[CheckFunction], CheckFunction]:
    """For checks that have something to look at only on agents which have come so far."""

    def of_those(check: CheckFunction) -> CheckFunction:
        def run(known: Known) -> Verdict:
            known[stage]
            return check(known)

        return run

    return of_those


@CHECKS.add(
    "probe-framework",
    "Framework that the master takes",
    Severity.ERROR,
    finds="a master that refuses the framework of an application: its principal and secret, its role, its "
    "user, or the HTTP API altogether (*refuses the framework: 401*, *403*)",
    remedy="Do what the master's words ask for: `spark.mesos.principal` and `spark.mesos.secret` that it "
    "accepts, and ACLs (`register_frameworks`, `run_tasks`) that let this principal have the role and user.",
    needs_probe=True,
)
def _probe_framework(known: Known) -> Verdict:
    try:
        result = known[PROBE]
    except UnknownFactError as unknown:
        if not isinstance(unknown.error, CannotProbeError):
            raise
        problem = Problem(Severity.WARNING, unknown.error.message, unknown.error.hint)
        return Verdict("no probe was made", (problem,))
    return Verdict(f"subscribed for the role {result.plan.role}, as the user {result.plan.user}")


@CHECKS.add(
    "probe-agents",
    "Agents that offer something",
    Severity.ERROR,
    finds="no agent that a task can be started on, or agents that take part, but from which no offer comes: "
    "executors would not start there (*Initial job has not accepted any resources*)",
    remedy="Bring back agents that take no part. See who uses or holds what others have, and end or limit "
    "that; look at reservations and quotas of other roles; or add agents.",
    needs_probe=True,
)
def _probe_agents(known: Known) -> Verdict:
    return judge_agents(known[PROBE])


@CHECKS.add(
    "probe-fetch",
    "What agents fetch",
    Severity.ERROR,
    finds="agents that cannot fetch or unpack `spark.executor.uri` or `spark.mesos.uris`, though this "
    "machine can (*Failed to fetch all URIs for container*)",
    remedy="Let the server be reachable from agents, by a name that they know, without credentials that only "
    "you have; `sparkmesos upload-dist` uploads an archive that fits. See the fetcher's words in the "
    "task's stderr.",
    needs_probe=True,
)
def _probe_fetch(known: Known) -> Verdict:
    known[TRIED]
    result = known[PROBE]
    if not result.plan.uris:
        return not_applicable("there is nothing to fetch: spark.executor.uri is not set")
    verdict = judge_fetch(result)
    if verdict.problems and result.plan.archive:
        known[FETCHABLE]
    return verdict


@CHECKS.add(
    "probe-user",
    "User whom tasks run as",
    Severity.ERROR,
    finds="agents on which the user of this machine does not exist (*No such user*, *Failed to chown*)",
    remedy="Set `SPARK_USER` to a user that all agents have, create the user there, or start agents with "
    "`--no-switch_user`.",
    needs_probe=True,
)
@_of(FETCHED)
def _probe_user(known: Known) -> Verdict:
    return judge_user(known[PROBE])


@CHECKS.add(
    "probe-start",
    "Task that runs on each agent",
    Severity.ERROR,
    finds="agents on which tasks do not start or are killed: the image cannot be pulled, there is no "
    "containerizer for it, the sandbox cannot be made (*Failed to launch container*, *Abnormal executor "
    "termination*)",
    remedy="Do what Mesos' words ask for; the agent's log says more. With a Docker image see that agents "
    "have `--containerizers=docker,mesos` and can pull it.",
    needs_probe=True,
)
@_of(WITH_USER)
def _probe_start(known: Known) -> Verdict:
    return judge_start(known[PROBE])


@CHECKS.add(
    "probe-layout",
    "Spark where executors look for it",
    Severity.ERROR,
    finds="agents without `bin/spark-class` where executors run it (*No such file or directory*, *not "
    "found*), or without bash",
    remedy="Let the archive have one top folder whose name begins as the archive's does: `sparkmesos "
    "upload-dist` makes it so. Without an archive set `spark.mesos.executor.home` to where agents have "
    "Spark.",
    needs_probe=True,
)
@_of(STARTED)
def _probe_layout(known: Known) -> Verdict:
    result = known[PROBE]
    verdict = judge_layout(result)
    if verdict.problems:
        for fact in (GOOD_LAYOUT, GOOD_PROGRAMS) if result.plan.archive else (GOOD_HOME,):
            known[fact]
    return verdict


@CHECKS.add(
    "probe-java",
    "Java on agents",
    Severity.ERROR,
    finds="agents whose tasks find no Java, or one that this Spark does not run on (*JAVA_HOME is not set*, "
    "*UnsupportedClassVersionError*)",
    remedy="Install a Java that fits on these agents, and set `JAVA_HOME` for tasks: "
    "`spark.executorEnv.JAVA_HOME`, or the agents' `--executor_environment_variables`.",
    needs_probe=True,
)
@_of(WITH_SPARK)
def _probe_java(known: Known) -> Verdict:
    return judge_java(known[PROBE])


@CHECKS.add(
    "probe-spark-class",
    "Executor that starts",
    Severity.ERROR,
    finds="agents on which Spark's executor cannot be started with its Java options, or misses jars "
    "(*Could not create the Java Virtual Machine*, *ClassNotFoundException*)",
    remedy="Correct `spark.executor.extraJavaOptions`; pack or install Spark again if parts of it are "
    "missing.",
    needs_probe=True,
)
@_of(WITH_JAVA)
def _probe_spark_class(known: Known) -> Verdict:
    result = known[PROBE]
    verdict = judge_spark_class(result)
    if verdict.problems and result.plan.archive:
        known[GOOD_PROGRAMS]
    return verdict


@CHECKS.add(
    "probe-spark-version",
    "Spark of the driver's version",
    Severity.ERROR,
    finds="agents whose Spark is of another version than the driver's (*InvalidClassException: local class "
    "incompatible*), most often by a `SPARK_HOME` of their own",
    remedy="Give agents the Spark that the driver has, by `spark.executor.uri`; take `SPARK_HOME` out of the "
    "environment of tasks.",
    needs_probe=True,
)
@of_driver_here
@_of(WITH_SPARK)
def _probe_spark_version(known: Known) -> Verdict:
    result = known[PROBE]
    verdict = judge_spark_version(result, known[SPARK].version)
    if verdict.problems and result.plan.archive:
        known[GOOD_VERSION]
    return verdict


@CHECKS.add(
    "probe-python",
    "Python on agents",
    Severity.WARNING,
    finds="agents without the Python of the driver (*Python in worker has different version than that in "
    'driver*, *Cannot run program "python3"*)',
    remedy="Install the same Python on agents and name it in `PYSPARK_PYTHON`, or take it along with "
    "`--archives`.",
    needs_probe=True,
)
@of_driver_here
@_of(STARTED)
def _probe_python(known: Known) -> Verdict:
    subject, result = known.subject, known[PROBE]
    if result.plan.python is None:
        return not_applicable("executors bring their own Python along")
    environment = driver_environment(subject)
    program = driver_program(subject.configuration, environment).program
    path = environment.get("PATH", os.defpath)
    deadline = time.monotonic() + known.timeout / 2
    own = named_version(program) or version_of_program(program, environment, path, deadline=deadline)
    text = ".".join(map(str, own)) if own is not None else ""
    return judge_python(result, text, matters=subject.client.arguments.is_python)


@CHECKS.add(
    "probe-disk",
    "Room in sandboxes",
    Severity.ERROR,
    finds="agents whose disk is full or nearly so (*No space left on device*), or on which nothing can be "
    "written",
    remedy="Make room where the agents' `--work_dir` is, or move it to a larger disk; a shorter `--gc_delay` "
    "removes old sandboxes sooner.",
    needs_probe=True,
)
@_of(STARTED)
def _probe_disk(known: Known) -> Verdict:
    return judge_disk(known[PROBE])


@CHECKS.add(
    "probe-driver-name",
    "Name of the driver's host on agents",
    Severity.ERROR,
    finds="agents that do not know the name by which executors look for the driver (*UnknownHostException*)",
    remedy="Put the name into their DNS or hosts files, or set `spark.driver.host` to an address of this "
    "machine that they reach.",
    needs_probe=True,
)
@of_driver_here
@_of(STARTED)
def _probe_driver_name(known: Known) -> Verdict:
    result = known[PROBE]
    if not result.plan.trial("").is_name:
        return not_applicable(f"executors are told an address, {result.plan.host}")
    return judge_driver_name(result)


@CHECKS.add(
    "probe-driver-port",
    "Way from agents to the driver",
    Severity.ERROR,
    finds="agents that cannot connect back to the driver on this machine: a firewall, NAT, or an address "
    "that they do not reach (executors end with *Failed to connect to*, and applications wait for ever)",
    remedy="Fix `spark.driver.port` and let the firewall pass it from agents to this machine; set "
    "`spark.driver.host` to the address by which agents reach it.",
    needs_probe=True,
)
@of_driver_here
@_of(WITH_NAME)
def _probe_driver_port(known: Known) -> Verdict:
    return judge_driver_port(known[PROBE])


@CHECKS.add(
    "probe-block-manager-port",
    "Way from agents to the driver's block manager",
    Severity.ERROR,
    finds="agents that reach the driver, but not its block manager, whose port the firewall does not let "
    "pass (broadcasts and large results fail: *Failed to connect to*)",
    remedy="Fix `spark.driver.blockManager.port` and let the firewall pass it from agents to this machine, "
    "too.",
    needs_probe=True,
)
@of_driver_here
@_of(REACHING_DRIVER)
def _probe_block_manager_port(known: Known) -> Verdict:
    result = known[PROBE]
    if not any(agent.said("driver") == "reached" for agent in result.agents):
        return not_applicable("no agent could try to reach the driver")
    return judge_block_manager_port(result)
