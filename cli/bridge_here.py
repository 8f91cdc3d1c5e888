"""The bridge for a Spark of this machine, for agents that are on it, too."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from sparkmesos_core.spark.home import SparkHome

    from .terminal import Terminal


def bridge_here(
    terminal: Terminal, spark: SparkHome, variables: Mapping[str, str], *, without: str
) -> Path | None:
    """The bridge, from the cache or compiled into it; None if it cannot be, with the warning `without`."""
    from sparkmesos_core.bridge.compile import ensure_bridge
    from sparkmesos_core.directories import cache_directory
    from sparkmesos_core.errors import BridgeError, JavaNotFoundError
    from sparkmesos_core.spark.java import find_compiling_java

    try:
        java = find_compiling_java(spark, variables).executable
        return ensure_bridge(spark.jars, java, cache_directory(terminal.environment) / "bridge", terminal.say)
    except (BridgeError, JavaNotFoundError) as error:
        terminal.warn(f"{without}: {error.message}")
        return None
