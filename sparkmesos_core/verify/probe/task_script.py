"""What a probe's task does on its agent: a script for whatever /bin/sh an agent or an image has.

It does what an executor would do there, and says what comes of it, in the lines that `report` reads: on its
standard output, and in the end to one of the ports of the client, so that either way is enough. Nothing in
it waits for long, and nothing stays behind but what is in the sandbox.
"""

from __future__ import annotations

import shlex
from dataclasses import dataclass

from sparkmesos_core.verify.probe.report import MARK

WELCOME = "welcome"
"""What the client answers to somebody it knows."""

EXECUTOR = "org.apache.spark.executor.CoarseGrainedExecutorBackend"


@dataclass(frozen=True)
class Trial:
    """What is to be tried."""

    token: str
    """By which the client knows who has connected to it."""
    host: str
    """Where executors are told to find the driver: a name or an address; empty if it is not here."""
    is_name: bool
    """Whether it has to be looked up."""
    driver_port: int
    block_manager_port: int
    folder: str | None = None
    """Where agents have Spark; None if it is in an archive."""
    archive_prefix: str = ""
    """What the folder of the archive begins with: executors run `cd PREFIX*`."""
    python: str = ""
    """The program that executors run Python with; empty if it cannot be tried."""


_FUNCTIONS = r"""
report=
say() {
  printf '%s %s\n' "$mark" "$1"
  report="$report$mark $1
"
}
tell() {
  lines=$(printf '%s\n' "$2" | tail -n 8 | sed "s/^/$mark $1=/")
  printf '%s\n' "$lines"
  report="$report$lines
"
}
limited() {
  if timeout 9 true 2>/dev/null; then timeout "$@"; return; fi
  seconds=$1
  shift
  "$@" &
  child=$!
  ( sleep "$seconds"; kill -9 "$child" ) >/dev/null 2>&1 &
  watch=$!
  wait "$child"
  status=$?
  kill "$watch" 2>/dev/null
  return $status
}
reach() {
  says=$(limited 6 bash -c '
    exec 3<>"/dev/tcp/$1/$2" || exit 7
    printf "%s\n" "$3" >&3
    IFS= read -r -t 4 answer <&3
    [ "$answer" = "$4" ] || exit 8
  ' probe "$host" "$2" "$mark $token $1" "$mark $token welcome" 2>&1)
  case $? in
    0) say "$1=reached"; reached=$2 ;;
    8) say "$1=other" ;;
    7) case $says in
         *efused*) say "$1=refused" ;;
         *) say "$1=failed"; tell "$1.says" "$says" ;;
       esac ;;
    *) say "$1=silent" ;;
  esac
}
hand_over() {
  limited 9 bash -c '
    exec 3<>"/dev/tcp/$1/$2" || exit
    printf "%s\n" "$3" >&3
    IFS= read -r -t 4 answer <&3
    printf "%s" "$4" >&3
  ' probe "$host" "$reached" "$mark $token report" "$report" 2>/dev/null
}
free() {
  df -Pk . 2>/dev/null | tail -n 1 | { read -r _ _ _ kib _; printf '%s' "$kib"; }
}
"""

_BEGIN = r"""
say "user=$(id -un 2>/dev/null || id -u)"
say "disk.kib=$(free)"
if says=$( { dd if=/dev/zero of=.sparkmesos-probe bs=65536 count=16 && rm -f .sparkmesos-probe; } 2>&1 ); then
  say disk.write=done
else
  say disk.write=failed
  tell disk.says "$says"
fi
bash=$(command -v bash)
say "bash=$bash"
"""

_NAME = r"""
if command -v getent >/dev/null 2>&1; then
  address=$(limited 9 getent ahosts "$host" 2>/dev/null || limited 9 getent hosts "$host" 2>/dev/null)
  say "name=$(printf '%s\n' "$address" | { read -r first _; printf '%s' "$first"; })"
fi
"""

_SPARK = r"""
if [ -f "$program" ]; then
  if [ -x "$program" ]; then say layout=found; else say layout=not-executable; fi
else
  say layout=missing
  tell layout.holds "$(ls -a "$folder" 2>&1 | head -n 20 | tr '\n' ' ')"
fi
if [ -x "$program" ]; then
  home=${SPARK_HOME:-$folder}
  say "folder=$folder"
  say "spark.home=$home"
  for jar in "$home"/jars/spark-core_*.jar "$home"/lib/spark-assembly-*.jar; do
    [ -f "$jar" ] && say "spark.jar=${jar##*/}"
  done
  if [ -n "$bash" ]; then
    java=$(limited 20 bash -c '
      export SPARK_HOME=$1
      . "$1/bin/load-spark-env.sh" >/dev/null 2>&1
      if [ -n "$JAVA_HOME" ]; then printf "%s" "$JAVA_HOME/bin/java"; else command -v java; fi
    ' probe "$home" 2>/dev/null)
    say "java=$java"
    if [ -n "$java" ]; then
      if says=$(limited 30 "$java" -version 2>&1); then say java.runs=yes; else say java.runs=no; fi
      tell java.says "$says"
    fi
    SPARK_LAUNCHER_OPTS=${SPARK_LAUNCHER_OPTS:--XX:TieredStopAtLevel=1 -XX:+UseSerialGC}
    export SPARK_LAUNCHER_OPTS
    says=$(limited 60 "$program" "$executor" --sparkmesos-probe 2>&1)
    status=$?
    case $says in
      *"Usage: "*CoarseGrainedExecutorBackend*) say class=runs ;;
      *) say "class=$status"; tell class.says "$says" ;;
    esac
  fi
fi
"""

_PYTHON = r"""
if says=$(limited 20 "$python" -S -E -c 'import sys; print("%d.%d" % sys.version_info[:2])' 2>&1); then
  say "python=$says"
else
  say python=
  tell python.says "$says"
fi
"""

_END = r"""
say end=yes
[ -z "$reached" ] || hand_over
exit 0
"""


def script_of(trial: Trial) -> str:
    """The script, as the value of a v1 CommandInfo that is run by a shell."""
    values = {"mark": MARK, "token": trial.token, "host": trial.host, "executor": EXECUTOR, "reached": ""}
    parts = [*(f"{name}={shlex.quote(value)}" for name, value in values.items()), _FUNCTIONS, _BEGIN]
    if trial.is_name:
        parts.append(_NAME)
    if trial.host:
        parts += ['if [ -n "$bash" ]; then', f"  reach driver {trial.driver_port}"]
        parts += [f"  reach block-manager {trial.block_manager_port}", "fi"]
    if trial.folder is None:
        # As Spark has it: where that fails, it goes on in the sandbox.
        parts.append(f"cd {shlex.quote(trial.archive_prefix)}* 2>/dev/null")
        parts += ["folder=$PWD", "program=./bin/spark-class"]
    else:
        parts += [f"folder={shlex.quote(trial.folder)}", 'program="$folder/./bin/spark-class"']
    parts.append(_SPARK)
    if trial.python:
        parts += [f"python={shlex.quote(trial.python)}", _PYTHON]
    return "\n".join([*parts, _END])
