"""What the framework of the shuffle services is told, and what is wrong with it."""

from __future__ import annotations

from pathlib import Path

import pytest

from sparkmesos_core.conf.configuration import Configuration
from sparkmesos_core.conf.setting import Origin, Setting, Source
from sparkmesos_core.errors import UsageError
from sparkmesos_core.shuffle_service.on_agents.settings import (
    ServicesOptions,
    ServicesSettings,
    is_read,
    make_settings,
    memory_of,
)
from sparkmesos_core.spark.home import SparkHome

MASTER = ServicesOptions(master="mesos://m1:5050")


def configuration(**properties: str) -> Configuration:
    origin = Origin(Source.CONF, "--conf")
    return Configuration(
        ([Setting(key.replace("__", "."), value, origin) for key, value in properties.items()],)
    )


def made(options: ServicesOptions = MASTER, **properties: str) -> ServicesSettings:
    variables = {"SPARK_USER": "ops"}
    return make_settings(configuration(**properties), variables, options, folder=Path("/s/shuffle-service-1"))


def test_defaults() -> None:
    settings = made()
    assert (settings.host, settings.port, settings.service_port) == ("127.0.0.1", 7338, 7337)
    assert (settings.cpus, settings.heap, settings.memory) == (0.5, 1024, 1024 + 384)
    assert settings.database == Path("/s/shuffle-service-1/services.db")
    assert settings.zookeeper_address is None
    info = settings.framework_info("http://h:7338")
    assert info["name"] == "Spark shuffle services"
    assert info["checkpoint"] is True
    assert info["capabilities"] == [{"type": "PARTITION_AWARE"}, {"type": "GPU_RESOURCES"}]
    assert info["failover_timeout"] > 10 * 365 * 86400
    assert "role" not in info


def test_it_is_handed_over_as_text_and_hides_its_secrets() -> None:
    settings = made(
        ServicesOptions(master="mesos://zk://u:hush@z:2181/mesos"),
        spark__mesos__role="shuffle",
        spark__mesos__constraints="rack:a,b;ssd:",
        spark__authenticate="TRUE",
        spark__authenticate__secret="hush",
        spark__mesos__principal="p",
        spark__mesos__secret="hush",
        spark__deploy__recoveryMode="ZOOKEEPER",
        spark__deploy__zookeeper__url="u:hush@z:2181",
    )
    assert ServicesSettings.from_json(settings.to_json()) == settings
    assert "hush" not in repr(settings)
    assert settings.framework_info("http://h:1")["role"] == "shuffle"
    assert [str(one) for one in settings.constraints] == ["rack:a,b", "ssd:"]
    assert settings.authenticates
    assert str(settings.zookeeper_address) == "/sparkmesos_shuffle_services in ZooKeeper (z:2181)"


@pytest.mark.parametrize(
    ("servers", "base", "node"),
    [
        ("z:2181", None, "/sparkmesos_shuffle_services"),
        ("z:2181/ours", None, "/ours"),
        ("zk://z:2181/ours", None, "/ours"),
        # What names the dispatcher's node may be shared with it, and the node cannot.
        ("z:2181", "/spark", "/spark_shuffle_services"),
        ("z:2181/ours", "/spark", "/ours"),
        ("zk://z:2181/ours", "/spark", "/ours"),
        ("zk://z:2181", "/spark/", "/spark_shuffle_services"),
    ],
)
def test_the_node_in_zookeeper(servers: str, base: str | None, node: str) -> None:
    given = {} if base is None else {"spark__deploy__zookeeper__dir": base}
    settings = made(
        MASTER, spark__deploy__recoveryMode="ZOOKEEPER", spark__deploy__zookeeper__url=servers, **given
    )
    assert settings.zookeeper_address is not None
    assert settings.zookeeper_address.base == node


def test_agents_on_this_machine_have_the_spark_that_is_here() -> None:
    spark = SparkHome(Path("/opt/spark"), "3.5.9", "2.12", has_mesos=True, origin="SPARK_HOME")
    local = ServicesOptions(master="mesos://127.0.0.1:5050")
    folder = Path("/s")
    variables = {"SPARK_USER": "ops"}
    assert make_settings(
        configuration(), variables, local, folder=folder, installed_spark=spark
    ).spark_home == str(spark.path)
    assert (
        make_settings(configuration(), variables, MASTER, folder=folder, installed_spark=spark).spark_home
        is None
    )


@pytest.mark.parametrize(
    ("memory", "daemon_memory", "heap", "total"),
    [
        (None, None, 1024, 1408),
        (None, "2g", 2048, 2048 + 384),
        (None, "8g", 8192, 8192 + 819),
        ("2g", None, 2048 - 384, 2048),
        ("2048", None, 2048 - 384, 2048),
        ("8g", None, 8192 - 819, 8192),
        ("2g", "1g", 1024, 2048),
    ],
)
def test_memory(memory: str | None, daemon_memory: str | None, heap: int, total: int) -> None:
    assert memory_of(memory, daemon_memory) == (heap, total)


TOO_SMALL = "Set it to 64m or more, or unset it."


@pytest.mark.parametrize(
    ("memory", "daemon_memory", "message", "hint"),
    [
        ("400m", None, "--memory 400m leaves 16 MiB of heap to a service", "Give 448m or more."),
        ("100m", None, "--memory 100m leaves 0 MiB of heap to a service", "Give 448m or more."),
        ("100m", "1m", "SPARK_DAEMON_MEMORY=1m leaves 1 MiB of heap to a service", TOO_SMALL),
        (None, "100", "SPARK_DAEMON_MEMORY=100 leaves 0 MiB of heap to a service", TOO_SMALL),
        (
            "1g",
            "1g",
            "--memory 1g is not more than the heap of a service, which is 1024 MiB",
            "Give 1408m or more, or a lower SPARK_DAEMON_MEMORY.",
        ),
        (
            "64m",
            "100m",
            "--memory 64m is not more than the heap of a service, which is 100 MiB",
            "Give 484m or more.",
        ),
        ("much", None, "'much' is not a size", None),
        (None, "1.5g", "'1.5g' is not a size: Spark takes no fractions", None),
    ],
)
def test_memory_that_is_no_good(
    memory: str | None, daemon_memory: str | None, message: str, hint: str | None
) -> None:
    with pytest.raises(UsageError) as raised:
        memory_of(memory, daemon_memory)
    assert raised.value.message == message
    assert raised.value.hint
    assert hint in (None, raised.value.hint)


@pytest.mark.parametrize(
    ("options", "properties", "message"),
    [
        (ServicesOptions(), {}, "The shuffle service framework has to know its Mesos master"),
        (
            ServicesOptions(master="mesos://https://m:5050"),
            {},
            "A shuffle service framework cannot speak to mesos://https://m:5050: pymesos does not speak https",
        ),
        (
            ServicesOptions(master="embedded[2]"),
            {},
            "A shuffle service framework needs a Mesos that is there before it and after it",
        ),
        (MASTER, {"spark__shuffle__service__port": "0"}, "Services on agents cannot have 0 as their port"),
        (
            MASTER,
            {"spark__deploy__recoveryMode": "ZOOKEEPER"},
            "spark.deploy.recoveryMode is ZOOKEEPER, but nothing says where that is",
        ),
    ],
)
def test_what_is_wrong(options: ServicesOptions, properties: dict[str, str], message: str) -> None:
    with pytest.raises(UsageError) as raised:
        made(options, **properties)
    assert raised.value.message == message


def test_constraints_that_are_none() -> None:
    with pytest.raises(UsageError, match=r"spark\.mesos\.constraints, set by --conf"):
        made(spark__mesos__constraints="rack")


def test_what_is_read_besides_what_services_read() -> None:
    assert is_read("spark.mesos.constraints")
    assert is_read("spark.mesos.executor.docker.image")
    assert is_read("spark.deploy.zookeeper.url")
    assert not is_read("spark.executor.memory")
    assert not is_read("spark.mesos.maxDrivers")
