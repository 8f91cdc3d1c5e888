"""A stand-in for a checkout of Spark's source: its script packs a Spark that is there already."""

from __future__ import annotations

import shlex
import sys
from pathlib import Path

PROFILE = "<profile><id>mesos</id></profile>"
_BUILD = """\
name=none
while (( "$#" )); do
  case $1 in
    --tgz) ;;
    --name) name=$2; shift ;;
    *) break ;;
  esac
  shift
done
echo "Building with Maven: $*"
top=spark-{version}-bin-$name
mkdir dist
echo 'Spark {version} built for Hadoop 3.3.4' > dist/RELEASE
set -o pipefail
tar cf - --transform="s,^[.],$top,S;s,^RELEASE,$top/RELEASE," --exclude=./RELEASE \\
  -C {home} . -C "$PWD/dist" RELEASE |
  {python} -m isal.igzip -1 -c > "$top.tgz"
rm -r dist
"""


def make_checkout(
    folder: Path, script: str, *, version: str = "3.5.9", profiles: str = PROFILE, mode: int = 0o755
) -> Path:
    """A checkout whose `dev/make-distribution.sh` runs these lines of bash, in its top folder."""
    (folder / "dev").mkdir(parents=True)
    (folder / "pom.xml").write_text(
        "<project><artifactId>spark-parent_2.12</artifactId>\n"
        f"<version>{version}</version><profiles>{profiles}</profiles></project>"
    )
    path = folder / "dev" / "make-distribution.sh"
    path.write_text(f'#!/usr/bin/env bash\nset -e\ncd "$(dirname "$0")/.."\n{script}\n')
    path.chmod(mode)
    return folder


def make_checkout_of(home: Path, folder: Path, version: str = "3.5.9") -> Path:
    """A checkout whose script packs the SPARK_HOME `home`, as Spark's own packs what it has compiled."""
    script = _BUILD.format(version=version, home=shlex.quote(str(home)), python=shlex.quote(sys.executable))
    return make_checkout(folder, script, version=version)
