"""What tasks of Spark are known to fail of, by what they and Mesos say of it, and what to do then.

The words are those of Spark (`bin/spark-class`, `core/src/main`, `python/pyspark/worker.py`), of Python and
Java, of shells, and of Mesos' fetcher, containerizers and command executor.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass


@dataclass(frozen=True)
class Explanation:
    """Why a task failed, as far as it can be told."""

    line: str
    """What says so."""
    meaning: str
    """What it means, as a clause; empty if it is no known trouble, and the line has to speak for itself."""
    hint: str
    follows: bool = False
    """Whether it only follows from something else, such as the end of the driver."""


@dataclass(frozen=True)
class _Trouble:
    pattern: re.Pattern[str]
    meaning: str
    hint: str
    follows: bool = False


_LONGEST_LINE = 300
_FRAMES = 2
_MOST_TELLING, _MOST_OF_END = 8, 5

_RUN_AGAIN = "Then run it again: once a task of these has run well, this is green."
_UNKNOWN_HINT = "Mend what the end of its stderr complains about, which is among the details."


def _known(pattern: str, meaning: str, hint: str, *, follows: bool = False) -> _Trouble:
    return _Trouble(re.compile(pattern), meaning, hint, follows)


_LIMITS: tuple[_Trouble, ...] = (
    _known(
        r"REASON_CONTAINER_LIMITATION_MEMORY|Memory limit exceeded",
        "it took more memory than its container may have",
        "Raise spark.mesos.executor.memoryOverhead (spark.mesos.driver.memoryOverhead for drivers).",
    ),
    _known(
        r"REASON_CONTAINER_LIMITATION_DISK|Disk usage .* exceeds quota",
        "it took more disk than it may have",
        "Have it write less, or give spark.local.dir a folder outside of the sandbox.",
    ),
)
"""What Mesos itself has ended a task for: that is certain, whatever the task has written before."""

_TROUBLES: tuple[_Trouble, ...] = (
    _known(
        r"Python in worker has different version|different version .* than that in driver",
        "driver and executors run different Pythons",
        "Make both the same minor version: set spark.pyspark.python to that of the driver on all agents.",
    ),
    _known(
        r"Driver cores must be a positive number",
        "Spark's own dispatcher cannot launch drivers with this release",
        "Start drivers through the dispatcher of sparkmesos (sparkmesos start-dispatcher) instead.",
    ),
    _known(
        r"UnsupportedClassVersionError|compiled by a more recent version of the Java Runtime",
        "the Java on the agent is too old for it",
        "Install the Java on the agents that the driver has, or set spark.executorEnv.JAVA_HOME"
        " (spark.mesos.driverEnv.JAVA_HOME for drivers) to where it is.",
    ),
    _known(
        r"InaccessibleObjectException|module java\.base does not .*export"
        r"|Unsupported class file major version"
        r"|Could not initialize class org\.apache\.spark\.(storage\.StorageUtils|unsafe\.)",
        "the Java on the agent is too new for this Spark",
        "Install a Java on the agents that this Spark is made for, or set spark.executorEnv.JAVA_HOME"
        " (spark.mesos.driverEnv.JAVA_HOME for drivers) to where one is.",
    ),
    _known(
        r"/bin/java: (No such file|cannot execute|Permission denied|Not a directory)|/bin/java'?: not found",
        "JAVA_HOME names no Java that runs on the agent",
        "Correct or unset spark.executorEnv.JAVA_HOME (spark.mesos.driverEnv.JAVA_HOME for drivers), or the"
        " JAVA_HOME that agents give their tasks (--executor_environment_variables, conf/spark-env.sh).",
    ),
    _known(
        r"JAVA_HOME is not set|(java: )(command )?not found|exec: java:",
        "there is no Java on the agent",
        "Install Java on the agents, or set spark.executorEnv.JAVA_HOME (spark.mesos.driverEnv.JAVA_HOME for"
        " drivers) to where it is there.",
    ),
    _known(
        r"InvalidClassException|incompatible: stream classdesc serialVersionUID",
        "driver and executors run different releases of Spark",
        "Pack the Spark of the driver (sparkmesos upload-dist), and set spark.executor.uri to that.",
    ),
    _known(
        r"spark-(class|submit|executor)['\"]?: .*(No such file|not found)",
        "there is no Spark where it was looked for",
        "Set spark.executor.uri to an archive with bin/spark-class in a folder that is named as the file, or"
        " spark.mesos.executor.home to the folder of Spark on the agents.",
    ),
    _known(
        r"Cannot run program \"?python|(python[\d.]*): (command )?not found|env: .?python",
        "there is no Python on the agent, or not by this name",
        "Install Python on the agents, or set spark.pyspark.python to where it is there.",
    ),
    _known(
        r"Failed to fetch '|Error downloading resource",
        "the agent cannot fetch a file",
        "Make the URI in that line one that agents can fetch (GET it on an agent with curl), or correct"
        " spark.executor.uri, spark.mesos.uris, or the submission's files.",
    ),
    _known(
        r"[Dd]river \S* ?disassociated! Shutting down",
        "its driver has gone away",
        "If nobody has ended the driver on purpose, look at what the driver has written; else nothing is"
        " wrong here.",
        follows=True,
    ),
    _known(
        r"UnknownHostException|Name or service not known|Temporary failure in name resolution"
        r"|nodename nor servname",
        "the agent cannot resolve a name, such as that of the driver's host",
        "Set spark.driver.host to an address that agents can reach, or make the name known to them (DNS,"
        " /etc/hosts).",
    ),
    _known(
        r"Failed to connect to|ConnectException|Connection refused|Connection timed out|No route to host"
        r"|Cannot receive any reply",
        "a connection fails, most likely that to the driver",
        "Let agents reach spark.driver.port and spark.driver.blockManager.port on the driver's host (set both"
        " and open them in the firewall); verify-cluster --probe tries it out.",
    ),
    _known(
        r"No space left on device|Disk quota exceeded",
        "a disk of the agent is full",
        "Make room on the agent's disk (old sandboxes below its --work_dir, and what spark.local.dir names).",
    ),
    _known(
        r"java\.lang\.OutOfMemoryError|java\.lang\.StackOverflowError",
        "Java's memory does not suffice",
        "Raise spark.executor.memory, or spark.driver.memory if it is a driver, or have smaller partitions.",
    ),
    _known(
        r"MemoryError\b",
        "Python's memory does not suffice",
        "Raise spark.mesos.executor.memoryOverhead (spark.mesos.driver.memoryOverhead for drivers), which"
        " Python has to share, or have smaller partitions.",
    ),
    _known(
        r"ModuleNotFoundError: .*|ImportError: .*",
        "a Python module is missing there",
        "Send the module along with --py-files, or install it on the agents.",
    ),
    _known(
        r"ClassNotFoundException: .*|NoClassDefFoundError: .*|NoSuchMethodError: .*",
        "a Java class is missing there, or is of another version",
        "Send the library along with --jars or --packages, in the version that it was compiled with, and"
        " check the name of the --class.",
    ),
    _known(
        r"Permission denied|Operation not permitted",
        "the user that it runs as may not do that",
        "Give the task's user the right to it on the agents, or run as another one (see --switch_user).",
    ),
    _known(
        r"Authentication failed|SaslException|Unknown challenge message",
        "driver and executors do not authenticate each other",
        "Set spark.authenticate and its secret alike for both.",
    ),
)

_ENDS: tuple[_Trouble, ...] = (
    _known(
        r"did not (re-?)?register within|REASON_EXECUTOR_REGISTRATION_TIMEOUT",
        "its executor did not start in time",
        "Give agents a longer --executor_registration_timeout, or make what is fetched and pulled smaller.",
    ),
    _known(
        r"Failed to get user information|No such user|Failed to find user|failed to change user",
        "its user does not exist on the agent",
        "Make the user on all agents, submit as one that exists there, or start agents with"
        " --no-switch_user.",
    ),
    _known(
        r"terminated with signal Killed",
        "it was killed with SIGKILL, as the kernel does when memory runs out",
        "See the kernel's log on the agent (dmesg); raise spark.mesos.executor.memoryOverhead"
        " (spark.mesos.driver.memoryOverhead for drivers).",
    ),
    _known(
        r"exited with status 127",
        "a program that it calls does not exist on the agent",
        "Install what the end of its stderr says is missing, or set spark.mesos.executor.home to where Spark"
        " is.",
    ),
    _known(
        r"exited with status 126",
        "a program that it calls cannot be executed on the agent",
        "Make it executable, and of the agent's architecture.",
    ),
    _known(
        r"Failed to fetch all URIs",
        "the agent cannot fetch a file",
        "Make its URIs such that agents can fetch them (GET them on an agent with curl).",
    ),
    _known(
        r"REASON_INVALID_OFFERS|REASON_RESOURCES_UNKNOWN",
        "its offer had been withdrawn",
        "This happens now and then; it is launched again with the next offer.",
    ),
    _known(
        r"unknown container|None of the enabled containerizers",
        "the agent has no containerizer for it",
        "Start agents with --containerizers=docker,mesos, or set spark.mesos.containerizer=mesos if they can"
        " provide images.",
    ),
)

_TRACEBACK = "Traceback (most recent call last):"
_JAVA_EXCEPTION = re.compile(
    r"^(Exception in thread \"[^\"]*\" |Caused by: )?([\w$]+\.)+\w*(Exception|Error)\b"
)
_BELOW_ERROR = re.compile(r"^(\S+ \S+ (TRACE|DEBUG|INFO|WARN(ING)?) |I\d{4} )")
"""The beginning of a line that Spark (`log4j2.properties`) or Mesos has logged, and that is no error."""
_OF_A_STACK = re.compile(r"\s+at |\s*\.\.\. \d+ more|(Caused by: )?([\w$]+\.)+\w*(Exception|Error)\b")
_PYTHON_ERROR = re.compile(r"^[A-Za-z_][\w.]*(Error|Exception|Exit|Interrupt|Warning)?(: |$)")


def explain(output: Iterable[Sequence[str]], reason: str, message: str) -> Explanation | None:
    """Why a task failed: by what it has written, stderr first, then by Mesos' reason and message.

    None if nothing of that says anything. What is known beats what only looks like an error, and in each
    stream the first of several counts, as later ones tend to follow from it. What was only warned of, such as
    a connection that was tried again, counts if there is nothing else.
    """
    told = f"{message} ({reason})" if reason and message else message or reason
    streams = [list(stream) for stream in output]
    errors = [_without_warnings(lines) for lines in streams]
    found = _known_trouble(_LIMITS, [[told]]) or _known_trouble(_TROUBLES, errors)
    if found is not None:
        return found
    for lines in streams:
        if line := _own_error(lines):
            hint = (
                "Correct the application, or what it is given: the details have the end of its output, which "
                f"says where. {_RUN_AGAIN}"
            )
            return Explanation(_cut(line), "its own code failed", hint)
    found = _known_trouble(_TROUBLES, streams) or _known_trouble(_ENDS, [[told]])
    if found is None and told:
        return Explanation(_cut(told), "", f"{_UNKNOWN_HINT} {_RUN_AGAIN}")
    return found


def telling_lines(output: Iterable[Sequence[str]], found: Explanation) -> list[str]:
    """Of what a task has written, its streams one by one, the few lines that explain its failure.

    That is the line which says so, with what belongs to it: the end of its traceback, the first frames of
    Java. If Mesos says it, that is the end of the first stream that has anything.
    """
    streams = [list(lines) for lines in output]
    for lines in streams:
        for at, line in enumerate(lines):
            if _cut(line) == found.line:
                first = _start_of_traceback(lines, at)
                last = at + 1
                while last <= at + _FRAMES and last < len(lines) and lines[last].startswith("\tat "):
                    last += 1
                if (left_out := at + 1 - first - _MOST_TELLING) > 0:
                    rest = [f"  … {left_out} more lines", *lines[at + 1 - _MOST_TELLING + 1 : last]]
                    return [lines[first], *rest]
                return lines[first:last]
    return next((last_lines(lines, _MOST_OF_END) for lines in streams if lines), [])


def _start_of_traceback(lines: Sequence[str], end: int) -> int:
    """Where the traceback of Python begins that ends with a line; if it ends none, that line."""
    for number in range(end - 1, -1, -1):
        if _TRACEBACK in lines[number]:
            return number
        if not lines[number].startswith((" ", "\t")):
            break
    return end


def last_lines(lines: Sequence[str], most: int) -> list[str]:
    """The end of an output, of which long runs of Java's stack frames leave two frames and their number."""
    kept: list[str] = []
    frames = 0
    for line in (*lines, ""):
        if line.startswith("\tat "):
            frames += 1
            if frames <= _FRAMES:
                kept.append(line)
            continue
        if frames > _FRAMES:
            kept.append(f"\t… {frames - _FRAMES} more frames")
        frames = 0
        kept.append(line)
    return kept[:-1][-most:]


def _without_warnings(lines: Iterable[str]) -> list[str]:
    """What was not only logged as a warning or less, and no stack of Java that stands below a warning."""
    kept: list[str] = []
    warned = False
    for line in lines:
        if logged := _BELOW_ERROR.match(line):
            warned = "WARN" in logged[0]
        elif not (warned and _OF_A_STACK.match(line)):
            warned = False
            kept.append(line)
    return kept


def _known_trouble(troubles: Sequence[_Trouble], streams: Sequence[Sequence[str]]) -> Explanation | None:
    for trouble in troubles:
        for lines in streams:
            if line := next((line for line in lines if trouble.pattern.search(line)), None):
                return Explanation(
                    _cut(line), trouble.meaning, f"{trouble.hint} {_RUN_AGAIN}", trouble.follows
                )
    return None


def _own_error(lines: Sequence[str]) -> str:
    """The line that names the exception of a traceback of Python, or of Java; empty if there is none."""
    for number, line in enumerate(lines):
        if _TRACEBACK in line:
            for after in lines[number + 1 :]:
                if not after.startswith((" ", "\t")) and _PYTHON_ERROR.match(after):
                    return after
    return next((line for line in lines if _JAVA_EXCEPTION.match(line)), "")


def _cut(line: str) -> str:
    line = " ".join(line.split())
    return line if len(line) <= _LONGEST_LINE else line[:_LONGEST_LINE] + "…"
