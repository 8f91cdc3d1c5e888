"""`start-local-cluster --network-namespaces`: what agents have of it, and that it goes with the cluster."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from sparkmesos_core.process_end import wait_for_end
from tests.integration.commands import Commands
from tests.integration.namespaces import living_in, need_network_namespaces, network_of

_ROOT = Path(__file__).parents[2]
_SOMEBODY = ("unshare", "--map-user=1000", "--map-group=1000")
"""Somebody who is not root, and has no capabilities."""
_NO_MORE = 'echo 0 > /proc/sys/user/max_user_namespaces && exec "$@"'
_LIMITED = ("unshare", "--map-root-user", "sh", "-c", _NO_MORE, "sh")
"""Where nobody may make user namespaces."""

# All that an agent has, so that the next one is on another.
_RUN_TASKS = """
from tests.integration.conftest import _run_task
for agent in range({agents}):
    print(_run_task({url!r}, {command!r}, "TASK_RUNNING", cpus=2, mem=4096))
"""
# As Spark's shuffle service, it takes a port of all addresses; it tells whose it is, and who it is.
_SERVE = "(echo $LIBPROCESS_IP; id -u; grep CapEff /proc/self/status) > who; exec python -m http.server 7337"
_ASK = """
import time, urllib.request
def ask(url):
    deadline = time.monotonic() + 20
    while True:
        try:
            return urllib.request.urlopen(url, timeout=20).read().decode().split()
        except OSError as error:
            assert time.monotonic() < deadline, error
            time.sleep(0.05)
for address in {addresses!r}:
    print(*ask(f"http://{{address}}:7337/who"))
"""


@pytest.fixture(scope="module", autouse=True)
def allowed() -> None:
    need_network_namespaces()


def start(commands: Commands, *arguments: str) -> dict[str, Any]:
    started = commands.run("start-local-cluster", "--network-namespaces", "--output", "json", *arguments)
    assert started.returncode == 0, started.stderr
    cluster: dict[str, Any] = json.loads(started.stdout)["cluster"]
    assert " ".join(cluster["inside"]) in started.stderr  # for people to copy
    return cluster


def inside(cluster: dict[str, Any], script: str) -> list[str]:
    """The lines that a script of Python prints which runs beside the masters."""
    argv = [*cluster["inside"], sys.executable, "-c", script]
    done = subprocess.run(argv, cwd=_ROOT, capture_output=True, text=True, timeout=60)
    assert done.returncode == 0, done.stderr
    return done.stdout.splitlines()


def test_each_agent_has_all_ports_and_is_reached_by_the_others_and_from_inside(commands: Commands) -> None:
    commands.prefix = _SOMEBODY
    cluster = start(commands)
    assert cluster["url"] == "mesos://192.0.2.1:5050"
    assert cluster["agents"] == ["http://192.0.2.101:5051", "http://192.0.2.102:5051"]
    inside(cluster, _RUN_TASKS.format(agents=2, url=cluster["http_url"], command=_SERVE))
    # Each is what listens at the port of its agent, is who has started the cluster, and may do nothing more.
    nobody_special = ["1000", "CapEff:", "0000000000000000"]
    answers = inside(cluster, _ASK.format(addresses=["192.0.2.101", "192.0.2.102"]))
    assert [line.split() for line in answers] == [
        ["192.0.2.101", *nobody_special],
        ["192.0.2.102", *nobody_special],
    ]
    # There is no way out.
    routes = inside(cluster, "print(open('/proc/net/route').read())")
    assert [line.split()[0] for line in routes[1:] if line.strip()] == ["mesos0"]
    networks = {network_of(cluster["pid"]), *(network_of(p.pid) for p in commands.processes())}
    assert len(networks) == 3
    stopped = commands.run("stop-local-cluster")
    assert stopped.returncode == 0, stopped.stderr
    assert commands.wait_for_no_process() == []
    assert living_in(networks) == set()


def test_networks_go_with_a_cluster_that_is_killed_and_with_its_last_task(commands: Commands) -> None:
    cluster = start(commands, "--agents", "1")
    (sandbox,) = inside(
        cluster, _RUN_TASKS.format(agents=1, url=cluster["http_url"], command="exec sleep 600")
    )
    own = {network_of(cluster["pid"])}
    (task,) = [p for p in commands.processes() if p.environ().get("MESOS_SANDBOX") == sandbox]
    of_agent = {network_of(task.pid)}
    os.kill(cluster["pid"], signal.SIGKILL)
    assert wait_for_end(cluster["pid"], 20)
    assert living_in(own) == set()
    assert living_in(of_agent) == {task.pid}  # as every task of a cluster that was killed
    again = start(commands, "--agents", "1")
    assert living_in(of_agent) == set()
    assert again["url"] == cluster["url"]


@pytest.mark.parametrize("arguments", [(), ("--foreground",)], ids=str)
def test_where_it_is_not_allowed_nothing_is_left(commands: Commands, arguments: tuple[str, ...]) -> None:
    commands.prefix = _LIMITED
    refused = commands.run("start-local-cluster", "--network-namespaces", "--work-dir", "w", *arguments)
    assert (refused.returncode, refused.stdout) == (1, "")
    assert "does not let agents have networks of their own: as many namespaces as it allows" in refused.stderr
    assert "user.max_user_namespaces" in refused.stderr
    assert commands.wait_for_no_process() == []
    started = commands.run("start-local-cluster", "--work-dir", "w", "--port", "0")
    assert started.returncode == 0, started.stderr
    assert started.stdout.startswith("mesos://127.0.0.1:")


def test_a_zookeeper_outside_cannot_be_reached(commands: Commands) -> None:
    refused = commands.run("start-local-cluster", "--network-namespaces", "--zk", "zk://h:2181/mesos")
    assert refused.returncode == 2
    assert "--zk names a ZooKeeper outside" in refused.stderr
