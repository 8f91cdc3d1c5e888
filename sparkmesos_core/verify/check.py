"""What checks are made of: how they are declared, what they answer, and what comes of it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from enum import Enum

from sparkmesos_core.conf.finding import Finding, Severity
from sparkmesos_core.conf.setting import Origin
from sparkmesos_core.verify.known import Known


class Group(Enum):
    """What a check is about, in the order in which one thing rests on another."""

    CLIENT = "client"
    MASTER = "master"
    AGENTS = "agents"
    FRAMEWORKS = "frameworks"
    DISTRIBUTION = "distribution"
    SERVICES = "services"
    LOGS = "logs"
    PROBE = "probe"

    @property
    def title(self) -> str:
        """For people."""
        return _TITLES[self]


_TITLES = {
    Group.CLIENT: "Client",
    Group.MASTER: "Master",
    Group.AGENTS: "Agents",
    Group.FRAMEWORKS: "Frameworks and tasks",
    Group.DISTRIBUTION: "Distribution",
    Group.SERVICES: "Dispatcher, shuffle service, history server",
    Group.LOGS: "Logs",
    Group.PROBE: "Probe",
}


@dataclass(frozen=True)
class Problem:
    """One thing that is wrong. No text in it ever contains a secret."""

    severity: Severity
    message: str
    """What is wrong and where, in a line without a final full stop."""
    hint: str
    """What to do about it; who follows it has the check succeed. Never empty for errors and warnings."""
    key: str = ""
    """The property of Spark that it is about; empty if it is about none or several."""
    origin: Origin | None = None
    """Where that is set."""
    details: tuple[str, ...] = ()
    """Lines that show it: agents it holds for, the end of a task's stderr, lines of a log."""
    brief: tuple[str, ...] = ()
    """What tells the most of these, for a terminal, where all of them would hide the rest; else empty."""


@dataclass(frozen=True)
class Verdict:
    """What a check answers."""

    seen: str
    """What was looked at, as it is, in a line: `Mesos 1.12.0 at http://127.0.0.1:5050`. Never empty."""
    problems: tuple[Problem, ...] = ()
    """None if all is well."""
    applies: bool = True
    """False if there is nothing to check; `seen` says why: `no executor URI is set`."""


def not_applicable(why: str) -> Verdict:
    """The verdict of a check that has nothing to look at."""
    return Verdict(why, applies=False)


def problem_of(finding: Finding) -> Problem:
    """What a rule of the configuration or of the preflight has found, as a problem of a check."""
    return Problem(finding.severity, finding.message, finding.hint, finding.key, finding.origin)


@dataclass(frozen=True)
class Check:
    """One check. Command, documentation and tests all take it from one table, `all_checks`."""

    id: str
    """In kebab case, beginning with what it is about: `master-version`."""
    group: Group
    title: str
    """What is as it should be if it succeeds, as a noun phrase: `Version of the leading master`."""
    severity: Severity
    """The worst that it reports."""
    finds: str
    """For the documentation: what it finds, as a phrase without a full stop, with the symptom people see."""
    remedy: str
    """For the documentation: what to do about it, in one or two sentences."""
    run: Callable[[Known], Verdict]
    needs_probe: bool = False
    """Whether it starts something on the cluster, so that it has to be asked for."""
    reads_tasks: bool = False
    """Whether it looks at frameworks and tasks, of which a large master has many: it asks for STATE."""


CheckFunction = Callable[[Known], Verdict]


class Checks(list[Check]):
    """The checks of one module, in its order: those that others rest on come first."""

    def __init__(self, group: Group) -> None:
        super().__init__()
        self.group = group

    def add(
        self,
        id: str,
        title: str,
        severity: Severity,
        *,
        finds: str,
        remedy: str,
        needs_probe: bool = False,
        reads_tasks: bool = False,
    ) -> Callable[[CheckFunction], CheckFunction]:
        """Declares the function below as a check.

        It may raise UnknownFactError, by asking for a fact, and SparkMesosError, which becomes a problem of
        the check's severity.
        """

        def declare(run: CheckFunction) -> CheckFunction:
            self.append(Check(id, self.group, title, severity, finds, remedy, run, needs_probe, reads_tasks))
            return run

        return declare


class Status(Enum):
    """What came of a check."""

    OK = "ok"
    NOTE = "note"
    WARNING = "warning"
    ERROR = "error"
    SKIPPED = "skipped"
    """There was nothing to check, or it could not be, since another check has failed."""


@dataclass(frozen=True)
class Result:
    """What came of a check, and how long it took."""

    check: Check
    status: Status
    seen: str
    """What was seen; of a check that was skipped, why it was; of one that failed to find out, that."""
    problems: tuple[Problem, ...] = ()
    """The worst first."""
    follows: str = ""
    """The id of the check whose failure has kept this one from being made; else empty."""
    seconds: float = 0.0
