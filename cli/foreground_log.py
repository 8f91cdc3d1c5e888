"""The log of a daemon that stays in the foreground, where it is what there is to see."""

from __future__ import annotations

import logging

from sparkmesos_core.durable_framework.background import LOG_FORMAT

from .terminal import Terminal


def log_here(terminal: Terminal) -> None:
    """Log to stderr as a daemon does into its file."""
    root = logging.getLogger()
    for handler in root.handlers:
        handler.setFormatter(logging.Formatter(LOG_FORMAT))
    if terminal.verbosity == 0:
        logging.getLogger("sparkmesos_core").setLevel(logging.INFO)
