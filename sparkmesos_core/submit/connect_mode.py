"""Clients of Spark Connect, which the shells are not: what would make them one is refused, or set back.

Sources: `SparkSubmitCommandBuilder` of Spark 4's launcher; `spark_connect_mode` of `pyspark/util.py` and
`SparkSession.Builder.getOrCreate` of `pyspark/sql/session.py`.
"""

from __future__ import annotations

from collections.abc import Mapping

from sparkmesos_core.conf.configuration import Configuration
from sparkmesos_core.errors import ConfigurationError, UsageError
from sparkmesos_core.spark.home import SparkHome

API_MODE = "spark.api.mode"
_FIRST_WITH_MODE = (4, 0)
_INSTEAD = "`sparkmesos shell --lang connect` runs a server on Mesos; for a shell on Mesos leave it out."


def refuse_remote(configuration: Configuration) -> None:
    """Raises ConfigurationError, naming the place, if a server of Spark Connect is to be used.

    A client of one has no driver, and no master either.
    """
    setting = configuration.setting("spark.remote")
    if setting is None or "spark.local.connect" in configuration:
        return
    reason = UsageError(
        "the client of a server of Spark Connect has no driver that sparkmesos could run",
        hint=f"Use Spark's own `pyspark --remote sc://HOST:PORT` or `spark-shell --remote …`. {_INSTEAD}",
    )
    raise ConfigurationError(setting, reason)


def refuse_connect_mode(configuration: Configuration, spark: SparkHome | None) -> None:
    """Raises ConfigurationError, naming the place, if a shell is to be the client of a server in its driver.

    Spark 4.3's Scala shell does not start so, and that of Python leaves its executors behind when it ends.
    """
    setting = configuration.setting(API_MODE)
    if spark is None or spark.release < _FIRST_WITH_MODE:
        return
    if setting is None or setting.value.strip().lower() != "connect":
        return
    reason = UsageError(
        "a shell on Mesos is its own driver, and no client of one (classic mode)",
        hint=f"Set {API_MODE}=classic, or leave it out. {_INSTEAD}",
    )
    raise ConfigurationError(setting, reason)


def classic_variables(spark: SparkHome, environment: Mapping[str, str]) -> dict[str, str]:
    """What makes a Spark classic that is not by default: by a variable, or as the `-connect` release."""
    if spark.release < _FIRST_WITH_MODE:
        return {}
    variables = {"SPARK_CONNECT_MODE": "0"}
    if environment.get("SPARK_API_MODE"):
        variables["SPARK_API_MODE"] = "classic"
    return variables
