"""Checks the configuration of this machine: reads what a program would read, and asks all rules."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path

from sparkmesos_core.client_configuration import (
    ClientConfiguration,
    find_optional_spark,
    find_properties_file,
    read_client_configuration,
)
from sparkmesos_core.conf.checks import Circumstances, Mode, check_configuration, gather
from sparkmesos_core.conf.configuration import Configuration
from sparkmesos_core.conf.finding import Finding, Severity
from sparkmesos_core.conf.java_properties import read_properties_file
from sparkmesos_core.conf.precedence import daemon_configuration
from sparkmesos_core.conf.properties.registered_property import Reader
from sparkmesos_core.conf.spark_env import SparkEnv, load_spark_env
from sparkmesos_core.errors import ConfigurationError, UsageError
from sparkmesos_core.settings import NO_MASTERS, OwnMasters
from sparkmesos_core.spark.argument_checks import check_values
from sparkmesos_core.spark.arguments import NO_RESOURCE, SubmitArguments
from sparkmesos_core.spark.home import SparkHome

_DAEMONS = {
    Mode.DISPATCHER: (Reader.DISPATCHER, "org.apache.spark.deploy.mesos.MesosClusterDispatcher"),
    Mode.SHUFFLE_SERVICE: (
        Reader.SHUFFLE_SERVICE,
        "org.apache.spark.deploy.mesos.MesosExternalShuffleService",
    ),
}


def submission_mode(configuration: Configuration) -> Mode:
    """Where the driver of a submission runs. What is neither client nor cluster counts as client."""
    return (
        Mode.CLUSTER if configuration.get("spark.submit.deployMode", "").strip() == "cluster" else Mode.CLIENT
    )


def check_submission(client: ClientConfiguration, *, over_http: bool = False) -> list[Finding]:
    """What is wrong with what `submit` was given, options that Spark ignores on Mesos first.

    `over_http` says that libmesos will not be used.
    """
    mode = submission_mode(client.configuration)
    found = _check(client.configuration, client.env, mode, client.spark, over_http=over_http)
    return [*client.findings, *found]


def read_and_check_submission(
    arguments: SubmitArguments,
    *,
    spark_home: Path | None,
    environment: Mapping[str, str],
    own: OwnMasters = NO_MASTERS,
) -> list[Finding]:
    """What is wrong with what `submit` would do with these arguments, the worst first.

    What makes `submit` give up before there is a configuration, such as a file that cannot be read, is raised
    as the UsageError that it is; what Spark refuses about values is a finding like others.
    """
    client = read_client_configuration(arguments, spark_home=spark_home, environment=environment, own=own)
    found = check_submission(client)
    found += _refused(arguments, client.configuration, found)
    return by_severity(found)


def read_and_check_daemon(
    mode: Mode,
    arguments: SubmitArguments,
    *,
    spark_home: Path | None,
    environment: Mapping[str, str],
    own: OwnMasters = NO_MASTERS,
) -> list[Finding]:
    """What is wrong with what the dispatcher or the shuffle service would read here, the worst first.

    `arguments` are those of spark-submit that daemons understand, too: --master, --conf, --properties-file.
    Raises UsageError for what cannot be read or understood.
    """
    daemon, class_name = _DAEMONS[mode]
    spark = find_optional_spark(spark_home, environment)
    home = spark.path if spark is not None else None
    env = load_spark_env(home, environment, arguments=(class_name,))
    properties_file = find_properties_file(arguments.values.get("--properties-file"), home, env.variables)
    options, conf = arguments.settings()
    configuration = daemon_configuration(
        daemon,
        options=options,
        conf=conf,
        own=own.settings(for_dispatcher=False),
        file=read_properties_file(properties_file) if properties_file is not None else (),
        env=env,
    )
    return by_severity([*env.findings(), *_check(configuration, env, mode, spark)])


def by_severity(findings: Sequence[Finding]) -> list[Finding]:
    """The findings, the worst first, otherwise in their order."""
    order = list(Severity)
    return sorted(findings, key=lambda finding: order.index(finding.severity))


def _refused(
    arguments: SubmitArguments, configuration: Configuration, found: Sequence[Finding]
) -> list[Finding]:
    """What spark-submit itself refuses, unless a rule found the same. An application need not be named."""
    try:
        check_values(replace(arguments, resource=arguments.resource or NO_RESOURCE), configuration)
    except ConfigurationError as error:
        setting = error.setting
        if any(one.key == setting.key and one.severity is Severity.ERROR for one in found):
            return []
        reason = error.message.removeprefix(f"{setting.key}, set in {setting.origin}: ")
        message = f"Spark refuses {setting.key}: {reason}"
        return [Finding("refused-by-spark", Severity.ERROR, message, error.hint, setting.key, setting.origin)]
    except UsageError as error:
        return [Finding("refused-by-spark", Severity.ERROR, error.message, error.hint)]
    return []


def _check(
    configuration: Configuration,
    env: SparkEnv,
    mode: Mode,
    spark: SparkHome | None,
    *,
    over_http: bool = False,
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
    )
    return check_configuration(configuration, circumstances)
