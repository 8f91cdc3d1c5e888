"""Other releases of Spark than the installed one, for tests: from PyPI's source distributions into a cache.

The cache is kept between runs: `SPARKMESOS_TEST_CACHE`, else `sparkmesos-tests` in the user's cache folder. A release is
about 300 MB to download (10 to 20 s where that was measured), and as much on disk.
"""

from __future__ import annotations

import fcntl
import os
import subprocess
import sys
import tarfile
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

# The last patch of each minor release with Mesos that PyPI carries, and that Spark's own documentation lets run on Java 17.
RUNNABLE = ("3.3.4", "3.4.4")
# The same of those that need Java 8 or 11, or 8 only.
OLDER = ("2.4.8", "3.0.3", "3.1.3", "3.2.4")
_PARTS = ("jars", "bin")
_TIMEOUT = 600
# What the setup.py of old releases can do without, or stumbles upon: Spark 2.4's calls a function that pypandoc lost in 1.8.
_CONSTRAINTS = "pypandoc<1.8\nsetuptools<66\n"


def spark_release(version: str) -> Path:
    """A Spark home of this version with `jars` and `bin`; downloads it if it is not in the cache.

    Skips the test if it cannot be downloaded, unless in CI, where that is a failure.
    """
    with locked_cache(f"spark-{version}") as home:
        if not home.is_dir():
            with tempfile.TemporaryDirectory(dir=home.parent) as folder:
                unpacked = Path(folder) / "spark"
                _unpack(_download(version, Path(folder)), unpacked)
                unpacked.rename(home)
    return home


@contextmanager
def locked_cache(name: str) -> Iterator[Path]:
    """A folder in the cache, which need not be there yet; meanwhile no other test run has it."""
    cache = _cache()
    cache.mkdir(parents=True, exist_ok=True)
    with (cache / f"{name}.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield cache / name


def _cache() -> Path:
    if chosen := os.environ.get("SPARKMESOS_TEST_CACHE"):
        return Path(chosen)
    return Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "sparkmesos-tests"


def _download(version: str, folder: Path) -> Path:
    constraints = folder / "constraints"
    constraints.write_text(_CONSTRAINTS)
    download = [sys.executable, "-m", "pip", "download", "--quiet", "--no-deps", "--no-binary", "pyspark"]
    done = subprocess.run(
        [*download, "--dest", str(folder), f"pyspark=={version}"],
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        timeout=_TIMEOUT,
        check=False,
        env={
            **os.environ,
            "PIP_CONSTRAINT": str(constraints),
            "PIP_BUILD_CONSTRAINT": str(constraints),
            "PIP_DISABLE_PIP_VERSION_CHECK": "1",
        },
    )
    if done.returncode:
        said = f"pyspark {version} cannot be downloaded:\n{done.stdout[-1500:]}"
        if os.environ.get("CI"):
            pytest.fail(said, pytrace=False)
        pytest.skip(said)
    (archive,) = folder.glob(f"pyspark-{version}.tar.gz")
    return archive


def _unpack(archive: Path, home: Path) -> None:
    """The Java part of the distribution, as a Spark home."""
    with tarfile.open(archive) as tar:
        for member in tar:
            parts = Path(member.name).parts
            if len(parts) == 4 and parts[1] == "deps" and parts[2] in _PARTS and member.isfile():
                target = home / parts[2] / parts[3]
                target.parent.mkdir(parents=True, exist_ok=True)
                content = tar.extractfile(member)
                assert content is not None
                with content, target.open("wb") as file:
                    while piece := content.read(1 << 20):
                        file.write(piece)
                target.chmod(0o755 if parts[2] == "bin" else 0o644)
