"""Cluster mode: what a submission asks for reaches its driver's task, and through the driver that of its executors.

The masters want to know who their frameworks are. One agent has resources for the role of the applications, the other
one for that of the dispatcher; nothing fits without them.
"""

from __future__ import annotations

import io
import json
import tarfile
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
import requests

from sparkmesos_core.localcluster.cluster import AgentSpec
from sparkmesos_core.localcluster.credentials import Authentication
from tests.integration.run_modes.applications import SMALL_MEMORY, Applications
from tests.integration.run_modes.cluster_mode_applications import Drivers, EndedDriver, drivers_on
from tests.integration.run_modes.conversation import JsonObject
from tests.integration.short_lived_jvm import JVM

if TYPE_CHECKING:
    from tests.integration.commands import Commands

pytestmark = pytest.mark.slow

DISPATCHER, DISPATCHERS_SECRET = "operator", "open-sesame-1"
ANALYST, ANALYSTS_SECRET = "analyst", "open-sesame-2"
DRIVERS_TOKEN, EXECUTORS_TOKEN = "token-of-the-driver", "token-of-the-executors"
SECRETS = (DISPATCHERS_SECRET, ANALYSTS_SECRET, DRIVERS_TOKEN, EXECUTORS_TOKEN)
WEB_UI = "http://ui.mesos.example/"

# What the driver and its executors see of themselves.
LOOK = """
import json

def look(_):
    variables = (
        "MESOS_SLAVE_ID", "GREETING", "EXECUTORS_TOKEN", "SPARK_EXECUTOR_OPTS", "SPARK_EXECUTOR_CLASSPATH",
        "LD_LIBRARY_PATH",
    )
    return {
        **{name: os.environ.get(name) for name in variables},
        "file": open(os.path.join(os.environ["MESOS_SANDBOX"], "executors.token")).read(),
    }

def files():
    found = {}
    for folder, _, names in os.walk(os.environ["MESOS_SANDBOX"]):
        for name in names:
            path = os.path.join(folder, name)
            if name.endswith((".txt", ".token")):
                found[os.path.relpath(path, os.environ["MESOS_SANDBOX"])] = open(path).read()
    return found

while sc._jsc.sc().getExecutorMemoryStatus().size() < 3:  # the driver, too, has some
    time.sleep(0.05)
system = sc._jvm.java.lang.System
print(json.dumps({
    "executors": sc.parallelize(range(2), 2).map(look).collect(),
    "sum": sc.parallelize(range(100), 2).sum(),
    "arguments": sys.argv[1:],
    "variables": dict(os.environ),
    "files": files(),
    "properties": [system.getProperty(name) for name in ("default.says", "extra.says")],
    "class_path": system.getProperty("java.class.path").split(":"),
    "heap": int(sc._jvm.java.lang.Runtime.getRuntime().maxMemory()) >> 20,
}))
"""
# Where secrets belong.
PROPERTIES_FILE = f"""
spark.mesos.secret {ANALYSTS_SECRET}
spark.mesos.driver.secret.values {DRIVERS_TOKEN}
spark.mesos.executor.secret.values {EXECUTORS_TOKEN}
"""
SUBMITTED = {
    "spark.driver.cores": "2",
    "spark.driver.memory": "512m",
    "spark.driver.memoryOverhead": "400m",
    "spark.mesos.driver.constraints": "rack:b;tier:1;zones:x;slots:150;ssd:",
    "spark.mesos.driver.labels": r"team:data,note:a\:b",
    "spark.mesos.driverEnv.GREETING": "hello, driver",
    "spark.mesos.driver.secret.envkeys": "DRIVERS_TOKEN",
    "spark.mesos.driver.secret.filenames": "drivers.token",
    "spark.mesos.fetcherCache.enable": "true",
    "spark.mesos.dispatcher.queue": "urgent",
    "spark.driver.defaultJavaOptions": "-Ddefault.says='a  b'",
    "spark.driver.extraJavaOptions": f"{JVM} -Dextra.says=c",
    "spark.driver.extraClassPath": "/opt/driver.jar",
    "spark.driver.extraLibraryPath": "/opt/driver-lib",
    "spark.cores.max": "2",
    "spark.executor.memory": None,  # the dispatcher has a default
    "spark.mesos.executor.memoryOverhead": "400",
    "spark.mesos.extra.cores": "1",
    "spark.mesos.constraints": "rack:a",
    "spark.mesos.task.labels": "kind:executor",
    "spark.mesos.rejectOfferDurationForUnmetConstraints": "77s",
    "spark.executorEnv.GREETING": "hello, executor",
    "spark.mesos.executor.secret.envkeys": "EXECUTORS_TOKEN",
    "spark.mesos.executor.secret.filenames": "executors.token",
    "spark.executor.extraJavaOptions": f"{JVM} -Dof.executors=d",
    "spark.executor.extraClassPath": "/opt/executor.jar",
    "spark.executor.extraLibraryPath": "/opt/executor-lib",
    "spark.mesos.driver.webui.url": WEB_UI,
    "spark.mesos.driver.failoverTimeout": "2.5",
}


@pytest.fixture(scope="module")
def agents() -> tuple[AgentSpec, ...]:
    """Each has something for all, which alone is too little for what is to run there."""
    return (
        AgentSpec(
            resources="cpus:1;mem:1000;ports:[31000-31099];cpus(apps):1.5;mem(apps):1300", attributes="rack:a"
        ),
        AgentSpec(
            resources="cpus:1.5;mem:800;ports:[31100-31199];cpus(drivers):1;mem(drivers):1500",
            attributes="rack:b;tier:1;zones:{x,y};slots:[100-200];ssd:yes",
        ),
    )


@pytest.fixture(scope="module")
def cluster_options() -> dict[str, Any]:
    known = {DISPATCHER: DISPATCHERS_SECRET, ANALYST: ANALYSTS_SECRET}
    return {"authentication": Authentication(known, frameworks=True)}


@pytest.fixture(scope="module")
def of_all_drivers(module_commands: Commands) -> Path:
    """A file that the dispatcher gives to all drivers."""
    path = module_commands.folder / "of-all-drivers.txt"
    path.write_text("for all")
    return path


@pytest.fixture(scope="module")
def drivers(applications: Applications, of_all_drivers: Path) -> Iterator[Drivers]:
    folder = applications.commands.folder
    properties = {
        "spark.mesos.role": "drivers",
        "spark.mesos.uris": of_all_drivers.as_uri(),
        "spark.mesos.rejectOfferDuration": "99s",
        "spark.mesos.dispatcher.queue.urgent": "10",
        "spark.mesos.dispatcher.driverDefault.spark.executor.memory": "512m",
        "spark.mesos.dispatcher.webui.url": WEB_UI,
    }
    for name, text in (("principal", DISPATCHER), ("secret", DISPATCHERS_SECRET)):
        path = folder / f"dispatchers.{name}"
        path.touch(mode=0o600)
        path.write_text(text)
        properties[f"spark.mesos.{name}.file"] = str(path)
    options = [word for key, value in properties.items() for word in ("--conf", f"{key}={value}")]
    identity = {"spark.mesos.role": "apps", "spark.mesos.principal": ANALYST}
    with drivers_on(applications, *options, **identity) as made:
        yield made


def taken(infos: list[JsonObject]) -> dict[str, dict[str, float]]:
    """What tasks take together: amounts by the resource's name, and by the role that it is reserved for."""
    amounts: dict[str, dict[str, float]] = {}
    for resource in (resource for info in infos for resource in info["resources"]):
        roles = amounts.setdefault(resource["name"], {})
        role = resource.get("role", "*")
        roles[role] = roles.get(role, 0) + resource["scalar"]["value"]
    return amounts


@pytest.fixture(scope="module")
def archive(module_commands: Commands) -> Path:
    path = module_commands.folder / "words.tgz"
    with tarfile.open(path, "w:gz") as writer:
        member = tarfile.TarInfo("words/ahab.txt")
        member.size = len(b"ahab")
        writer.addfile(member, io.BytesIO(b"ahab"))
    return path


@pytest.fixture(scope="module")
def ended(drivers: Drivers, archive: Path) -> EndedDriver:
    conf = {**SUBMITTED, "spark.mesos.uris": str(archive)}
    file = archive.parent / "analyst.properties"
    file.touch(mode=0o600)
    file.write_text(PROPERTIES_FILE)
    options = ("--properties-file", str(file))
    arguments = ("a  b", "$HOME", "")
    return drivers.run_body(
        LOOK, conf, *arguments, options=options, SPARK_OF_THE_CLIENT="sent", SPARK_LOCAL_IP="192.0.2.1"
    )


@pytest.fixture(scope="module")
def said(ended: EndedDriver) -> JsonObject:
    found: JsonObject = json.loads(ended.out)
    return found


class TestEverythingAtOnce:
    """One application that sets whatever goes together."""

    @pytest.mark.proves("spark.mesos.coarse")
    def test_the_application_has_run(
        self, ended: EndedDriver, said: JsonObject, drivers: Drivers, applications: Applications
    ) -> None:
        assert said["sum"] == 4950
        assert said["arguments"] == ["a  b", "$HOME", ""]
        assert ended.task["state"] == "TASK_FINISHED"
        assert ended.task["name"] == f"Driver for {ended.mesos.framework['name']}"
        commands = applications.commands
        where = ("--dispatcher", drivers.server.url, ended.submission_id)
        logs = commands.run("logs", *where)
        assert (logs.returncode, logs.stdout) == (0, ended.out), logs.stderr
        status = commands.run("status", *where)
        assert (status.returncode, status.stdout) == (0, "succeeded\n"), status.stderr

    @pytest.mark.proves("spark.driver.cores", "spark.driver.memory", "spark.driver.memoryOverhead")
    def test_cores_and_memory_of_the_driver(self, ended: EndedDriver, said: JsonObject) -> None:
        assert (ended.task["resources"]["cpus"], ended.task["resources"]["mem"]) == (2, 512 + 400)
        assert said["heap"] <= 512
        assert "--driver-cores 2 --driver-memory 512M " in ended.info["command"]["value"]

    @pytest.mark.proves("spark.mesos.role")
    def test_roles(self, ended: EndedDriver) -> None:
        """The driver has that of its dispatcher, its executors have that of the application."""
        assert ended.task["role"] == "drivers"
        assert {task["role"] for task in ended.mesos.tasks} == {"apps"}
        assert ended.mesos.info["role"] == "apps"
        of_driver, of_executors = taken([ended.info]), taken(ended.mesos.task_infos)
        assert sum(of_driver["cpus"].values()) == 2
        assert of_driver["cpus"]["drivers"] > 0
        assert of_driver["mem"]["drivers"] > 0
        assert sum(of_executors["mem"].values()) == 2 * 912
        assert of_executors["cpus"]["apps"] > 0
        assert of_executors["mem"]["apps"] > 0

    @pytest.mark.proves("spark.mesos.driver.constraints", "spark.mesos.constraints")
    def test_constraints(self, ended: EndedDriver, said: JsonObject, applications: Applications) -> None:
        """Text, number, set, ranges, and that there is one at all."""
        with_apps, with_drivers = applications.agent_ids()
        assert ended.task["slave_id"] == with_drivers
        assert {task["slave_id"] for task in ended.mesos.tasks} == {with_apps}
        assert {executor["MESOS_SLAVE_ID"] for executor in said["executors"]} == {with_apps}

    @pytest.mark.proves("spark.mesos.driver.labels", "spark.mesos.task.labels")
    def test_labels(self, ended: EndedDriver) -> None:
        assert ended.task["labels"] == [{"key": "team", "value": "data"}, {"key": "note", "value": "a:b"}]
        labels = [task["labels"] for task in ended.mesos.tasks]
        assert labels == [[{"key": "kind", "value": "executor"}]] * 2

    @pytest.mark.proves("spark.mesos.driverEnv.NAME", "spark.executorEnv.NAME")
    def test_variables(self, said: JsonObject) -> None:
        """What a client sends of itself is the driver's, too, but for what is only true of its machine."""
        assert said["variables"]["GREETING"] == "hello, driver"
        assert said["variables"]["SPARK_OF_THE_CLIENT"] == "sent"
        assert said["variables"]["SPARK_LOCAL_IP"] == "127.0.0.1"
        assert [executor["GREETING"] for executor in said["executors"]] == ["hello, executor"] * 2

    @pytest.mark.proves(
        "spark.mesos.driver.secret.values",
        "spark.mesos.driver.secret.envkeys",
        "spark.mesos.executor.secret.values",
        "spark.mesos.executor.secret.envkeys",
        "spark.mesos.driver.secret.filenames",
        "spark.mesos.executor.secret.filenames",
    )
    def test_secrets(self, ended: EndedDriver, said: JsonObject, applications: Applications) -> None:
        assert said["variables"]["DRIVERS_TOKEN"] == DRIVERS_TOKEN
        assert said["files"]["drivers.token"] == DRIVERS_TOKEN
        assert [executor["EXECUTORS_TOKEN"] for executor in said["executors"]] == [EXECUTORS_TOKEN] * 2
        assert [executor["file"] for executor in said["executors"]] == [EXECUTORS_TOKEN] * 2
        cluster = applications.cluster
        for url in (f"{cluster.http_url}/state", *(f"{url}/state" for url in cluster.agent_urls)):
            state = requests.get(url, timeout=10).text
            assert ended.submission_id in state
            assert not [secret for secret in SECRETS if secret in state]
        assert not [secret for secret in SECRETS if secret in ended.info["command"]["value"]]
        assert not [secret for secret in SECRETS if secret in ended.err]

    @pytest.mark.proves("spark.mesos.uris", "spark.mesos.fetcherCache.enable")
    def test_files(
        self, ended: EndedDriver, said: JsonObject, archive: Path, of_all_drivers: Path, drivers: Drivers
    ) -> None:
        """Those of the dispatcher's configuration and of the submission; executors get the latter."""
        uris = ended.info["command"]["uris"]
        assert all(uri["cache"] for uri in uris)
        assert [uri["value"] for uri in uris][1:3] == [of_all_drivers.as_uri(), str(archive)]
        files = {name: said["files"][name] for name in ("of-all-drivers.txt", "words/ahab.txt")}
        assert files == {"of-all-drivers.txt": "for all", "words/ahab.txt": "ahab"}
        assert not (ended.sandbox / archive.name).exists(), "what is cached is unpacked from the cache"
        for info in ended.mesos.task_infos:
            assert info["command"]["uris"] == [{"value": str(archive), "cache": True}]
        assert [(folder / "words/ahab.txt").read_text() for folder in ended.executor_sandboxes] == [
            "ahab"
        ] * 2

    @pytest.mark.proves(
        "spark.driver.extraJavaOptions", "spark.driver.extraClassPath", "spark.driver.extraLibraryPath"
    )
    def test_the_drivers_jvm(self, said: JsonObject) -> None:
        assert said["properties"] == ["a  b", "c"]
        bridge, theirs, *_ = said["class_path"]
        assert (Path(bridge).name.partition("-")[0], theirs) == ("bridge", "/opt/driver.jar")
        assert said["variables"]["LD_LIBRARY_PATH"].split(":")[0] == "/opt/driver-lib"

    @pytest.mark.proves(
        "spark.cores.max",
        "spark.executor.cores",
        "spark.executor.memory",
        "spark.mesos.extra.cores",
        "spark.mesos.executor.memoryOverhead",
        "spark.mesos.dispatcher.driverDefault.PROP",
    )
    def test_executors(self, ended: EndedDriver) -> None:
        """The memory is a default of the dispatcher's."""
        resources = [(task["resources"]["cpus"], task["resources"]["mem"]) for task in ended.mesos.tasks]
        assert resources == [(1, 912), (1, 912)]
        assert all(" --cores 2 " in command for command in ended.mesos.commands)

    @pytest.mark.proves("spark.mesos.coarse.shutdownTimeout")
    def test_executors_end_by_themselves(self, ended: EndedDriver) -> None:
        """The driver waits for them, here for 60 s at most."""
        assert [task["state"] for task in ended.mesos.tasks] == ["TASK_FINISHED"] * 2

    @pytest.mark.proves(
        "spark.executor.extraJavaOptions", "spark.executor.extraClassPath", "spark.executor.extraLibraryPath"
    )
    def test_the_executors_jvms(self, said: JsonObject) -> None:
        for executor in said["executors"]:
            assert executor["SPARK_EXECUTOR_OPTS"].split()[-1] == "-Dof.executors=d"
            assert executor["SPARK_EXECUTOR_CLASSPATH"] == "/opt/executor.jar"
            assert executor["LD_LIBRARY_PATH"].split(":")[0] == "/opt/executor-lib"

    @pytest.mark.proves(
        "spark.mesos.principal",
        "spark.mesos.secret",
        "spark.mesos.driver.frameworkId",
        "spark.mesos.driver.webui.url",
        "spark.mesos.driver.failoverTimeout",
    )
    def test_the_driver_as_a_framework(self, ended: EndedDriver, drivers: Drivers) -> None:
        """Its id, which the dispatcher has chosen, tells which driver it is."""
        framework = ended.mesos.framework
        dispatcher = drivers.applications.seen(drivers.framework)
        assert framework["id"] == f"{dispatcher.framework['id']}-{ended.submission_id}"
        assert framework["principal"] == ANALYST
        assert (framework["webui_url"], framework["failover_timeout"]) == (WEB_UI, 2.5)

    @pytest.mark.proves("spark.mesos.rejectOfferDurationForUnmetConstraints")
    def test_offers_that_the_driver_declines(self, ended: EndedDriver, applications: Applications) -> None:
        _, with_drivers = applications.agent_ids()
        assert (with_drivers, 77.0) in ended.mesos.refusals

    @pytest.mark.proves(
        "spark.mesos.principal.file",
        "spark.mesos.secret.file",
        "spark.mesos.rejectOfferDuration",
        "spark.mesos.dispatcher.webui.url",
        "spark.mesos.dispatcher.queue",
    )
    def test_the_dispatcher_as_a_framework(self, ended: EndedDriver, drivers: Drivers) -> None:
        seen = drivers.applications.seen(drivers.framework)
        assert (seen.framework["principal"], seen.framework["role"]) == (DISPATCHER, "drivers")
        assert seen.framework["webui_url"] == WEB_UI
        assert {seconds for _, seconds in seen.refusals} == {99.0}
        status = drivers.server.ask("GET", f"/status/{ended.submission_id}")[1]
        assert (status["queue"], status["outcome"]) == ("urgent", "succeeded")


@pytest.mark.only_spark(3)
@pytest.mark.proves(
    "spark.mesos.coarse", "spark.mesos.mesosExecutor.cores", "spark.mesos.driver.memoryOverhead"
)
def test_fine_grained(drivers: Drivers, scala_application: Path) -> None:
    """Each task of Spark is one of Mesos; the credentials are in variables."""
    ended = drivers.run(
        scala_application.as_uri(),
        {
            "spark.mesos.coarse": "false",
            "spark.mesos.mesosExecutor.cores": "0.5",
            "spark.mesos.driver.memoryOverhead": "450",
            "spark.mesos.driver.constraints": "rack:b",
            "spark.mesos.principal": None,
            "spark.mesos.driverEnv.SPARK_MESOS_PRINCIPAL": ANALYST,
            "spark.mesos.driverEnv.SPARK_MESOS_SECRET": ANALYSTS_SECRET,
        },
        *("1000", "and more"),
        name="Sum",  # which is what it calls itself
        options=("--class", "Sum"),
    )
    assert ended.out == "499500 and more\n"
    assert ended.task["resources"]["mem"] == 512 + 450
    assert ended.mesos.framework["principal"] == ANALYST
    tasks = ended.mesos.tasks
    assert [(task["state"], task["resources"]["cpus"]) for task in tasks] == [("TASK_FINISHED", 1)] * 4
    (executor,) = {json.dumps(info["executor"], sort_keys=True) for info in ended.mesos.task_infos}
    resources = taken([json.loads(executor)])
    assert sum(resources["cpus"].values()) == 0.5
    assert sum(resources["mem"].values()) == SMALL_MEMORY
    assert all("spark.mesos.secret" not in json.dumps(task) for task in tasks)


@pytest.mark.proves("spark.driver.supervise", mode="cluster")
def test_a_driver_that_is_supervised(drivers: Drivers) -> None:
    """It fails in the middle of a job, is started again, and then succeeds; `submit --wait` waits for that."""
    tried = drivers.applications.commands.folder / "tried"
    body = """
    total = sc.parallelize(range(100), 2).sum()
    if not os.path.exists(sys.argv[1]):
        open(sys.argv[1], "w").close()
        os._exit(9)
    print(total)
    """
    secret = {"spark.mesos.secret": ANALYSTS_SECRET}
    ended = drivers.run_body(body, secret, str(tried), options=("--supervise",), follow=False)
    assert ended.out == ""  # it tells the submission's id alone
    assert f"{ended.submission_id}: succeeded: TASK_FINISHED" in ended.err
    assert tried.exists()
    logs = drivers.applications.commands.run("logs", "--dispatcher", drivers.server.url, ended.submission_id)
    assert (logs.returncode, logs.stdout.splitlines()[-1:]) == (0, ["4950"]), logs.stderr
    status = drivers.server.ask("GET", f"/status/{ended.submission_id}")[1]
    assert status["outcome"] == "succeeded"


def test_a_driver_that_fails(drivers: Drivers, module_commands: Commands) -> None:
    """Its exit status is told, and that of `submit` says that it was the driver which failed."""
    program = module_commands.folder / "fails.py"
    program.write_text("import sys\nprint('begins')\nsys.exit(7)\n")
    ended = drivers.run(program.as_uri(), expect=3)
    assert ended.out.splitlines()[0] == "begins"
    assert "Command exited with status 7" in ended.err
    assert (ended.task["state"], ended.seen) == ("TASK_FAILED", None)


@pytest.mark.proves("spark.mesos.secret")
def test_a_driver_with_a_wrong_secret(drivers: Drivers) -> None:
    """It is a driver like others until it speaks to Mesos itself."""
    ended = drivers.run_body("print('never')", {"spark.mesos.secret": "guessed"}, expect=3)
    assert ended.task["state"] == "TASK_FAILED"
    assert ended.seen is None
    assert "never" not in ended.out
