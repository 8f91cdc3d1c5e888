"""An interrupt that comes where Python cannot raise it, as in the callbacks of its imports, comes again.

Python prints such a KeyboardInterrupt and goes on, as if nobody had asked the program to end.
"""

from __future__ import annotations

import os
import signal
import sys
import threading
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from sys import UnraisableHookArgs

_PAUSE = 0.01
"""Seconds, after which whatever could not be interrupted has usually ended; if not, it comes once more."""


def bring_back() -> None:
    """From now on; SIGTERM is what comes again, since a shell may have SIGINT ignored."""
    sys.unraisablehook = _hook


def _hook(unraisable: UnraisableHookArgs) -> None:
    if not issubclass(unraisable.exc_type, KeyboardInterrupt):
        sys.__unraisablehook__(unraisable)
        return
    # Raised here it would be lost again.
    again = threading.Timer(_PAUSE, os.kill, [os.getpid(), signal.SIGTERM])
    again.daemon = True
    again.start()
