r"""The command of a driver's task: a script for whatever /bin/sh an agent or an image has.

It finds Spark, gets the secrets out of the environment, decides what speaks to Mesos, and becomes
spark-submit in client mode, with the options of `MesosClusterScheduler.getDriverCommandValue`:

    for spark in ./spark-3*/ ./*/; do …    # the folder that holds bin/spark-submit
    cd "$spark"; spark=.                   # an unpacked archive only
    set -- --name … --master … --conf …    # "$@" are the options from here on
    …                                      # adds --properties-file, --driver-class-path, for Spark 4 --master
    exec "$spark"/bin/spark-submit "$@" ../app.jar …
"""

from __future__ import annotations

import math
from collections.abc import Collection, Mapping
from dataclasses import dataclass

from sparkmesos_core.dispatcher.drivers.submission import Submission
from sparkmesos_core.dispatcher.launch.bridge import URI_PROPERTY, bridge_lines, bridge_uri, is_fine_grained
from sparkmesos_core.dispatcher.launch.cluster import Cluster
from sparkmesos_core.dispatcher.launch.driver_secrets import PROPERTIES_VARIABLE, properties_text
from sparkmesos_core.dispatcher.launch.uris import (
    archive_uri,
    container_path,
    fetched_by_executors,
    other_jars,
    python_files,
)
from sparkmesos_core.dispatcher.messages import TOKEN_PROPERTY
from sparkmesos_core.errors import UsageError
from sparkmesos_core.launch.container import image
from sparkmesos_core.launch.fetched_uris import fetched_uri
from sparkmesos_core.launch.secrets import is_secret
from sparkmesos_core.launch.spark_place import SparkPlace, finding, spark_place, word

_NOT_PASSED_ON = frozenset(
    {
        "spark.jars", "spark.submit.deployMode", "spark.master",
        # Between clients and dispatchers.
        TOKEN_PROPERTY, URI_PROPERTY,
    }
)  # fmt: skip


@dataclass(frozen=True)
class CommandLine:
    """The command, and what it finds in its environment."""

    script: str
    secret_properties: str
    """For the variable `PROPERTIES_VARIABLE`; empty: it is not needed."""


def command_line(submission: Submission, cluster: Cluster) -> CommandLine:
    """The command of a driver.

    Raises UsageError where there is no Spark, and for text that no command line can hold.
    """
    place = _place(submission, cluster)
    given = {**submission.properties, **fetched_by_executors(submission)}
    properties = {key: value for key, value in given.items() if key not in _NOT_PASSED_ON}
    if jars := other_jars(submission):
        properties["spark.jars"] = ",".join(jars)
    uri = bridge_uri(submission, cluster)
    if uri is not None and is_fine_grained(properties):
        properties["spark.mesos.uris"] = ",".join(filter(None, (properties.get("spark.mesos.uris"), uri)))
    hidden = {key: value for key, value in properties.items() if is_secret(key, value)}
    fetched = None if uri is None else f"{place.sandbox}/{word(fetched_uri(uri).name)}"
    secrets = properties_text(hidden)
    application = [_file(submission.app_resource, submission, place), *map(word, submission.app_args)]
    lines = [
        *finding(place, "bin/spark-submit"),
        *(_library_path(submission, cluster) if place.is_entered else ()),
        " ".join(["set --", *_options(submission, cluster, place, properties, hidden)]),
        *(_secret_lines(place) if secrets else ()),
        *bridge_lines(properties, fetched, f"mesos://{cluster.master}", place.shown),
        " ".join(['exec "$spark"/bin/spark-submit "$@"', *application]),
    ]
    return CommandLine("\n".join(lines), secrets)


def _options(
    submission: Submission,
    cluster: Cluster,
    place: SparkPlace,
    properties: Mapping[str, str],
    hidden: Collection[str],
) -> list[str]:
    """Words of the shell: spark-submit's options, in Spark's order, without the properties in `hidden`."""
    options = [
        *("--name", submission.name, "--master", f"mesos://{cluster.master}"),
        # Spark passes a decimal and does not take it itself.
        *("--driver-cores", str(max(1, math.ceil(submission.cores)))),
        *("--driver-memory", f"{submission.heap}M"),
        *(("--class", submission.main_class) if submission.main_class else ()),
    ]
    for option, key in (
        ("--executor-memory", "spark.executor.memory"),
        ("--total-executor-cores", "spark.cores.max"),
    ):
        if key in properties:
            options += [option, properties[key]]
    words = [word(option) for option in options]
    if files := [_file(uri, submission, place) for uri in python_files(properties)]:
        words += ["--py-files", ",".join(files)]
    for key, value in sorted(properties.items()):
        if key not in hidden:
            words += ["--conf", word(f"{key}={value}")]
    return words


def _place(submission: Submission, cluster: Cluster) -> SparkPlace:
    """Where Spark is for a driver."""
    place = spark_place(
        has_image=image(submission.properties) is not None,
        archive=archive_uri(submission),
        own_home=submission.properties.get("spark.mesos.executor.home", "").strip(),
        home=cluster.spark_home,
    )
    if place is None:
        raise UsageError(
            "Nobody says where agents have Spark",
            hint="Set spark.executor.uri or spark.mesos.executor.home for the driver, or spark.home for the "
            "dispatcher.",
        )
    return place


def _library_path(submission: Submission, cluster: Cluster) -> list[str]:
    folders = [
        cluster.properties.get("spark.executor.extraLibraryPath"),
        submission.properties.get("spark.driver.extraLibraryPath"),
    ]
    path = ":".join(filter(None, folders))
    # Not with a colon at the end, which would stand for the current folder.
    return [f"export LD_LIBRARY_PATH={word(path)}${{LD_LIBRARY_PATH:+:$LD_LIBRARY_PATH}}"] if path else []


def _secret_lines(place: SparkPlace) -> list[str]:
    """Gives spark-submit the secret properties in a file that has no name any more.

    A file of the sandbox can be read through the agent, whatever its mode; this one is removed before
    anything is written to it, and lives for as long as somebody has it open. /proc opens it anew for each of
    the two JVMs that read it. Where there is no /proc it stays, with a mode that is for the user alone.
    With --properties-file Spark does not read spark-defaults.conf, so that goes in front.
    """
    file = f"{place.sandbox}/.spark-properties"
    return [
        f"secrets={file}",
        '(umask 077 && rm -f "$secrets" && : > "$secrets") || exit',
        'exec 3<> "$secrets"',
        'if [ -e /proc/self/fd/3 ]; then rm -f "$secrets"; secrets=/proc/self/fd/3; fi',
        '{ cat "${SPARK_CONF_DIR:-$spark/conf}/spark-defaults.conf" 2>/dev/null',
        f"  printf '\\n%s\\n' \"${PROPERTIES_VARIABLE}\"; }} >&3",
        f"unset {PROPERTIES_VARIABLE}",
        'set -- "$@" --properties-file "$secrets"',
    ]


def _file(uri: str, submission: Submission, place: SparkPlace) -> str:
    """A word of the shell: where the driver finds what a URI names."""
    inside = container_path(uri, submission.properties)
    return f"{place.sandbox}/{word(fetched_uri(uri).name)}" if inside is None else word(inside)
