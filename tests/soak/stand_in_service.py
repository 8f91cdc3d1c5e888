"""A SPARK_HOME whose spark-class stands in for the shuffle service: it listens, and records each of its launches.

It listens at the address in STAND_IN_ADDRESS, which each agent sets for its executors, at the service's port,
and answers what `ask_shuffle_service` asks. So one machine has as many agents, each with a service of its own
at the same port, as loopback has addresses. Beside the record of an address a file may lie that says how its
services fare: `crash` ends them at once, and one that is `slow` takes 2 s to end when it is told to.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from sparkmesos_core.shuffle_service.cleaner_script import VERDICT

ADDRESS = "STAND_IN_ADDRESS"
_PLAN = ".plan"
_LOCK = ".lock"

_PROGRAM = '''\
#!{python} -IS
"""Stands in for one shuffle service."""
import fcntl, json, os, re, signal, socket, struct, sys, threading, time

RECORD = {record!r}
assert sys.argv[1:] == ["org.apache.spark.deploy.mesos.MesosExternalShuffleService"], sys.argv
address = os.environ[{address!r}]
port = int(re.search(r"-Dspark\\.shuffle\\.service\\.port=(\\d+)", os.environ["SPARK_SHUFFLE_OPTS"])[1])
path = os.path.join(RECORD, address)
log = os.open(path, os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o600)


def tell(**fields):
    agent, framework = os.environ["MESOS_SLAVE_ID"], os.environ["MESOS_FRAMEWORK_ID"]
    known = dict(task=os.environ["MESOS_EXECUTOR_ID"], agent=agent, framework=framework, pid=os.getpid())
    line = json.dumps(dict(fields, **known, at=time.time()))
    os.write(log, line.encode() + b"\\n")  # in one piece, whoever else writes


def planned():
    try:
        return open(path + {plan!r}).read().strip()
    except FileNotFoundError:
        return ""


def terminated(number, frame):
    if planned() == "slow":
        time.sleep(2)
    tell(event="end", status=128 + number)
    os._exit(128 + number)


signal.signal(signal.SIGTERM, terminated)
# The lock is let go of however the process ends: who does not get it runs beside another one.
lock = os.open(path + {lock!r}, os.O_WRONLY | os.O_CREAT, 0o600)
alone = True
try:
    fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
except BlockingIOError:
    alone = False
tell(event="start", alone=alone)
if planned() == "crash":
    print("java.lang.OutOfMemoryError: Java heap space", file=sys.stderr)
    tell(event="end", status=1)
    sys.exit(1)
try:
    listener = socket.create_server((address, port))
except OSError as error:
    print("Exception in thread \\"main\\" java.net.BindException: " + error.strerror, file=sys.stderr)
    print("\\tat java.base/sun.nio.ch.Net.bind0(Native Method)", file=sys.stderr)
    tell(event="end", status=1)
    sys.exit(1)
# The shell in front of it would ask its JVM whether Spark's cleaner is alive, for a minute.
with open(os.path.join(os.environ["MESOS_SANDBOX"], {verdict!r}), "w") as verdict:
    verdict.write("alive\\n")


def answer(connection):
    with connection:
        connection.settimeout(10)
        if connection.recv(4096):
            # An RpcResponse to request 2, without a body: length, type 4, id, length of the body.
            connection.sendall(struct.pack(">qbqi", 21, 4, 2, 0))
            connection.recv(1)


while True:
    threading.Thread(target=answer, args=[listener.accept()[0]], daemon=True).start()
'''


@dataclass(frozen=True)
class Event:
    """That a service began, or that it ended. One that was ended by SIGKILL has no end."""

    task_id: str
    at: float
    """Seconds since 1970."""
    pid: int
    alone: bool = True
    """Of a beginning: whether no other service was running at the same address."""
    status: int | None = None
    """Of an end: the exit status, 128 and more for a signal."""
    agent_id: str = ""
    framework_id: str = ""


def write_stand_in(home: Path, record: Path) -> Path:
    """Makes such a SPARK_HOME, which records to the folder `record`."""
    record.mkdir(parents=True, exist_ok=True)
    program = home / "bin" / "spark-class"
    program.parent.mkdir(parents=True)
    text = _PROGRAM.format(
        python=sys.executable, record=str(record), address=ADDRESS, plan=_PLAN, lock=_LOCK, verdict=VERDICT
    )
    program.write_text(text, encoding="utf-8")
    program.chmod(0o755)
    return home


def plan(record: Path, address: str, how: str) -> None:
    """From now on services at this address fare so: `crash`, `slow`, or an empty text for as usual."""
    path = record / f"{address}{_PLAN}"
    draft = path.with_name(f".{path.name}")
    draft.write_text(how, encoding="ascii")
    draft.replace(path)  # they read it at any time


def recorded(record: Path) -> Mapping[str, tuple[Event, ...]]:
    """What was recorded, by address, in the order of time."""
    found = {}
    for path in sorted(record.iterdir()):
        if path.suffix not in (_LOCK, _PLAN):
            lines = map(json.loads, path.read_text(encoding="utf-8").splitlines())
            found[path.name] = tuple(
                Event(
                    task_id=line["task"],
                    at=line["at"],
                    pid=line["pid"],
                    alone=line.get("alone", True),
                    status=line.get("status"),
                    agent_id=line["agent"],
                    framework_id=line["framework"],
                )
                for line in lines
            )
    return found
