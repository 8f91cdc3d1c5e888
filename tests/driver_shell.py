"""Runs the command of a driver's TaskInfo as an agent would, with a stand-in for spark-submit that tells what it got."""

from __future__ import annotations

import base64
import shutil
import subprocess
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from sparkmesos_core.dispatcher.drivers.driver import Driver
from sparkmesos_core.dispatcher.drivers.submission import Submission
from sparkmesos_core.dispatcher.launch.cluster import Cluster
from sparkmesos_core.dispatcher.launch.task_info import build
from sparkmesos_core.durable_framework.offers import Offer

Json = dict[str, Any]

# Reads the properties file twice, as the two JVMs of a real one do. Its own variables must not be the driver's.
SPARK_SUBMIT = """#!/bin/sh
printf '%s\\0' "$@" > "$MESOS_SANDBOX/arguments"
pwd > "$MESOS_SANDBOX/folder"
umask > "$MESOS_SANDBOX/umask"
env -0 > "$MESOS_SANDBOX/environment"
while [ $# -gt 0 ]; do
  if [ "$1" = --properties-file ]; then
    cat "$2" > /dev/null
    cat "$2" > "$MESOS_SANDBOX/properties"
  fi
  shift
done
"""
_SHELLS = {
    "sh": ("sh", "-c"),
    "dash": ("dash", "-c"),
    "bash": ("bash", "-c"),
    "posix-bash": ("bash", "--posix", "-c"),
    "busybox": ("busybox", "sh", "-c"),
}
SHELLS: dict[str, Sequence[str]] = {
    name: (program, *options)
    for name, (word, *options) in _SHELLS.items()
    if (program := shutil.which(word)) is not None
}
"""The shells of this machine that some agent has as /bin/sh."""


@dataclass(frozen=True)
class Launched:
    """What the stand-in got."""

    arguments: list[str]
    folder: Path
    environment: dict[str, str]
    properties: str | None
    """What stood in the file of --properties-file."""
    umask: str
    errors: str

    def option(self, name: str) -> str:
        """The value of an option of spark-submit; the last one, which counts."""
        return [
            value for word, value in zip(self.arguments, self.arguments[1:], strict=False) if word == name
        ][-1]

    def configuration(self) -> dict[str, str]:
        """What --conf sets."""
        pairs = zip(self.arguments, self.arguments[1:], strict=False)
        return dict(value.split("=", 1) for word, value in pairs if word == "--conf")


def submission(**changed: Any) -> Submission:
    """A submission of an application that agents find in /opt/spark."""
    fields: Json = {
        "app_resource": "http://repo.mesos.example/jars/app.jar",
        "main_class": "com.example.Main",
        "app_args": (),
        "properties": {"spark.mesos.executor.home": "/opt/spark"},
        "environment": {},
        "name": "app",
        "cores": 1.0,
        "heap": 1024,
        "memory": 1408,
    }
    return Submission(**{**fields, **changed})


CLUSTER = Cluster("127.0.0.1:5050", {})
OFFER = Offer("offer-1", "agent-1", "agent1.mesos.example", "http://agent1.mesos.example:5051", (), ())


def task_info(
    wanted: Submission,
    cluster: Cluster = CLUSTER,
    offer: Offer = OFFER,
    resources: Sequence[Json] = (),
    task_id: str = "driver-20261122075859-0001",
) -> Json:
    """The TaskInfo of a driver."""
    driver = Driver(task_id, 1, wanted, 0.0)
    return build(cluster)(driver, task_id, f"5e0a-0001-{task_id}", offer, resources)


def variables(task: Json) -> dict[str, str]:
    """The variables of a task, as an agent sets them: secrets by value, too."""
    found = {}
    for variable in task["command"]["environment"]["variables"]:
        assert variable["name"] not in found, f"{variable['name']} is there twice"
        if variable.get("type") == "SECRET":
            secret = variable["secret"]
            data = secret["value"]["data"] if secret["type"] == "VALUE" else ""
            found[variable["name"]] = base64.b64decode(data).decode()
        else:
            found[variable["name"]] = variable["value"]
    return found


def write_spark(home: Path, core: str = "") -> Path:
    """A SPARK_HOME that holds the stand-in, and a core jar of this version."""
    if core:
        (home / "jars").mkdir(parents=True)
        (home / "jars" / f"spark-core_2.13-{core}.jar").write_bytes(b"PK")
    program = home / "bin" / "spark-submit"
    program.parent.mkdir(parents=True)
    program.write_text(SPARK_SUBMIT)
    program.chmod(0o755)
    return home


def run(
    task: Json,
    sandbox: Path,
    shell: str = "sh",
    environment: Mapping[str, str] | None = None,
    folder: Path | None = None,
) -> subprocess.CompletedProcess[bytes]:
    """Runs the command in the sandbox, or in the folder where an image begins."""
    return subprocess.run(
        [*SHELLS[shell], task["command"]["value"]],
        cwd=folder or sandbox,
        env={
            "PATH": "/usr/local/bin:/usr/bin:/bin",
            "MESOS_SANDBOX": str(sandbox),
            **(environment or {}),
            **variables(task),
        },
        stdin=subprocess.DEVNULL,
        capture_output=True,
        check=False,
    )


def launched(task: Json, sandbox: Path, shell: str = "sh", **how: Any) -> Launched:
    """What the stand-in got when the command ran."""
    process = run(task, sandbox, shell, **how)
    assert process.returncode == 0, process.stderr.decode()
    properties = sandbox / "properties"
    pairs = (sandbox / "environment").read_bytes().decode().split("\0")
    return Launched(
        arguments=(sandbox / "arguments").read_bytes().decode().split("\0")[:-1],
        folder=Path((sandbox / "folder").read_text().rstrip("\n")),
        environment=dict(pair.split("=", 1) for pair in pairs if pair),
        properties=properties.read_text() if properties.exists() else None,
        umask=(sandbox / "umask").read_text().strip(),
        errors=process.stderr.decode(),
    )
