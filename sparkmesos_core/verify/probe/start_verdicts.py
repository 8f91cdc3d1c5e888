"""Whether a probe's tasks could be started on agents. Pure functions of what they have told."""

from __future__ import annotations

from sparkmesos_core.conf.finding import Severity
from sparkmesos_core.quoting import quoted
from sparkmesos_core.redaction import redact_text
from sparkmesos_core.verify.check import Problem, Verdict
from sparkmesos_core.verify.named_agents import some_names
from sparkmesos_core.verify.probe.course import MOST_AT_ONCE
from sparkmesos_core.verify.probe.grouped_verdict import Judged, Wrong, counted, verdict_of
from sparkmesos_core.verify.probe.plan import CPUS, LEAST_MEMORY
from sparkmesos_core.verify.probe.result import Ending, ProbeResult, TriedAgent
from sparkmesos_core.verify.probe.stages import fetched, started, with_user
from sparkmesos_core.verify.probe.troubles import (
    Trouble,
    fetching_hint,
    fetching_line,
    trouble_of,
    words_of,
)


def judge_agents(result: ProbeResult) -> Verdict:
    """Whether all agents that could be tried have offered something."""
    parts = [f"{counted(len(result.agents))} tried"]
    if result.unfit:
        parts.append(f"{result.unfit} left out that do not take part or do not meet the constraints")
    if result.left_out:
        parts.append(f"{result.left_out} left out by --probe-agents")
    problems = []
    if missing := result.without_offers:
        parts.append(f"{len(missing)} without offers")
        what = f"{counted(len(missing))} ({some_names(missing)}) offered less than {_LEAST}"
        problems.append(
            Problem(
                Severity.WARNING if result.agents else Severity.ERROR,
                f"{what} for the role {result.plan.role} within {result.patience:g} s",
                "Others use or hold all of it, or it is reserved for other roles: the checks "
                "frameworks-hoarding and agents-free-now tell who; end or limit those (spark.cores.max), or "
                "add agents.",
            )
        )
    if late := result.put_off:
        parts.append(f"{len(late)} put off")
        problems.append(
            Problem(
                Severity.WARNING,
                f"{counted(len(late))} ({some_names(late)}) had no turn within {result.timeout:g} s: no more "
                f"than {MOST_AT_ONCE} are tried at once",
                "--probe-timeout gives it more time; --probe-agents tries fewer.",
            )
        )
    return Verdict(", ".join(parts), tuple(problems))


_LEAST = f"{CPUS / 1000:g} cores and {LEAST_MEMORY // 1000} MiB"


def judge_fetch(result: ProbeResult) -> Verdict:
    """Whether agents have fetched the archive and the other URIs."""

    def judged() -> Judged:
        for agent in result.agents:
            if trouble_of(agent, fetches=True) is not Trouble.FETCH:
                yield agent, None, ()
            elif agent.ending is Ending.LATE:
                yield agent, _late("is still fetching", result), agent.output
            else:
                what = fetching_line(agent) or words_of(agent)
                hint, key = fetching_hint(agent), _key_of(what, result)
                yield agent, Wrong(what, hint, key), agent.output or (agent.unread,)

    uris = ", ".join(redact_text(uri) for uri in result.plan.uris[:3])
    more = len(result.plan.uris) - 3
    others = f" and {more} more" if more > 0 else ""
    return verdict_of(lambda good: f"{counted(good)} fetched {uris}{others}", judged())


def _key_of(line: str, result: ProbeResult) -> str:
    """The property that names what could not be fetched; empty if that cannot be told."""
    named = [uri for uri in result.plan.uris if f"'{redact_text(uri)}'" in line]
    if not named:
        return ""
    return "spark.executor.uri" if named[0] == result.plan.archive else "spark.mesos.uris"


def judge_start(result: ProbeResult) -> Verdict:
    """Whether tasks have started, and come to their end."""
    where = f" in the image {result.plan.image}" if result.plan.image else ""
    return verdict_of(
        lambda good: f"the task ran on {counted(good)}{where}",
        (
            (agent, _wrong_start(agent, result), agent.output or (agent.unread,))
            for agent in with_user(result)
        ),
    )


def _wrong_start(agent: TriedAgent, result: ProbeResult) -> Wrong | None:
    if agent.ending is Ending.TOLD:
        return None
    if agent.ending is Ending.LATE:
        return _late("has not come to its end", result)
    if agent.state == "TASK_FINISHED" and agent.report is None:
        return Wrong(
            "the task has run, but can neither connect to this machine nor can its output be read",
            "Open the ports of agents (5051) for this machine, or those of the driver for agents.",
        )
    return Wrong(f"the task has failed: {words_of(agent)}", _start_hint(agent, result))


def _start_hint(agent: TriedAgent, result: ProbeResult) -> str:
    said = "\n".join((agent.message, *agent.output)).lower()
    if agent.reason == "REASON_TASK_UNAUTHORIZED":
        return (
            f"Let the master's ACLs (run_tasks) have the principal run tasks as {quoted(result.plan.user)}, "
            "or set SPARK_USER here to a user whom it may run them as."
        )
    if agent.reason == "REASON_INVALID_OFFERS":
        return "Repeat the probe: offers were taken back before they could be used, as those of busy agents."
    if result.plan.image:
        return (
            f"See that agents can pull and run {quoted(result.plan.image)} and that their --containerizers "
            "has docker, or set spark.mesos.containerizer to mesos if their --image_providers has it."
        )
    if "no space left" in said:
        return "Make room on the agent's disk, where its --work_dir is."
    if "memory limit" in said or "signal killed" in said:
        return "The agent has killed it: see in its log, and in the kernel's, whether it is out of memory."
    return "See in the details what the task wrote, and the agent's log of that time."


def _late(what: str, result: ProbeResult) -> Wrong:
    return Wrong(
        f"the task {what} after {result.timeout:g} s",
        "--probe-timeout gives it more time; if that does not help, the agent's log tells what it waits for.",
    )


def judge_user(result: ProbeResult) -> Verdict:
    """Whether the user is known whom tasks run as."""
    user = result.plan.user
    wrong = Wrong(
        f"there is no user {quoted(user)}, whom executors are to run as",
        "Set SPARK_USER here to a user that all agents have, or create this one there, or start agents with "
        "--no-switch_user.",
    )
    lacking = {agent.id for agent in fetched(result)} - {agent.id for agent in with_user(result)}
    users = sorted({agent.said("user") for agent in started(result)} - {""})
    return verdict_of(
        lambda good: f"{counted(good)} ran the task as {', '.join(users) or user}",
        ((agent, wrong if agent.id in lacking else None, ()) for agent in fetched(result)),
    )
