from __future__ import annotations

from pathlib import Path
from typing import Any

from sparkmesos_core.localcluster.agent.agent_options import AgentOptions
from sparkmesos_core.localcluster.agent.executor import Executor, Task, command_executor_info
from sparkmesos_core.localcluster.agent.executor_events import (
    agent_info,
    completed_status,
    executor_info,
    framework_info,
    kill,
    launch,
)

Json = dict[str, Any]


def cpus(amount: float, **more: Any) -> Json:
    return {"name": "cpus", "type": "SCALAR", "scalar": {"value": amount}, **more}


def test_tasks_are_given_with_what_their_resources_are_allocated_to() -> None:
    variables: list[Json] = [{"name": "A", "value": "1"}, {"name": "B", "type": "SECRET", "secret": {}}]
    command = {"value": "x", "environment": {"variables": variables}}
    info: Json = {
        "task_id": {"value": "t"},
        "resources": [cpus(1, role="spark"), cpus(0.5)],
        "executor": {"executor_id": {"value": "e"}, "command": command, "resources": [cpus(0.1)]},
    }
    task = launch(Task("F", info, "spark", "e"))["launch"]["task"]
    allocation = {"allocation_info": {"role": "spark"}}
    reserved = {"reservations": [{"type": "STATIC", "role": "spark"}]}
    assert task["resources"] == [cpus(1.0, **allocation, **reserved), cpus(0.5, **allocation)]
    assert task["executor"]["framework_id"] == {"value": "F"}
    assert task["executor"]["resources"] == [cpus(0.1, **allocation)]
    assert [v["type"] for v in task["executor"]["command"]["environment"]["variables"]] == ["VALUE", "SECRET"]
    assert "type" not in variables[0], "what was given stays as it is"


def test_what_is_malformed_is_passed_on() -> None:
    info = {"executor_id": {"value": "e"}, "command": {"environment": "x"}}
    assert executor_info(info, "F", "*")["command"] == {"environment": "x"}


def test_kill() -> None:
    assert kill("t", None) == {"type": "KILL", "kill": {"task_id": {"value": "t"}}}
    assert kill("t", 0.5)["kill"]["kill_policy"] == {"grace_period": {"nanoseconds": 500_000_000}}


def test_fields_with_defaults_are_there() -> None:
    assert framework_info({"name": "f"}) == {"name": "f", "failover_timeout": 0.0, "checkpoint": False}


def test_the_agent_and_its_reservations() -> None:
    options = AgentOptions(
        hostname="h",
        ip="::1",
        port=5051,
        work_dir=Path("/w"),
        resources="cpus:2;cpus(spark):1",
        attributes="os:x",
    )
    assert agent_info(options, "S0") == {
        "hostname": "h",
        "port": 5051,
        "resources": [cpus(2.0), cpus(1.0, reservations=[{"type": "STATIC", "role": "spark"}])],
        "attributes": [{"name": "os", "type": "TEXT", "text": {"value": "x"}}],
        "id": {"value": "S0"},
    }


def test_an_executor_may_say_more_about_its_container() -> None:
    executor = Executor("F", {"executor_id": {"value": "e"}}, "*", "c", Path("/s"), False, False)
    own = {"network_infos": [{"ip_addresses": [{"ip_address": "10.0.0.1"}]}]}
    status = completed_status({"state": "TASK_RUNNING", "container_status": own}, executor, 7, "::1", "S0")
    assert status["container_status"] == {**own, "container_id": {"value": "c"}, "executor_pid": 7}
    plain = completed_status({"state": "TASK_RUNNING"}, executor, 7, "::1", "S0")
    [network] = plain["container_status"]["network_infos"]
    assert network == {"ip_addresses": [{"protocol": "IPv6", "ip_address": "::1"}]}


def test_a_command_executor_is_named_for_its_task() -> None:
    task: Json = {
        "task_id": {"value": "t"},
        "command": {"value": "echo out; echo err"},
        "labels": {"labels": []},
    }
    info = command_executor_info(task, "F")
    assert info["name"] == "Command Executor (Task: t) (Command: sh -c 'echo out; ec...')"
    assert (info["source"], info["labels"]) == ("t", {"labels": []})
    task["command"] = {"shell": False, "value": "ls", "arguments": ["ls", "-l"]}
    assert command_executor_info(task, "F")["name"].endswith("(Command: [ls, ls, -l])")
