"""What is found wrong from this machine: a probe that meets the same on agents does not tell it again."""

from __future__ import annotations

from pathlib import Path

from sparkmesos_core.conf.finding import Severity
from sparkmesos_core.errors import ArchiveError
from sparkmesos_core.verify.checks.archive import program_problems, version_problems
from sparkmesos_core.verify.facts.client import SPARK, drives_here
from sparkmesos_core.verify.facts.distribution import ARCHIVE, CONTENTS, JUDGED, SHARES_FILES
from sparkmesos_core.verify.facts.probe import PLAN
from sparkmesos_core.verify.known import Fact, Known

_TOP_FOLDER = "executor-uri-top-folder"


def _reachable(known: Known) -> None:
    look = known[ARCHIVE]
    # A warning says that agents may fare better, which the probe has found out.
    if look is not None and look.finding is not None and look.finding.severity is Severity.ERROR:
        raise ArchiveError(look.finding.message, hint=look.finding.hint)


REACHABLE: Fact[None] = Fact(
    "an archive that can be reached", _reachable, reported_by="uri-reachable", patience=2
)


def _fetchable(known: Known) -> None:
    known[REACHABLE]
    known[CONTENTS]  # fails if it is no archive


FETCHABLE: Fact[None] = Fact("an archive that can be fetched", _fetchable, reported_by="uri-type", patience=2)
"""Fails with what `uri-reachable` or `uri-type` report."""


def _layout(known: Known) -> None:
    for finding in known[JUDGED]:
        if finding.id == _TOP_FOLDER:
            raise ArchiveError(finding.message, hint=finding.hint)


GOOD_LAYOUT: Fact[None] = Fact(
    "an archive with the right folder", _layout, reported_by="uri-layout", patience=2
)


def _programs(known: Known) -> None:
    for problem in program_problems(known[CONTENTS]):
        raise ArchiveError(problem.message, hint=problem.hint)


GOOD_PROGRAMS: Fact[None] = Fact(
    "an archive whose programs run", _programs, reported_by="uri-programs", patience=2
)


def _home(known: Known) -> None:
    plan = known[PLAN]
    if plan.image or not known[SHARES_FILES]:
        return
    if not (Path(plan.home) / "bin" / "spark-class").is_file():
        raise ArchiveError(f"There is no Spark in {plan.home}", hint="Correct spark.mesos.executor.home.")


GOOD_HOME: Fact[None] = Fact("a Spark that agents have", _home, reported_by="executor-home")


def _version(known: Known) -> None:
    contents = known[CONTENTS]
    if contents.version and drives_here(known.subject):
        for problem in version_problems(contents, known[SPARK]):
            raise ArchiveError(problem.message, hint=problem.hint)


GOOD_VERSION: Fact[None] = Fact(
    "an archive of the driver's Spark", _version, reported_by="uri-version", patience=2
)
