#!/usr/bin/env bash
# In the place of Spark's sbin/start-mesos-dispatcher.sh: the same options and variables, our dispatcher.
# usage: start-mesos-dispatcher.sh [-h HOST] [-p PORT] [--webui-port PORT] [--name NAME] -m mesos://HOST:5050
#            [-z HOST:PORT,...] [--properties-file FILE] [--conf PROP=VALUE]... [--verbose] [--help]
#
# SPARK_MESOS_DISPATCHER_HOST, _PORT and _NUM, SPARK_LOG_DIR, SPARK_PID_DIR, SPARK_IDENT_STRING, SPARK_NICENESS,
# SPARK_LOG_MAX_FILES and SPARK_NO_DAEMONIZE mean what they mean there. What differs: it listens on 127.0.0.1
# unless a host is given, and logs and pid files are in the state folder of sparkmesos unless a variable says.
# All other options of `sparkmesos start-dispatcher` can be given, too.
set -euo pipefail
. "$(dirname "$(readlink -f "${BASH_SOURCE[0]}")")/sparkmesos-command.sh"
verbose=()
arguments=()
while [ $# -gt 0 ]; do
    case $1 in
        --verbose) verbose=(--verbose) ;;
        --foreground | --help | --*=*) arguments+=("$1") ;;
        *)
            # All others have a value. -h is the host for Spark; for us it would be the help.
            if [ "$1" = -h ]; then arguments+=(--host); else arguments+=("$1"); fi
            if [ $# -gt 1 ]; then
                arguments+=("$2")
                shift
            fi
            ;;
    esac
    shift
done
exec "$sparkmesos" ${verbose[@]+"${verbose[@]}"} start-dispatcher ${arguments[@]+"${arguments[@]}"}
