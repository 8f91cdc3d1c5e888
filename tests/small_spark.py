"""A Spark that is made in no time: all the names that a real one has, and hardly any content."""

from __future__ import annotations

import io
import tarfile
from collections.abc import Mapping
from pathlib import Path

PROGRAMS = ("spark-class", "spark-submit", "spark-shell")
COMPILER = ("scala-compiler", "scala-library", "scala-reflect")


def small_spark(
    version: str = "3.5.9", scala: str = "2.12", hadoop: str | None = "3.3.4"
) -> dict[str, bytes]:
    """The files of a Spark by their paths inside the top folder. Spark 4 has nothing for Mesos."""
    parts = ["core", "launcher", "network-common", "network-shuffle", "unsafe", "common-utils"]
    own = [] if int(version.partition(".")[0]) >= 4 else ["mesos-1.4.3-shaded-protobuf.jar"]
    if own:
        parts.append("mesos")
    jars = [
        *own,
        "jackson-annotations-2.15.2.jar",
        "jackson-core-2.15.2.jar",
        "jackson-databind-2.15.2.jar",
        "metrics-core-4.2.19.jar",
        "slf4j-api-2.0.7.jar",
        "zookeeper-3.6.3.jar",
        *(f"{name}-{scala}.18.jar" for name in COMPILER),
        *(f"spark-{part}_{scala}-{version}.jar" for part in parts),
        *([f"hadoop-client-api-{hadoop}.jar"] if hadoop else []),
    ]
    return {
        "RELEASE": f"Spark {version} built for Hadoop {hadoop}\n".encode(),
        **{f"bin/{name}": b"#!/bin/sh\n" for name in PROGRAMS},
        "bin/find-spark-home": b"# finds it\n",
        "bin/load-spark-env.sh": b"# loads it\n",
        "conf/spark-defaults.conf.template": b"# a template\n",
        "examples/src/main/python/pi.py": b"print(3)\n",
        **{f"jars/{jar}": jar.encode() for jar in jars},
        "python/lib/pyspark.zip": b"PK",
    }


def mode_of(name: str) -> int:
    """The mode that a file has in a release."""
    return 0o755 if name.startswith("bin/") else 0o644


def write_home(home: Path, files: Mapping[str, bytes]) -> Path:
    """The same as a folder."""
    for name, content in files.items():
        path = home / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content)
        path.chmod(mode_of(name))
    return home


def write_archive(path: Path, files: Mapping[str, bytes], top: str = "spark-3.5.9-bin-hadoop3") -> Path:
    """The same as an archive with one top folder, unless `top` is empty."""
    prefix = f"{top}/" if top else ""
    with tarfile.open(path, "w:gz") as tar:
        folders = {str(parent) for name in files for parent in Path(prefix + name).parents} - {"."}
        for folder in sorted(folders):
            info = tarfile.TarInfo(folder)
            info.type, info.mode = tarfile.DIRTYPE, 0o755
            tar.addfile(info)
        for name, content in files.items():
            info = tarfile.TarInfo(prefix + name)
            info.size, info.mode = len(content), mode_of(name)
            tar.addfile(info, io.BytesIO(content))
    return path
