"""A Spark whose shuffle service loses the race for its cleaner for sure, for the first starts or for all.

Its cleaner is Spark's own class in which the map that it looks into is not read but null, as it is for a
cleaner that is too early. The class comes before Spark's by SPARK_DAEMON_CLASSPATH.
"""

from __future__ import annotations

import re
import zipfile
from pathlib import Path

_CLASS = "org/apache/spark/deploy/mesos/MesosExternalBlockHandler$CleanerThread.class"
# aload_0, invokevirtual (its handler), invokevirtual (the map of it), in `run` before the first use of either.
_READING = re.compile(rb"(?<=\x40\xb2..)\x2a\xb6..\xb6..", re.DOTALL)
_NULL = b"\x01\0\0\0\0\0\0"  # aconst_null, and nothing in the place of the rest

_PROGRAM = """#!/bin/bash
echo start >> '{folder}/starts'
[ "$(wc -l < '{folder}/starts')" -gt {dead} ] || export SPARK_DAEMON_CLASSPATH='{folder}/classes'
export SPARK_HOME='{home}'
exec '{home}/bin/spark-class' "$@"
"""


class SparkWithDeadCleaners:
    """A home of Spark, in `folder`, whose services have no cleaner in the first `dead` starts."""

    def __init__(self, folder: Path, home: Path, dead: int) -> None:
        self.home = folder / "spark"
        self._starts = folder / "starts"
        (jar,) = home.glob("jars/spark-mesos_*.jar")
        with zipfile.ZipFile(jar) as archive:
            changed, places = _READING.subn(lambda _: _NULL, archive.read(_CLASS))
        assert places == 1
        file = folder / "classes" / _CLASS
        file.parent.mkdir(parents=True)
        file.write_bytes(changed)
        (self.home / "bin").mkdir(parents=True)
        for path in home.iterdir():
            if path.name != "bin":
                (self.home / path.name).symlink_to(path)
        for path in (home / "bin").iterdir():
            if path.name != "spark-class":
                (self.home / "bin" / path.name).symlink_to(path)
        program = self.home / "bin" / "spark-class"
        program.write_text(_PROGRAM.format(folder=folder, home=home, dead=dead))
        program.chmod(0o755)

    @property
    def starts(self) -> int:
        """How many services were started."""
        return len(self._starts.read_text().splitlines())
