"""What the logs of the leading master and of agents complain about."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Container, Iterable, Sequence
from dataclasses import dataclass
from datetime import timedelta

from sparkmesos_core.conf.finding import Severity
from sparkmesos_core.mesos.log_lines import Level, LogGroup, LogRecord, grouped
from sparkmesos_core.quoting import printable
from sparkmesos_core.redaction import redact_text
from sparkmesos_core.verify.check import Checks, Group, Problem, Verdict, not_applicable
from sparkmesos_core.verify.facts.cluster import STATE
from sparkmesos_core.verify.facts.logs import AGENT_LOGS, MASTER_LOG, LogEnd, MayNotReadError
from sparkmesos_core.verify.known import Known, UnknownFactError
from sparkmesos_core.verify.log_troubles import LogTrouble, known_trouble
from sparkmesos_core.verify.probe.names import TASK_PREFIX

CHECKS = Checks(Group.LOGS)

RECENT = timedelta(hours=1)
"""What was said longer before the end of a log is worth no more than a note."""

_FRAMEWORK = re.compile(r"\bframework '?([\w-]+)")
_MOST_GROUPS = 8
_MOST_DETAILS = 3
_LONGEST_SHOWN = 200
_FEWER = "Once that is mended, fewer --log-lines leave out what is older."
_ACL = "Have an operator add the ACL access_mesos_logs for spark.mesos.principal to --acls of the {whom}."
_NOT_LOGGING = (
    "does not write its log to files (--log_dir is not set): it is on its stderr, with systemd in "
    "`journalctl -u mesos-{unit}`"
)


@CHECKS.add(
    "logs-master",
    "Errors and warnings in the master's log",
    Severity.WARNING,
    finds="errors and warnings among the last lines of the master's log (`/files` of the master), alike ones "
    "counted together; known ones with what they mean, such as *Refusing subscription of framework*, "
    "*Failed to recover registrar* or *Too many open files*",
    remedy="Do what is said about the message. Messages that are not known here have to be judged by what "
    "stands around them in the log; `--log-lines N` reads more or fewer.",
)
def _logs_master(known: Known) -> Verdict:
    try:
        end = known[MASTER_LOG]
    except UnknownFactError as unknown:
        if not isinstance(unknown.error, MayNotReadError):
            raise
        # As it may well be meant.
        return Verdict(
            unknown.error.message,
            (Problem(Severity.NOTE, unknown.error.message, _ACL.format(whom="masters")),),
        )
    if end is None:
        return not_applicable(f"the master {_NOT_LOGGING.format(unit='master')}")
    return log_verdict([end], f"the last {_lines(end.lines)} of the log of {end.whose}")


@CHECKS.add(
    "logs-agents",
    "Errors and warnings in the agents' logs",
    Severity.WARNING,
    finds="errors and warnings in the logs of some agents, those in trouble first, but for what failed tasks "
    "tell already: *did not register within*, *None of the enabled containerizers*, *Memory limit exceeded*, "
    "*No space left on device*",
    remedy="Do what is said about the message, on the agents that are named with it.",
)
def _logs_agents(known: Known) -> Verdict:
    logs = known[AGENT_LOGS]
    if not logs.agents:
        return not_applicable("no agent is registered")
    if logs.without and not (logs.ends or logs.refused or logs.silent):
        each = "the agent" if logs.agents == 1 else "each agent asked"
        return not_applicable(f"{each} {_NOT_LOGGING.format(unit='slave')}")
    if logs.silent and not (logs.ends or logs.refused):
        some, why = next(iter(logs.silent.items()))
        return not_applicable(f"no log could be read of {_agents(logs.asked)}: {some}: {why}")
    seen = f"the last {_lines(sum(end.lines for end in logs.ends))} of the logs of {_agents(len(logs.ends))}"
    if logs.asked < logs.agents:
        seen += f" ({logs.asked} of {logs.agents} asked)"
    for names, what in ((logs.without, "without a log"), (tuple(logs.silent), "without an answer")):
        if names:
            seen += f", {len(names)} {what}"
    verdict = log_verdict(logs.ends, seen, _frameworks_told(known))
    if logs.refused:
        problem = Problem(
            Severity.NOTE,
            f"{_agents(len(logs.refused))} let nobody read the log who is not allowed to",
            _ACL.format(whom="agents"),
            details=logs.refused,
        )
        verdict = Verdict(verdict.seen, (*verdict.problems, problem))
    return verdict


def _frameworks_told(known: Known) -> frozenset[str]:
    """The frameworks whose failed tasks are told of already, if tasks are looked at."""
    if not known.reads_tasks:
        return frozenset()
    return frozenset(one.id for one in known[STATE].frameworks if one.failed)


def log_verdict(ends: Sequence[LogEnd], seen: str, told: Container[str] = ()) -> Verdict:
    """What is to be said about these logs; `seen` is what was read.

    What is about a framework that is `told` of, by its id, is left out: why its tasks fail is said elsewhere.
    """
    complaints = [(end.whose, [one for one in end.records if _complains(one)]) for end in ends]
    counts = Counter(record.level for _, records in complaints for record in records)
    errors, warnings = counts[Level.ERROR] + counts[Level.FATAL], counts[Level.WARNING]
    amounts = [_count(errors, "error"), _count(warnings, "warning")]
    seen = f"{seen}: {' and '.join(each for each in amounts if each) or 'no errors or warnings'}"
    left = [(whose, [one for one in records if not _is_about(one, told)]) for whose, records in complaints]
    if about := sum(len(records) for _, records in complaints) - sum(len(records) for _, records in left):
        lines = "1 line is" if about == 1 else f"{about} lines are"
        seen += f"; {lines} about tasks that failed: see tasks-failing"
    recent = _Recent.of(ends)
    findings = _merged(grouped(left))
    problems = [_problem(one, recent) for one in findings]
    order = list(Severity)
    problems.sort(key=lambda one: order.index(one.severity))
    if len(problems) > _MOST_GROUPS:
        rest = problems[_MOST_GROUPS:]
        more = Problem(
            Severity.NOTE,
            f"{_count(len(rest), 'more kind')} of messages",
            "Fewer --log-lines show only what is new.",
            details=tuple(problem.message for problem in rest[:_MOST_GROUPS]),
        )
        problems = [*problems[:_MOST_GROUPS], more]
    return Verdict(seen, tuple(problems))


def _complains(record: LogRecord) -> bool:
    """Whether a record is worth telling: by its level, or since it is known to mean trouble."""
    if TASK_PREFIX in record.whole:
        return False  # of a probe of ours, whose checks told it, and which is over
    if record.level > Level.INFO:
        return True
    trouble = known_trouble(record.whole)
    return trouble is not None and trouble.severity is not Severity.NOTE


def _is_about(record: LogRecord, frameworks: Container[str]) -> bool:
    return any(name in frameworks for name in _FRAMEWORK.findall(record.whole))


@dataclass(frozen=True)
class _Finding:
    trouble: LogTrouble | None
    groups: tuple[LogGroup, ...]
    """The newest of the worst level first; more than one where several messages mean the same."""

    @property
    def latest(self) -> LogRecord:
        return max((group.latest for group in self.groups), key=lambda one: (one.at is not None, one.at or 0))

    @property
    def places(self) -> tuple[str, ...]:
        return tuple(dict.fromkeys(place for group in self.groups for place in group.places))


def _merged(groups: Iterable[LogGroup]) -> list[_Finding]:
    """Those together that mean the same, by their worst: what comes of it is often said, too, less loud."""
    known: dict[LogTrouble, list[LogGroup]] = {}
    findings: list[LogTrouble | LogGroup] = []
    for group in groups:
        trouble = known_trouble(group.latest.whole)
        if trouble is None:
            findings.append(group)
        elif trouble in known:
            known[trouble].append(group)
        else:
            known[trouble] = [group]
            findings.append(trouble)
    return [
        _Finding(None, (one,)) if isinstance(one, LogGroup) else _Finding(one, _worst(known[one]))
        for one in findings
    ]


def _worst(groups: Sequence[LogGroup]) -> tuple[LogGroup, ...]:
    level = max(group.level for group in groups)
    return tuple(group for group in groups if group.level == level)


@dataclass(frozen=True)
class _Recent:
    """Since when a record counts as recent, by whose log it is in: all clocks are their owners'."""

    ends: dict[str, LogRecord]

    @classmethod
    def of(cls, logs: Iterable[LogEnd]) -> _Recent:
        return cls({log.whose: log.records[-1] for log in logs if log.records})

    def has(self, record: LogRecord, places: Iterable[str]) -> bool:
        for place in places:
            newest = self.ends[place].at
            if record.at is None or newest is None or newest - record.at <= RECENT:
                return True
        return False


def _problem(finding: _Finding, recent: _Recent) -> Problem:
    latest, trouble = finding.latest, finding.trouble
    count = sum(group.count for group in finding.groups)
    if trouble is not None:
        severity, hint = trouble.severity, trouble.hint
    else:
        severity = Severity.NOTE if latest.level is Level.WARNING else Severity.WARNING
        hint = (
            "Read what stands around it in the log; if it is known to be harmless, leave it out with --skip."
        )
    if severity is not Severity.NOTE:
        hint = f"{hint} {_FEWER}"
    # The newest of the whole finding may be of another log than the one that is recent by its own clock.
    if not any(recent.has(group.latest, group.places) for group in finding.groups):
        severity = Severity.NOTE
    when = f", the latest at {latest.at:%Y-%m-%d %H:%M:%S}" if latest.at is not None else ""
    times = "once" if count == 1 else f"{count} times"
    where = _where(finding.places)
    said = f"«{_shown(latest)}» {times}{when}{where}"
    message = said if trouble is None else f"{_upper(trouble.meaning)}: {said}"
    details = tuple(
        f"{printable(group.latest.source)}: {_shown(group.latest)}"
        for group in finding.groups[:_MOST_DETAILS]
        if _shown(group.latest) != _shown(latest)
    )
    return Problem(severity, message, hint, details=details)


def _where(places: Sequence[str]) -> str:
    if len(places) == 1:
        return f", in the log of {places[0]}"
    return f", in the logs of {', '.join(places[:3])}" + (
        f" and {len(places) - 3} more" if places[3:] else ""
    )


def _shown(record: LogRecord) -> str:
    text = printable(redact_text(record.whole))
    return text if len(text) <= _LONGEST_SHOWN else text[:_LONGEST_SHOWN] + "…"


def _upper(text: str) -> str:
    return text[:1].upper() + text[1:]


def _count(number: int, noun: str) -> str:
    return f"{number} {noun}{'' if number == 1 else 's'}" if number else ""


def _lines(number: int) -> str:
    return "line" if number == 1 else f"{number} lines"


def _agents(number: int) -> str:
    return "1 agent" if number == 1 else f"{number} agents"
