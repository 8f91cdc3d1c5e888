"""An embedded agent and its masters: registration, pings, crashes of either, and what survives them."""

from __future__ import annotations

import asyncio
import errno
import os
from pathlib import Path
from typing import NoReturn

import psutil
import pytest

from sparkmesos_core.errors import LocalClusterError
from sparkmesos_core.localcluster.agent import task_process
from sparkmesos_core.localcluster.agent.agent_json import agent_state
from sparkmesos_core.localcluster.agent.checkpoint import Checkpoint
from sparkmesos_core.localcluster.agent.container import LIVING
from sparkmesos_core.localcluster.messages import (
    Drain,
    ExitedExecutor,
    Ping,
    Pong,
    RegisterAgent,
    ReregisterAgent,
    ShutdownAgent,
    ShutdownFramework,
    UnregisterAgent,
)
from tests.integration.agent_stage import PATIENCE, Play, StandInMaster, eventually, is_in, play


def test_an_agent_offers_itself_until_it_is_answered(tmp_path: Path) -> None:
    async def scene(stage: Play) -> None:
        silent = StandInMaster()
        silent.answering = False
        agent = stage.new_agent(work_dir=tmp_path / "other")
        agent.master_detected(silent.connect)
        await agent.start()
        await silent.until_heard(RegisterAgent, 3)
        assert not agent.is_registered
        silent.answering = True
        await asyncio.wait_for(agent.registered(), PATIENCE)
        assert agent.agent_id == "M-S0"
        await agent.shut_down()

    play(tmp_path, scene, registration_backoff=0.01)


def test_it_waits_for_a_master_to_lead(tmp_path: Path) -> None:
    async def scene(stage: Play) -> None:
        agent = stage.new_agent(work_dir=tmp_path / "other")
        await agent.start()
        agent.master_detected(None)
        agent.master_detected(stage.master.connect)
        await asyncio.wait_for(agent.registered(), PATIENCE)
        await agent.shut_down()

    play(tmp_path, scene)


def test_pings_are_answered_and_missed(tmp_path: Path) -> None:
    async def scene(stage: Play) -> None:
        strict = StandInMaster(total_ping_timeout=0.2)
        stage.agent.master_detected(strict.connect)
        await asyncio.wait_for(stage.agent.registered(), PATIENCE)
        strict.tell(Ping(connected=True))
        assert (await strict.until_heard(Pong)).agent_id == "M-S0"
        await strict.until_heard(ReregisterAgent, 2)  # no further ping has come
        before = len(strict.all(ReregisterAgent))
        await asyncio.wait_for(stage.agent.registered(), PATIENCE)
        strict.tell(Ping(connected=False))
        await strict.until_heard(ReregisterAgent, before + 1)

    play(tmp_path, scene)


def test_tasks_survive_the_master_and_unacknowledged_updates_are_told_to_the_next(tmp_path: Path) -> None:
    async def scene(stage: Play) -> None:
        stage.master.acknowledging = False
        stage.run("sleep 100")
        starting = await stage.next()
        old = stage.master
        old.links[-1].close_by_master()
        await eventually(lambda: not stage.agent.is_registered)
        stage.master = StandInMaster("N")
        stage.agent.master_detected(stage.master.connect)
        offer: ReregisterAgent = await stage.master.until_heard(ReregisterAgent)
        assert offer.agent_id == "M-S0"
        assert [f["id"]["value"] for f in offer.frameworks] == ["F"]
        [task] = offer.tasks
        assert (task.state, task.sent_state, task.statuses) == ("TASK_RUNNING", "TASK_STARTING", (starting,))
        assert offer.executors == ()
        assert await stage.next() == starting
        assert (await stage.next())["state"] == "TASK_RUNNING"
        stage.kill()
        await stage.until("TASK_KILLED")

    play(tmp_path, scene, update_retry=600.0)


def test_what_the_master_believes_to_be_there_but_is_not(tmp_path: Path) -> None:
    async def scene(stage: Play) -> None:
        stage.run("sleep 100")
        await stage.until("TASK_RUNNING")
        stage.master = StandInMaster()
        stage.master.reconciliations = (("F", "t1"), ("F", "gone"), ("G", "gone"))
        stage.agent.master_detected(stage.master.connect)
        updates = [await stage.update(), await stage.update()]
        assert [(u.framework_id, u.status["state"]) for u in updates] == [
            ("F", "TASK_LOST"),
            ("G", "TASK_LOST"),
        ]
        assert {u.status["reason"] for u in updates} == {"REASON_RECONCILIATION"}
        assert {u.status["message"] for u in updates} == {"Reconciliation: task unknown to the agent"}

    play(tmp_path, scene)


def test_a_crash_of_the_agent_leaves_tasks_of_checkpointing_frameworks_alone(tmp_path: Path) -> None:
    async def scene(stage: Play) -> None:
        stage.checkpoint = True
        stage.master.acknowledging = False
        stage.run("echo begun; sleep 0.2; while [ ! -e go ]; do sleep 0.02; done; exit 3")
        starting = await stage.next()
        await stage.line()
        stage.agent.crash()
        await stage.master.until(lambda: stage.master.ended == 1)
        (stage.sandbox() / "go").touch()  # it ends while there is no agent
        while stage.family():
            await asyncio.sleep(0.01)
        stage.master.acknowledging = True
        stage.agent = stage.new_agent()
        await stage.start()
        offer: ReregisterAgent = await stage.master.until_heard(ReregisterAgent)
        [task] = offer.tasks
        assert (task.task["task_id"]["value"], task.role) == ("t1", "*")
        assert await stage.next() == starting
        assert (await stage.next())["state"] == "TASK_RUNNING"
        failed = await stage.next()
        assert (failed["state"], failed["message"]) == ("TASK_FAILED", "Command exited with status 3")
        assert failed["executor_id"] == {"value": "t1"}
        assert failed["container_status"]["container_id"]["value"] == stage.sandbox().name
        await eventually(lambda: not stage.agent.frameworks["F"].executors)

    play(tmp_path, scene, update_retry=600.0)


def test_a_recovered_task_can_be_killed(tmp_path: Path) -> None:
    async def scene(stage: Play) -> None:
        stage.checkpoint = True
        stage.run("exec sleep 100")
        await stage.until("TASK_RUNNING")
        await eventually(lambda: len(stage.family()) == 1)
        [process] = stage.family()
        await stage.restart()
        offer: ReregisterAgent = await stage.master.until_heard(ReregisterAgent)
        assert [(t.state, t.sent_state) for t in offer.tasks] == [("TASK_RUNNING", "TASK_RUNNING")]
        assert stage.family() == [process]
        stage.kill()
        await stage.until("TASK_KILLED")
        assert stage.family() == []

    play(tmp_path, scene)


def test_a_draining_agent_that_is_started_again_goes_on_with_it(tmp_path: Path) -> None:
    """Before it has heard of its master: one task has ended meanwhile, another one is still to be killed."""

    async def scene(stage: Play) -> None:
        stage.checkpoint = True
        stage.run("trap 'while [ ! -e go ]; do sleep 0.02; done; exit 0' TERM; echo ready; sleep 100 & wait")
        await stage.until("TASK_RUNNING")
        await stage.line()
        stage.run("trap '' TERM; echo ready; while :; do sleep 0.05; done", task_id={"value": "t2"})
        await stage.until("TASK_RUNNING")
        await stage.line(executor_id="t2")
        stage.master.tell(Drain(600.0))
        await eventually(lambda: stage.agent.executors.draining is not None)
        stage.agent.crash()
        await stage.master.until(lambda: stage.master.ended == 1)
        (stage.sandbox() / "go").touch()
        while stage.family():
            await asyncio.sleep(0.01)
        stage.agent = stage.new_agent()
        await stage.start()
        killed = await stage.until("TASK_KILLED")
        assert (killed["task_id"], killed["reason"]) == ({"value": "t1"}, "REASON_AGENT_DRAINING")
        assert agent_state(stage.agent)["drain_config"] == {
            "mark_gone": False,
            "max_grace_period": {"nanoseconds": 600 * 10**9},
        }
        stage.master.tell(Drain(0.1))
        killed = await stage.until("TASK_KILLED")
        assert (killed["task_id"], killed["reason"]) == ({"value": "t2"}, "REASON_AGENT_DRAINING")
        await eventually(lambda: "drain_config" not in agent_state(stage.agent))

    play(tmp_path, scene)


def test_a_recovered_task_keeps_its_secrets_until_it_ends(tmp_path: Path) -> None:
    secret = {"type": "VALUE", "value": {"data": "eHl6"}}
    volume = {"container_path": "pass.txt", "mode": "RO", "source": {"type": "SECRET", "secret": secret}}

    async def scene(stage: Play) -> None:
        stage.checkpoint = True
        command = "while [ ! -e go ]; do sleep 0.05; done; cat pass.txt"
        stage.run(command, container={"type": "MESOS", "volumes": [volume]})
        await stage.until("TASK_RUNNING")
        await stage.restart()
        (stage.sandbox() / "go").touch()
        await stage.until("TASK_FINISHED")
        assert (stage.sandbox() / "stdout").read_text() == "xyz"
        assert list(stage.agent.options.secrets_dir.iterdir()) == []

    play(tmp_path, scene)


def test_a_crash_of_the_agent_ends_tasks_of_other_frameworks(tmp_path: Path) -> None:
    async def scene(stage: Play) -> None:
        stage.run("sleep 100")
        await stage.until("TASK_RUNNING")
        await eventually(lambda: bool(stage.family()))
        stage.agent.crash()
        await eventually(lambda: not stage.family())
        stage.agent = stage.new_agent()
        await stage.start()
        offer: ReregisterAgent = await stage.master.until_heard(ReregisterAgent)
        assert (offer.agent_id, offer.tasks, offer.frameworks) == ("M-S0", (), ())

    play(tmp_path, scene)


def test_an_executor_waits_for_its_agent_but_not_for_ever(tmp_path: Path) -> None:
    async def scene(stage: Play) -> None:
        stage.checkpoint = True
        stage.run("sleep 100")
        await stage.until("TASK_RUNNING")
        stage.agent.crash()
        await eventually(lambda: not stage.family())

    play(tmp_path, scene, recovery_timeout=0.1)


def test_an_agent_that_crashes_while_it_fetches_leaves_nothing(tmp_path: Path) -> None:
    async def scene(stage: Play) -> None:
        stage.checkpoint = True
        fifo = tmp_path / "never.bin"
        os.mkfifo(fifo)
        writer = os.open(fifo, os.O_RDWR)  # who opens it so waits for no reader
        stage.run({"value": "sleep 100", "uris": [{"value": str(fifo)}]})
        await eventually(lambda: bool(list(stage.agent.root.glob("**/stderr"))))
        stage.agent.crash()
        os.close(writer)
        stage.agent = stage.new_agent()
        await stage.start()
        assert (await stage.master.until_heard(ReregisterAgent)).tasks == ()
        assert stage.family() == []

    play(tmp_path, scene)


def test_other_resources_are_refused(tmp_path: Path) -> None:
    async def scene(stage: Play) -> None:
        stage.agent.crash()
        for changed in ({"resources": "cpus:8;mem:4096"}, {"attributes": "os:x"}):
            with pytest.raises(LocalClusterError, match="Incompatible agent info detected"):
                await stage.new_agent(**changed).start()
        stage.agent = stage.new_agent(resources="mem:4096;cpus:4")  # the same, said otherwise
        await stage.start()

    play(tmp_path, scene)


def test_a_shut_down_agent_unregisters_and_its_successor_is_another_one(tmp_path: Path) -> None:
    async def scene(stage: Play) -> None:
        stage.checkpoint = True
        stage.run("trap 'echo bye; exit' TERM; echo hi; while :; do sleep 0.05; done")
        await stage.until("TASK_RUNNING")
        await stage.line()
        sandbox = stage.sandbox()
        await stage.agent.shut_down()
        assert stage.master.all(UnregisterAgent) == [UnregisterAgent("M-S0")]
        assert (sandbox / "stdout").read_text() == "hi\nbye\n"
        assert not [p for p in psutil.process_iter() if is_in(p, sandbox)]
        assert not [c for c in LIVING.values() if tmp_path in c.sandbox.parents]
        stage.agent = stage.new_agent()
        await stage.start()
        assert len(stage.master.all(RegisterAgent)) == 2

    play(tmp_path, scene)


def test_the_master_can_order_an_agent_to_end(tmp_path: Path) -> None:
    async def scene(stage: Play) -> None:
        stage.run("sleep 100")
        await stage.until("TASK_RUNNING")
        stage.master.tell(ShutdownAgent("gone"))
        await asyncio.wait_for(stage.agent.ended.wait(), PATIENCE)
        assert stage.agent.is_down
        assert stage.master.all(UnregisterAgent) == []
        assert stage.family() == []

    play(tmp_path, scene)


def test_a_terminated_agent_says_nothing(tmp_path: Path) -> None:
    async def scene(stage: Play) -> None:
        stage.checkpoint = True
        stage.run("sleep 100")
        await stage.until("TASK_RUNNING")
        await stage.agent.terminate()
        await stage.master.until(lambda: stage.master.ended == 1)
        assert stage.master.all(UnregisterAgent) == []
        await eventually(lambda: bool(stage.family()))

    play(tmp_path, scene)


def test_an_agent_that_is_told_to_clean_up_takes_nothing_over(tmp_path: Path) -> None:
    async def scene(stage: Play) -> None:
        stage.checkpoint = True
        stage.run("sleep 100")
        await stage.until("TASK_RUNNING")
        await stage.restart(recover="cleanup")
        assert (await stage.master.until_heard(ReregisterAgent)).tasks == ()
        assert stage.family() == []

    play(tmp_path, scene)


def test_a_crashed_agent_can_still_be_cleaned_up_after(tmp_path: Path) -> None:
    async def scene(stage: Play) -> None:
        stage.checkpoint = True
        stage.run("sleep 100")
        await stage.until("TASK_RUNNING")
        stage.agent.crash()
        await eventually(lambda: bool(stage.family()))

    play(tmp_path, scene)  # ends with shut_down, and looks for what is left


def test_a_framework_can_come_back_after_it_was_shut_down(tmp_path: Path) -> None:
    async def scene(stage: Play) -> None:
        stage.run("sleep 100")
        await stage.until("TASK_RUNNING")
        stage.master.tell(ShutdownFramework("F"))
        await eventually(lambda: not stage.agent.frameworks["F"].executors)
        await eventually(lambda: not stage.agent.frameworks["F"].terminating)
        stage.run("true")
        await stage.until("TASK_FINISHED")

    play(tmp_path, scene)


def full(*_: object) -> NoReturn:
    raise OSError(errno.ENOSPC, "No space left on device")


NOT_WRITTEN = "Failed to write down what a restarted agent would need: [Errno 28] No space left on device"


@pytest.mark.parametrize("what", ["framework", "executor", "task"])
def test_a_task_that_cannot_be_written_down_fails(
    what: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def scene(stage: Play) -> None:
        stage.checkpoint = True
        with monkeypatch.context() as patch:
            patch.setattr(Checkpoint, what, full)
            stage.run("sleep 100")
            failed = await stage.next()
        assert (failed["state"], failed["message"]) == ("TASK_FAILED", NOT_WRITTEN)
        assert failed["reason"] == "REASON_CONTAINER_LAUNCH_FAILED"
        assert stage.agent.frameworks["F"].executors == {}
        custom = {"executor_id": {"value": "e"}, "command": {"value": "sleep 100"}}
        with monkeypatch.context() as patch:
            patch.setattr(Checkpoint, what, full)
            stage.run(None, executor=custom)
            assert (await stage.next())["message"] == NOT_WRITTEN
        exited = await stage.master.until_heard(ExitedExecutor)
        assert (exited.executor_id, exited.status) == ("e", -1)
        stage.run("true")  # when there is room again
        await stage.until("TASK_FINISHED")

    play(tmp_path, scene)


def test_a_program_whose_start_cannot_be_written_down_is_ended(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def scene(stage: Play) -> None:
        stage.checkpoint = True
        with monkeypatch.context() as patch:
            patch.setattr(Checkpoint, "update", full)
            stage.run("sleep 100")
            failed = await stage.next()
        assert (failed["state"], failed["message"]) == ("TASK_FAILED", NOT_WRITTEN)
        assert failed["reason"] == "REASON_EXECUTOR_TERMINATED"
        assert stage.family() == []
        await eventually(lambda: not stage.agent.frameworks["F"].executors)

    play(tmp_path, scene)


def test_a_program_that_ends_while_the_disk_is_full_has_ended_as_it_has(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def scene(stage: Play) -> None:
        stage.checkpoint = True
        go = tmp_path / "go"
        stage.run(f"until [ -e '{go}' ]; do sleep 0.02; done")
        await stage.until("TASK_RUNNING")
        for name in ("update", "acknowledgement", "completed", "framework"):
            monkeypatch.setattr(Checkpoint, name, full)
        go.touch()
        await stage.until("TASK_FINISHED")
        await eventually(lambda: not stage.agent.frameworks["F"].executors)
        monkeypatch.undo()

    play(tmp_path, scene)


@pytest.mark.parametrize("checkpoint", [True, False])
def test_a_program_that_cannot_be_started_while_the_disk_is_full_has_failed(
    checkpoint: bool, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def no_program(*_: object, **__: object) -> NoReturn:
        for log in tmp_path.rglob("stderr"):  # so that not even the reason can be written into it
            log.unlink()
            log.mkdir()
        full()

    async def scene(stage: Play) -> None:
        stage.checkpoint = checkpoint
        monkeypatch.setattr(task_process, "start", no_program)
        stage.run("true")
        assert (await stage.until("TASK_FAILED"))["message"] == "Command exited with status 1"

    play(tmp_path, scene)
