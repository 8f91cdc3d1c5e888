"""What is recognised in the output of tasks that failed."""

from __future__ import annotations

from collections.abc import Sequence

import pytest

from sparkmesos_core.verify.task_failures import explain, last_lines, telling_lines

PYTHON = """\
26/11/23 08:00:00 INFO SparkContext: Running Spark version 3.5.9
Traceback (most recent call last):
  File "/sandbox/app.py", line 7, in <module>
    main()
  File "/sandbox/app.py", line 3, in main
    raise ValueError("no input")
ValueError: no input
26/11/23 08:00:01 INFO ShutdownHookManager: Shutdown hook called"""

JAVA = """\
Exception in thread "main" java.lang.IllegalArgumentException: no input
\tat example.Main.main(Main.java:7)"""


SPARK_CLASS = "/opt/spark/bin/spark-class: line"


@pytest.mark.parametrize(
    "line",
    [
        f"{SPARK_CLASS} 71: /nonexist/bin/java: No such file or directory",
        f"{SPARK_CLASS} 71: /etc/hosts/bin/java: Not a directory",
        f"{SPARK_CLASS} 71: /opt/arm/bin/java: cannot execute binary file: Exec format error",
    ],
)
def test_a_java_home_without_a_java_is_not_taken_for_an_agent_without_one(line: str) -> None:
    found = explain([[line, f"{SPARK_CLASS} 97: CMD: bad array subscript"]], "", "exited with status 127")
    assert found is not None
    assert (found.line, found.meaning) == (line, "JAVA_HOME names no Java that runs on the agent")
    assert found.hint.startswith("Correct or unset spark.executorEnv.JAVA_HOME")
    missing = explain([["JAVA_HOME is not set"]], "", "")
    assert missing is not None
    assert missing.meaning == "there is no Java on the agent"


@pytest.mark.parametrize(
    ("output", "line", "hint"),
    [
        (PYTHON, "ValueError: no input", "Correct the application"),
        (JAVA, JAVA.partition("\n")[0], "Correct the application"),
        ("JAVA_HOME is not set", "JAVA_HOME is not set", "spark.executorEnv.JAVA_HOME"),
        ("bin/spark-class: line 71: exec: java: not found", "exec: java: not found", "Install Java"),
        ("sh: 1: ./spark-3.5.9/bin/spark-class: not found", "spark-class: not found", "spark.executor.uri"),
        ("/opt/spark/bin/spark-class: No such file or directory", "No such file", "spark.executor.uri"),
        ("Caused by: java.net.UnknownHostException: laptop", "UnknownHostException", "spark.driver.host"),
        ("Caused by: java.io.IOException: Failed to connect to /192.0.2.1:7078", "Failed to", "firewall"),
        (
            "Caused by: io.netty.channel.AbstractChannel$AnnotatedConnectException: Connection refused: /192.0.2.1:7078",
            "Connection refused",
            "spark.driver.port",
        ),
        ("java.lang.OutOfMemoryError: Java heap space", "Java heap space", "spark.executor.memory"),
        ("numpy.core._exceptions.MemoryError: Unable to allocate", "MemoryError", "memoryOverhead"),
        ("java.io.IOException: No space left on device", "No space left", "Make room"),
        (
            "pyspark.errors.exceptions.base.PySparkRuntimeError: Python in worker has different version (3, 8) "
            "than that in driver 3.11",
            "different version",
            "spark.pyspark.python",
        ),
        (
            "Error: LinkageError occurred: java.lang.UnsupportedClassVersionError: A has been compiled by a more",
            "UnsupportedClassVersionError",
            "JAVA_HOME",
        ),
        ("java.io.InvalidClassException: local class incompatible: stream", "InvalidClass", "upload-dist"),
        ('java.io.IOException: Cannot run program "python3": error=2', "Cannot run", "spark.pyspark.python"),
        (
            "Caused by: java.lang.reflect.InaccessibleObjectException: Unable to make field accessible",
            "Inaccessible",
            "is made for",
        ),
        (
            "java.lang.NoClassDefFoundError: Could not initialize class org.apache.spark.storage.StorageUtils$",
            "StorageUtils",
            "is made for",
        ),
        ("ModuleNotFoundError: No module named 'pandas'", "'pandas'", "--py-files"),
        ("java.lang.ClassNotFoundException: example.Main", "example.Main", "--jars"),
        ("mkdir: cannot create directory '/data': Permission denied", "Permission denied", "--switch_user"),
    ],
)
def test_lines_that_are_known(output: str, line: str, hint: str) -> None:
    found = explain(
        [("INFO nothing", *output.splitlines(), "INFO the end")], "", "Command exited with status 1"
    )
    assert found is not None
    assert line in found.line
    assert found.meaning
    assert hint in found.hint
    assert found.hint.endswith("Then run it again: once a task of these has run well, this is green.")


@pytest.mark.parametrize(
    ("reason", "message", "meaning"),
    [
        ("REASON_CONTAINER_LIMITATION_MEMORY", "Memory limit exceeded: Requested: 1408MB", "more memory"),
        ("", "Command terminated with signal Killed", "SIGKILL"),
        ("", "Command exited with status 127", "does not exist on the agent"),
        ("REASON_EXECUTOR_REGISTRATION_TIMEOUT", "Executor did not register within 1mins", "in time"),
        ("REASON_CONTAINER_LAUNCH_FAILED", "Failed to get user information for 'etl'", "user does not exist"),
        ("REASON_CONTAINER_LAUNCH_FAILED", "None of the enabled containerizers could", "containerizer"),
    ],
)
def test_what_mesos_says_is_known_too(reason: str, message: str, meaning: str) -> None:
    found = explain([["INFO nothing"], []], reason, message)
    assert found is not None
    assert meaning in found.meaning
    assert message in found.line
    assert found.hint


def test_its_own_words_explain_better_than_those_of_mesos() -> None:
    found = explain([PYTHON.splitlines()], "REASON_COMMAND_EXECUTOR_FAILED", "Command exited with status 127")
    assert found is not None
    assert found.line == "ValueError: no input"


def test_what_is_known_explains_better_than_the_exception_it_ends_in() -> None:
    lines = [*PYTHON.splitlines(), "Caused by: java.net.UnknownHostException: laptop"]
    found = explain([lines], "", "")
    assert found is not None
    assert "laptop" in found.line


def test_what_was_only_warned_of_counts_last() -> None:
    warned = "26/11/23 07:59:00 WARN RetryingBlockTransferor: Connection refused, trying again"
    told = "26/11/23 07:59:00 INFO Client: no native library (Permission denied)"
    found = explain([[told, warned, *PYTHON.splitlines()]], "", "")
    assert found is not None
    assert found.line == "ValueError: no input"
    stack = [
        "java.net.ConnectException: Connection refused",
        "\tat a.B.c(B.java:1)",
        "Caused by: a.IOException: x",
    ]
    found = explain([[warned, *stack, *PYTHON.splitlines()]], "", "")
    assert found is not None
    assert found.line == "ValueError: no input"
    found = explain([["INFO nothing", warned]], "", "Command exited with status 127")
    assert found is not None
    assert found.line == warned


@pytest.mark.parametrize("reason", ["REASON_CONTAINER_LIMITATION_MEMORY", "REASON_CONTAINER_LIMITATION_DISK"])
def test_a_limit_that_mesos_has_enforced_is_certain(reason: str) -> None:
    found = explain([["java.net.ConnectException: Connection refused"]], reason, "Limit exceeded")
    assert found is not None
    assert "it took more" in found.meaning


def test_spark_fetches_blocks_and_the_agent_files() -> None:
    found = explain([["ERROR Executor: Failed to fetch block rdd_0_1"]], "", "Command exited with status 1")
    assert found is not None
    assert found.meaning == ""


def test_what_follows_from_the_end_of_the_driver() -> None:
    line = "26/11/23 08:00:00 ERROR MesosCoarse: Executor self-exiting due to : Driver 192.0.2.1:7078 disassociated! Shutting down."
    found = explain([[line]], "", "Command exited with status 1")
    assert found is not None
    assert found.follows


def test_stdout_counts_as_well() -> None:
    found = explain([["INFO"], ["No space left on device"]], "", "")
    assert found is not None
    assert found.line == "No space left on device"


def telling(*streams: Sequence[str], message: str = "") -> list[str]:
    found = explain(streams, "", message)
    assert found is not None
    return telling_lines(streams, found)


LOGGED = [f"I1123 08:00:0{number} 1 fetcher.cpp:1] Fetched" for number in range(9)]


def test_of_a_traceback_all_of_it_tells() -> None:
    lines = PYTHON.splitlines()
    begin = lines.index("Traceback (most recent call last):")
    assert telling([*LOGGED, *lines, *LOGGED]) == lines[begin : begin + 6]


def test_of_a_long_traceback_its_end_tells() -> None:
    frames = [f"  line {number}" for number in range(40)]
    lines = ["Traceback (most recent call last):", *frames, "ValueError: no input"]
    found = telling([*LOGGED, *lines])
    assert found == [lines[0], "  … 34 more lines", *lines[-7:]]
    assert len(lines) - 34 - 1 == 7


def test_of_an_exception_of_java_the_first_frames_tell() -> None:
    frames = [f"\tat a.B.c{number}(B.java:1)" for number in range(5)]
    error = 'Exception in thread "main" java.lang.IllegalStateException: no input'
    assert telling([*LOGGED, error, *frames]) == [error, *frames[:2]]


def test_of_what_only_mesos_explains_the_end_of_the_output_tells() -> None:
    message = "Command exited with status 127"
    assert telling([], LOGGED, message=message) == LOGGED[-5:]
    assert telling([], message=message) == []


def test_what_nobody_knows_is_told_as_mesos_says_it() -> None:
    found = explain([["INFO"]], "REASON_X", "It did not work")
    assert found is not None
    assert (found.line, found.meaning) == ("It did not work (REASON_X)", "")
    assert explain([["INFO"]], "", "") is None


def test_long_lines_are_cut() -> None:
    found = explain([["No space left on device: " + "x" * 5000]], "", "")
    assert found is not None
    assert len(found.line) < 310


def test_stack_frames_do_not_hide_what_they_belong_to() -> None:
    frames = [f"\tat example.Main.f{number}(Main.java)" for number in range(30)]
    lines = ["start", "Caused by: A", *frames, "Caused by: B", *frames[:2], "end"]
    assert last_lines(lines, 20) == [
        "start",
        "Caused by: A",
        *frames[:2],
        "\t… 28 more frames",
        "Caused by: B",
        *frames[:2],
        "end",
    ]
    assert last_lines(lines, 2) == [frames[1], "end"]
    assert last_lines(frames, 9) == [*frames[:2], "\t… 28 more frames"]
    assert last_lines([], 9) == []
