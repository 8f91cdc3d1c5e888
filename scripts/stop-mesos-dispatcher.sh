#!/usr/bin/env bash
# In the place of Spark's sbin/stop-mesos-dispatcher.sh: stops the dispatcher that start-mesos-dispatcher.sh
# started, the one with the number SPARK_MESOS_DISPATCHER_NUM. Its drivers run on.
set -euo pipefail
. "$(dirname "$(readlink -f "${BASH_SOURCE[0]}")")/sparkmesos-command.sh"
exec "$sparkmesos" stop-dispatcher "$@"
