package org.sparkmesos.backend

/** What keeps Python's workers alive while their executor hands on what it has.
  *
  * Mesos sends SIGTERM to all processes of a task that is to end. The executor takes it for the signal to decommission and lets its
  * tasks go on; but `pyspark.daemon` and the workers that it forks would end. So they are started by a module that is theirs in
  * all but that. They end as ever when the executor does: the daemon finds its stdin closed, the workers their sockets.
  *
  * What workers start themselves, by a fork or as a program, has the signal as it was: `terminate()` has to end it.
  */
object PythonDaemon {
  private val Module = "sparkmesos_daemon"

  private[backend] val Lines = Seq(
    "import os, signal, types",
    "from pyspark import daemon",
    "def ignored(number, frame): pass",
    "def handled(number, action):",
    "    before = signal.signal(number, ignored if number == signal.SIGTERM else action)",
    "    if number == signal.SIGTERM: signal.siginterrupt(number, False)",
    "    return before",
    "daemon.signal = types.SimpleNamespace(**{**vars(signal), \"signal\": handled})",
    "def masked(how): signal.pthread_sigmask(how, [signal.SIGTERM])",
    "def forked():",
    "    signal.signal(signal.SIGTERM, signal.SIG_DFL)",
    "    masked(signal.SIG_UNBLOCK)",
    "os.register_at_fork(before=lambda: masked(signal.SIG_BLOCK), after_in_child=forked,",
    "    after_in_parent=lambda: masked(signal.SIG_UNBLOCK))",
    "if __name__ == \"__main__\": daemon.manager()")

  /** Commands of a shell in front of an executor's: the module is written to where they are run, and Spark is told of it
    * (`spark.python.daemon.module`), unless it cannot be written there. What the application says of that property comes later,
    * from the driver, and wins. Workers of Spark Connect run elsewhere, and find it by PYTHONPATH.
    */
  val script: String =
    s"printf '%s\\n' ${Lines.map(ShellWords.word).mkString(" ")} > $Module.py && " +
      s"""SPARK_EXECUTOR_OPTS="$$SPARK_EXECUTOR_OPTS -Dspark.python.daemon.module=$Module" && """ +
      """PYTHONPATH="$PWD${PYTHONPATH:+:$PYTHONPATH}" && export SPARK_EXECUTOR_OPTS PYTHONPATH; """
}
