"""What the shuffle service for Spark 4 makes of what it hears, and how drivers tell it: pure code, and time."""

from __future__ import annotations

import base64
import struct
from typing import TYPE_CHECKING, Any

import pytest

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
    """What was said to whom: agent, timeout, when."""
    return [tuple(one) for one in harness.ask("contacts", {"keep": 600, "interval": 20, **argument})]


class TestContacts:
    def test_a_service_of_ours(self, harness: Harness) -> None:
        said = words(harness, agents={"a": ["ours"], "b": ["ours"]}, words=6)
        assert {agent for agent, keep, _ in said if keep == 600} == {"a", "b"}
        # It is told of the end, and nothing behind that.
        assert sorted(said[-3:-1])[0][:2] == ("a", 0)
        assert sorted(said[-3:-1])[1][:2] == ("b", 0)
        assert said[-1][0] == "closed"
        assert [keep for _, keep, _ in said].count(0) == 3  # with that of "closed"

    def test_a_service_of_spark_3_warns_of_who_comes_again(self, harness: Harness) -> None:
        """So it is told rarely: every third of the time that it waits."""
        said = words(harness, agents={"a": ["sparks"]}, words=2)
        assert said[1][2] >= 190

    def test_one_that_is_away_does_not_keep_others(self, harness: Harness) -> None:
        said = words(harness, agents={"a": ["away"], "b": ["ours"]}, words=12)
        times = [at for agent, _, at in said if agent == "a"]
        assert len(times) >= 2
        assert len([agent for agent, _, _ in said if agent == "b"]) > len(times)
        assert ("a", 0) not in [one[:2] for one in said]  # it would only take time

    def test_one_that_was_away_is_told_again(self, harness: Harness) -> None:
        said = words(harness, agents={"a": ["away", "unknown", "away", "ours"]}, words=5)
        assert [one[:2] for one in said][:5] == [("a", 600)] * 5
        assert said[-2][:2] == ("a", 0)

    def test_another_executor_is_a_reason_to_try_at_once(self, harness: Harness) -> None:
        """While the next trial would be seconds away."""
        said = words(
            harness, agents={"a": ["away", "ours"]}, words=1, again=["a"], interval=20_000, keep=60_000
        )
        assert [one[:2] for one in said] == [("a", 60_000), ("a", 60_000), ("a", 0), ("closed", 0)]
        assert said[1][2] < 15_000

    def test_another_executor_is_no_reason_where_all_is_well(self, harness: Harness) -> None:
        said = words(harness, agents={"a": ["ours"], "b": ["ours"]}, words=2, interval=20_000, keep=60_000)
        assert [one[:2] for one in said].count(("a", 60_000)) == 1
