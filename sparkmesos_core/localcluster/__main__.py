"""The process of an embedded cluster; `daemon.start` starts it and `foreground` is its body.

Its argument is the file descriptor on which it says that it is ready, or why it is not.
"""

from __future__ import annotations

import json
import logging
import os
import sys
from pathlib import Path

from sparkmesos_core.errors import SparkMesosError
from sparkmesos_core.localcluster.daemon import LOG_FILE, ClusterState, DaemonSettings
from sparkmesos_core.localcluster.foreground import serve


def main() -> int:
    """Runs a cluster until a signal or the end of the watched process."""
    logging.basicConfig(
        level=logging.INFO, stream=sys.stderr, format="%(asctime)s %(levelname)s %(name)s: %(message)s"
    )
    settings = DaemonSettings.from_json(sys.stdin.read())
    devnull = os.open(os.devnull, os.O_RDONLY)
    os.dup2(devnull, 0)
    os.close(devnull)
    ready = os.fdopen(int(sys.argv[1]), "w", encoding="utf-8")

    def tell_ready(state: ClusterState) -> None:
        with ready:
            json.dump({"state": state.to_json()}, ready)

    try:
        serve(settings, tell_ready, Path(settings.work_dir) / LOG_FILE)
    except SparkMesosError as error:
        if ready.closed:
            raise
        with ready:
            content = {"message": error.message, "hint": error.hint, "exit_code": int(error.exit_code)}
            json.dump({"error": content}, ready)
        return int(error.exit_code)
    return 0


if __name__ == "__main__":
    sys.exit(main())
