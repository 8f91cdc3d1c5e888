"""Lines of logs are as those of Mesos, and stay lines."""

from __future__ import annotations

import json
import logging
import re
from pathlib import Path

import pytest

from sparkmesos_core.localcluster.log_lines import GlogFormatter, LogFile, one_line

LINE = re.compile(r"([IWEF])(\d{8} \d\d:\d\d:\d\d\.\d{6}) +(\d+) ([\w.]+:\d+)\] (.*)", re.DOTALL)
RECORDINGS = Path(__file__).parents[2] / "contract" / "recordings" / "mesos-1.12.0"


def record(level: int, text: str, *values: object) -> logging.LogRecord:
    return logging.LogRecord("name", level, "/folder/master.py", 83, text, values, None)


@pytest.mark.parametrize(
    ("level", "letter"),
    [
        (logging.DEBUG, "I"),
        (logging.INFO, "I"),
        (logging.WARNING, "W"),
        (logging.ERROR, "E"),
        (logging.CRITICAL, "F"),
    ],
)
def test_a_line(level: int, letter: str) -> None:
    found = LINE.fullmatch(GlogFormatter().format(record(level, "%d agents", 3)))
    assert found is not None
    assert (found[1], found[4], found[5]) == (letter, "master.py:83", "3 agents")


def test_the_form_is_that_of_the_recorded_log() -> None:
    exchanges = json.loads((RECORDINGS / "master-files-log.json").read_text())["exchanges"]
    *_, form, line = exchanges[1]["response"]["body"]["data"].splitlines()
    assert form == "Log line format: [IWEF]yyyymmdd hh:mm:ss.uuuuuu threadid file:line] msg"
    begin = re.compile(r"I\d{8} \d\d:\d\d:\d\d\.\d{6} ( *)\d+")
    assert begin.fullmatch(line)  # cut off there
    for number, spaces in ((7, 4), (26728, 0), (4_000_000, 0)):  # glog gives it five places
        written = record(logging.INFO, "")
        written.process = number
        found = begin.match(GlogFormatter().format(written))
        assert found is not None
        assert len(found[1]) == spaces


def test_a_traceback_stands_below_its_line() -> None:
    try:
        raise ValueError("what is wrong")
    except ValueError as error:
        failed = record(logging.ERROR, "failed")
        failed.exc_info = (type(error), error, error.__traceback__)
    lines = GlogFormatter().format(failed).splitlines()
    assert lines[0].endswith("] failed")
    assert lines[-1] == "ValueError: what is wrong"


def test_a_file_has_what_is_said(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    log = LogFile(tmp_path / "agent.log", logging.getLogger("of the tests"))
    with caplog.at_level(logging.ERROR, "of the tests"):
        log.info("task %s of %s", "a\nb", 3)
        log.warning("it is %s", "late")
        log.error("it has failed")
    lines = (tmp_path / "agent.log").read_text().splitlines()
    found = [LINE.fullmatch(line) for line in lines]
    assert [(one[1], one[5]) for one in found if one] == [
        ("I", r"task a\nb of 3"), ("W", "it is late"), ("E", "it has failed"),
    ]  # fmt: skip
    assert {one[4].partition(":")[0] for one in found if one} == {"test_log_lines.py"}
    assert caplog.messages == ["it has failed"]
    assert caplog.records[0].filename == "test_log_lines.py"


def test_without_a_file_or_with_one_that_cannot_be_written(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    LogFile(None, logging.getLogger("of the tests")).warning("to all")
    LogFile(tmp_path, logging.getLogger("of the tests")).warning("to all")
    assert caplog.messages == ["to all", "to all", f"{tmp_path} cannot be written: Is a directory"]


def test_whatever_a_name_holds_it_stays_one_line() -> None:
    assert one_line("a\r\nb\x1b[0m\u2028ü") == r"a\r\nb\x1b[0m\u2028ü"
