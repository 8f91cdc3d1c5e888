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
from sparkmesos_core.errors import (
    ConfigurationError,
    InterpreterNotFoundError,
    SparkNotFoundError,
    UsageError,
)
from sparkmesos_core.quoting import quoted
from sparkmesos_core.spark.home import SparkHome, find_spark
from sparkmesos_core.submit import connect_server
from sparkmesos_core.submit.driver_defaults import is_of_this_python
from sparkmesos_core.submit.driver_python import (
    PROPERTIES,
    configured,
    is_program,
    python_of_shell,
    require_python,
)
from sparkmesos_core.submit.launch import Program
from sparkmesos_core.submit.mesos_driver import ClientModeOptions

_EXECUTOR_URI = "SPARK_EXECUTOR_URI"
_RELEASE_HINT = "Use an official release of Spark: unpack it, and point SPARK_HOME or --spark-home to it."

_R = "spark.r.shell.command"

PYTHON_START = Path(__file__).with_name("python_shell_start.py")
"""What the Python of a shell runs last when it starts."""
_PIPED_PYTHON = Path(__file__).with_name("piped_python_shell.py")


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


def refuse_remote(configuration: Configuration) -> None:
    """Raises ConfigurationError, naming the place, if a server of Spark Connect is to be used.

    A client of one has no driver, and no master either.
    """
    setting = configuration.setting("spark.remote")
    if setting is None or "spark.local.connect" in configuration:
        return
    reason = UsageError(
        "the client of a server of Spark Connect has no driver that sparkmesos could run",
        hint="Use Spark's own `pyspark --remote sc://HOST:PORT` or `spark-shell --remote …`. "
        "`sparkmesos shell --lang connect` runs a server on Mesos; for a shell on Mesos leave it out.",
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
        findings += connect_server.exposure(configuration, client.env.variables, client.spark)
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
            hint=_RELEASE_HINT,
        )
    if shell.interpreter == "Python":
        return _python_program(shell, spark, configuration, environment, piped=piped)
    if shell.interpreter == "R":
        return _r_program(shell, spark, configuration, environment, piped=piped)
    if shell.name != "spark-shell":
        return Program(shell.name)
    # Not bin/spark-shell: it stays as a parent that does not hand on signals, and whose trap makes 127 of the
    # exit code once there was a Ctrl-C. This is what it runs. The REPL gives the terminal back as it was, and
    # where the JVM is killed, the user's own shell does.
    java_options = f"{environment.get('SPARK_SUBMIT_OPTS', '')} -Dscala.usejavacp=true".strip()
    variables = {"SPARK_SUBMIT_OPTS": java_options}
    if spark.release >= (4, 0):  # whose launcher asks for it where the shell is to be one of Spark Connect
        variables["SPARK_SCALA_SHELL"] = "1"
    return Program("spark-submit", first=shell.prefix, variables=variables)


def _python_program(
    shell: Shell,
    spark: SparkHome,
    configuration: Configuration,
    environment: Mapping[str, str],
    *,
    piped: bool,
) -> Program:
    from sparkmesos_core.preflight.python_programs import is_python  # which the other shells do without

    named = python_of_shell(configuration, environment)
    if named is not None:
        require_python(named, environment, "the shell")
    variables = {"PYTHONSTARTUP": str(PYTHON_START)}
    if environment.get("PYTHONSTARTUP"):
        variables["_SPARKMESOS_PYTHONSTARTUP"] = environment["PYTHONSTARTUP"]
    archive = spark.path / "python" / "lib" / "pyspark.zip"
    is_whole = (spark.path / "python" / "pyspark" / "__init__.py").is_file()
    if (named is not None or not is_of_this_python(spark)) and not is_whole and archive.is_file():
        # A pip-installed Spark counts on being where its Python finds it, which another Python does not.
        # spark-submit gives applications this archive.
        paths = (str(archive), environment.get("PYTHONPATH", ""))
        variables["PYTHONPATH"] = os.pathsep.join(filter(None, paths))
    python = named.program if named is not None else "python3"
    if piped and is_python(python) and not environment.get("PYSPARK_DRIVER_PYTHON_OPTS"):
        # Without a terminal Python passes over the start-up file that makes `sc` and `spark`.
        escaped = str(_PIPED_PYTHON).replace("\\", "\\\\").replace('"', '\\"')
        variables["PYSPARK_DRIVER_PYTHON_OPTS"] = f'"{escaped}"'
    return Program(shell.name, options=_on_the_command_line(configuration, *PROPERTIES), variables=variables)


def _r_program(
    shell: Shell,
    spark: SparkHome,
    configuration: Configuration,
    environment: Mapping[str, str],
    *,
    piped: bool,
) -> Program:
    setting = configured(configuration, _R)
    command = (setting.value if setting is not None else "") or environment.get("SPARKR_DRIVER_R") or "R"
    problems, hints = [], []
    if not is_program(command, environment):
        problems.append(f"there is no R on this machine ({quoted(command)} is not on the PATH)")
        hints.append("Install R here and on every agent (on Debian and Ubuntu the package r-base-core).")
    if not (spark.path / "R" / "lib" / "SparkR").is_dir():
        problems.append(f"the Spark in {spark.path} ({spark.origin}) has no R/lib/SparkR, as pip's never has")
        hints.append(_RELEASE_HINT)
    if problems:
        raise InterpreterNotFoundError(
            f"{shell.name} cannot start: {'; and '.join(problems)}", hint=" ".join(hints)
        )
    if piped and Path(command).name == "R":
        # Without a terminal R wants to be told whether to save, and Spark gives it no arguments.
        raise UsageError(
            f"{shell.name} reads from a terminal only",
            hint="Write an R file, and run it by `sparkmesos submit FILE.R`.",
        )
    return Program(shell.name, options=_on_the_command_line(configuration, _R))


def _on_the_command_line(configuration: Configuration, *keys: str) -> tuple[str, ...]:
    """Properties as --conf, if they stand elsewhere, where the launcher would not look for them."""
    options: list[str] = []
    for key in keys:
        setting = configured(configuration, key)
        if setting is not None and setting.value and setting.origin.source is not Source.CONF:
            options += ["--conf", f"{key}={setting.value}"]
    return tuple(options)
