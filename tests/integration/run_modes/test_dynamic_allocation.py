"""Dynamic allocation with a shuffle service: executors come and go, what they have shuffled stays until the end.

One machine is all agents here, so one service, which listens at all addresses, is that of each of them.
"""

from __future__ import annotations

import ast
import contextlib
import itertools
import json
import signal
import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import psutil
import pytest

from sparkmesos_core.conf.configuration import Configuration
from sparkmesos_core.conf.finding import Finding, Severity
from sparkmesos_core.conf.setting import Origin, Setting, Source
from sparkmesos_core.localcluster.cluster import AgentSpec
from sparkmesos_core.master import HostPort
from sparkmesos_core.preflight.shuffle_service import check_shuffle_service
from tests.integration.run_modes.applications import PATIENCE, Applications, Ended, Running
from tests.integration.run_modes.cluster_mode_applications import Drivers
from tests.integration.short_lived_jvm import JVM
from tests.integration.spark_releases import SPARK_4
from tests.integration.spark_under_test import spark_of
from tests.servers.cutting_proxy import cutting_proxy
from tests.unit.preflight.clusters import agent, cluster

if TYPE_CHECKING:
    from tests.integration.commands import Commands
    from tests.integration.spark_under_test import SparkUnderTest

pytestmark = pytest.mark.slow

MAP_TASKS, REDUCE_TASKS = 6, 4
SECRET = "hush-4f1d"
APPLICATION = f"""
folder = sys.argv[1]
mapped = sc.accumulator(0)
executors = sc._jsc.sc().statusTracker().getExecutorInfos
while len(executors()) < 2:  # with the driver
    time.sleep(0.02)
pause()

def map_task(number):
    mapped.add(1)
    return number % {REDUCE_TASKS}, (number, meet(3, os.path.join(folder, "map")))

def reduce_task(pairs):
    pairs = list(pairs)
    open(os.path.join(folder, "reduce", os.urandom(8).hex()), "w").close()
    deadline = time.time() + 60
    while not os.path.exists(os.path.join(folder, "go")) and time.time() < deadline:
        time.sleep(0.02)
    return [(key, sorted(values)) for key, values in pairs]

shuffled = sc.parallelize(range({MAP_TASKS}), {MAP_TASKS}).map(map_task).groupByKey({REDUCE_TASKS})
print((sorted(shuffled.mapPartitions(reduce_task).collect()), mapped.value), flush=True)
pause()
print((sorted(shuffled.mapValues(sorted).collect()), mapped.value))
"""
# With a service timeouts of drivers are its business, too: as short as a busy machine allows.
SHORT = {
    "spark.dynamicAllocation.executorIdleTimeout": "2s",
    "spark.executor.heartbeatInterval": "1s",
    "spark.storage.blockManagerHeartbeatTimeoutMs": "15s",
    "spark.network.timeoutInterval": "5s",
    "spark.locality.wait": "0s",
}
# What SMALL says of sizes the option says, or would keep jobs from starting with fewer executors.
OWN_SIZES: dict[str, str | None] = dict.fromkeys(
    ("spark.cores.max", "spark.executor.cores", "spark.scheduler.minRegisteredResourcesRatio")
)


@dataclass(frozen=True)
class Service:
    """A shuffle service that `start-shuffle-service` has started."""

    port: int
    log: Path


@pytest.fixture(scope="module")
def agents() -> tuple[AgentSpec, ...]:
    """Two machines, as far as Spark can tell, with room for two small executors each."""
    return tuple(
        AgentSpec(cpus=2, mem=2048, hostname=f"127.0.0.{number}", attributes=f"rack:r{number}")
        for number in (2, 3)
    )


@contextlib.contextmanager
def started_service(
    commands: Commands,
    name: str,
    *options: str,
    instance: int = 1,
    variables: Mapping[str, str] | None = None,
) -> Iterator[Service]:
    folder = commands.folder / name
    environment = {
        "SPARK_PID_DIR": str(folder),
        "SPARK_LOG_DIR": str(folder),
        "SPARK_DAEMON_JAVA_OPTS": JVM,
        **(variables or {}),
    }
    properties = (
        "spark.shuffle.service.port=0",
        "spark.shuffle.cleaner.interval=1s",
        f"spark.local.dir={commands.folder},/tmp",  # where the tests' executors may have their files
        *options,
    )
    conf = [part for one in properties for part in ("--conf", one)]
    number = ("--instance", str(instance))
    started = commands.run("start-shuffle-service", *number, *conf, timeout=PATIENCE, **environment)
    assert started.returncode == 0, started.stderr
    try:
        (log,) = folder.glob("*.out")
        yield Service(int(started.stdout.strip().rpartition(":")[2]), log)
    finally:
        stopped = commands.run("stop-shuffle-service", *number, timeout=PATIENCE, **environment)
        assert stopped.returncode == 0, stopped.stderr


@pytest.fixture(scope="module")
def service(applications: Applications) -> Iterator[Service]:
    with started_service(applications.commands, "service") as started:
        yield started


def until(happened: Callable[[], Any], what: str) -> Any:
    """What `happened` tells as soon as it is something."""
    deadline = time.monotonic() + PATIENCE
    while not (found := happened()):
        assert time.monotonic() < deadline, f"never seen: {what}"
        time.sleep(0.05)
    return found


def executors(commands: Commands) -> list[psutil.Process]:
    """The JVMs of executors."""
    found = []
    for process in commands.processes():
        with contextlib.suppress(psutil.Error):
            words = process.cmdline()
            if words[:1] and words[0].endswith("java") and "--executor-id" in words:
                found.append(process)
    return found


def shuffle_files(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.rglob("shuffle_*.data"))


@dataclass(frozen=True)
class Course:
    """What an application went through, and what was seen meanwhile."""

    ended: Ended
    begun_with: int
    """So many tasks Mesos had been told to launch when there was an executor, and no job yet."""
    killed: str
    """The id of the task whose executor was killed."""
    files_at_rest: list[str]
    """The shuffle files while one executor was left."""
    running_at_rest: list[str]
    """The tasks that ran then."""
    events: list[dict[str, Any]]
    """What Spark's event log says."""
    local: Path
    """Where executors keep their files."""

    def of(self, kind: str) -> list[dict[str, Any]]:
        return [event for event in self.events if event["Event"] == f"SparkListener{kind}"]


@pytest.fixture(scope="module")
def course(applications: Applications, service: Service) -> Course:
    """Three executors map; one is killed before the reduce tasks have ended; all but one go; then it reduces again."""
    folder = applications.commands.folder / "course"
    for name in ("map", "reduce", "local", "events"):
        (folder / name).mkdir(parents=True)
    conf = {
        **OWN_SIZES,
        **SHORT,
        "spark.shuffle.service.port": str(service.port),
        "spark.local.dir": str(folder / "local"),
        "spark.eventLog.enabled": "true",
        "spark.eventLog.rolling.enabled": "false",  # as it is before Spark 4
        "spark.eventLog.compress": "false",
        "spark.eventLog.dir": (folder / "events").as_uri(),
    }
    options = ["--dynamic-allocation", "1:3"]
    with applications.running(APPLICATION, conf, str(folder), options=options) as running:
        begun_with = len(running.wait_until_paused().tasks)
        running.go()
        until(lambda: len(list((folder / "reduce").iterdir())) >= 3, "three tasks that reduce")
        killed = _kill_an_executor(applications, running)
        (folder / "go").touch()
        running.wait_until_paused()
        at_rest = until(lambda: _only_one_left(applications, running), "one executor")
        files = shuffle_files(folder / "local")
        running.go()
        ended = running.end()
    (log,) = (folder / "events").iterdir()
    events = [json.loads(line) for line in log.read_text().splitlines()]
    return Course(ended, begun_with, killed, files, at_rest, events, folder / "local")


def _kill_an_executor(applications: Applications, running: Running) -> str:
    """Kills one as the kernel does that is out of memory, and waits until Mesos knows; its task's id."""
    process = executors(applications.commands)[0]
    words = process.cmdline()
    task_id = words[words.index("--executor-id") + 1]
    process.send_signal(signal.SIGKILL)

    def failed() -> bool:
        tasks = {task["id"]: task["state"] for task in applications.seen(running.name).tasks}
        return tasks[task_id] == "TASK_FAILED"

    until(failed, "the end of the executor")
    return task_id


def _only_one_left(applications: Applications, running: Running) -> list[str]:
    tasks = applications.seen(running.name).tasks
    left = [task["id"] for task in tasks if task["state"] == "TASK_RUNNING"]
    return left if len(left) == 1 else []


class TestOneApplication:
    """As `course` tells."""

    @pytest.mark.proves("spark.dynamicAllocation.enabled", "spark.dynamicAllocation.maxExecutors")
    def test_it_grows(self, course: Course) -> None:
        """All tasks of the map stage have met two others, on executors of one core each, of which there was one first."""
        assert course.begun_with == 1
        reduced, _ = ast.literal_eval("".join(course.ended.out.splitlines()[:1]))
        assert [len(values) for _, values in reduced] == [2, 2, 1, 1]
        assert all(met >= 3 for _, values in reduced for _, met in values)
        assert {task["resources"]["cpus"] for task in course.ended.mesos.tasks} == {1}
        added = {event["Executor ID"] for event in course.of("ExecutorAdded")}
        assert len(added) >= 3
        assert max(self._numbers(course)) == 3

    def test_spark_finds_nothing_wrong_with_the_numbers(self, course: Course) -> None:
        """It warns where the number of executors to begin with is below the minimum, if its log has warnings."""
        assert " WARN " in course.ended.err
        assert "minExecutors is invalid" not in course.ended.err

    @staticmethod
    def _numbers(course: Course) -> list[int]:
        """How many executors there were, after each that came or went, up to the end of the last job."""
        there: set[str] = set()
        numbers: list[int] = []
        ended: list[int] = []
        for event in course.events:
            match event["Event"].removeprefix("SparkListener"):
                case "ExecutorAdded":
                    there.add(event["Executor ID"])
                case "ExecutorRemoved":
                    there.discard(event["Executor ID"])
                case "JobEnd":
                    ended = list(numbers)
                    continue
            numbers.append(len(there))
        return [number for number, _ in itertools.groupby(ended)]

    @pytest.mark.proves("spark.dynamicAllocation.minExecutors", "spark.dynamicAllocation.executorIdleTimeout")
    def test_it_shrinks_to_the_minimum(self, course: Course) -> None:
        assert len(course.running_at_rest) == 1
        assert 0 not in self._numbers(course)[1:]
        idle = [
            event for event in course.of("ExecutorRemoved") if "killed by driver" in event["Removed Reason"]
        ]
        assert idle
        states = {task["id"]: task["state"] for task in course.ended.mesos.tasks}
        assert {states[event["Executor ID"]] for event in idle} <= {"TASK_KILLED", "TASK_FINISHED"}

    @pytest.mark.proves("spark.shuffle.service.enabled", "spark.shuffle.service.port")
    def test_nothing_is_mapped_twice(self, course: Course) -> None:
        """Neither for the executor that was killed, of which the first job knew, nor for those that were idle."""
        first, second = (ast.literal_eval(line) for line in course.ended.out.splitlines())
        assert second == first
        assert first[1] == MAP_TASKS
        mapped = {
            event["Task Info"]["Executor ID"]
            for event in course.of("TaskEnd")
            if event["Task Type"] == "ShuffleMapTask"
        }
        assert course.killed in mapped
        assert len(mapped - {course.killed, *course.running_at_rest}) >= 1  # one that was idle, and went
        stages = [event["Stage Info"] for event in course.of("StageSubmitted")]
        # The first job has two stages, the second one skips what is there.
        assert [(stage["Stage ID"], stage["Stage Attempt ID"]) for stage in stages] == [
            (0, 0),
            (1, 0),
            (3, 0),
        ]
        started = [event for event in course.of("TaskStart") if event["Stage ID"] == 0]
        assert len(started) == MAP_TASKS
        reasons = [event["Task End Reason"]["Reason"] for event in course.of("TaskEnd")]
        assert "FetchFailed" not in reasons
        assert "ExecutorLostFailure" in reasons


@dataclass(frozen=True)
class Refused:
    returncode: int
    out: str
    err: str
    seconds: float


@pytest.mark.proves("spark.dynamicAllocation.enabled", "spark.shuffle.service.enabled", mode="cluster")
def test_in_cluster_mode(drivers: Drivers, service: Service) -> None:
    """The driver on its agent is told as well, and has as many executors as it may, of four that had room."""
    body = """
    print(sc.parallelize(range(4), 2).map(lambda n: (n % 2, n)).reduceByKey(lambda a, b: a + b, 2).sortByKey().collect())
    """
    conf = {**OWN_SIZES, "spark.shuffle.service.port": str(service.port)}
    ended = drivers.run_body(body, conf, options=["--dynamic-allocation", "1:1"])
    # Not by --follow: an embedded agent does not listen at the address that it calls itself.
    assert (ended.sandbox / "stdout").read_text() == "[(0, 2), (1, 4)]\n"
    assert [task["resources"]["cpus"] for task in ended.mesos.tasks] == [1]
    assert ended.mesos.framework["id"] in service.log.read_text()


def test_some_agents_without(service: Service, spark_under_test: SparkUnderTest) -> None:
    """Those are told that lack the service, and that is an error, as long as executors are not kept off them.

    With Spark 4 it is a warning: only executors end there, and the application goes on (shuffle-service).
    """

    def found(constraints: str = "", *, driver_here: bool = True) -> list[Finding]:
        given = {
            "spark.shuffle.service.enabled": "true",
            "spark.shuffle.service.port": str(on_the_first.address.port),
            "spark.mesos.constraints": constraints,
        }
        origin = Origin(Source.CONF, "--conf")
        configuration = Configuration([[Setting(key, value, origin) for key, value in given.items()]])
        deadline = time.monotonic() + PATIENCE
        release = spark_under_test.home.release
        return check_shuffle_service(
            configuration, facts, deadline=deadline, driver_here=driver_here, release=release
        )

    agents = (
        replace(agent(hostname=f"127.0.0.{number}", attributes=f"rack:r{number}"), host="127.0.0.1")
        for number in (1, 2)
    )
    facts = replace(cluster(*agents), master=HostPort("127.0.0.1", 5050))
    with cutting_proxy(HostPort("127.0.0.1", service.port)) as on_the_first:
        (missing,) = found()
        severity = Severity.WARNING if spark_under_test.is_4 else Severity.ERROR
        assert (missing.id, missing.severity) == ("shuffle-service-missing", severity)
        follows = "executors there fail to register" if spark_under_test.is_4 else "the application ends"
        assert f"of '127.0.0.2', 1 of 2 hosts of agents: {follows}" in missing.message
        assert "`sparkmesos start-shuffle-service`" in missing.hint
        assert missing.hint.endswith("keep executors off these agents with spark.mesos.constraints.")
        (missing,) = found(driver_here=False)  # which another firewall may let through
        assert missing.severity is Severity.WARNING
        assert found("rack:r1") == []
        (missing,) = found("rack:r2")
        assert missing.severity is Severity.ERROR


NOT_TO_LOOK = {
    **OWN_SIZES,
    "spark.executor.cores": "2",  # of which there is room for one on each agent
    "spark.mesos.coarse.shutdownTimeout": "1s",  # it never hears of the executors again
}


class TestWithoutTheService:
    """The same application says within seconds what is missing, and nothing of it starts."""

    @pytest.fixture(scope="class")
    @classmethod
    def port(cls, own_port: int) -> int:
        """One at which nobody listens."""
        return own_port

    @staticmethod
    def refused(applications: Applications, *line: str) -> Refused:
        before = {framework["id"] for framework in applications.state()["frameworks"]}
        started = time.monotonic()
        run = applications.commands.run(*line, timeout=PATIENCE)
        seconds = time.monotonic() - started
        assert {framework["id"] for framework in applications.state()["frameworks"]} == before
        return Refused(run.returncode, run.stdout, run.stderr, seconds)

    @pytest.mark.parametrize("how", ["option", "properties", "shell"])
    def test_in_client_mode(
        self, applications: Applications, port: int, how: str, spark_under_test: SparkUnderTest
    ) -> None:
        conf = ["--conf", f"spark.shuffle.service.port={port}", "--conf", "spark.executor.memory=512m"]
        if how == "properties":
            conf += [
                "--conf",
                "spark.dynamicAllocation.enabled=true",
                "--conf",
                "spark.shuffle.service.enabled=true",
            ]
        else:
            conf += ["--dynamic-allocation", "1:3"]
        master = ["--master", applications.cluster.url, "--mesos-driver", "http"]
        words = ["shell", "--lang", "sql"] if how == "shell" else ["submit"]
        last = ["-e", "SELECT 1"] if how == "shell" else [applications.write("print(1)", "never")]
        run = self.refused(applications, *words, *master, *conf, *last)
        assert (run.returncode, run.out) == (1, ""), run.err
        assert (
            f"No shuffle service listens at port {port} of '127.0.0.2', '127.0.0.3', 2 of 2 hosts of agents: "
            + (
                "executors fail to register, and end\n"
                if spark_under_test.is_4
                else "the application ends as soon as an executor starts\n"
            )
        ) in run.err
        assert "`sparkmesos start-shuffle-service` on each of these machines" in run.err
        assert f"`sparkmesos start-shuffle-service --on-mesos --master {applications.cluster.url}`" in run.err
        without = "spark.shuffle.service.enabled=false and spark.dynamicAllocation.enabled=false"
        advice = f"do without it: {without}" if how == "properties" else "leave out --dynamic-allocation"
        assert f"to the port that it has, or {advice}.\n" in run.err
        assert "The driver was not started; with --no-preflight it would be." in run.err
        assert run.seconds < 20  # though it is a busy machine

    def test_in_cluster_mode(self, drivers: Drivers, port: int) -> None:
        """Where the dispatcher tells which master to ask."""
        applications = drivers.applications
        line = ["submit", "--master", drivers.server.url, "--deploy-mode", "cluster", "--dynamic-allocation"]
        conf = ["--conf", f"spark.shuffle.service.port={port}", "--conf", "spark.executor.memory=512m"]
        run = self.refused(applications, *line, *conf, "http://host.invalid/app.py")
        assert (run.returncode, run.out) == (1, ""), run.err
        assert f"No shuffle service listens at port {port} of '127.0.0.2', '127.0.0.3'" in run.err
        assert f"--on-mesos --master {applications.cluster.url}`" in run.err  # not at the dispatcher
        assert "Nothing was submitted; with --no-preflight it would be." in run.err
        rows = drivers.server.ask("GET", "/")[1]["submissions"]
        assert [row for row in rows if row["appResource"] == "http://host.invalid/app.py"] == []

    @pytest.mark.only_spark(3)
    def test_it_can_be_told_not_to_look(self, applications: Applications, service: Service) -> None:
        """What Spark does then: it gives up at the first executor on the one agent that has no service."""
        with cutting_proxy(HostPort("127.0.0.1", service.port), host="127.0.0.2") as on_the_first:
            port = on_the_first.address.port
            conf = {**NOT_TO_LOOK, "spark.shuffle.service.port": str(port)}
            # With a job that waits for executors: another one would go on with those that it has, and get no more.
            body = "sc.parallelize(range(4), 4).foreach(lambda _: time.sleep(60))"
            options = ["--dynamic-allocation", "0:2", "--no-preflight"]
            ended = applications.run(body, conf, options=options, expect=1)
        assert f"Failed to connect to /127.0.0.3:{port}" in ended.err

    @pytest.mark.only_spark(4)
    def test_an_agent_without_is_left_alone(self, applications: Applications, service: Service) -> None:
        """Where executors fail twice, none is launched any more; the others do the work. (shuffle-service)"""
        folder = applications.commands.folder / "left-alone"
        folder.mkdir()
        _, without = applications.agent_ids()
        begun = len(applications.conversation.course)
        with cutting_proxy(HostPort("127.0.0.1", service.port), host="127.0.0.2") as on_the_first:
            port = on_the_first.address.port
            conf = {
                **NOT_TO_LOOK,
                "spark.shuffle.service.port": str(port),
                "spark.shuffle.registration.maxAttempts": "1",
            }
            body = f"""
            def wait(number):
                open(os.path.join({str(folder)!r}, "begun"), "w").close()
                while not os.path.exists(os.path.join({str(folder)!r}, "go")):
                    time.sleep(0.05)
                return number
            print(sc.parallelize(range(4), 4).map(wait).sum(), flush=True)
            """
            options = ["--dynamic-allocation", "0:2", "--no-preflight"]
            with applications.running(body, conf, options=options) as running:
                until((folder / "begun").exists, "a task that runs")

                until(lambda: self._is_declined(applications, without, begun), "an offer that is declined")
                (folder / "go").touch()
                ended = running.end()
        assert ended.out == "6\n"
        agents = {task["id"]: task["slave_id"] for task in ended.mesos.tasks}
        assert list(agents.values()).count(without) == 2
        assert "Unable to register with external shuffle server" in ended.err
        assert "Its agent gets no more executors for a while once 2 have failed there" in ended.err

    @staticmethod
    def _is_declined(applications: Applications, agent_id: str, begun: int) -> bool:
        """Whether the agent was offered when two tasks had failed there, and the offer was declined."""
        failures, made = 0, set()
        for _, said in applications.conversation.course[begun:]:
            match said["type"]:
                case "UPDATE":
                    status = said["update"]["status"]
                    failures += status["state"] == "TASK_FAILED" and status["agent_id"]["value"] == agent_id
                case "OFFERS" if failures >= 2:
                    made |= {
                        offer["id"]["value"]
                        for offer in said["offers"]["offers"]
                        if offer["agent_id"]["value"] == agent_id
                    }
                case "DECLINE":
                    if made & {offer["value"] for offer in said["decline"]["offer_ids"]}:
                        return True
        return False


@pytest.mark.proves("spark.storage.blockManagerHeartbeatTimeoutMs")
@pytest.mark.proves("spark.shuffle.cleaner.interval", mode="cluster")
def test_the_service_cleans_up(
    applications: Applications, course: Course, service: Service, spark_under_test: SparkUnderTest
) -> None:
    """The files were there as long as the application; the service hears no more of it, and deletes all.

    It stands here, and not with the others of that application, for the time that this takes.
    """
    assert len(course.files_at_rest) == MAP_TASKS
    until(lambda: not list(course.local.iterdir()), "the end of shuffle files")
    log = service.log.read_text()
    application = course.ended.mesos.framework["id"]
    if spark_under_test.is_4:  # shuffle-service-end
        assert f"Application {application} has ended" in log
        assert f"Nothing is heard of application {application} any more: removing its files" in log
    else:
        assert f"Application {application} timed out. Removing shuffle files." in log


@pytest.mark.only_spark(4)
def test_a_driver_that_is_killed(applications: Applications, service: Service) -> None:
    """It cannot say that it ends: its files stay for as long as it has asked for, and are removed then."""
    local = applications.commands.folder / "killed"
    local.mkdir()
    conf = {
        **OWN_SIZES,
        "spark.cores.max": "1",
        "spark.executor.cores": "1",
        "spark.shuffle.service.enabled": "true",
        "spark.shuffle.service.port": str(service.port),
        "spark.executor.heartbeatInterval": "1s",
        "spark.storage.blockManagerHeartbeatTimeoutMs": "6s",
        "spark.network.timeoutInterval": "5s",
        "spark.local.dir": str(local),
    }
    body = """
    print(sc.parallelize(range(4), 2).map(lambda n: (n % 2, n)).groupByKey(2).count(), flush=True)
    pause()
    """
    with applications.running(body, conf) as running:
        running.wait_until_paused()
        assert len(shuffle_files(local)) == 2
        application = applications.seen(running.name).framework["id"]
        (driver,) = (
            process
            for process in applications.commands.processes()
            if "org.apache.spark.deploy.SparkSubmit" in process.cmdline()
        )
        driver.kill()
        killed = time.monotonic()
        until(lambda: not shuffle_files(local), "the end of shuffle files")
        assert time.monotonic() - killed > 3  # the last word may be a second old, or two on a busy machine
        running.process.wait(PATIENCE)
    applications.tear_down(application)  # it could come back for a while yet
    log = service.log.read_text()
    assert f"Files of application {application} are kept until 6000 ms after its last word" in log
    assert f"Application {application} has ended" not in log


# It shuffles, pauses, and reads again what it has shuffled; it counts how often it has mapped.
TWICE = """
mapped = sc.accumulator(0)
def map_task(number):
    mapped.add(1)
    return number % 2, number
shuffled = sc.parallelize(range(4), 2).map(map_task).groupByKey(2).mapValues(sorted)
print(sorted(shuffled.collect()), mapped.value, flush=True)
pause()
print(sorted(shuffled.collect()), mapped.value, flush=True)
"""
READ_TWICE = "[(0, [0, 2]), (1, [1, 3])] 4\n" * 2
ONE_EXECUTOR = {
    **OWN_SIZES,
    "spark.cores.max": "1",
    "spark.executor.cores": "1",
    "spark.shuffle.service.enabled": "true",
    "spark.executor.heartbeatInterval": "1s",
    "spark.network.timeoutInterval": "5s",
}


@pytest.mark.only_spark(4)
def test_a_service_that_cannot_be_reached_for_a_while(applications: Applications, service: Service) -> None:
    """Files stay beyond the time for which the service keeps them without a word, since words come again before that.

    When they have to come is decided by pure code: see backend/test_shuffle_service.py.
    """
    keep = 12
    local = applications.commands.folder / "away"
    local.mkdir()
    with cutting_proxy(HostPort("127.0.0.1", service.port), host="127.0.0.2") as network:
        conf = {
            **ONE_EXECUTOR,
            "spark.mesos.constraints": "rack:r2",  # the agent that has this address
            "spark.shuffle.service.port": str(network.address.port),
            "spark.storage.blockManagerHeartbeatTimeoutMs": f"{keep}s",
            "spark.local.dir": str(local),
        }
        with applications.running(TWICE, conf) as running:
            application = running.wait_until_paused().framework["id"]
            network.plan("reset", 0, times=10**6)
            begun = time.monotonic()
            until(
                lambda: any("cannot be told that this application lives" in line for line in running.errors),
                "a word that fails",
            )
            network.drop()
            while time.monotonic() < begun + keep + 3:  # and three looks of the service
                assert len(shuffle_files(local)) == 2
                time.sleep(0.2)
            running.go()
            assert running.end().out == READ_TWICE
    has_ended = f"Application {application} has ended"
    until(lambda: has_ended in service.log.read_text(), has_ended)
    log = service.log.read_text().partition(has_ended)[0]
    assert f"Files of application {application} are kept until {keep}000 ms after its last word" in log
    assert f"Nothing is heard of application {application} any more" not in log


@pytest.mark.only_spark(4)
def test_a_service_that_is_started_again(applications: Applications, own_port: int, tmp_path: Path) -> None:
    """An application that has to authenticate, and encrypts, loses no file.

    The service finds in its database who the executors were, and hears of their application again. The one executor is
    killed meanwhile, so that another one has to ask the service for what it has mapped.
    """
    local = tmp_path / "local"
    local.mkdir()
    secret = {
        "spark.authenticate": "true",
        "spark.authenticate.secret": SECRET,
        "spark.network.crypto.enabled": "true",
    }
    port = {"spark.shuffle.service.port": str(own_port)}
    own = {**port, "spark.local.dir": str(tmp_path), **secret}
    options = [f"{name}={value}" for name, value in own.items()]
    keep = 60
    conf = {
        **ONE_EXECUTOR,
        **port,
        **secret,
        "spark.storage.blockManagerHeartbeatTimeoutMs": f"{keep}s",
        "spark.local.dir": str(local),
    }
    with contextlib.ExitStack() as first:
        before = first.enter_context(started_service(applications.commands, "before", *options, instance=2))
        with applications.running(TWICE, conf) as running:
            application = running.wait_until_paused().framework["id"]
            kept = f"Files of application {application} are kept until {keep}000 ms after its last word"
            assert kept in before.log.read_text()
            first.close()
            assert len(shuffle_files(local)) == 2
            with started_service(applications.commands, "behind", *options, instance=2) as behind:
                _kill_an_executor(applications, running)
                running.go()
                ended = running.end()
                assert ended.out == READ_TWICE
                assert kept in behind.log.read_text()
                until(lambda: not shuffle_files(local), "the end of shuffle files")
                assert f"Application {application} has ended" in behind.log.read_text()
    assert SECRET not in ended.err + before.log.read_text() + behind.log.read_text()


@pytest.mark.only_spark(3)
def test_a_service_of_spark_4(applications: Applications) -> None:
    """It serves applications of Spark 3 as well, and removes their files when they have fallen silent."""
    spark_4 = spark_of(SPARK_4)
    local = applications.commands.folder / "served"
    local.mkdir()
    body = """
    print(sc.parallelize(range(4), 2).map(lambda n: (n % 2, n)).groupByKey(2).count(), flush=True)
    pause()
    """
    variables = spark_4.environment
    with started_service(applications.commands, "four", instance=2, variables=variables) as four:
        conf = {
            **OWN_SIZES,
            **SHORT,
            "spark.storage.blockManagerHeartbeatTimeoutMs": "6s",
            "spark.cores.max": "1",
            "spark.shuffle.service.enabled": "true",
            "spark.shuffle.service.port": str(four.port),
            "spark.local.dir": str(local),
        }
        with applications.running(body, conf) as running:
            running.wait_until_paused()
            application = applications.seen(running.name).framework["id"]
            for _ in range(8):  # longer than without the driver's beats
                time.sleep(1)
                assert len(shuffle_files(local)) == 2
            running.go()
            running.end()
        until(lambda: not shuffle_files(local), "the end of shuffle files")
        log = four.log.read_text()
        assert f"Files of application {application} are kept until 6000 ms after its last word" in log
        assert f"Nothing is heard of application {application} any more" in log
