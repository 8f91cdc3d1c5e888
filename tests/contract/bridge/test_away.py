"""Masters that go away: the bridge comes back to them, tells of it in measure, and leaves nothing behind when it stops."""

from __future__ import annotations

import socket
import threading
import time
from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING, Any

import pytest

from tests.contract.bridge.conftest import PATIENCE, running_probe
from tests.contract.bridge.messages import FRAMEWORK, finish, resume, start, task, update

if TYPE_CHECKING:
    from pathlib import Path

    from tests.contract.bridge.conftest import Probe, ScriptedMaster

pytestmark = pytest.mark.slow

Json = dict[str, Any]
Answer = tuple[int, dict[str, str], str]
RECOVERING: Answer = (503, {}, "Master has not finished recovery")


@pytest.fixture
def refusing_address() -> Iterator[str]:
    """Nobody listens there, and nobody else can."""
    with socket.socket() as bound:
        bound.bind(("127.0.0.1", 0))
        yield f"127.0.0.1:{bound.getsockname()[1]}"


def told(probe: Probe, master: ScriptedMaster) -> list[str]:
    """Warnings that name this master."""
    return [line for line in probe.warnings() if master.address in line]


def wait_for(what: Callable[[], bool]) -> None:
    deadline = time.monotonic() + 20
    while not what():
        assert time.monotonic() < deadline
        time.sleep(0.02)


# A stop that seeks the master does so for 5 s with pauses of 10 to 20 ms, hundreds of times; one that does not seek it
# ends the tries, whose pauses have been growing.
FEW = 20
SOON = 4.0  # seconds for what waits for nobody; a stop may wait 5 s in vain


def recover(master: ScriptedMaster) -> list[Json]:
    """Lets a master answer from now on that it is not ready yet; returns a list that holds what it is asked."""
    asked: list[Json] = []

    def note(call: Json, headers: dict[str, str]) -> Answer:
        asked.append(call)
        return RECOVERING

    master.on_subscribe = note
    return asked


def test_tries_in_vain_before_a_subscription_do_not_delay_the_next(
    probe: Probe, master: ScriptedMaster, name: str
) -> None:
    """As when the connection breaks soon after a long failover: only subscriptions that are lost soon count on."""
    stream = start(probe, master, name)
    asked = recover(master)
    stream.close()
    wait_for(lambda: len(asked) > 5)
    master.on_subscribe = lambda call, headers: None
    stream = resume(probe, master, name)
    lost = time.monotonic()
    stream.close()
    resume(probe, master, name)
    assert time.monotonic() - lost < 2.0  # one try more in a row would wait for more than 2 s
    finish(probe, name)


@pytest.mark.parametrize(("asked", "given"), [(None, 120.0), (0.0, 120.0), (7.5, 7.5)])
def test_mesos_waits_for_a_framework_that_comes_back(
    asked: float | None, given: float, probe: Probe, master: ScriptedMaster, name: str
) -> None:
    framework = FRAMEWORK if asked is None else {**FRAMEWORK, "failover_timeout": asked}
    stream = start(probe, master, name, framework=framework)
    assert stream.request["subscribe"]["framework_info"]["failover_timeout"] == given
    finish(probe, name)


def test_the_successor_of_a_killed_leader(
    probe: Probe,
    master: ScriptedMaster,
    refusing_address: str,
    recording: Callable[[str], Json],
    name: str,
) -> None:
    """What was recorded when a leader was killed: a 307 to the dead one for 7 s, then 503 once, then 200; and on the new
    leader a RECONCILE without an answer until the agent is back.
    """
    before, after = (
        recording("scheduler-master-failover-before"),
        recording("scheduler-master-failover-after"),
    )
    polling = before["events"][-1]["_polling"]
    assert [one["status"] for one in polling] == [307, 503, 200]
    framework = before["exchanges"][0]["request"]["body"]["subscribe"]["framework_info"]
    stream = start(probe, master, name, framework={"hostname": "here", **framework})
    stream.emit(before["events"][0])  # its id is that of the recording
    probe.callback(name)
    launched = next(
        one["request"]["body"]["accept"]["operations"][0]["launch"]["task_infos"]
        for one in before["exchanges"]
        if one["request"]["body"]["type"] == "ACCEPT"
    )
    probe.do("launch", name, offers=["O"], tasks=launched)
    assert master.call()["type"] == "ACCEPT"

    location = polling[0]["headers"]["Location"].replace("master1.mesos.example:5050", refusing_address)
    answers: list[Answer] = [(307, {"Location": location}, "")] * 3
    answers.append((503, {}, polling[1]["body"]))
    master.on_subscribe = lambda call, headers: answers.pop(0) if answers else None
    stream.close()
    assert probe.callback(name)["callback"] == "disconnected"
    again = master.stream()
    assert answers == []
    expected = after["exchanges"][0]["request"]["body"]
    assert again.request["framework_id"] == expected["framework_id"]
    again.emit(after["events"][0])
    assert probe.callback(name)["callback"] == "reregistered"
    asked = [master.call() for _ in range(3)]  # there is no answer, so it is asked again
    recorded = after["exchanges"][1]["request"]["body"]
    assert asked == [recorded] * 3
    again.emit(next(event for event in after["events"] if event.get("type") == "UPDATE"))
    assert probe.callback(name)["status"]["state"] == "TASK_RUNNING"
    while not master.calls.empty():  # what was on its way
        master.call()
    probe.do("revive", name)
    assert master.call()["type"] == "REVIVE"
    finish(probe, name)


def test_a_framework_torn_down_by_the_operator(
    probe: Probe, master: ScriptedMaster, recording: Callable[[str], Json], name: str
) -> None:
    """Recorded: the stream closes without a word. Who subscribes again learns why."""
    torn, removed = recording("scheduler-torn-down-by-operator"), recording("scheduler-removed-framework")
    assert "ERROR" not in [event.get("type") for event in torn["events"]]
    stream = start(probe, master, name)
    stream.close()
    assert probe.callback(name)["callback"] == "disconnected"
    again = master.stream()
    assert again.request["framework_id"] == {"value": "F-0"}
    again.emit(removed["events"][0])
    assert probe.callback(name)["message"] == "Framework has been removed"
    assert probe.do("join", name) == "DRIVER_ABORTED"
    assert probe.do("stop", name, failover=False) == "DRIVER_ABORTED"
    assert master.calls.empty()  # there is nothing left to tear down


def test_a_lost_task_that_comes_back(probe: Probe, master: ScriptedMaster, name: str) -> None:
    """Recorded: TASK_LOST when its agent is unreachable, TASK_RUNNING when it returns; both without uuid."""
    stream = start(probe, master, name)
    probe.do("launch", name, offers=["O-1"], tasks=[task()])
    assert master.call()["type"] == "ACCEPT"
    states = [("TASK_LOST", "REASON_AGENT_REMOVED"), ("TASK_RUNNING", "REASON_AGENT_REREGISTERED")]
    for state, reason in states:
        stream.emit(update("t-1", state, reason=reason))
        assert probe.callback(name)["status"]["state"] == state
    probe.do("kill", name, task="t-1")  # it is alive, so Mesos is told
    assert master.call()["type"] == "KILL"
    stream.close()
    resume(probe, master, name)
    call = master.call()
    assert call["type"] == "RECONCILE"
    assert [one["task_id"]["value"] for one in call["reconcile"]["tasks"]] == ["t-1"]
    finish(probe, name)


def test_reconciliation_is_repeated_for_those_not_told_of(
    probe: Probe, master: ScriptedMaster, name: str
) -> None:
    stream = start(probe, master, name)
    for task_id in ("a", "b"):
        probe.do("launch", name, offers=["O"], tasks=[task(task_id)])
        assert master.call()["type"] == "ACCEPT"
    stream.close()
    again = resume(probe, master, name)

    def asked() -> list[str]:
        return [one["task_id"]["value"] for one in master.call()["reconcile"]["tasks"]]

    assert asked() == ["a", "b"]
    again.emit(update("a", "TASK_RUNNING", reason="REASON_RECONCILIATION"))
    assert probe.callback(name)["status"]["reason"] == "REASON_RECONCILIATION"
    while (ids := asked()) == ["a", "b"]:
        pass
    assert ids == ["b"]
    again.emit(update("b", "TASK_LOST", reason="REASON_RECONCILIATION"))
    assert probe.callback(name)["status"]["state"] == "TASK_LOST"
    finish(probe, name)


def test_what_is_said_of_an_absence(probe: Probe, master: ScriptedMaster, name: str) -> None:
    stream = start(probe, master, name)
    assert told(probe, master) == []
    master.on_subscribe = lambda call, headers: RECOVERING
    stream.close()
    assert probe.callback(name)["callback"] == "disconnected"
    tries = 0

    def count(call: Json, headers: dict[str, str]) -> Answer | None:
        nonlocal tries
        tries += 1
        return RECOVERING if tries < 5 else None

    master.on_subscribe = count
    master.stream().subscribed()
    assert probe.callback(name)["callback"] == "reregistered"
    wait_for(lambda: len(told(probe, master)) == 2)
    lost, back = told(probe, master)
    assert lost == (
        f"WARN The connection to the Mesos master is lost: {master.address}: the connection was closed. "
        f"Seeking a master at {master.address}"
    )
    assert back.startswith(f"WARN Subscribed to Mesos at {master.address} as framework F-0 after ")
    finish(probe, name)


def test_what_is_said_when_no_master_answers(probe: Probe, refusing_address: str, name: str) -> None:
    probe.do("new", name, master=refusing_address, framework=FRAMEWORK)
    probe.do("start", name)
    expected = (
        f"WARN No Mesos master answers yet: {refusing_address}: Connection refused. "
        "Trying again until one does"
    )
    wait_for(lambda: expected in [line.replace(" (Connection refused)", "") for line in probe.warnings()])
    assert probe.do("stop", name, failover=False) == "DRIVER_STOPPED"
    assert len([line for line in probe.warnings() if refusing_address in line]) == 1


def test_an_absence_is_told_of_ever_more_seldom(probe: Probe) -> None:
    minute = 60_000
    # At once, then after 30 s, 60 s, 120 s more; then the master is back, and the next absence begins anew.
    times = [0, 1000, 29_999, 30_000, 60_000, 90_000, 3 * minute, 4 * minute, -5 * minute, 6 * minute]
    answers = ["0", "-", "-", "30000", "-", "90000", "-", "240000", "300000", "0"]
    assert probe.do("absence", times=times).split() == answers
    # In the end every 10 minutes.
    long = [hour * 60 * minute for hour in range(1, 5)]
    assert probe.do("absence", times=[0, *long]).split() == ["0", *map(str, long)]


def test_a_stop_while_the_master_is_away_still_ends_the_framework(
    probe: Probe, master: ScriptedMaster, name: str
) -> None:
    stream = start(probe, master, name)
    master.on_subscribe = lambda call, headers: RECOVERING
    stream.close()
    assert probe.callback(name)["callback"] == "disconnected"
    tries = 0

    def at_last(call: Json, headers: dict[str, str]) -> Answer | None:
        nonlocal tries
        tries += 1
        return RECOVERING if tries < 3 else None

    master.on_subscribe = at_last
    master.on_stream = lambda stream: stream.subscribed()
    assert probe.do("stop", name, failover=False) == "DRIVER_STOPPED"
    assert master.call() == {"type": "TEARDOWN", "framework_id": {"value": "F-0"}}
    assert not probe.has_callback(name)
    assert master.calls.empty()


def test_a_teardown_that_a_new_leader_must_hear(
    probe: Probe, master: ScriptedMaster, second_master: ScriptedMaster, name: str
) -> None:
    """The master that the driver believes in answers the TEARDOWN with a redirect."""
    start(probe, master, name)
    elsewhere: Answer = (307, {"Location": f"//{second_master.address}/master/api/v1/scheduler"}, "")
    master.on_call = lambda call: elsewhere
    master.on_subscribe = lambda call, headers: elsewhere
    second_master.on_stream = lambda stream: stream.subscribed()
    assert probe.do("stop", name, failover=False) == "DRIVER_STOPPED"
    assert second_master.call()["type"] == "TEARDOWN"


def test_a_teardown_does_not_wait_as_long_as_other_calls(
    probe_classes: Path, bridge_jar: Path, tmp_path: Path, master: ScriptedMaster, name: str
) -> None:
    """With these pauses, 7.5 s at least, its second try would come after stop() has given up."""
    with running_probe(probe_classes, bridge_jar, tmp_path / "warnings", backoff_millis=15_000) as patient:
        start(patient, master, name)
        answers = [RECOVERING]
        master.on_call = lambda call: answers.pop() if answers else None
        assert patient.do("stop", name, failover=False) == "DRIVER_STOPPED"
        assert [master.call()["type"] for _ in range(2)] == ["TEARDOWN", "TEARDOWN"]
        assert patient.warnings() == []


def test_a_stop_for_failover_does_not_seek_the_master(
    probe: Probe, master: ScriptedMaster, name: str
) -> None:
    stream = start(probe, master, name)
    tries = recover(master)
    stream.close()
    assert probe.callback(name)["callback"] == "disconnected"
    before = len(tries)
    assert probe.do("stop", name, failover=True) == "DRIVER_STOPPED"
    assert len(tries) - before < FEW
    assert master.calls.empty()
    assert not any("could not be told" in line for line in told(probe, master))


def test_a_stop_gives_up_on_a_master_that_does_not_come_back(
    probe: Probe, master: ScriptedMaster, name: str
) -> None:
    threads = set(probe.do("threads").split())
    stream = start(probe, master, name)
    tries = recover(master)
    stream.close()
    assert probe.callback(name)["callback"] == "disconnected"
    before = len(tries)
    assert probe.do("stop", name, failover=False) == "DRIVER_STOPPED"
    assert len(tries) - before >= FEW
    assert any("could not be told that framework F-0 has ended" in line for line in told(probe, master))
    wait_for(lambda: set(probe.do("threads").split()) <= threads)


def test_a_stop_during_the_registration(probe: Probe, master: ScriptedMaster, name: str) -> None:
    """Mesos may have registered the framework already: it is awaited, and torn down."""
    probe.do("new", name, master=master.address, framework=FRAMEWORK)
    probe.do("start", name)
    stream = master.stream()

    def register() -> None:
        time.sleep(0.3)  # the stop comes first; if it does not, the outcome is the same
        stream.subscribed()

    late = threading.Thread(target=register)
    late.start()
    assert probe.do("stop", name, failover=False) == "DRIVER_STOPPED"
    late.join()
    assert master.call()["type"] == "TEARDOWN"
    assert not probe.has_callback(name)


def test_stop_does_not_wait_for_a_master_that_has_never_been_there(
    probe: Probe, second_master: ScriptedMaster, name: str
) -> None:
    tries = recover(second_master)
    probe.do("new", name, master=second_master.address, framework=FRAMEWORK)
    probe.do("start", name)
    before = len(tries)
    assert probe.do("stop", name, failover=False) == "DRIVER_STOPPED"
    assert len(tries) - before < FEW


def test_a_call_with_the_id_of_an_older_stream(probe: Probe, master: ScriptedMaster, name: str) -> None:
    """Recorded: 400, though nobody waits for that any more. What may be made again is, on the new subscription."""
    stream = start(probe, master, name)
    called, renewed = threading.Event(), threading.Event()

    def late(call: Json) -> Answer | None:
        if called.is_set():
            return None
        called.set()
        renewed.wait(20)
        return (400, {}, "The stream ID 'stream-1' included in this request didn't match")

    master.on_call = late
    probe.do("kill", name, task="t-1")
    assert called.wait(20)
    master.stream_id = "stream-2"
    stream.close()
    resume(probe, master, name)
    renewed.set()
    calls = [master.calls.get(timeout=20) for _ in range(2)]
    assert sorted((call["type"], headers["Mesos-Stream-Id"]) for call, headers in calls) == [
        ("KILL", "stream-1"),
        ("KILL", "stream-2"),
    ]
    finish(probe, name)


def test_who_is_thrown_out_again_and_again_comes_back_ever_later(
    probe: Probe, master: ScriptedMaster, name: str
) -> None:
    """A master, or what stands before it, that takes each subscription and cuts it at once is not to be flooded."""
    times = 7
    stream = start(probe, master, name)
    begun = time.monotonic()
    for _ in range(times):
        stream.close()
        stream = resume(probe, master, name)
    # The shortest pauses with the 20 ms of these tests: 10 ms, 20 ms, 40 ms, …; they may be twice as long.
    assert time.monotonic() - begun > sum(0.010 * 2**attempt for attempt in range(times))
    finish(probe, name)


def test_a_master_that_does_not_answer_the_teardown(probe: Probe, master: ScriptedMaster, name: str) -> None:
    start(probe, master, name)
    stopped = threading.Event()

    def silent(call: Json) -> Answer | None:
        stopped.wait(20)
        return None

    master.on_call = silent
    assert probe.do("stop", name, failover=False) == "DRIVER_STOPPED"
    stopped.set()
    assert (
        f"WARN Mesos could not be told that framework F-0 has ended ({master.address} does not answer). "
        "It will remove the framework when its failover timeout is over"
    ) in probe.warnings()


@pytest.mark.parametrize("command", ["decline", "revive"])
def test_a_call_to_the_master_before_keeps_no_others_waiting(
    command: str, probe: Probe, master: ScriptedMaster, second_master: ScriptedMaster, name: str
) -> None:
    """It hangs, and its answer would be waited for for half a minute. What is worth repeating is made at its successor."""
    called, over = threading.Event(), threading.Event()

    def hang(call: Json) -> Answer | None:
        called.set()
        over.wait(PATIENCE)
        return None

    stream = start(probe, master, name)
    master.on_call = hang
    probe.do(command, name, offer="O-1")
    assert called.wait(PATIENCE)
    master.on_subscribe = lambda call, headers: (307, {"Location": f"//{second_master.address}"}, "")
    stream.close()
    resume(probe, second_master, name)
    begun = time.monotonic()
    probe.do("kill", name, task="t-1")
    if command == "revive":
        assert second_master.call()["type"] == "REVIVE"
    assert second_master.call()["type"] == "KILL"
    assert time.monotonic() - begun < SOON
    over.set()
    finish(probe, name)


@pytest.mark.parametrize("command", ["revive", "decline", "launch"])
def test_a_call_that_hangs_does_not_keep_the_framework_from_its_end(
    command: str, probe: Probe, master: ScriptedMaster, name: str
) -> None:
    """Nor does it cost the subscription on which that is told."""
    called, over = threading.Event(), threading.Event()

    def hang(call: Json) -> Answer | None:
        if call["type"] == "TEARDOWN":
            return None
        called.set()
        over.wait(PATIENCE)
        return None

    start(probe, master, name)
    master.on_call = hang
    probe.do(command, name, offer="O-1", offers=["O-1"], tasks=[task()])
    assert called.wait(PATIENCE)
    probe.do("kill", name, task="t-1")  # waits behind it
    begun = time.monotonic()
    assert probe.do("stop", name, failover=False) == "DRIVER_STOPPED"
    assert time.monotonic() - begun < SOON
    assert master.call()["type"] == "TEARDOWN"
    assert master.streams.empty()
    over.set()
    assert not any(master.address in line for line in told(probe, master))


# ---- with the id of a framework that was there before ------------------------------------------------------------

BEFORE = {**FRAMEWORK, "id": {"value": "F-0"}}


def test_a_stop_before_the_subscription_does_not_take_a_framework_over(
    probe: Probe, master: ScriptedMaster, name: str
) -> None:
    """Whoever has that id now would lose its executors."""
    tries = recover(master)
    probe.do("new", name, master=master.address, framework=BEFORE)
    probe.do("start", name)
    wait_for(lambda: len(tries) > 0)
    before, begun = len(tries), time.monotonic()
    assert probe.do("stop", name, failover=False) == "DRIVER_STOPPED"
    assert time.monotonic() - begun < SOON
    assert len(tries) - before < FEW
    assert not any("could not be told" in line for line in told(probe, master))


def test_a_stop_when_mesos_may_know_the_framework_though_it_did_not_answer(
    probe: Probe, master: ScriptedMaster, name: str
) -> None:
    heard = threading.Event()

    def unanswered(call: Json, headers: dict[str, str]) -> Answer | None:
        heard.set()
        raise ConnectionAbortedError

    master.on_subscribe = unanswered
    probe.do("new", name, master=master.address, framework=BEFORE)
    probe.do("start", name)
    assert heard.wait(PATIENCE)
    heard.clear()
    assert heard.wait(PATIENCE)  # so that it knows how the first one went
    master.on_stream = lambda stream: stream.subscribed()
    master.on_subscribe = lambda call, headers: None
    assert probe.do("stop", name, failover=False) == "DRIVER_STOPPED"
    assert master.call() == {"type": "TEARDOWN", "framework_id": {"value": "F-0"}}


def test_a_stop_before_the_start_is_quick(probe: Probe, master: ScriptedMaster, name: str) -> None:
    probe.do("converse", name, master=master.address, framework="F-0")
    begun = time.monotonic()
    probe.do("end conversation", name, teardown=True)
    assert time.monotonic() - begun < SOON
    assert master.streams.empty()
    assert not any("could not be told that framework F-0" in line for line in told(probe, master))


def test_why_a_conversation_has_ended_is_not_forgotten(
    probe: Probe, master: ScriptedMaster, name: str
) -> None:
    probe.do("converse", name, master=master.address, start=True)
    stream = master.stream()
    stream.subscribed()
    assert probe.callback(name)["callback"] == "subscribed"
    stream.emit({"type": "ERROR", "error": {"message": "Framework failed over"}})
    assert probe.callback(name)["message"] == "Framework failed over"
    assert probe.do("end conversation", name) == "Framework failed over"


def test_no_reconciliation_begins_after_its_end(probe: Probe) -> None:
    """A subscription may come back in the very moment in which the driver is stopped."""
    assert probe.do("reconciliation") == "Set(before)"
