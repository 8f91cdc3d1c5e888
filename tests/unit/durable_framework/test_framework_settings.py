"""Settings of a durable framework that is no dispatcher; those of one are in `dispatcher/test_settings.py`."""

from __future__ import annotations

import os
import pwd
import socket
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from sparkmesos_core.conf.configuration import Configuration
from sparkmesos_core.conf.setting import Origin, Setting, Source
from sparkmesos_core.durable_framework.framework_settings import (
    FrameworkSettings,
    StartOptions,
    number_in,
    read_master,
    read_settings,
    user_name,
)
from sparkmesos_core.durable_framework.record import RecordKind
from sparkmesos_core.errors import UsageError
from sparkmesos_core.spark.home import SparkHome


def _no_record(_fields: Any) -> Any:
    raise KeyError("no record")


LAMPS: RecordKind[Any] = RecordKind(
    singular="lamp",
    plural="lamps",
    holder="lighthouse",
    application_id=1,
    version=1,
    zookeeper_base="/lamps",
    from_json=_no_record,
)


@dataclass(frozen=True, kw_only=True)
class Lighthouse(FrameworkSettings):
    KIND = LAMPS

    port: int = 8
    name: str = "Lighthouse"
    beams: int = 2


def lighthouse(**given: Any) -> Lighthouse:
    fields = {"master": "mesos://m:5050", "properties": {}, "user": "u", "hostname": "h", **given}
    return Lighthouse(**fields)


def read(options: StartOptions, *properties: tuple[str, str], **variables: str) -> Lighthouse:
    origin = Origin(Source.CONF, "--conf")
    configuration = Configuration(([Setting(key, value, origin) for key, value in properties],))
    spark = SparkHome(Path("/opt/spark"), "3.5.9", "2.12", has_mesos=True, origin="SPARK_HOME")
    return Lighthouse(
        **read_settings(
            configuration,
            {"SPARK_USER": "ops", **variables},
            options,
            LAMPS,
            spark_home=None,
            installed_spark=spark,
        )
    )


@pytest.mark.parametrize("text", ["embedded", "https://m:5050"])
def test_masters_that_it_cannot_go_to_are_refused_in_its_name(text: str) -> None:
    with pytest.raises(UsageError, match=r"^A lighthouse "):
        read_master(text, "lighthouse")


def test_whom_tasks_run_as(monkeypatch: pytest.MonkeyPatch) -> None:
    assert user_name({"SPARK_USER": "ops"}, "lamps") == "ops"

    assert user_name({"HADOOP_USER_NAME": "hops"}, "lamps") == "hops"
    assert user_name({"USER": "who-called-su"}, "lamps") == pwd.getpwuid(os.getuid()).pw_name

    def nobody(_uid: int) -> pwd.struct_passwd:
        raise KeyError("uid")

    monkeypatch.setattr("pwd.getpwuid", nobody)
    assert user_name({"USER": "of-a-container"}, "lamps") == "of-a-container"
    with pytest.raises(UsageError, match="no name to run lamps as"):
        user_name({}, "lamps")


@pytest.mark.parametrize("text", ["-1", "65536", "1.5", "x", "²"])
def test_a_variable_that_is_no_number_of_the_range(text: str) -> None:
    with pytest.raises(UsageError, match=f"PORT={text} is not a whole number from 0 to 65535"):
        number_in({"PORT": text}, "PORT", 7, range(65536))


def test_a_variable_that_is_empty_or_missing_is_the_default() -> None:
    assert number_in({"PORT": " "}, "PORT", 7, range(65536)) == number_in({}, "PORT", 7, range(65536)) == 7


def test_the_name_for_others() -> None:
    assert lighthouse(host="127.0.0.1").advertised_host == "127.0.0.1"
    assert lighthouse(host="127.0.0.1", public_host="h.example").advertised_host == "h.example"
    assert lighthouse(host="0.0.0.0").advertised_host == socket.gethostname()


def test_mesos_keeps_its_tasks_for_ever() -> None:
    info = lighthouse(properties={"spark.mesos.role": " r "}).framework_info("http://h:1")
    assert info["checkpoint"] is True
    assert info["failover_timeout"] > 60 * 365 * 86400
    assert (info["role"], "principal" in info) == ("r", False)
    assert (info["webui_url"], info["name"], info["user"]) == ("http://h:1", "Lighthouse", "u")
    assert lighthouse(principal="p").framework_info("")["principal"] == "p"


def test_its_kind_says_what_it_is_called() -> None:
    with pytest.raises(UsageError, match=r"^A lighthouse "):
        _ = lighthouse(master="embedded").parsed_master
    address = lighthouse(zookeeper="z:2181").zookeeper_address
    assert address is not None
    assert address.base == "/lamps"


def test_text_keeps_everything_and_repr_hides_what_is_secret() -> None:
    settings = lighthouse(
        master="mesos://zk://u:hush@z:2181/mesos",
        properties={"spark.mesos.secret": "hush"},
        secret="hush",
        zookeeper="u:hush@z:2181",
        token="hush",
        beams=3,
    )
    assert Lighthouse.from_json(settings.to_json()) == settings
    assert "hush" not in repr(settings)
    assert "beams=3" in repr(settings)


def test_what_is_read_for_all(tmp_path: Path) -> None:
    (tmp_path / "token").write_text("0123456789abcdef\n")
    settings = read(
        StartOptions(master="mesos://127.0.0.1:5050", auth_token_file=tmp_path / "token"),
        ("spark.mesos.principal", "p"),
        ("spark.mesos.secret", "s"),
        ("spark.deploy.recoveryMode", "zookeeper"),
        ("spark.deploy.zookeeper.url", "z:2181"),
        ("spark.deploy.zookeeper.dir", "/ours"),
        ("spark.mesos.dispatcher.zookeeper.sessionTimeout", "20s"),
        SPARK_PUBLIC_DNS="h.example",
    )
    assert (settings.principal, settings.secret, settings.token) == ("p", "s", "0123456789abcdef")
    assert (settings.zookeeper, settings.zookeeper_base, settings.zookeeper_session) == (
        "z:2181",
        "/ours",
        20.0,
    )
    assert (settings.user, settings.hostname, settings.public_host) == ("ops", "h.example", "h.example")
    assert settings.spark_home == "/opt/spark"
    assert read(StartOptions(master="mesos://m:5050")).spark_home is None
    assert read(StartOptions(master="mesos://m:5050"), ("spark.driver.host", "d")).hostname == "d"


def test_a_master_is_needed_unless_it_is_said_that_it_is_not() -> None:
    with pytest.raises(UsageError, match="The lighthouse has to know its Mesos master"):
        read(StartOptions())
    fields = read_settings(
        Configuration(()),
        {"SPARK_USER": "ops"},
        StartOptions(),
        LAMPS,
        spark_home=None,
        installed_spark=None,
        needs_master=False,
    )
    assert fields["master"] == ""
