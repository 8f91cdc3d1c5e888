"""What is said of tasks, by what is known of them."""

from __future__ import annotations

import pytest

from sparkmesos_core.conf.finding import Severity
from sparkmesos_core.verify.checks.tasks import failing_verdict, lost_verdict, staging_verdict
from sparkmesos_core.verify.facts.cluster_state import AgentsState, ClusterState, TaskSeries, TaskState
from sparkmesos_core.verify.facts.task_ends import TaskEnd

NOW = 100_000.0


def task(task_id: str = "0", state: str = "TASK_FAILED", message: str = "", reason: str = "") -> TaskState:
    return TaskState(
        task_id, f"app {task_id}", "F1", "", "S0", state, reason=reason, message=message, ended_at=NOW - 60
    )


def series(*tasks: TaskState, **fields: int | bool) -> TaskSeries:
    return TaskSeries(
        "app",
        failures=len(tasks),
        last_failure=NOW - 60,
        latest_failed=tasks,
        of_spark=bool(fields.get("of_spark", True)),
    )


class TestFailing:
    def test_reason_and_output_of_each_task(self) -> None:
        first = task("1", message="Command exited with status 1", reason="REASON_COMMAND_EXECUTOR_FAILED")
        output = {"stderr": tuple(f"line {n}" for n in range(100)), "stdout": ("x" * 5000,)}
        ends = {
            "F1/1": TaskEnd(first, "agent1", output),
            "F1/0": TaskEnd(task("0"), "agent2", {}, unread="it is gone"),
        }
        (problem,) = failing_verdict([series(first, task("0"))], ends).problems
        assert problem.severity is Severity.WARNING
        assert problem.message == (
            "2 tasks of 'app' have failed, the last one (app 1, TASK_FAILED) on agent1:"
            " Command exited with status 1 (REASON_COMMAND_EXECUTOR_FAILED)"
        )
        assert problem.details[0] == (
            "1 on agent1: Command exited with status 1 (REASON_COMMAND_EXECUTOR_FAILED)"
        )
        assert problem.details[2:22] == tuple(f"line {n}" for n in range(80, 100))
        assert problem.details[23] == "x" * 300
        assert problem.details[-2:] == ("0 on agent2: TASK_FAILED", "its output is not known: it is gone")

    def test_a_terminal_gets_what_tells_the_most(self) -> None:
        first = task("1", message="Command exited with status 1")
        error = ("Traceback (most recent call last):", '  File "app.py", line 3', "ValueError: no input")
        output = {"stderr": (*(f"line {n}" for n in range(100)), *error), "stdout": ()}
        ends = {"F1/1": TaskEnd(first, "agent1", output), "F1/0": TaskEnd(task("0"), "agent2", output)}
        (problem,) = failing_verdict([series(first, task("0"))], ends).problems
        assert problem.brief == ("1 on agent1: Command exited with status 1", *error)
        assert set(error) < set(problem.details)
        little = {"F1/1": TaskEnd(first, "agent1", {"stderr": error})}
        (problem,) = failing_verdict([series(first)], little).problems
        assert problem.brief == ()

    @pytest.mark.parametrize(
        ("failures", "of_spark", "severity"),
        [(1, False, Severity.NOTE), (2, False, Severity.NOTE), (1, True, Severity.WARNING)],
    )
    def test_how_bad_it_is(self, failures: int, of_spark: bool, severity: Severity) -> None:
        tasks = [task(str(number)) for number in range(failures)]
        (problem,) = failing_verdict([series(*tasks, of_spark=of_spark)], {}).problems
        assert problem.severity is severity
        assert problem.hint

    def test_what_is_known_of_spark_is_not_said_of_others(self) -> None:
        ends = {"F1/0": TaskEnd(task(), "agent1", {"stderr": ("connect: Connection refused",)})}
        (problem,) = failing_verdict([series(task(), of_spark=False)], ends).problems
        assert problem.message.endswith("on agent1: connect: Connection refused")
        assert "spark." not in problem.hint

    def test_executors_of_a_driver_that_is_gone_are_a_note(self) -> None:
        line = "ERROR CoarseGrainedExecutorBackend: Executor self-exiting due to : Driver a:1 disassociated! Shutting down."
        ends = {"F1/0": TaskEnd(task(), "agent1", {"stderr": (line,)})}
        (problem,) = failing_verdict([series(task())], ends).problems
        assert problem.severity is Severity.NOTE
        assert "its driver has gone away" in problem.message

    def test_only_some_of_many(self) -> None:
        found = failing_verdict([series(task())] * 12, {})
        assert len(found.problems) == 5
        assert found.seen.endswith("and of 7 others")


class TestLost:
    def test_the_agents_are_named(self) -> None:
        tasks = (task("1", "TASK_LOST"), task("0", "TASK_GONE"))
        lost = TaskSeries("app", losses=2, last_loss=NOW - 60, latest_lost=tasks)
        state = ClusterState(AgentsState(()), (), (lost,), NOW)
        (problem,) = lost_verdict(state, {"S0": "agent1"}).problems
        assert problem.message == (
            "2 tasks of 'app' have been lost, the last one within a day, lately on agent1"
        )
        (problem,) = lost_verdict(state, {}).problems
        assert problem.message.endswith("lately on S0")


class TestStaging:
    def verdict_of(self, begun_at: float, *lines: str) -> str:
        end = TaskEnd(task(state="TASK_STAGING"), "agent1", {"stderr": lines}, begun_at)
        problems = staging_verdict(1, [end], {"F1": "app"}, NOW).problems
        return problems[0].message if problems else ""

    def test_for_how_long_and_what_it_does(self) -> None:
        assert self.verdict_of(NOW - 600, "Fetching URI 'http://x/y.tgz'") == (
            "app 0 of 'app' has been in TASK_STAGING on agent1 for 10 min: Fetching URI 'http://x/y.tgz'"
        )
        assert self.verdict_of(NOW - 600).endswith("for 10 min")

    def test_a_while_is_nothing(self) -> None:
        assert self.verdict_of(NOW - 119) == ""

    def test_what_cannot_be_known_is_not_claimed(self) -> None:
        assert self.verdict_of(0.0) == ""
        assert not staging_verdict(3, [], {}, NOW).applies
