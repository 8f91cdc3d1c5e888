"""Checks of what is in the executors' archive: a folder they find, programs that run, and the right Spark."""

from __future__ import annotations

from sparkmesos_core.conf.finding import Severity
from sparkmesos_core.dist.entry import EntryKind
from sparkmesos_core.preflight.archive_contents import PROGRAMS, RELEASE, Contents
from sparkmesos_core.redaction import redact_text
from sparkmesos_core.spark.home import SparkHome
from sparkmesos_core.verify.check import Checks, Group, Problem, Verdict, not_applicable, problem_of
from sparkmesos_core.verify.checks.of_archive import of_archive
from sparkmesos_core.verify.facts.client import drives_here
from sparkmesos_core.verify.facts.distribution import CONTENTS, JUDGED, ArchiveLook
from sparkmesos_core.verify.known import Known

CHECKS = Checks(Group.DISTRIBUTION)

_KEY = "spark.executor.uri"
_PACK = "`sparkmesos upload-dist` makes and uploads an archive that fits."
_CHMOD = "Set it by `chmod +x bin/*`, and pack it again."


@CHECKS.add(
    "uri-layout",
    "Folder in the executors' archive",
    Severity.ERROR,
    finds="an archive whose top folder is called otherwise than itself, or that has none: executors run "
    "`cd NAME*; ./bin/spark-class` (*./bin/spark-class: No such file or directory*)",
    remedy="Call the archive as its folder: spark-3.5.9-bin-hadoop3/ in spark-3.5.9-bin-hadoop3.tgz.",
)
@of_archive
def _uri_layout(known: Known, look: ArchiveLook) -> Verdict:
    contents = known[CONTENTS]
    problems = tuple(problem_of(one) for one in known[JUDGED] if one.id == "executor-uri-top-folder")
    if not problems and not contents.is_tar:
        return Verdict("what is in it cannot be told from here (--probe unpacks it)")
    what = "all of it" if contents.whole else "its first megabyte"
    return Verdict(f"{what} does not fit" if problems else f"{what} fits `cd NAME*`", problems)


@CHECKS.add(
    "uri-programs",
    "Programs in the executors' archive",
    Severity.ERROR,
    finds="a `bin/spark-class` that is not there or not executable, as archives have it that were packed on "
    "Windows (*./bin/spark-class: Permission denied*, exit code 126)",
    remedy="`chmod +x bin/*` and pack it again, or have `sparkmesos upload-dist` do it.",
)
@of_archive
def _uri_programs(known: Known, look: ArchiveLook) -> Verdict:
    contents = known[CONTENTS]
    if any(one.id == "executor-uri-top-folder" for one in known[JUDGED]):
        return not_applicable("executors do not get there: see uri-layout")
    problems = program_problems(contents)
    if problems:
        return Verdict("bin/spark-class cannot be run", problems)
    if not contents.programs:
        return Verdict("bin/ is not in its first megabyte (--probe runs it)")
    return Verdict(", ".join(f"bin/{name}" for name in sorted(contents.programs)))


def program_problems(contents: Contents) -> tuple[Problem, ...]:
    """What is wrong with the programs in an archive; those that are not there, if all of it was seen."""
    for name in PROGRAMS:
        program = contents.programs.get(name)
        what = ""
        if program is None:
            what = "is not there" if contents.whole else ""
        elif program.kind is EntryKind.FOLDER:
            what = "is a folder"
        elif program.kind is EntryKind.FILE and program.size == 0:
            what = "is empty"
        elif program.kind is EntryKind.FILE and name == PROGRAMS[0] and not program.mode & 0o100:
            what = f"is not executable (its mode is {program.mode & 0o777:o})"
        if what:
            hint = "Restore it from the release, and pack it again." if "exec" not in what else _CHMOD
            message = f"bin/{name} {what} in the executors' archive"
            return (Problem(Severity.ERROR, message, f"{hint} {_PACK}", _KEY),)
    return ()


@CHECKS.add(
    "uri-version",
    "Same Spark on driver and executors",
    Severity.ERROR,
    finds="an archive of another Spark than the driver's (*InvalidClassException: local class incompatible*, "
    "*Exception while invoking … serialVersionUID*)",
    remedy="Upload the driver's own Spark (`sparkmesos upload-dist $SPARK_HOME`), or run the driver with "
    "that of the archive.",
)
@of_archive
def _uri_version(known: Known, look: ArchiveLook) -> Verdict:
    contents = known[CONTENTS]
    if not contents.version:
        return Verdict("its first megabyte does not tell which Spark it is")
    seen = f"Spark {contents.version}, as {redact_text(contents.told_by)} tells"
    # Without a Spark here, as where drivers run elsewhere, the archive is still looked at.
    driver = known.subject.client.spark if drives_here(known.subject) else None
    return Verdict(seen, version_problems(contents, driver))


def _is_version(version: str, contents: Contents) -> bool:
    """Whether an archive may hold this Spark: names leave out what vendors add, as in 3.5.0-amzn-0."""
    by_name = contents.told_by != RELEASE and not contents.told_by.endswith(".jar")
    return version == contents.version or (by_name and version.startswith(f"{contents.version}-"))


def version_problems(contents: Contents, driver: SparkHome | None) -> tuple[Problem, ...]:
    """What is wrong with the Spark in an archive beside that of a driver, if the driver's is known."""
    told = contents.version
    if driver is None:
        return ()
    hint = (
        f"Upload the driver's Spark by `sparkmesos upload-dist {driver.path}`, or start the driver with "
        f"Spark {told} (--spark-home)."
    )
    if not _is_version(driver.version, contents):
        same_release = told.split(".")[:2] == driver.version.split(".")[:2]
        severity = Severity.WARNING if same_release else Severity.ERROR
        by = redact_text(contents.told_by)
        problem = f"The executors' archive holds Spark {told} ({by}), and the driver is {driver.version}"
        return (Problem(severity, problem, hint, _KEY),)
    if contents.scala and contents.scala != driver.scala_version:
        problem = (
            f"The executors' archive is built for Scala {contents.scala}, and the driver's Spark for "
            f"{driver.scala_version}"
        )
        return (Problem(Severity.ERROR, problem, hint, _KEY),)
    return ()
