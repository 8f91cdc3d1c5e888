"""Coarse-grained mode in client mode: how large executors are, and what Mesos is told of them and declined."""

from __future__ import annotations

import ast
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from sparkmesos_core.localcluster.cluster import AgentSpec
from tests.integration.run_modes.applications import PATIENCE, Applications, Ended
from tests.integration.run_modes.recorded_tasks import essence, recorded_tasks
from tests.integration.short_lived_jvm import JVM

if TYPE_CHECKING:
    from tests.integration.commands import Commands
    from tests.integration.spark_under_test import SparkUnderTest

pytestmark = pytest.mark.slow

# What each task sees of its executor: the agent, the heap that its JVM was given, and where its Spark is.
WHERE = """
def where(_):
    import psutil
    executor = next(p for p in psutil.Process().parents() if "CoarseGrainedExecutorBackend" in " ".join(p.cmdline()))
    heap = next(word for word in executor.cmdline() if word.startswith("-Xmx"))
    return os.environ["MESOS_SLAVE_ID"], heap, os.environ["SPARK_HOME"]
print((sc.defaultParallelism, sorted(set(sc.parallelize(range(16), 8).map(where).collect()))))
"""
# The same of the driver: its heap, an option, and where its JVM looks for classes and libraries.
DRIVER = """
import psutil
driver = next(p for p in psutil.Process().parents() if "SparkSubmit" in " ".join(p.cmdline()))
read = sc._jvm.System.getProperty
heaps = [word for word in driver.cmdline() if word.startswith("-Xmx")]
print((heaps, read("of.driver"), read("java.class.path").split(":"), read("java.library.path").split(":")))
"""


@pytest.fixture(scope="module")
def agents(own_port: int) -> tuple[AgentSpec, ...]:
    """A large one, a small one, and one with GPUs and a single port."""
    port = f"[{own_port}-{own_port}]"
    return (
        AgentSpec(cpus=4, mem=4096),
        AgentSpec(cpus=2, mem=2048),
        AgentSpec(cpus=4, mem=4096, gpus=2, ports=port, attributes="accelerator:a100"),
    )


class TestSizes:
    """One application with executors of two cores, of which there may be five."""

    @pytest.fixture(scope="class")
    @classmethod
    def ended(cls, applications: Applications) -> Ended:
        return applications.run(
            WHERE,
            {
                "spark.cores.max": "5",
                "spark.executor.cores": "2",
                # Spark waits for this share of spark.cores.max, of which it can only ever get 4.
                "spark.scheduler.minRegisteredResourcesRatio": "0.8",
                "spark.executor.memory": "600m",
                "spark.mesos.executor.memoryOverhead": "100",
                "spark.mesos.rejectOfferDurationForReachedMaxCores": "450s",
            },
        )

    @pytest.mark.proves("spark.cores.max", "spark.executor.cores", "spark.mesos.coarse")
    def test_cores(self, ended: Ended, applications: Applications) -> None:
        """As many executors as fit into spark.cores.max, round-robin over the agents; they are all there are of tasks."""
        tasks = ended.mesos.tasks
        large, small, _ = applications.agent_ids()
        assert sorted(task["slave_id"] for task in tasks) == sorted([large, small])
        assert [(task["name"], task["resources"]["cpus"]) for task in tasks] == [
            (f"{ended.name} 0", 2),
            (f"{ended.name} 1", 2),
        ]
        assert all("--cores 2 " in command for command in ended.mesos.commands)
        parallelism, seen = ast.literal_eval(ended.out)
        assert parallelism == 4
        assert sorted(agent for agent, _, _ in seen) == sorted([large, small])

    @pytest.mark.proves("spark.executor.memory", "spark.mesos.executor.memoryOverhead")
    def test_memory(self, ended: Ended) -> None:
        """The heap and the overhead are Mesos' business, the heap the JVM's."""
        assert [task["resources"]["mem"] for task in ended.mesos.tasks] == [700, 700]
        _, seen = ast.literal_eval(ended.out)
        assert {heap for _, heap, _ in seen} == {"-Xmx600m"}

    @pytest.mark.proves("spark.mesos.rejectOfferDurationForReachedMaxCores")
    def test_offers_that_are_left(
        self, ended: Ended, applications: Applications, spark_under_test: SparkUnderTest
    ) -> None:
        """What comes once there are enough cores is declined for as long as it says, and is not offered again."""
        large, small, _ = applications.agent_ids()
        if spark_under_test.is_4:  # which wants no more offers then, and gets hardly any
            assert "SUPPRESS" in [call["type"] for call in ended.mesos.calls]
            assert set(ended.mesos.refusals) <= {(large, 450.0), (small, 450.0)}
        else:
            assert sorted(ended.mesos.refusals) == sorted([(large, 450.0), (small, 450.0)])

    @pytest.mark.proves("spark.mesos.coarse.shutdownTimeout")
    def test_executors_end_by_themselves(self, ended: Ended) -> None:
        """The driver waits for them, here for 60 s at most."""
        assert [task["state"] for task in ended.mesos.tasks] == ["TASK_FINISHED"] * 2

    def test_as_recorded(self, ended: Ended, spark_under_test: SparkUnderTest) -> None:
        recorded = recorded_tasks("executor-cores-max", is_4=spark_under_test.is_4)
        assert [essence(info) for info in ended.mesos.task_infos] == recorded

    def test_an_agent_with_gpus_is_not_for_everybody(self, ended: Ended, applications: Applications) -> None:
        *_, gpus = applications.agent_ids()
        mine = [
            offer
            for offer in ended.mesos.offers.values()
            if offer["framework_id"]["value"] == ended.mesos.framework["id"]
        ]
        assert mine
        assert all(offer["agent_id"]["value"] != gpus for offer in mine)


class TestOneExecutorOnly:
    """An application that may have more than the one executor that the fixed port lets an agent have."""

    @pytest.fixture(scope="class")
    @classmethod
    def ended(cls, applications: Applications, own_port: int) -> Ended:
        folder = applications.commands.folder / "met"
        folder.mkdir()
        body = """
        folder = sys.argv[1]
        met = sc.parallelize(range(3), 3).map(lambda n: meet(3, folder)).collect()
        infos = sc._jsc.sc().statusTracker().getExecutorInfos()
        print((met, sorted(info.port() for info in infos)))
        """
        return applications.run(
            body,
            {
                "spark.cores.max": "2",
                "spark.executor.cores": "1",
                "spark.mesos.constraints": "accelerator:",
                "spark.mesos.extra.cores": "2",
                "spark.mesos.gpus.max": "1",
                "spark.blockManager.port": str(own_port),
                "spark.driver.blockManager.port": "0",
            },
            str(folder),
        )

    @pytest.mark.proves("spark.mesos.extra.cores")
    def test_extra_cores(self, ended: Ended) -> None:
        """The executor runs so many more tasks at once, of which Mesos knows nothing."""
        (task,) = ended.mesos.tasks
        assert task["resources"]["cpus"] == 1
        assert "--cores 3 " in ended.mesos.commands[0]
        met, _ = ast.literal_eval(ended.out)
        assert met == [3, 3, 3]

    @pytest.mark.proves("spark.mesos.gpus.max")
    def test_gpus(self, ended: Ended, applications: Applications) -> None:
        """As many as it says of the two that there are; and that it can handle GPUs is told Mesos."""
        assert ended.mesos.framework["capabilities"] == ["GPU_RESOURCES"]
        (task,) = ended.mesos.tasks
        assert task["slave_id"] == applications.agent_ids()[2]
        assert task["resources"]["gpus"] == 1

    @pytest.mark.proves("spark.blockManager.port")
    def test_a_fixed_port(self, ended: Ended, own_port: int) -> None:
        """It is a resource of Mesos like others; there is one of it on an agent, hence one executor."""
        (task,) = ended.mesos.tasks
        assert task["resources"]["ports"] == f"[{own_port}-{own_port}]"
        _, ports = ast.literal_eval(ended.out)
        assert own_port in ports

    def test_as_recorded(self, ended: Ended, spark_under_test: SparkUnderTest) -> None:
        (launched,) = [essence(info) for info in ended.mesos.task_infos]
        gpus, port, extra = (
            recorded_tasks(f"executor-{name}", is_4=spark_under_test.is_4)[0]
            for name in ("gpus", "fixed-port", "extra-cores")
        )
        kinds = [*gpus.pop("resources"), *(kind for kind in port.pop("resources") if kind[0] == "ports")]
        assert sorted(launched.pop("resources")) == sorted(kinds)
        assert launched == gpus == port == {k: v for k, v in extra.items() if k != "resources"}


class TestAHomeOfItsOwn:
    """An application whose executors run a Spark at another path, and take what there is of cores."""

    @pytest.fixture(scope="class")
    @classmethod
    def home(cls, module_commands: Commands, spark_under_test: SparkUnderTest) -> Path:
        link = module_commands.folder / "linked-spark"
        link.symlink_to(spark_under_test.home.path)
        return link

    @pytest.fixture(scope="class")
    @classmethod
    def ended(cls, applications: Applications, home: Path) -> Ended:
        return applications.run(
            WHERE + DRIVER,
            {
                "spark.mesos.executor.home": str(home),
                "spark.cores.max": "2",
                "spark.executor.cores": None,
                "spark.executor.memory": "500m",
                "spark.executor.memoryOverheadFactor": "0.8",
                "spark.mesos.coarse.shutdownTimeout": "0s",
                "spark.driver.memory": "600m",
                "spark.driver.extraJavaOptions": f"{JVM} -Dof.driver=yes",
                "spark.driver.extraClassPath": "/opt/of-driver.jar",
                "spark.driver.extraLibraryPath": "/opt/of-driver/lib",
            },
        )

    @pytest.fixture(scope="class")
    @classmethod
    def said(cls, ended: Ended) -> list[Any]:
        """What it said of its executors, and of the driver."""
        return [ast.literal_eval(line) for line in ended.out.splitlines()]

    @pytest.mark.proves("spark.mesos.executor.home")
    def test_the_home(
        self, ended: Ended, said: list[Any], home: Path, spark_under_test: SparkUnderTest
    ) -> None:
        (command,) = ended.mesos.commands
        assert f' "{home}/./bin/spark-class" ' in command
        _, seen = said[0]
        assert {spark_home for _, _, spark_home in seen} == {str(home)}
        recorded = recorded_tasks("executor-home", is_4=spark_under_test.is_4)
        assert [essence(info) for info in ended.mesos.task_infos] == recorded

    @pytest.mark.proves("spark.cores.max")
    def test_all_cores_in_one_executor(self, ended: Ended, said: list[Any]) -> None:
        """Without spark.executor.cores the first executor takes all that it may."""
        (task,) = ended.mesos.tasks
        assert task["resources"]["cpus"] == 2
        parallelism, _ = said[0]
        assert parallelism == 2

    @pytest.mark.proves("spark.executor.memoryOverheadFactor")
    def test_a_share_of_the_heap_as_overhead(self, ended: Ended) -> None:
        """If that is more than 384 MB."""
        (task,) = ended.mesos.tasks
        assert task["resources"]["mem"] == 500 + 400

    @pytest.mark.proves("spark.mesos.coarse.shutdownTimeout")
    def test_executors_are_not_waited_for(self, ended: Ended, spark_under_test: SparkUnderTest) -> None:
        """The framework ends before they do, and Mesos ends them with it."""
        of_3 = "Timed out waiting for 1 remaining executors to terminate within 0 ms"
        of_4 = "1 executors have not ended within 0 ms"
        assert (of_4 if spark_under_test.is_4 else of_3) in ended.err
        assert [task["state"] for task in ended.mesos.tasks] == ["TASK_KILLED"]

    @pytest.mark.proves(
        "spark.driver.memory",
        "spark.driver.extraJavaOptions",
        "spark.driver.extraClassPath",
        "spark.driver.extraLibraryPath",
    )
    def test_the_driver(self, said: list[Any]) -> None:
        """The bridge comes first, or else Spark would find other classes of the same names."""
        heaps, option, class_path, library_path = said[1]
        assert heaps == ["-Xmx600m"]
        assert option == "yes"
        assert class_path[1] == "/opt/of-driver.jar"
        assert library_path[0] == "/opt/of-driver/lib"


@pytest.mark.proves("spark.mesos.driver.failoverTimeout")
def test_a_driver_that_is_killed(applications: Applications) -> None:
    """Mesos keeps its framework for as long as it says, in case it comes back; otherwise it would be gone at once."""
    body = """
    sc.parallelize([1], 1).count()
    pause()
    """
    with applications.running(body, {"spark.mesos.driver.failoverTimeout": "3600"}) as running:
        framework = running.wait_until_paused().framework
        assert (framework["connected"], framework["failover_timeout"]) == (True, 3600.0)
        running.process.kill()
        deadline = time.monotonic() + PATIENCE
        while framework["connected"]:
            assert time.monotonic() < deadline
            time.sleep(0.05)
            (framework,) = applications.state()["frameworks"]
        assert framework["name"] == running.name
    applications.tear_down(framework["id"])
    assert applications.state()["frameworks"] == []
