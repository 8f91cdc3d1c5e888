"""The Python client of Spark Connect, in an environment of its own: it wants packages (330 MB on disk) that nothing else here does."""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
from collections.abc import Mapping
from pathlib import Path

from sparkmesos_core.spark.home import SparkHome
from tests.integration.spark_releases import cannot_run, locked_cache

# What `pyspark.sql.connect` of Spark 4.3 imports; it warns of a pandas 3.
_PACKAGES = (
    "grpcio>=1.76,<2",
    "grpcio-status>=1.76,<2",
    "googleapis-common-protos>=1.71,<2",
    "pandas>=2.2,<3",
    "pyarrow>=18",
    "zstandard>=0.25",
)
_TIMEOUT = 600


def run_client(
    spark: SparkHome,
    program: str,
    *arguments: str,
    environment: Mapping[str, str],
    timeout: float = 240,
) -> subprocess.CompletedProcess[str]:
    """Runs a Python program that has this Spark's pyspark as a client, and no Java."""
    sources = sorted((spark.path / "python" / "lib").glob("*.zip"))
    return subprocess.run(
        [sys.executable, "-c", program, *arguments],
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=timeout,
        check=False,
        env={
            "PATH": os.environ["PATH"],
            "SPARK_HOME": str(spark.path),  # which a module for tests that it imports looks for
            "PYTHONPATH": os.pathsep.join(map(str, (*sources, _packages()))),
            **environment,
        },
    )


def _packages() -> Path:
    """The folder with them; they are downloaded if they are not there, once for each Python."""
    with locked_cache(f"connect-client-{sys.version_info.major}.{sys.version_info.minor}") as folder:
        if not folder.is_dir():
            with tempfile.TemporaryDirectory(dir=folder.parent) as temporary:
                target = Path(temporary) / "packages"
                _install(target)
                target.rename(folder)
    return folder


def _install(target: Path) -> None:
    done = subprocess.run(
        [sys.executable, "-m", "pip", "install", "--quiet", "--only-binary=:all:", "--no-compile",
         "--disable-pip-version-check", "--root-user-action=ignore", "--target", str(target), *_PACKAGES],
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        timeout=_TIMEOUT,
        check=False,
    )  # fmt: skip
    if done.returncode:
        cannot_run(f"what a client of Spark Connect needs cannot be installed:\n{done.stdout[-1500:]}")
