"""How our drop-in scripts differ from Spark's on purpose, and the page of `docs/reference/` that says it.

python -m tests.drop_in_scripts > docs/reference/drop-in-scripts.md

`tests/integration/test_drop_in_scripts.py` runs both through the same cases, and knows no other differences.
"""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Difference:
    """One way in which our scripts differ on purpose from Spark's."""

    id: str
    """In kebab case."""
    what: str
    """What it is about, as a phrase in Markdown."""
    spark: str
    """What Spark's do, as sentences."""
    ours: str
    """What ours do, as sentences."""
    shown: bool = True
    """Whether a case shows both; False for what cannot be seen for certain, or not in a short time."""


DIFFERENCES: tuple[Difference, ...] = (
    Difference(
        "ready",
        "When start returns",
        "After two seconds or more, in whatever state the daemon is.",
        "When the dispatcher takes submissions, or the shuffle service answers. Neither waits for Mesos.",
        shown=False,
    ),
    Difference(
        "failed-start",
        "A start that fails: a wrong option, a port in use",
        "Exit code 0; `starting CLASS, logging to FILE` and the end of the log on stdout; a pid file of nobody.",
        "Exit code 1; nothing on stdout, the reason and what to do about it on stderr; no pid file.",
    ),
    Difference(
        "next-port",
        "A port of the dispatcher that is in use",
        "It takes the next one, for REST and for its pages, up to 16 times.",
        "An error: clients would not find it.",
    ),
    Difference(
        "exit-255",
        "A `SPARK_LOG_MAX_FILES` that is no positive number",
        "Exit code 255.",
        "Exit code 1.",
    ),
    Difference(
        "stopped",
        "When stop returns",
        "At once, with the daemon on its way out; its pid file is removed already.",
        "When the daemon has ended: to start the next one works. After 30 seconds it is killed.",
        shown=False,
    ),
    Difference(
        "stale-pid-file",
        "The pid file of a daemon that is gone without a stop",
        "Stop leaves it.",
        "Stop removes it.",
    ),
    Difference(
        "another-java",
        "A pid file whose number is another program's by now",
        "Stop kills that, if it is called java.",
        "It is let alone: a daemon of ours has its pid file locked.",
    ),
    Difference(
        "ignored-arguments",
        "Arguments of the stop scripts and of `start-mesos-shuffle-service.sh`",
        "They are ignored.",
        "They are options of the command; a wrong one is an error.",
    ),
    Difference(
        "option-forms",
        "`--name=value`, and the options that only our commands have",
        "Not understood.",
        "Taken.",
    ),
    Difference(
        "number-at-stop",
        "`SPARK_MESOS_DISPATCHER_NUM` in spark-env.sh",
        "Start knows it, stop does not.",
        "Both do.",
    ),
    Difference(
        "numbers",
        "Which numbers there can be",
        "`SPARK_MESOS_DISPATCHER_NUM` is any text, and each `SPARK_IDENT_STRING` has numbers of its own.",
        "It is a number from 1 to 999999, and a user has one daemon of each number, whatever it is called: "
        "what a dispatcher keeps is named for it. Start and stop find it under other names, too.",
        shown=False,
    ),
    Difference(
        "spaces",
        "Spaces in `SPARK_LOG_DIR` and `SPARK_PID_DIR`",
        "Nothing is started, and nothing that runs is stopped.",
        "They are folders like others.",
    ),
    Difference(
        "foreground-signal",
        "SIGTERM to the script, with `SPARK_NO_DAEMONIZE`",
        "It ends the script, and the daemon runs on without it.",
        "The script is the daemon, which ends with exit code 0.",
    ),
    Difference(
        "foreground-log",
        "Logs, with `SPARK_NO_DAEMONIZE`",
        "Stdout says which one it is `logging to`, and older ones move on, though no new one is written.",
        "Stdout says where the daemon listens, and older logs stay as they are.",
    ),
    Difference(
        "no-user",
        "An environment with neither `SPARK_IDENT_STRING` nor `USER`",
        "Names of files have nothing in the user's place.",
        "They have `LOGNAME`, or the name that belongs to the user's number.",
        shown=False,
    ),
    Difference(
        "java-of-the-dispatcher",
        "`SPARK_DAEMON_MEMORY`, `SPARK_DAEMON_CLASSPATH` and JVM options for the dispatcher",
        "They are for its JVM.",
        "It has none. `-Dspark.…` in `SPARK_DAEMON_JAVA_OPTS` counts; the shuffle service has a JVM, and gets "
        "them all.",
        shown=False,
    ),
    Difference(
        "rsync",
        "`SPARK_MASTER`",
        "Spark is copied from there with rsync before a start.",
        "Not done.",
        shown=False,
    ),
)

_HEAD = """\
# Scripts in the place of Spark's

<!-- Made by `python -m tests.drop_in_scripts`: change what it is made of, not this page. -->

`scripts/` has four that take the place of those in Spark's `sbin/`, with their arguments and their environment. pip's
`pyspark` brings none of the four.

| Script | Runs |
|---|---|
| `start-mesos-dispatcher.sh` | [`sparkmesos start-dispatcher`](dispatcher.md) |
| `stop-mesos-dispatcher.sh` | `sparkmesos stop-dispatcher` |
| `start-mesos-shuffle-service.sh` | [`sparkmesos start-shuffle-service`](shuffle-service.md), on this machine |
| `stop-mesos-shuffle-service.sh` | `sparkmesos stop-shuffle-service` |

They can be called from any folder and through links, such as ones in Spark's `sbin/`, and find the `sparkmesos` that is
installed in their checkout, else the one on the `PATH`. So they need no environment: cron and systemd can call them, too. A
copy needs the two files that they share beside it: `sparkmesos-command.sh` and `spark-environment.sh`. All options of these
commands can be given, too.

The start script of the dispatcher takes `-h`, `--host`, `-p`, `--port`, `--webui-port`, `--name`, `-m`, `--master`, `-z`,
`--zk`, `--properties-file`, `--conf`, `--verbose` and `--help`. `-h` is the host, as for Spark.

## Environment

| Variable | Default | Means |
|---|---|---|
| `SPARK_MESOS_DISPATCHER_HOST` | `hostname -f` | where the dispatcher listens. That is for the whole network: see [what that means](../guide/cluster-mode.md#let-others-reach-it) |
| `SPARK_MESOS_DISPATCHER_PORT` | 7077 | the port of REST |
| `SPARK_MESOS_DISPATCHER_NUM` | 1 | which of this machine's dispatchers it is |
| `SPARK_SHUFFLE_OPTS` | | properties of the shuffle service, as `-Dspark.shuffle.service.port=7447` |
| `SPARK_DAEMON_JAVA_OPTS` | | properties of both |
| `SPARK_HOME` | the Spark in whose `sbin/` the script is a link, else the installed pyspark | whose `conf` and `logs` they are |
| `SPARK_CONF_DIR` | `conf` of Spark | where `spark-env.sh` and `spark-defaults.conf` are. `spark-env.sh` may set all the others |
| `SPARK_LOG_DIR` | `logs` of Spark | where the log is |
| `SPARK_LOG_MAX_FILES` | 5 | how many older logs stay |
| `SPARK_PID_DIR` | `/tmp` | where the pid file is |
| `SPARK_IDENT_STRING` | `USER` | part of the names of both: `spark-IDENT-CLASS-N-HOSTNAME.out`, `spark-IDENT-CLASS-N.pid` |
| `SPARK_NICENESS` | 0 | how much nicer the daemon is than others |
| `SPARK_NO_DAEMONIZE` | | if it is set, be it to nothing, the daemon stays in the foreground, without a log and a pid file |
| `HOSTNAME` | this machine's name | part of the log's name |

Start in the background ends with 0 if the daemon runs; with 1 if one of that number runs already, or the command line or
the configuration is wrong. Others are [those of every command](exit-codes.md). Stop ends with 0, whether one ran or not.
What they say on stdout is what Spark's say, word for word, unless `--output json` asks for more:

| On stdout | When |
|---|---|
| `starting CLASS, logging to FILE` | start has started one, in the background |
| `CLASS running as process PID.  Stop it first.` | start has found one of that number |
| `stopping CLASS` | stop has stopped one |
| `no CLASS to stop` | stop has found none |

All else is on stderr, such as the address that a daemon listens at.

Where a daemon of Spark's own has the pid file, ours does not start, and does not stop it: `kill` does, with the number that
the message names. Spark's `spark-daemon.sh` stops our shuffle service, and tells its `status`; it does not know our
dispatcher, which is no Java.

## What differs on purpose

Both are run through the same cases by a test, which knows no other differences.

| What | Spark's | Ours |
|---|---|---|
"""


def page() -> str:
    """The page as Markdown."""
    rows = (f"| {one.what} | {one.spark} | {one.ours} |" for one in DIFFERENCES)
    return _HEAD + "\n".join(rows) + "\n"


if __name__ == "__main__":
    print(page(), end="")
