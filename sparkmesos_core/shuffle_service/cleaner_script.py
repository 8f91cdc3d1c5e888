r"""Lines for any POSIX shell that start a shuffle service, and again if its cleaner died (see `cleaner`).

The shell stays in front of the service, and hands SIGTERM on: it can only start again what is its child. The
JVM is asked for a dump of its threads with SIGQUIT, which comes to stdout; and, since nobody knows what that
is, to a file, too, for as long as it takes to find out (HotSpot's LogVMOutput). Where there is no /proc, no
folder for the file, or another JVM, it cannot be told, and the service goes on as it is. What was found is in
the sandbox as long as the service that stays runs, for who asks whether it is the one that stays.
"""

from __future__ import annotations

from sparkmesos_core.shuffle_service.cleaner import AGAIN, DEAD, STARTS, THREAD

VERDICT = "sparkmesos-cleaner"
"""The file in the sandbox with what was found: `alive`, DIED or `unknown`. There is none before that."""
DIED = "dead"
"""What stands there for one that stays though it will never delete a file."""
_SECONDS = 60
"""How long the cleaner is waited for. The JVM takes two or three."""
_UNNAMED_SECONDS = 15
"""After which the JVM is asked even if none of its threads has that name for the system, as with Java 8."""
_DUMPS = 8
_NAME_OF_SYSTEM = THREAD[:15]
"""Linux keeps no more of it."""
_FILE = "sparkmesos-threads"


def started_with_cleaner(command: str) -> list[str]:
    """Lines that run `command`, a word of the shell with its arguments that becomes java, until it ends.

    They are the last of their script: it ends with the exit status of the service.
    """
    return _LINES.replace("COMMAND", command).splitlines()


_LINES = rf"""threads=
for folder in . "$MESOS_SANDBOX"; do
  case $folder in '' | *[!A-Za-z0-9_./-]*) continue ;; esac
  if [ -r /proc/self/status ] && [ -w "$folder" ]; then threads=$folder/{_FILE}.$$; break; fi
done
if [ "$threads" ]; then
  dumped="-XX:+UnlockDiagnosticVMOptions -XX:+LogVMOutput -XX:LogFile=$threads"
  export SPARK_SHUFFLE_OPTS="$dumped $SPARK_SHUFFLE_OPTS"
fi
say() {{ echo "sparkmesos: $1" >&2; }}
find_cleaner() {{  # alive, dead, unknown if that cannot be told, or nothing if the service has ended
  cleaner= seconds=0 dumps=0
  while [ "$threads" ] && [ $seconds -lt {_SECONDS} ] && [ $dumps -lt {_DUMPS} ]; do
    sleep 1
    seconds=$((seconds + 1))
    caught=$(sed -n '/^State:.*Z/q;s/^SigCgt:.*\(.\)$/\1/p' /proc/$pid/status 2>/dev/null)
    case $caught in '') return ;; [!4-7c-f]) continue ;; esac  # before it is java, SIGQUIT would end it
    [ -s "$threads" ] || continue
    if [ $seconds -lt {_UNNAMED_SECONDS} ]; then
      cat /proc/$pid/task/*/comm 2>/dev/null | grep -q '^{_NAME_OF_SYSTEM}' || continue
    fi
    [ $dumps -gt 0 ] || echo "sparkmesos: is Spark's cleaner of shuffle files alive? Java's threads tell:"
    kill -QUIT $pid
    dumps=$((dumps + 1))
    sleep 1
    states=$(sed -n '/{THREAD}/{{n;s/.*Thread\.State: \([A-Z_]*\).*/\1/p;}}' "$threads")
    case $states in
      *TIMED_WAITING*) cleaner=alive; return ;;
      *WAITING*WAITING*) cleaner={DIED}; return ;;
    esac
  done
  say "it cannot be told whether Spark's cleaner of shuffle files is alive: going on"
  cleaner=unknown
}}
verdict=${{MESOS_SANDBOX:+$MESOS_SANDBOX/{VERDICT}}}
ended=
pid=
trap 'ended=1; [ -z "$pid" ] || kill -TERM $pid 2>/dev/null' HUP INT TERM
starts=0
while :; do
  starts=$((starts + 1))
  [ -z "$ended" ] || exit 143
  COMMAND &
  pid=$!
  [ -z "$ended" ] || kill -TERM $pid 2>/dev/null
  find_cleaner
  [ -z "$threads" ] || rm -f "$threads"
  [ "$cleaner" = {DIED} ] && [ -z "$ended" ] || break
  if [ $starts -eq {STARTS} ]; then say "{DEAD}"; break; fi
  say "{AGAIN}"
  kill -KILL $pid
  wait $pid 2>/dev/null
  pid=
done
[ -z "$verdict" ] || [ -z "$cleaner" ] || {{ echo $cleaner >"$verdict"; }} 2>/dev/null
wait $pid
status=$?
while kill -0 $pid 2>/dev/null; do wait $pid; status=$?; done
[ -z "$verdict" ] || rm -f "$verdict"
exit $status"""
