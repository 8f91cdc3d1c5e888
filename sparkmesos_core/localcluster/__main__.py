"""The process of an embedded cluster; `daemon.start` starts it and `foreground` is its body.

Its argument is the file descriptor on which it says that it is ready, or why it is not.
"""

from __future__ import annotations

import logging
import sys
from pathlib import Path

from sparkmesos_core.background_process import StartReport, read_settings
from sparkmesos_core.errors import SparkMesosError
from sparkmesos_core.localcluster.daemon import LOG_FILE, ClusterState, DaemonSettings
from sparkmesos_core.localcluster.foreground import serve
from sparkmesos_core.localcluster.log_lines import GlogFormatter


def main() -> int:
    """Runs a cluster until a signal or the end of the watched process."""
    log = logging.StreamHandler(sys.stderr)
    log.setFormatter(GlogFormatter())
    logging.basicConfig(level=logging.INFO, handlers=[log])
    settings = DaemonSettings.from_json(read_settings())
    report = StartReport(int(sys.argv[1]))

    def tell_ready(state: ClusterState) -> None:
        report.ready(state.to_json())

    try:
        serve(settings, tell_ready, Path(settings.work_dir) / LOG_FILE)
    except SparkMesosError as error:
        if report.made:
            raise
        report.failed(error)
        return int(error.exit_code)
    return 0


if __name__ == "__main__":
    sys.exit(main())
