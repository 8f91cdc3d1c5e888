"""What stands in logs of Mesos, in its own words, is known for what it is."""

from __future__ import annotations

import pytest

from sparkmesos_core.conf.finding import Severity
from sparkmesos_core.verify.log_troubles import LOG_TROUBLES, known_trouble

# Put together as Mesos' sources do; the file that says it stands in front.
LINES = [
    ("slave.cpp", "Failed to authenticate with master master@10.0.0.1:5050: Refused authentication", "authentication"),
    ("master.cpp", "Refusing registration of agent at slave(1)@10.0.0.2:5051 because it is not authenticated", "without"),
    ("master.cpp", "Refusing subscription of framework 'Spark Pi': Roles { spark } are not present in the master's --roles", "role"),
    ("master.cpp", "Refusing subscription of framework 'x': User 'root' is not allowed to run frameworks without --root_submissions set", "root"),
    ("master.cpp", "Refusing subscription of framework 'x': Not authorized to use role 'etl'", "turned away"),
    ("master.cpp", "Recovery failed: Failed to recover registrar: Failed to perform fetch within 1mins", "keep together"),
    ("hierarchical.cpp", "Whitelist is empty, no offers will be made!", "no agent is offered"),
    ("group.cpp", "Timed out waiting to connect to ZooKeeper. Forcing ZooKeeper session (sessionId=0) expiration", "ZooKeeper"),
    ("slave.cpp", "Container 'c' for executor 'e' of framework f failed to start: None of the enabled containerizers (mesos) could create a container for the provided TaskInfo/ExecutorInfo message", "container"),
    ("slave.cpp", "Container 'c' for executor 'e' of framework f failed to start: Failed to fetch all URIs for container 'c': exited with status 1", "fetch"),
    ("slave.cpp", "Container 'c' for executor 'e' of framework f failed to start: Failed to chown '/s/stdout' to user 'alice' : No such user 'alice'", "user"),
    ("slave.cpp", "Terminating executor 'e' of framework f because it did not register within 1mins", "given up"),
    ("slave.cpp", "Current disk usage 97.31%. Max allowed age: 0ns", "disk"),
    ("compatibility.cpp", "Incompatible agent info detected.", "flags"),
    ("process.cpp", "Failed to accept socket: Failed to accept: Too many open files", "open files"),
]  # fmt: skip


@pytest.mark.parametrize(("source", "text", "word"), LINES, ids=[word for _, _, word in LINES])
def test_known(source: str, text: str, word: str) -> None:
    trouble = known_trouble(text)
    assert trouble is not None, source
    assert word in trouble.meaning
    assert trouble.severity is Severity.WARNING
    assert trouble.hint.endswith(".")


@pytest.mark.parametrize(
    "text",
    [
        "Failed to shutdown socket 31 to peer '10.0.0.3:53114': Transport endpoint is not connected",
        "Failed to get resource statistics for executor '0' of framework f: no such container",
        "ACCEPT call used invalid offers '[ o-1 ]': Offer o-1 is no longer valid",
        "The '--roles' flag is deprecated. This flag will be removed",
        "No credentials provided, authentication requests will be refused",
        "OOM detected for container c",
        "Memory limit exceeded: Requested: 160MB Maximum Used: 160MB",
    ],
)
def test_what_sounds_worse_than_it_is(text: str) -> None:
    trouble = known_trouble(text)
    assert trouble is not None
    assert trouble.severity is Severity.NOTE


@pytest.mark.parametrize(
    "text",
    [
        "Current disk usage 47.31%. Max allowed age: 5.1days",
        "HTTP GET for /slave(1)/state from 10.0.0.3:5000",
        "Launching executor '0' of framework f",
        "Got registered",
        "Running docker -H unix:///var/run/docker.sock pull busybox",
    ],
)
def test_nothing_known(text: str) -> None:
    assert known_trouble(text) is None


def test_each_is_told_once() -> None:
    assert len({trouble.meaning for trouble in LOG_TROUBLES}) == len(LOG_TROUBLES)
