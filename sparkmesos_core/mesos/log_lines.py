"""What stands in the logs of Mesos masters and agents: records, and groups of those that say the same. Pure.

They are written by glog: `E1122 08:00:15.743748 26728 slave.cpp:6991] message`, since its version 0.6 with
the year in front of the month (as recorded from Mesos 1.12.0). ZooKeeper's C client writes lines of its own
between them. Lines that begin no record continue the one above.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from enum import IntEnum

from sparkmesos_core.redaction import redact_text

_GLOG = re.compile(
    r"([IWEF])(\d{4})?(\d\d)(\d\d) (\d\d):(\d\d):(\d\d)\.(\d{6})\s+(\d+) ([^\]\s]+:\d+)\] ?(.*)"
)
_ZOOKEEPER = re.compile(
    r"(\d{4})-(\d\d)-(\d\d) (\d\d):(\d\d):(\d\d),(\d{3}):\d+\(0x[0-9a-f]+\):ZOO_([A-Z]+)@(\w+)@\d+: ?(.*)"
)
_LONGEST = 400
"""Characters of a record that are kept; a record can be a whole page of JSON."""
_MOST_MORE = 10
"""Continuing lines that are kept."""

_VARIABLE = re.compile(
    r"'[^']*'|\"[^\"]*\""  # what is quoted
    r"|\b[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}(?:-[\w-]+)?"  # ids of Mesos, with what is behind them
    r"|\S*(?:\d{1,3}\.){3}\d{1,3}(?::\d+)?"  # addresses, with the name of a process in front
    r"|(?<![^\s(])/\S+"  # paths, of files and of endpoints
    r"|\b0x[0-9a-f]+|[\w.-]*\d[\w.-]*"  # numbers, and names with numbers in them
)


class Level(IntEnum):
    """How bad a record is, by its own account."""

    INFO = 0
    WARNING = 1
    ERROR = 2
    FATAL = 3


_GLOG_LEVELS = {"I": Level.INFO, "W": Level.WARNING, "E": Level.ERROR, "F": Level.FATAL}
_WORDS = {"WARN": Level.WARNING, "ERROR": Level.ERROR}


@dataclass(frozen=True)
class LogRecord:
    """One record."""

    level: Level
    at: datetime | None
    """By the clock and in the time zone of who wrote it; None if it cannot be told."""
    source: str
    """Who says it: `slave.cpp:6991`."""
    text: str
    """What it says, without what is in front; the lines that continue it are in `more`."""
    more: tuple[str, ...] = ()

    @property
    def whole(self) -> str:
        """All of it that was kept, in a line."""
        return " ".join([self.text, *(line.strip() for line in self.more)]).strip()


def parse_log(text: str, *, year: int) -> tuple[LogRecord, ...]:
    """The records of a log, or of its end, the oldest first.

    What stands in front of the first record is left out: a line that is cut, or a head. Records without a
    year are taken for the latest possible ones before the end of `year`.
    """
    records: list[LogRecord] = []
    for line in text.splitlines():
        record = _record(line, year)
        if record is not None:
            records.append(record)
        elif records and line.strip() and len(records[-1].more) < _MOST_MORE:
            records[-1] = replace(records[-1], more=(*records[-1].more, _cut(line)))
    return _in_order(records)


@dataclass(frozen=True)
class LogGroup:
    """Records that say the same, but for names and numbers."""

    level: Level
    count: int
    latest: LogRecord
    places: tuple[str, ...] = ()
    """Whose logs they stand in."""


def grouped(logs: Iterable[tuple[str, Sequence[LogRecord]]]) -> tuple[LogGroup, ...]:
    """The records of several logs, each with whose it is, by what they say: the worst and newest first."""
    groups: dict[tuple[Level, str], LogGroup] = {}
    for place, records in logs:
        for record in records:
            key = record.level, template(record.text)
            known = groups.get(key)
            if known is None:
                groups[key] = LogGroup(record.level, 1, record, (place,))
                continue
            latest = record if _time(record) >= _time(known.latest) else known.latest
            places = known.places if place in known.places else (*known.places, place)
            groups[key] = LogGroup(record.level, known.count + 1, latest, places)
    return tuple(sorted(groups.values(), key=lambda one: (one.level, _time(one.latest)), reverse=True))


def template(text: str) -> str:
    """What a record says, without what differs: names in quotes, ids, addresses, paths, numbers."""
    return _VARIABLE.sub("…", text)


def _time(record: LogRecord) -> datetime:
    return record.at or datetime.min


def _record(line: str, year: int) -> LogRecord | None:
    if match := _GLOG.match(line):
        level, told, *numbers = match.groups()[:8]
        at = _moment([told or str(year), *numbers])
        return LogRecord(_GLOG_LEVELS[level], at, match[10], _cut(match[11]))
    if match := _ZOOKEEPER.match(line):
        at = _moment([*match.groups()[:6], f"{match[7]}000"])
        return LogRecord(_WORDS.get(match[8], Level.INFO), at, match[9], _cut(match[10]))
    return None


def _cut(text: str) -> str:
    """What is kept of a line. A secret that is cut in two would not be recognised as one any more."""
    return text if len(text) <= _LONGEST else redact_text(text)[:_LONGEST]


def _moment(numbers: Sequence[str]) -> datetime | None:
    try:
        return datetime(*map(int, numbers))  # type: ignore[arg-type]
    except ValueError:
        return None


def _in_order(records: list[LogRecord]) -> tuple[LogRecord, ...]:
    """With the years of records that tell none set so that time goes on: a log may begin in December."""
    ordered: list[LogRecord] = []
    following: datetime | None = None
    for record in reversed(records):
        at = record.at
        if at is not None and following is not None and at > following + timedelta(days=31):
            try:
                at = at.replace(year=at.year - 1)
            except ValueError:  # the 29th of February
                at = None
        following = at or following
        ordered.append(replace(record, at=at))
    return tuple(reversed(ordered))
