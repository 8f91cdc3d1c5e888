"""The application of --probe-spark: what it is told, what its lines and Mesos' tasks come to, and the verdicts."""

from __future__ import annotations

import ast
from typing import Any

import pytest

from sparkmesos_core.conf.finding import Severity
from sparkmesos_core.mesos.resources import Resources
from sparkmesos_core.preflight.cluster_facts import AgentFacts
from sparkmesos_core.spark.arguments import SubmitArguments
from sparkmesos_core.verify.facts.cluster_state import AgentState
from sparkmesos_core.verify.probe import spark_job
from sparkmesos_core.verify.probe.spark_job import (
    APPLICATION,
    Course,
    SparkJob,
    cause_in,
    command_line,
    common_port,
    judge,
    own_settings,
)

FRAMEWORK = "F-0001"
AGENTS = {"S0": "agent1", "S1": "agent2"}


def agent(host: str, resources: str) -> AgentState:
    total = Resources.parse(resources)
    facts = AgentFacts(host, host, host, 5051, total, (), "1.12.0", True)
    return AgentState(facts, free=total, offered=Resources())


def task(id: str, agent_id: str, state: str, framework: str = FRAMEWORK) -> dict[str, Any]:
    return {"id": id, "slave_id": agent_id, "state": state, "framework_id": framework}


def course(*tasks: dict[str, Any], worked: str = "", registered: str = "") -> Course:
    made = Course(AGENTS)
    made.on_line(f'SPARKMESOS-PROBE {{"framework": "{FRAMEWORK}"}}')
    for name in registered:
        made.on_line(f'SPARKMESOS-PROBE {{"executor": "{name}", "host": "h", "worked": false}}')
    for name in worked:
        made.on_line(f'SPARKMESOS-PROBE {{"executor": "{name}", "host": "h", "worked": true}}')
    made.on_tasks(tasks)
    return made


def result(made: Course, **more: Any) -> SparkJob:
    return made.result(**{"status": None, "seconds": 9.4, "words": {}, **more})


class TestSettings:
    def test_small_where_nothing_is_configured(self) -> None:
        settings = own_settings({}, "mesos://h:5050", 3, None)
        assert (settings["spark.executor.cores"], settings["spark.executor.memory"]) == ("1", "512m")
        assert settings["spark.cores.max"] == "3"
        assert settings["spark.dynamicAllocation.enabled"] == "false"
        assert settings["spark.mesos.driver.failoverTimeout"] == "1.0"
        assert not [key for key in settings if key.endswith("blockManager.port")]

    def test_as_large_as_configured(self) -> None:
        given = {"spark.executor.cores": "2", "spark.executor.memory": "4g", "spark.cores.max": "100"}
        settings = own_settings(given, "mesos://h:5050", 3, None)
        assert (settings["spark.executor.memory"], settings["spark.cores.max"]) == ("4g", "6")

    def test_a_port_of_executors_is_not_one_of_the_driver(self) -> None:
        settings = own_settings({}, "mesos://h:5050", 3, 31000)
        assert settings["spark.blockManager.port"] == "31000"
        assert settings["spark.driver.blockManager.port"] == "0"
        given = {"spark.driver.blockManager.port": "7001"}
        assert own_settings(given, "m", 3, 31000)["spark.driver.blockManager.port"] == "7001"

    def test_the_command_line_is_what_was_given_and_ours(self) -> None:
        given = SubmitArguments.parse(
            [
                "--class", "Main", "--deploy-mode", "cluster", "--name", "x", "--master", "mesos://other:1", "--supervise",
                "--total-executor-cores", "9", "--verbose", "--num-executors", "4", "--py-files", "a.py",
                "--conf", "spark.mesos.role=etl", "--executor-memory", "2g", "--files", "a,b", "app.jar", "1",
            ]
        ).given  # fmt: skip
        line = command_line(given, {"spark.master": "m", "spark.cores.max": "2"}, 2, 120.0, 77)
        assert line == [
            "--conf", "spark.mesos.role=etl", "--executor-memory", "2g", "--files", "a,b",
            "--conf", "spark.cores.max=2", str(APPLICATION), "2", "120", "77",
        ]  # fmt: skip

    def test_the_application_says_things_with_the_mark_that_is_looked_for(self) -> None:
        names = {
            target.id: node.value.value
            for node in ast.parse(APPLICATION.read_text()).body
            if isinstance(node, ast.Assign) and isinstance(node.value, ast.Constant)
            for target in node.targets
            if isinstance(target, ast.Name)
        }
        assert names["MARK"] == spark_job._MARK


class TestCommonPort:
    PORTS = "cpus:1;mem:1;ports:[31000-32000]"

    def test_the_last_one_that_all_have(self) -> None:
        others = agent("b", "cpus:1;ports:[31000-31500,31990-31995]")
        assert common_port([agent("a", self.PORTS), others], "*", {}) == 31995
        assert common_port([agent("a", self.PORTS)], "*", {}) == 32000

    def test_ports_of_the_role_count(self) -> None:
        reserved = agent("b", "cpus:1;ports(etl):[31000-31000]")
        assert common_port([agent("a", self.PORTS), reserved], "etl", {}) == 31000
        assert common_port([agent("a", self.PORTS), reserved], "*", {}) is None

    def test_none(self) -> None:
        here = agent("a", self.PORTS)
        assert common_port([], "*", {}) is None
        assert common_port([here, here], "*", {}) is None, "two on one machine"
        assert common_port([here, agent("b", "cpus:1")], "*", {}) is None, "without ports"
        assert common_port([here, agent("b", "ports:[1-2]")], "*", {}) is None, "nothing in common"
        assert common_port([here], "*", {"spark.blockManager.port": "7"}) is None, "set already"


class TestCourse:
    def test_all_have_worked(self) -> None:
        made = course(task("0", "S0", "TASK_RUNNING"), task("1", "S1", "TASK_RUNNING"), registered="0")
        assert not made.is_decided
        made.on_line('SPARKMESOS-PROBE {"executor": "0", "host": "h", "worked": true}')
        assert not made.has_succeeded
        made.on_line('SPARKMESOS-PROBE {"executor": "1", "host": "h", "worked": true}')
        assert (made.is_decided, made.has_succeeded) == (True, True)
        verdict = judge(result(made))
        assert verdict.seen == "an executor has run tasks on both agents, within 9 s"
        assert verdict.problems == ()

    def test_tasks_of_others_do_not_count(self) -> None:
        made = course(task("0", "S0", "TASK_RUNNING", "F-0002"), worked="0")
        assert made.tasks == {}

    def test_it_is_decided_when_spark_has_given_an_agent_up(self) -> None:
        made = course(
            task("0", "S0", "TASK_RUNNING"), task("1", "S1", "TASK_FAILED"), worked="0"
        )  # fmt: skip
        assert not made.is_decided
        made.on_tasks([task("2", "S1", "TASK_FAILED"), task("3", "S0", "TASK_RUNNING")])
        assert (made.is_decided, made.has_succeeded) == (True, False)
        assert made.unsuccessful()["S1"].id == "2"
        told = result(made, words={"S1": ["java: not found"]})
        verdict = judge(told)
        (problem,) = verdict.problems
        assert problem.severity is Severity.ERROR
        assert (
            problem.message == "Executors of Spark were started on 1 of 2 agents and have run no task: agent2"
        )
        assert problem.details == ("agent2: 2 executors ended there: TASK_FAILED", "  java: not found")
        assert "stderr" in problem.hint

    @pytest.mark.parametrize(
        ("registered", "fate"),
        [("", "its executor has not found the driver"), ("01", "its executor has run no task")],
    )
    def test_an_executor_that_does_nothing(self, registered: str, fate: str) -> None:
        made = course(
            task("0", "S0", "TASK_RUNNING"), task("1", "S1", "TASK_RUNNING"), worked="0", registered=registered
        )  # fmt: skip
        (problem,) = judge(result(made)).problems
        assert problem.details == (f"agent2: {fate}",)

    def test_what_the_bridge_advises_last(self) -> None:
        made = course(task("0", "S0", "TASK_RUNNING"), task("1", "S1", "TASK_RUNNING"))
        for time in ("15", "60"):
            made.on_line(f"sparkmesos: No executor has started within {time} s.")
            made.on_line(f"sparkmesos: What to do: see that agents can connect to this driver ({time}).")
        (problem,) = judge(result(made)).problems
        assert problem.hint == "See that agents can connect to this driver (60)."
        assert len(made.advice) == 2

    def test_an_agent_that_others_got_before_is_no_error(self) -> None:
        made = course(task("0", "S0", "TASK_RUNNING"), task("1", "S0", "TASK_RUNNING"), worked="01")
        (problem,) = judge(result(made)).problems
        assert problem.severity is Severity.NOTE
        assert "agent2" in problem.message

    def test_an_agent_that_nothing_was_started_on(self) -> None:
        (problem,) = judge(result(course(task("0", "S0", "TASK_RUNNING"), worked="0"))).problems
        assert problem.severity is Severity.ERROR
        assert problem.message == "Spark has started no executor on 1 of 2 agents: agent2"


class TestDriver:
    LINES = (
        "26/11/23 09:08:20 INFO SparkContext: Running Spark",
        "Traceback (most recent call last):",
        '  File "spark_application.py", line 1, in main',
        "py4j.protocol.Py4JJavaError: An error occurred while calling None.org.apache.spark.api.java.JavaSparkContext.",
        ": java.lang.IllegalArgumentException: Executor memory 104857600 must be at least 471859200.",
        "\tat org.apache.spark.memory.UnifiedMemoryManager$.getMaxMemory(UnifiedMemoryManager.scala:243)",
        r"\tat java.base/java.lang.Thread.run(Thread.java:840)",
        r"\tat org.apache.spark.SparkContext.<init>(SparkContext.scala:478)",
        "26/11/23 09:08:25 INFO ShutdownHookManager: Shutdown hook called",
    )

    def test_the_cause(self) -> None:
        assert cause_in(self.LINES) == (
            "java.lang.IllegalArgumentException: Executor memory 104857600 must be at least 471859200."
        )
        assert cause_in(self.LINES[:4]) == ""
        assert cause_in([*self.LINES, "Caused by: java.io.IOException: root"]) == "java.io.IOException: root"

    def test_a_driver_that_ends(self) -> None:
        made = Course(AGENTS)
        for line in self.LINES:
            made.on_line(line)
        (problem,) = judge(result(made, status=1)).problems
        assert problem.message.startswith(
            "Spark's driver ended with exit code 1 before it was registered with Mesos: java.lang.Illegal"
        )
        assert problem.details == self.LINES[1:5]
        assert problem.hint

    def test_a_driver_that_ends_before_it_has_executors(self) -> None:
        made = course(task("0", "S0", "TASK_RUNNING"), worked="0")
        for line in self.LINES:
            made.on_line(line)
        (problem,) = judge(result(made, status=1)).problems
        assert problem.message.startswith(
            "Spark's driver ended with exit code 1 before it had executors everywhere: java.lang.Illegal"
        )
        assert problem.details == self.LINES[1:5]
        (problem,) = judge(result(made, status=0)).problems
        assert problem.message.startswith("Spark has started no executor on 1 of 2 agents")

    def test_a_driver_that_takes_too_long(self) -> None:
        (problem,) = judge(result(Course(AGENTS))).problems
        assert problem.message == "Spark's driver was not registered with Mesos in time"


def test_no_room_anywhere() -> None:
    verdict = judge(SparkJob(agents=0, busy=("agent1", "agent2")))
    (problem,) = verdict.problems
    assert (verdict.seen, problem.severity) == ("no application was run", Severity.ERROR)
    assert problem.message.startswith("No agent has room for an executor now")
    assert problem.message.endswith(": agent1, agent2")
    assert "agents-free-now" in problem.hint


def test_agents_without_room_are_named() -> None:
    made = course(task("0", "S0", "TASK_RUNNING"), task("1", "S1", "TASK_RUNNING"), worked="01")
    told = SparkJob(**{**vars(result(made)), "busy": ("agent3",)})
    assert judge(told).seen == "an executor has run tasks on both agents, within 9 s; no room on agent3"
