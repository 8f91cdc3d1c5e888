"""The queue of calls and the session that it makes them on, apart from the rest of a conversation: what meets when."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

import pytest

from tests.contract.bridge.conftest import PATIENCE

if TYPE_CHECKING:
    from tests.contract.bridge.conftest import Probe, ScriptedMaster

pytestmark = pytest.mark.slow

Json = dict[str, Any]
Answer = tuple[int, dict[str, str], str]
SOON = 4.0  # seconds for what waits for nobody; a stop may wait 5 s in vain


class Hanging:
    """A master that gets calls of one kind and does not answer them until it is let go."""

    def __init__(self, master: ScriptedMaster, kind: str) -> None:
        self.called = threading.Event()
        self.over = threading.Event()
        self._kind = kind
        master.on_call = self._on_call

    def _on_call(self, call: Json) -> Answer | None:
        if call["type"] == self._kind:
            self.called.set()
            self.over.wait(PATIENCE)
        return None


@pytest.fixture
def parts(probe: Probe, name: str) -> Iterator[str]:
    """The name of a session and a queue, which has not been started."""
    probe.do("parts", name)
    yield name
    probe.do("finish", name, millis=1000)


def subscribe(probe: Probe, name: str, master: ScriptedMaster, stream: str) -> None:
    assert probe.do("subscribe", name, master=master.address, stream=stream) == "subscribed"


def made(master: ScriptedMaster) -> tuple[str, str]:
    """The kind of the next call, and the stream that it was made for."""
    call, headers = master.calls.get(timeout=PATIENCE)
    return call["type"], headers["Mesos-Stream-Id"]


# ---- the session -------------------------------------------------------------------------------------------------


def test_a_route_is_that_of_one_subscription(probe: Probe, master: ScriptedMaster, parts: str) -> None:
    assert probe.do("route", parts) == "none"
    subscribe(probe, parts, master, "s1")
    assert (probe.do("route", parts), probe.do("is current", parts, stream="s1")) == ("s1", "true")
    assert probe.do("lose", parts) == master.address
    assert (probe.do("route", parts), probe.do("is current", parts, stream="s1")) == ("none", "false")
    assert probe.do("lose", parts) == "nothing"
    subscribe(probe, parts, master, "s2")
    assert (probe.do("route", parts), probe.do("is current", parts, stream="s1")) == ("s2", "false")


def test_giving_up_an_older_subscription_leaves_the_present_one_alone(
    probe: Probe, master: ScriptedMaster, parts: str
) -> None:
    subscribe(probe, parts, master, "s1")
    probe.do("lose", parts)
    subscribe(probe, parts, master, "s2")
    probe.do("give up", parts, stream="s1")
    assert probe.do("route", parts) == "s2"
    probe.do("give up", parts, stream="s2")
    assert (probe.do("route", parts), probe.do("is current", parts, stream="s2")) == ("none", "false")
    assert probe.do("lose", parts) == master.address  # whoever listens hears that it is lost


def test_a_master_that_leads_no_longer_is_left(
    probe: Probe, master: ScriptedMaster, second_master: ScriptedMaster, parts: str
) -> None:
    subscribe(probe, parts, master, "s1")
    assert probe.do("announce", parts, master=master.address) == "false"
    assert probe.do("announce", parts, master=second_master.address) == "true"


@pytest.mark.parametrize("chosen", ["F-0", None])
def test_whom_mesos_may_know(chosen: str | None, probe: Probe, master: ScriptedMaster, name: str) -> None:
    """A framework that has its id from the beginning is none of ours before it has subscribed."""
    probe.do("parts", name, framework=chosen)
    assert probe.do("ask", name, master=master.address) == "true"
    assert probe.do("is introduced", name) == "false"  # nothing is sent yet
    subscribe(probe, name, master, "s1")
    assert probe.do("is introduced", name) == "true"
    probe.do("lose", name)
    assert probe.do("is introduced", name) == "true"
    probe.do("stop session", name)
    assert probe.do("ask", name, master=master.address) == "true"  # where it is to be torn down
    probe.do("end session", name)
    assert probe.do("is introduced", name) == "false"
    assert probe.do("ask", name, master=master.address) == "false"


def test_nobody_is_asked_any_more_who_does_not_know_the_framework(
    probe: Probe, master: ScriptedMaster, name: str
) -> None:
    probe.do("parts", name, framework="F-0")
    probe.do("stop session", name)
    assert probe.do("ask", name, master=master.address) == "false"


# ---- the queue ---------------------------------------------------------------------------------------------------


def test_a_call_that_hangs_on_a_subscription_before_is_cut_short(
    probe: Probe, master: ScriptedMaster, second_master: ScriptedMaster, parts: str
) -> None:
    """What may be made again is, before all that waited behind it; of a launch nobody knows whether it arrived."""
    for kind, kept in (("REVIVE", ["REVIVE"]), ("ACCEPT", [])):
        subscribe(probe, parts, master, "s1")
        hanging = Hanging(master, kind)
        probe.do("start queue", parts)
        probe.do("add", parts, kind=kind)
        assert hanging.called.wait(PATIENCE)
        probe.do("add", parts, kind="KILL")
        probe.do("lose", parts)
        subscribe(probe, parts, second_master, "s2")
        assert [made(second_master) for _ in (*kept, "KILL")] == [(one, "s2") for one in (*kept, "KILL")]
        if not kept:
            assert probe.callback(parts)["certain"] == "false"
        hanging.over.set()
        probe.do("finish", parts, millis=1000)
        probe.do("parts", parts)


def test_a_call_is_not_repeated_at_the_master_before(
    probe: Probe, master: ScriptedMaster, second_master: ScriptedMaster, parts: str
) -> None:
    """The pause before its next try ends with the subscription, too."""
    subscribe(probe, parts, master, "s1")
    master.on_call = lambda call: (502, {}, "")
    probe.do("backoff", millis=15_000)  # so that a pause takes 7.5 s at least
    try:
        probe.do("start queue", parts)
        probe.do("add", parts, kind="REVIVE")
        probe.do("add", parts, kind="KILL")
        assert made(master) == ("REVIVE", "s1")
        while probe.do("pauses", parts) == "false":
            time.sleep(0.02)
        begun = time.monotonic()
        probe.do("lose", parts)
        subscribe(probe, parts, second_master, "s2")
        assert [made(second_master) for _ in range(2)] == [("REVIVE", "s2"), ("KILL", "s2")]
        assert time.monotonic() - begun < SOON
        assert master.calls.empty()
    finally:
        probe.do("backoff", millis=20)


def test_a_renewal_that_a_teardown_meets(probe: Probe, master: ScriptedMaster, parts: str) -> None:
    """The one forgets the other, with all that was to be made: nothing but the TEARDOWN is."""
    probe.do("add", parts, kind="KILL")
    subscribe(probe, parts, master, "s1")
    probe.do("stop session", parts)
    probe.do("tear down", parts)
    probe.do("start queue", parts)
    assert probe.callback(parts)["known"] == "true"
    probe.do("finish", parts, millis=1000)
    assert [master.call()["type"], master.calls.empty()] == ["TEARDOWN", True]


def test_a_teardown_without_a_subscription_waits_for_one(
    probe: Probe, master: ScriptedMaster, parts: str
) -> None:
    probe.do("start queue", parts)
    probe.do("add", parts, kind="KILL")
    probe.do("stop session", parts)
    probe.do("tear down", parts)
    subscribe(probe, parts, master, "s1")
    assert probe.callback(parts)["known"] == "true"
    assert made(master) == ("TEARDOWN", "s1")


def test_a_teardown_that_hangs_at_the_master_before_is_made_at_its_successor(
    probe: Probe, master: ScriptedMaster, second_master: ScriptedMaster, parts: str
) -> None:
    subscribe(probe, parts, master, "s1")
    hanging = Hanging(master, "TEARDOWN")
    probe.do("start queue", parts)
    probe.do("stop session", parts)
    probe.do("tear down", parts)
    assert hanging.called.wait(PATIENCE)
    probe.do("lose", parts)
    subscribe(probe, parts, second_master, "s2")
    assert made(second_master) == ("TEARDOWN", "s2")
    assert probe.callback(parts)["known"] == "true"
    hanging.over.set()


@pytest.mark.parametrize("kind", ["REVIVE", "DECLINE", "ACCEPT"])
def test_a_teardown_cuts_short_what_hangs(
    kind: str, probe: Probe, master: ScriptedMaster, parts: str
) -> None:
    subscribe(probe, parts, master, "s1")
    hanging = Hanging(master, kind)
    probe.do("start queue", parts)
    probe.do("add", parts, kind=kind)
    assert hanging.called.wait(PATIENCE)
    probe.do("stop session", parts)
    probe.do("tear down", parts)
    assert probe.callback(parts)["callback"] == "lost"
    assert probe.callback(parts)["known"] == "true"
    assert made(master) == ("TEARDOWN", "s1")
    hanging.over.set()


def test_what_comes_behind_a_teardown_is_lost(probe: Probe, master: ScriptedMaster, parts: str) -> None:
    subscribe(probe, parts, master, "s1")
    probe.do("start queue", parts)
    probe.do("stop session", parts)
    probe.do("tear down", parts)
    assert probe.callback(parts)["known"] == "true"
    probe.do("add", parts, kind="KILL")
    lost = probe.callback(parts)
    assert (lost["kind"], lost["certain"]) == ("KILL", "true")
    assert probe.do("route", parts) == "s1"  # the subscription is not given up for it
    assert [made(master)[0], master.calls.empty()] == ["TEARDOWN", True]


def test_a_teardown_that_no_master_hears(probe: Probe, master: ScriptedMaster, parts: str) -> None:
    """Whoever waits for it is told so in time."""
    subscribe(probe, parts, master, "s1")
    probe.do("start queue", parts)
    probe.do("stop session", parts)
    master.on_call = lambda call: (403, {}, "Framework is not subscribed")
    probe.do("tear down", parts, millis=300)
    assert probe.callback(parts)["known"] == "false"
    assert made(master) == ("TEARDOWN", "s1")
    assert probe.do("route", parts) == "none"
