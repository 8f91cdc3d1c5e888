"""What the shuffle service for Spark 4 makes of what it hears, and how drivers tell it: pure code, and time."""

from __future__ import annotations

import base64
import struct
from itertools import pairwise
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sparkmesos_core.spark.shuffle_service import heartbeat

if TYPE_CHECKING:
    from tests.integration.backend.harness import Harness

Json = dict[str, Any]
TIMEOUT = 120_000
LOOK = 30_000


def leases(harness: Harness, *events: Json, recovered: tuple[str, ...] = ()) -> list[Json]:
    argument = {"timeout": TIMEOUT, "recovered": recovered, "events": list(events)}
    told: list[Json] = harness.ask("leases", argument)
    return told


def looks(until: int) -> list[Json]:
    """A look every half a minute, up to a time."""
    return [{"look": LOOK, "at": at} for at in range(LOOK, until + 1, LOOK)]


def over(told: list[Json]) -> list[str]:
    return [name for one in told for name in one["over"]]


class TestLeases:
    def test_silence_of_a_driver(self, harness: Harness) -> None:
        """For its own timeout, and not earlier."""
        told = {"told": "a", "timeout": 60_000, "at": 0}
        assert over(leases(harness, told, *looks(60_000))) == []
        last = leases(harness, told, *looks(90_000))[-1]
        assert last == {"over": ["a"], "known": []}

    def test_words_of_a_driver(self, harness: Harness) -> None:
        words = [{"told": "a", "timeout": 20_000, "at": at} for at in range(0, 300_000, 10_000)]
        events = sorted([*words, *looks(300_000)], key=lambda event: event["at"])
        assert over(leases(harness, *events)) == []

    def test_another_timeout_replaces_the_first(self, harness: Harness) -> None:
        words = [{"told": "a", "timeout": 10_000, "at": 0}, {"told": "a", "timeout": 70_000, "at": 1}]
        told = leases(harness, *words, *looks(90_000))
        assert [one["over"] for one in told[-2:]] == [[], ["a"]]

    def test_a_driver_that_says_that_it_has_ended(self, harness: Harness) -> None:
        """It is over at the next look, whatever executors still ask for."""
        told = leases(
            harness,
            {"told": "a", "timeout": TIMEOUT, "at": 0},
            {"told": "a", "timeout": 0, "at": 1000},
            {"used": "a", "at": 5000},
            {"look": LOOK, "at": LOOK},
        )
        assert over(told) == ["a"]

    def test_executors_count_as_well(self, harness: Harness) -> None:
        events: list[Json] = [
            {"told": "a", "timeout": 60_000, "at": 0},
            {"look": LOOK, "at": 30_000},
            {"used": "a", "at": 50_000},
            {"look": LOOK, "at": 90_000},
            {"look": LOOK, "at": 111_000},
        ]
        assert [one["over"] for one in leases(harness, *events)] == [[], [], [], [], ["a"]]

    @pytest.mark.parametrize("known", ["registered", "recovered"])
    def test_a_driver_that_is_not_known(self, harness: Harness, known: str) -> None:
        """It may be that it cannot reach this service, or has not yet since a restart."""
        begin = [{"registered": "a", "at": 0}] if known == "registered" else []
        recovered = ("a",) if known == "recovered" else ()
        assert over(leases(harness, *begin, *looks(10 * TIMEOUT), recovered=recovered)) == []
        assert over(leases(harness, *begin, *looks(10 * TIMEOUT + LOOK), recovered=recovered)) == ["a"]

    def test_a_driver_that_is_known_after_a_restart(self, harness: Harness) -> None:
        told = leases(
            harness,
            {"told": "a", "timeout": 10_000, "at": 1000},
            {"look": LOOK, "at": LOOK},
            recovered=("a", "b"),
        )
        assert told[-1] == {"over": ["a"], "known": ["b"]}

    def test_a_driver_of_spark_3_after_a_restart(self, harness: Harness) -> None:
        """It sends beats only: its executors, if they are known, tell that it is no stranger."""
        told = leases(
            harness,
            {"beat": "stranger", "at": 0},
            {"beat": "a", "at": 0},
            *looks(TIMEOUT + LOOK),
            recovered=("a",),
        )
        assert told[1]["known"] == ["a"]
        assert over(told) == ["a"]

    def test_beats_keep_the_timeout(self, harness: Harness) -> None:
        told = leases(
            harness,
            {"told": "a", "timeout": 40_000, "at": 0},
            {"beat": "a", "at": 30_000},
            {"look": LOOK, "at": 60_000},
            {"look": LOOK, "at": 90_000},
        )
        assert [one["over"] for one in told] == [[], [], [], ["a"]]

    def test_reading_files_of_a_stranger(self, harness: Harness) -> None:
        assert leases(harness, {"used": "a", "at": 0}) == [{"over": [], "known": []}]

    def test_a_standstill_of_the_service_is_no_silence_of_others(self, harness: Harness) -> None:
        """It was stopped, say, and words wait to be read. All get their time anew."""
        told = leases(
            harness,
            {"told": "a", "timeout": 60_000, "at": 0},
            {"look": LOOK, "at": 30_000},
            {"look": LOOK, "at": 330_000},
            {"look": LOOK, "at": 360_000},
            {"look": LOOK, "at": 390_001},
        )
        assert [one["over"] for one in told] == [[], [], [], [], ["a"]]


def read(harness: Harness, content: bytes) -> Json:
    answer: Json = harness.ask("shuffle_message", base64.b64encode(content).decode())
    assert answer.pop("left") == len(content)  # Spark's handler reads the same buffer
    return answer


def text(value: str) -> bytes:
    return struct.pack(">i", len(value.encode())) + value.encode()


class TestMessages:
    def test_what_a_driver_sends(self, harness: Harness) -> None:
        """As Spark 3.5 encodes RegisterDriver: type, name, timeout."""
        sent = base64.b64decode(harness.ask("keep_message", {"application": "café-0001", "timeout": 15_000}))
        assert sent == b"\4" + text("café-0001") + struct.pack(">q", 15_000)
        assert read(harness, sent) == {
            "says": {"application": "café-0001", "timeoutMillis": 15_000},
            "executorsOf": None,
        }

    def test_a_heartbeat_of_spark_3(self, harness: Harness) -> None:
        """The one by which we ask whether a service is for Mesos, too."""
        assert read(harness, b"\5" + text("app"))["says"] == {"application": "app"}
        assert b"\5" + text("sparkmesos-check") in heartbeat()

    @pytest.mark.parametrize(
        ("kind", "registers"), [(0, False), (2, True), (7, False), (9, False), (10, False), (15, False)]
    )
    def test_messages_of_executors(self, harness: Harness, kind: int, registers: bool) -> None:
        answer = read(harness, bytes([kind]) + text("app") + b"whatever follows")
        assert answer == {"says": None, "executorsOf": ["app", registers]}

    @pytest.mark.parametrize("content", [b"", b"\3", b"\x0e\0", b"\xea\0\0\0\3"])
    def test_others(self, harness: Harness, content: bytes) -> None:
        assert read(harness, content) == {"says": None, "executorsOf": None}

    @pytest.mark.parametrize(
        "content",
        [
            b"\4",
            b"\4\0\0\0\5app",
            b"\4" + text("app") + b"\0\0\0",
            b"\4\xff\xff\xff\xff",
            b"\5\0\0",
            b"\2\x7f\xff\xff\xff",
        ],
    )
    def test_what_is_cut(self, harness: Harness, content: bytes) -> None:
        assert read(harness, content) == {"refused": "The message is cut"}

    def test_a_time_before_now(self, harness: Harness) -> None:
        assert read(harness, b"\4" + text("app") + struct.pack(">q", -1)) == {
            "refused": "-1 ms is no timeout"
        }


def words(harness: Harness, **argument: Any) -> list[tuple[str, int, int]]:
    """What was said to whom: host, timeout, when."""
    return [tuple(one) for one in harness.ask("contacts", {"keep": 600, "interval": 20, **argument})]


class TestContacts:
    def test_a_service_of_ours(self, harness: Harness) -> None:
        said = words(harness, hosts={"a": ["ours"], "b": ["ours"]}, words=6)
        assert {host for host, keep, _ in said if keep == 600} == {"a", "b"}
        # It is told of the end, and nothing behind that.
        assert sorted(said[-3:-1])[0][:2] == ("a", 0)
        assert sorted(said[-3:-1])[1][:2] == ("b", 0)
        assert said[-1][0] == "closed"
        assert [keep for _, keep, _ in said].count(0) == 3  # with that of "closed"

    def test_a_service_of_spark_3_warns_of_who_comes_again(self, harness: Harness) -> None:
        """So it is told rarely: every third of the time that it waits."""
        said = words(harness, hosts={"a": ["sparks"]}, words=2)
        assert said[1][2] >= 190

    def test_one_that_is_away_is_told_as_often_and_not_of_the_end(self, harness: Harness) -> None:
        said = words(harness, hosts={"a": ["ours", "away"], "b": ["ours"]}, words=24)
        assert len([host for host, _, _ in said if host == "a"]) > 6
        assert ("a", 0) not in [one[:2] for one in said]  # it would only take time

    def test_one_that_hangs_at_the_end_is_let_alone(self, harness: Harness) -> None:
        """Its thread is interrupted, which is no news to anybody."""
        said = words(harness, hosts={"a": ["ours", "ours", "hangs"]}, words=2)
        assert ("a", 0) in [one[:2] for one in said]
        assert "uncaught" not in [host for host, _, _ in said]

    def test_one_that_was_away_is_told_again(self, harness: Harness) -> None:
        said = words(harness, hosts={"a": ["away", "unknown", "away", "ours"]}, words=5)
        assert [one[:2] for one in said][:5] == [("a", 600)] * 5
        assert said[-2][:2] == ("a", 0)

    def test_another_executor_is_a_reason_to_try_at_once(self, harness: Harness) -> None:
        """While the next trial would be seconds away."""
        said = words(
            harness, hosts={"a": ["away", "ours"]}, words=1, again=["a"], interval=20_000, keep=60_000
        )
        assert [one[:2] for one in said] == [("a", 60_000), ("a", 60_000), ("a", 0), ("closed", 0)]
        assert said[1][2] < 15_000

    def test_another_executor_is_no_reason_where_all_is_well(self, harness: Harness) -> None:
        said = words(harness, hosts={"a": ["ours"], "b": ["ours"]}, words=2, interval=20_000, keep=60_000)
        assert [one[:2] for one in said].count(("a", 60_000)) == 1

    def test_many_that_are_silent_keep_no_others_waiting(self, harness: Harness) -> None:
        """There are far more of them than words can be sent at a time."""
        silent = {f"silent-{number}": ["silent"] for number in range(200)}
        hosts = {"living": ["ours"], **silent}
        keep = 1500  # on four threads each round takes ten times as long
        said = words(harness, hosts=hosts, silence=300, words=500, keep=keep, interval=100)
        times = [at for host, timeout, at in said if host == "living" and timeout == keep]
        assert len({host for host, _, _ in said}) == 202  # each had its turn, and "closed"
        assert max(after - before for before, after in pairwise(times)) < keep
        assert len(times) > 5
        assert said[-2][:2] == ("living", 0)

    def test_a_host_that_is_gone_is_told_no_more(self, harness: Harness) -> None:
        """Until an executor starts there again. One with executors of ours is never given up."""
        hosts = {"gone": ["ours", "away"], "used": ["away"]}
        said = words(harness, hosts=hosts, keep=30, interval=5, words=1, left=["gone"], used=["used"])
        of_gone = [at for host, _, at in said if host == "gone"]
        assert 300 <= of_gone[-1] < 10_000
        assert max(at for host, _, at in said if host == "used") >= of_gone[-1] - 60
        said = words(
            harness, hosts=hosts, keep=30, interval=5, words=1, left=["gone"], again=["gone", "gone"]
        )
        assert [host for host, _, _ in said].count("gone") > len(of_gone) / 2


KEEP, BEAT, WAIT = TIMEOUT, 10_000, 5_000


def outages(harness: Harness, *away: tuple[int, int], until: int, **argument: Any) -> Json:
    plan = {"keep": KEEP, "interval": BEAT, "look": LOOK, "takes": WAIT, "away": away, "until": until}
    told: Json = harness.ask("outages", plan | argument)
    return told


class TestOutages:
    """A driver and a service that cannot reach each other for a while, followed to what the service makes of it."""

    @settings(deadline=None, max_examples=200)
    @given(data=st.data())
    def test_one_shorter_than_the_lease_costs_nothing(self, harness: Harness, data: st.DataObject) -> None:
        """But for the word that the last one was before it, and that the next one is behind it."""
        away, at = [], 0
        is_sparks = data.draw(st.booleans())
        takes = data.draw(st.sampled_from([0, WAIT, BEAT]))
        longest = KEEP - BEAT - (KEEP // 3 if is_sparks else BEAT)
        for _ in range(data.draw(st.integers(1, 4))):
            begin = at + data.draw(st.integers(BEAT, 2 * KEEP))
            at = begin + data.draw(st.integers(0, longest))
            away.append((begin, at))
            at += KEEP // 3 + BEAT
        told = outages(harness, *away, until=at + 2 * KEEP, takes=takes, sparks=is_sparks)
        assert told["over"] is None

    def test_one_that_is_longer_ends_it(self, harness: Harness) -> None:
        told = outages(harness, (5000, 5000 + KEEP + BEAT), until=10 * KEEP)
        assert KEEP < told["over"] <= KEEP + 2 * LOOK

    @pytest.mark.parametrize("takes", [0, WAIT])
    def test_a_service_that_cannot_be_reached_at_first(self, harness: Harness, takes: int) -> None:
        """What executors have told it of it keeps for ten times as long."""
        assert outages(harness, (0, 9 * KEEP - BEAT), until=12 * KEEP, takes=takes)["over"] is None
        over = outages(harness, (0, 12 * KEEP), until=12 * KEEP, takes=takes)["over"]
        assert 10 * KEEP < over <= 10 * KEEP + 2 * LOOK

    def test_words_become_rare_when_the_files_would_be_gone(self, harness: Harness) -> None:
        told = outages(harness, (1, 10**9), until=30 * KEEP, look=10**9)
        gaps = [after - before for before, after in pairwise(told["words"])]
        assert set(gaps[:12]) == {BEAT}
        assert set(gaps[13:]) == {KEEP}

    def test_words_become_rare_step_by_step_for_whoever_never_answered(self, harness: Harness) -> None:
        told = outages(harness, (0, 10**9), until=10 * KEEP, look=10**9)
        gaps = [after - before for before, after in pairwise(told["words"])]
        assert gaps[:5] == [10_000, 20_000, 40_000, 80_000, KEEP]
        assert set(gaps[5:]) == {KEEP}

    def test_beats_that_are_rarer_than_the_lease_allows(self, harness: Harness) -> None:
        """spark.executor.heartbeatInterval is for others as well: services hear often enough all the same."""
        told = outages(harness, until=10 * KEEP, interval=2 * KEEP)
        assert told["over"] is None
        assert told["words"][1] == KEEP // 3
