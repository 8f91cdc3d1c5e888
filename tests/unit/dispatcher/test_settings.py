"""What options, properties and variables make of a dispatcher."""

from __future__ import annotations

import socket
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest

from sparkmesos_core.conf.configuration import Configuration
from sparkmesos_core.conf.setting import Origin, Setting, Source
from sparkmesos_core.dispatcher.settings import (
    DispatcherOptions,
    DispatcherSettings,
    instance_number,
    make_settings,
)
from sparkmesos_core.errors import MasterUrlError, UsageError
from sparkmesos_core.spark.home import SparkHome

CONF = Origin(Source.CONF, "--conf")


def made(
    properties: Mapping[str, str] | None = None,
    variables: Mapping[str, str] | None = None,
    *,
    spark_home: str | None = None,
    installed_spark: SparkHome | None = None,
    **options: Any,
) -> DispatcherSettings:
    settings = [Setting(key, value, CONF) for key, value in (properties or {}).items()]
    return make_settings(
        Configuration([settings]),
        {"SPARK_USER": "ops", **(variables or {})},
        DispatcherOptions(**{"master": "mesos://10.0.0.1:5050", **options}),
        database=Path("/state/drivers.db"),
        spark_home=spark_home,
        installed_spark=installed_spark,
    )


def test_defaults() -> None:
    settings = made()
    assert (settings.host, settings.port, settings.webui_port) == ("127.0.0.1", 7077, 8081)
    assert settings.name == "Spark Cluster"
    assert settings.on_loopback
    assert settings.zookeeper is None
    assert settings.driver_limits.max_drivers == 200
    assert settings.driver_limits.max_queued is None
    info = settings.framework_info("http://127.0.0.1:8081")
    assert info == {
        "user": "ops",
        "name": "Spark Cluster",
        "hostname": socket.gethostname(),
        "webui_url": "http://127.0.0.1:8081",
        "checkpoint": True,
        "failover_timeout": 2147483647.0,
    }


def test_options_beat_variables() -> None:
    variables = {"SPARK_MESOS_DISPATCHER_HOST": "0.0.0.0", "SPARK_MESOS_DISPATCHER_PORT": "7177"}
    settings = made(variables=variables)
    assert (settings.host, settings.port) == ("0.0.0.0", 7177)
    assert not settings.on_loopback
    assert settings.advertised_host == socket.gethostname()
    settings = made(variables=variables, host="localhost", port=0)
    assert (settings.host, settings.port) == ("localhost", 0)
    assert settings.on_loopback


def test_instance_number() -> None:
    assert instance_number(None, {}) == 1
    assert instance_number(None, {"SPARK_MESOS_DISPATCHER_NUM": "4"}) == 4
    assert instance_number(2, {"SPARK_MESOS_DISPATCHER_NUM": "4"}) == 2


def test_how_long_a_silent_leader_leads() -> None:
    key = "spark.mesos.dispatcher.zookeeper.sessionTimeout"
    assert made().zookeeper_session == 10
    assert made({key: "20s"}).zookeeper_session == 20
    for text in ("1s", "2min", "soon"):
        with pytest.raises(UsageError, match=f"{key}, set by --conf"):
            made({key: text})


@pytest.mark.parametrize("text", ["many", "-1", "65536", "1.5", "٣"])
def test_a_port_that_is_none(text: str) -> None:
    with pytest.raises(
        UsageError, match=r"SPARK_MESOS_DISPATCHER_PORT=.* is not a whole number from 0 to 65535"
    ):
        made(variables={"SPARK_MESOS_DISPATCHER_PORT": text})


def test_a_port_for_two() -> None:
    for port, webui_port in ((8081, None), (None, 7077), (9000, 9000)):
        with pytest.raises(UsageError, match="cannot have the same port"):
            made(port=port, webui_port=webui_port)
    assert made(port=0, webui_port=0).port == 0


def test_properties() -> None:
    settings = made(
        {
            "spark.mesos.maxDrivers": "7",
            "spark.mesos.maxQueuedDrivers": "100",
            "spark.mesos.retainedDrivers": "3",
            "spark.mesos.cluster.retry.wait.max": "90",
            "spark.mesos.rejectOfferDuration": "5s",
            "spark.mesos.role": "spark",
            "spark.mesos.gpus.max": "2",
            "spark.mesos.dispatcher.webui.url": "https://ui.mesos.example",
            "spark.mesos.dispatcher.queue.URGENT": "2",
            "spark.mesos.dispatcher.driverDefault.spark.cores.max": "4",
            "spark.mesos.dispatcher.bridge.uri": "http://repo/bridge.jar",
            "spark.driver.host": "d1.mesos.example",
        },
        {"SPARK_PUBLIC_DNS": "spark.mesos.example"},
        name="Ours",
    )
    limits = settings.driver_limits
    assert (limits.max_drivers, limits.max_queued, limits.retained) == (7, 100, 3)
    assert (limits.longest_wait, limits.refuse_seconds) == (90, 5)
    info = settings.framework_info("http://127.0.0.1:8081")
    assert (info["name"], info["role"], info["hostname"]) == ("Ours", "spark", "spark.mesos.example")
    assert info["webui_url"] == "https://ui.mesos.example"
    assert info["capabilities"] == [{"type": "GPU_RESOURCES"}]
    assert settings.rules.queues == {"default": 0.0, "URGENT": 2.0}
    assert settings.rules.defaults == {"spark.cores.max": "4"}
    assert settings.cluster().bridge_uri == "http://repo/bridge.jar"
    assert settings.advertised_host == "spark.mesos.example"


@pytest.mark.parametrize(
    ("properties", "message"),
    [
        ({"spark.mesos.maxDrivers": "lots"}, "spark.mesos.maxDrivers, set by --conf"),
        ({"spark.mesos.maxDrivers": "-1"}, "spark.mesos.maxDrivers, set by --conf"),
        ({"spark.mesos.retainedDrivers": ""}, "spark.mesos.retainedDrivers"),
        ({"spark.mesos.cluster.retry.wait.max": "soon"}, "spark.mesos.cluster.retry.wait.max"),
        ({"spark.mesos.role": "a b"}, "spark.mesos.role"),
        ({"spark.mesos.dispatcher.queue.URGENT": "very"}, "spark.mesos.dispatcher.queue.URGENT"),
        ({"spark.mesos.dispatcher.queue.default": "1"}, "redefines the queue default"),
        ({"spark.authenticate.secret": "hush-hush"}, "does not start with spark.authenticate.secret"),
        ({"spark.deploy.recoveryMode": "FILESYSTEM"}, "spark.deploy.recoveryMode"),
        ({"spark.deploy.recoveryMode": "ZOOKEEPER"}, "nothing says where that is"),
        ({"spark.mesos.secret": "hush-hush"}, "no principal"),
    ],
)
def test_what_is_wrong_is_said(properties: dict[str, str], message: str) -> None:
    with pytest.raises(UsageError) as caught:
        made(properties)
    assert message in caught.value.message
    assert caught.value.hint
    assert "hush-hush" not in caught.value.message + caught.value.hint


@pytest.mark.parametrize("master", [None, "", "embedded", "mesos://https://m:5050"])
def test_masters_that_will_not_do(master: str | None) -> None:
    with pytest.raises(UsageError):
        made(master=master)


def test_a_master_that_is_no_url() -> None:
    with pytest.raises(MasterUrlError):
        made(master="spark://m:7077")


def test_masters_of_drivers() -> None:
    """A Spark with libmesos knows one master or ZooKeeper, but no list."""
    assert made().cluster().master == "10.0.0.1:5050"
    assert made().cluster("10.9.9.9:5050").master == "10.0.0.1:5050"
    several = made(master="mesos://m1:5050,m2:5050")
    assert several.cluster().master == "m1:5050"
    assert several.cluster("m2:5050").master == "m2:5050"
    zookeeper = made(master="mesos://zk://z1:2181,z2:2181/mesos")
    assert zookeeper.cluster("m2:5050").master == "zk://z1:2181,z2:2181/mesos"


def test_spark_home_of_agents() -> None:
    """A Spark that is merely installed here is where agents have it only if they are here, too."""
    installed = SparkHome(Path("/opt/spark"), "3.4.4", "2.12", has_mesos=True, origin="SPARK_HOME")
    assert made(installed_spark=installed).spark_home is None
    local = made(master="mesos://127.0.0.1:5050", installed_spark=installed)
    assert local.spark_home == "/opt/spark"
    assert (local.spark_version, made().spark_version) == ("3.4.4", "3.5.9")
    assert made(installed_spark=installed, spark_home="/srv/spark").cluster().spark_home == "/srv/spark"
    named = made({"spark.home": "/usr/spark"}, spark_home="/srv/spark")
    assert named.cluster().spark_home == "/usr/spark"


def test_credentials_from_files_without_the_line_feed(tmp_path: Path) -> None:
    principal, secret = tmp_path / "principal", tmp_path / "secret"
    principal.write_text("ops\n")
    secret.write_text(" s3cret \r\n")
    files = {"spark.mesos.principal.file": str(principal), "spark.mesos.secret.file": str(secret)}
    settings = made(files)
    assert (settings.principal, settings.secret) == ("ops", " s3cret ")
    assert settings.framework_info("")["principal"] == "ops"
    assert "s3cret" not in repr(settings)
    settings = made({**files, "spark.mesos.principal": "other"})
    assert settings.principal == "other"
    with pytest.raises(UsageError, match=r"spark.mesos.principal.file, set by --conf: .* cannot be read"):
        made({"spark.mesos.principal.file": str(tmp_path / "none")})


def test_zookeeper() -> None:
    servers = {"spark.deploy.recoveryMode": "zookeeper", "spark.deploy.zookeeper.url": "z1:2181,z2"}
    address = made(servers).zookeeper_address
    assert address is not None
    assert [str(server) for server in address.servers] == ["z1:2181", "z2:2181"]
    assert address.base == "/sparkmesos_dispatcher"
    named = made({**servers, "spark.deploy.zookeeper.dir": "/mine"}).zookeeper_address
    assert named is not None
    assert named.base == "/mine"
    assert made({"spark.deploy.zookeeper.url": "z1:2181"}).zookeeper_address is None
    secret = made({**servers, "spark.deploy.zookeeper.url": "ops:hush-hush@z1:2181"})
    assert "hush-hush" not in repr(secret)
    assert "hush-hush" not in str(secret.zookeeper_address)


def test_tls_key_without_certificate() -> None:
    with pytest.raises(UsageError, match="--tls-key is given without --tls-cert"):
        made(tls_key=Path("key.pem"))


def test_files_are_looked_at_before_anything_begins(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match=r"The token file .* cannot be read"):
        made(auth_token_file=tmp_path / "none")
    (tmp_path / "ca").write_text("no certificate")
    with pytest.raises(UsageError, match="holds no certificate"):
        made(ca_file=tmp_path / "ca")


def test_json_keeps_everything(tmp_path: Path) -> None:
    (tmp_path / "token").write_text("0123456789abcdef\n")
    settings = made(
        {"spark.mesos.principal": "ops", "spark.mesos.secret": "s", "spark.mesos.maxDrivers": "3"},
        {"SPARK_PUBLIC_DNS": "spark.mesos.example"},
        auth_token_file=tmp_path / "token",
        tls_cert=Path("cert.pem"),
    )
    assert settings.token == "0123456789abcdef"
    assert "0123456789abcdef" not in repr(settings)
    again = DispatcherSettings.from_json(settings.to_json())
    assert again == settings
    assert again.driver_limits == settings.driver_limits
    assert again.tls_certificate == str(Path.cwd() / "cert.pem")  # the process has another current folder
