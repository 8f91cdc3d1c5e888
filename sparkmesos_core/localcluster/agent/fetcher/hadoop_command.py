"""Fetching through the `hadoop` program, as Mesos' agents do for every scheme they do not know."""

from __future__ import annotations

import os
import shutil
import tempfile
import threading
from dataclasses import dataclass
from pathlib import Path
from typing import IO

from sparkmesos_core.localcluster.agent.fetcher import subprocesses
from sparkmesos_core.localcluster.agent.fetcher.errors import FetchError
from sparkmesos_core.redaction import redact_text

_KEPT_BYTES = 1 << 16
"""How much of what hadoop says is kept: its end."""


@dataclass(frozen=True)
class HadoopCommand:
    """The client `program`; `home` is the Hadoop that it belongs to, if that is known.

    All methods raise FetchCancelled soon after `cancelled` is set.
    """

    program: str
    home: str | None
    cancelled: threading.Event

    def check(self, stdout: IO[bytes], stderr: IO[bytes]) -> None:
        """Ask for its version, as Mesos does, which is written out. Raises FetchError if it cannot be run."""
        # Through a shell, since what that says of a missing program, and its status, is what Mesos logs.
        status = self._run(["sh", "-c", '"$1" version 2>&1', "sh", self.program], stdout, stderr)
        if status != 0:
            raise FetchError(
                f"Failed to create HDFS client: Hadoop client is not available, exit status: {status}"
            )

    def copy_to_local(self, location: str, target: Path, stderr: IO[bytes]) -> None:
        """Copy a file from wherever the client finds it. Raises FetchError if it does not."""
        self._fs(stderr, "copyToLocal", location, str(target))

    def size(self, location: str) -> int:
        """How many bytes a file has. Raises FetchError if the client cannot say."""
        with tempfile.TemporaryFile() as nowhere:
            self.check(nowhere, nowhere)
            words = self._fs(nowhere, "du", location).split()
        if not words or not words[0].isdigit():
            raise FetchError("Hadoop client could not determine size")
        return int(words[0])

    def _fs(self, stderr: IO[bytes], command: str, *arguments: str) -> str:
        with tempfile.TemporaryFile() as out, tempfile.TemporaryFile() as err:
            try:
                status = self._run([self.program, "fs", f"-{command}", *arguments], out, err)
            except OSError as error:
                raise FetchError(f"HDFS {command} failed: {error.strerror}") from None
            if status == 0:
                return _end_of(out)
            said = _end_of(err)
        # Java has much to say: all of it is for the log, its last line but for stack frames for the message.
        stderr.write(said.encode())
        stderr.flush()
        last = next((line for line in reversed(said.splitlines()) if line and not line[0].isspace()), "")
        raise FetchError(f"HDFS {command} failed: hadoop ended with status {status}: {last}")

    def _run(self, command: list[str], stdout: IO[bytes], stderr: IO[bytes]) -> int:
        own = {"HADOOP_HOME": self.home} if self.home is not None else {}
        environment = subprocesses.program_environment(**own)
        return subprocesses.run(
            command, self.cancelled, stdout=stdout, stderr=stderr, environment=environment
        )


def find_hadoop(hadoop_home: Path | None, cancelled: threading.Event) -> HadoopCommand | None:
    """The client in a configured Hadoop (`hadoop_home`, or else HADOOP_HOME), else the one on the PATH.

    A configured one is taken whether or not it is there, as Mesos does. None if there is none.
    """
    home = str(hadoop_home) if hadoop_home is not None else os.environ.get("HADOOP_HOME")
    if home:
        return HadoopCommand(str(Path(home) / "bin" / "hadoop"), home, cancelled)
    program = shutil.which("hadoop")
    return HadoopCommand(program, None, cancelled) if program is not None else None


def _end_of(file: IO[bytes]) -> str:
    size = file.seek(0, os.SEEK_END)
    file.seek(max(0, size - _KEPT_BYTES))
    lines = file.read().decode(errors="replace").splitlines(keepends=True)
    return "".join(redact_text(line) for line in lines)
