"""What Spark's Python shell runs last when it starts: makes Ctrl-C cancel jobs; then the user's own start-up.

Spark's own handler, which every SparkContext sets, cancels from the main thread. With a thread of the JVM for
each of Python's, which is the default since Spark 3.2 (PYSPARK_PIN_THREAD), that thread has one connection to
the JVM, which is waiting for the end of the job: errors of py4j are printed, and the job goes on.

bin/pyspark puts its own file in the place of PYTHONSTARTUP, which runs the one that was there before at its
end; that is this one. The driver's Python runs it, which need not be the one that sparkmesos is installed in:
with Spark 2 it may be a 2.7. Hence the comments in the place of annotations, and no `__future__`.
"""


def _interrupt_jobs():
    # type: () -> None
    import functools
    import signal
    import threading

    from pyspark import SparkContext

    def cancel():
        # type: () -> None
        context = SparkContext._active_spark_context
        try:
            if context is not None:
                context.cancelAllJobs()
        except Exception:  # noqa: S110, BLE001 - without a JVM there is nothing to cancel
            pass

    def interrupt(_number, _frame):
        # type: (int, object) -> None
        thread = threading.Thread(target=cancel)  # with a connection of its own
        thread.daemon = True
        thread.start()
        thread.join(10)
        raise KeyboardInterrupt

    def handle():
        # type: () -> None
        try:  # noqa: SIM105 - no Python 2 has contextlib.suppress
            signal.signal(signal.SIGINT, interrupt)
        except ValueError:  # not in the main thread, where Spark does not set its own, either
            pass

    initialize = SparkContext._do_init

    @functools.wraps(initialize)
    def initialize_and_handle(context, *arguments, **options):
        # type: (SparkContext, object, object) -> None
        initialize(context, *arguments, **options)  # type: ignore[arg-type]
        handle()

    # Not __init__, which looks at its caller to tell where the context was made.
    SparkContext._do_init = initialize_and_handle  # type: ignore[assignment, method-assign]
    handle()  # for the context that there is


def _own_file():
    # type: () -> str
    """The user's own start-up file; empty if there is none."""
    import os

    path = os.environ.get("_SPARKMESOS_PYTHONSTARTUP", "")
    return path if os.path.isfile(path) else ""  # noqa: PTH113 - nothing more is imported than is needed


_interrupt_jobs()
_path = _own_file()
del _interrupt_jobs, _own_file  # the names here are those at the prompt
if _path:
    with open(_path, "rb") as _file:  # noqa: PTH123 - as above
        exec(compile(_file.read(), _path, "exec", dont_inherit=True))  # noqa: S102 - as Python does with it
