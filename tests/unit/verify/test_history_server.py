"""Where the history server is, and what it says."""

from __future__ import annotations

import socket
import ssl
from pathlib import Path

import pytest
import trustme

from sparkmesos_core.errors import SparkMesosError, UnreachableError, UsageError
from sparkmesos_core.master import HostPort
from sparkmesos_core.verify.history_server import HistoryServer, history_server_at, spark_version_of
from tests.http_stub import Answer, http_stub

PATH = "/api/v1/version"


@pytest.mark.parametrize(
    ("url", "address", "scheme", "path"),
    [
        ("http://history:18080", HostPort("history", 18080), "http", ""),
        ("http://history", HostPort("history", 80), "http", ""),
        ("HTTPS://history/", HostPort("history", 443), "https", ""),
        ("http://[::1]:18080/spark/", HostPort("::1", 18080), "http", "/spark"),
    ],
)
def test_urls(url: str, address: HostPort, scheme: str, path: str) -> None:
    assert history_server_at(url, named_by="a file") == HistoryServer(address, scheme, path)


@pytest.mark.parametrize(
    "url", ["history:18080", "hdfs://history", "http://", "http://h:x", "http://[", "", "http://u:hunter2@h"]
)
def test_no_url(url: str) -> None:
    with pytest.raises(UsageError) as caught:
        history_server_at(url, named_by="spark-defaults.conf:3")
    assert "spark-defaults.conf:3" in caught.value.message
    assert "hunter2" not in caught.value.message
    assert "http://HOST:18080" in caught.value.hint


def version(answer: Answer, path: str = "") -> str:
    with http_stub({path + PATH: answer}) as stub:
        return spark_version_of(HistoryServer(stub.address, path=path), 30, None)


def test_versions() -> None:
    assert version(Answer(200, b'{ "spark" : "3.5.9" }')) == "3.5.9"
    assert version(Answer(200, b'{"spark": "2.4.8"}'), "/behind/a/proxy") == "2.4.8"
    assert version(Answer(401, b"who are you")) == ""


@pytest.mark.parametrize(
    "answer",
    [Answer(404), Answer(200, b"<html>"), Answer(200, b"[]"), Answer(200, b'{"spark": 3}'), Answer(500)],
)
def test_no_history_server(answer: Answer) -> None:
    with pytest.raises(SparkMesosError) as caught:
        version(answer)
    assert "is no history server of Spark" in caught.value.message


def test_moved() -> None:
    with pytest.raises(SparkMesosError) as caught:
        version(Answer(302, b"", {"Location": "https://elsewhere/"}))
    assert "points to 'https://elsewhere/'" in caught.value.message


def test_nobody() -> None:
    with socket.socket() as bound:  # and does not listen
        bound.bind(("127.0.0.1", 0))
        server = HistoryServer(HostPort("127.0.0.1", bound.getsockname()[1]))
        with pytest.raises(UnreachableError) as caught:
            spark_version_of(server, 30, None)
    assert caught.value.message == f"The history server at {server} refuses the connection"


def test_names_that_cannot_be_resolved() -> None:
    with pytest.raises(UnreachableError) as caught:
        spark_version_of(HistoryServer(HostPort("history.invalid", 18080)), 30, None)
    assert "the name 'history.invalid' cannot be resolved" in caught.value.message


def test_no_tls() -> None:
    with http_stub({}) as stub, pytest.raises(UnreachableError) as caught:
        spark_version_of(HistoryServer(stub.address, "https"), 30, None)
    assert "speaks plain HTTP, not TLS" in caught.value.message
    assert caught.value.hint == f"Write http://{stub.address}."


def test_tls(tmp_path: Path) -> None:
    authority, other = trustme.CA(), trustme.CA()
    tls = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    authority.issue_cert("127.0.0.1").configure_cert(tls)
    right, wrong = str(tmp_path / "right"), str(tmp_path / "wrong")
    authority.cert_pem.write_to_path(right)
    other.cert_pem.write_to_path(wrong)
    with http_stub({PATH: Answer(200, b'{"spark": "3.5.9"}')}, tls) as stub:
        assert spark_version_of(HistoryServer(stub.address, "https"), 30, right) == "3.5.9"
        with pytest.raises(UnreachableError, match="not trusted") as caught:
            spark_version_of(HistoryServer(stub.address, "https"), 30, wrong)
        assert "--ca-file" in caught.value.hint
        with pytest.raises(UnreachableError, match="speaks TLS, not plain HTTP") as caught:
            spark_version_of(HistoryServer(stub.address), 30, right)
        assert caught.value.hint == f"Write https://{stub.address}."
