#!/usr/bin/env bash
# In the place of Spark's sbin/stop-mesos-shuffle-service.sh: stops the shuffle service that
# start-mesos-shuffle-service.sh started on this machine.
[ -n "${BASH_VERSION:-}" ] || exec bash -- "$0" "$@" # called with sh
. "$(dirname -- "$(readlink -f -- "${BASH_SOURCE[0]}")")/sparkmesos-command.sh" || exit 1
. "$here/spark-environment.sh"
set -euo pipefail
stop_daemon stop-shuffle-service "$@"
