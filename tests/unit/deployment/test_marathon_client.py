"""Apps put into a Marathon: what becomes of them, and what is said if nothing does."""

from __future__ import annotations

import base64
import ssl
from pathlib import Path
from typing import Any

import pytest
import trustme

from sparkmesos_core.deployment.marathon_client import MarathonUrl, deploy, parse_marathon_url
from sparkmesos_core.errors import DeploymentError, ExitCode, UnreachableError, UsageError
from tests.http_stub import Answer, http_stub
from tests.servers.marathon import Marathon, marathon

APP: dict[str, Any] = {
    "id": "/spark/dispatcher",
    "cmd": "exec sleep 1",
    "cpus": 0.5,
    "mem": 64,
    "portDefinitions": [],
}


def _url(server: Marathon, user: str = "") -> MarathonUrl:
    return parse_marathon_url(server.url.replace("//", f"//{user}@" if user else "//"))


def test_created_then_replaced() -> None:
    with marathon() as server:
        first = deploy({**APP, "labels": {"a": "b"}}, _url(server))
        second = deploy({**APP, "mem": 128}, _url(server))
    assert (first.app_id, first.created, second.created) == ("/spark/dispatcher", True, False)
    assert first.id
    assert first.id != second.id
    # Replaced, not mixed with what was there.
    assert server.apps["/spark/dispatcher"] == {**APP, "mem": 128}


def test_refused_with_its_details() -> None:
    with marathon() as server, pytest.raises(DeploymentError) as caught:
        deploy({**APP, "instances": -1, "upgradeStrategy": {"minimumHealthCapacity": 2}}, _url(server))
    assert "/upgradeStrategy/minimumHealthCapacity 2 is greater than the maximum of 1" in caught.value.message
    assert "/instances -1 is less than the minimum of 0" in caught.value.message
    assert caught.value.exit_code == ExitCode.FAILED


def test_a_deployment_under_way() -> None:
    with marathon() as server:
        server.deploying.add("/spark/dispatcher")
        with pytest.raises(DeploymentError, match="still at work on /spark/dispatcher") as caught:
            deploy(APP, _url(server))
    assert f"{server.url}/v2/deployments/97c136bf-5a28-4821-9d94-480d9fbb01c8" in caught.value.hint
    assert not server.apps


@pytest.mark.parametrize(("user", "password"), [("ops", "hunter2"), ("öps", "pä:ss@wörd/1")])
def test_credentials(user: str, password: str) -> None:
    with marathon() as server:
        server.credentials = f"{user}:{password}"
        with pytest.raises(DeploymentError, match="wants other credentials than these, or some") as caught:
            deploy(APP, _url(server, "ops:wrong"))
        assert "wrong" not in caught.value.message + caught.value.hint
        deploy(APP, MarathonUrl(server.url, user, password))
    assert server.asked[-1] == "Basic " + base64.b64encode(f"{user}:{password}".encode()).decode()


def test_not_allowed() -> None:
    with marathon() as server:
        server.credentials = "pw"
        with pytest.raises(DeploymentError, match="does not allow this: Not Authorized"):
            deploy(APP, _url(server, "reader:pw"))


def test_pointed_to_the_leader() -> None:
    with marathon() as leader, marathon() as follower:
        follower.leader = leader.url
        leader.credentials = "ops:hunter2"
        done = deploy(APP, _url(follower, "ops:hunter2"))
    assert done.url == leader.url
    assert leader.apps == {"/spark/dispatcher": APP}


def test_credentials_of_a_redirect_are_not_used() -> None:
    with marathon() as leader, marathon() as follower:
        follower.leader = leader.url.replace("//", "//other:hunter2@")
        done = deploy(APP, _url(follower))
    assert done.url == leader.url
    assert leader.asked == [""]


def test_credentials_of_a_netrc_file_are_not_used(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    netrc = tmp_path / "netrc"
    netrc.write_text("machine 127.0.0.1 login other password hunter2\n")
    netrc.chmod(0o600)
    monkeypatch.setenv("NETRC", str(netrc))
    with marathon() as server:
        deploy(APP, _url(server))
    assert server.asked == [""]


def test_not_pointed_from_https_to_http(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    authority = trustme.CA()
    authority.cert_pem.write_to_path(str(tmp_path / "ca.pem"))
    monkeypatch.setenv("REQUESTS_CA_BUNDLE", str(tmp_path / "ca.pem"))
    tls = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    authority.issue_cert("127.0.0.1").configure_cert(tls)
    with marathon() as leader:
        away = Answer(307, b"", {"Location": f"{leader.url}/v2/apps{APP['id']}"})
        with http_stub(lambda _: away, tls=tls) as stub:
            with pytest.raises(DeploymentError, match=f"redirects from https to {leader.url}"):
                deploy(APP, MarathonUrl(f"https://{stub.address}", "ops", "hunter2"))
            assert len(stub.requests) == 1  # it was trusted
    assert leader.asked == []


def test_redirects_without_end() -> None:
    with marathon() as one, marathon() as other:
        one.leader, other.leader = other.url, one.url
        with pytest.raises(DeploymentError, match="redirects without end"):
            deploy(APP, _url(one))


@pytest.mark.parametrize("location", ["", "ftp://h/x", "http://[", "/v2/apps/spark/dispatcher?x"])
def test_redirects_to_nowhere(location: str) -> None:
    with http_stub(lambda _: Answer(307, b"", {"Location": location})) as stub:
        with pytest.raises(DeploymentError, match="redirects to"):
            deploy(APP, MarathonUrl(f"http://{stub.address}"))
        assert len(stub.requests) == 1


def test_no_leader() -> None:
    answer = Answer(502, b"Could not determine the current leader", {"Content-Type": "text/plain"})
    with http_stub(lambda _: answer) as stub, pytest.raises(UnreachableError) as caught:
        deploy(APP, MarathonUrl(f"http://{stub.address}"))
    assert "Could not determine the current leader" in caught.value.message
    assert caught.value.exit_code == ExitCode.UNREACHABLE


@pytest.mark.parametrize(
    "answer",
    [
        Answer(200, b"<html>", {"Content-Type": "text/html"}),
        Answer(404, b"nothing here"),
        Answer(404, b"404 Not Found."),
        Answer(405, b"[]"),
        Answer(201, b"[]"),
    ],
)
def test_no_marathon(answer: Answer) -> None:
    with http_stub(lambda _: answer) as stub:
        with pytest.raises(DeploymentError, match="is no Marathon: it answered") as caught:
            deploy(APP, MarathonUrl(f"http://{stub.address}"))
        assert "address of a Marathon" in caught.value.hint
        assert caught.value.message.count("404") <= 1


def test_a_marathon_that_fails() -> None:
    with http_stub(lambda _: Answer(500, b'{"message": "Disk full"}')) as stub:
        with pytest.raises(DeploymentError, match="answered Disk full") as caught:
            deploy(APP, MarathonUrl(f"http://{stub.address}"))
        assert "its log" in caught.value.hint


def test_nobody_there() -> None:
    with marathon() as server:
        url = server.url
    with pytest.raises(UnreachableError, match=f"Marathon at {url} refuses the connection"):
        deploy(APP, parse_marathon_url(url.replace("//", "//ops:hunter2@")))


@pytest.mark.parametrize(
    ("name", "problem"), [("ca.pem", "holds no certificate"), ("none", "cannot be read")]
)
def test_authorities_that_are_none(
    name: str, problem: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "ca.pem").write_text("no certificate")
    monkeypatch.setenv("REQUESTS_CA_BUNDLE", str(tmp_path / name))
    with pytest.raises(UsageError, match=problem) as caught:
        deploy(APP, MarathonUrl("https://127.0.0.1:1"))
    assert "REQUESTS_CA_BUNDLE" in caught.value.hint


def test_authorities_may_be_a_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("REQUESTS_CA_BUNDLE", str(tmp_path))
    with pytest.raises(UnreachableError, match="refuses the connection"):
        deploy(APP, MarathonUrl("https://127.0.0.1:1"))


@pytest.mark.parametrize(
    ("text", "base", "user", "password"),
    [
        ("http://h:8080", "http://h:8080", None, None),
        ("http://h:8080/", "http://h:8080", None, None),
        ("https://h/service/marathon/ui/", "https://h/service/marathon", None, None),
        ("http://h:8080/v2/apps", "http://h:8080", None, None),
        ("http://ops:p%40ss@h:8080", "http://h:8080", "ops", "p@ss"),
        ("http://ops@[2001:db8::1]:8080", "http://[2001:db8::1]:8080", "ops", ""),
    ],
)
def test_urls(text: str, base: str, user: str | None, password: str | None) -> None:
    parsed = parse_marathon_url(text)
    assert (parsed.base, parsed.user, parsed.password) == (base, user, password)
    assert "p@ss" not in repr(parsed)


@pytest.mark.parametrize(
    "text", ["h:8080", "ftp://h", "http://", "http://ops:hunter2@h:x", "http://h?x=1", "http://h/#/apps", ""]
)
def test_urls_that_are_none(text: str) -> None:
    with pytest.raises(UsageError, match="no URL of a Marathon") as caught:
        parse_marathon_url(text)
    assert "hunter2" not in caught.value.message + caught.value.hint
