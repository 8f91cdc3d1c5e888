"""Spark's interactive shells: what each is, what it needs, and how it is started.

The server of Spark Connect, whose clients are shells of other processes, is one of them: connect_server.py.

Sources: `bin/spark-shell`, `bin/pyspark`, `bin/spark-sql` and `bin/sparkR`; `SparkSubmitCommandBuilder` of
the launcher, which starts Python and R; the main classes `org.apache.spark.repl.Main` and
`SparkSQLCLIDriver`.
"""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path

from sparkmesos_core.client_configuration import ClientConfiguration
from sparkmesos_core.conf.configuration import Configuration
from sparkmesos_core.conf.finding import Finding, Severity
from sparkmesos_core.conf.setting import Origin, Setting, Source
from sparkmesos_core.errors import ConfigurationError, SparkNotFoundError, UsageError
from sparkmesos_core.quoting import quoted
from sparkmesos_core.spark.home import OFFICIAL_RELEASE, find_spark
from sparkmesos_core.submit import connect_server
from sparkmesos_core.submit.connect_mode import classic_variables
from sparkmesos_core.submit.interpreter_shells import python_program, r_program
from sparkmesos_core.submit.launch import Program
from sparkmesos_core.submit.mesos_driver import ClientModeOptions

_EXECUTOR_URI = "SPARK_EXECUTOR_URI"


@dataclass(frozen=True)
class Shell:
    """One of Spark's shells."""

    name: str
    """What Spark calls its program."""
    prefix: tuple[str, ...]
    """What that program puts in front of the arguments of spark-submit."""
    jar: str = ""
    """How the name of the jar begins that it is in; empty if every Spark has it."""
    values: Mapping[str, str] = field(default_factory=dict)
    """Its own options that need a value, with what that is: without one the JVM starts, and ends."""
    switches: frozenset[str] = frozenset()
    """Its own options without a value."""
    scripts: Mapping[str, bool] = field(default_factory=dict)
    """Its options that name files which it runs, each with whether it takes several."""
    interpreter: str = ""
    """What holds the driver's JVM as a child, and takes no arguments: Python or R; empty for a JVM."""
    variable_wins: bool = False
    """Whether SPARK_EXECUTOR_URI is stronger than spark.executor.uri, and not weaker as elsewhere."""
    is_server: bool = False
    """Whether it has no prompt of its own, but serves others."""

    @property
    def takes_arguments(self) -> bool:
        """Whether it reads any besides Spark's options."""
        return not (self.interpreter or self.is_server)

    @property
    def long_options(self) -> frozenset[str]:
        """Its own options with two dashes."""
        return frozenset(name for name in (*self.values, *self.switches) if name.startswith("--"))


SHELL_OF: Mapping[str, Shell] = {
    "scala": Shell(
        "spark-shell",
        ("--class", "org.apache.spark.repl.Main", "--name", "Spark shell"),
        jar="spark-repl_",
        scripts={"-i": True, "-I": True},
        variable_wins=True,
    ),
    "python": Shell(
        "pyspark",
        ("pyspark-shell-main", "--name", "PySparkShell"),
        interpreter="Python",
        variable_wins=True,
    ),
    "sql": Shell(
        "spark-sql",
        ("--class", "org.apache.spark.sql.hive.thriftserver.SparkSQLCLIDriver"),
        jar="spark-hive-thriftserver_",
        # Hive's OptionsProcessor
        values={
            "-e": "QUERY",
            "-f": "FILE",
            "-i": "FILE",
            "-d": "KEY=VALUE",
            "--define": "KEY=VALUE",
            "--database": "NAME",
            "--hiveconf": "PROPERTY=VALUE",
            "--hivevar": "KEY=VALUE",
        },
        switches=frozenset({"-S", "--silent", "-H"}),
        scripts={"-f": False, "-i": False},
    ),
    "r": Shell("sparkR", ("sparkr-shell-main",), interpreter="R"),
    "connect": Shell(
        "Spark Connect",
        (
            *("--class", "org.apache.spark.sql.connect.service.SparkConnectServer"),
            *("--name", "Spark Connect server"),
        ),
        is_server=True,
    ),
}
"""The shells by the languages that they speak."""


def refuse_cluster_mode(configuration: Configuration) -> None:
    """Raises ConfigurationError, naming the place, if the driver is to run in the cluster.

    So does Spark (`SparkSubmit.prepareSubmitEnvironment`), without saying where that is configured.
    """
    setting = configuration.setting("spark.submit.deployMode")
    if setting is None or setting.value.strip() != "cluster":
        return
    typed = setting.origin.source in (Source.OPTION, Source.CONF)
    hint = "Leave it out" if typed else "Add --deploy-mode client"
    reason = UsageError(
        "a shell has no cluster mode, since its driver runs where its terminal is",
        hint=f"{hint}, and give --master the Mesos master. "
        "For an application there is `sparkmesos submit --deploy-mode cluster`.",
    )
    raise ConfigurationError(setting, reason)


def options_for(shell: Shell, options: ClientModeOptions) -> ClientModeOptions:
    """The options as far as they hold for this shell.

    Raises UsageError for --start-timeout where it cannot work: where Python or R is the shell, the bridge can
    end the JVM, but not the shell. What is set for good does not apply then.
    """
    if not shell.interpreter or options.start_timeout is None:
        return options
    if "--start-timeout" in options.typed:
        raise UsageError(
            f"--start-timeout cannot end {shell.name}, whose driver is not the process of the shell",
            hint="Leave it out: what keeps executors from starting is said all the same.",
        )
    return replace(options, start_timeout=None)


def client_for(shell: Shell, client: ClientConfiguration, directory: Path) -> ClientConfiguration:
    """The configuration as this shell will have it, with what is to be said about that.

    spark-shell and pyspark set `spark.executor.uri` to SPARK_EXECUTOR_URI themselves, whatever else sets it
    (`Main.createSparkSession`, `shell.py`); for the others the backend reads the variable where the property
    is not set. Relative paths of scripts that do not exist are looked for in `directory`.
    """
    configuration, findings = client.configuration, list(client.findings)
    uri = client.env.variables.get(_EXECUTOR_URI)
    if shell.variable_wins and uri:
        other = configuration.setting("spark.executor.uri")
        origin = Origin(Source.VARIABLE, _EXECUTOR_URI, script=client.env.script_of(_EXECUTOR_URI))
        configuration = configuration.above((Setting("spark.executor.uri", uri, origin),))
        if other is not None and other.value != uri:
            findings.append(
                Finding(
                    "executor-uri-differs",
                    Severity.WARNING,
                    f"{_EXECUTOR_URI} names another archive than spark.executor.uri ({other.origin}); "
                    f"in {shell.name} the variable counts",
                    "Make them equal, or unset one.",
                    "spark.executor.uri",
                    origin,
                )
            )
    findings += _missing_scripts(shell, client, directory)
    if shell.is_server:
        variables, script_of = client.env.variables, client.env.script_of
        findings += connect_server.findings(configuration, variables, client.spark, script_of)
    return replace(client, configuration=configuration, findings=tuple(findings))


def _missing_scripts(shell: Shell, client: ClientConfiguration, directory: Path) -> Iterator[Finding]:
    """Files that the shell is to run and that are none: it would find out when everything runs."""
    expected = 0.0
    option = ""
    for word in client.arguments.application_arguments:
        if word in shell.scripts:
            option = word
            expected = float("inf") if shell.scripts[word] else 1
        elif word.startswith("-"):
            expected = 0
        elif expected:
            expected -= 1
            # What has a scheme is somewhere else: spark-sql reads scripts through Hadoop.
            if ":" in word:
                continue
            path = directory / word
            if os.path.isdir(path):  # noqa: PTH112 - which never raises
                problem, hint = f"{quoted(word)} of {option} is a folder", "Name a file."
            elif not os.path.exists(path):  # noqa: PTH110 - as above
                problem = f"The file {quoted(word)} of {option} does not exist"
                hint = "Correct its path, which is taken from the current folder."
            else:
                continue
            yield Finding("missing-file", Severity.ERROR, problem, hint)


def program_for(shell: Shell, client: ClientConfiguration, *, piped: bool) -> Program:
    """The program of Spark that the shell is, once it is sure that everything is there which it needs.

    `piped` says that stdin is no terminal. Raises SparkNotFoundError if there is no Spark, or it comes
    without this shell, InterpreterNotFoundError if there is no such Python or R, and
    UsageError for an R that would not read what is piped into it.
    """
    environment, configuration = client.env.variables, client.configuration
    spark = client.spark or find_spark(None, environment)
    if shell.is_server:
        connect_server.require_server(spark, configuration)
        return connect_server.server_program(spark, configuration, environment, shell.prefix)
    if shell.jar and not any(spark.jars.glob(f"{shell.jar}*.jar")):
        raise SparkNotFoundError(
            f"The Spark in {spark.path} ({spark.origin}) comes without {shell.name} "
            f"(it has no jars/{shell.jar}*.jar)",
            hint=OFFICIAL_RELEASE,
        )
    if shell.interpreter == "Python":
        return python_program(shell.name, spark, configuration, environment, piped=piped)
    if shell.interpreter == "R":
        return r_program(shell.name, spark, configuration, environment, piped=piped)
    if shell.name != "spark-shell":
        return Program(shell.name)
    # Not bin/spark-shell: it stays as a parent that does not hand on signals, and whose trap makes 127 of the
    # exit code once there was a Ctrl-C. This is what it runs. The REPL gives the terminal back as it was, and
    # where the JVM is killed, the user's own shell does.
    java_options = f"{environment.get('SPARK_SUBMIT_OPTS', '')} -Dscala.usejavacp=true".strip()
    variables = {"SPARK_SUBMIT_OPTS": java_options}
    if spark.release >= (4, 0):  # our backend asks for it, which hears of Ctrl-C in a shell
        variables["SPARK_SCALA_SHELL"] = "1"
    variables.update(classic_variables(spark, environment))
    return Program("spark-submit", first=shell.prefix, variables=variables)
