r"""How a task on an agent becomes Spark's shuffle service: a script for whatever /bin/sh is there.

It finds Spark, and runs `bin/spark-class` with Spark's own class, which becomes Java. The shell stays in
front of it, and hands SIGTERM on, as it may have to start it again (`cleaner_script`). Spark's launcher gives
a daemon its heap by SPARK_DAEMON_MEMORY and its options by SPARK_SHUFFLE_OPTS (`SparkClassCommandBuilder`);
properties are options there, -Dspark.…=…, which win over the spark-defaults.conf of the agent
(`Utils.loadDefaultSparkProperties`). A spark-env.sh of the agent has the last word about variables, as with
every program of Spark.

    for spark in ./spark-3*/ ./*/; do …            # the folder that holds bin/spark-class
    export SPARK_DAEMON_MEMORY=1024m
    export SPARK_SHUFFLE_OPTS='-Dspark.shuffle.service.port=7337 …'
    "$spark"/bin/spark-class org.apache.spark.deploy.mesos.MesosExternalShuffleService &

Whether it is a Spark 4, which has no such class, is seen there: then it is that of the bridge (`spark_4`).

Options are seen by everybody on the agent, so no secret is among them. The one of `spark.authenticate` comes
in the variable that executors get theirs in, which `SecurityManager.getSecretKey` prefers to the property.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from sparkmesos_core.conf.properties.registered_property import Reader
from sparkmesos_core.conf.properties.registry import find_property
from sparkmesos_core.conf.values.java_options import split_options
from sparkmesos_core.conf.values.java_strings import to_sequence
from sparkmesos_core.conf.values.scalars import parse_boolean
from sparkmesos_core.daemon_configuration import CLASSES
from sparkmesos_core.errors import UsageError
from sparkmesos_core.launch.container import image
from sparkmesos_core.launch.fetched_uris import fetched_uri
from sparkmesos_core.launch.secrets import is_secret
from sparkmesos_core.launch.spark_place import SparkPlace, finding, spark_place, word
from sparkmesos_core.shuffle_service.cleaner_script import started_with_cleaner
from sparkmesos_core.shuffle_service.container import told_local_folders
from sparkmesos_core.shuffle_service.spark_4 import start_lines

SECRET_VARIABLE = "_SPARK_AUTH_SECRET"  # noqa: S105 - its name

_AUTHENTICATE = "spark.authenticate"
_LOCAL_DIR = "spark.local.dir"
_SECRET = "spark.authenticate.secret"  # noqa: S105 - its name
_FAMILIES = ("spark.shuffle.io.", "spark.network.", "spark.metrics.", "spark.shuffle.service.")
"""What the service's network library and metrics read, beyond what the registry of properties knows."""
_PLAIN = re.compile(r"[\w@%+=:,./-]+", re.ASCII)


@dataclass(frozen=True)
class ServiceCommand:
    """How to start a service on an agent."""

    script: str
    """For /bin/sh, in the sandbox. No secret is in it."""
    secrets: Mapping[str, str] = field(repr=False)
    """Variables that it needs besides."""
    uris: tuple[dict[str, Any], ...] = ()
    """v1 CommandInfo.URIs that are to be in the sandbox."""


def service_command(
    properties: Mapping[str, str],
    *,
    heap: int,
    spark_home: str | None = None,
    variables: Mapping[str, str] | None = None,
    bridge: str | None = None,
) -> ServiceCommand:
    """How a service of this configuration is started.

    `heap` is in MiB, `spark_home` is where agents have Spark unless a property says, or they fetch it, and
    `bridge` where those on this machine have the bridge for it, if it is a Spark 4 without one inside.
    Of `variables` SPARK_DAEMON_JAVA_OPTS and SPARK_SHUFFLE_OPTS go to the JVM but for their -Dspark.…, which
    are to be in `properties`; SPARK_DAEMON_CLASSPATH and SPARK_EXECUTOR_URI mean what they mean to Spark.

    Raises UsageError where there is no Spark, for a secret that could only be passed where all can see it,
    authentication without a secret, and for text that no command line can hold.
    """
    given = {} if variables is None else variables
    archive = _archive(properties, given)
    place = _place(properties, archive, spark_home)
    options = [*_java_options(given), *_definitions(properties)]
    lines = [
        *finding(place, "bin/spark-class"),
        # One of the agent would win over the folder that spark-class is in.
        *([] if place.is_entered else ['SPARK_HOME="$(cd "$spark" && pwd)" || exit', "export SPARK_HOME"]),
        f"export SPARK_DAEMON_MEMORY={heap}m",
    ]
    if options:
        lines.append(f"export SPARK_SHUFFLE_OPTS={word(' '.join(map(_quoted, options)))}")
    if class_path := given.get("SPARK_DAEMON_CLASSPATH"):
        lines.append(f"export SPARK_DAEMON_CLASSPATH={word(class_path)}")
    lines += start_lines(
        shown=place.shown,
        sandbox=place.sandbox,
        own_bridge=bridge,
        local_folders=",".join(told_local_folders(properties)),
    )
    lines += started_with_cleaner(f'"$spark"/bin/spark-class {CLASSES[Reader.SHUFFLE_SERVICE]}')
    return ServiceCommand("\n".join(lines), _secrets(properties), _uris(properties, archive))


def is_read_by_service(name: str) -> bool:
    """Whether a property has an effect on the shuffle service."""
    found = find_property(name)
    if found is not None and found.readers:
        return Reader.SHUFFLE_SERVICE in found.readers
    return name.startswith(_FAMILIES)


def authenticates(properties: Mapping[str, str]) -> bool:
    """Whether the service wants its clients to authenticate."""
    return parse_boolean(properties.get(_AUTHENTICATE) or "false")


def _definitions(properties: Mapping[str, str]) -> list[str]:
    """Options that set what the service reads."""
    found = []
    for name, value in sorted(properties.items()):
        # What is said of local folders depends on more than this property (`start_lines`).
        if name in (_SECRET, _LOCAL_DIR) or not is_read_by_service(name):
            continue
        if is_secret(name, value):
            raise UsageError(
                f"{name} is a secret, and a service on an agent could only be given it where all can see it",
                hint="Write it into the spark-defaults.conf of the Spark that agents use.",
            )
        found.append(f"-D{name}={value}")
    return found


def _java_options(variables: Mapping[str, str]) -> list[str]:
    """What else is for the JVM. Raises UsageError for what Spark refuses, and for secrets."""
    found = []
    for variable in ("SPARK_DAEMON_JAVA_OPTS", "SPARK_SHUFFLE_OPTS"):
        try:
            options = split_options(variables.get(variable, ""))
        except UsageError as error:
            raise UsageError(f"{variable} cannot be split: {error.message}", hint=error.hint) from error
        for option in options:
            if option.startswith("-Dspark."):
                continue
            if "Xmx" in option:
                raise UsageError(
                    f"{variable} has {option}, which Spark refuses",
                    hint="Set the heap with --memory or SPARK_DAEMON_MEMORY.",
                )
            name, _, value = option.removeprefix("-D").partition("=")
            if is_secret(name, value):
                raise UsageError(
                    f"{variable} has a secret, {name}, which everybody on the agents could see",
                    hint="Have a file on the agents hold it.",
                )
            found.append(option)
    return found


def _secrets(properties: Mapping[str, str]) -> dict[str, str]:
    if not authenticates(properties):
        return {}
    secret = properties.get(_SECRET, "")
    if not secret:
        raise UsageError(
            "spark.authenticate is true, and there is no spark.authenticate.secret",
            hint="Set it, best in a properties file that nobody else can read.",
        )
    return {SECRET_VARIABLE: secret}


def _archive(properties: Mapping[str, str], variables: Mapping[str, str]) -> str | None:
    return (
        properties.get("spark.executor.uri", "").strip()
        or variables.get("SPARK_EXECUTOR_URI", "").strip()
        or None
    )


def _place(properties: Mapping[str, str], archive: str | None, spark_home: str | None) -> SparkPlace:
    """Where Spark is: where executors have it."""
    place = spark_place(
        has_image=image(properties) is not None,
        archive=archive,
        own_home=properties.get("spark.mesos.executor.home", "").strip(),
        home=spark_home,
    )
    if place is None:
        raise UsageError(
            "Nobody says where agents have Spark",
            hint="Give the archive that they fetch, --conf spark.executor.uri=URL (`sparkmesos upload-dist` "
            "makes and uploads one), or the folder where each has it, --conf "
            "spark.mesos.executor.home=FOLDER; or --spark-home, if it is where a Spark of this machine is.",
        )
    return place


def _uris(properties: Mapping[str, str], archive: str | None) -> tuple[dict[str, Any], ...]:
    """The archive of Spark, if any, and what `spark.mesos.uris` names, as executors fetch them."""
    cache = parse_boolean(properties.get("spark.mesos.fetcherCache.enable") or "false")
    wanted = [*([archive] if archive else []), *to_sequence(properties.get("spark.mesos.uris", ""))]
    return tuple(fetched_uri(uri).to_json(cache=cache, unpack=True) for uri in dict.fromkeys(wanted))


def _quoted(option: str) -> str:
    """An option as Spark's launcher reads it back from a list (`CommandBuilderUtils.parseOptionString`)."""
    if _PLAIN.fullmatch(option):
        return option
    escaped = option.replace("\\", "\\\\").replace('"', '\\"')
    return f'"{escaped}"'
