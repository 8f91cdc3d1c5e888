"""What a service that ended has written last, read from its sandbox, and what that means."""

from __future__ import annotations

import re
from collections import OrderedDict
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass
from functools import partial

from sparkmesos_core.errors import MesosError, SparkMesosError
from sparkmesos_core.http_service.patient_threads import PatientThreads
from sparkmesos_core.mesos.http import MesosHttp
from sparkmesos_core.mesos.sandbox_files import SandboxFiles
from sparkmesos_core.quoting import printable

_TIMEOUT = 3.0
_THREADS = 4
_REMEMBERED = 1024
_LINES = 12
_LONGEST_LINE = 500
_MOST_BYTES = 64 * 1024


@dataclass(frozen=True)
class LastWords:
    """The end of what a task wrote to stderr."""

    lines: tuple[str, ...] = ()
    cause: str = ""
    """What they mean, as far as that is known, for people."""


_FRAME = re.compile(r"\s+(at [\w.$/<>]+\(.*\)|\.\.\. \d+ (more|common frames omitted))")
# What is written by the script, by Spark's `bin/spark-class`, by Java, and by the service itself.
_CAUSES = (
    (r"Address already in use|BindException", "another program has port {port} there"),
    (
        r"(ClassNotFoundException|NoClassDefFoundError|find or load main class).*"
        r"deploy[./]mesos[./]MesosExternalShuffleService",
        "the Spark there is one without Mesos",
    ),
    (r"UnsupportedClassVersionError", "the Java there is too old for this Spark"),
    (r"JAVA_HOME is not set|java: (command )?not found|bin/java: No such file", "there is no Java there"),
    (r"spark-class.*: (not found|No such file)|there is no bin/spark-class in", "there is no Spark there"),
    (r"OutOfMemoryError|insufficient memory for the Java Runtime", "its memory is too small"),
    (r"A secret key must be specified|spark\.authenticate\.secret", "its secret is missing"),
    (r"Permission denied", "its user may not run it there"),
    (r"No space left on device", "a disk is full there"),
)


def last_words_in(text: str, port: int) -> LastWords:
    """The end of what a service wrote, which was to listen at `port`, without the frames of stack traces.

    Lines have escapes in the place of what a terminal, or who reads a log, would take for orders.
    """
    lines = [line.rstrip() for line in text.splitlines() if line.strip() and not _FRAME.match(line)]
    cause = next((meaning for pattern, meaning in _CAUSES if re.search(pattern, text)), "")
    shown = tuple(printable(line[:_LONGEST_LINE], keep="\t") for line in lines[-_LINES:])
    return LastWords(shown, cause.format(port=port))


class LastWordsReader:
    """Reads them in threads of its own, each task's once. Lives in one event loop.

    Principal and secret are shown to agents that want to know who asks.
    """

    def __init__(
        self,
        port: int,
        *,
        principal: str | None = None,
        secret: str | None = None,
    ) -> None:
        self._port = port
        self._agent = partial(MesosHttp, timeout=_TIMEOUT, principal=principal, secret=secret)
        self._threads = PatientThreads(_THREADS, "last-words")
        self._known: OrderedDict[str, LastWords] = OrderedDict()

    def known(self, task_id: str) -> LastWords:
        """Those of a task that were read before; empty ones if they were not."""
        return self._known.get(task_id, LastWords())

    async def read(self, agent_urls: Sequence[str], framework_id: str, task_id: str) -> LastWords:
        """Those of a task that has ended; empty ones if they cannot be had. It raises nothing.

        `agent_urls` are where its agent may answer, the first one of which does is asked.
        """
        if task_id in self._known:
            return self._known[task_id]
        for url in agent_urls:
            with suppress(SparkMesosError):  # the agent may be gone, which is why it ended
                text = await self._threads.run(partial(self._text, url, framework_id, task_id))
                break
        else:
            return LastWords()
        words = last_words_in(text, self._port)
        self._known[task_id] = words
        while len(self._known) > _REMEMBERED:
            self._known.popitem(last=False)
        return words

    def close(self) -> None:
        """Wait for no agent any more."""
        self._threads.close(MesosError("The process ends, and asks agents nothing any more"))

    def _text(self, agent_url: str, framework_id: str, task_id: str) -> str:
        with self._agent(agent_url) as http:
            files = SandboxFiles(http)
            path = f"{files.directory(framework_id, task_id)}/stderr"
            size = files.size(path)
            return b"".join(files.pieces(path, max(0, size - _MOST_BYTES), size)).decode("utf-8", "replace")
