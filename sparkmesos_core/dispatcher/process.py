"""What the process of a dispatcher in the background is handed, and its body."""

from __future__ import annotations

import json
import logging
import os
import sys
from dataclasses import dataclass
from pathlib import Path

from sparkmesos_core.background_process import StartReport, read_settings
from sparkmesos_core.dispatcher.settings import DispatcherSettings
from sparkmesos_core.errors import SparkMesosError

LOG_FORMAT = "%(asctime)s %(levelname)s %(name)s: %(message)s"


@dataclass(frozen=True)
class ProcessSettings:
    """A dispatcher's settings, and what its process needs besides."""

    settings: DispatcherSettings
    pid_file: str
    """It is locked already: the descriptor was inherited."""
    subscribe_timeout: float | None

    def to_json(self) -> str:
        """As text. It holds secrets."""
        content = {"pid_file": self.pid_file, "subscribe_timeout": self.subscribe_timeout}
        return json.dumps({**content, "settings": self.settings.to_json()})

    @classmethod
    def from_json(cls, text: str) -> ProcessSettings:
        """From the text that `to_json` made."""
        fields = json.loads(text)
        return cls(**{**fields, "settings": DispatcherSettings.from_json(fields["settings"])})


def configure_logging(level: int = logging.INFO) -> None:
    """Log to stderr, with times; the libraries' chatter is left out."""
    logging.basicConfig(level=level, stream=sys.stderr, format=LOG_FORMAT)
    logging.getLogger("kazoo").setLevel(logging.WARNING)


def main() -> int:
    """Run a dispatcher with the settings on stdin, until a signal; the exit code."""
    configure_logging()
    handed_over = ProcessSettings.from_json(read_settings())
    report = StartReport(int(sys.argv[1]))
    try:
        Path(handed_over.pid_file).write_text(f"{os.getpid()}\n", encoding="ascii")
        from sparkmesos_core.dispatcher.foreground import serve

        serve(
            handed_over.settings,
            lambda state: report.ready(state.to_json()),
            subscribe_timeout=handed_over.subscribe_timeout,
        )
    except SparkMesosError as error:
        logging.getLogger(__name__).error("%s", error.message)
        if not report.made:
            report.failed(error)
        return int(error.exit_code)
    return 0
