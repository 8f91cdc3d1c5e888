"""The environment that `spark-env.sh` makes, found and sourced as Spark's `bin/load-spark-env.sh` does.

The script is a program of its own: it runs in a bash of its own, and what its environment has become is read
back. Spark's own programs, started with that environment, do not source it again (`SPARK_ENV_LOADED`).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from sparkmesos_core.conf.finding import Finding, Severity
from sparkmesos_core.conf.process_limits import NO_LIMITS, ProcessLimits
from sparkmesos_core.conf.setting import Origin, Source

TIMEOUT = 60.0
"""Seconds that a spark-env.sh may take: some fetch tickets or ask a service, none needs more."""


@dataclass(frozen=True)
class SparkEnv:
    """The environment that Spark's programs run in."""

    variables: Mapping[str, str]
    """All of it."""
    script: Path | None = None
    """The spark-env.sh that was sourced; None if there is none, or it had been sourced before."""
    changed: frozenset[str] = field(default_factory=frozenset)
    """The variables that the script set, changed or removed."""
    limits: ProcessLimits = NO_LIMITS
    """The umask and the limits that it set: for the program which is started with `variables`."""
    lost: tuple[str, ...] = ()
    """What else the script changed, and the programs started with this environment will not have."""

    def script_of(self, variable: str) -> str:
        """The script that set a variable, for `Origin.script`; empty if it was there before."""
        return str(self.script) if self.script is not None and variable in self.changed else ""

    def findings(self) -> tuple[Finding, ...]:
        """What is to be said about the script."""
        return tuple(
            Finding(
                id="spark-env-beyond-variables",
                severity=Severity.WARNING,
                message=f"the script changes {what}, which has no effect beyond the script",
                hint="Do that in the shell, or the service, that starts sparkmesos.",
                origin=Origin(Source.FILE, str(self.script)),
            )
            for what in self.lost
        )


def load_spark_env(
    spark_home: Path | None,
    environment: Mapping[str, str],
    *,
    arguments: Sequence[str] = ("org.apache.spark.deploy.SparkSubmit",),
    timeout: float = TIMEOUT,
) -> SparkEnv:
    """Sources the spark-env.sh of `SPARK_CONF_DIR`, else of `spark_home`/conf, if there is one.

    `arguments` are those that the script sees: Spark's class and what that gets. What the script prints goes
    to stderr, its stdin is empty. Where there is nothing to source, no process is started.

    Raises UsageError if the script ends the shell, is not valid bash or cannot be read, and TimedOutError if
    it takes longer than `timeout` seconds.
    """
    if environment.get("SPARK_ENV_LOADED"):
        return SparkEnv(dict(environment))
    folder = environment.get("SPARK_CONF_DIR") or (str(spark_home / "conf") if spark_home is not None else "")
    if not folder:
        return SparkEnv(dict(environment))
    before = {**environment, "SPARK_ENV_LOADED": "1", "SPARK_CONF_DIR": folder}
    if spark_home is not None:
        before["SPARK_HOME"] = str(spark_home)
    script = Path(folder) / "spark-env.sh"
    if not script.is_file():
        return SparkEnv(before)
    argv0 = str(spark_home / "bin" / "spark-class") if spark_home is not None else "spark-class"
    from sparkmesos_core.conf.sourced_script import source  # costly, and mostly not needed

    sourced = source(script, before, (argv0, *arguments), timeout)
    after = sourced.variables
    changed = {name for name in before.keys() | after.keys() if before.get(name) != after.get(name)}
    return SparkEnv(after, script, frozenset(changed), sourced.limits, sourced.lost)
