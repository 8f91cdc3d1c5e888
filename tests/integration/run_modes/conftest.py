"""What the tests of run modes share: a cluster for each module, and applications submitted to it.

A module that wants other agents, or masters with other options, has fixtures `agents` and `cluster_options` of its own:

    @pytest.fixture(scope="module")
    def agents() -> tuple[AgentSpec, ...]:
        return (AgentSpec(cpus=4, mem=4096, attributes="zone:a"),)

    def test_a_property(applications: Applications) -> None:
        ended = applications.run('print(sc.parallelize(range(4), 2).sum())', {"spark.mesos.extra.cores": "1"})
        assert ended.out == "6\\n"                                # what the application printed
        assert ended.mesos.tasks[0]["resources"]["cpus"] == 1     # what `/state` says
        assert "--cores 2 " in ended.mesos.commands[0]            # the TaskInfo

A fixture of scope `module` that runs one application lets several tests look at it. Which property a test proves is
said by `@pytest.mark.proves("spark.mesos.extra.cores")`, in cluster mode with `mode="cluster"`, in both with
`mode="both"`; `python -m tests.proven_properties` makes docs/reference/proven-properties.md of it.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from sparkmesos_core.bridge.compile import ensure_bridge
from sparkmesos_core.localcluster.agent.executor_environment import default_executor_environment
from sparkmesos_core.localcluster.cluster import AgentSpec, ClusterSpec, RunningCluster, cluster_in_thread
from tests.integration.docker_command import StandInDocker
from tests.integration.run_modes.applications import Applications
from tests.integration.run_modes.cluster_mode_applications import Drivers, drivers_on
from tests.integration.run_modes.conversation import Conversation

if TYPE_CHECKING:
    from tests.integration.commands import Commands
    from tests.integration.spark_under_test import SparkUnderTest


@pytest.fixture(scope="module")
def agents() -> tuple[AgentSpec, ...]:
    """Two on which there is room for two small executors each."""
    return (AgentSpec(cpus=2, mem=2048), AgentSpec(cpus=2, mem=2048))


@pytest.fixture(scope="module")
def cluster_options() -> dict[str, Any]:
    """What else the module wants its cluster to be, by the names of ClusterSpec."""
    return {}


@pytest.fixture(scope="module")
def conversation(spark_under_test: SparkUnderTest) -> Iterator[Conversation]:
    """All that frameworks of this Spark and masters say to each other."""
    with Conversation.overheard() as heard:
        yield heard


@pytest.fixture(scope="module")
def cluster(
    module_commands: Commands,
    spark_under_test: SparkUnderTest,
    conversation: Conversation,
    agents: tuple[AgentSpec, ...],
    cluster_options: dict[str, Any],
) -> Iterator[RunningCluster]:
    """The module's cluster; its sandboxes are where `module_commands` looks for processes that are left."""
    options: dict[str, Any] = {
        "work_dir": module_commands.folder / "cluster",
        "executor_environment": default_executor_environment(spark_under_test.java),
        "allocation_interval": 0.2,
        "executor_shutdown_grace_period": 60.0,  # a busy machine may take its time to end a JVM
        **cluster_options,
    }
    with cluster_in_thread(ClusterSpec(agents=agents, **options)) as running:
        yield running


@pytest.fixture(scope="module")
def applications(
    cluster: RunningCluster,
    module_commands: Commands,
    conversation: Conversation,
    spark_under_test: SparkUnderTest,
) -> Iterator[Applications]:
    """Submits applications to the module's cluster; in the end nothing of them may be left.

    The bridge is there before the first of them, and before a dispatcher has to be ready within its time.
    """
    cache = Path(module_commands.environment["SPARKMESOS_CACHE_DIR"]) / "bridge"
    ensure_bridge(spark_under_test.home.jars, spark_under_test.java.executable, cache, print)
    made = Applications(cluster, module_commands, conversation)
    yield made
    assert module_commands.wait_for_no_process(60) == []
    assert made.state()["frameworks"] == []


@pytest.fixture(scope="module")
def drivers(applications: Applications) -> Iterator[Drivers]:
    """A dispatcher on the module's cluster, for applications in cluster mode."""
    with drivers_on(applications) as made:
        yield made


@pytest.fixture(scope="module")
def docker(module_commands: Commands) -> StandInDocker:
    """A docker for agents, which modules that want one give them in `cluster_options`."""
    return StandInDocker(module_commands.folder / "docker")
