"""What a run of chaos finds in what others write into their logs."""

from __future__ import annotations

import contextlib
import functools
import logging
import re
from collections.abc import Iterator, Sequence
from pathlib import Path

import sparkmesos_core.bridge

_FAULTS = ("Traceback", "an error that should not be")
_FAULTS_OF_DRIVERS = (
    'Exception in thread "',
    "Uncaught exception",
    "Traceback",
    # What the backend only warns of, and goes on without.
    "Whether executors start is",
    "Why no executor starts cannot be told",
    "executors have not ended within",
    "Mesos could not be told that framework",
    "The SparkContext cannot be stopped",
)
_FAULTS_OF_EXECUTORS = re.compile(
    r"java\.lang\.(\w*(?:NoClassDef|NoSuchMethod|NoSuchField|IllegalAccess|AbstractMethod|Linkage|Verify)Error.*)"
)
# While the master is away, nobody tells an application that ends of the end of its executors. To Spark they fall silent
# then, and it would say so to its scheduler, which is gone (`HeartbeatReceiver.expireDeadHosts`). With the timeouts that
# Spark has by default, drivers do not wait for so long.
_SILENCE_AT_THE_END = re.compile(
    r"^.* ERROR Utils: Uncaught exception in thread kill-executor-thread\n"
    r"org\.apache\.spark\.SparkException: Could not find CoarseGrainedScheduler\.\n(?:\tat .*\n)+",
    re.MULTILINE,
)
_OURS = ("sparkmesos_core", "asyncio", "uvicorn")
_BRIDGE = Path(sparkmesos_core.bridge.__file__).with_name("scala")
_LOGGER = re.compile(r'getLogger\((?:classOf\[(\w+)\]|"org\.sparkmesos\.(?:\w+\.)*(\w+)")\)')
_MOST_CHARACTERS = 3000


def tracebacks(name: str, log: str) -> Sequence[str]:
    """What the log of somebody tells of faults of ours."""
    return _found(name, log, _FAULTS)


def faults_of_driver(log: str) -> Sequence[str]:
    """The same for the log of a Spark driver: whatever our backend calls an error is one."""
    log = _SILENCE_AT_THE_END.sub("", log)
    errors = re.finditer(rf"^\S+ \S+ ERROR (?:{'|'.join(_loggers())}): .*", log, re.MULTILINE)
    return [
        *_found("the driver", log, _FAULTS_OF_DRIVERS),
        *(f"the log of the driver: {_shown(log, error.start())}" for error in errors),
    ]


def faults_of_executors(cluster: Path) -> Iterator[str]:
    """What executors tell of classes that do not fit together; in sandboxes below the folder of a cluster."""
    for log in sorted(cluster.rglob("stderr")):
        if found := _FAULTS_OF_EXECUTORS.search(log.read_text(errors="replace")):
            yield f"{log}: {found[1]}"


@contextlib.contextmanager
def errors_of_cluster() -> Iterator[list[str]]:
    """The tracebacks that masters and agents in this process log, as long as the block lasts.

    What they say of others in plain words, such as of a ZooKeeper that is away, is no fault of theirs.
    """
    found: list[str] = []
    handler = _Errors(found)
    logging.getLogger().addHandler(handler)
    try:
        yield found
    finally:
        logging.getLogger().removeHandler(handler)


class _Errors(logging.Handler):
    def __init__(self, found: list[str]) -> None:
        super().__init__(logging.ERROR)
        self._found = found

    def emit(self, record: logging.LogRecord) -> None:
        if record.exc_info and record.name.partition(".")[0] in _OURS:
            self._found.append(f"the cluster: {self.format(record)[:_MOST_CHARACTERS]}")


@functools.cache
def _loggers() -> Sequence[str]:
    """The names of all loggers of the bridge, as short as Spark's log has them."""
    sources = (path.read_text(encoding="utf-8") for path in sorted(_BRIDGE.rglob("*.scala")))
    found = {name for source in sources for pair in _LOGGER.findall(source) for name in pair if name}
    assert found, f"no logger in {_BRIDGE}"
    return sorted(found)


def _found(name: str, log: str, words: Sequence[str]) -> Sequence[str]:
    return [f"the log of {name}: {_shown(log, log.index(word))}" for word in words if word in log]


def _shown(log: str, at: int) -> str:
    begin = log.rfind("\n", 0, at) + 1
    return log[begin : begin + _MOST_CHARACTERS]
