"""`start-shuffle-service --on-mesos --stop` where something came in between, and a start right after it."""

from __future__ import annotations

import contextlib
import json
import socket
from collections.abc import Iterator
from pathlib import Path

import psutil
import pytest
import requests

from tests.integration.services_stage import ServicesStage, services_stage
from tests.integration.test_shuffle_service_on_mesos import frameworks
from tests.servers.shuffle_framework import ShuffleFramework, running

TWO = "127.0.0.2"


@pytest.fixture(scope="module")
def stage(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ServicesStage]:
    """One agent."""
    with services_stage(tmp_path_factory.mktemp("stage"), (TWO,)) as stage:
        yield stage


def interrupted(stage: ServicesStage, framework: ShuffleFramework) -> None:
    """Kill it in the middle of a stop: it is on disk, and Mesos does not know of it."""
    framework.await_status(lambda one: one.is_complete)
    stage.cluster.control.kill_master(0)
    framework.await_status(lambda one: not one.subscribed)
    with pytest.raises(requests.ReadTimeout):
        requests.post(f"{framework.url}/v1/stop", timeout=0.5)
    framework.kill()
    stage.cluster.control.start_master(0)


def test_a_stop_that_was_interrupted_is_finished_without_another_framework(stage: ServicesStage) -> None:
    with running(stage.framework("interrupted")) as framework:
        interrupted(stage, framework)
        left = framework.run("--status", check=False)
        assert left.returncode == 1
        assert "its records are here, and its services may run on" in left.stderr
        before = len(frameworks(stage, "completed_frameworks"))
        finished = framework.run("--stop", "--master", stage.cluster.url, *stage.options)
        assert "Mesos has ended the framework" in finished.stderr
        assert frameworks(stage) == []
        assert len(frameworks(stage, "completed_frameworks")) == before + 1
        none = framework.run("--status", check=False)
        assert "its records are here" not in none.stderr


def test_a_start_waits_for_what_follows_a_stop_that_was_interrupted(stage: ServicesStage) -> None:
    framework = stage.framework("anew")
    with running(framework):
        interrupted(stage, framework)
        with in_background(framework, stage, "--wait", "60"):
            assert framework.run("--status").returncode == 0
            # That one ends for good, though it had begun with finishing another stop.
            assert "Stopped 1 service;" in framework.run("--stop").stderr
        assert frameworks(stage) == []


def test_nothing_is_left_of_a_process_when_its_stop_returns(stage: ServicesStage) -> None:
    framework = stage.framework("again")
    framework.folder.mkdir()
    state = framework.folder / "state" / "shuffle-service-1"
    for _ in range(3):
        with in_background(framework, stage) as pid:
            assert [int(path.read_text()) for path in state.glob("*.pid")] == [pid]
            framework.run("--stop")
            assert not psutil.pid_exists(pid) or psutil.Process(pid).status() == psutil.STATUS_ZOMBIE
            assert list(state.glob("*.pid")) == []
    assert frameworks(stage) == []


def test_one_that_runs_and_cannot_be_reached_is_not_taken_for_none(stage: ServicesStage) -> None:
    framework = stage.framework("hidden")
    with running(framework):
        framework.await_status(lambda one: one.is_complete)
        noted = framework.folder / "state" / "shuffle-service-1" / "services.url"
        fields = json.loads(noted.read_text())
        with socket.socket() as unheard:  # as from another network
            unheard.bind(("127.0.0.1", 0))
            url = f"http://127.0.0.1:{unheard.getsockname()[1]}"
            noted.write_text(json.dumps({**fields, "url": url}))
            for asked in (("--status",), ("--stop", "--master", stage.cluster.url, *stage.options)):
                done = framework.run(*asked, check=False)
                assert (done.returncode, done.stdout) == (5, "")
                pid = fields["owner"]["pid"]
                assert f"Process {pid} is the shuffle service framework 1 of this machine" in done.stderr
                assert f"nothing listens at {url} from here" in done.stderr
        noted.write_text(json.dumps(fields))
        framework.run("--stop")


def test_records_are_not_taken_to_another_cluster(stage: ServicesStage, tmp_path: Path) -> None:
    framework = stage.framework("moved")
    with running(framework), services_stage(tmp_path, ("127.0.0.3",)) as other:
        framework.await_status(lambda one: one.is_complete)
        framework.kill()
        (known,) = frameworks(stage)
        home, elsewhere = stage.cluster.url, other.cluster.url
        for asked in ((), ("--stop",)):
            done = framework.run(*asked, "--master", elsewhere, "--port", "0", *other.options, check=False)
            assert (done.returncode, done.stdout) == (1, "")
            assert "are of another cluster" in done.stderr
            assert f"the framework {known} at {home}, and {elsewhere} knows neither" in done.stderr
            assert f"--stop --master {home}" in done.stderr
        assert frameworks(other) == []
        assert frameworks(other, "completed_frameworks") == []
        # The same one may be spelled otherwise.
        address = home.removeprefix("mesos://")
        again = framework.run("--stop", "--master", f"mesos://{address},127.0.0.1:1", *stage.options)
        assert "Stopped 1 service;" in again.stderr
        assert frameworks(stage) == []


@contextlib.contextmanager
def in_background(framework: ShuffleFramework, stage: ServicesStage, *options: str) -> Iterator[int]:
    """Start it there; its process id. It has ended when the block has."""
    started = framework.run(
        *("--master", stage.cluster.url, "--port", "0", "--output", "json", *stage.options, *options)
    )
    pid = int(json.loads(started.stdout)["shuffle_service_framework"]["pid"])
    process = psutil.Process(pid)
    try:
        yield pid
    finally:
        with contextlib.suppress(psutil.NoSuchProcess):
            process.kill()
