"""`verify-cluster --probe`: each thing that only agents can tell is broken, seen, and mended as the hint says."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
import requests

from sparkmesos_core.localcluster.agent.executor_environment import default_executor_environment
from sparkmesos_core.localcluster.cluster import AgentSpec, RunningCluster
from sparkmesos_core.localcluster.credentials import Authentication
from sparkmesos_core.spark.home import find_spark
from sparkmesos_core.spark.java import find_java
from tests.integration.docker_command import StandInDocker
from tests.integration.verify.conftest import Alter, NewCluster
from tests.integration.verify.operating import await_slaves, deactivate, reactivate
from tests.integration.verify.probing_grounds import (
    FileServer,
    confs,
    free_ports,
    spark_archive,
    tools,
    way,
)
from tests.integration.verify.verifying import SOUND, Report, verify

if TYPE_CHECKING:
    from tests.integration.spark_under_test import SparkUnderTest

PROBE = ("--probe", "--probe-timeout", "60")
HURRIED = ("--probe", "--probe-timeout", "4")
"""For what never comes."""

JAVA, SPARK_CLASS = "probe-java", "probe-spark-class"


def probe(cluster: RunningCluster, *arguments: str, how: Sequence[str] = PROBE, **properties: Any) -> Report:
    """By a client that has the installed Spark.

    With underscores in the place of dots in the names of properties of Spark.
    """
    return probe_by({}, cluster, *arguments, how=how, **properties)


def probe_by(
    environment: Mapping[str, str],
    cluster: RunningCluster,
    *arguments: str,
    how: Sequence[str] = PROBE,
    **properties: Any,
) -> Report:
    """By a client with these variables, which name another Spark."""
    given = confs({f"spark.{name.replace('_', '.')}": value for name, value in properties.items()})
    return verify("--master", cluster.url, *SOUND, *how, *given, *arguments, environment=environment)


def frameworks(cluster: RunningCluster) -> dict[str, Any]:
    known: dict[str, Any] = requests.get(f"{cluster.http_url}/frameworks", timeout=30).json()
    return known


def assert_sound(report: Report) -> None:
    assert report.failing() == set(), report
    assert report.exit_code == 0
    assert report.follows() == {}


@pytest.fixture
def server(tmp_path: Path) -> Iterator[FileServer]:
    with FileServer(spark_archive(tmp_path)) as running:
        yield running


def test_sound_cluster(cluster: RunningCluster, spark_under_test: SparkUnderTest) -> None:
    report = probe_by(spark_under_test.environment, cluster)
    assert_sound(report)
    assert report.seen("probe-agents") == "2 agents tried"
    assert report.seen(SPARK_CLASS) == "Spark's executor starts on 2 agents"
    assert report.seen("probe-java").startswith(f"Java {spark_under_test.java.major} on 2 agents")
    known = frameworks(cluster)
    assert known["frameworks"] == []
    (framework,) = known["completed_frameworks"]
    assert framework["name"] == "sparkmesos probe"
    assert [task["state"] for task in framework["completed_tasks"]] == ["TASK_FINISHED"] * 2


def test_archive(cluster: RunningCluster, tmp_path: Path, spark_under_test: SparkUnderTest) -> None:
    with FileServer(spark_archive(tmp_path, version=spark_under_test.version)) as server:
        report = probe_by(spark_under_test.environment, cluster, executor_uri=server.url)
    assert_sound(report)
    assert report.seen("probe-fetch") == f"2 agents fetched {server.url}"
    assert report.seen("probe-layout") == (
        f"bin/spark-class is in spark-{spark_under_test.home.release[0]}* on 2 agents"
    )


@pytest.mark.slow
def test_real_archive(cluster: RunningCluster, packed_spark: Path) -> None:
    """With the whole of Spark, and again with what agents have in their caches by then."""
    cached = {"executor_uri": str(packed_spark), "mesos_fetcherCache_enable": "true"}
    for _ in range(2):
        report = probe(cluster, **cached)
        assert_sound(report)
        assert report.seen(SPARK_CLASS) == "Spark's executor starts on 2 agents"


def test_some_agents_only(cluster: RunningCluster) -> None:
    report = probe(cluster, "--probe-agents", "1")
    assert_sound(report)
    assert report.seen("probe-agents") == "1 agent tried, 1 left out by --probe-agents"


def test_driver_in_the_cluster(cluster: RunningCluster, server: FileServer) -> None:
    """Nothing of this machine matters then, and the output of tasks is read from their sandboxes."""
    report = probe(cluster, "--deploy-mode", "cluster", "--only", "probe", executor_uri=server.url)
    assert_sound(report)
    assert report.status(SPARK_CLASS) == "ok"
    assert report.status("probe-driver-port") == report.status("probe-python") == "skipped"


# What the tasks find on agents


@pytest.mark.breaks("probe-java")
def test_no_java_on_one_agent(
    new_cluster: NewCluster, tmp_path: Path, task_environment: dict[str, str]
) -> None:
    bare = {"JAVA_HOME": "", "PATH": tools(tmp_path / "tools", "java")}
    cluster = new_cluster(agents=(AgentSpec(), AgentSpec(hostname="localhost", executor_environment=bare)))
    report = probe(cluster)
    assert report.failing() == {JAVA}
    assert report.problem(JAVA)["severity"] == "warning"
    assert report.message(JAVA).startswith("On 1 of 2 agents tried (localhost): no Java is found")
    assert "spark.executorEnv.JAVA_HOME" in report.hint(JAVA)
    home = f"spark.executorEnv.JAVA_HOME={task_environment['JAVA_HOME']}"
    assert_sound(probe(cluster, "--conf", home))


@pytest.mark.breaks("probe-spark-class")
def test_options_that_java_refuses(cluster: RunningCluster, spark_under_test: SparkUnderTest) -> None:
    """One that it does not know would be ignored, since Spark 4 tells every JVM to do so."""
    report = probe_by(
        spark_under_test.environment, cluster, executor_extraJavaOptions="-XX:ParallelGCThreads=few"
    )
    assert report.failing() == {SPARK_CLASS}
    assert report.errors() == {SPARK_CLASS}
    refusal = "Java refuses its options: Improperly specified VM option 'ParallelGCThreads=few'"
    assert refusal in report.message(SPARK_CLASS)
    assert "spark.executor.extraJavaOptions" in report.hint(SPARK_CLASS)
    assert "Improperly specified VM option 'ParallelGCThreads=few'" in "\n".join(
        report.problem(SPARK_CLASS)["details"]
    )
    assert_sound(
        probe_by(spark_under_test.environment, cluster, executor_extraJavaOptions="-XX:+UseSerialGC")
    )


@pytest.mark.only_spark(4)
@pytest.mark.breaks("probe-spark-class")
def test_a_java_that_was_cut_down(new_cluster: NewCluster, spark_under_test: SparkUnderTest) -> None:
    """It is of the right age, and has not all modules that Spark 4 starts every JVM with."""
    small = find_java(find_spark(None, {}), {"PATH": ""})
    cluster = new_cluster(
        agents=(
            AgentSpec(),
            AgentSpec(hostname="localhost", executor_environment=default_executor_environment(small)),
        )
    )
    report = probe_by(spark_under_test.environment, cluster)
    assert report.failing() == {SPARK_CLASS}, report
    assert "localhost): Spark's executor does not start: its Java has no module jdk.incubator.vector" in (
        report.message(SPARK_CLASS)
    )
    assert report.hint(SPARK_CLASS).startswith("Install a full Java on these agents")
    home = f"spark.executorEnv.JAVA_HOME={spark_under_test.java.home}"
    assert_sound(probe_by(spark_under_test.environment, cluster, "--conf", home))


@pytest.mark.breaks("probe-spark-version")
def test_another_spark_home_on_agents(
    new_cluster: NewCluster, tmp_path: Path, spark_under_test: SparkUnderTest
) -> None:
    spark = spark_under_test.home
    patch = f"{spark.version.rpartition('.')[0]}.99"
    other = tmp_path / "other"
    (other / "jars").mkdir(parents=True)
    (other / "bin").symlink_to(spark.path / "bin")
    for jar in spark.jars.iterdir():
        core = f"core_{spark.scala_version}-"
        (other / "jars" / jar.name.replace(f"{core}{spark.version}", f"{core}{patch}")).symlink_to(jar)
    cluster = new_cluster(
        agents=(AgentSpec(executor_environment={"SPARK_HOME": str(other)}), AgentSpec(hostname="localhost"))
    )
    report = probe_by(spark_under_test.environment, cluster)
    assert report.failing() == {"probe-spark-version"}
    assert report.message("probe-spark-version") == (
        f"On 1 of 2 agents tried (127.0.0.1): the Spark in {other} is {patch}, and the driver's is "
        f"{spark.version}: executors and driver do not understand each other"
    )
    hint = report.hint("probe-spark-version")
    assert hint.startswith("The agents' own SPARK_HOME wins")
    assert "remove it from the environment of their tasks (--executor_environment_variables" in hint
    # Agents read that flag when they start.
    sound = new_cluster(agents=(AgentSpec(), AgentSpec(hostname="localhost")))
    assert_sound(probe_by(spark_under_test.environment, sound))


@pytest.mark.breaks("probe-python")
def test_no_python_on_agents(
    new_cluster: NewCluster, tmp_path: Path, task_environment: dict[str, str]
) -> None:
    bare = {**task_environment, "PATH": tools(tmp_path / "tools", "python")}
    cluster = new_cluster(agents=(AgentSpec(executor_environment=bare),))
    application = tmp_path / "app.py"
    application.touch()
    report = probe(cluster, str(application))
    assert report.failing() == {"probe-python"}
    assert "python3 does not run" in report.message("probe-python")
    assert "PYSPARK_PYTHON" in report.hint("probe-python")
    named = str(next(Path(task_environment["PATH"].split(":")[0]).glob("python3")))
    assert_sound(probe(cluster, str(application), pyspark_python=named))
    # Who runs something else need not care.
    assert probe(cluster).status("probe-python") == "note"


@pytest.mark.breaks("probe-layout")
def test_folder_of_another_archive(cluster: RunningCluster, server: FileServer, tmp_path: Path) -> None:
    (tmp_path / "more").mkdir()
    more = spark_archive(tmp_path / "more", top="spark-3-data")
    more = more.rename(tmp_path / "more" / "data.tgz")
    with FileServer(more) as other:
        more_uris = {"executor_uri": server.url, "mesos_uris": other.url}
        (tmp_path / "more" / "data.tgz").write_bytes(_archive_of_data(tmp_path))
        report = probe(cluster, **more_uris)
        assert report.failing() == {"probe-layout"}
        assert "no bin/spark-class in the folder that `cd spark-3*` goes to" in report.message("probe-layout")
        assert "nothing else of spark.mesos.uris begin with 'spark-3'" in report.hint("probe-layout")
        assert set(report.follows().values()) == {"probe-layout"}
    assert_sound(probe(cluster, executor_uri=server.url))


def _archive_of_data(folder: Path) -> bytes:
    import io
    import tarfile

    packed = io.BytesIO()
    with tarfile.open(fileobj=packed, mode="w:gz") as tar:
        info = tarfile.TarInfo("spark-3-data/readme")
        tar.addfile(info)
    return packed.getvalue()


def test_wrong_folder_is_told_once(cluster: RunningCluster, tmp_path: Path) -> None:
    with FileServer(spark_archive(tmp_path, top="elsewhere")) as server:
        report = probe(cluster, executor_uri=server.url)
    assert report.failing() == {"uri-layout"}
    assert report.follows()["probe-layout"] == "uri-layout"
    assert report.follows()["probe-java"] == "probe-layout"


# What agents cannot do


@pytest.mark.breaks("probe-fetch")
def test_archive_that_agents_may_not_read(cluster: RunningCluster, server: FileServer) -> None:
    server.open = False
    report = probe(cluster, executor_uri=server.url)
    assert report.failing() == {"probe-fetch"}
    assert f"Failed to fetch '{server.url}'" in report.message("probe-fetch")
    assert "Agents may not read it" in report.hint("probe-fetch")
    assert report.problem("probe-fetch")["details"]
    assert {report.follows()[name] for name in (JAVA, SPARK_CLASS, "probe-user")} == {"probe-fetch"}
    server.open = True
    assert_sound(probe(cluster, executor_uri=server.url))


def test_missing_archive_is_told_once(cluster: RunningCluster, server: FileServer) -> None:
    report = probe(cluster, executor_uri="http://127.0.0.1:9/spark-3.tgz")
    assert report.failing() == {"uri-reachable"}
    assert report.follows()["probe-fetch"] == "uri-reachable"
    assert report.follows()[JAVA] == "probe-fetch"
    assert_sound(probe(cluster, executor_uri=server.url))


def test_server_that_never_answers(cluster: RunningCluster, server: FileServer) -> None:
    server.open, server.status = False, 0
    report = probe(cluster, executor_uri=server.url, how=HURRIED)
    assert report.failing() == {"probe-fetch"}
    assert "is still fetching after 4 s" in report.message("probe-fetch")
    assert "--probe-timeout" in report.hint("probe-fetch")
    assert frameworks(cluster)["frameworks"] == []


@pytest.mark.breaks("probe-user")
def test_unknown_user(cluster: RunningCluster) -> None:
    report = verify("--master", cluster.url, *SOUND, *PROBE, environment={"SPARK_USER": "nosuchuser"})
    assert report.failing() == {"probe-user"}
    assert "there is no user 'nosuchuser'" in report.message("probe-user")
    assert "SPARK_USER" in report.hint("probe-user")
    assert report.follows()[JAVA] == "probe-user"
    assert_sound(verify("--master", cluster.url, *SOUND, *PROBE, environment={"SPARK_USER": "root"}))


@pytest.mark.breaks("probe-start")
def test_image_without_docker(cluster: RunningCluster) -> None:
    report = probe(cluster, mesos_executor_docker_image="apache/spark:3.5.9")
    assert report.failing() == {"probe-start"}
    assert "the task has failed: " in report.message("probe-start")
    assert "--containerizers" in report.hint("probe-start")
    assert_sound(probe(cluster))


def test_image(new_cluster: NewCluster, tmp_path: Path, task_environment: dict[str, str]) -> None:
    docker = StandInDocker(tmp_path / "docker")
    cluster = new_cluster(docker=str(docker.path))
    home = f"spark.executorEnv.JAVA_HOME={task_environment['JAVA_HOME']}"
    report = probe(cluster, "--conf", home, mesos_executor_docker_image="apache/spark:3.5.9")
    assert_sound(report)
    assert report.seen("probe-start") == "the task ran on 2 agents in the image apache/spark:3.5.9"
    assert len([call for call in docker.calls("run") if "apache/spark:3.5.9" in call["arguments"]]) == 2


@pytest.mark.breaks("probe-agents")
def test_agent_whose_resources_are_of_others(new_cluster: NewCluster) -> None:
    cluster = new_cluster(
        agents=(
            AgentSpec(),
            AgentSpec(hostname="localhost", resources="cpus(etl):2;mem(etl):2048;cpus:0.01;mem:1"),
        )
    )
    report = probe(cluster, how=HURRIED)
    assert report.failing() == {"probe-agents"}
    assert "1 agent (localhost) offered less than 0.1 cores and 128 MiB for the role *" in report.message(
        "probe-agents"
    )
    assert "reserved for other roles" in report.hint("probe-agents")
    assert_sound(probe(cluster, mesos_role="etl"))


# The way back to the driver


@pytest.mark.breaks("probe-driver-port")
def test_ports_that_agents_do_not_reach(cluster: RunningCluster) -> None:
    report = probe(cluster, driver_host="127.0.0.2", driver_bindAddress="127.0.0.1")
    assert report.failing() == {"probe-driver-port"}
    assert "executors cannot connect to the driver at 127.0.0.2, port" in report.message("probe-driver-port")
    assert "the connection is refused" in report.message("probe-driver-port")
    assert "firewall" in report.hint("probe-driver-port")
    assert "spark.driver.host" in report.hint("probe-driver-port")
    assert report.status("probe-block-manager-port") == "skipped"
    assert_sound(probe(cluster, driver_host="127.0.0.1", driver_bindAddress="127.0.0.1"))


@pytest.mark.breaks("probe-block-manager-port")
def test_firewall_that_lets_only_the_driver_pass(cluster: RunningCluster) -> None:
    driver, blocks = free_ports("127.0.0.3", 2)
    given = {
        "driver_host": "127.0.0.3",
        "driver_bindAddress": "127.0.0.1",
        "driver_port": str(driver),
        "driver_blockManager_port": str(blocks),
    }
    with contextlib.ExitStack() as open_ways:
        open_ways.enter_context(way("127.0.0.3", "127.0.0.1", driver))
        report = probe(cluster, **given)
        assert report.failing() == {"probe-block-manager-port"}
        assert f"block manager at 127.0.0.3, port {blocks}" in report.message("probe-block-manager-port")
        assert "spark.driver.blockManager.port" in report.hint("probe-block-manager-port")
        open_ways.enter_context(way("127.0.0.3", "127.0.0.1", blocks))
        assert_sound(probe(cluster, **given))


# What is told by other checks


def test_no_agent_that_meets_the_constraints(cluster: RunningCluster) -> None:
    report = probe(cluster, mesos_constraints="zone:nowhere")
    assert report.failing() == {"agents-constraints"}
    assert report.follows()["probe-agents"] == report.follows()[JAVA] == "agents-constraints"
    assert_told_by_probe_alone(cluster, "probe-framework", mesos_constraints="zone:nowhere")


def assert_told_by_probe_alone(cluster: RunningCluster, teller: str, **properties: Any) -> None:
    """Where nothing could be tried, a check of the probe says so if no other one is made, and no more than one."""
    report = probe(cluster, "--only", "probe", **properties)
    assert report.failing() == report.errors() == {teller}, report
    assert report.exit_code == 1
    assert set(report.follows().values()) == {teller}
    spark = probe(cluster, "--probe-spark", "--only", "probe-spark", **properties)
    assert spark.errors() == {"probe-spark"}, spark


def test_no_agent_that_takes_part(new_cluster: NewCluster) -> None:
    cluster = new_cluster(agents=(AgentSpec(),))
    deactivate(cluster, 0)
    report = probe(cluster)
    assert report.failing() == {"agents-deactivated"}, report
    assert report.follows()["probe-framework"] == report.follows()[JAVA] == "agents-deactivated"
    assert_told_by_probe_alone(cluster, "probe-framework")
    reactivate(cluster, 0)
    assert_sound(probe(cluster, "--only", "probe"))


def test_no_agent_at_all(new_cluster: NewCluster) -> None:
    cluster = new_cluster(agents=(AgentSpec(),))
    cluster.control.shut_down_agent(0)
    await_slaves(cluster, 0)
    assert_told_by_probe_alone(cluster, "probe-framework")
    report = probe(cluster, "--skip", "agents")
    assert report.exit_code == 1, report
    assert len(report.errors()) == 1, report


@pytest.mark.breaks("probe-agents")
def test_agents_that_take_part_but_do_not_meet_the_constraints(new_cluster: NewCluster) -> None:
    cluster = new_cluster(agents=(AgentSpec(attributes="rack:east"), AgentSpec(attributes="rack:west")))
    deactivate(cluster, 0)
    report = probe(cluster, "--only", "probe", mesos_constraints="rack:east")
    assert report.failing() == report.errors() == {"probe-agents"}, report
    assert "of those that meet spark.mesos.constraints none takes part now" in report.message("probe-agents")
    reactivate(cluster, 0)
    assert_sound(probe(cluster, "--only", "probe", mesos_constraints="rack:east"))


def test_role_that_the_master_refuses(new_cluster: NewCluster) -> None:
    cluster = new_cluster(roles=("etl",))
    report = probe(cluster, mesos_role="ad-hoc")
    assert report.failing() == {"master-role"}
    assert report.follows()["probe-framework"] == report.follows()[JAVA] == "master-role"
    assert_sound(probe(cluster, mesos_role="etl"))


@pytest.mark.breaks("probe-framework")
def test_framework_that_the_master_refuses(cluster: RunningCluster, alter: Alter) -> None:
    altered = alter(cluster)
    # As a master says it whose ACLs (`register_frameworks`) do not let the principal in.
    altered.status("/api/v1/scheduler SUBSCRIBE", 403, b"Not authorized to use roles '{ * }'")
    report = verify("--master", altered.url, *SOUND, *PROBE)
    assert report.failing() == {"probe-framework"}
    assert "403 Not authorized to use roles" in report.message("probe-framework")
    assert "spark.mesos.principal" in report.hint("probe-framework")
    assert report.follows()[JAVA] == report.follows()["probe-agents"] == "probe-framework"
    altered.heal()
    assert_sound(verify("--master", altered.url, *SOUND, *PROBE))


def test_nothing_is_offered_while_tasks_run(
    cluster: RunningCluster, alter: Alter, server: FileServer
) -> None:
    """Fetching may take minutes, in which what agents have is better offered to others."""
    server.open, server.status = False, 0
    altered = alter(cluster)
    properties = confs({"spark.executor.uri": server.url})
    report = verify("--master", altered.url, *SOUND, *HURRIED, *properties)
    assert report.failing() == {"probe-fetch"}
    assert altered.requests["/api/v1/scheduler SUPPRESS"] == 1
    assert altered.requests["/api/v1/scheduler REVIVE"] == 0


def test_master_that_is_lost_on_the_way(cluster: RunningCluster, alter: Alter) -> None:
    """That no offers come is none of the agents' doing then."""
    altered = alter(cluster)
    altered.status("/api/v1/scheduler ACCEPT", 307)
    altered.status("/api/v1/scheduler DECLINE", 307)
    report = verify("--master", altered.url, *SOUND, *HURRIED, "--only", "probe")
    assert report.failing() == {"probe-framework"}


def test_credentials_that_frameworks_need(new_cluster: NewCluster, tmp_path: Path) -> None:
    cluster = new_cluster(authentication=Authentication({"spark": "right"}, frameworks=True, readonly=True))
    secret = tmp_path / "secret"
    secret.write_text("wrong")
    who = {"mesos_principal": "spark", "mesos_secret_file": str(secret)}
    report = probe(cluster, **who)
    assert report.failing() == {"master-authentication"}
    assert report.follows()["probe-framework"] == report.follows()[JAVA] == "master-authentication"
    secret.write_text("right")
    assert_sound(probe(cluster, **who))
