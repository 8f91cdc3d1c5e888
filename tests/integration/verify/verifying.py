"""Running `sparkmesos verify-cluster`, and reading what it reports."""

from __future__ import annotations

import contextlib
import io
import json
import os
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any
from unittest import mock

from sparkmesos_cli.main import run
from sparkmesos_core.verify.all_checks import ALL_CHECKS
from sparkmesos_core.verify.check import Status

SOUND = ("--conf", "spark.cores.max=2")
"""What an application should set on a shared cluster: with it a healthy cluster gets no warning."""

_TROUBLE = ("warning", "error")
_STATUSES = {status.value for status in Status}
_ITSELF = "the check itself failed"
"""What `run_checks` says where a check has a fault: no test may take that for what it is looking for."""
_NOT_INHERITED = ("SPARK", "MESOS", "PYSPARK", "JAVA", "HADOOP", "LIBPROCESS")
_OF_TESTS = ("SPARKMESOS_CACHE_DIR", "SPARKMESOS_STATE_DIR")

Record = dict[str, Any]


@dataclass(frozen=True, repr=False)
class Report:
    """What the command said: `checks` are its records by their ids, in the order of the table.

    There are none if it was refused, or ended before them: whoever asks then what fails is told so.
    """

    exit_code: int
    stderr: str
    checks: Mapping[str, Record] = field(default_factory=dict)

    def __post_init__(self) -> None:
        for name, check in self.checks.items():
            assert check["status"] in _STATUSES, f"{name} is {check['status']}"
            assert not str(check["seen"]).startswith(_ITSELF), self

    def failing(self) -> set[str]:
        """The checks that have a warning or an error."""
        return {name for name, check in self._made().items() if check["status"] in _TROUBLE}

    def errors(self) -> set[str]:
        """The checks that have an error."""
        return {name for name, check in self._made().items() if check["status"] == "error"}

    def follows(self) -> dict[str, str]:
        """The checks that could not be made, each with the one whose failure has kept it from that."""
        return {name: check["follows"] for name, check in self._made().items() if check["follows"]}

    def _made(self) -> Mapping[str, Record]:
        assert self.checks, f"no check was made: {self}"
        return self.checks

    def status(self, name: str) -> str:
        return str(self.checks[name]["status"])

    def seen(self, name: str) -> str:
        return str(self.checks[name]["seen"])

    def problems(self, name: str) -> list[Record]:
        return list(self.checks[name]["problems"])

    def problem(self, name: str) -> Record:
        """The only problem of a check."""
        problems = self.problems(name)
        assert len(problems) == 1, f"{name} has {len(problems)} problems: {problems}\n{self}"
        return problems[0]

    def message(self, name: str) -> str:
        return str(self.problem(name)["message"])

    def hint(self, name: str) -> str:
        return str(self.problem(name)["hint"])

    def __repr__(self) -> str:
        """What is of interest when a test fails."""
        lines = [f"exit code {self.exit_code}", self.stderr.rstrip()]
        for name, check in self.checks.items():
            lines.append(f"{check['status']:8}{name}: {check['seen']} ({check['seconds']:.2f} s)")
            for problem in check["problems"]:
                lines += [f"    {problem['message']}", f"    hint: {problem['hint']}"]
                lines += [f"        {line}" for line in problem["details"]]
        return "\n".join(lines)


def verify(*arguments: str, environment: Mapping[str, str] | None = None) -> Report:
    """Runs `sparkmesos verify-cluster ARGUMENTS --output json` in this process.

    The environment is that of the tests, without what is set for Spark, Mesos or Java, and with `environment`.
    Readings get a minute unless --check-timeout says otherwise: a busy machine is slow.
    """
    given = list(arguments)
    if "--check-timeout" not in given:
        given = ["--check-timeout", "60", *given]
    out, err = _Captured(), _Captured()
    with (
        _environment(environment or {}),
        contextlib.redirect_stdout(out),
        contextlib.redirect_stderr(err),
    ):
        code = run(["verify-cluster", "--output", "json", *given])
    report = read_report(code, out.text(), err.text())
    if report.checks and not {"--only", "--skip"} & set(given):
        probes = any(one.startswith("--probe") for one in given)
        wanted = [check.id for check in ALL_CHECKS if probes or not check.needs_probe]
        assert list(report.checks) == wanted, "some checks are missing, or in another order"
    return report


def read_report(exit_code: int, stdout: str, stderr: str) -> Report:
    """What a command with `--output json` has said; without output it was refused, which only errors do."""
    records = json.loads(stdout)["checks"] if stdout else []
    assert records or exit_code, "it has made no check, and is content with that"
    report = Report(exit_code, stderr, {record["id"]: record for record in records})
    assert len(report.checks) == len(records), "a check is there twice"
    if records:
        assert exit_code or not report.errors(), report
        _made_here.append(report)
    return report


_made_here: list[Report] = []


@contextlib.contextmanager
def reports_made() -> Iterator[list[Report]]:
    """Collects what is reported within the block."""
    _made_here.clear()
    yield _made_here


class _Captured(io.TextIOWrapper):
    """A stream that is no terminal, with a buffer for bytes as those of a process have."""

    def __init__(self) -> None:
        super().__init__(io.BytesIO(), encoding="utf-8", write_through=True)

    def text(self) -> str:
        buffer = self.buffer
        assert isinstance(buffer, io.BytesIO)
        return buffer.getvalue().decode()


@contextlib.contextmanager
def _environment(more: Mapping[str, str]) -> Iterator[None]:
    kept = {
        name: value
        for name, value in os.environ.items()
        if name in _OF_TESTS or not name.startswith(_NOT_INHERITED)
    }
    with mock.patch.dict(os.environ, {**kept, **more}, clear=True):
        yield
