"""Checks the configuration of this machine: reads what a program would read, and asks all rules."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING

from sparkmesos_core.client_configuration import ClientConfiguration, read_client_configuration
from sparkmesos_core.conf.checks import Circumstances, Mode, check_configuration, gather
from sparkmesos_core.conf.configuration import Configuration
from sparkmesos_core.conf.finding import Finding, Severity
from sparkmesos_core.conf.properties.registered_property import Reader
from sparkmesos_core.conf.setting import Origin, Setting, Source
from sparkmesos_core.conf.spark_env import SparkEnv
from sparkmesos_core.daemon_configuration import DaemonConfiguration, read_daemon_configuration
from sparkmesos_core.errors import ConfigurationError, UsageError
from sparkmesos_core.quoting import printable
from sparkmesos_core.redaction import redact_text
from sparkmesos_core.settings import NO_MASTERS, OwnMasters
from sparkmesos_core.spark import argument_checks
from sparkmesos_core.spark.arguments import NO_RESOURCE, SubmitArguments
from sparkmesos_core.spark.home import SparkHome
from sparkmesos_core.spark.missing_files import missing_files
from sparkmesos_core.submit.mesos_driver import ClientModeOptions, speaks_http

if TYPE_CHECKING:
    from sparkmesos_core.submit.dynamic_allocation import DynamicAllocation

DAEMONS = {Mode.DISPATCHER: Reader.DISPATCHER, Mode.SHUFFLE_SERVICE: Reader.SHUFFLE_SERVICE}
"""What daemons are called where their properties are registered."""

# Of spark-submit's options those that daemons have as well, or that mean the same for them.
_OF_DAEMONS = {
    Mode.DISPATCHER: frozenset({"--master", "--name", "--conf", "--properties-file", "--verbose"}),
    Mode.SHUFFLE_SERVICE: frozenset({"--master", "--conf", "--properties-file", "--verbose"}),
}


@dataclass(frozen=True)
class Checked:
    """What was looked at, and what is wrong with it."""

    findings: list[Finding]
    """The worst first."""
    files: tuple[Path, ...]
    """The spark-env.sh and the properties file that were read."""


def submission_mode(configuration: Configuration) -> Mode:
    """Where the driver of a submission runs. What is neither client nor cluster counts as client."""
    return (
        Mode.CLUSTER if configuration.get("spark.submit.deployMode", "").strip() == "cluster" else Mode.CLIENT
    )


def check_submission(
    client: ClientConfiguration,
    *,
    directory: Path | None = None,
    over_http: bool = False,
    starts_here: bool = True,
) -> list[Finding]:
    """What is wrong with what `submit` was given, options that Spark ignores on Mesos first.

    Files of this machine that client mode needs are looked for in `directory`, if that is given. `over_http`
    says that libmesos will not be used, `starts_here` that the application is about to start: else it need
    not be named.
    """
    arguments = client.arguments
    found = _check(
        client.configuration,
        client.env,
        submission_mode(client.configuration),
        client.spark,
        over_http=over_http,
        starts_here=starts_here,
        names_application=arguments.resource is not None,
    )
    found = [*client.findings, *found]
    if directory is not None and submission_mode(client.configuration) is Mode.CLIENT:
        found += missing_files(arguments, client.configuration, directory, starts_here=starts_here)
    if not starts_here:
        named = arguments.resource
        arguments = replace(arguments, resource=NO_RESOURCE if named is None else named)
    by_spark = argument_checks.refusals(arguments, client.configuration)
    return found + _refused("refused-by-spark", by_spark, found)


def read_and_check_submission(
    arguments: SubmitArguments,
    *,
    spark_home: Path | None,
    environment: Mapping[str, str],
    own: OwnMasters = NO_MASTERS,
    dynamic_allocation: DynamicAllocation | None = None,
    directory: Path,
    options: ClientModeOptions | None = None,
) -> Checked:
    """What is wrong with what `submit` would do with these arguments in `directory`.

    What makes `submit` give up before there is a configuration, such as a file that cannot be read, is raised
    as the UsageError that it is; what Spark or `submit` refuses later is a finding like others.
    """
    from sparkmesos_core.submit import refusals as submit_refusals

    client = read_client_configuration(
        arguments,
        spark_home=spark_home,
        environment=environment,
        own=own,
        dynamic_allocation=dynamic_allocation,
    )
    master, variables = client.configuration.get("spark.master"), client.env.variables
    options = options or ClientModeOptions()
    over_http = speaks_http(options, master, variables, client.spark)
    found = check_submission(client, directory=directory, over_http=over_http, starts_here=False)
    found += submit_refusals.misplaced_options(arguments, client.configuration)
    found += _refused("refused-by-submit", submit_refusals.refusals(client, directory, options), found)
    files = (client.properties_file, *client.more_properties_files)
    return Checked(by_severity(found), _files(client.env, *files))


def read_and_check_daemon(
    mode: Mode,
    arguments: SubmitArguments,
    *,
    spark_home: Path | None,
    environment: Mapping[str, str],
    own: OwnMasters = NO_MASTERS,
    zookeeper: str | None = None,
) -> Checked:
    """What is wrong with what the dispatcher or the shuffle service would read here.

    `arguments` are those of spark-submit that daemons understand, too: --master, --conf, --properties-file.
    `zookeeper` is the dispatcher's --zk, which switches its recovery on (`MesosClusterDispatcher.main`).
    Raises UsageError for what cannot be read or understood.
    """
    options, conf = arguments.settings()
    if zookeeper is not None:
        origin = Origin(Source.OPTION, "--zk")
        options.append(Setting("spark.deploy.recoveryMode", "ZOOKEEPER", origin))
        options.append(Setting("spark.deploy.zookeeper.url", zookeeper, origin))
    found = read_daemon_configuration(
        DAEMONS[mode],
        options=options,
        conf=conf,
        own=own.settings(for_dispatcher=False),
        properties_file=arguments.values.get("--properties-file"),
        spark_home=spark_home,
        environment=environment,
    )
    findings = [*_not_for_daemons(mode, arguments), *check_daemon(mode, found)]
    return Checked(by_severity(findings), _files(found.env, found.properties_file))


def check_daemon(mode: Mode, read: DaemonConfiguration, *, over_http: bool = False) -> list[Finding]:
    """What is wrong with what a daemon has read; `over_http` says that it does without libmesos."""
    found = _check(read.configuration, read.env, mode, read.spark, over_http=over_http)
    return [*read.env.findings(), *found]


def by_severity(findings: Sequence[Finding]) -> list[Finding]:
    """The findings, the worst first, those of a file in the order of its lines, otherwise in their order."""
    order = list(Severity)

    def place(finding: Finding) -> tuple[int, str, int]:
        origin = finding.origin
        in_file = origin is not None and origin.line is not None
        name, line = (origin.name, origin.line or 0) if origin is not None and in_file else ("", 0)
        return order.index(finding.severity), name, line

    return sorted(findings, key=place)


def _files(env: SparkEnv, *properties_files: Path | None) -> tuple[Path, ...]:
    return tuple(path for path in (env.script, *properties_files) if path is not None)


def _not_for_daemons(mode: Mode, arguments: SubmitArguments) -> list[Finding]:
    """What is given that only applications have."""
    program = f"the {mode.value.replace('-', ' ')}"
    given = dict.fromkeys(one.name for one in arguments.given if one.name not in _OF_DAEMONS[mode])
    found = [
        Finding(
            "ignored-option",
            Severity.WARNING,
            f"has no effect on {program}, which does not have it",
            "Leave it out.",
            origin=Origin(Source.OPTION, name),
        )
        for name in given
    ]
    if arguments.resource is not None:
        message = f"{printable(redact_text(arguments.resource))} has no effect: {program} has no application"
        found.append(Finding("ignored-option", Severity.WARNING, message, "Leave it out."))
    return found


def _refused(rule: str, errors: Iterable[UsageError], found: Sequence[Finding]) -> list[Finding]:
    """What is refused as findings, unless a rule found the same."""
    findings = []
    for error in errors:
        if not isinstance(error, ConfigurationError):
            findings.append(Finding(rule, Severity.ERROR, error.message, error.hint))
            continue
        setting = error.setting
        if any(one.key == setting.key and one.severity is Severity.ERROR for one in (*found, *findings)):
            continue
        message = (
            f"{'Spark' if rule == 'refused-by-spark' else '`submit`'} refuses {setting.key}: {error.reason}"
        )
        findings.append(Finding(rule, Severity.ERROR, message, error.hint, setting.key, setting.origin))
    return findings


def _check(
    configuration: Configuration,
    env: SparkEnv,
    mode: Mode,
    spark: SparkHome | None,
    *,
    over_http: bool = False,
    starts_here: bool = False,
    names_application: bool = False,
) -> list[Finding]:
    scripts = {name: script for name in env.changed if (script := env.script_of(name))}
    circumstances = Circumstances(
        mode=mode,
        spark_version=spark.version if spark is not None else None,
        master=configuration.get("spark.master") or None,
        environment=env.variables,
        scripts=scripts,
        files=gather(configuration, env.variables, scripts.values(), mode=mode),
        over_http=over_http,
        starts_here=starts_here,
        names_application=names_application,
        spark_home=str(spark.path) if spark is not None else None,
    )
    return check_configuration(configuration, circumstances)
