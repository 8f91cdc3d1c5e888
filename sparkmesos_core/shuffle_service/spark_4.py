"""How the shuffle service of a Spark 4 is started, here and on agents: the one of the bridge.

Spark 4 has only a service that never learns that an application has ended, and keeps its files for ever. Ours
extends it.

Spark's launcher gives a JVM the variables of a shuffle service (SPARK_DAEMON_MEMORY, SPARK_SHUFFLE_OPTS and
others) just if its class is Spark's own (`SparkClassCommandBuilder`). So `bin/spark-class` is asked for that;
where it would become Java, the bridge is put in front of the class path, and our class replaces Spark's.
"""

from __future__ import annotations

from sparkmesos_core.conf.values.java_options import join_options
from sparkmesos_core.dist.facts import BRIDGE
from sparkmesos_core.launch.spark_place import word
from sparkmesos_core.shuffle_service.cleaner_script import VERDICT

SPARKS_CLASS = "org.apache.spark.deploy.ExternalShuffleService"
"""Spark's own service, which removes nothing."""
CLASS = "org.apache.spark.deploy.sparkmesos.ShuffleService"
"""Ours, in the bridge (bridge/scala/backend/ShuffleService.scala)."""

_CORE = '"$spark"/jars/spark-core_*-[4-9].*.jar'
_CLASS_FILE = f"{CLASS.replace('.', '/')}.class"
_START = f"""set +o posix
exec() {{
  words=() before=
  for word in "${{@:1:$#-1}}"; do
    [ "$before" = -cp ] && word=$bridge:$word
    words+=("$word") before=$word
  done
  builtin exec "${{words[@]}}" {CLASS}
}}
bridge=$1
set --
. "$SPARK_HOME/bin/spark-class" {SPARKS_CLASS}"""
"""For bash, which spark-class is written for. The process becomes Java."""


def start_words(bridge: str) -> list[str]:
    """The program that becomes the service, with its arguments; SPARK_HOME has to be set.

    `bridge` is the path of the jar, which is of the kind for Spark 4.
    """
    return ["bash", "-c", _START, "sparkmesos", bridge]


def start_lines(*, shown: str, sandbox: str, own_bridge: str | None, local_folders: str) -> list[str]:
    """Lines of an agent's shell that become the service if the Spark there is a Spark 4, and else do nothing.

    `$spark` is the folder of Spark, `shown` what messages call it, and `sandbox` a word of the shell. The
    bridge is the one inside that Spark, one in the sandbox, or `own_bridge`, a path of agents that are here.
    `local_folders`, by commas, are those of executors, as far as they are known: since Spark 4.2 a service
    refuses executors whose files are anywhere else (`LocalDirValidator`); empty if nobody has said.
    """
    candidates = [f'"$SPARK_HOME"/{BRIDGE}', f"{sandbox}/*.jar", *([word(own_bridge)] if own_bridge else [])]
    problem = (
        f"sparkmesos: {shown} holds a Spark 4, which needs a bridge that is made for it, and there is none"
    )
    advice = (
        "sparkmesos: take an archive of `sparkmesos upload-dist`, which puts one inside, or have agents "
        "fetch what `sparkmesos bridge build` makes: spark.mesos.uris"
    )
    kept = join_options([f"-Dspark.local.dir={local_folders}"]) if local_folders else ""
    return [
        f'for core in {_CORE}; do [ -f "$core" ] && break; core=; done',
        'if [ -n "$core" ]; then',
        f"  for bridge in {' '.join(candidates)}; do",
        # Names are not compressed in a jar.
        f'    grep -qsF {_CLASS_FILE} "$bridge" && break',
        "    bridge=",
        "  done",
        f'  if [ -z "$bridge" ]; then echo {word(problem)} >&2; echo {word(advice)} >&2; exit 1; fi',
        *([f'  export SPARK_SHUFFLE_OPTS="$SPARK_SHUFFLE_OPTS "{word(kept)}'] if kept else []),
        # Its cleaner cannot die as that of Spark 3 can, and whoever waits for a word about it need not.
        f'  [ -z "$MESOS_SANDBOX" ] || {{ echo alive >"$MESOS_SANDBOX/{VERDICT}"; }} 2>/dev/null',
        f'  exec bash -c {word(_START)} sparkmesos "$bridge"',
        "fi",
    ]
