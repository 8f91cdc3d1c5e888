from __future__ import annotations

from pathlib import Path

import pytest

from sparkmesos_core.errors import UsageError
from sparkmesos_core.storage.hadoop_configuration import (
    configuration_folder,
    hadoop_settings,
    hadoop_user,
    namenode_addresses,
)

HA = {
    "dfs.nameservices": "other, prod",
    "dfs.ha.namenodes.prod": "nn1,nn2",
    "dfs.namenode.http-address.prod.nn1": "a:9870",
    "dfs.namenode.http-address.prod.nn2": "b:9870",
    "dfs.namenode.https-address.prod.nn1": "a:9871",
}
RPC_ONLY = {
    "dfs.nameservices": "lab",
    "dfs.ha.namenodes.lab": "nn1,nn2",
    "dfs.namenode.rpc-address.lab.nn1": "a:8020",
    "dfs.namenode.rpc-address.lab.nn2": "b:8020",
    "dfs.namenode.http-address.lab.nn2": "0.0.0.0:1234",
}
ONE = {"fs.defaultFS": "hdfs://nn", "dfs.namenode.http-address": "0.0.0.0:1234"}


@pytest.mark.parametrize(
    ("scheme", "authority", "settings", "addresses"),
    [
        ("hdfs", "nn:8020", {}, ["http://nn:8020", "http://nn:9870", "http://nn:50070"]),
        ("hdfs", "nn", {}, ["http://nn:9870", "http://nn:50070"]),
        ("hdfs", "nn:9870", {}, ["http://nn:9870", "http://nn:50070"]),
        ("hdfs", "[::1]", {}, ["http://[::1]:9870", "http://[::1]:50070"]),
        ("webhdfs", "nn:1234", {}, ["http://nn:1234"]),
        ("webhdfs", "nn", {}, ["http://nn:9870", "http://nn:50070"]),
        ("swebhdfs", "nn", {}, ["https://nn:9871", "https://nn:50470"]),
        ("hdfs", "nn", {"dfs.http.policy": "HTTPS_ONLY"}, ["https://nn:9871", "https://nn:50470"]),
        ("hdfs", "prod", HA, ["http://a:9870", "http://b:9870"]),
        ("swebhdfs", "prod", HA, ["https://a:9871"]),
        ("hdfs", "other", HA, ["http://other:9870", "http://other:50070"]),
        ("hdfs", "lab", RPC_ONLY, ["http://a:9870", "http://a:50070", "http://b:1234"]),
        ("hdfs", "", {"fs.defaultFS": "hdfs://prod", **HA}, ["http://a:9870", "http://b:9870"]),
        ("hdfs", "", ONE, ["http://nn:1234"]),
        ("hdfs", "nn:8020", ONE, ["http://nn:1234"]),
        ("hdfs", "nn:9000", ONE, ["http://nn:9000", "http://nn:9870", "http://nn:50070"]),
        ("hdfs", "elsewhere", ONE, ["http://elsewhere:9870", "http://elsewhere:50070"]),
        (
            "hdfs",
            "nn:9000",
            {"dfs.namenode.rpc-address": "nn:9000", "dfs.namenode.http-address": "web:1"},
            ["http://web:1"],
        ),
    ],
)
def test_where_namenodes_answer(
    scheme: str, authority: str, settings: dict[str, str], addresses: list[str]
) -> None:
    assert namenode_addresses(scheme, authority, settings) == addresses


def test_a_uri_that_names_no_namenode_needs_settings() -> None:
    with pytest.raises(UsageError, match=r"fs\.defaultFS"):
        namenode_addresses("hdfs", "", {})


def test_settings(tmp_path: Path) -> None:
    (tmp_path / "core-site.xml").write_text(
        "<configuration><property><name>a</name><value> 1 </value></property>"
        "<property><name>b</name><value>2</value></property></configuration>"
    )
    assert hadoop_settings(tmp_path) == {"a": "1", "b": "2"}
    (tmp_path / "hdfs-site.xml").write_text(
        "<configuration><property><name>b</name><value>3</value></property></configuration>"
    )
    assert hadoop_settings(tmp_path) == {"a": "1", "b": "3"}
    assert hadoop_settings(tmp_path / "nowhere") == {}
    assert hadoop_settings(None) == {}
    (tmp_path / "hdfs-site.xml").write_text("<configuration>")
    with pytest.raises(UsageError, match=r"hdfs-site\.xml' is no XML"):
        hadoop_settings(tmp_path)


def test_values_that_refer_to_others(tmp_path: Path) -> None:
    entries = {
        "host": "nn",
        "a": "${host}:${port}",
        "port": "${number}",
        "number": "1",
        "odd": "${odd}",
        "no": "${x}",
    }
    properties = "".join(
        f"<property><name>{k}</name><value>{v}</value></property>" for k, v in entries.items()
    )
    (tmp_path / "core-site.xml").write_text(f"<configuration>{properties}</configuration>")
    settings = hadoop_settings(tmp_path)
    assert settings["a"] == "nn:1"
    assert settings["odd"] == "${odd}"
    assert settings["no"] == "${x}"


def test_where_the_configuration_is(tmp_path: Path) -> None:
    assert configuration_folder({}) is None
    assert configuration_folder({"HADOOP_CONF_DIR": "/conf", "HADOOP_HOME": str(tmp_path)}) == Path("/conf")
    assert configuration_folder({"HADOOP_HOME": str(tmp_path)}) is None
    conf = tmp_path / "etc" / "hadoop"
    conf.mkdir(parents=True)
    (conf / "core-site.xml").touch()
    assert configuration_folder({"HADOOP_HOME": str(tmp_path)}) == conf


def test_as_whom(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("LOGNAME", "bob")
    assert hadoop_user({}) == "bob"
    assert hadoop_user({"HADOOP_USER_NAME": "alice"}) == "alice"
