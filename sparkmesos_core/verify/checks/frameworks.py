"""Who else is on the cluster, and who of them keeps what others could use."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from urllib.parse import urlsplit

from sparkmesos_core.conf.configuration import Configuration
from sparkmesos_core.conf.finding import Severity
from sparkmesos_core.mesos.resources import ANY_ROLE, Resources
from sparkmesos_core.quoting import printable
from sparkmesos_core.verify.check import Checks, Group, Problem, Verdict, not_applicable
from sparkmesos_core.verify.facts.cluster import AGENTS, STATE, AgentsState, ClusterState, FrameworkState
from sparkmesos_core.verify.facts.dispatcher import (
    is_dispatcher,
    lost_dispatchers,
    starting_again,
    tell_once,
)
from sparkmesos_core.verify.facts.held_offers import KEPT_OFFERS, share, whole_of
from sparkmesos_core.verify.facts.master import LEADER
from sparkmesos_core.verify.known import Known
from sparkmesos_core.verify.named_agents import counted
from sparkmesos_core.verify.subject import Subject
from sparkmesos_core.verify.task_troubles import is_probe

CHECKS = Checks(Group.FRAMEWORKS)

STARVING = 60.0
"""Seconds for which an application is registered without a task before it counts as waiting."""
MOST_OF_IT = 0.75
"""The part of the cluster's cores or memory from which on one framework has most of it."""

_MOST_NAMED = 5
_PAGES = range(4040, 4040 + 17)
"""The ports of applications' pages: `spark.ui.port`, and `spark.port.maxRetries` more."""
_CORES_MAX = "spark.cores.max"
_DYNAMIC = "spark.dynamicAllocation.enabled"
_COARSE = "spark.mesos.coarse"
_ROLE = "spark.mesos.role"


@CHECKS.add(
    "frameworks-spark",
    "Applications of Spark on the cluster",
    Severity.NOTE,
    finds="which applications of Spark the master knows, and those that have had no executor for a minute or"
    " longer (*Initial job has not accepted any resources*)",
    remedy="Look at what such an application asks for (cores, memory, role, constraints) and at what is"
    " free; those that nobody needs any more should be ended.",
    reads_tasks=True,
)
def _frameworks_spark(known: Known) -> Verdict:
    return spark_verdict(known[STATE])


def spark_verdict(state: ClusterState) -> Verdict:
    """Which applications there are, and which of them wait."""
    found = [one for one in _present(state) if is_application(one)]
    if not found:
        return Verdict(f"no application of Spark among {counted(len(_present(state)), 'framework')}")
    waiting = [
        one
        for one in found
        if one.active and not one.used and not one.tasks and state.read_at - one.registered_at > STARVING
    ]
    seen = f"{counted(len(found), 'application')} of Spark: {_named(found)}"
    if not waiting:
        return Verdict(seen)
    return Verdict(
        seen,
        (
            Problem(
                Severity.NOTE,
                f"{_named(waiting)}: without any executor for longer than a minute",
                "If they should run: compare what they ask for with what the checks of agents say is free. If"
                " nobody needs them: end them.",
            ),
        ),
    )


@CHECKS.add(
    "frameworks-dispatcher",
    "Dispatchers that are registered",
    Severity.WARNING,
    finds="a dispatcher that the master knows, but has lost: what is submitted to it stays *QUEUED* (that"
    " happens to Spark's own when a submission makes its scheduler throw)",
    remedy="Start the dispatcher again with the options that it had (`sparkmesos start-dispatcher --master"
    " MASTER …`): it takes up its framework and its drivers again. One that is gone for good is torn down at"
    " the master.",
    reads_tasks=True,
)
def _frameworks_dispatcher(known: Known) -> Verdict:
    state = known[STATE]
    tell_once(known, lost_dispatchers(state.frameworks))
    return dispatcher_verdict(state, known.subject, known[LEADER].http_url)


def dispatcher_verdict(state: ClusterState, subject: Subject, master: str) -> Verdict:
    """Which dispatchers there are, and which of them the master is not in touch with."""
    found = [one for one in _present(state) if is_dispatcher(one)]
    if not found:
        return not_applicable("no dispatcher is registered")
    problems = [
        Problem(
            Severity.WARNING,
            f"the dispatcher {_name(one)} ({printable(one.webui_url or one.hostname)}) is registered, but"
            " not connected: it launches nothing, and what is submitted to it waits",
            f"To have it back, {starting_again(subject, one)}. If it is gone for good:"
            f" {_teardown(one, master)}; this kills its drivers.",
        )
        for one in lost_dispatchers(state.frameworks)
    ]
    return Verdict(f"{counted(len(found), 'dispatcher')}: {_named(found)}", tuple(problems))


@CHECKS.add(
    "frameworks-inactive",
    "Frameworks that are gone and hold resources",
    Severity.WARNING,
    finds="frameworks that are not connected any more, whose tasks the master keeps until their failover"
    " timeout: their cores and memory are nobody else's for so long",
    remedy="Start them again if they are to go on; else tear them down at the master (`POST /teardown`),"
    " which kills their tasks.",
    reads_tasks=True,
)
def _frameworks_inactive(known: Known) -> Verdict:
    return inactive_verdict(known[STATE], known[AGENTS], known[LEADER].http_url)


def inactive_verdict(state: ClusterState, agents: AgentsState, master: str) -> Verdict:
    """Which frameworks hold something and are not there. Dispatchers have a check of their own."""
    present, whole = _present(state), whole_of(agents)
    away = [one for one in present if not one.connected and not is_dispatcher(one)]
    holding = [one for one in away if one.used.scalars()]
    seen = f"{counted(len(present), 'framework')}, {_connected(present)} of them connected"
    problems = [
        Problem(
            Severity.WARNING,
            f"{_name(one)} ({one.id}) is not connected, and holds {_amounts(one.used)}"
            f"{_share_of(one.used, whole)} until its failover timeout of {one.failover_timeout:g} s",
            "Start it again if it is to go on (if another master has just begun to lead, it may come back by"
            f" itself within a minute or two); else tear it down: {_teardown(one, master)}; this kills its"
            " tasks.",
        )
        for one in holding[:_MOST_NAMED]
    ]
    if len(holding) > _MOST_NAMED:
        seen += f", {len(holding)} that are not hold resources"
    return Verdict(seen, tuple(problems))


@CHECKS.add(
    "frameworks-hoarding",
    "Frameworks that keep what others could use",
    Severity.WARNING,
    finds="a framework that answers offers of half the cluster or more neither by accepting nor by declining"
    " them, and (as a note) one that has most of the cluster in use while an application of Spark has"
    " nothing, or an application without `spark.cores.max` that leaves others nothing",
    remedy="Mend or end the framework that keeps offers, or start masters with `--offer_timeout`, which"
    " takes offers back. Give applications a `spark.cores.max`, or dynamic allocation, and roles a quota.",
    reads_tasks=True,
)
def _frameworks_hoarding(known: Known) -> Verdict:
    return hoarding_verdict(known[STATE], known[AGENTS], known[KEPT_OFFERS], known[LEADER].http_url)


def hoarding_verdict(
    state: ClusterState, agents: AgentsState, keeping: Mapping[str, FrameworkState], master: str
) -> Verdict:
    """Who keeps offers, by several looks, and who uses most of the cluster while others have nothing."""
    present = [one for one in _present(state) if one.connected]
    whole = whole_of(agents)
    problems = [
        Problem(
            Severity.WARNING,
            f"{_name(one)} ({one.id}) keeps offers of {_amounts(one.offered)}{_share_of(one.offered, whole)}"
            " and does not answer them: nobody else can have that",
            f"Mend it so that it declines what it does not use, or end it: {_teardown(one, master)}; this"
            " kills its tasks. Masters with --offer_timeout take offers back.",
        )
        for one in keeping.values()
    ]
    largest = max(present, key=lambda one: share(one.used, whole), default=None)
    if largest is None:
        return Verdict("no framework is connected")
    part = share(largest.used, whole)
    # Of frameworks that are not of Spark, it is normal to have nothing to do.
    without = [
        one
        for one in present
        if not one.used.scalars()
        and one.active
        and not is_dispatcher(one)
        and not is_probe(one.name)
        and (is_application(one) or is_application(largest))
    ]
    if part >= MOST_OF_IT and without:
        problems.append(
            Problem(
                Severity.NOTE,
                f"{_name(largest)} has {_amounts(largest.used)}{_share_of(largest.used, whole)}, while"
                f" {_named(without)} {'has' if len(without) == 1 else 'have'} nothing",
                "If it is an application of Spark: start it with spark.cores.max, or with dynamic"
                " allocation.",
            )
        )
    return Verdict(f"{_name(largest)} has the most: {part:.0%} of the cluster", tuple(problems))


@CHECKS.add(
    "frameworks-own-cores-max",
    "What this application would leave for others",
    Severity.NOTE,
    finds="that `spark.cores.max` is not set, on a cluster which others use at this moment: an application"
    " takes all cores that are offered to it, and keeps them",
    remedy="Set `spark.cores.max` (`--total-executor-cores`), or turn on dynamic allocation.",
    reads_tasks=True,
)
def _frameworks_own_cores_max(known: Known) -> Verdict:
    return cores_max_verdict(known[STATE], known[AGENTS], known.subject.configuration)


def cores_max_verdict(state: ClusterState, agents: AgentsState, configuration: Configuration) -> Verdict:
    """Whether an application that is configured so would take what others could use."""
    if limit := configuration.get(_CORES_MAX):
        return Verdict(f"{_CORES_MAX} is {limit}")
    if configuration.get(_DYNAMIC, "").strip().lower() == "true":
        return not_applicable("with dynamic allocation it takes what it has work for")
    if configuration.get(_COARSE, "").strip().lower() == "false":
        return not_applicable("in fine-grained mode it takes cores for as long as it has tasks on them")
    others = [one for one in _present(state) if one.connected and not is_probe(one.name)]
    seen = f"{_CORES_MAX} is not set"
    if not others:
        return Verdict(f"{seen}, and no other framework is there")
    role = configuration.get(_ROLE, ANY_ROLE)
    free = sum(agent.free.available_to(role).scalar("cpus") for agent in agents.agents if agent.facts.active)
    if not free:
        return Verdict(f"{seen}, and no core is free now")
    return Verdict(
        f"{seen}, with {counted(len(others), 'other framework')} on the cluster",
        (
            Problem(
                Severity.NOTE,
                f"an application would take all {free:g} cores that are free now and keep them, next to"
                f" {_named(others)}",
                f"Set {_CORES_MAX}, or --total-executor-cores, to what it is to have.",
                key=_CORES_MAX,
            ),
        ),
    )


def is_application(framework: FrameworkState) -> bool:
    """Whether a framework is an application of Spark: by its tasks, or by the port of its page."""
    if is_dispatcher(framework):
        return False
    try:
        return framework.runs_executors or urlsplit(framework.webui_url).port in _PAGES
    except ValueError:
        return False


def _present(state: ClusterState) -> list[FrameworkState]:
    return [one for one in state.frameworks if not one.completed]


def _connected(frameworks: Iterable[FrameworkState]) -> int:
    return sum(one.connected for one in frameworks)


def _teardown(framework: FrameworkState, master: str) -> str:
    return f"curl -X POST {master}/teardown -d frameworkId={framework.id}"


def _amounts(resources: Resources) -> str:
    """`3.5 cores and 4096 MB`."""
    return f"{resources.scalar('cpus'):g} cores and {resources.scalar('mem'):g} MB"


def _share_of(resources: Resources, whole: Resources) -> str:
    part = share(resources, whole)
    return f" ({part:.0%} of the cluster)" if part >= 0.01 else ""


def _name(framework: FrameworkState) -> str:
    return f"'{printable(framework.name)}'"


def _named(frameworks: Sequence[FrameworkState]) -> str:
    names = [_name(one) for one in frameworks[:_MOST_NAMED]]
    left = len(frameworks) - len(names)
    return ", ".join(names) + (f" and {left} others" if left > 0 else "")
