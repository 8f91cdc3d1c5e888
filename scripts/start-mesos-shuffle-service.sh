#!/usr/bin/env bash
# In the place of Spark's sbin/start-mesos-shuffle-service.sh: starts Spark's external shuffle service on this
# machine. SPARK_SHUFFLE_OPTS holds its properties: SPARK_SHUFFLE_OPTS=-Dspark.shuffle.service.port=7447
# usage: start-mesos-shuffle-service.sh
#
# The options of `sparkmesos start-shuffle-service` can be given, too. What differs from Spark's on purpose is
# in docs/reference/drop-in-scripts.md.
[ -n "${BASH_VERSION:-}" ] || exec bash -- "$0" "$@" # called with sh
. "$(dirname -- "$(readlink -f -- "${BASH_SOURCE[0]}")")/sparkmesos-command.sh" || exit 1
. "$here/spark-environment.sh"
set -euo pipefail
start_daemon start-shuffle-service "$@"
