"""Which place wins: the layers of a configuration, in the order in which Spark itself looks at them.

Sources: `SparkSubmitArguments` and `SparkSubmit.prepareSubmitEnvironment` for submissions,
`MesosClusterDispatcherArguments` and `ExternalShuffleService.main` for the daemons, `SparkConf`, which begins
with the system properties of its JVM, and `SparkSubmitCommandBuilder` and `SparkClassCommandBuilder`, which
start that.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from itertools import pairwise

from sparkmesos_core.conf.configuration import Configuration
from sparkmesos_core.conf.properties.registered_property import Reader
from sparkmesos_core.conf.setting import Origin, Setting, Source
from sparkmesos_core.conf.spark_env import SparkEnv
from sparkmesos_core.conf.spark_variables import VARIABLES, Strength, find_variable
from sparkmesos_core.conf.values.java_options import definitions, split_options
from sparkmesos_core.errors import UsageError

_BARE = re.compile(r"-Dspark\.[\w.-]+")
"""A property of Spark that is defined without a value."""


def submit_configuration(
    *,
    options: Sequence[Setting] = (),
    conf: Sequence[Setting] = (),
    own: Sequence[Setting] = (),
    file: Sequence[Setting] = (),
    env: SparkEnv,
) -> Configuration:
    """What a submission is configured with.

    From the strongest: SPARK_LOCAL_DIRS, which Spark prefers to its property; options that mean a property;
    --conf; sparkmesos' own settings; the properties file; the variables that spark-submit makes properties
    of; -Dspark.… in SPARK_SUBMIT_OPTS; the variables that are read where a property is used.

    Raises UsageError if SPARK_SUBMIT_OPTS cannot be split.
    """
    return Configuration(
        (
            _of_variables(env, Reader.CLIENT, Strength.OVER),
            options,
            conf,
            own,
            file,
            _of_variables(env, Reader.CLIENT, Strength.SUBMIT),
            _of_java_options(env, Reader.CLIENT),
            _of_variables(env, Reader.CLIENT, Strength.LATE),
        )
    )


def daemon_configuration(
    daemon: Reader,
    *,
    options: Sequence[Setting] = (),
    conf: Sequence[Setting] = (),
    own: Sequence[Setting] = (),
    file: Sequence[Setting] = (),
    env: SparkEnv,
) -> Configuration:
    """What `daemon`, Reader.DISPATCHER or Reader.SHUFFLE_SERVICE, is configured with.

    From the strongest: SPARK_LOCAL_DIRS; options that mean a property; --conf; -Dspark.… in
    SPARK_DAEMON_JAVA_OPTS, in SPARK_SHUFFLE_OPTS even more; sparkmesos' own settings; the properties file;
    the variables that are read where a property is used. What spark-submit makes properties of has no effect.

    Raises UsageError if one of the variables cannot be split.
    """
    return Configuration(
        (
            _of_variables(env, daemon, Strength.OVER),
            options,
            conf,
            _of_java_options(env, daemon),
            own,
            file,
            _of_variables(env, daemon, Strength.LATE),
        )
    )


def submitted_properties(configuration: Configuration) -> dict[str, str]:
    """The properties that spark-submit itself knows, and so sends to a dispatcher, sorted by name.

    These are all but those that only a variable stands for which is read later, by the driver: such a
    variable goes to the driver as one.
    """
    properties = {}
    for key in sorted(configuration):
        settings = (configuration.setting(key), *configuration.overridden(key))
        known = [setting.value for setting in settings if setting is not None and is_submitted(setting)]
        if known:
            properties[key] = known[0]
    return properties


def is_submitted(setting: Setting) -> bool:
    """Whether spark-submit itself knows of a setting, as opposed to a driver that finds a variable."""
    if setting.origin.source is not Source.VARIABLE:
        return True
    variable = find_variable(setting.origin.name)
    return variable is not None and variable.strength is Strength.SUBMIT


def _of_variables(env: SparkEnv, reader: Reader, strength: Strength) -> list[Setting]:
    """The properties that variables stand for. An empty variable is set, as it is for Spark."""
    # The driver that a submission starts is configured by it, too.
    readers = {Reader.CLIENT, Reader.BACKEND} if reader is Reader.CLIENT else {reader}
    return [
        Setting(
            variable.property,
            env.variables[variable.name],
            Origin(Source.VARIABLE, variable.name, script=env.script_of(variable.name)),
        )
        # The stronger ones come first in the table, but last in a layer.
        for variable in reversed(VARIABLES)
        if variable.strength is strength and variable.readers & readers and variable.name in env.variables
    ]


def _of_java_options(env: SparkEnv, reader: Reader) -> list[Setting]:
    """The -Dspark.… of the variables that hold options of the JVM of `reader`, the last one winning."""
    settings: list[Setting] = []
    for variable in VARIABLES:
        text = env.variables.get(variable.name)
        if not text or reader not in variable.java_options:
            continue
        origin = Origin(Source.JAVA_OPTIONS, variable.name, script=env.script_of(variable.name))
        try:
            defined = definitions(text)
        except UsageError as error:
            raise UsageError(f"{origin} cannot be split: {error.message}", hint=error.hint) from error
        _require_no_blank(text, origin)
        settings += [Setting(key, value, origin) for key, value in defined if key.startswith("spark.")]
    return settings


def _require_no_blank(text: str, origin: Origin) -> None:
    """Raises UsageError for `-Dspark.x value`: Java would take the value for the class that it is to run."""
    for option, following in pairwise(split_options(text)):
        if _BARE.fullmatch(option) and not following.startswith(("-", "@")):
            # Not with the value, which may be a secret.
            raise UsageError(
                f"{origin} has a blank behind {option}, where = belongs", hint=f"Write {option}=VALUE."
            )
