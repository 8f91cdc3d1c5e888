"""What a bridge of each kind is made of: sources, the jars of Spark that they need, and what it declares."""

from __future__ import annotations

import fnmatch
from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path

from sparkmesos_core.bridge.kinds import BridgeKind, bridge_kind
from sparkmesos_core.errors import BridgeError
from sparkmesos_core.spark.core_jar import find_core_jar

SOURCES = Path(__file__).parent / "scala"
COMPILER_JARS = ("scala-compiler", "scala-library", "scala-reflect")
"""What the Scala compiler itself consists of."""

_MESOS = "mesos"
# What the sources refer to. The compiler indexes all it is given, so the 250 other jars would cost seconds.
_ALWAYS = (
    "scala-library",
    "jackson-annotations",
    "jackson-core",
    "jackson-databind",
    "slf4j-api",
    "spark-core_*",
    "zookeeper",
)


@dataclass(frozen=True)
class Recipe:
    """What a bridge is made of."""

    kind: BridgeKind
    folders: tuple[str, ...]
    """Folders of sources, inside SOURCES."""
    needed: tuple[str, ...]
    """Jars of Spark, by name without version, that the sources refer to."""
    parts: tuple[str, ...]
    """Such jars that only some releases have, where others have what is in them elsewhere."""
    services: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    """Classes in it that Java's ServiceLoader finds, by the name of the service."""

    @property
    def libraries(self) -> tuple[str, ...]:
        """What the sources are compiled against."""
        return self.needed + self.parts

    @property
    def used(self) -> tuple[str, ...]:
        """Every jar that makes a difference to what comes out."""
        return COMPILER_JARS + self.libraries

    def sources(self) -> dict[str, Path]:
        """The source files by their paths inside SOURCES, sorted by them."""
        found = {
            f"{folder}/{path.name}": path
            for folder in self.folders
            for path in (SOURCES / folder).glob("*.scala")
        }
        return {name: found[name] for name in sorted(found)}


_RECIPES = {
    BridgeKind.DRIVER: Recipe(
        BridgeKind.DRIVER,
        folders=("conversation", "driver"),
        needed=(*_ALWAYS, _MESOS),
        # Part of Spark's core since 3.5, part of ZooKeeper since its 3.5, and what the Scala compiler of
        # Spark 2.4 wants to see although the sources do not name it (it is gone since Spark 3.2).
        parts=("spark-common-utils_*", "zookeeper-jute", "hadoop-common"),
    ),
    BridgeKind.BACKEND: Recipe(
        BridgeKind.BACKEND,
        folders=("conversation", "backend"),
        needed=(
            *_ALWAYS,
            "spark-common-utils_*",
            "spark-network-common_*",
            "spark-network-shuffle_*",
            "hadoop-client-api",
            "metrics-core",
        ),
        # Spark 4.1 and 4.3 took these out of jars above.
        parts=("spark-common-utils-java_*", "spark-config_*", "spark-launcher_*", "zookeeper-jute"),
        services={
            "org.apache.spark.scheduler.ExternalClusterManager": (
                "org.apache.spark.sparkmesos.MesosClusterManager",
            )
        },
    ),
}


def recipe_of(kind: BridgeKind) -> Recipe:
    """The recipe for a kind of bridge."""
    return _RECIPES[kind]


def recipe_for(jars: Collection[str], place: str) -> Recipe:
    """The recipe for the Spark that has jars of these names; `place` says where they are, for messages.

    Raises BridgeError if it has no Mesos support and needs it, or lacks the compiler or other jars.
    """
    core = find_core_jar(jars)
    has_mesos = bool(select_jars(jars, (_MESOS,)))
    kind = bridge_kind(core.release if core else None, has_mesos=has_mesos)
    if kind is None and has_mesos and core is not None:
        made_for = " and ".join(one.sparks for one in BridgeKind)
        raise BridgeError(
            f"The Mesos bridge is made for {made_for}, and the Spark of {place} is {core.version}",
            hint="Use one of these, or libmesos (--mesos-driver native).",
        )
    if kind is None:
        raise BridgeError(
            f"The Spark of {place} has no Mesos support: there is no mesos-*.jar",
            hint="Use an official release of Spark 2.4 to 3.5, or Spark 4, which needs none of its own.",
        )
    recipe = _RECIPES[kind]
    if not select_jars(jars, ("scala-compiler",)):
        raise BridgeError(
            f"There is no scala-compiler-*.jar in {place}, which the Mesos bridge is compiled with",
            hint="Every Spark release has one: restore it from the release, or compile the bridge with "
            "another copy of the same Spark by `sparkmesos bridge build`.",
        )
    wanted = dict.fromkeys(COMPILER_JARS + recipe.needed)
    if missing := [name for name in wanted if not select_jars(jars, (name,))]:
        listed = ", ".join(f"{name.removesuffix('_*')}-*.jar" for name in missing)
        otherwise = ", or use libmesos (--mesos-driver native)" if kind is BridgeKind.DRIVER else ""
        raise BridgeError(
            f"The Mesos bridge needs jars that the Spark of {place} does not have: {listed}",
            hint="A Spark built without Hadoop takes some of them from Hadoop's class path, where the bridge "
            "cannot use them: copy them from there into this directory, or use the release of Spark that "
            f"includes Hadoop{otherwise}.",
        )
    return recipe


def select_jars(jars: Iterable[str], names: tuple[str, ...]) -> list[str]:
    """The jars of these names in any version, e.g. mesos-1.4.3-shaded-protobuf.jar for "mesos"."""
    there = sorted(jars)
    return [jar for name in names for jar in there if fnmatch.fnmatchcase(jar, f"{name}-[0-9]*.jar")]
