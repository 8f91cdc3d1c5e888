"""What a dispatcher's own properties do: one that has them all, on a cluster where it is one framework of others.

Drivers are shell scripts, run by a stand-in for spark-submit: what a dispatcher does with them has nothing to do with
Spark. Those of its properties that matter to a real driver are proven with real ones in other modules.
"""

from __future__ import annotations

import itertools
import re
import shutil
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
import requests

from sparkmesos_core.localcluster.cluster import AgentSpec
from sparkmesos_core.localcluster.credentials import Authentication
from tests.integration.run_modes.applications import Applications, Seen
from tests.integration.run_modes.cluster_mode_applications import Drivers, drivers_on

JsonObject = dict[str, Any]

PRINCIPAL, SECRET = "dispatchers", "open-sesame-2"
HISTORY, MESOS_UI, WEB_UI = "https://history.example", "https://mesos.example", "https://dispatcher.example/"
REFUSE_SECONDS = 2.0
RETRIES = 6
PROPERTIES = {
    "spark.mesos.role": "spark",
    "spark.mesos.dispatcher.role.enforce": "true",
    "spark.mesos.principal": PRINCIPAL,
    "spark.mesos.secret": SECRET,
    "spark.mesos.gpus.max": "1",
    "spark.mesos.dispatcher.webui.url": WEB_UI,
    "spark.mesos.dispatcher.historyServer.url": HISTORY,
    "spark.mesos.proxy.baseURL": MESOS_UI,
    "spark.mesos.rejectOfferDuration": f"{REFUSE_SECONDS:.0f}s",
    "spark.mesos.maxDrivers": "1",
    "spark.mesos.maxQueuedDrivers": "3",
    "spark.mesos.retainedDrivers": "2",
    "spark.mesos.dispatcher.queue.URGENT": "2",
    "spark.mesos.dispatcher.queue.LATE": "-1.5",
    "spark.mesos.dispatcher.driverDefault.spark.mesos.driver.labels": "team:defaults",
    "spark.mesos.dispatcher.driverDefault.spark.log.level": "WARN",
    "spark.mesos.driver.supervise.maxRetries": str(RETRIES),
    "spark.mesos.cluster.retry.wait.max": "0",
    "spark.mesos.fetcherCache.enable": "true",
    "spark.executor.extraLibraryPath": "/opt/of-dispatcher/lib",
}
# In the order in which they are submitted; the first one keeps the others waiting.
QUEUES = {"first": None, "late": "LATE", "plain": None, "urgent": "URGENT"}


@dataclass
class Place:
    """The dispatcher, and what its drivers run."""

    drivers: Drivers
    folder: Path

    @property
    def order(self) -> list[str]:
        """The drivers that have begun."""
        path = self.folder / "order"
        return path.read_text().split() if path.exists() else []

    def create(
        self, name: str, script: str, properties: dict[str, str] | None = None
    ) -> tuple[int, JsonObject]:
        """Submits a driver which is a script, as a client does; the HTTP status and the answer."""
        body = {
            "action": "CreateSubmissionRequest",
            "clientSparkVersion": "3.5.9",
            "appResource": (self.folder / "app.py").as_uri(),
            "mainClass": "",
            "appArgs": [f"echo {name} >> {self.folder}/order; {script}"],
            "environmentVariables": {},
            "sparkProperties": {
                "spark.app.name": name,
                "spark.driver.memory": "384m",
                "spark.mesos.executor.home": str(self.folder / "spark"),
                **(properties or {}),
            },
        }
        return self.drivers.server.ask("POST", "/create", body)

    def submit(self, name: str, script: str, properties: dict[str, str] | None = None) -> str:
        """The same for one that is accepted; its id."""
        status, answer = self.create(name, script, properties)
        assert (status, answer.get("success")) == (200, True), answer
        return str(answer["submissionId"])

    def page(self, path: str = "/") -> str:
        """A page of the dispatcher's web UI."""
        answer = requests.get(self.drivers.server.webui_url + path, timeout=10)
        answer.raise_for_status()
        return answer.text

    @property
    def seen(self) -> Seen:
        """What Mesos has seen of the dispatcher until now."""
        return self.drivers.applications.seen(self.drivers.framework)


@pytest.fixture(scope="module")
def agents() -> tuple[AgentSpec, ...]:
    """Room for all drivers, and one whose resources are of another role."""
    return (AgentSpec(cpus=8, mem=12000), AgentSpec(resources="cpus(others):8;mem(others):12000;ports:[1-2]"))


@pytest.fixture(scope="module")
def cluster_options() -> dict[str, Any]:
    return {"authentication": Authentication({PRINCIPAL: SECRET}, frameworks=True)}


@pytest.fixture(scope="module")
def place(applications: Applications) -> Iterator[Place]:
    folder = applications.commands.folder / "place"
    program = folder / "spark" / "bin" / "spark-submit"
    program.parent.mkdir(parents=True)
    program.write_text('#!/bin/sh\nfor last; do :; done\nexec /bin/sh -c "$last"\n')
    program.chmod(0o755)
    for name in ("app.py", "extra.conf", "bridge.jar"):
        (folder / name).touch()
    own = {
        **PROPERTIES,
        "spark.mesos.uris": (folder / "extra.conf").as_uri(),
        "spark.mesos.dispatcher.bridge.uri": (folder / "bridge.jar").as_uri(),
    }
    options = [part for key, value in own.items() for part in ("--conf", f"{key}={value}")]
    with drivers_on(applications, *options) as drivers:
        yield Place(drivers, folder)


@dataclass(frozen=True)
class Story:
    """What became of drivers in several queues."""

    ids: dict[str, str]
    """By their names."""
    refusal: JsonObject
    """The answer to one more than may wait."""
    states: dict[str, str]
    """What the dispatcher says of each when the last one has ended."""


@pytest.fixture(scope="module")
def story(place: Place) -> Story:
    go = place.folder / "go"
    ids = {}
    for name, queue in QUEUES.items():
        properties = {} if queue is None else {"spark.mesos.dispatcher.queue": queue}
        script = f"until [ -e {go} ]; do sleep 0.05; done" if name == "first" else "true"
        ids[name] = place.submit(name, script, properties)
        if name == "first":
            place.drivers.status_when(ids[name], "RUNNING")
    refusal = place.create("one too many", "true")[1]
    go.touch()
    place.drivers.status_when(ids["late"], "FINISHED")
    ask = place.drivers.server.ask
    return Story(
        ids, refusal, {name: ask("GET", f"/status/{one}")[1]["driverState"] for name, one in ids.items()}
    )


def launched(place: Place, submission_id: str) -> JsonObject:
    """The TaskInfo of a driver."""
    return place.drivers.driver(submission_id)[1]


@pytest.mark.proves(
    "spark.mesos.maxDrivers",
    "spark.mesos.maxQueuedDrivers",
    "spark.mesos.dispatcher.queue",
    "spark.mesos.dispatcher.queue.NAME",
    mode="cluster",
)
def test_one_after_the_other_by_their_queues(place: Place, story: Story) -> None:
    """Although there is room for all: one at a time, of which those that wait are three at most."""
    order = place.order[:4]
    assert order == ["first", "urgent", "plain", "late"]
    by_id = {task["id"]: task for task in place.seen.tasks}
    times = {
        name: [status["timestamp"] for status in by_id[one]["statuses"]] for name, one in story.ids.items()
    }
    for earlier, later in itertools.pairwise(order):
        assert times[earlier][-1] <= times[later][0]
    assert story.refusal["success"] is False
    assert "spark.mesos.maxQueuedDrivers is 3" in story.refusal["message"]


@pytest.mark.proves("spark.mesos.retainedDrivers", mode="cluster")
def test_how_many_are_remembered(story: Story) -> None:
    assert story.states == {
        "first": "NOT_FOUND",
        "urgent": "NOT_FOUND",
        "plain": "FINISHED",
        "late": "FINISHED",
    }


@pytest.mark.proves(
    "spark.mesos.role",
    "spark.mesos.principal",
    "spark.mesos.secret",
    "spark.mesos.gpus.max",
    "spark.mesos.dispatcher.webui.url",
    mode="cluster",
)
def test_the_framework(place: Place) -> None:
    framework = place.seen.framework
    assert (framework["role"], framework["principal"]) == ("spark", PRINCIPAL)
    assert framework["capabilities"] == ["GPU_RESOURCES"]
    assert framework["webui_url"] == WEB_UI
    assert SECRET not in place.drivers.server.log


@pytest.mark.proves("spark.mesos.dispatcher.role.enforce", mode="cluster")
def test_drivers_have_the_role_of_the_dispatcher(place: Place, story: Story) -> None:
    assert "spark.mesos.role=spark" in launched(place, story.ids["plain"])["command"]["value"]
    status, answer = place.create("other role", "true", {"spark.mesos.role": "others"})
    assert (status, "spark.mesos.role" in answer["message"]) == (400, True), answer


@pytest.mark.proves("spark.mesos.dispatcher.driverDefault.PROP", mode="cluster")
def test_defaults_of_drivers(place: Place, story: Story) -> None:
    """Of what Mesos is told, and of what the driver is; a driver that says something else has its way."""
    info = launched(place, story.ids["plain"])
    assert info["labels"] == {"labels": [{"key": "team", "value": "defaults"}]}
    assert "spark.log.level=WARN" in info["command"]["value"]
    own = {"spark.mesos.driver.labels": "team:own", "spark.log.level": "ERROR"}
    info = launched(place, _run(place, "own defaults", own))
    assert info["labels"] == {"labels": [{"key": "team", "value": "own"}]}
    assert "spark.log.level=ERROR" in info["command"]["value"]
    assert "WARN" not in info["command"]["value"]


def _run(place: Place, name: str, properties: dict[str, str]) -> str:
    """The id of a driver that has run to its end."""
    submission_id = place.submit(name, "true", properties)
    assert place.drivers.status_when(submission_id, "FINISHED")["outcome"] == "succeeded"
    return submission_id


@pytest.mark.proves(
    "spark.mesos.uris",
    "spark.mesos.fetcherCache.enable",
    "spark.mesos.dispatcher.bridge.uri",
    mode="cluster",
)
def test_what_agents_fetch_for_every_driver(place: Place) -> None:
    """The dispatcher's own files beside the application, all of them cached."""
    submission_id = place.submit("fetched", f"ls > {place.folder}/fetched")
    assert place.drivers.status_when(submission_id, "FINISHED")["outcome"] == "succeeded"
    uris = launched(place, submission_id)["command"]["uris"]
    names = ["app.py", "bridge.jar", "extra.conf"]
    assert sorted(uri["value"] for uri in uris) == [(place.folder / name).as_uri() for name in names]
    assert {uri["cache"] for uri in uris} == {True}
    assert set(names) <= set((place.folder / "fetched").read_text().split())


@pytest.mark.proves("spark.executor.extraLibraryPath", mode="cluster")
def test_where_drivers_from_an_archive_find_libraries(place: Place) -> None:
    """In front of what the submission says of the driver; as in Spark only where agents fetch the Spark."""
    archive = shutil.make_archive(str(place.folder / "spark"), "gztar", place.folder, "spark")
    own = {
        "spark.driver.extraLibraryPath": "/opt/of-driver/lib",
        "spark.executor.uri": Path(archive).as_uri(),
    }
    submission_id = place.submit("libraries", f"echo $LD_LIBRARY_PATH > {place.folder}/libraries", own)
    assert place.drivers.status_when(submission_id, "FINISHED")["outcome"] == "succeeded"
    assert (place.folder / "libraries").read_text() == "/opt/of-dispatcher/lib:/opt/of-driver/lib\n"


@pytest.mark.proves("spark.driver.memoryOverheadFactor", mode="cluster")
def test_a_share_of_the_heap_as_overhead(place: Place) -> None:
    sizes = {"spark.driver.memory": "1000m", "spark.driver.memoryOverheadFactor": "0.5"}
    task, info = place.drivers.driver(_run(place, "overhead", sizes))
    assert task["resources"]["mem"] == 1500
    assert "--driver-memory 1000M" in info["command"]["value"]


@pytest.mark.proves(
    "spark.mesos.driver.supervise.maxRetries", "spark.mesos.cluster.retry.wait.max", mode="cluster"
)
def test_a_supervised_driver(place: Place) -> None:
    """It is launched again as often as it may be, and never waits longer than it has to."""
    submission_id = place.submit("fails", "exit 5", {"spark.driver.supervise": "true"})
    assert place.drivers.status_when(submission_id, "FINISHED")["outcome"] == "failed"
    tasks = [task for task in place.seen.tasks if task["id"].startswith(submission_id)]
    expected = [submission_id, *(f"{submission_id}-retry-{number}" for number in range(1, RETRIES + 1))]
    assert sorted(task["id"] for task in tasks) == expected
    assert {task["state"] for task in tasks} == {"TASK_FAILED"}
    assert place.order.count("fails") == 1 + RETRIES
    times = [status["timestamp"] for task in tasks for status in task["statuses"]]
    doubled = sum(2**number for number in range(RETRIES))
    assert max(times) - min(times) < doubled, (
        "what the pauses would take if each could be twice the one before"
    )


@pytest.mark.proves("spark.mesos.rejectOfferDuration", mode="cluster")
def test_offers_that_nobody_needs(place: Place, story: Story) -> None:
    """What is left of an offer comes back after so many seconds."""
    seconds = {
        call["accept"]["filters"]["refuse_seconds"] for call in place.seen.calls if call["type"] == "ACCEPT"
    }
    assert seconds == {REFUSE_SECONDS}


@pytest.mark.proves("spark.mesos.dispatcher.historyServer.url", "spark.mesos.proxy.baseURL", mode="cluster")
def test_links_of_the_pages(place: Place, story: Story) -> None:
    submission_id = _run(place, "linked", {})
    framework = place.seen.framework["id"]
    assert f"{HISTORY}/history/{framework}-{submission_id}" in place.page()
    (task,) = [task for task in place.seen.tasks if task["id"] == submission_id]
    link = f"{MESOS_UI}/#/agents/{task['slave_id']}/frameworks/{framework}/executors/{submission_id}/browse"
    assert re.search(f'href="{re.escape(link)}"', place.page(f"/driver/{submission_id}"))
