"""Subjects, checks and results for tests of what verifies a cluster."""

from __future__ import annotations

import io
from collections.abc import Callable, Mapping
from typing import Any

from sparkmesos_core.client_configuration import ClientConfiguration
from sparkmesos_core.conf.configuration import Configuration
from sparkmesos_core.conf.finding import Severity
from sparkmesos_core.conf.setting import Origin, Setting, Source
from sparkmesos_core.conf.spark_env import SparkEnv
from sparkmesos_core.master import HostPort, MesosMaster
from sparkmesos_core.spark.arguments import SubmitArguments
from sparkmesos_core.verify.check import Check, Group, Problem, Result, Status, Verdict
from sparkmesos_core.verify.known import Known
from sparkmesos_core.verify.subject import Subject


def subject(
    settings: Mapping[str, str] | None = None, environment: Mapping[str, str] | None = None, **others: Any
) -> Subject:
    """One with these properties and this environment; nothing of this machine is read."""
    layer = [Setting(key, value, Origin(Source.CONF, "--conf")) for key, value in (settings or {}).items()]
    client = ClientConfiguration(
        arguments=SubmitArguments.parse(()),
        spark=None,
        env=SparkEnv(environment or {}),
        configuration=Configuration([layer]),
        translated=(),
        properties_file=None,
        more_properties_files=(),
        findings=(),
    )
    others.setdefault("master", MesosMaster((HostPort("127.0.0.1", 5050),)))
    return Subject(client=client, **others)


def check(
    id: str = "one",
    run: Callable[[Known], Verdict] = lambda known: Verdict("seen"),
    *,
    group: Group = Group.MASTER,
    severity: Severity = Severity.ERROR,
    needs_probe: bool = False,
) -> Check:
    return Check(
        id, group, f"Title of {id}", severity, f"finds {id}", f"Remedy of {id}.", run, needs_probe=needs_probe
    )


def problem(severity: Severity = Severity.ERROR, message: str = "it is wrong", **others: Any) -> Problem:
    others.setdefault("hint", "mend it")
    return Problem(severity, message, **others)


def result(of: Check, *problems: Problem, status: Status | None = None, **others: Any) -> Result:
    """What came of a check, with the status that its problems (the worst first) make of it."""
    if status is None:
        status = Status(problems[0].severity.value) if problems else Status.OK
    others.setdefault("seen", f"seen by {of.id}")
    return Result(of, status, problems=problems, **others)


class Stdout(io.StringIO):
    """A stdout of the test's choice: a terminal or a pipe, of this encoding."""

    def __init__(self, *, terminal: bool, encoding: str = "utf-8") -> None:
        super().__init__()
        self._terminal = terminal
        self._encoding = encoding

    @property
    def encoding(self) -> str:  # type: ignore[override]
        return self._encoding

    def isatty(self) -> bool:
        return self._terminal
