"""Docker containers of an embedded agent, with a stand-in for the docker CLI: there is no engine in the tests."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

import psutil
import pytest

from sparkmesos_core.localcluster.agent import agent_json
from sparkmesos_core.localcluster.agent.orphans import end_orphans
from tests.integration.agent_stage import Play, eventually, play
from tests.integration.docker_command import StandInDocker

Json = dict[str, Any]
CONTAINER = {"type": "DOCKER", "docker": {"image": "spark:3.5"}}


def with_docker(tmp_path: Path, scene: Callable[[Play, StandInDocker], Awaitable[None]]) -> StandInDocker:
    docker = StandInDocker(tmp_path / "bin")

    async def both(stage: Play) -> None:
        await scene(stage, docker)

    play(tmp_path, both, docker=str(docker.path))
    assert docker.running() == []
    return docker


def test_a_task_in_a_container(tmp_path: Path) -> None:
    async def scene(stage: Play, docker: StandInDocker) -> None:
        variables = [
            {"name": "TOKEN", "value": "xyz"},
            {"name": "LINES", "value": "a\nb"},
        ]
        stage.run(
            {
                "value": 'echo "$TOKEN $LINES $MESOS_SANDBOX $JAVA_HOME"; exit 3',
                "environment": {"variables": variables},
            },
            container=CONTAINER,
        )
        failed = await stage.until("TASK_FAILED")
        assert failed["message"] == "Container exited with status 3"
        assert (stage.sandbox() / "stdout").read_text() == "xyz a\nb /mnt/mesos/sandbox \n"
        [run] = docker.calls("run")
        assert run["arguments"][-3:] == [
            "spark:3.5",
            "-c",
            'echo "$TOKEN $LINES $MESOS_SANDBOX $JAVA_HOME"; exit 3',
        ]
        assert "xyz" not in json.dumps(run["arguments"]), "everybody can see a command line"
        assert "TOKEN=xyz\n" in run["environment"]
        assert run["mode"] == "0o600"
        file = Path(run["arguments"][run["arguments"].index("--env-file") + 1])
        assert not file.exists(), "it is gone with the container"
        assert stage.agent.root not in file.parents, "sandboxes can be read over HTTP"
        assert [call["arguments"] for call in docker.calls("pull")] == [["pull", "spark:3.5"]]
        stage.run("true", container=CONTAINER, task_id={"value": "t2"})
        await stage.until("TASK_FINISHED")
        assert len(docker.calls("pull")) == 1, "the image is there"
        pulled = {"type": "DOCKER", "docker": {"image": "spark:3.5", "force_pull_image": True}}
        stage.run("true", container=pulled, task_id={"value": "t3"})
        await stage.until("TASK_FINISHED")
        assert len(docker.calls("pull")) == 2

    with_docker(tmp_path, scene)


def test_a_container_is_stopped_with_its_grace_period(tmp_path: Path) -> None:
    async def scene(stage: Play, docker: StandInDocker) -> None:
        stage.run("trap 'echo bye; exit 0' TERM; echo hi; while :; do sleep 0.05; done", container=CONTAINER)
        await stage.until("TASK_RUNNING")
        await stage.line()
        stage.kill(7.0)
        killed = await stage.until("TASK_KILLED")
        assert killed["message"] == "Container exited with status 0"
        assert (stage.sandbox() / "stdout").read_text() == "hi\nbye\n"
        [stop] = docker.calls("stop")
        name = f"mesos-{stage.sandbox().name}"
        assert stop["arguments"] == ["stop", "-t", "7", name]
        assert docker.calls("rm")[0]["arguments"] == ["rm", "--force", name]

    with_docker(tmp_path, scene)


def test_a_container_ends_with_its_framework(tmp_path: Path) -> None:
    async def scene(stage: Play, docker: StandInDocker) -> None:
        stage.run("sleep 100", container=CONTAINER)
        await stage.until("TASK_RUNNING")
        await eventually(lambda: bool(docker.running()))
        [shown] = await agent_json.containers(stage.agent)
        assert "statistics" not in shown, "the agent's processes are not the container's"

    with_docker(tmp_path, scene)


def test_a_container_does_not_outlive_the_cluster(tmp_path: Path) -> None:
    async def scene(stage: Play, docker: StandInDocker) -> None:
        stage.run("sleep 100", container=CONTAINER)
        await stage.until("TASK_RUNNING")
        await eventually(lambda: bool(docker.running()))
        await asyncio.to_thread(
            end_orphans, tmp_path
        )  # as the next cluster does, if this one has been killed
        assert docker.running() == []
        name = f"mesos-{stage.sandbox().name}"
        assert docker.calls("rm")[0]["arguments"] == ["rm", "--force", name]
        await stage.until("TASK_FAILED")

    with_docker(tmp_path, scene)


def test_a_custom_executor_in_a_container(tmp_path: Path) -> None:
    async def scene(stage: Play, docker: StandInDocker) -> None:
        command = {"value": "echo $MESOS_EXECUTOR_ID in $MESOS_CONTAINER_NAME; exit 2"}
        executor = {"executor_id": {"value": "e"}, "command": command, "container": CONTAINER}
        stage.run(None, executor=executor)
        failed = await stage.until("TASK_FAILED")
        assert failed["reason"] == "REASON_EXECUTOR_TERMINATED"
        sandbox = stage.sandbox("e")
        assert (sandbox / "stdout").read_text() == f"e in mesos-{sandbox.name}\n"

    with_docker(tmp_path, scene)


def test_a_container_that_is_created_after_its_kill_is_removed(tmp_path: Path) -> None:
    async def scene(stage: Play, docker: StandInDocker) -> None:
        stage.run("true", container={"type": "DOCKER", "docker": {"image": "late:1"}})
        await eventually(lambda: bool(docker.calls("run")))
        stage.kill(0.1)
        await stage.until("TASK_KILLED")
        # There was none when the first one came, and there could have been one until the client was gone.
        assert [call["arguments"][0] for call in docker.calls("rm")] == ["rm", "rm"]

    with_docker(tmp_path, scene)


@pytest.mark.parametrize("crash", [False, True])
def test_nobody_waits_for_an_image_that_nobody_needs(crash: bool, tmp_path: Path) -> None:
    async def scene(stage: Play, docker: StandInDocker) -> None:
        stage.run("true", container={"type": "DOCKER", "docker": {"image": "slow:1"}})
        await eventually(lambda: bool(docker.calls("pull")))
        if crash:
            stage.agent.crash()
        else:
            stage.kill()
            assert (await stage.next())["state"] == "TASK_KILLED"
            await eventually(lambda: not stage.agent.frameworks["F"].executors)
        await eventually(lambda: not pulling(docker))

    with_docker(tmp_path, scene)


def pulling(docker: StandInDocker) -> list[psutil.Process]:
    ours = psutil.Process().children(recursive=True)
    return [p for p in ours if p.status() != "zombie" and str(docker.path) in p.cmdline()]


@pytest.mark.parametrize(
    "secret",
    [
        {"type": "VALUE", "value": {"data": "eHl6"}},
        {"type": "REFERENCE", "reference": {"name": "/a"}},
    ],
)
def test_secrets_do_not_reach_containers(secret: Json, tmp_path: Path) -> None:
    """As with Mesos, whose Docker containerizer leaves their variables empty."""

    async def scene(stage: Play, docker: StandInDocker) -> None:
        variables = [{"name": "KEY", "type": "SECRET", "secret": secret}]
        command = {"value": "echo ${KEY-unset}${KEY:-empty}", "environment": {"variables": variables}}
        stage.run(command, container=CONTAINER)
        await stage.until("TASK_FINISHED")
        assert (stage.sandbox() / "stdout").read_text() == "empty\n"
        [run] = docker.calls("run")
        assert "KEY=\n" in run["environment"]

    with_docker(tmp_path, scene)


@pytest.mark.parametrize(
    ("image", "engine", "reason", "text"),
    [
        (
            "spark:3.5",
            False,
            "REASON_EXECUTOR_TERMINATED",
            "Abnormal executor termination: unknown container (",
        ),
        (
            "missing:1",
            True,
            "REASON_CONTAINER_LAUNCH_FAILED",
            "Failed to launch container: Failed to run 'docker pull missing:1': manifest unknown",
        ),
    ],
)
def test_what_cannot_be_had(image: str, engine: bool, reason: str, text: str, tmp_path: Path) -> None:
    async def scene(stage: Play, docker: StandInDocker) -> None:
        if not engine:
            (docker.folder / "no-engine").touch()
        stage.run("true", container={"type": "DOCKER", "docker": {"image": image}})
        failed = await stage.next()
        assert (failed["state"], failed["reason"], failed["source"]) == (
            "TASK_FAILED",
            reason,
            "SOURCE_AGENT",
        )
        assert failed["message"].startswith(text)
        if not engine:
            assert "Cannot connect to the Docker daemon" in failed["message"]

    with_docker(tmp_path, scene)
