"""A SPARK_HOME whose spark-submit records each of its launches, and then runs the real one or only lasts a while.

An application's last two arguments tell it what to do: a key, under which its launches are recorded, and
`SECONDS:FAILURES`, for how long it lasts and how often it ends with exit status 1 until it succeeds.
"""

from __future__ import annotations

import json
import shlex
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

_PROGRAM = '''\
#!{python} -IS
"""Records one launch of a driver."""
import fcntl, json, os, signal, subprocess, sys, time

RECORD, REAL = {record!r}, {real!r}
key, plan = sys.argv[-2:]
seconds, failures = plan.split(":")
path = os.path.join(RECORD, key)
log = os.open(path, os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o600)


def tell(**fields):
    task, agent = os.environ["MESOS_EXECUTOR_ID"], os.environ.get("MESOS_AGENT_ENDPOINT", "")
    line = json.dumps(dict(fields, task=task, agent=agent, at=time.time())) + "\\n"
    os.write(log, line.encode())  # in one piece, whoever else writes


def terminated(number, frame):
    if child is not None:
        child.terminate()
        child.wait()
    tell(event="end", status=128 + number)
    os._exit(128 + number)


child = None
signal.signal(signal.SIGTERM, terminated)
# The lock is let go of however the process ends: who does not get it runs beside another one.
lock = os.open(path + ".lock", os.O_WRONLY | os.O_CREAT, 0o600)
alone = True
try:
    fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
except BlockingIOError:
    alone = False
tell(event="start", alone=alone, pid=os.getpid())
with open(path) as lines:
    ends = [end["status"] for end in map(json.loads, lines) if end["event"] == "end"]
status = 0
if ends.count(1) < int(failures):
    time.sleep(float(seconds))
    status = 1
elif REAL:
    child = subprocess.Popen([REAL, *sys.argv[1:]])
    status = child.wait()
else:
    time.sleep(float(seconds))
tell(event="end", status=status)
sys.exit(status)
'''


@dataclass(frozen=True)
class Event:
    """That a launch began, or that it ended. One that was ended by SIGKILL has no end."""

    task_id: str
    at: float
    """Seconds since 1970."""
    alone: bool = True
    """Of a beginning: whether no other launch under the same key was running."""
    status: int | None = None
    """Of an end: the exit status, 128 and more for a signal."""
    agent: str = ""
    """HOST:PORT of the agent that it ran on."""


def write_stand_in(home: Path, record: Path, real: Path | None = None) -> Path:
    """Makes such a SPARK_HOME, which records to the folder `record`; `real` is a spark-submit to run."""
    record.mkdir(parents=True, exist_ok=True)
    program = home / "bin" / "spark-submit"
    program.parent.mkdir(parents=True)
    text = _PROGRAM.format(
        python=sys.executable, record=str(record), real=None if real is None else str(real)
    )
    program.write_text(text, encoding="utf-8")
    program.chmod(0o755)
    if real is not None:  # executors of real drivers are real
        executor = program.with_name("spark-class")
        executor.write_text(f'#!/bin/sh\nexec {shlex.quote(str(real.with_name(executor.name)))} "$@"\n')
        executor.chmod(0o755)
    return home


def arguments(key: str, seconds: float, failures: int) -> list[str]:
    """What an application's arguments have to end with."""
    return [key, f"{seconds:g}:{failures}"]


def recorded(record: Path) -> Mapping[str, tuple[Event, ...]]:
    """What was recorded, by key, in the order of time."""
    found = {}
    for path in sorted(record.iterdir()):
        if path.suffix != ".lock":
            lines = map(json.loads, path.read_text(encoding="utf-8").splitlines())
            found[path.name] = tuple(
                Event(line["task"], line["at"], line.get("alone", True), line.get("status"), line["agent"])
                for line in lines
            )
    return found
