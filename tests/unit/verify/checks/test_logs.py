"""What is said about the ends of logs."""

from __future__ import annotations

from datetime import datetime, timedelta

from sparkmesos_core.conf.finding import Severity
from sparkmesos_core.mesos.log_lines import Level, LogRecord
from sparkmesos_core.verify.checks.logs import log_verdict
from sparkmesos_core.verify.facts.logs import LogEnd

NOW = datetime(2026, 11, 23, 9)
SEEN = "the last lines"


def record(text: str, level: Level = Level.ERROR, ago: timedelta = timedelta()) -> LogRecord:
    return LogRecord(level, NOW - ago, "slave.cpp:1", text)


def end(*records: LogRecord, whose: str = "a:5051") -> LogEnd:
    return LogEnd(whose, records, len(records))


def test_nothing_to_complain_about() -> None:
    verdict = log_verdict([end(record("Got registered", Level.INFO))], SEEN)
    assert (verdict.seen, verdict.problems) == ("the last lines: no errors or warnings", ())


def test_known_trouble_has_its_own_advice() -> None:
    verdict = log_verdict([end(record("Failed to accept: Too many open files"))], SEEN)
    (problem,) = verdict.problems
    assert verdict.seen == "the last lines: 1 error"
    assert problem.severity is Severity.WARNING
    assert problem.message == (
        "It has reached its limit of open files: «Failed to accept: Too many open files» once, the latest at "
        "2026-11-23 09:00:00, in the log of a:5051"
    )
    assert "LimitNOFILE" in problem.hint
    assert "--log-lines" in problem.hint


def test_alike_ones_are_counted_over_all_logs() -> None:
    logs = [
        end(*(record(f"cannot do {n}", ago=timedelta(seconds=n)) for n in range(3)), whose=f"{name}:5051")
        for name in "abcde"
    ]
    (problem,) = log_verdict(logs, SEEN).problems
    assert "«cannot do 0» 15 times" in problem.message
    assert problem.message.endswith("in the logs of a:5051, b:5051, c:5051 and 2 more")


def test_unknown_warnings_are_notes_and_errors_are_warnings() -> None:
    verdict = log_verdict(
        [end(record("odd", Level.WARNING), record("worse"), record("dead", Level.FATAL))], SEEN
    )
    assert verdict.seen == "the last lines: 2 errors and 1 warning"
    assert [problem.severity for problem in verdict.problems] == [
        Severity.WARNING,
        Severity.WARNING,
        Severity.NOTE,
    ]


def test_harmless_errors_are_notes() -> None:
    text = "Failed to shutdown socket 31 to peer '1.2.3.4:1': Transport endpoint is not connected"
    (problem,) = log_verdict([end(record(text))], SEEN).problems
    assert problem.severity is Severity.NOTE


def test_what_mesos_takes_for_information_but_is_trouble() -> None:
    text = "Terminating executor '0' because it did not register within 1mins"
    (problem,) = log_verdict([end(record(text, Level.INFO))], SEEN).problems
    assert problem.severity is Severity.WARNING
    assert "--executor_registration_timeout" in problem.hint


def test_what_is_long_past_is_a_note() -> None:
    old, new = record("broken", ago=timedelta(hours=2)), record("fine", Level.INFO)
    (problem,) = log_verdict([end(old, new)], SEEN).problems
    assert problem.severity is Severity.NOTE
    # Every agent has a clock of its own: there it is new.
    (problem,) = log_verdict([end(old, new), end(old, whose="b:5051")], SEEN).problems
    assert problem.severity is Severity.WARNING


def test_several_messages_that_mean_the_same_are_told_once() -> None:
    texts = ["Failed to authenticate with master: x", "Authentication of slave(1) was unsuccessful"]
    after = record("Failed to authenticate with master: x; trying again", Level.INFO)
    (problem,) = log_verdict([end(*map(record, texts), after)], SEEN).problems
    assert "2 times" in problem.message
    assert len(problem.details) == 1


def test_many_kinds_are_bounded() -> None:
    words = "abcdefghijklmnop"
    verdict = log_verdict([end(*(record(f"broken {letter}") for letter in words))], SEEN)
    assert len(verdict.problems) == 9
    assert verdict.problems[-1].message == "8 more kinds of messages"
    assert verdict.problems[-1].severity is Severity.NOTE


def test_one_more_kind() -> None:
    verdict = log_verdict([end(*(record(f"broken {letter}") for letter in "abcdefghi"))], SEEN)
    assert verdict.problems[-1].message == "1 more kind of messages"


def test_tasks_that_are_told_of_elsewhere_are_left_out() -> None:
    text = "Container '{0}' for executor '{0}' of framework {1} failed to start: Failed to fetch all URIs"
    logs = [end(record(text.format(1, "f-0001")), record(text.format(2, "f-0002")))]
    verdict = log_verdict(logs, SEEN, {"f-0001"})
    assert verdict.seen == "the last lines: 2 errors; 1 line is about tasks that failed: see tasks-failing"
    (problem,) = verdict.problems
    assert "f-0002" in problem.message
    assert " once" in problem.message
    assert log_verdict(logs, SEEN, {"f-0001", "f-0002"}).problems == ()


def test_secrets_and_control_characters_are_not_shown() -> None:
    text = "cannot run \x1b[2J --conf spark.mesos.secret=tale-of-two-cities zk://u:pw-1234@h:2181/mesos"
    (problem,) = log_verdict([end(record(text))], SEEN).problems
    assert "tale-of-two-cities" not in problem.message
    assert "pw-1234" not in problem.message
    assert problem.message.isprintable()


def test_long_records_are_cut() -> None:
    (problem,) = log_verdict([end(record("word " * 80))], SEEN).problems
    assert len(problem.message) < 320
