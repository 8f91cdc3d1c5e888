"""What is said of drivers, and the exit code that it comes to."""

from __future__ import annotations

import shlex
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from sparkmesos_core.dispatcher.messages import DriverStatus, Outcome
from sparkmesos_core.errors import DispatcherError, ExitCode
from sparkmesos_core.quoting import printable

from .terminal import Terminal

if TYPE_CHECKING:
    from sparkmesos_core.dispatcher.client import DispatcherClient
    from sparkmesos_core.dispatcher.messages import Killed

_EXIT_CODES = {
    Outcome.FAILED: ExitCode.DRIVER_FAILED,
    Outcome.LOST: ExitCode.DRIVER_FAILED,
    Outcome.KILLED: ExitCode.DRIVER_KILLED,
    Outcome.NOT_FOUND: ExitCode.FAILED,
}

# What only our own dispatcher tells, by the name that it has there.
_TOLD = {
    "name": "name",
    "app_resource": "appResource",
    "main_class": "mainClass",
    "cores": "cores",
    "memory_mib": "memory",
    "queue": "queue",
    "priority": "priority",
    "queue_position": "queuePosition",
    "supervise": "supervise",
    "max_retries": "maxRetries",
    "retries": "retries",
    "launches": "launches",
    "detail": "detail",
    "kill_requested": "killRequested",
    "exit_status": "exitStatus",
    "exit_signal": "exitSignal",
    "agent_host": "agentHost",
    "agent_url": "agentUrl",
    "sandbox_url": "sandboxUrl",
    "driver_framework_id": "driverFrameworkId",
    "submitted_at": "submittedAt",
    "launched_at": "launchedAt",
    "next_retry_at": "nextRetryAt",
    "finished_at": "finishedAt",
}

_OBSTACLE = {
    "cause": "cause",
    "message": "message",
    "hint": "hint",
    "agents": "agents",
    "largest_cores": "largestCores",
    "largest_memory_mib": "largestMemory",
    "unmet_constraints": "unmetConstraints",
}


def exit_code_of(status: DriverStatus) -> int:
    """The code for a driver: 0 while it may still end well and if it did."""
    return int(_EXIT_CODES.get(status.outcome, ExitCode.OK))


def warn_without_mesos(terminal: Terminal, problem: str, consequence: str) -> None:
    """Warns that a dispatcher has no subscription, and what follows from that; says nothing if it has one."""
    if problem:
        from sparkmesos_core.dispatcher.waiting import without_mesos

        terminal.warn(f"{without_mesos(problem)}; {consequence}")


def driver_record(status: DriverStatus, mesos_problem: str = "") -> dict[str, Any]:
    """A driver for `--output json`; what the dispatcher does not tell is null.

    `mesos_problem`: why the dispatcher has no subscription, if the status is one of a list, which tells that.
    """
    return {
        "id": status.submission_id,
        "state": status.outcome.value,
        "driver_state": status.driver_state or None,
        "task_id": status.task_id if status.agent_id else None,
        "task_state": status.task_state or None,
        "task_message": status.task_message or None,
        "reason": status.reason or None,
        "agent_id": status.agent_id or None,
        **{name: status.fields.get(told) for name, told in _TOLD.items()},
        "waits_for": _waits_for(status),
        "mesos_problem": status.mesos_problem or mesos_problem or None,
    }


def _waits_for(status: DriverStatus) -> dict[str, Any] | None:
    told = status.fields.get("waitsFor")
    if not isinstance(told, Mapping):
        return None
    return {name: told.get(key) for name, key in _OBSTACLE.items()}


def show_status(terminal: Terminal, client: DispatcherClient, status: DriverStatus, output: str) -> int:
    """Prints the word for a driver's state, or all that is known; returns the exit code.

    Raises DispatcherError for a driver that the dispatcher does not know.
    """
    if output == "json":
        terminal.json("driver", driver_record(status))
    else:
        terminal.data(status.outcome.value)
    if status.outcome is Outcome.NOT_FOUND:
        raise DispatcherError(
            f"The dispatcher at {client.dispatcher} knows no driver {status.submission_id}",
            hint="Check the id, and that it was submitted to this dispatcher. Spark's own forgets drivers"
            " that it was told to kill while they waited, and all that had ended when it is restarted.",
        )
    if output != "json":
        for line in details_of(status):
            terminal.say(printable(line))
    if not status.outcome.has_ended:
        warn_without_mesos(terminal, status.mesos_problem, "this is what is known from before")
    return exit_code_of(status)


def details_of(status: DriverStatus) -> list[str]:
    """Lines about a driver, beyond the word for its state."""
    from sparkmesos_core.dispatcher.waiting import description

    first = description(status).partition(": ")[2]
    lines = [f"{status.submission_id}: {first}"] if first else []
    told = status.fields
    if status.outcome is Outcome.QUEUED and told.get("queuePosition") is not None:
        lines.append(f"place in the queue: {told['queuePosition']}")
    if status.waits_for:
        lines.append(f"not launched yet: {status.waits_for}")
        if status.what_to_do:
            lines.append(f"hint: {status.what_to_do}")
    for label, name in (
        ("submitted", "submittedAt"),
        ("launched", "launchedAt"),
        ("launched again at", "nextRetryAt"),
        ("ended", "finishedAt"),
        ("agent", "agentHost"),
        ("sandbox", "sandboxUrl"),
    ):
        if text := status.text(name):
            lines.append(f"{label}: {text}")
    return lines


def _why_not(client: DispatcherClient, answer: Killed) -> str:
    if answer.message == "Cannot find driver":  # the words of all dispatchers
        return "Check the id, and that it was submitted to this dispatcher."
    where = f"--dispatcher {shlex.quote(str(client.dispatcher))} {answer.submission_id}"
    return f"`sparkmesos status {where}` tells what has become of it."


def kill_drivers(
    terminal: Terminal, client: DispatcherClient, submission_ids: Sequence[str], output: str
) -> int:
    """Kills drivers, one after the other; 1 if one of them was not killed, which is said of each.

    Raises DispatcherError or UnreachableError at the first that there is no answer for.
    """
    killed: list[Killed] = []
    code = ExitCode.OK
    try:
        for submission_id in submission_ids:
            answer = client.kill(submission_id)
            killed.append(answer)
            if answer.success:
                done = "was removed" if answer.has_no_task else "is being killed"
                terminal.say(printable(f"{submission_id} {done}: {answer.message}"))
                continue
            code = ExitCode.FAILED
            terminal.error(
                DispatcherError(
                    f"{submission_id} was not killed: {answer.message}",
                    hint=_why_not(client, answer),
                )
            )
        running = (one for one in killed if one.success and not one.has_no_task)
        problem = next((one.mesos_problem for one in running), "")
        warn_without_mesos(terminal, problem, "tasks are killed when it is again")
    finally:  # also of those before one that the dispatcher gave no answer for
        if output == "json" and killed:
            terminal.json(
                "killed",
                [
                    {
                        "id": one.submission_id,
                        "success": one.success,
                        "message": one.message,
                        "mesos_problem": one.mesos_problem or None,
                    }
                    for one in killed
                ],
            )
    return int(code)
