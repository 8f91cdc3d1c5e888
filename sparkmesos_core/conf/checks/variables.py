"""Rules about environment variables: those that nobody reads, or that nobody reads any more."""

from __future__ import annotations

import re
from collections.abc import Iterable

from sparkmesos_core.conf.checks.properties import is_one_mistake_away
from sparkmesos_core.conf.checks.rule import Found, Rules, Subject
from sparkmesos_core.conf.finding import Severity
from sparkmesos_core.conf.properties.spark_4 import FIRST_WITH_OUR_BACKEND
from sparkmesos_core.conf.spark_variables import VARIABLES, find_variable

RULES = Rules()

# What looks as if Spark read it, and what does what it says.
_NEVER_READ = {
    "SPARK_MASTER": "Set MASTER, or better spark.master in spark-defaults.conf.",
    "SPARK_DEPLOY_MODE": "Set spark.submit.deployMode in spark-defaults.conf.",
    "SPARK_EXECUTOR_INSTANCES": "Set spark.cores.max in spark-defaults.conf: it limits the executors.",
    "SPARK_DRIVER_CORES": "Set spark.driver.cores in spark-defaults.conf, which counts in cluster mode.",
    "SPARK_CORES_MAX": "Set spark.cores.max in spark-defaults.conf.",
    "SPARK_DRIVER_HOST": "Set spark.driver.host in spark-defaults.conf, or SPARK_LOCAL_IP.",
}
# Of the standalone cluster manager, the history server and YARN; spark-env.sh may serve them as well.
_OF_OTHER_PROGRAMS = re.compile(r"SPARK_(?:MASTER|WORKER|HISTORY|YARN|SSH|CONNECT|REMOTE)_")


@RULES.add(
    "variable-without-effect",
    Severity.WARNING,
    "a variable that no Spark reads, such as `SPARK_MASTER`, or that this one no longer does; a note if "
    "it is not spark-env.sh that sets it",
)
def _without_effect(subject: Subject) -> Iterable[Found]:
    for name in sorted(subject.circumstances.environment):
        reason, hint, severity = "", "", _severity(subject, name)
        if name in _NEVER_READ:
            reason, hint = "Spark does not read it", _NEVER_READ[name]
        elif (found := find_variable(name)) is not None and found.until:
            numbers = tuple(int(part) for part in found.until.split("."))
            if found.until == FIRST_WITH_OUR_BACKEND and subject.since(*numbers):
                reason, severity = "with Spark 4 nothing uses libmesos", Severity.NOTE
                hint = "Nothing to do if it is there for other Sparks."
            elif subject.since(*numbers):
                reason = f"Spark {found.until} stopped reading it"
                hint = found.deprecated[:1].upper() + found.deprecated[1:] + "."
        if reason:
            yield Found(
                f"{name} has no effect: {reason}",
                hint,
                severity=severity,
                origin=subject.variable_origin(name),
            )


@RULES.add(
    "misspelt-variable",
    Severity.WARNING,
    "a variable that Spark does not know, and a single typing mistake away from one that it does; a note if "
    "it is not spark-env.sh that sets it",
)
def _misspelt(subject: Subject) -> Iterable[Found]:
    for name in sorted(subject.circumstances.environment):
        if (
            not name.upper().startswith(("SPARK_", "PYSPARK_", "MESOS_"))
            or find_variable(name) is not None
            or name in _NEVER_READ
            or _OF_OTHER_PROGRAMS.match(name)
        ):
            continue
        near = next((one.name for one in VARIABLES if is_one_mistake_away(name, one.name)), None)
        if near is not None:
            yield Found(
                f"{name} looks like a misspelt {near}",
                f"Write {near}, or leave it if a program of yours reads {name}.",
                severity=_severity(subject, name),
                origin=subject.variable_origin(name),
            )


def _severity(subject: Subject, name: str) -> Severity:
    """An environment is full of what others have put there; spark-env.sh is for Spark."""
    return Severity.WARNING if name in subject.circumstances.scripts else Severity.NOTE
