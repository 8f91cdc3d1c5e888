"""What is said of drivers, and the exit code that it comes to."""

from __future__ import annotations

from collections.abc import Sequence
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


def exit_code_of(status: DriverStatus) -> int:
    """The code for a driver: 0 while it may still end well and if it did."""
    return int(_EXIT_CODES.get(status.outcome, ExitCode.OK))


def driver_record(status: DriverStatus) -> dict[str, Any]:
    """A driver for `--output json`; what the dispatcher does not tell is null."""
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
    }


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
    return exit_code_of(status)


def details_of(status: DriverStatus) -> list[str]:
    """Lines about a driver, beyond the word for its state."""
    from sparkmesos_core.dispatcher.waiting import description

    first = description(status).partition(": ")[2]
    lines = [f"{status.submission_id}: {first}"] if first else []
    told = status.fields
    if status.outcome is Outcome.QUEUED and told.get("queuePosition") is not None:
        lines.append(f"place in the queue: {told['queuePosition']}")
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
                terminal.say(printable(f"{submission_id} is being killed: {answer.message}"))
                continue
            code = ExitCode.FAILED
            terminal.error(
                DispatcherError(
                    f"{submission_id} was not killed: {answer.message}",
                    hint=f"`sparkmesos status {submission_id}` tells what has become of it.",
                )
            )
    finally:  # also of those before one that the dispatcher gave no answer for
        if output == "json" and killed:
            terminal.json(
                "killed",
                [{"id": one.submission_id, "success": one.success, "message": one.message} for one in killed],
            )
    return int(code)
