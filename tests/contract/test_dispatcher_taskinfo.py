"""Drivers as Spark's dispatcher has launched them, and as ours does: the same but for the defects that are mended.

Both commands are run, with a stand-in for spark-submit, so that what is compared is what it gets.
"""

from __future__ import annotations

import copy
import itertools
import json
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from sparkmesos_core.dispatcher.launch.cluster import Cluster
from sparkmesos_core.dispatcher.rest.problems import RequestError
from sparkmesos_core.dispatcher.rest.requests import read_create_request
from sparkmesos_core.dispatcher.rest.rules import Rules
from sparkmesos_core.durable_framework.offers import Offer
from sparkmesos_core.localcluster.agent.fetcher.uris import check_uris, local_path
from tests.driver_shell import launched, task_info, variables, write_spark

Json = dict[str, Any]

RECORDINGS = Path(__file__).parent / "recordings"
TASKS = RECORDINGS / "spark-3.5.9-taskinfo"
CLUSTER_MODE = RECORDINGS / "spark-3.5.9-cluster-mode"

# What comes of these is another part's: who is chosen, in which order (see test_dispatcher_offers.py).
OF_THE_BOOK = {
    "driver-constraints-ranges": "never launched by Spark, whose matching of ranges is broken",
    "driver-constraints-unmatched": "never launched",
    "driver-queues": "six submissions: their order",
    "driver-too-big": "never launched",
}
REFUSED = {
    "driver-containerizer-unknown": "spark.mesos.containerizer",
    "driver-labels-malformed": "spark.mesos.driver.labels",
    "driver-no-home": "spark.executor.uri",
    "driver-secrets-both": "spark.mesos.driver.secret",
    "driver-secrets-mismatch": "spark.mesos.driver.secret",
}
"""What Spark accepts and then drops without a word, or stops serving for: refused, with the property at fault."""

MENDED = {
    "driver-docker": {",bad:x:y:z": "", ",oops": "", ",broken": ""},
}
"""What Spark passes over and we refuse: taken out on both sides, so that the rest can be compared."""


@dataclass
class View:
    """What is compared of a TaskInfo."""

    agent: str
    name: str
    task_id: str
    labels: Json
    container: Json
    options: list[str]
    """What spark-submit gets before the application."""
    resource: str
    arguments: list[str]
    folder: str
    """Where it runs."""
    library_path: str | None
    uris: list[Json]
    variables: dict[str, str]


@dataclass
class Case:
    """A recording, with a SPARK_HOME of this machine in the place of the recorded one."""

    name: str
    home: Path
    recording: Json

    @property
    def submission(self) -> Json:
        found: Json = self.recording["submission"]
        return found

    @property
    def recorded(self) -> Json:
        found: Json = self.recording["launched"][0]
        return found

    def dispatcher(self) -> dict[str, str]:
        """The dispatcher's properties."""
        words = self.recording["dispatcher"]["args"]
        pairs = [value for word, value in itertools.pairwise(words) if word == "--conf"]
        return dict(pair.split("=", 1) for pair in pairs)


def load(name: str, tmp_path: Path) -> Case:
    home = tmp_path / "spark"
    text = (TASKS / f"{name}.json").read_text().replace("/opt/spark", str(home))
    for wrong, right in MENDED.get(name, {}).items():
        assert wrong in text
        text = text.replace(wrong, right)
    if not home.exists():
        write_spark(home)
    return Case(name, home, json.loads(text))


def ours(case: Case, sandbox: Path) -> View:
    """The TaskInfo that our dispatcher makes of the recorded submission and offer."""
    task = our_task(case)
    got = launched(task, sandbox, environment=agents_variables(), folder=image_folder(case, task))
    count = len(case.submission["appArgs"])
    words = got.arguments
    application = len(words) - count - 1
    return View(
        agent=task["agent_id"]["value"],
        name=task["name"],
        task_id=task["task_id"]["value"],
        labels=task["labels"],
        container=task["container"],
        options=words[:application],
        resource=words[application],
        arguments=words[application + 1 :],
        folder=str(got.folder),
        library_path=got.environment.get("LD_LIBRARY_PATH"),
        uris=task["command"]["uris"],
        variables=variables(task),
    )


def our_task(case: Case) -> Json:
    properties = case.dispatcher()
    spark_home = case.recording["dispatcher"]["environment"].get("SPARK_HOME")
    rules = Rules.from_properties(properties, spark_home=spark_home)
    request = read_create_request(json.dumps(case.submission).encode(), rules)
    offers = [Offer.from_mesos(offer) for made in case.recording["offers"] for offer in made["offers"]]
    offer = next(offer for offer in offers if offer.agent_id == case.recorded["agent_id"]["value"])
    cluster = Cluster("127.0.0.1:5060", properties, spark_home)
    return task_info(
        request.submission, cluster, offer, case.recorded["resources"], case.recorded["task_id"]["value"]
    )


def theirs(case: Case, sandbox: Path) -> View:
    """The recorded TaskInfo. Its command is run up to the application, which it does not quote."""
    task = copy.deepcopy(case.recorded)
    resource = next(
        f"{folder}/{path}"
        for folder in ("$MESOS_SANDBOX", "..", ".", "/opt/app")
        for path in [case.submission["appResource"].rpartition("/")[2]]
        if f" {folder}/{path}" in task["command"]["value"]
    )
    head, _, tail = task["command"]["value"].rpartition(f" {resource}")
    command = {"value": head, "environment": {"variables": recorded_variables(task)}}
    got = launched(
        {"command": command}, sandbox, environment=agents_variables(), folder=image_folder(case, task)
    )
    return View(
        agent=task["agent_id"]["value"],
        name=task["name"],
        task_id=task["task_id"]["value"],
        labels=task["labels"],
        container=task["container"],
        options=got.arguments,
        resource=resource.replace("$MESOS_SANDBOX", str(sandbox)),
        arguments=tail.split(),
        folder=str(got.folder),
        library_path=got.environment.get("LD_LIBRARY_PATH"),
        uris=task["command"].get("uris", []),
        variables=variables({"command": command}),
    )


def recorded_variables(task: Json) -> list[Json]:
    """The variables that count: of two of one name the last."""
    named = {variable["name"]: variable for variable in task["command"]["environment"]["variables"]}
    return list(named.values())


def agents_variables() -> dict[str, str]:
    return {"LD_LIBRARY_PATH": "/agent"}


def image_folder(case: Case, task: Json) -> Path | None:
    """Where the image's programs start, if there is one."""
    in_image = "docker" in task["container"] or "mesos" in task["container"]
    return case.home if in_image else None


# The differences. Each is a change of what Spark has launched into what we launch.


def whole_cores(case: Case, view: View) -> None:
    """Spark passes a decimal, which its own spark-submit refuses."""
    place = view.options.index("--driver-cores") + 1
    view.options[place] = {"1.0": "1", "1.5": "2", "2.0": "2", "3.0": "3"}[view.options[place]]


def memory_counted_once(case: Case, view: View) -> None:
    """Spark makes the heap as large as a container, and the container larger still."""
    heap = {"1408M": "1024M", "6144M": "5120M", "3048M": "2048M", "1184M": "800M", "2432M": "2048M"}
    place = view.options.index("--driver-memory") + 1
    if view.options[place] in heap:
        view.options[place] = heap[view.options[place]]


def locale_given(case: Case, view: View) -> None:
    """Without a locale the JVM takes arguments for ASCII."""
    view.variables["LANG"] = "C.UTF-8"


def no_blank_in_front(case: Case, view: View) -> None:
    """Spark appends an option to nothing, with a blank between."""
    view.variables["SPARK_SUBMIT_OPTS"] = view.variables["SPARK_SUBMIT_OPTS"].strip()


def left_packed(case: Case, view: View) -> None:
    """Spark has the application and Python's files unpacked, so that a cached zip is missing in the sandbox."""
    wanted = [case.submission["appResource"]]
    wanted += case.submission["sparkProperties"].get("spark.submit.pyFiles", "").split(",")
    for uri in view.uris:
        if uri["value"] in wanted or f"file:{uri['value']}" in wanted or f"local:{uri['value']}" in wanted:
            uri["extract"] = False


def arguments_quoted(case: Case, view: View) -> None:
    """Spark leaves names of files, line feeds, braces and quotes to the shell, and loses empty arguments."""
    if view.arguments != case.submission["appArgs"]:
        view.arguments = case.submission["appArgs"]


def plain_paths(case: Case, view: View) -> None:
    """Spark takes `file:` and `local:` off the application only, and without the slashes behind."""
    for uri in view.uris:
        if uri["value"].startswith("///"):
            uri["value"] = uri["value"][2:]
        if uri["value"].startswith("file:/") and not uri["value"].startswith("file:///"):
            uri["value"] = uri["value"].removeprefix("file:")


def named_without_query(case: Case, view: View) -> None:
    """Mesos takes the query of a signed URL for a part of the file's name."""
    for uri in view.uris:
        if "?" in uri["value"]:
            uri["output_file"] = uri["value"].partition("?")[0].rpartition("/")[2]
            view.resource = view.resource.partition("?")[0]


def blanks_encoded(case: Case, view: View) -> None:
    """A URL with a blank in it is fetched by nobody."""
    for uri in view.uris:
        if " " in uri["value"]:
            uri["output_file"] = uri["value"].rpartition("/")[2]
            uri["value"] = uri["value"].replace(" ", "%20")


def jars_passed_on(case: Case, view: View) -> None:
    """Spark loses the jars that stand beside the application."""
    application, jars = case.submission["appResource"], case.submission["sparkProperties"]["spark.jars"]
    others = ",".join(jar for jar in jars.split(",") if jar != application)
    later = [
        place
        for place, (word, value) in enumerate(itertools.pairwise(view.options))
        if word == "--conf" and value > "spark.jars="
    ]
    place = later[0] if later else len(view.options)
    view.options[place:place] = ["--conf", f"spark.jars={others}"]


def sandbox_expanded(case: Case, view: View) -> None:
    """Spark escapes the `$` of its own `$MESOS_SANDBOX` in front of Python's files."""
    sandbox = view.resource.rpartition("/")[0]
    view.options = [word.replace("$MESOS_SANDBOX", sandbox) for word in view.options]


def secrets_hidden(case: Case, view: View) -> None:
    """Spark writes secrets into the command line."""
    for key, value in case.submission["sparkProperties"].items():
        if key == "spark.mesos.driver.secret.values":
            place = view.options.index(f"{key}={value}")
            del view.options[place - 1 : place + 1]
            view.options += ["--properties-file", "/proc/self/fd/3"]
            view.variables["SPARKMESOS_SECRET_PROPERTIES"] = f"{key}  {value}"


def defaults_first(case: Case, view: View) -> None:
    """Spark passes the dispatcher's defaults on to the driver, but does not look at them itself."""
    view.container = {"type": "DOCKER", "docker": {"image": "ignored:1", "force_pull_image": False}}
    view.labels = {"labels": [{"key": "a", "value": "b"}]}
    view.variables["D"] = "1"
    if "--executor-memory" not in view.options:
        place = view.options.index("--class") + 2
        view.options[place:place] = ["--executor-memory", "5g"]
    sandbox, view.folder = view.folder, str(case.home)
    view.resource = f"{sandbox}/app.jar"


ALWAYS = (whole_cores, memory_counted_once, locale_given, no_blank_in_front, left_packed, plain_paths)
DIFFERENCES: dict[str, list[Callable[[Case, View], None]]] = {
    "driver-odd-arguments": [arguments_quoted],
    "driver-python-home": [named_without_query],
    "driver-python-pyfiles-files": [blanks_encoded, jars_passed_on],
    "driver-docker-pyfiles": [sandbox_expanded],
    "driver-secrets-values": [secrets_hidden],
    "driver-dispatcher-defaults": [defaults_first],
    "driver-dispatcher-defaults-overridden": [defaults_first],
    "driver-uris": [jars_passed_on],
}
NAMES = sorted(path.stem for path in TASKS.glob("driver-*.json"))
COMPARED = [name for name in NAMES if name not in OF_THE_BOOK | REFUSED]


@pytest.fixture
def sandbox(tmp_path: Path) -> Path:
    folder = tmp_path / "sandbox"
    folder.mkdir()
    write_spark(folder / "spark-3.5.9-bin-hadoop3")
    return folder


def normal(view: View) -> Json:
    """The view without what is ours to arrange: the text of the secret properties, and the program's folder."""
    found = dict(vars(view))
    text = view.variables.get("SPARKMESOS_SECRET_PROPERTIES")
    if text is not None:
        found["variables"] = {**view.variables, "SPARKMESOS_SECRET_PROPERTIES": text.split()}
    return found


@pytest.mark.parametrize("name", COMPARED)
@pytest.mark.proves(
    "spark.mesos.driver.labels",
    "spark.mesos.driverEnv.NAME",
    "spark.mesos.driver.secret.names",
    "spark.mesos.driver.secret.values",
    "spark.mesos.driver.secret.envkeys",
    "spark.mesos.driver.secret.filenames",
    "spark.mesos.executor.docker.image",
    "spark.mesos.executor.docker.forcePullImage",
    "spark.mesos.executor.docker.volumes",
    "spark.mesos.executor.docker.parameters",
    "spark.mesos.executor.docker.portmaps",
    "spark.mesos.containerizer",
    "spark.mesos.network.name",
    "spark.mesos.network.labels",
    "spark.mesos.executor.home",
    "spark.executor.uri",
    "spark.mesos.uris",
    "spark.mesos.appJar.local.resolution.mode",
    mode="cluster",
)
def test_what_spark_launches_we_launch(name: str, sandbox: Path, tmp_path: Path) -> None:
    case = load(name, tmp_path)
    expected = theirs(case, sandbox)
    for change in (*ALWAYS, *DIFFERENCES.get(name, [])):
        change(case, expected)
    assert normal(ours(case, sandbox)) == normal(expected)


@pytest.mark.parametrize(("name", "key"), REFUSED.items())
def test_what_spark_drops_is_refused(name: str, key: str, tmp_path: Path) -> None:
    case = load(name, tmp_path)
    spark_home = case.recording["dispatcher"]["environment"].get("SPARK_HOME")
    with pytest.raises(RequestError) as caught:
        read_create_request(
            json.dumps(case.submission).encode(),
            Rules.from_properties(case.dispatcher(), spark_home=spark_home),
        )
    assert [problem for problem in caught.value.problems if problem.key.startswith(key)]


@pytest.mark.parametrize("name", MENDED)
def test_what_spark_passes_over_is_refused(name: str) -> None:
    recording = json.loads((TASKS / f"{name}.json").read_text())
    with pytest.raises(RequestError) as caught:
        read_create_request(json.dumps(recording["submission"]).encode(), Rules(spark_home="/opt/spark"))
    assert len(caught.value.problems) == len(MENDED[name])


@pytest.mark.parametrize("name", sorted({*DIFFERENCES, "driver-reserved-resources"}))
def test_every_difference_is_one(name: str, sandbox: Path, tmp_path: Path) -> None:
    """So that none stays on the list that is none any more."""
    case = load(name, tmp_path)
    for change in (*ALWAYS, *DIFFERENCES.get(name, [])):
        if change in ALWAYS and change not in (whole_cores, memory_counted_once, locale_given, left_packed):
            continue
        others = [other for other in (*ALWAYS, *DIFFERENCES.get(name, [])) if other != change]
        expected = theirs(case, sandbox)
        for other in others:
            other(case, expected)
        assert normal(ours(case, sandbox)) != normal(expected), change.__name__


def test_a_driver_that_is_launched_again(tmp_path: Path, sandbox: Path) -> None:
    case = load("driver-supervise-retry", tmp_path)
    recorded = case.recording["launched"][1]
    case.recording["launched"] = [recorded]
    mine = ours(case, sandbox)
    assert mine.task_id.endswith("-retry-1")
    assert mine.variables["SPARK_SUBMIT_OPTS"] == variables(recorded)["SPARK_SUBMIT_OPTS"].strip()


def cluster_mode(name: str, tmp_path: Path) -> Json:
    """What our dispatcher launches for a submission of which Spark's was recorded on a real Mesos."""
    home = write_spark(tmp_path / "spark")
    text = (CLUSTER_MODE / f"{name}.json").read_text()
    for recorded in ("/opt/spark-wrapped", "/opt/spark"):
        text = text.replace(recorded, str(home))
    request = read_create_request(json.dumps(json.loads(text)["submission"]).encode(), Rules())
    return task_info(request.submission)


@pytest.mark.parametrize("name", ["newline-argument", "wrapped"])
def test_arguments_that_did_not_arrive_on_a_real_mesos(name: str, tmp_path: Path, sandbox: Path) -> None:
    recording = json.loads((CLUSTER_MODE / f"{name}.json").read_text())
    wanted = recording["submission"]["appArgs"]
    [said] = [task["stdout"] for task in recording["tasks"] if "ARGV" in task["stdout"]]
    assert f"ARGV {wanted}" not in said
    got = launched(cluster_mode(name, tmp_path), sandbox)
    assert got.arguments[-len(wanted) :] == wanted
    assert got.environment["LANG"] == "C.UTF-8"


def test_cores_that_spark_submit_takes(tmp_path: Path, sandbox: Path) -> None:
    recording = json.loads((CLUSTER_MODE / "driver-cores.json").read_text())
    assert "TASK_FAILED" in recording["status"][-1]["body"]["message"]
    assert launched(cluster_mode("driver-cores", tmp_path), sandbox).option("--driver-cores") == "1"


def test_uris_that_the_fetcher_takes(tmp_path: Path) -> None:
    recording = json.loads((CLUSTER_MODE / "py-files-file-scheme.json").read_text())
    assert "Failed to fetch all URIs" in recording["status"][-1]["body"]["message"]
    uris = check_uris(cluster_mode("py-files-file-scheme", tmp_path)["command"]["uris"])
    assert [local_path(uri.value) for uri in uris] == ["/srv/dist/e2e.py", "/srv/dist/libs/dep.py"]
