"""No offer stays out of which the driver knows nothing any more, whatever becomes of the calls about it."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Any

import pytest

from tests.contract.bridge.messages import finish, resume, start, task
from tests.contract.bridge.offer_books import CUT, UNHEARD, Fault, OfferBooks

if TYPE_CHECKING:
    from tests.contract.bridge.conftest import Probe, ScriptedMaster

pytestmark = pytest.mark.slow

Json = dict[str, Any]
TRIES = 6  # of a call that does no harm twice, until the subscription is given up
SOON = 4.0  # seconds for what waits for nobody; a stop may wait 5 s in vain


def refused(*statuses: int) -> list[Fault]:
    return [Fault(arrives=False, status=status) for status in statuses]


def passed_on(status: int) -> Fault:
    """What stands before the master has waited in vain for its answer."""
    return Fault(arrives=True, status=status)


def after(probe: Probe, kind: str, failure: str, *states: str) -> str:
    answer = probe.do("after failure", kind=kind, failure=failure, states=list(states))
    assert isinstance(answer, str)
    return answer


@pytest.mark.parametrize(
    "fault",
    [CUT, UNHEARD, *refused(408, 429, 500, 501, 502, 503, 504), *map(passed_on, (408, 500, 502, 503, 504))],
    ids=str,
)
def test_a_launch_of_which_nobody_knows_whether_it_arrived(
    fault: Fault, probe: Probe, master: ScriptedMaster, name: str
) -> None:
    """It is not repeated, Mesos is asked about its task, and before that its offer is given back."""
    books = OfferBooks(master)
    stream = start(probe, master, name)
    books.offer(stream, "O-1")
    assert probe.callback(name)["callback"] == "resourceOffers"
    books.plan("ACCEPT", fault)
    probe.do("launch", name, offers=["O-1"], tasks=[task()])
    books.wait_until(lambda: "RECONCILE" in books.kinds())
    assert books.kinds() == ["ACCEPT"] * fault.arrives + ["DECLINE", "RECONCILE"]
    assert books.running == ({"t-1"} if fault.arrives else set())
    assert books.outstanding == set()
    assert not probe.has_callback(name)  # that it is lost, only Mesos could say
    assert books.subscriptions == 1
    finish(probe, name)


@pytest.mark.parametrize("status", [400, 401, 404, 415])
def test_a_launch_that_is_refused(status: int, probe: Probe, master: ScriptedMaster, name: str) -> None:
    books = OfferBooks(master)
    stream = start(probe, master, name)
    books.offer(stream, "O-1", "O-2")
    assert probe.callback(name)["callback"] == "resourceOffers"
    books.plan("ACCEPT", *refused(status))
    probe.do("launch", name, offers=["O-1", "O-2"], tasks=[task()])
    assert probe.callback(name)["status"]["state"] == "TASK_LOST"
    books.wait_until(lambda: not books.outstanding)
    assert books.kinds() == ["DECLINE"]
    finish(probe, name)


@pytest.mark.parametrize("said", ["Master has not finished recovery", "No leader elected\n"])
def test_a_launch_that_comes_too_early(said: str, probe: Probe, master: ScriptedMaster, name: str) -> None:
    """It has not arrived, so that it can be repeated: those are words of a master, and of nothing that stands before it."""
    books = OfferBooks(master)
    stream = start(probe, master, name)
    books.offer(stream, "O-1")
    assert probe.callback(name)["callback"] == "resourceOffers"
    books.plan("ACCEPT", *[Fault(arrives=False, status=503, text=said)] * 2)
    probe.do("launch", name, offers=["O-1"], tasks=[task()])
    books.wait_until(lambda: not books.outstanding)
    assert (books.kinds(), books.running) == (["ACCEPT"], {"t-1"})
    finish(probe, name)
    assert not probe.has_callback(name)


@pytest.mark.parametrize(
    "faults",
    [
        [CUT],
        [UNHEARD],
        [CUT] * (TRIES - 1),
        refused(408, 429, 500, 502, 504),
        [passed_on(504), UNHEARD],
    ],
    ids=lambda faults: " ".join(map(str, faults)),
)
def test_a_decline_is_repeated(faults: list[Fault], probe: Probe, master: ScriptedMaster, name: str) -> None:
    books = OfferBooks(master)
    stream = start(probe, master, name)
    books.offer(stream, "O-1")
    assert probe.callback(name)["callback"] == "resourceOffers"
    books.plan("DECLINE", *faults)
    probe.do("decline", name, offer="O-1", filters={"refuse_seconds": 7.0})
    probe.do("revive", name)
    books.wait_until(lambda: "REVIVE" in books.kinds())
    assert books.outstanding == set()
    assert books.kinds() == ["DECLINE"] * (1 + sum(fault.arrives for fault in faults)) + ["REVIVE"]
    assert all(call["decline"]["filters"] == {"refuse_seconds": 7.0} for call in books.taken[:-1])
    assert books.subscriptions == 1
    finish(probe, name)


@pytest.mark.parametrize(
    "faults",
    [[CUT] * TRIES, refused(*[502] * TRIES), refused(400), refused(404), refused(403)],
    ids=["never answered", "never taken", "400", "404", "403"],
)
@pytest.mark.parametrize("behind", ["a launch", "an offer"])
def test_a_decline_that_cannot_be_made_ends_the_subscription(
    behind: str, faults: list[Fault], probe: Probe, master: ScriptedMaster, name: str
) -> None:
    """Whoever subscribes anew has no offers."""
    books = OfferBooks(master)
    stream = start(probe, master, name)
    books.offer(stream, "O-1")
    assert probe.callback(name)["callback"] == "resourceOffers"
    books.plan("DECLINE", *faults)
    if behind == "a launch":
        books.plan("ACCEPT", *refused(400))
        probe.do("launch", name, offers=["O-1"], tasks=[task()])
        assert probe.callback(name)["status"]["state"] == "TASK_LOST"
    else:
        probe.do("decline", name, offer="O-1")
    again = resume(probe, master, name)
    books.wait_until(lambda: books.subscriptions == 2)
    assert books.outstanding == set()
    books.offer(again, "O-2")
    assert probe.callback(name)["callback"] == "resourceOffers"
    probe.do("decline", name, offer="O-2")
    books.wait_until(lambda: not books.outstanding)
    assert books.kinds() == ["DECLINE"]
    finish(probe, name)


def test_nothing_is_given_back_while_the_driver_stops(
    probe: Probe, master: ScriptedMaster, name: str
) -> None:
    """The framework's end is that of its offers; nothing keeps it waiting."""
    books = OfferBooks(master)
    stream = start(probe, master, name)
    books.offer(stream, "O-1")
    assert probe.callback(name)["callback"] == "resourceOffers"
    books.plan("DECLINE", *[CUT] * 100)
    probe.do("decline", name, offer="O-1")
    begun = time.monotonic()
    assert probe.do("stop", name, failover=False) == "DRIVER_STOPPED"
    assert time.monotonic() - begun < SOON
    assert books.kinds() == ["TEARDOWN"]


@pytest.mark.parametrize("fault", [*refused(502, 403, 307), CUT, Fault(arrives=True, status=504)], ids=str)
@pytest.mark.parametrize("kind", ["RECONCILE", "KILL"])
def test_a_call_that_never_gets_through_does_not_keep_launches_from_being_made(
    kind: str, fault: Fault, probe: Probe, master: ScriptedMaster, name: str
) -> None:
    """A new subscription may help it, twice. After that the others are worth more."""
    books = OfferBooks(master)
    start(probe, master, name)
    books.plan(kind, *[fault] * 1000)
    command: Json = {"task": "t-9"} if kind == "KILL" else {"tasks": [{"task_id": {"value": "t-9"}}]}
    probe.do(kind.lower(), name, **command)
    for _ in range(2):
        stream = resume(probe, master, name)
    books.offer(stream, "O-1")
    assert probe.callback(name)["callback"] == "resourceOffers"
    probe.do("launch", name, offers=["O-1"], tasks=[task()])
    books.wait_until(lambda: "ACCEPT" in books.kinds())
    assert books.running == {"t-1"}
    # Asked for again, it gets one try, and still costs nothing.
    probe.do(kind.lower(), name, **command)
    probe.do("message", name, executor="e", agent="S-0", text="the end")
    books.wait_until(lambda: "MESSAGE" in books.kinds())
    assert books.subscriptions == 3
    assert any(kind in line and "in vain" in line for line in probe.warnings())
    finish(probe, name)


# ---- calls that are not about offers -----------------------------------------------------------------------------


@pytest.mark.parametrize("status", [408, 429, 500, 502, 503, 504])
@pytest.mark.parametrize(
    ("command", "arguments"), [("kill", {"task": "t-1"}), ("revive", {}), ("suppress", {})]
)
def test_a_passing_refusal_is_not_the_last_word(
    command: str, arguments: Json, status: int, probe: Probe, master: ScriptedMaster, name: str
) -> None:
    """A REVIVE that was refused once would otherwise leave the framework without offers for ever."""
    books = OfferBooks(master)
    start(probe, master, name)
    books.plan(command.upper(), *refused(status, status))
    probe.do(command, name, **arguments)
    books.wait_until(lambda: bool(books.taken))
    assert (books.kinds(), books.subscriptions) == ([command.upper()], 1)
    finish(probe, name)


@pytest.mark.parametrize("asked", [["revive", "suppress"], ["suppress", "revive"]])
def test_a_refused_revive_does_not_overtake_what_undoes_it(
    asked: list[str], probe: Probe, master: ScriptedMaster, name: str
) -> None:
    books = OfferBooks(master)
    start(probe, master, name)
    books.plan(asked[0].upper(), *refused(500, 429, 504))
    for command in asked:
        probe.do(command, name)
    books.wait_until(lambda: len(books.taken) == 2)
    assert books.kinds() == [command.upper() for command in asked]
    finish(probe, name)


@pytest.mark.parametrize("asked", [["revive", "suppress"], ["suppress", "revive"]])
def test_what_is_refused_for_long_is_made_after_the_next_subscription(
    asked: list[str], probe: Probe, master: ScriptedMaster, name: str
) -> None:
    """Nothing is sent on a subscription that was given up, so that what was asked for last counts in the end."""
    books = OfferBooks(master)
    start(probe, master, name)
    books.plan(asked[0].upper(), *refused(*[500] * TRIES))
    for command in asked:
        probe.do(command, name)
    resume(probe, master, name)
    probe.do("message", name, executor="e", agent="S-0", text="the end")
    books.wait_until(lambda: "MESSAGE" in books.kinds())
    made = books.kinds()
    assert made[-2] == asked[1].upper()
    assert asked[0].upper() not in made
    finish(probe, name)


# ---- decided from values alone -----------------------------------------------------------------------------------


def test_a_master_that_says_nothing_for_long_is_left(probe: Probe) -> None:
    """Half a minute of silence was the limit; five more would keep all other calls waiting."""
    for kind in ("DECLINE", "ACCEPT_INVERSE_OFFERS", "KILL", "REVIVE", "SUPPRESS", "RECONCILE", "TEARDOWN"):
        assert after(probe, kind, "silence") == "Resubscribe"
    for kind in ("ACCEPT", "ACKNOWLEDGE", "MESSAGE"):
        assert after(probe, kind, "silence") == "Lost(false)"


def test_what_belongs_to_an_older_subscription_is_not_repeated(probe: Probe) -> None:
    for failure in ("unsent", "400", "403", "recovering", "leaderless"):
        assert after(probe, "ACCEPT", failure, "outdated") == "Undelivered"
        assert after(probe, "DECLINE", failure, "outdated") == "Undelivered"
        assert after(probe, "REVIVE", failure, "outdated") == "Undelivered"
    assert after(probe, "ACCEPT", "cut", "outdated") == "Lost(false)"


@pytest.mark.parametrize("failure", ["unsent", "recovering", "leaderless"])
def test_what_has_certainly_not_arrived_is_repeated_for_a_while(failure: str, probe: Probe) -> None:
    for kind in ("ACCEPT", "DECLINE", "ACKNOWLEDGE", "MESSAGE", "REVIVE", "KILL"):
        assert after(probe, kind, failure) == "Repeat"
        assert after(probe, kind, failure, "tired") == "Resubscribe"


@pytest.mark.parametrize("failure", ["408", "429", "500", "501", "502", "503", "504"])
def test_what_may_have_been_passed_on_is_not_repeated(failure: str, probe: Probe) -> None:
    """What stands before a master may refuse a call behind it: it waited in vain for the master's answer."""
    for kind in ("ACCEPT", "ACKNOWLEDGE", "MESSAGE"):
        assert after(probe, kind, failure) == "Lost(false)"


@pytest.mark.parametrize("failure", ["unsent", "cut", "silence", "502", "403", "307", "recovering"])
def test_what_has_cost_too_much_is_in_vain(failure: str, probe: Probe) -> None:
    for kind in ("KILL", "REVIVE", "SUPPRESS", "RECONCILE"):
        assert after(probe, kind, failure, "tired") == "Resubscribe"
        for more in ([], ["tired"]):
            assert after(probe, kind, failure, "too costly", *more) == "Lost(false)"
        assert after(probe, kind, failure, "too costly", "outdated") == "Undelivered"


@pytest.mark.parametrize("failure", ["unsent", "cut", "silence", "502", "403", "400", "recovering"])
def test_nothing_is_worth_a_subscription_once_the_framework_ends(failure: str, probe: Probe) -> None:
    """On that its end would be told."""
    for kind in ("KILL", "REVIVE", "SUPPRESS", "RECONCILE", "MESSAGE", "DECLINE", "ACCEPT"):
        assert after(probe, kind, failure, "stopping", "tearing down").startswith("Lost")
    ends = {"recovering": "Repeat", "502": "Repeat", "400": "Lost(true)"}
    assert after(probe, "TEARDOWN", failure, "stopping", "tearing down") == ends.get(failure, "Resubscribe")
