"""The log of a fetch in the sandbox's `stderr`, in the form of glog, which Mesos writes."""

from __future__ import annotations

import logging
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import IO


class GlogFormatter(logging.Formatter):
    """Level, date and time with microseconds, thread, source file and line, then the text on one line."""

    def format(self, record: logging.LogRecord) -> str:
        """The line for a record, without its line feed."""
        moment = datetime.fromtimestamp(record.created).astimezone().strftime("%Y%m%d %H:%M:%S.%f")
        text = " ".join(record.getMessage().split("\n"))
        where = f"{threading.get_native_id()} {record.filename}:{record.lineno}"
        return f"{record.levelname[0]}{moment} {where}] {text}"


@dataclass(frozen=True)
class SandboxLog:
    """`logger` writes to the sandbox's stderr; `stdout` and `stderr` are for the output of programs."""

    logger: logging.Logger
    stdout: IO[bytes]
    stderr: IO[bytes]


@contextmanager
def sandbox_log(sandbox: Path) -> Iterator[SandboxLog]:
    """Append to a sandbox's logs until the block ends."""
    with (
        (sandbox / "stdout").open("ab") as stdout,
        (sandbox / "stderr").open("ab") as stderr,
        (sandbox / "stderr").open("a", encoding="utf-8", errors="backslashreplace") as text,
    ):
        handler = logging.StreamHandler(text)
        handler.setFormatter(GlogFormatter())
        logger = logging.Logger("fetcher")  # of its own: nothing of this belongs into the program's log
        logger.addHandler(handler)
        yield SandboxLog(logger, stdout, stderr)
