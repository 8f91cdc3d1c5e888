"""The one place that imports pymesos, without what it does to a process that imports it.

pymesos 0.3.15 takes over SIGINT when it is imported, which fails outside the main thread, and logs to
standard error. Here not.
"""

from __future__ import annotations

import importlib
import logging
import signal
import sys
import threading
from types import ModuleType

from sparkmesos_core.errors import MissingExtraError, SparkMesosError

_CHECKOUT_INSTALL = "pip install ./third_party/http-parser '.[framework]'"


def load_pymesos() -> ModuleType:
    """Import pymesos without its side effects: SIGINT is handled as before, nothing is logged to stderr.

    Raises MissingExtraError, with the command that installs what is missing, and SparkMesosError when called
    the first time outside the main thread, where pymesos cannot be imported.
    """
    if "pymesos" not in sys.modules and threading.current_thread() is not threading.main_thread():
        raise SparkMesosError(
            "pymesos can be loaded in the main thread only",
            hint="Call load_pymesos() in the main thread before a framework is started in another",
        )
    before = signal.getsignal(signal.SIGINT)
    try:
        pymesos = importlib.import_module("pymesos")
        process = importlib.import_module("pymesos.process")
    except ImportError as error:
        raise MissingExtraError("Running a framework", "framework", hint=_install_hint(error)) from error
    finally:
        if signal.getsignal(signal.SIGINT) is not before and before is not None:
            signal.signal(signal.SIGINT, before)
    if before is process._handle_sigint and threading.current_thread() is threading.main_thread():
        signal.signal(signal.SIGINT, process._prev_handler)  # somebody else had imported it before
    log = logging.getLogger("pymesos")
    log.handlers[:] = [logging.NullHandler()]
    log.setLevel(logging.NOTSET)
    process.logger.filters[:] = [_tells_no_failed_connections, _tells_lost_connections_in_a_line]
    return pymesos


def _tells_no_failed_connections(record: logging.LogRecord) -> bool:
    """We tell of them: pymesos would by now name the master that is asked next."""
    return not record.getMessage().startswith("connect to ")


def _tells_lost_connections_in_a_line(record: logging.LogRecord) -> bool:
    """A master that is killed resets its connections: nobody needs a traceback for that."""
    reason = record.exc_info[1] if record.exc_info else None
    if isinstance(reason, OSError):
        record.msg, record.args = f"{record.getMessage()}: {reason.strerror or reason}", ()
        record.exc_info = record.exc_text = None
    return True


def _install_hint(error: ImportError) -> str:
    """pymesos' own dependency does not build on newer Pythons, and a checkout brings one that does."""
    missing = (error.name or "").partition(".")[0]
    if sys.version_info >= (3, 11) or missing == "http_parser":
        why = "http-parser, which pymesos needs, is missing or broken" if missing == "http_parser" else ""
        reason = why or "http-parser, which pymesos needs, does not build on Python 3.11 and newer"
        return f"{reason}. In a checkout of sparkmesos run: {_CHECKOUT_INSTALL}"
    return ""
