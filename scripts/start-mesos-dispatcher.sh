#!/usr/bin/env bash
# In the place of Spark's sbin/start-mesos-dispatcher.sh: the same options and variables, our dispatcher.
# usage: start-mesos-dispatcher.sh [-h HOST] [-p PORT] [--webui-port PORT] [--name NAME] -m mesos://HOST:5050
#            [-z HOST:PORT,...] [--properties-file FILE] [--conf PROP=VALUE]... [--verbose] [--help]
#
# All other options of `sparkmesos start-dispatcher` can be given, too. What differs from Spark's on purpose is
# in docs/reference/drop-in-scripts.md.
[ -n "${BASH_VERSION:-}" ] || exec bash -- "$0" "$@" # called with sh
. "$(dirname -- "$(readlink -f -- "${BASH_SOURCE[0]}")")/sparkmesos-command.sh" || exit 1
. "$here/spark-environment.sh"
set -euo pipefail

verbose=()
arguments=()
host=${SPARK_MESOS_DISPATCHER_HOST:-${SPARKMESOS_DISPATCHER_HOST:-}}
while [ $# -gt 0 ]; do
    case $1 in
        --verbose)
            verbose=(--verbose)
            shift
            continue
            ;;
        -h) arguments+=(--host) ;; # for us it would be the help
        *) arguments+=("$1") ;;
    esac
    case $1 in
        --host=*) host=${1#*=} ;;
        -h | --host | -p | --port | --webui-port | --name | -m | --master | -z | --zk | --properties-file | --conf)
            # What follows is a value, whatever it looks like.
            if [ $# -gt 1 ]; then
                case $1 in -h | --host) host=$2 ;; esac
                arguments+=("$2")
                shift
            fi
            ;;
    esac
    shift
done

if [ -z "$host" ]; then
    host=$(hostname -f) || {
        echo "error: this machine has no full name to listen on (hostname -f)" >&2
        echo "hint: set SPARK_MESOS_DISPATCHER_HOST, or give --host" >&2
        exit 1
    }
    export SPARK_MESOS_DISPATCHER_HOST=$host
fi
# Spark's is not waited for until Mesos knows it: it may be started first.
export SPARKMESOS_DISPATCHER_SUBSCRIBE_TIMEOUT="${SPARKMESOS_DISPATCHER_SUBSCRIBE_TIMEOUT:-0}"
start_daemon ${verbose[@]+"${verbose[@]}"} start-dispatcher ${arguments[@]+"${arguments[@]}"}
