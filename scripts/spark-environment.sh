# Sourced by the drop-ins beside it, behind sparkmesos-command.sh: makes the environment that Spark's own
# sbin/spark-daemon.sh gives to a daemon. No option of the shell is set yet: spark-env.sh is run in it.

# Where Spark is: SPARK_HOME, else the folder above the one that the drop-in was called in (it may be a link in
# Spark's sbin), else where sparkmesos finds it.
spark_home_given=${SPARK_HOME:+yes}
if [ -z "${SPARK_HOME:-}" ]; then
    unset SPARK_HOME # an empty one would be asked about
    SPARK_HOME=$(CDPATH='' cd -- "$(dirname -- "$0")/.." && pwd)
    if [ -f "$SPARK_HOME/bin/spark-class" ]; then
        spark_home_given=yes
    else
        # With a configuration that is empty, so that no mistake in it keeps stop from stopping.
        SPARK_HOME=$(SPARK_ENV_LOADED=1 SPARK_CONF_DIR=/dev/null "$sparkmesos" config show --output json \
            2>/dev/null | sed -n 's/^ *"spark_home": "\(.*\)",$/\1/p')
    fi
fi
found_spark_home=$SPARK_HOME
export SPARK_HOME

if [ -z "${SPARK_CONF_DIR:-}" ] && [ -d "${SPARK_HOME:+$SPARK_HOME/conf}" ]; then # pip's Spark has none
    export SPARK_CONF_DIR=$SPARK_HOME/conf
fi
if [ -z "${SPARK_ENV_LOADED:-}" ]; then
    export SPARK_ENV_LOADED=1
    if [ -n "${SPARK_CONF_DIR:-}" ] && [ -f "$SPARK_CONF_DIR/spark-env.sh" ]; then
        set -a
        . "$SPARK_CONF_DIR/spark-env.sh"
        set +a
    fi
fi

if [ -n "${SPARK_HOME:-}" ]; then
    export SPARK_LOG_DIR="${SPARK_LOG_DIR:-$SPARK_HOME/logs}"
fi
export SPARK_PID_DIR="${SPARK_PID_DIR:-/tmp}"
export HOSTNAME # part of the log's name
# A SPARK_HOME that somebody has set is that of agents, too; one that was only found here is not.
if [ -z "$spark_home_given" ] && [ "${SPARK_HOME:-}" = "$found_spark_home" ]; then
    unset SPARK_HOME
fi

# start_daemon COMMAND ARGUMENTS...: becomes the command.
start_daemon() {
    # As readable as Spark makes them. Whether they can be used the command says.
    mkdir -p -- ${SPARK_LOG_DIR:+"$SPARK_LOG_DIR"} "$SPARK_PID_DIR" 2>/dev/null || true
    exec "$sparkmesos" "$@"
}

# stop_daemon COMMAND ARGUMENTS...: becomes the command.
stop_daemon() {
    unset SPARK_LOG_MAX_FILES SPARK_NICENESS # nothing that would keep one running, if they are wrong
    exec "$sparkmesos" "$@"
}
