"""What Spark's `sbin/spark-daemon.sh` says of daemons on stdout: the drop-ins for its scripts say the same.

Scripts of operators look for these words. Our own are on stderr then.
"""

from __future__ import annotations

from sparkmesos_core.daemon_files import DaemonFiles, DaemonKind
from sparkmesos_core.errors import AlreadyRunningError


def starting(files: DaemonFiles) -> str:
    """One was started."""
    return f"starting {files.kind.spark_class}, logging to {files.log}"


def running(error: AlreadyRunningError) -> str:
    """One is there already."""
    return f"{error.spark_class} running as process {error.pid}.  Stop it first."


def stopping(kind: DaemonKind, ran: bool) -> str:
    """One was stopped, if it `ran`."""
    return f"stopping {kind.spark_class}" if ran else f"no {kind.spark_class} to stop"
