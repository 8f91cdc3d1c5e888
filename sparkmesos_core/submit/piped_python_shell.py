"""What Python runs as `sparkmesos shell --lang python` where stdin is no terminal.

Python reads its start-up file, which is the one of Spark's that makes `spark` and `sc`, only for people. Here
it comes first, too, and then runs what stdin holds, as a program: an exception ends it with exit code 1.

The driver's Python runs this file, which need not be the one that sparkmesos is installed in: with Spark 2 it
may be a 2.7. Hence the comments in the place of annotations. A `__future__` of this file would hold for the
program, too.
"""


def _run():
    # type: () -> None
    import os
    import sys

    program = sys.modules["__main__"].__dict__
    if sys.path and sys.path[0] == os.path.dirname(os.path.abspath(__file__)):  # noqa: PTH100, PTH120
        sys.path[0] = ""  # the current folder, as for every program on stdin
    sys.argv[:] = [""]
    for name in ("_run", "__file__", "__doc__"):
        program.pop(name, None)
    start = os.environ["PYTHONSTARTUP"]
    with open(start, "rb") as file:  # noqa: PTH123 - nothing more is imported than the program would have
        exec(compile(file.read(), start, "exec"), program)  # noqa: S102 - as Python does with it
    # As bytes: Python takes programs for UTF-8 or what they say themselves, whatever the locale is.
    source = getattr(sys.stdin, "buffer", sys.stdin).read()
    exec(compile(source, "<stdin>", "exec"), program)  # noqa: S102 - as Python does with it


if __name__ == "__main__":
    _run()
