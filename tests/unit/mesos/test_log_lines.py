"""Lines of logs become records, and records that say the same become groups."""

from __future__ import annotations

from datetime import datetime

import pytest

from sparkmesos_core.mesos.log_lines import Level, LogRecord, grouped, parse_log, template

OF_2026 = "E20261122 07:54:42.494437 21723 fetcher.cpp:615] EXIT with status 1: Failed to fetch 'x'"
WITHOUT_YEAR = "W1122 07:54:42.494437 21723 slave.cpp:1636] Failed to authenticate with master"
ZOOKEEPER = (
    "2026-11-22 08:00:15,743:26728(0x7f41c0a0c700):ZOO_ERROR@handle_socket_error_msg@1758: Socket "
    "[127.0.0.1:2181] zk retcode=-4, errno=111(Connection refused)"
)
EMBEDDED = "W20261123 08:45:00.120000 4711 master.py:83] an agent is gone"


def only(text: str, year: int = 2026) -> LogRecord:
    (record,) = parse_log(text, year=year)
    return record


def test_newer_glog() -> None:
    assert only(OF_2026) == LogRecord(
        Level.ERROR,
        datetime(2026, 11, 22, 7, 54, 42, 494437),
        "fetcher.cpp:615",
        "EXIT with status 1: Failed to fetch 'x'",
    )


def test_older_glog_does_not_tell_the_year() -> None:
    record = only(WITHOUT_YEAR, 2017)
    assert (record.level, record.at) == (Level.WARNING, datetime(2017, 11, 22, 7, 54, 42, 494437))
    assert record.source == "slave.cpp:1636"


def test_years_that_are_not_told_go_on() -> None:
    lines = ["I1231 23:59:59.000000 1 a.cpp:1] old", "I0101 00:00:01.000000 1 a.cpp:1] new"]
    assert [record.at and record.at.year for record in parse_log("\n".join(lines), year=2026)] == [2025, 2026]


def test_lines_of_zookeeper() -> None:
    record = only(ZOOKEEPER)
    assert (record.level, record.source) == (Level.ERROR, "handle_socket_error_msg")
    assert record.at == datetime(2026, 11, 22, 8, 0, 15, 743000)
    assert "zk retcode=-4" in record.text


def test_lines_of_the_embedded_mesos() -> None:
    record = only(EMBEDDED)
    assert (record.level, record.source, record.text) == (Level.WARNING, "master.py:83", "an agent is gone")


def test_what_begins_no_record_continues_the_one_above() -> None:
    (record,) = parse_log(f"the end of something\n{OF_2026}\n\n    at a\n    at b", year=2026)
    assert record.more == ("    at a", "    at b")
    assert record.whole.endswith("Failed to fetch 'x' at a at b")


def test_pages_of_continuation_are_cut() -> None:
    (record,) = parse_log("\n".join([OF_2026, *(["x" * 10_000] * 1000)]), year=2026)
    assert len(record.whole) < 5000


def test_no_secret_is_cut_in_two() -> None:
    url = f"https://hdfs:{'tale-of-two-cities' * 30}@storage/spark.tgz"
    record = only(f"{OF_2026} and then {url}\n  again {url}")
    assert "tale-of" not in record.whole
    assert record.whole.count("https://hdfs:***@storage") == 2


@pytest.mark.parametrize("text", ["", "\n\n", "nothing of a log", "E20261322 07:54:42 broken", "\0\x85\n"])
def test_no_log(text: str) -> None:
    assert parse_log(text, year=2026) == ()


def test_times_that_cannot_be() -> None:
    assert only("E20261332 27:54:42.494437 21723 a.cpp:1] x").at is None
    assert only("E0229 07:54:42.494437 21723 a.cpp:1] x", 2026).at is None


def test_groups_pass_over_names_and_numbers() -> None:
    text = "Failed to get resource statistics for executor '{}' of framework {}-000{}"
    ids = ("0ab1c2d3-1234-5678-9abc-def012345678", "ffffffff-1234-5678-9abc-def012345678")
    records = [
        LogRecord(Level.WARNING, datetime(2026, 1, 1, minute=n), "slave.cpp:1", text.format(n, ids[n % 2], n))
        for n in range(4)
    ]
    (group,) = grouped([("a:1", records[:3]), ("b:1", records[3:])])
    assert (group.count, group.latest, group.places) == (4, records[3], ("a:1", "b:1"))


def test_addresses_do_not_matter() -> None:
    one = "Refusing registration of agent at slave(1)@10.0.0.7:5051 because it is not authenticated"
    other = "Refusing registration of agent at slave(2)@10.0.0.17:5052 because it is not authenticated"
    assert template(one) == template(other)
    assert template(one) != template("Refusing registration of agent at slave(1)@10.0.0.7:5051 because it is")


def test_paths_do_not_matter() -> None:
    said = [f"Refused 10.0.0.7 with wrong credentials: {path}" for path in ("/flags", "/roles", "/api/v1")]
    assert len({template(each) for each in said}) == 1
    assert template("Failed to remove /var/lib/a: busy") == template("Failed to remove /srv/b: busy")
    assert template("Failed to remove /var/lib/a: busy") != template("Failed to remove /srv/b: gone")
    assert template("read/write error") != template("read/only error")


def test_the_worst_comes_first_and_then_the_newest() -> None:
    def record(level: Level, minute: int) -> LogRecord:
        return LogRecord(level, datetime(2026, 1, 1, minute=minute), "a.cpp:1", "abcdefgh"[minute])

    made = [record(Level.WARNING, 5), record(Level.ERROR, 1), record(Level.ERROR, 3), record(Level.FATAL, 0)]
    assert [group.latest.text for group in grouped([("a", made)])] == ["a", "d", "b", "f"]
