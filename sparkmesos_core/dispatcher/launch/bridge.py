"""Where a driver finds the bridge, should its agent have no libmesos. The agent decides."""

from __future__ import annotations

import shlex
from collections.abc import Mapping

from sparkmesos_core.dispatcher.drivers.submission import Submission
from sparkmesos_core.dispatcher.launch.cluster import Cluster
from sparkmesos_core.dist.facts import BRIDGE

URI_PROPERTY = "spark.mesos.dispatcher.bridge.uri"
"""Of a submission: where agents fetch the bridge."""

_DRIVER_PATH = "spark.driver.extraClassPath"
_EXECUTOR_PATH = "spark.executor.extraClassPath"


def bridge_uri(submission: Submission, cluster: Cluster) -> str | None:
    """Where agents fetch the bridge: as the submission says, else the dispatcher; None: nowhere."""
    own = submission.properties.get(URI_PROPERTY, "").strip()
    return own or cluster.bridge_uri


def is_fine_grained(properties: Mapping[str, str]) -> bool:
    """Whether each Spark task is to be a Mesos task."""
    return properties.get("spark.mesos.coarse", "true").strip().lower() == "false"


def bridge_lines(properties: Mapping[str, str], fetched: str | None) -> list[str]:
    """Lines of the driver's shell that add the bridge to the options in `$@`, unless there is libmesos.

    An agent tells its tasks its own libmesos in MESOS_NATIVE_JAVA_LIBRARY (`executorEnvironment` in Mesos'
    slave/containerizer), and that is all that counts: the file has to be there, inside a container as well.
    `$spark` is the folder of Spark. The bridge inside it comes before the one at `fetched`, a word of the
    shell. Its classes have to come before those of the same names in Spark's Mesos jar, and an option
    replaces what spark-defaults.conf says on the agent: so that is looked up.
    """
    candidates = " ".join([f'"$spark"/{BRIDGE}', *([] if fetched is None else [fetched])])
    lines = [
        'if [ ! -f "$MESOS_NATIVE_JAVA_LIBRARY" ] && [ ! -f "$MESOS_NATIVE_LIBRARY" ]; then',
        "  unset MESOS_NATIVE_JAVA_LIBRARY MESOS_NATIVE_LIBRARY",
        f'  for bridge in {candidates}; do [ -f "$bridge" ] && break; bridge=; done',
        '  if [ -n "$bridge" ]; then',
        f"    theirs={_theirs(properties, _DRIVER_PATH)}",
        '    set -- "$@" --driver-class-path "$bridge${theirs:+:$theirs}"',
    ]
    if is_fine_grained(properties):
        lines += _executor_lines(properties)
    return [*lines, "  fi", "fi"]


def _executor_lines(properties: Mapping[str, str]) -> list[str]:
    """Executors of the fine-grained mode speak to their agents through Mesos' Java API, too.

    They start in the same place as the driver, and fetch the same bridge, so its path is the same. The JVM
    passes over a path that leads nowhere.
    """
    return [
        f"    theirs={_theirs(properties, _EXECUTOR_PATH)}",
        '    theirs="$bridge${theirs:+:$theirs}"',
        f'    set -- "$@" --conf {_EXECUTOR_PATH}="$theirs"',
    ]


def _theirs(properties: Mapping[str, str], name: str) -> str:
    """A word of the shell: the class path that the driver would have had."""
    if name in properties:
        return shlex.quote(properties[name])
    pattern = name.replace(".", r"\.")
    blank = "[[:blank:]]"
    script = f"s/^{blank}*{pattern}{blank}*[=:[:blank:]]{blank}*//p"
    file = '"${SPARK_CONF_DIR:-$spark/conf}/spark-defaults.conf"'
    return f"$(sed -n '{script}' {file} 2>/dev/null | tail -n 1)"
