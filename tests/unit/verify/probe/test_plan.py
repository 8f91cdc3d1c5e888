from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import pytest

from sparkmesos_core.conf.configuration import Configuration
from sparkmesos_core.conf.setting import Origin, Setting, Source
from sparkmesos_core.durable_framework.offers import Offer
from sparkmesos_core.errors import UsageError
from sparkmesos_core.verify.probe.plan import ProbePlan, plan_of, user_of

OFFER = Offer(
    "O1",
    "S1",
    "agent1",
    "http://192.0.2.1:5051",
    (
        {"name": "cpus", "type": "SCALAR", "scalar": {"value": 1}, "role": "etl"},
        {"name": "mem", "type": "SCALAR", "scalar": {"value": 1024}, "role": "*"},
    ),
    (),
)


def plan(properties: Mapping[str, str] = {}, environment: Mapping[str, str] = {}) -> ProbePlan:
    settings = [Setting(key, value, Origin(Source.CONF, "--conf")) for key, value in properties.items()]
    return plan_of(
        Configuration([settings]), environment, host="driver.example", user="spark", spark_home="/opt/spark"
    )


def task(properties: Mapping[str, str] = {}) -> dict[str, Any]:
    made = plan(properties).task_info(OFFER, "t1", "token")
    assert made is not None
    return made


def variables(properties: Mapping[str, str]) -> dict[str, str]:
    return {one["name"]: one["value"] for one in task(properties)["command"]["environment"]["variables"]}


def test_framework() -> None:
    assert plan().framework_info(None) == {
        "name": "sparkmesos probe",
        "user": "spark",
        "failover_timeout": 0.0,
    }
    asked = plan({"spark.mesos.role": "etl", "spark.mesos.gpus.max": "1"}).framework_info("p")
    assert asked["role"] == "etl"
    assert asked["principal"] == "p"
    assert asked["capabilities"] == [{"type": "GPU_RESOURCES"}]
    assert "role" not in plan({"spark.mesos.role": "*"}).framework_info(None)


def test_archive() -> None:
    made = plan({"spark.executor.uri": " http://h/spark-3.5.9.tgz ", "spark.mesos.uris": "/a.jar, /b.jar"})
    assert made.uris == ("http://h/spark-3.5.9.tgz", "/a.jar", "/b.jar")
    assert (made.archive, made.home, made.caches) == ("http://h/spark-3.5.9.tgz", "", False)
    assert made.trial("token").folder is None
    assert made.trial("token").archive_prefix == "spark-3"
    of_variable = plan({}, {"SPARK_EXECUTOR_URI": "/x.tgz"})
    assert of_variable.archive == "/x.tgz"


def test_fetcher_cache() -> None:
    cached = {"spark.executor.uri": "/x.tgz", "spark.mesos.fetcherCache.enable": "true"}
    assert task(cached)["command"]["uris"] == [{"value": "/x.tgz", "cache": True}]


def test_home() -> None:
    assert plan().home == "/opt/spark"
    assert plan({"spark.home": "/b"}).home == "/b"
    assert plan({"spark.home": "/b", "spark.mesos.executor.home": "/a"}).home == "/a"
    assert plan({"spark.mesos.executor.home": "/a"}).trial("token").folder == "/a"


def test_ports() -> None:
    assert (plan().driver_port, plan().block_manager_port) == (0, 0)
    both = {"spark.driver.port": "7001", "spark.blockManager.port": "7002"}
    assert (plan(both).driver_port, plan(both).block_manager_port) == (7001, 7002)
    assert plan({**both, "spark.driver.blockManager.port": "7003"}).block_manager_port == 7003
    assert plan({**both, "spark.driver.blockManager.port": "0"}).block_manager_port == 0


def test_task() -> None:
    made = task()
    assert made["command"]["shell"] is True
    assert made["command"]["user"] == "spark"
    assert [(one["name"], one["scalar"]["value"], one["role"]) for one in made["resources"]] == [
        ("cpus", 0.1, "etl"),
        ("mem", 256.0, "*"),
    ]
    assert made["container"] == {"type": "MESOS"}
    assert "token" in made["command"]["value"]


@pytest.mark.parametrize(("offered", "taken"), [(127, None), (128, 128.0), (200, 200.0), (257, 256.0)])
def test_memory_for_a_java_at_least(offered: int, taken: float | None) -> None:
    memory = {"name": "mem", "type": "SCALAR", "scalar": {"value": offered}, "role": "*"}
    made = plan().task_info(replace(OFFER, resources=(OFFER.resources[0], memory)), "t1", "token")
    found = [one["scalar"]["value"] for one in made["resources"] if one["name"] == "mem"] if made else [None]
    assert found == [taken]


def test_container() -> None:
    image = {"spark.mesos.executor.docker.image": "spark:3.5.9", "spark.mesos.network.name": "net"}
    container = task(image)["container"]
    assert container["docker"]["image"] == "spark:3.5.9"
    assert container["network_infos"] == [{"name": "net", "labels": {}}]


def test_ports_of_an_image_are_not_mapped() -> None:
    """Docker's executor wants them among the resources of the task."""
    image = {
        "spark.mesos.executor.docker.image": "spark:3.5.9",
        "spark.mesos.executor.docker.portmaps": "7079:7079:tcp",
        "spark.mesos.network.name": "net",
    }
    assert "port_mappings" not in task(image)["container"]["docker"]


def test_environment_of_executors() -> None:
    found = variables(
        {
            "spark.executorEnv.JAVA_HOME": "/opt/java",
            "spark.executorEnv.AWS_SECRET_ACCESS_KEY": "tell-no-one",
            "spark.executor.memory": "2g",
            "spark.executor.extraJavaOptions": "-Dx=1",
            "spark.executor.extraClassPath": "/x/*",
        }
    )
    assert found == {
        "JAVA_HOME": "/opt/java",
        "SPARK_EXECUTOR_MEMORY": "2048m",
        "SPARK_EXECUTOR_OPTS": "-XX:TieredStopAtLevel=1 -Xms16m -Dx=1",
        "SPARK_EXECUTOR_CLASSPATH": "/x/*",
    }


def test_no_secret_goes_to_agents() -> None:
    made = task(
        {
            "spark.mesos.executor.secret.values": "tell-no-one",
            "spark.mesos.executor.secret.envkeys": "A",
            "spark.mesos.executor.secret.filenames": "a",
            "spark.mesos.secret": "tell-no-one",
            "spark.executor.extraJavaOptions": "-Djavax.net.ssl.trustStorePassword=tell-no-one",
        }
    )
    assert "tell-no-one" not in str(made)
    assert "volumes" not in made["container"]


def test_python() -> None:
    assert plan().trial("t").python == "python3"
    assert plan({"spark.pyspark.python": "/opt/python3.9"}).trial("t").python == "/opt/python3.9"
    assert plan({"spark.pyspark.python": "./environment/bin/python"}).python is None


def test_values_that_are_none() -> None:
    with pytest.raises(UsageError, match=r"spark\.driver\.port"):
        plan({"spark.driver.port": "many"})
    with pytest.raises(UsageError, match="containerizer"):
        plan({"spark.mesos.executor.docker.image": "x", "spark.mesos.containerizer": "rkt"})


def test_user() -> None:
    assert user_of({"SPARK_USER": "a", "HADOOP_USER_NAME": "b"}) == "a"
    assert user_of({"HADOOP_USER_NAME": "b"}) == "b"
    assert user_of({})
