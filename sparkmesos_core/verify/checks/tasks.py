"""Tasks that fail, that are lost, and that do not begin, and what their agents know about it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from sparkmesos_core.conf.finding import Severity
from sparkmesos_core.quoting import printable
from sparkmesos_core.verify.check import Checks, Group, Problem, Verdict, not_applicable
from sparkmesos_core.verify.facts.cluster import AGENTS, STATE
from sparkmesos_core.verify.facts.cluster_state import ClusterState, TaskSeries
from sparkmesos_core.verify.facts.task_ends import FAILED_TASKS, STAGING_TASKS, TaskEnd
from sparkmesos_core.verify.known import Known
from sparkmesos_core.verify.named_agents import counted, name_of, some_names
from sparkmesos_core.verify.task_failures import Explanation, explain, last_lines, telling_lines
from sparkmesos_core.verify.task_troubles import lost, unsuccessful

CHECKS = Checks(Group.FRAMEWORKS)

LONG_STAGING = 120.0
"""Seconds after which a task should have begun, however large what its agent fetches first."""

_OF_OTHERS = (
    "It is no executor or driver of Spark, and matters to Spark only if agents are at fault (full disks,"
    " names, network). For whoever runs it the details have the end of what it wrote."
)
_SHOWN_LINES = 20
_FEW_LINES = 12
_MOST_SERIES = 5
_LONGEST_LINE = 300


@CHECKS.add(
    "tasks-failing",
    "Tasks that fail",
    Severity.WARNING,
    finds="executors and drivers of Spark that have failed in the last day, without one having run well since"
    " (tasks of others are a note); with Mesos' reason and the end of what they wrote, in which a *Traceback*"
    " of Python, *UnknownHostException*, *JAVA_HOME is not set*, *No space left on device*,"
    " *OutOfMemoryError*, *Failed to fetch* and the like are recognised",
    remedy="Do what is said about the line that is shown, and run the application again: the check looks at"
    " its latest tasks.",
    reads_tasks=True,
)
def _tasks_failing(known: Known) -> Verdict:
    failing = unsuccessful(known[STATE])
    if not failing:
        return Verdict(f"{_tasks_seen(known[STATE])}; what failed lately, if anything, has run well since")
    return failing_verdict(failing, known[FAILED_TASKS])


def failing_verdict(failing: Sequence[TaskSeries], ends: Mapping[str, TaskEnd]) -> Verdict:
    """What is wrong with each series of tasks, the latest failure first; `ends` are by the tasks' keys."""
    problems = [_failing(series, ends) for series in failing[:_MOST_SERIES]]
    others = len(failing) - len(problems)
    seen = ", ".join(f"{series.failures} of {_name(series)}" for series in failing[:_MOST_SERIES])
    more = f", and of {others} others" if others > 0 else ""
    return Verdict(f"failed tasks: {seen}{more}", tuple(problems))


def _failing(series: TaskSeries, ends: Mapping[str, TaskEnd]) -> Problem:
    failed = series.latest_failed
    known = [ends[task.key] for task in failed if task.key in ends]
    last = known[0] if known else TaskEnd(failed[0], failed[0].agent_id, {})
    found = _explanation(last)
    details = tuple(line for end in known for line in _details(end))
    if series.failures > 1:
        what = f"{series.failures} tasks of {_name(series)} have failed, the last one"
    else:
        what = f"A task of {_name(series)} has failed"
    # What is said of tasks of Spark would mislead about others, and those may fail by design.
    meaning, hint = (found.meaning, found.hint) if series.of_spark else ("", _OF_OTHERS)
    told = "".join(f": {part}" for part in (meaning, found.line) if part)
    task = last.task
    return Problem(
        Severity.WARNING if series.of_spark and not found.follows else Severity.NOTE,
        f"{what} ({printable(task.name or task.id)}, {task.state}) on {last.host}{printable(told)}",
        hint,
        details=details,
        brief=_brief(last, found) if len(details) > _FEW_LINES else (),
    )


def _explanation(end: TaskEnd) -> Explanation:
    if found := explain(_output(end), end.task.reason, end.task.message):
        return found
    return Explanation(
        end.unread,
        "",
        "Read what it wrote on its agent (the sandbox, in Mesos' pages), or run it again and look at once:"
        " agents remove sandboxes after a time. Once a task of these has run well, this is green.",
    )


def _output(end: TaskEnd) -> list[Sequence[str]]:
    return [end.output[name] for name in ("stderr", "stdout") if name in end.output]


def _brief(end: TaskEnd, found: Explanation) -> tuple[str, ...]:
    """What Mesos says of a task, and those lines that it wrote which tell why it has failed."""
    telling = telling_lines(_output(end), found)
    return tuple(_shown(line) for line in (_said(end), *telling))


def _said(end: TaskEnd) -> str:
    task = end.task
    reason = f"({task.reason})" if task.reason else ""
    said = " ".join(part for part in (task.message, reason) if part) or task.state
    return f"{task.id} on {end.host}: {said}"


def _details(end: TaskEnd) -> list[str]:
    """What Mesos says of a task, and the end of what it has written."""
    lines = [_said(end)]
    for name, content in end.output.items():
        if content:
            lines.append(f"--- the end of {name} of {end.task.id}")
            lines += last_lines(content, _SHOWN_LINES)
    if end.unread:
        lines.append(f"its output is not known: {end.unread}")
    return [_shown(line) for line in lines]


@CHECKS.add(
    "tasks-lost",
    "Tasks that are lost with their agents",
    Severity.WARNING,
    finds="tasks that were lost in the last day on agents that are there (again): agents that restart without"
    " their work folder or are cut off for a time, *TASK_LOST*, *TASK_GONE*, *Slave removed*,"
    " *Agent … disconnected*",
    remedy="Look for what restarts those agents or cuts them off (their logs, the kernel's, full disks and"
    " memory), start them with the same `--work_dir`, and run the application again.",
    reads_tasks=True,
)
def _tasks_lost(known: Known) -> Verdict:
    hosts = {agent.facts.id: name_of(agent.facts) for agent in known[AGENTS].agents}
    return lost_verdict(known[STATE], hosts)


def lost_verdict(state: ClusterState, hosts: Mapping[str, str]) -> Verdict:
    """Which series of tasks are lost; `hosts` are the names of agents by their ids."""
    away = sum(framework.tasks.get("TASK_UNREACHABLE", 0) for framework in state.frameworks)
    seen = f"{_tasks_seen(state)}, {away} of them unreachable" if away else _tasks_seen(state)
    return Verdict(seen, tuple(_lost(series, hosts) for series in lost(state)[:_MOST_SERIES]))


def _lost(series: TaskSeries, hosts: Mapping[str, str]) -> Problem:
    agents = [task.agent_id for task in series.latest_lost if task.agent_id]
    names = list(dict.fromkeys(hosts.get(agent, agent) for agent in agents))
    if series.losses > 1:
        what = f"{series.losses} tasks of {_name(series)} have been lost, the last one within a day"
    else:
        what = f"A task of {_name(series)} was lost in the last day"
    where = f", lately on {some_names(names)}" if names else ""
    return Problem(
        Severity.WARNING,
        f"{what}{where}",
        "Look for what restarts that agent or cuts it off (its log, the kernel's, memory, disks), have it"
        " keep its --work_dir, and run the application again: once a task of these runs, this is green.",
    )


@CHECKS.add(
    "tasks-staging",
    "Tasks that do not begin",
    Severity.WARNING,
    finds="tasks that stay in *TASK_STAGING* for minutes: the agent fetches their URIs or pulls an image, and"
    " does not come to an end",
    remedy="Make what agents fetch reachable and quick for them (a server nearby, HDFS,"
    " `spark.mesos.fetcherCache.enable`), and kill the tasks that hang.",
    reads_tasks=True,
)
def _tasks_staging(known: Known) -> Verdict:
    state = known[STATE]
    number = sum(framework.tasks.get("TASK_STAGING", 0) for framework in state.frameworks)
    if not number:
        return Verdict(f"{_tasks_seen(state)}, none in TASK_STAGING")
    names = {framework.id: framework.name for framework in state.frameworks}
    return staging_verdict(number, list(known[STAGING_TASKS].values()), names, state.read_at)


def staging_verdict(number: int, ends: Sequence[TaskEnd], names: Mapping[str, str], now: float) -> Verdict:
    """Which of the tasks that have not begun should have; `names` are those of frameworks by their ids."""
    if not ends:
        return not_applicable(f"{number} in TASK_STAGING, of which nothing is known")
    late = [end for end in ends if end.begun_at and now - end.begun_at > LONG_STAGING]
    looked = f", {len(ends)} of them looked at" if number > len(ends) else ""
    problems = tuple(_hanging(end, names, now - end.begun_at) for end in late)
    return Verdict(f"{counted(number, 'task')} in TASK_STAGING{looked}", problems)


def _hanging(end: TaskEnd, names: Mapping[str, str], waited: float) -> Problem:
    lines = end.output.get("stderr", ())
    doing = f": {_shown(lines[-1])}" if lines else ""
    name = printable(end.task.name or end.task.id)
    framework = printable(names.get(end.task.framework_id, end.task.framework_id))
    return Problem(
        Severity.WARNING,
        f"{name} of '{framework}' has been in TASK_STAGING on {end.host} for {waited / 60:.0f} min{doing}",
        "See on the agent whether it can fetch what that line names (curl), have it fetched from nearer by or"
        " let agents cache it (spark.mesos.fetcherCache.enable), and kill the task.",
        details=tuple(_shown(line) for line in lines[-_SHOWN_LINES:]),
    )


def _name(series: TaskSeries) -> str:
    return f"'{printable(series.framework)}'"


def _shown(line: str) -> str:
    """A line that somebody else wrote, fit for a terminal."""
    return printable(line[:_LONGEST_LINE], keep="\t")


def _tasks_seen(state: ClusterState) -> str:
    return counted(sum(sum(framework.tasks.values()) for framework in state.frameworks), "task")
