"""Ctrl-C while Python still loads what `sparkmesos` is made of: it ends at once, and without a traceback.

To be imported before everything that takes its time. Programs that import the command line have it in force
only until `end` is called, when all is loaded.
"""

from __future__ import annotations

import os
import signal
from types import FrameType

_INTERRUPTED = 130
"""As `sparkmesos_core.errors.ExitCode` has it, which is yet to be loaded."""


def _leave(_number: int, _frame: FrameType | None) -> None:
    """Nothing has begun that would have to be ended, and nothing was printed."""
    os._exit(_INTERRUPTED)


def end() -> None:
    """Ctrl-C is a KeyboardInterrupt again."""
    if signal.getsignal(signal.SIGINT) is _leave:
        signal.signal(signal.SIGINT, signal.default_int_handler)


# Whoever handles it otherwise goes on to do so; and another thread than the first may not.
if signal.getsignal(signal.SIGINT) is signal.default_int_handler:
    try:  # noqa: SIM105 - contextlib has yet to be loaded
        signal.signal(signal.SIGINT, _leave)
    except ValueError:
        pass
