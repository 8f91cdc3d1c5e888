"""Spark's own MesosClusterDispatcher, with the bridge in place of libmesos."""

from __future__ import annotations

import os
import re
import shlex
import subprocess
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from sparkmesos_core.bridge.compile import ensure_bridge
from sparkmesos_core.spark.home import find_spark
from sparkmesos_core.spark.java import find_java

_READY = re.compile(r"Started REST server for submitting applications on .* port (\d+)")
_PATIENCE = 60.0


@dataclass(frozen=True)
class SparkDispatcher:
    url: str
    """For `--master` in cluster mode."""
    executor_home: Path
    """A SPARK_HOME for drivers: spark-submit of 3.5.9 refuses the `--driver-cores 1.0` of its own dispatcher."""
    bridge: Path


@contextmanager
def spark_dispatcher(master_url: str, folder: Path, cache: Path) -> Iterator[SparkDispatcher]:
    """Runs one on free ports of loopback until the block ends."""
    spark = find_spark(None, {})
    java = find_java(spark, {"PATH": ""})
    bridge = ensure_bridge(spark.jars, java.executable, cache / "bridge", lambda text: None)
    home = _home_for_drivers(spark.path, folder / "spark")
    environment = {
        "PATH": os.environ["PATH"],
        "HOME": str(folder),
        "JAVA_HOME": str(java.home),
        "SPARK_HOME": str(spark.path),
        "SPARK_LOCAL_IP": "127.0.0.1",
        "SPARK_DAEMON_CLASSPATH": str(bridge),
    }
    command = [
        str(spark.program("spark-class")),
        "org.apache.spark.deploy.mesos.MesosClusterDispatcher",
        *("--host", "127.0.0.1", "--port", "0", "--webui-port", "0", "--master", master_url),
    ]
    lines: list[str] = []
    ready = threading.Event()
    with subprocess.Popen(
        command, cwd=folder, env=environment, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE, text=True,
    ) as process:  # fmt: skip

        def read() -> None:
            assert process.stderr is not None
            for line in process.stderr:
                lines.append(line)
                if _READY.search(line):
                    ready.set()
            ready.set()

        reader = threading.Thread(target=read)
        reader.start()
        try:
            ready.wait(_PATIENCE)
            ports = [match[1] for line in lines if (match := _READY.search(line))]
            assert ports, "the dispatcher has not started:\n" + "".join(lines[-40:])
            yield SparkDispatcher(f"mesos://127.0.0.1:{ports[0]}", home, bridge)
        finally:
            process.kill()
            process.wait()
            reader.join()


def _home_for_drivers(spark: Path, home: Path) -> Path:
    (home / "bin").mkdir(parents=True)
    head = f"#!/bin/bash\nexport SPARK_HOME={shlex.quote(str(spark))}\n"
    scripts = {
        "spark-submit": head + 'exec "$SPARK_HOME/bin/spark-submit" "${@/#1.0/1}"\n',
        "spark-class": head + 'exec "$SPARK_HOME/bin/spark-class" "$@"\n',
    }
    for name, text in scripts.items():
        (home / "bin" / name).write_text(text)
        (home / "bin" / name).chmod(0o755)
    return home
