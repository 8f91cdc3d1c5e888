"""Lines of logs in the form in which Mesos writes them, which is glog's."""

from __future__ import annotations

import logging
import re
import sys
import time
from pathlib import Path

_LETTERS = {logging.WARNING: "W", logging.ERROR: "E", logging.CRITICAL: "F"}

_CONTROL = re.compile(r"[\x00-\x1f\x7f-\x9f\u2028\u2029]")


class GlogFormatter(logging.Formatter):
    """`I20261122 08:00:15.743748 26728 master.py:83] text`; a traceback stands in lines of its own."""

    def format(self, record: logging.LogRecord) -> str:
        """As `logging` wants it."""
        level = _LETTERS.get(record.levelno, "I")
        when = time.strftime("%Y%m%d %H:%M:%S", time.localtime(record.created))
        micros = int(record.created % 1 * 1e6)
        where = f"{record.filename}:{record.lineno}"
        line = f"{level}{when}.{micros:06d} {record.process or 0:5d} {where}] {record.getMessage()}"
        return f"{line}\n{self.formatException(record.exc_info)}" if record.exc_info else line


class LogFile:
    """The log of one agent: what it says goes to the file, if there is one, and to the log of all, too.

    The file is open only while a line is written: what is logged are turning points.
    """

    def __init__(self, file: Path | None, logger: logging.Logger) -> None:
        self.file = file
        self._logger = logger
        self._formatter = GlogFormatter()

    def info(self, text: str, *values: object) -> None:
        """What happens in the normal course of things. `text` is as for `logging`."""
        self._say(logging.INFO, text, values)

    def warning(self, text: str, *values: object) -> None:
        """What may be a sign of trouble."""
        self._say(logging.WARNING, text, values)

    def error(self, text: str, *values: object) -> None:
        """What has failed."""
        self._say(logging.ERROR, text, values)

    def _say(self, level: int, text: str, values: tuple[object, ...]) -> None:
        shown = tuple(one_line(value) if isinstance(value, str) else value for value in values)
        if self._logger.isEnabledFor(level):
            self._logger.log(level, text, *shown, stacklevel=3)
        if self.file is None:
            return
        caller = sys._getframe(2)
        where = caller.f_code.co_filename, caller.f_lineno
        record = self._logger.makeRecord(self._logger.name, level, *where, text, shown, None)
        try:
            with self.file.open("a", encoding="utf-8", errors="surrogateescape") as log:
                log.write(self._formatter.format(record) + "\n")
        except OSError as error:
            self._logger.error("%s cannot be written: %s", self.file, error.strerror)


def one_line(text: str) -> str:
    """A text that stays within a line. Frameworks choose names and messages, and may put anything in them."""
    return _CONTROL.sub(lambda found: repr(found[0])[1:-1], text)
