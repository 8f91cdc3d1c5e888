"""Where a driver finds the bridge, if it needs one, and what its Spark calls the master: agents decide."""

from __future__ import annotations

import shlex
from collections.abc import Mapping

from sparkmesos_core.bridge.kinds import BridgeKind
from sparkmesos_core.bridge.recipes import recipe_of
from sparkmesos_core.dispatcher.drivers.submission import Submission
from sparkmesos_core.dispatcher.launch.cluster import Cluster
from sparkmesos_core.dist.facts import BRIDGE
from sparkmesos_core.launch.spark_place import word
from sparkmesos_core.master import BACKEND_PREFIX

URI_PROPERTY = "spark.mesos.dispatcher.bridge.uri"
"""Of a submission: where agents fetch the bridge."""

_DRIVER_PATH = "spark.driver.extraClassPath"
_EXECUTOR_PATH = "spark.executor.extraClassPath"
_CORE_OF_SPARK_4 = '"$spark"/jars/spark-core_*-[4-9].*.jar'
(_SERVICE,) = recipe_of(BridgeKind.BACKEND).services
_ENTRY_FOR_SPARK_4 = f"META-INF/services/{_SERVICE}"


def bridge_uri(submission: Submission, cluster: Cluster) -> str | None:
    """Where agents fetch the bridge: as the submission says, else the dispatcher; None: nowhere."""
    own = submission.properties.get(URI_PROPERTY, "").strip()
    return own or cluster.bridge_uri


def is_fine_grained(properties: Mapping[str, str]) -> bool:
    """Whether each Spark task is to be a Mesos task."""
    return properties.get("spark.mesos.coarse", "true").strip().lower() == "false"


def bridge_lines(properties: Mapping[str, str], fetched: str | None, master: str, place: str) -> list[str]:
    """Lines of the driver's shell that add to the options in `$@` what speaks to Mesos with the Spark there.

    With Spark 3 that is libmesos, else the bridge. An agent tells its tasks its own libmesos in
    MESOS_NATIVE_JAVA_LIBRARY (`executorEnvironment` in Mesos' slave/containerizer), and that is all that
    counts: the file has to be there, inside a container as well. Spark 4 knows no libmesos: it needs the
    bridge, and `master` (`mesos://…`) under another name. Which Spark it is the name of its core jar tells.

    `$spark` is the folder of Spark, `place` what messages call it. The bridge inside it comes before the one
    at `fetched`, a word of the shell; either counts only if it is of the kind that this Spark takes. Its
    classes have to come before those of the same names in Spark's Mesos jar, and an option replaces what
    spark-defaults.conf says on the agent: so that is looked up.
    """
    candidates = " ".join([f'"$spark"/{BRIDGE}', *([] if fetched is None else [fetched])])
    return [
        f'for core in {_CORE_OF_SPARK_4}; do [ -f "$core" ] && break; core=; done',
        'if [ -n "$core" ] ||',
        '  { [ ! -f "$MESOS_NATIVE_JAVA_LIBRARY" ] && [ ! -f "$MESOS_NATIVE_LIBRARY" ]; }; then',
        "  unset MESOS_NATIVE_JAVA_LIBRARY MESOS_NATIVE_LIBRARY",
        f"  for bridge in {candidates}; do",
        # Names are not compressed in a jar.
        f'    backend=; grep -qsF {_ENTRY_FOR_SPARK_4} "$bridge" && backend=yes',
        '    [ -f "$bridge" ] && [ "$backend" = "${core:+yes}" ] && break',
        "    bridge=",
        "  done",
        '  if [ -n "$bridge" ]; then',
        f"    theirs={_theirs(properties, _DRIVER_PATH)}",
        '    set -- "$@" --driver-class-path "$bridge${theirs:+:$theirs}"',
        *(_executor_lines(properties) if is_fine_grained(properties) else ()),
        "  fi",
        *_lines_for_spark_4(master, place),
        "fi",
    ]


def _lines_for_spark_4(master: str, place: str) -> list[str]:
    """A Spark 4 without the bridge would say no more than that it does not know such a master."""
    problem = (
        f"sparkmesos: {place} holds a Spark 4, which needs a bridge that is made for it, and there is none"
    )
    advice = (
        "sparkmesos: take an archive of `sparkmesos upload-dist`, which puts one inside, or have agents "
        f"fetch what `sparkmesos bridge build` makes: {URI_PROPERTY}"
    )
    return [
        '  if [ -n "$core" ]; then',
        f'    if [ -z "$bridge" ]; then echo {word(problem)} >&2; echo {word(advice)} >&2; exit 1; fi',
        f'    set -- "$@" --master {word(BACKEND_PREFIX + master)}',
        "  fi",
    ]


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
