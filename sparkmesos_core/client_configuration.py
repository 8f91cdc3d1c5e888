"""The configuration of a submission, read from this machine: Spark, spark-env.sh, the properties file."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from sparkmesos_core.conf.configuration import Configuration
from sparkmesos_core.conf.finding import Finding
from sparkmesos_core.conf.java_properties import read_properties_file
from sparkmesos_core.conf.precedence import is_submitted, submit_configuration
from sparkmesos_core.conf.setting import Setting
from sparkmesos_core.conf.spark_env import SparkEnv, load_spark_env
from sparkmesos_core.errors import SparkNotFoundError, UsageError
from sparkmesos_core.settings import NO_MASTERS, OwnMasters
from sparkmesos_core.spark.arguments import Action
from sparkmesos_core.spark.home import SparkHome, find_spark
from sparkmesos_core.spark.ignored_options import Translation, translate
from sparkmesos_core.spark.submit_options import find_option

if TYPE_CHECKING:
    from sparkmesos_core.spark.arguments import GivenOption, SubmitArguments
    from sparkmesos_core.submit.dynamic_allocation import DynamicAllocation


@dataclass(frozen=True)
class ClientConfiguration:
    """Everything that a command line of spark-submit means on this machine."""

    arguments: SubmitArguments
    spark: SparkHome | None
    """The Spark to use; None if there is none, which cluster mode does without."""
    env: SparkEnv
    """The environment after spark-env.sh."""
    configuration: Configuration
    """The effective properties, those included that our options come to, and those that Spark ignores."""
    translated: tuple[Setting, ...]
    """What these options come to alone: Spark's own spark-submit has to be given it as --conf."""
    properties_file: Path | None
    """The properties file that was read; None if there is none."""
    more_properties_files: tuple[Path, ...]
    """Those that were read besides, the weakest first: spark-defaults.conf is below it, others are above."""
    findings: tuple[Finding, ...]
    """What is to be said about these options, and about spark-env.sh."""


def read_client_configuration(
    arguments: SubmitArguments,
    *,
    spark_home: Path | None,
    environment: Mapping[str, str],
    own: OwnMasters = NO_MASTERS,
    dynamic_allocation: DynamicAllocation | None = None,
    needs_spark: bool = True,
) -> ClientConfiguration:
    """Finds Spark, sources spark-env.sh and reads the properties file, as spark-submit would.

    `spark_home` is the one that was asked for by an option, `own` are sparkmesos' own settings,
    `dynamic_allocation` is the option of that name. What spark-env.sh sets counts as if it had been in the
    environment: SPARK_HOME too, without `spark_home`. In cluster mode variables that the driver will not get
    stand for no property. Unless it `needs_spark`, a SPARK_HOME that is no Spark counts as none at all.

    Raises SparkNotFoundError if the Spark that was asked for is none, UsageError for an option that its
    spark-submit does not have (which does not run here in cluster mode) and for a file or a variable that
    cannot be read or understood, and TimedOutError if spark-env.sh does not come to its end.
    """
    find = find_optional_spark if needs_spark else _find_any_spark
    spark = find(spark_home, environment)
    env = load_spark_env(spark.path if spark is not None else None, environment, arguments=_all_of(arguments))
    if spark_home is None and "SPARK_HOME" in env.changed:
        spark = find(None, env.variables)
    home = spark.path if spark is not None else None
    properties_file = find_properties_file(arguments.values.get("--properties-file"), home, env.variables)
    below = _defaults_below(arguments, home, env.variables)
    above = tuple(_named_file(one) for one in arguments.given if one.name == "--extra-properties-file")
    options, conf = arguments.settings()
    files = (*below, *((properties_file,) if properties_file is not None else ()), *above)
    file = [setting for path in files for setting in read_properties_file(path)]

    def configuration_with(own_settings: Sequence[Setting]) -> Configuration:
        return submit_configuration(options=options, conf=conf, own=own_settings, file=file, env=env)

    configuration = configuration_with(own.settings(for_dispatcher=False))
    is_cluster = configuration.get("spark.submit.deployMode") == "cluster"
    if own.dispatcher is not None and (is_cluster or arguments.asks_dispatcher):
        configuration = configuration_with(own.settings(for_dispatcher=True))
    if is_cluster:
        configuration = configuration.without(_stays_here)
    elif spark is not None and not arguments.asks_dispatcher:
        _check_release(arguments, spark)
    translation = _translation(
        arguments, configuration, spark.version if spark is not None else None, dynamic_allocation
    )
    return ClientConfiguration(
        arguments=arguments,
        spark=spark,
        env=env,
        configuration=configuration.above(translation.settings),
        translated=translation.settings,
        properties_file=properties_file,
        more_properties_files=(*below, *above),
        findings=(*env.findings(), *translation.findings),
    )


def _translation(
    arguments: SubmitArguments,
    configuration: Configuration,
    spark_version: str | None,
    asked: DynamicAllocation | None,
) -> Translation:
    """What options come to that Spark does not know, or ignores on Mesos."""
    if asked is None or arguments.action is not Action.SUBMIT:
        return translate(arguments, configuration, spark_version)
    from sparkmesos_core.submit.dynamic_allocation import sizes, switches  # which few applications ask for

    on = switches(asked, configuration)
    configuration = configuration.above(on.settings)
    ignored = translate(arguments, configuration, spark_version)  # --num-executors means something else then
    sized = sizes(asked, configuration.above(ignored.settings))
    settings = {one.key: one for one in (*on.settings, *ignored.settings, *sized.settings)}
    return Translation(tuple(settings.values()), (*on.findings, *ignored.findings, *sized.findings))


def _check_release(arguments: SubmitArguments, spark: SparkHome) -> None:
    """Raises UsageError for an option that the spark-submit of this Spark does not have."""
    for given in arguments.given:
        option = find_option(given.name)
        if option is not None and not option.is_known_to(spark.release):
            raise UsageError(
                f"{option.name} came with Spark {option.since}, and {spark.path} is Spark {spark.version}",
                hint="Leave it out, or use a newer Spark (SPARK_HOME or --spark-home).",
            )


def _defaults_below(
    arguments: SubmitArguments, spark_home: Path | None, environment: Mapping[str, str]
) -> tuple[Path, ...]:
    """The spark-defaults.conf that --load-spark-defaults adds to a --properties-file, if there is one."""
    if "--load-spark-defaults" not in arguments.values or "--properties-file" not in arguments.values:
        return ()
    defaults = find_properties_file(None, spark_home, environment)
    return () if defaults is None else (defaults,)


def _named_file(given: GivenOption) -> Path:
    if not given.value:
        raise UsageError(f"{given.name} is empty", hint="Give the path of a file, or leave it out.")
    return Path(given.value)


def find_properties_file(
    given: str | None, spark_home: Path | None, environment: Mapping[str, str]
) -> Path | None:
    """The file that properties are read from; None if there is none.

    It is `given` (--properties-file), whether it exists or not; else the spark-defaults.conf of
    SPARK_CONF_DIR, else that of `spark_home`/conf, if it is a file (`Utils.getDefaultPropertiesFile`).

    Raises UsageError if `given` is empty.
    """
    if given is not None:
        if not given:
            raise UsageError("--properties-file is empty", hint="Give the path of a file, or leave it out.")
        return Path(given)
    if configured := environment.get("SPARK_CONF_DIR"):
        folder = Path(configured)
    elif spark_home is not None:
        folder = spark_home / "conf"
    else:
        return None
    defaults = folder / "spark-defaults.conf"
    return defaults if defaults.is_file() else None


def find_optional_spark(spark_home: Path | None, environment: Mapping[str, str]) -> SparkHome | None:
    """The Spark to use; None if none was asked for and none is installed.

    Raises SparkNotFoundError if `spark_home` or SPARK_HOME is no Spark.
    """
    try:
        return find_spark(spark_home, environment)
    except SparkNotFoundError:
        if spark_home is not None or environment.get("SPARK_HOME"):
            raise
        return None


def _find_any_spark(spark_home: Path | None, environment: Mapping[str, str]) -> SparkHome | None:
    try:
        return find_optional_spark(spark_home, environment)
    except SparkNotFoundError:
        if spark_home is not None:
            raise
        return None


def _stays_here(setting: Setting) -> bool:
    """Whether a setting is a variable that only a driver on this machine would find."""
    from sparkmesos_core.spark.cluster_request import is_sent_variable  # which client mode does without

    return not is_submitted(setting) and not is_sent_variable(setting.origin.name)


def _all_of(arguments: SubmitArguments) -> tuple[str, ...]:
    """What `bin/spark-submit` hands to `bin/spark-class`, which sources spark-env.sh."""
    return ("org.apache.spark.deploy.SparkSubmit", *arguments.options, *arguments.application)
