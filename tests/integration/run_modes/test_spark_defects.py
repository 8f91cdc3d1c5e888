"""Where Spark itself is at fault, `submit` says so before it bites; and what its hints say does help.

docs/reference/spark-defects.md has all of it. What a warning is about does not run here: `--dry-run` checks as a
submission does, without any cluster.
"""

from __future__ import annotations

import json
import time
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from sparkmesos_core.localcluster.cluster import AgentSpec
from tests.integration.run_modes.applications import PATIENCE, Applications, Ended

if TYPE_CHECKING:
    from tests.integration.commands import Commands

pytestmark = pytest.mark.slow

ARCHIVE = "http://repo.example/spark-3.5.9-bin-hadoop3.tgz"
FAR = ("--master", "mesos://master.example:5050")
DISPATCHER = ("--master", "mesos://dispatcher.example:7077", "--deploy-mode", "cluster")
SECRET = "s3cr3t-of-all"


def given(conf: Mapping[str, str]) -> list[str]:
    return [part for key, value in conf.items() for part in ("--conf", f"{key}={value}")]


def properties_file(path: Path, conf: Mapping[str, str]) -> list[str]:
    """The options by which a submission reads these properties from a file that nobody else can read."""
    path.touch(mode=0o600)
    path.write_text("".join(f"{key} {value}\n" for key, value in conf.items()))
    return ["--properties-file", str(path)]


def warnings(err: str) -> list[str]:
    """What a dry run said, but for a bridge that is not compiled yet."""
    return [line for line in err.splitlines() if not line.startswith("The bridge ")]


# What is set for client mode, besides spark.cores.max, and what is said of each.
CLIENT: list[tuple[dict[str, str], str]] = [
    (
        {"spark.mesos.constraints": "rack:3,4"},
        "several numbers for 'rack': if that is a number, all from 3 on do",
    ),
    ({"spark.task.cpus": "2"}, "Each task wants 2 cores"),
    ({"spark.local.dir": "/fast"}, "Executors do not use spark.local.dir, but their sandboxes"),
    ({"spark.executor.resource.gpu.amount": "1"}, "does not ask Mesos for GPUs"),
    ({"spark.executor.instances": "3"}, "spark.executor.instances has no effect on Mesos"),
    ({"spark.executor.memoryOverhead": "1g"}, "spark.executor.memoryOverhead has no effect on Mesos"),
]
CONTAINERS: list[tuple[dict[str, str], str]] = [
    ({"spark.executor.uri": ARCHIVE}, "in the folder that programs of the image start in (WORKDIR)"),
    (
        {"spark.mesos.uris": "http://repo.example/spark-3-conf.zip"},
        "'spark-3-conf.zip' of spark.mesos.uris begins like",
    ),
    ({"spark.mesos.executor.secret.names": "a"}, ""),
    (
        {"spark.mesos.executor.secret.envkeys": "A"},
        "envkeys makes empty variables in the docker containerizer",
    ),
    ({"spark.mesos.executor.secret.filenames": "f"}, "filenames makes no files in the docker containerizer"),
    ({"spark.mesos.executor.docker.image": "example/spark"}, ""),
    ({"spark.mesos.executor.docker.portmaps": "8080:80"}, "needs a network"),
    ({"spark.mesos.constraints": "rack:3,r4"}, "Spark fails at the text, and takes no offer at all"),
]
DRIVERS: list[tuple[dict[str, str], str]] = [
    ({"spark.eventLog.enabled": "true"}, "the driver writes to /tmp/spark-events of its agent"),
    ({"spark.driver.supervise": "true"}, "spark.driver.supervise has no effect"),
    (
        {"spark.driver.bindAddress": "10.0.0.5"},
        "the driver runs on an agent, which may not have this address",
    ),
    ({"spark.driver.host": "gateway.example"}, "spark.driver.host has no effect in cluster mode"),
    (
        {"spark.mesos.driver.frameworkId": "id"},
        "the driver does not get the id that its dispatcher knows it by",
    ),
    ({"spark.mesos.driver.constraints": "rack:3,4"}, "spark.mesos.driver.constraints has several numbers"),
]
MISTAKES: list[tuple[dict[str, str], str]] = [
    ({"spark.executor.uri": "http://repo.example/spark(1).tgz"}, "Spark's `cd NAME*` does not find"),
    ({"spark.mesos.executor.home": '/opt/"spark"x'}, "does not quote in the command of executors"),
    ({"spark.mesos.executor.home": "/opt/my spark", "spark.mesos.coarse": "false"}, "does not quote"),
    ({"spark.driver.memory": "2gb"}, "a -Xmx that Java does not understand"),
    ({"spark.mesos.constraints": "zone:a;zone:b"}, "Two constraints are about the attribute 'zone'"),
    ({"spark.mesos.task.labels": "key"}, "spark.mesos.task.labels"),
]


class TestWarnings:
    @pytest.mark.parametrize(
        ("where", "cases"),
        [(FAR, CLIENT), (FAR, CONTAINERS), (DISPATCHER, DRIVERS)],
        ids=["client", "containers", "drivers"],
    )
    def test_a_submission_is_warned_and_goes_on(
        self, commands: Commands, where: tuple[str, ...], cases: list[tuple[dict[str, str], str]]
    ) -> None:
        (commands.folder / "app.py").write_text("")
        conf = {"spark.cores.max": "4"} | {key: value for case, _ in cases for key, value in case.items()}
        app = "app.py" if where is FAR else "http://repo.example/app.py"
        done = commands.run("submit", *where, "--dry-run", *given(conf), app)
        assert done.returncode == 0, done.stderr
        lines = done.stderr.splitlines()
        for _, said in cases:
            assert said in done.stderr
            assert not said or len([line for line in lines if said in line]) == 1

    def test_the_spark_of_a_python_environment_is_not_on_agents(self, commands: Commands) -> None:
        (commands.folder / "app.py").write_text("")
        line = ("submit", *FAR, "--dry-run", "--conf", "spark.cores.max=4")
        done = commands.run(*line, "app.py")
        assert done.returncode == 0, done.stderr
        assert "Executors are started from " in done.stderr
        assert "site-packages/pyspark on agents" in done.stderr
        for conf in ({"spark.executor.uri": ARCHIVE}, {"spark.mesos.executor.home": "/opt/spark"}):
            assert warnings(commands.run(*line, *given(conf), "app.py").stderr) == []

    def test_dynamic_allocation_that_takes_whole_agents(self, commands: Commands) -> None:
        (commands.folder / "app.py").write_text("")
        conf = {"spark.dynamicAllocation.enabled": "true", "spark.executor.uri": ARCHIVE}
        line = ("submit", *FAR, "--dry-run")
        done = commands.run(*line, *given(conf), "app.py")
        assert done.returncode == 0, done.stderr
        assert "one executor for each waiting task" in done.stderr
        sized = commands.run(*line, *given(conf), "--executor-cores", "2", "app.py")
        assert warnings(sized.stderr) == []

    def test_a_file_with_a_secret_that_ends_in_a_newline(self, commands: Commands) -> None:
        (commands.folder / "app.py").write_text("")
        secret = commands.folder / "secret"
        secret.touch(mode=0o600)
        secret.write_text(SECRET + "\n")
        conf = {"spark.mesos.principal": "p", "spark.mesos.secret.file": str(secret)}
        line = ("submit", *FAR, "--dry-run", *given({"spark.cores.max": "4", **conf}))
        library = commands.folder / "libmesos.so"
        library.touch()
        done = commands.run(*line, "app.py", MESOS_NATIVE_JAVA_LIBRARY=str(library))
        assert done.returncode == 0, done.stderr
        assert "ends in a newline, which Spark makes part of the text" in done.stderr
        # The bridge takes it off, so that there is nothing to say.
        over_http = (*line, "--mesos-driver", "http", "app.py")
        done = commands.run(*over_http, MESOS_NATIVE_JAVA_LIBRARY=str(library))
        assert done.returncode == 0, done.stderr
        assert "newline" not in done.stderr

    @pytest.mark.parametrize(("conf", "said"), MISTAKES, ids=range(len(MISTAKES)))
    def test_what_cannot_work_is_refused(self, commands: Commands, conf: dict[str, str], said: str) -> None:
        (commands.folder / "app.py").write_text("")
        done = commands.run("submit", *FAR, "--dry-run", *given({"spark.cores.max": "4", **conf}), "app.py")
        assert done.returncode == 2, done.stderr
        assert said in done.stderr

    @pytest.mark.parametrize(
        "line",
        [
            ("--master", "embedded", "app.py"),
            ("--master", "mesos://127.0.0.1:5050", "--total-executor-cores", "2", "app.py"),
            (*FAR, "--total-executor-cores", "8", "--executor-cores", "2", "--executor-memory", "4g",
             "--conf", f"spark.executor.uri={ARCHIVE}", "--conf", "spark.mesos.role=analytics",
             "--conf", "spark.mesos.constraints=os:centos7", "app.py"),
            (*DISPATCHER, "--supervise", "--driver-memory", "2g", "--total-executor-cores", "8",
             "--conf", f"spark.executor.uri={ARCHIVE}", "http://repo.example/app.py"),
        ],
        ids=["embedded", "here", "client", "cluster"],
    )  # fmt: skip
    def test_nothing_is_said_of_what_is_well(self, commands: Commands, line: tuple[str, ...]) -> None:
        (commands.folder / "app.py").write_text("")
        done = commands.run("submit", "--dry-run", *line)
        assert done.returncode == 0, done.stderr
        assert warnings(done.stderr) == []


@pytest.fixture(scope="module")
def agents() -> tuple[AgentSpec, ...]:
    return (AgentSpec(cpus=2, mem=2048),)


AUTHENTICATE = {"spark.authenticate": "true", "spark.authenticate.secret": SECRET}
TOLD = {
    "spark.executorEnv.JAVA_TOOL_OPTIONS": "-Dspark.authenticate=true",
    "spark.mesos.executor.secret.values": SECRET,
    "spark.mesos.executor.secret.envkeys": "_SPARK_AUTH_SECRET",
}


@pytest.fixture(scope="module")
def told(applications: Applications) -> Ended:
    """One application for all that is told: the secret, and the folder for shuffle files."""
    folder = applications.commands.folder / "fast"
    folder.mkdir()
    file = properties_file(
        applications.commands.folder / "told.conf",
        {**AUTHENTICATE, **TOLD, "spark.local.dir": str(folder)},
    )
    body = """
        import glob, json
        def look(_):
            home = os.environ["MESOS_SANDBOX"]
            return [len(glob.glob(home + "/blockmgr-*")), os.path.basename(home)]
        pairs = sc.parallelize(range(8), 2).map(lambda n: (n % 2, n)).reduceByKey(lambda a, b: a + b)
        print(json.dumps([sorted(pairs.collect()), sc.parallelize([0], 1).map(look).first()]))
    """
    return applications.run(body, options=file)


class TestAuthentication:
    """`spark.authenticate`, of which Spark's backend for Mesos tells executors nothing."""

    def test_executors_that_are_not_told(self, applications: Applications) -> None:
        file = properties_file(applications.commands.folder / "untold.conf", AUTHENTICATE)
        conf = {  # Spark would wait for these executors before it runs anything, and when it stops
            "spark.scheduler.minRegisteredResourcesRatio": "0",
            "spark.mesos.coarse.shutdownTimeout": "100ms",
        }
        with applications.running("pause()", conf, options=file) as running:
            running.wait_until_paused()
            task = first_end(applications, running.name)
            running.go()
            ended = running.end()
        assert task["state"] == "TASK_FAILED"
        assert "Expected SaslMessage" in ended.err  # the driver, to one who does not authenticate
        assert "Spark does not tell executors so on Mesos: the driver refuses them" in ended.err

    def test_executors_that_are_told_as_the_hint_says(self, told: Ended) -> None:
        result, _ = json.loads(told.out)
        assert result == [[0, 12], [1, 16]]
        assert "the driver refuses them" not in told.err
        (task,) = told.mesos.tasks
        assert task["state"] == "TASK_FINISHED"
        (info,) = told.mesos.task_infos
        variables = {one["name"]: one for one in info["command"]["environment"]["variables"]}
        assert variables["_SPARK_AUTH_SECRET"]["type"] == "SECRET"
        assert SECRET not in info["command"]["value"] + told.err + told.out

    def test_local_dir_does_not_reach_executors(self, told: Ended) -> None:
        _, (folders, _) = json.loads(told.out)
        assert folders == 1


def first_end(applications: Applications, name: str) -> dict[str, Any]:
    """The first task of an application that has ended, awaited."""
    deadline = time.monotonic() + PATIENCE
    while True:
        ended: list[dict[str, Any]] = applications.seen(name).framework["completed_tasks"]
        if ended:
            return ended[0]
        assert time.monotonic() < deadline, applications.seen(name).framework
        time.sleep(0.1)
