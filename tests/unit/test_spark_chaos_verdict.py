"""The verdicts of scripts/soak's chaos around a Spark application, on what was made up to be judged."""

from __future__ import annotations

import logging
import re
from pathlib import Path
from typing import Any

import pytest

import sparkmesos_core.bridge
from tests.soak.findings import errors_of_cluster, faults_of_driver, faults_of_executors
from tests.soak.spark_chaos_charges import TaskLoss, blamed, unfair
from tests.soak.spark_chaos_deeds import Deed, Life, launched, lives, windows
from tests.soak.spark_chaos_plan import WAITS, Blow
from tests.soak.spark_chaos_verdict import (
    OF_AGENTS,
    agents_lost,
    churn,
    excesses,
    kept_offers,
    missed,
    unexplained_losses,
)


def update(at: float, task: str, state: str) -> tuple[float, dict[str, Any]]:
    return at, {
        "type": "UPDATE",
        "update": {"status": {"task_id": {"value": task}, "state": f"TASK_{state}"}},
    }


def launch(at: float, task: str) -> tuple[float, dict[str, Any]]:
    cpus = {"name": "cpus", "type": "SCALAR", "scalar": {"value": 2.0}}
    memory = {"name": "mem", "type": "SCALAR", "scalar": {"value": 896.0}}
    operation = {"launch": {"task_infos": [{"task_id": {"value": task}, "resources": [cpus, memory]}]}}
    return at, {"type": "ACCEPT", "accept": {"offer_ids": [{"value": "O"}], "operations": [operation]}}


def course(text: str) -> list[tuple[float, dict[str, Any]]]:
    """Of `SECONDS TASK STATE`, where LAUNCH is the call."""
    parts = [one.split() for one in text.split(",")]
    return [
        launch(float(at), task) if state == "LAUNCH" else update(float(at), task, state)
        for at, task, state in parts
    ]


def found(text: str) -> list[str]:
    """What is wrong with a course where 4 cores may be held, 2 of each task."""
    return list(excesses(course(text), 4, 2))


FULL = "0 0 LAUNCH, 0 1 LAUNCH, 1 0 RUNNING, 2 1 RUNNING"
REPLACED = f"{FULL}, 3 0 LOST, 3 2 LAUNCH, 4 2 RUNNING"


@pytest.mark.parametrize(
    "text",
    [
        f"{FULL}, 2 1 RUNNING",
        f"{FULL}, 3 0 FAILED, 3 2 LAUNCH",
        f"{REPLACED}, 5 0 RUNNING, 6 0 KILLED",
        "0 0 LAUNCH, 0 1 LAUNCH, 1 1 DROPPED, 1 2 LAUNCH",
    ],
    ids=["as-many-as-may-be", "in-its-place", "back-for-a-second", "never-launched"],
)
def test_what_may_be_held(text: str) -> None:
    assert found(text) == []


@pytest.mark.parametrize(
    ("text", "words"),
    [
        pytest.param(
            f"{FULL}, 3 2 LAUNCH, 3.1 2 KILLED", "without those that were lost before", id="one-too-many"
        ),
        pytest.param(
            "0 0 LAUNCH, 0 1 LAUNCH, 0 2 LAUNCH, 1 2 KILLED",
            "tasks hold 6 cores, not 4",
            id="none-of-them-runs",
        ),
        pytest.param(
            f"{REPLACED}, 5 0 RUNNING, 5.1 3 LAUNCH, 6 0 KILLED, 6 3 KILLED",
            "without those that were lost before",
            id="one-too-many-beside-one-that-is-back",
        ),
        pytest.param(
            f"{REPLACED}, 5 0 RUNNING, 7.5 0 KILLED",
            "for 2.5 s tasks held more than 4",
            id="back-for-too-long",
        ),
        pytest.param(f"{REPLACED}, 5 0 RUNNING", "in the end tasks hold more than 4", id="back-for-good"),
    ],
)
def test_what_may_not_be_held(text: str, words: str) -> None:
    (line,) = found(text)
    assert words in line


OFFERS = {"type": "OFFERS", "offers": {"offers": [{"id": {"value": "A"}}, {"id": {"value": "B"}}]}}
DECLINE = {"type": "DECLINE", "decline": {"offer_ids": [{"value": "A"}]}}
ACCEPT = {"type": "ACCEPT", "accept": {"offer_ids": [{"value": "B"}]}}
RESCIND = {"type": "RESCIND", "rescind": {"offer_id": {"value": "B"}}}


@pytest.mark.parametrize(
    "rest",
    [
        [(2, DECLINE), (3, ACCEPT)],
        [(2, DECLINE), (3, RESCIND)],
        [(2, DECLINE), (5, {"type": "SUBSCRIBED"})],
        [(2, {"type": "TEARDOWN"})],
        [(2, DECLINE), (12, {"type": "SUBSCRIBED"})],
    ],
)
def test_offers_that_are_answered_or_void(rest: list[tuple[float, dict[str, Any]]]) -> None:
    told = [(1, OFFERS), *rest, (16, {"type": "HEARTBEAT"})]
    assert list(kept_offers(told, 5, [(8, 11)], 20)) == [], "a master was away"


@pytest.mark.parametrize(
    ("rest", "lines"),
    [
        ([(2, DECLINE)], ["the offer B was kept to the end"]),
        ([(2, DECLINE), (12, ACCEPT)], ["the offer B was kept for 11.0 s, until ACCEPT"]),
        ([(2, DECLINE), (12, {"type": "TEARDOWN"})], ["the offer B was kept for 11.0 s, until TEARDOWN"]),
    ],
)
def test_offers_that_are_kept(rest: list[tuple[float, dict[str, Any]]], lines: list[str]) -> None:
    assert list(kept_offers([(1, OFFERS), *rest], 5, [(20, 30)], 20)) == lines


def test_executors_that_start_and_fail_without_end() -> None:
    fails = ", ".join(f"{at} {at} LAUNCH, {at}.5 {at} FAILED" for at in range(50))
    launches = sum(1 for _, said in course(fails) for _ in launched(said))
    assert list(churn(launches, 3, 0, dynamic=False)) == [
        "50 launches; 0 strikes at 3 executors explain 3 at the most"
    ]
    assert list(churn(12, 3, 3, dynamic=False)) == []
    assert list(churn(15, 3, 3, dynamic=True)) == []
    assert list(churn(16, 3, 3, dynamic=True)) == [
        "16 launches; 3 strikes at 3 executors explain 15 at the most"
    ]


def test_strikes_that_meet_nobody() -> None:
    met, other = Deed(Blow.AGENT_KILLED, 0, 1), Deed(Blow.AGENT_KILLED, 0, 1, met=False)
    assert list(missed([met] * 3 + [other], 4)) == []
    assert list(missed([met] * 2 + [other] * 2, 4)) == ["2 of 4 strikes met nobody"]
    assert list(missed([met] * 2, 4)) == ["2 of 4 strikes met nobody"], "it did not come so far"


def test_agents_that_are_given_up() -> None:
    def failure(at: float, **more: object) -> tuple[float, dict[str, Any]]:
        return at, {"type": "FAILURE", "failure": {"agent_id": {"value": "A"}, **more}}

    told = [failure(3), failure(4, executor_id={"value": "E"}), failure(9)]
    deeds = [Deed(Blow.AGENT_PAUSED, 1, 2), Deed(Blow.EXECUTOR_KILLED, 8, 10)]
    troubles = windows(deeds, OF_AGENTS, 2)
    assert agents_lost(told, troubles) == (2, 1)
    assert list(unexplained_losses(told, troubles)) == [
        "the master gave the agent A up, which no strike explains"
    ]
    assert list(unexplained_losses(told[:2], troubles)) == []


def test_the_lives_of_executors() -> None:
    told = lives(course("0 0 LAUNCH, 1 0 RUNNING, 2 0 LOST, 3 0 RUNNING, 4 0 KILLED, 5 1 LAUNCH"))
    assert told == {"0": Life(0, 4), "1": Life(5, float("inf"))}
    assert [told["0"].meets(*times) for times in ((-2, -1), (-2, 0), (3, 9), (5, 9))] == [
        False,
        True,
        True,
        False,
    ]


LOST = "ExecutorLostFailure"
ENDS_PROCESSES = (Blow.EXECUTOR_KILLED, Blow.EXECUTOR_TOLD_TO_END)


def judged(*deeds: Deed, losses: str = "0.0 1 charged") -> list[str]:
    """Who was charged unfairly, of `TASK EXECUTOR charged|lost|WHY`, with executors 1 and 2 that lived from 0 to 100."""
    told = [one.split() for one in losses.split(",")]
    reasons = {"charged": LOST, "lost": None}
    those = [TaskLoss(task, executor, reasons.get(why, why)) for task, executor, why in told]
    return list(unfair(those, deeds, {"1": Life(0, 100), "2": Life(0, 100)}))


def of_executor(blow: Blow, executor: str = "1", seconds: float = 1) -> Deed:
    return Deed(blow, 10, 10 + seconds, frozenset([executor]))


class TestCharges:
    """Which tasks count as failed."""

    @pytest.mark.parametrize("blow", ENDS_PROCESSES)
    def test_a_process_that_was_ended(self, blow: Blow) -> None:
        assert judged(of_executor(blow)) == []
        (line,) = judged(of_executor(blow, "2"))
        assert line == f"the task 0.0 was charged with {LOST} on executor 1, which had met nothing"

    @pytest.mark.parametrize("blow", [blow for blow in Blow if blow not in ENDS_PROCESSES])
    def test_nothing_else_lets_a_task_count_at_once(self, blow: Blow) -> None:
        assert len(judged(of_executor(blow))) == len(judged(Deed(blow, 10, 11))) == 1

    def test_whoever_is_silent_for_too_long_is_charged_by_spark_itself(self) -> None:
        assert judged(of_executor(Blow.EXECUTOR_PAUSED, seconds=1.2 * WAITS.silence)) == []
        assert len(judged(of_executor(Blow.EXECUTOR_PAUSED, seconds=0.5 * WAITS.silence))) == 1
        assert judged(Deed(Blow.DRIVER_SILENT, 10, 10 + 1.2 * WAITS.silence)) == []

    def test_a_cut_connection_gives_each_task_the_benefit_of_the_doubt_once(self) -> None:
        cut = Deed(Blow.DRIVER_CUT, 10, 11)
        assert judged(cut, losses="0.0 1 lost, 0.1 1 lost") == []
        assert judged(cut, losses="0.0 1 lost, 0.0 2 charged") == []
        assert judged(cut, losses="0.0 1 lost, 0.1 2 charged, 0.0 2 charged") == [], "on the same executor"
        assert len(judged(cut, losses="0.1 1 lost, 0.0 2 charged")) == 1

    def test_a_cut_of_long_ago_excuses_nobody(self) -> None:
        late = {"1": Life(500, 600)}
        losses = [TaskLoss("0.0", "1"), TaskLoss("0.0", "1", LOST)]
        assert len(list(unfair(losses, [Deed(Blow.DRIVER_CUT, 10, 11)], late))) == 1

    def test_what_a_task_cannot_read_from_the_driver(self) -> None:
        failure = "0.0 1 ExceptionFailure"
        assert judged(Deed(Blow.DRIVER_CUT, 10, 11), losses=failure) == []
        assert len(judged(of_executor(Blow.EXECUTOR_KILLED), losses=failure)) == 1


def test_agents_that_are_blamed_for_executors_that_had_worked() -> None:
    log = """\
26/11/23 12:00:00 INFO Fleet: Executor 1 is now TASK_FAILED (Command exited with status 1)
26/11/23 12:00:00 INFO Spark: something else
26/11/23 12:00:00 WARN Fleet: The executor on a is lost: 1. Its agent gets no more executors for a while once 2 have failed there
26/11/23 12:00:01 INFO Fleet: Executor 2 is now TASK_FAILED (Command exited with status 1)
26/11/23 12:00:02 INFO Fleet: Executor 3 is now TASK_FAILED (Command exited with status 1)
26/11/23 12:00:02 WARN Fleet: The executor on a is lost: 3. Its agent gets no more executors for a while once 2 have failed there
"""
    assert list(blamed(log, {"2"})) == []
    (line,) = blamed(log, {"2", "3"})
    assert line.startswith("executor 3 had done tasks, and counted against its agent: 26/11/23 12:00:02 WARN")


BRIDGE = Path(sparkmesos_core.bridge.__file__).with_name("scala")
SAYS = [
    pytest.param(path, line.partition("log.error(")[2], id=f"{path.stem}-{number}")
    for path in sorted(BRIDGE.rglob("*.scala"))
    if path.parent.name in ("backend", "conversation")
    for number, line in enumerate(path.read_text(encoding="utf-8").splitlines(), 1)
    if "log.error(" in line
]


@pytest.mark.parametrize(("path", "said"), SAYS)
def test_whatever_the_bridge_calls_an_error_is_found(path: Path, said: str) -> None:
    (text,) = re.findall(r'^s?"([^"]*)', said)
    loggers = re.findall(
        r'getLogger\((?:classOf\[(\w+)\]|"[\w.]*\.(\w+)")\)', path.read_text(encoding="utf-8")
    )
    # What has no logger of its own has one of its package.
    names = [name for pair in loggers for name in pair if name] or ["Conversation"]
    for name in names:
        log = (
            f"26/11/23 12:00:00 INFO {name}: fine\n26/11/23 12:00:01 ERROR {name}: {text}\njava.lang.Error\n"
        )
        assert faults_of_driver(log) == [
            f"the log of the driver: 26/11/23 12:00:01 ERROR {name}: {text}\njava.lang.Error\n"
        ]


def test_what_spark_calls_an_error_is_its_own_affair() -> None:
    assert len(SAYS) >= 8
    assert faults_of_driver("26/11/23 12:00:01 ERROR TaskSchedulerImpl: Lost executor 4 on 127.0.0.2") == []


def test_what_spark_says_of_silent_executors_when_it_has_ended_is_no_fault() -> None:
    told = (
        "26/11/24 03:52:12 ERROR Utils: Uncaught exception in thread kill-executor-thread\n"
        "org.apache.spark.SparkException: Could not find CoarseGrainedScheduler.\n"
        "\tat org.apache.spark.rpc.netty.Dispatcher.postMessage(Dispatcher.scala:181)\n"
        "\tat java.base/java.lang.Thread.run(Thread.java:840)\n"
    )
    assert faults_of_driver(f"fine\n{told}26/11/24 03:52:13 INFO BlockManager: BlockManager stopped\n") == []
    other = told.replace("Could not find CoarseGrainedScheduler.", "Something else")
    assert len(faults_of_driver(f"{told}{other}")) == 1
    assert len(faults_of_driver(told.replace("kill-executor-thread", "main"))) == 1


@pytest.mark.parametrize(
    "line",
    [
        "26/11/23 12:00:01 WARN MesosBackend: 2 executors have not ended within 60000 ms",
        "26/11/23 12:00:01 WARN StartWatch: Whether executors start is no longer watched",
        'Exception in thread "mesos-calls" java.lang.NullPointerException',
        "26/11/23 12:00:01 ERROR SparkUncaughtExceptionHandler: Uncaught exception in thread Thread[x]",
        "Traceback (most recent call last):",
    ],
)
def test_what_is_a_fault_too(line: str) -> None:
    assert faults_of_driver(f"fine\n{line}\n") == [f"the log of the driver: {line}\n"]


def test_classes_of_executors_that_do_not_fit(tmp_path: Path) -> None:
    for name, text in (("1", "fine"), ("2", "x\njava.lang.NoSuchMethodError: a\n at b")):
        (tmp_path / name).mkdir()
        (tmp_path / name / "stderr").write_text(text)
    (found,) = faults_of_executors(tmp_path)
    assert found.endswith("2/stderr: NoSuchMethodError: a")


def test_tracebacks_of_the_cluster_in_this_process() -> None:
    log = logging.getLogger("sparkmesos_core.localcluster.try")
    with errors_of_cluster() as found:
        log.error("ZooKeeper is away")
        logging.getLogger("tests").exception("not ours")
        try:
            raise KeyError("agent")
        except KeyError:
            log.exception("It could not be answered")
            logging.getLogger("asyncio").error("never retrieved", exc_info=True)
    log.error("later", exc_info=True)
    assert [line.splitlines()[0] for line in found] == [
        "the cluster: It could not be answered",
        "the cluster: never retrieved",
    ]
    assert "KeyError: 'agent'" in found[0]
