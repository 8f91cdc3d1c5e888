"""An embedded agent with real processes: what starts, what is seen of it, and that all of it ends."""

from __future__ import annotations

import asyncio
import gzip
import os
import socket
import subprocess
import sys
import threading
import time
from pathlib import Path
from typing import Any

import psutil
import pytest

from sparkmesos_core.localcluster.agent import process_table, task_process
from sparkmesos_core.localcluster.agent.container import LIVING
from sparkmesos_core.localcluster.agent.process_table import ProcessTable
from sparkmesos_core.localcluster.agent.sandbox_files import is_served
from sparkmesos_core.localcluster.messages import (
    Drain,
    ShutdownFramework,
    UpdateFramework,
)
from tests.integration.agent_stage import PATIENCE, Play, eventually, play

Json = dict[str, Any]


def test_the_environment_is_mesos_and_the_clusters_and_the_commands(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("MY_OWN_SECRET", "x")

    async def scene(stage: Play) -> None:
        variables = [
            {"name": "MINE", "value": "a b"},
            {"name": "JAVA_HOME", "value": "/command"},
            {"name": "TOKEN", "type": "SECRET", "secret": {"type": "VALUE", "value": {"data": "eHl6"}}},
        ]
        stage.run({"value": "env", "environment": {"variables": variables}})
        await stage.until("TASK_FINISHED")
        environment = dict(
            line.split("=", 1) for line in (stage.sandbox() / "stdout").read_text().splitlines()
        )
        assert environment["MINE"] == "a b"
        assert environment["JAVA_HOME"] == "/command"
        assert environment["FROM_CLUSTER"] == "1"
        assert environment["TOKEN"] == "xyz"
        assert environment["MESOS_SANDBOX"] == str(stage.sandbox())
        assert "MY_OWN_SECRET" not in environment
        assert "HOME" not in environment

    play(tmp_path, scene, executor_environment={"FROM_CLUSTER": "1", "JAVA_HOME": "/cluster"})


def test_secrets_as_files(tmp_path: Path) -> None:
    """As Spark asks for with `spark.mesos.executor.secret.filenames`."""

    async def scene(stage: Play) -> None:
        secret = {"type": "VALUE", "value": {"data": "eHl6/w=="}}
        volumes = [
            {"container_path": path, "mode": "RO", "source": {"type": "SECRET", "secret": secret}}
            for path in ("pass.txt", "below/pass.txt")
        ]
        command = "cat below/pass.txt pass.txt; ls -lL pass.txt; echo; while [ ! -e go ]; do sleep 0.05; done"
        stage.run(command, container={"type": "MESOS", "volumes": volumes})
        await stage.until("TASK_RUNNING")
        sandbox = stage.sandbox()
        await eventually(lambda: (sandbox / "stdout").read_bytes().endswith(b"pass.txt\n\n"))
        said = (sandbox / "stdout").read_bytes()
        assert said.startswith(b"xyz\xffxyz\xff-r-------- ")
        for path in ("pass.txt", "below/pass.txt"):
            file = (sandbox / path).resolve()
            assert file.stat().st_mode & 0o777 == 0o400
            assert file.parent.stat().st_mode & 0o777 == 0o700
            assert stage.agent.root not in file.parents
            assert not is_served(stage.agent.root, str(sandbox / path)), "sandboxes can be read over HTTP"
        (sandbox / "go").touch()
        await stage.until("TASK_FINISHED")
        assert list(stage.agent.options.secrets_dir.iterdir()) == []

    play(tmp_path, scene)


def test_secrets_that_a_killed_cluster_has_left_are_removed(tmp_path: Path) -> None:
    left = tmp_path / "secrets" / "a-container" / "0"
    left.parent.mkdir(parents=True)
    left.touch(mode=0o400)

    async def scene(stage: Play) -> None:
        assert not left.parent.exists()

    play(tmp_path, scene)


def test_without_a_shell_arguments_stay_what_they_are(tmp_path: Path) -> None:
    async def scene(stage: Play) -> None:
        program = "import sys; print(sys.argv, sys.stdin.read() == '')"
        arguments = ["python", "-c", program, "a b", "", "$HOME", "*"]
        stage.run({"shell": False, "value": sys.executable, "arguments": arguments})
        await stage.until("TASK_FINISHED")
        assert (stage.sandbox() / "stdout").read_text() == "['-c', 'a b', '', '$HOME', '*'] True\n"

    play(tmp_path, scene)


def test_updates_wait_for_acknowledgement_and_are_repeated(tmp_path: Path) -> None:
    async def scene(stage: Play) -> None:
        stage.master.acknowledging = False
        stage.run("exit 3")
        first = await stage.next()
        assert first["state"] == "TASK_STARTING"
        assert await stage.next() == first
        stage.master.acknowledge(first)
        second = await stage.until("TASK_RUNNING")
        stage.master.acknowledge(second)
        third = await stage.until("TASK_FAILED")
        assert third["message"] == "Command exited with status 3"
        stage.master.acknowledge(third)

    play(tmp_path, scene)


FAMILY = """
import subprocess, sys, time
SLEEP = "import time; time.sleep(100)"
# A child in the same session, one in a process group of its own (as pyspark's daemon), one in a session of its
# own, and one whose parent has gone.
subprocess.Popen([sys.executable, "-c", SLEEP])
subprocess.Popen([sys.executable, "-c", "import os; os.setpgid(0, 0); " + SLEEP])
subprocess.Popen([sys.executable, "-c", SLEEP], start_new_session=True)
subprocess.run(["sh", "-c", "sleep 100 &"])
print("ready", flush=True)
time.sleep(100)
"""


def test_a_kill_ends_the_whole_family(tmp_path: Path) -> None:
    async def scene(stage: Play) -> None:
        stage.run({"shell": False, "value": sys.executable, "arguments": [sys.executable, "-c", FAMILY]})
        await stage.until("TASK_RUNNING")
        await stage.line()
        assert len(stage.family()) >= 5
        stage.kill()
        status = await stage.until("TASK_KILLED")
        assert status["message"] == "Command terminated with signal Terminated"
        assert stage.family() == []

    play(tmp_path, scene)


def test_what_a_finished_task_leaves_behind_is_ended(tmp_path: Path) -> None:
    async def scene(stage: Play) -> None:
        stage.run("sleep 100 & echo started")
        await stage.until("TASK_FINISHED")
        assert stage.family() == []

    play(tmp_path, scene)


def test_a_task_may_clean_up_within_its_grace_period(tmp_path: Path) -> None:
    async def scene(stage: Play) -> None:
        stage.run("trap 'sleep 0.3; echo cleaned; exit 0' TERM; echo ready; while :; do sleep 0.05; done")
        await stage.until("TASK_RUNNING")
        await stage.line()
        stage.kill()
        await stage.until("TASK_KILLED")
        assert (stage.sandbox() / "stdout").read_text() == "ready\ncleaned\n"

    play(tmp_path, scene)


@pytest.mark.parametrize("where", ["call", "task"])
def test_after_the_grace_period_there_is_no_mercy(where: str, tmp_path: Path) -> None:
    async def scene(stage: Play) -> None:
        policy = {"grace_period": {"nanoseconds": 200_000_000}}
        fields: Json = {"kill_policy": policy} if where == "task" else {}
        stage.run("trap '' TERM; echo ready; while :; do sleep 0.05; done", **fields)
        await stage.until("TASK_RUNNING")
        await stage.line()
        began = time.monotonic()
        stage.kill(0.2 if where == "call" else None)
        await stage.until("TASK_KILLED")
        assert 0.15 < time.monotonic() - began < 2.5

    play(tmp_path, scene)


def test_who_kills_again_and_again_does_not_keep_it_alive(tmp_path: Path) -> None:
    async def scene(stage: Play) -> None:
        stage.run("trap '' TERM; echo ready; while :; do sleep 0.05; done")
        await stage.until("TASK_RUNNING")
        await stage.line()
        began = time.monotonic()
        stage.kill(600)
        stage.kill(0.5)
        for _ in range(4):
            await asyncio.sleep(0.2)  # the grace period goes on
            stage.kill(0.5)
        stage.kill(600)
        await stage.until("TASK_KILLED")
        assert 0.45 < time.monotonic() - began < 2.5

    play(tmp_path, scene)


def test_killing_is_announced_to_who_wants_to_know(tmp_path: Path) -> None:
    async def scene(stage: Play) -> None:
        stage.run("sleep 100", capabilities=("TASK_KILLING_STATE",))
        await stage.until("TASK_RUNNING")
        stage.kill()
        assert (await stage.next())["state"] == "TASK_KILLING"
        assert (await stage.next())["state"] == "TASK_KILLED"

    play(tmp_path, scene)


def test_tasks_of_a_draining_agent_say_why_they_end(tmp_path: Path) -> None:
    async def scene(stage: Play) -> None:
        stage.run("sleep 100", capabilities=("TASK_KILLING_STATE",))
        assert "reason" not in await stage.until("TASK_RUNNING")
        stage.master.tell(Drain(60.0))
        for state in ("TASK_KILLING", "TASK_KILLED"):
            status = await stage.next()
            assert (status["state"], status["reason"]) == (state, "REASON_AGENT_DRAINING")
        await eventually(lambda: stage.agent.executors.draining is None)
        stage.run("true", task_id={"value": "t2"})
        await stage.until("TASK_FINISHED")

    play(tmp_path, scene)


def test_what_stays_behind_the_first_process_has_a_second_left(tmp_path: Path) -> None:
    """As a program that a shell waits for, which SIGTERM ends."""

    async def scene(stage: Play) -> None:
        policy = {"grace_period": {"nanoseconds": 600 * 10**9}}
        stage.run("(trap '' TERM; echo ready; while :; do sleep 0.05; done) & wait", kill_policy=policy)
        await stage.until("TASK_RUNNING")
        await stage.line()
        began = time.monotonic()
        stage.kill()
        assert (await stage.until("TASK_KILLED"))["message"] == "Command terminated with signal Terminated"
        assert 0.9 < time.monotonic() - began < 10
        assert stage.family() == []

    play(tmp_path, scene)


def test_it_is_told_once_to_end_and_says_how_it_did(tmp_path: Path) -> None:
    async def scene(stage: Play) -> None:
        stage.run("trap 'echo term' TERM; echo ready; while [ ! -e go ]; do sleep 0.05; done; exit 3")
        await stage.until("TASK_RUNNING")
        await stage.line()
        for grace in (600, 500, 400):
            stage.kill(grace)
        await eventually(lambda: "term" in (stage.sandbox() / "stdout").read_text())
        (stage.sandbox() / "go").touch()
        assert (await stage.until("TASK_KILLED"))["message"] == "Command exited with status 3"
        assert (stage.sandbox() / "stdout").read_text() == "ready\nterm\n"

    play(tmp_path, scene)


def test_a_task_can_be_killed_while_its_files_are_fetched(tmp_path: Path) -> None:
    async def scene(stage: Play) -> None:
        fifo = tmp_path / "never.bin"
        os.mkfifo(fifo)
        stage.run({"value": "true", "uris": [{"value": str(fifo)}]})
        while not list(stage.agent.root.glob("**/stderr")):
            await asyncio.sleep(0.01)
        stage.kill()
        status = await stage.next()  # although the first byte never comes
        assert status["state"] == "TASK_KILLED"
        assert status["reason"] == "REASON_TASK_KILLED_DURING_LAUNCH"

    play(tmp_path, scene)


def test_a_task_can_be_killed_before_its_files_are_fetched(tmp_path: Path) -> None:
    async def scene(stage: Play) -> None:
        with socket.create_server(("127.0.0.1", 0)) as silent:
            uri = {"value": f"http://127.0.0.1:{silent.getsockname()[1]}/a", "cache": True}
            stage.run({"value": "true", "uris": [uri]})
            stage.kill()
            assert (await stage.next())["state"] == "TASK_KILLED"
            await eventually(lambda: not stage.agent.frameworks["F"].executors)

    play(tmp_path, scene)


@pytest.mark.parametrize("custom", [False, True])
def test_fetching_counts_for_the_time_in_which_an_executor_has_to_register(
    custom: bool, tmp_path: Path
) -> None:
    async def scene(stage: Play) -> None:
        fifo = tmp_path / "never.bin"
        os.mkfifo(fifo)
        command = {"value": "true", "uris": [{"value": str(fifo)}]}
        if custom:
            stage.run(None, executor={"executor_id": {"value": "t1"}, "command": command})
        else:
            stage.run(command)
        status = await stage.next()  # although the first byte never comes
        assert (status["state"], status["reason"]) == ("TASK_FAILED", "REASON_CONTAINER_LAUNCH_FAILED")
        assert status["message"] == (
            "Failed to launch container: Failed to fetch all URIs for container"
            f" '{stage.sandbox().name}': terminated with signal Killed"
        )
        await eventually(lambda: not stage.agent.frameworks["F"].executors)

    play(tmp_path, scene, executor_registration_timeout=0.3)


def test_an_executor_that_has_registered_may_take_its_time(tmp_path: Path) -> None:
    async def scene(stage: Play) -> None:
        stage.run("sleep 1.5")
        await stage.until("TASK_FINISHED")

    play(tmp_path, scene, executor_registration_timeout=1.0)


def test_when_its_framework_is_gone_everything_of_it_ends_silently(tmp_path: Path) -> None:
    async def scene(stage: Play) -> None:
        stage.run("sleep 100")
        await stage.until("TASK_RUNNING")
        stage.master.tell(ShutdownFramework("F"))
        while stage.agent.frameworks["F"].executors:
            await asyncio.sleep(0.01)
        assert stage.master.updates.empty()
        assert stage.family() == []
        assert stage.agent.frameworks["F"].completed[0].completed[0].state == "TASK_KILLED"

    play(tmp_path, scene)


def test_when_the_agent_stops_so_does_everything(tmp_path: Path) -> None:
    async def scene(stage: Play) -> None:
        stage.run({"shell": False, "value": sys.executable, "arguments": [sys.executable, "-c", FAMILY]})
        await stage.until("TASK_RUNNING")
        await stage.line()

    play(tmp_path, scene)


@pytest.mark.parametrize(
    ("fields", "message"),
    [
        (
            {"container": {"type": "DOCKER", "docker": {"image": "x"}}},
            "Abnormal executor termination: unknown container (no docker",
        ),
        (
            {"container": {"type": "MESOS", "mesos": {"image": {"type": "DOCKER"}}}},
            "Unsupported container image",
        ),
        (
            {"container": {"type": "MESOS", "volumes": [{"container_path": "x", "host_path": "/"}]}},
            "mounts no volumes but secrets",
        ),
        ({"container": {"type": "MESOS", "network_infos": [{"name": "n"}]}}, "no network but the host's"),
        ({"container": "x"}, "malformed"),
        ({"command": {"value": "true", "uris": "x"}}, "Failed to launch container"),
        (
            {"command": {"value": "true", "environment": {"variables": [{}]}}},
            "malformed environment variable",
        ),
        ({"command": {"value": "true", "user": "nobody-of-that-name"}}, "No such user"),
    ],
)
def test_what_cannot_be_launched_says_why(fields: Json, message: str, tmp_path: Path) -> None:
    async def scene(stage: Play) -> None:
        stage.run("true", **fields) if "command" not in fields else stage.run(fields["command"])
        status = await stage.next()
        assert status["state"] == "TASK_FAILED"
        assert status["source"] == "SOURCE_AGENT"
        assert message in status["message"]

    play(tmp_path, scene)


def test_a_container_of_type_mesos_and_empty_labels_are_as_spark_sends_them(tmp_path: Path) -> None:
    async def scene(stage: Play) -> None:
        stage.run("true", container={"type": "MESOS"}, labels={})
        await stage.until("TASK_FINISHED")

    play(tmp_path, scene)


def test_the_master_is_told_of_every_state_at_once(tmp_path: Path) -> None:
    async def scene(stage: Play) -> None:
        stage.master.acknowledging = False
        stage.run("exit 3")
        first = await stage.update()
        assert (first.status["state"], first.waiting) == ("TASK_STARTING", False)
        seen = {first.latest_state}
        while (update := await stage.update()).latest_state != "TASK_FAILED" or not update.waiting:
            seen.add(update.latest_state)
        assert update.status["state"] == "TASK_FAILED"
        assert "TASK_RUNNING" in seen
        stage.master.acknowledge(first.status)
        while (update := await stage.update()).status["state"] != "TASK_RUNNING":
            pass
        assert (update.latest_state, update.waiting) == ("TASK_FAILED", False)

    play(tmp_path, scene)


def test_a_scheduler_that_comes_back_is_told_at_once_what_it_has_not_acknowledged(tmp_path: Path) -> None:
    async def scene(stage: Play) -> None:
        stage.master.acknowledging = False
        stage.run("exit 3")
        first = await stage.next()
        info = {**stage.agent.frameworks["F"].info, "name": "again"}
        stage.master.tell(UpdateFramework(info))
        assert await stage.next() == first
        assert stage.agent.frameworks["F"].info["name"] == "again"
        stage.master.tell(UpdateFramework({**info, "id": {"value": "unknown"}}))

    play(tmp_path, scene, update_retry=600.0)


@pytest.mark.parametrize("variables", [[{"name": 5, "value": "x"}], [{"name": ["x"], "value": "x"}]])
def test_a_task_that_fails_in_no_foreseen_way_still_ends(variables: list[Json], tmp_path: Path) -> None:
    async def scene(stage: Play) -> None:
        stage.run({"value": "true", "environment": {"variables": variables}})
        status = await stage.next()
        assert (status["state"], status["reason"]) == ("TASK_FAILED", "REASON_CONTAINER_LAUNCH_FAILED")

    play(tmp_path, scene)


def test_a_process_whose_supervision_fails_is_killed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    async def fail(_: task_process.TaskProcess) -> int:
        raise RuntimeError("unforeseen")

    async def scene(stage: Play) -> None:
        monkeypatch.setattr(task_process.TaskProcess, "wait", fail)
        stage.run("sleep 100")
        status = await stage.until("TASK_FAILED")
        assert "unforeseen" in status["message"]
        assert stage.family() == []

    play(tmp_path, scene)


def test_a_damaged_file_fails_the_task(tmp_path: Path) -> None:
    async def scene(stage: Play) -> None:
        content = gzip.compress(b" ".join(str(i * 7919 % 10007).encode() for i in range(9000)))
        middle = len(content) // 2
        (tmp_path / "x.gz").write_bytes(content[:middle] + b"\xff" * 100 + content[middle + 100 :])
        stage.run({"value": "true", "uris": [{"value": str(tmp_path / "x.gz")}]})
        status = await stage.next()
        assert status["state"] == "TASK_FAILED"
        assert "Failed to fetch all URIs" in status["message"]

    play(tmp_path, scene)


def children() -> set[int]:
    return {child.pid for child in psutil.Process().children()}


def test_there_is_no_moment_at_which_a_kill_would_miss_a_process_that_just_started(tmp_path: Path) -> None:
    async def scene(stage: Play) -> None:
        others = children()  # other tests may have left servers running for the whole session
        stage.run("sleep 100")
        while not children() - others:
            await asyncio.sleep(0)
        [container] = [c for c in LIVING.values() if c.sandbox == stage.sandbox()]
        assert children() - others == {container.pid}

    play(tmp_path, scene)


def test_nothing_detaches_itself_from_the_agent(tmp_path: Path) -> None:
    async def scene(stage: Play) -> None:
        stage.run("(setsid sleep 100 &); echo detached; sleep 100")
        await stage.until("TASK_RUNNING")
        await stage.line()
        while len(stage.family()) < 3:  # the shell and two sleeps
            await asyncio.sleep(0.01)

    play(tmp_path, scene)


def test_nothing_detaches_itself_from_its_framework(tmp_path: Path) -> None:
    async def scene(stage: Play) -> None:
        stage.run("(setsid sleep 100 &); echo detached; sleep 100")
        await stage.until("TASK_RUNNING")
        await stage.line()
        while len(stage.family()) < 3:
            await asyncio.sleep(0.01)
        stage.master.tell(ShutdownFramework("F"))
        deadline = time.monotonic() + PATIENCE
        while stage.family():
            assert time.monotonic() < deadline
            await asyncio.sleep(0.01)

    play(tmp_path, scene)


def test_many_tasks_need_no_threads_and_end_together(tmp_path: Path) -> None:
    async def scene(stage: Play) -> None:
        threads, others = threading.active_count(), children()
        for number in range(40):
            stage.run("exec sleep 100", task_id={"value": f"t{number}"})
        for _ in range(40):
            await stage.until("TASK_RUNNING")
        assert threading.active_count() <= threads + 1, "one looks at processes"
        stage.master.tell(ShutdownFramework("F"))
        while stage.agent.frameworks["F"].executors:
            await asyncio.sleep(0.01)
        assert not children() - others

    play(tmp_path, scene)


def test_who_gets_the_pid_of_a_process_that_is_gone_is_left_alone(tmp_path: Path) -> None:
    for name in ("stdout", "stderr"):
        (tmp_path / name).touch()

    class Reused(ProcessTable):
        def __init__(self, gone: int, stranger: int) -> None:
            super().__init__()
            self.pids = (gone, stranger)

        async def look(self) -> process_table.Snapshot:
            snapshot = await super().look()
            gone, stranger = self.pids
            snapshot.sessions[gone] = [stranger]  # as if that had begun a session with the pid
            return snapshot

    async def scene() -> None:
        process = task_process.start(
            ["true"], executable=None, environment=dict(os.environ), sandbox=tmp_path
        )
        stranger = subprocess.Popen(["sleep", "100"], start_new_session=True)
        tables = [ProcessTable(), Reused(process.pid, stranger.pid)]
        try:
            await process.wait()
            for table in tables:
                await task_process.PosixProgram(process, table).kill()
            assert stranger.poll() is None
        finally:
            for table in tables:
                table.close()
            stranger.kill()
            stranger.wait()

    asyncio.run(scene())


def test_those_who_look_at_processes_at_the_same_time_share_one_look(monkeypatch: pytest.MonkeyPatch) -> None:
    looks = []

    def counted() -> process_table.Snapshot:
        looks.append(time.monotonic())
        return process_table.Snapshot()

    async def scene() -> None:
        table = ProcessTable()
        await asyncio.gather(*(table.look() for _ in range(50)))
        assert len(looks) == 1
        await table.look()
        assert len(looks) == 2, "what has begun before the question is no answer"
        table.close()

    monkeypatch.setattr(process_table, "take_snapshot", counted)
    asyncio.run(scene())
