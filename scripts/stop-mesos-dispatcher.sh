#!/usr/bin/env bash
# In the place of Spark's sbin/stop-mesos-dispatcher.sh: stops the dispatcher that start-mesos-dispatcher.sh
# started, the one with the number SPARK_MESOS_DISPATCHER_NUM. Its drivers run on.
[ -n "${BASH_VERSION:-}" ] || exec bash -- "$0" "$@" # called with sh
. "$(dirname -- "$(readlink -f -- "${BASH_SOURCE[0]}")")/sparkmesos-command.sh" || exit 1
. "$here/spark-environment.sh"
set -euo pipefail
stop_daemon stop-dispatcher "$@"
