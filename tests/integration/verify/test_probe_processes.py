"""`verify-cluster --probe` as a process of its own: how it ends, and on machines that are unlike the agents'."""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import requests

from sparkmesos_core.client_configuration import read_client_configuration
from sparkmesos_core.localcluster.cluster import RunningCluster
from sparkmesos_core.master import MesosMaster, parse_master
from sparkmesos_core.mesos.pymesos_import import load_pymesos
from sparkmesos_core.spark.arguments import SubmitArguments
from sparkmesos_core.verify.facts.probe import PROBE
from sparkmesos_core.verify.known import Known, UnknownFactError
from sparkmesos_core.verify.subject import ProbeOptions, Subject
from tests.integration.verify.probing_grounds import FileServer, confs, spark_archive
from tests.integration.verify.verifying import SOUND, Report, read_report, verify
from tests.servers.small_disk import small_disk

COMMAND = [str(Path(sys.executable).parent / "sparkmesos")]
PATIENCE = 60.0
FEW = ("--only", "probe")
"""The other groups do not matter here."""


@pytest.fixture
def server(tmp_path: Path) -> Iterator[FileServer]:
    with FileServer(spark_archive(tmp_path)) as running:
        yield running


def known_frameworks(cluster: RunningCluster) -> list[dict[str, Any]]:
    answer = requests.get(f"{cluster.http_url}/frameworks", timeout=30).json()
    found: list[dict[str, Any]] = answer["frameworks"]
    return found


def await_no_framework(cluster: RunningCluster) -> None:
    deadline = time.monotonic() + PATIENCE
    while known_frameworks(cluster):
        assert time.monotonic() < deadline, "the probe's framework is still there"


def await_no_executor(cluster: RunningCluster) -> None:
    deadline = time.monotonic() + PATIENCE
    for agent in cluster.agent_urls:
        while requests.get(f"{agent}/state", timeout=30).json()["frameworks"]:
            assert time.monotonic() < deadline, "an agent still runs something for the probe"


# However it ends, nothing is left on the cluster.


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGKILL])
def test_end_in_the_middle(cluster: RunningCluster, server: FileServer, number: signal.Signals) -> None:
    server.open, server.status = False, 0  # agents never come to the end of fetching
    command = [*COMMAND, "verify-cluster", "--master", cluster.url, *FEW, "--probe"]
    with subprocess.Popen(
        [*command, *confs({"spark.executor.uri": server.url})],
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
        env=_environment(),
    ) as process:
        try:
            assert server.asked.wait(PATIENCE)
            assert [one["name"] for one in known_frameworks(cluster)] == ["sparkmesos probe"]
            process.send_signal(number)
            said = process.communicate(timeout=PATIENCE)[1].decode()
        finally:
            process.kill()
    if number != signal.SIGKILL:
        assert process.returncode == 130, said
        assert "Traceback" not in said
        assert known_frameworks(cluster) == []
    await_no_framework(cluster)
    await_no_executor(cluster)


def test_crash_of_the_command(cluster: RunningCluster, server: FileServer) -> None:
    """Whatever raises while the probe runs, what is known is closed, and with it the framework."""
    server.open, server.status = False, 0
    load_pymesos()
    readings = []

    def crash() -> None:
        with Known(_subject(cluster, server), timeout=PATIENCE) as known:
            readings.append(threading.Thread(target=_read, args=(known,)))
            readings[0].start()
            assert server.asked.wait(PATIENCE)
            assert known_frameworks(cluster)
            raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        crash()
    assert known_frameworks(cluster) == []
    readings[0].join(PATIENCE)
    assert not readings[0].is_alive()


def _read(known: Known) -> None:
    with contextlib.suppress(UnknownFactError):
        known[PROBE]


def _subject(cluster: RunningCluster, server: FileServer) -> Subject:
    master = parse_master(cluster.url)
    assert isinstance(master, MesosMaster)
    arguments = SubmitArguments.parse(
        ["--master", cluster.url, *confs({"spark.executor.uri": server.url}), "app.py"]
    )
    client = read_client_configuration(arguments, spark_home=None, environment={"PATH": os.defpath})
    return Subject(master, client, probe=ProbeOptions())


def _environment() -> dict[str, str]:
    unwanted = ("SPARK_", "PYSPARK", "MESOS", "JAVA_HOME")
    return {name: value for name, value in os.environ.items() if not name.startswith(unwanted)}


# What differs between this machine and those of agents


@pytest.mark.breaks("probe-driver-name")
def test_name_that_only_the_client_knows(cluster: RunningCluster, tmp_path: Path) -> None:
    hosts = tmp_path / "hosts"
    hosts.write_text(f"{Path('/etc/hosts').read_text()}\n127.0.0.1 driver.sparkmesos.test\n")
    report = _with_hosts(hosts, cluster, "spark.driver.host=driver.sparkmesos.test")
    assert report.failing() == {"probe-driver-name"}
    assert "driver.sparkmesos.test, is unknown" in report.message("probe-driver-name")
    assert "spark.driver.host" in report.hint("probe-driver-name")
    assert report.follows()["probe-driver-port"] == "probe-driver-name"
    assert _with_hosts(hosts, cluster, "spark.driver.host=127.0.0.1").failing() == set()


def _with_hosts(hosts: Path, cluster: RunningCluster, setting: str) -> Report:
    """The command where /etc/hosts is another one. Skips the test where that is not allowed."""
    prefix = [
        *("unshare", "--map-root-user", "--mount", "sh", "-c"),
        'mount --bind "$1" /etc/hosts && shift && exec "$@"',
        *("sh", str(hosts)),
    ]
    try:
        subprocess.run([*prefix, "true"], check=True, capture_output=True, timeout=60)
    except (OSError, subprocess.CalledProcessError) as error:
        pytest.skip(f"no names of our own: {error}")
    arguments = ["--master", cluster.url, *SOUND, "--probe", "--conf", setting, "--output", "json"]
    ended = subprocess.run(
        [*prefix, *COMMAND, "verify-cluster", "--check-timeout", "60", *arguments],
        capture_output=True,
        text=True,
        timeout=300,
        env=_environment(),
        check=False,
    )
    return read_report(ended.returncode, ended.stdout, ended.stderr)


@pytest.mark.breaks("probe-disk")
def test_disk_that_is_nearly_full(tmp_path: Path) -> None:
    report = _on_disk_of(40 * 1024, tmp_path / "small")
    assert report.failing() == {"probe-disk"}
    assert report.errors() == {"probe-disk"}
    assert "less than 64 MiB are free for sandboxes" in report.message("probe-disk")
    assert "--work_dir" in report.hint("probe-disk")
    assert _on_disk_of(4 * 1024 * 1024, tmp_path / "large").failing() == set()


def _on_disk_of(kibibytes: int, folder: Path) -> Report:
    """The report on an agent whose work dir is on a disk of this size."""
    folder.mkdir()
    command = [*COMMAND, "start-local-cluster", "--foreground", "--port", "0", "--agents", "1"]
    with subprocess.Popen(
        [*small_disk(folder, kibibytes), *command, "--work-dir", str(folder / "work")],
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        text=True,
        env=_environment(),
    ) as cluster:
        try:
            assert cluster.stdout is not None
            url = cluster.stdout.readline().strip()
            assert url.startswith("mesos://")
            return verify("--master", url, *SOUND, "--probe")
        finally:
            cluster.terminate()
            cluster.wait(PATIENCE)
