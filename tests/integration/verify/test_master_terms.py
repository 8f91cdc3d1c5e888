"""What a leading master demands of applications, and they of it."""

from __future__ import annotations

import json
import ssl
from datetime import datetime, timedelta, timezone
from pathlib import Path
from typing import Any

import pytest
import trustme

from sparkmesos_core.localcluster.cluster import AgentSpec, RunningCluster
from sparkmesos_core.localcluster.credentials import Authentication
from tests.integration.verify.altered_master import AlteredServer
from tests.integration.verify.conftest import NewCluster
from tests.integration.verify.verifying import SOUND, Report, verify

SECRET = "tale-of-two-cities"


def check(cluster: RunningCluster | AlteredServer, *arguments: str) -> Report:
    return verify("--master", cluster.url, *SOUND, *arguments)


def conf(**properties: str) -> list[str]:
    """`conf(role="etl")` sets spark.mesos.role."""
    named = ((name.replace("_", "."), value) for name, value in properties.items())
    return [part for name, value in named for part in ("--conf", f"spark.mesos.{name}={value}")]


def of_version(version: str) -> Any:
    def change(answer: dict[str, Any]) -> None:
        answer["version"] = version

    return change


@pytest.mark.breaks("master-version")
def test_too_old_for_the_bridge(altered: AlteredServer) -> None:
    altered.edit("/version", of_version("0.28.2"))
    report = check(altered)
    assert report.failing() == report.errors() == {"master-version"}, report
    assert report.exit_code == 1
    assert report.seen("master-version") == "Mesos 0.28.2"
    assert report.message("master-version") == (
        f"Mesos 0.28.2 at {altered.http_url} is too old for the bridge, which speaks the scheduler HTTP API (1.0)"
    )
    assert report.hint("master-version").startswith("Upgrade Mesos to 1.0 or newer, the masters first")
    altered.heal()
    altered.edit("/version", of_version("1.0.0"))
    assert check(altered).failing() == set()


@pytest.mark.breaks("master-version")
def test_too_old_for_secrets(altered: AlteredServer) -> None:
    altered.edit("/version", of_version("1.2.3"))
    secrets = conf(executor_secret_names="/password", executor_secret_envkeys="PASSWORD")
    report = check(altered, *secrets)
    assert report.failing() == {"master-version"}, report
    assert "is too old for secrets (1.3)" in report.message("master-version")
    assert report.hint("master-version").startswith("Upgrade Mesos to 1.3 or newer")
    assert check(altered).failing() == set()
    altered.heal()
    assert check(altered, *secrets).failing() == set()


@pytest.mark.breaks("master-api")
def test_a_proxy_that_lets_no_frameworks_through(altered: AlteredServer) -> None:
    altered.status("/api/v1/scheduler", 404, b"no such page")
    report = check(altered)
    assert report.failing() == report.errors() == {"master-api"}, report
    assert report.message("master-api") == (
        f"{altered.http_url}/api/v1/scheduler answers 404 Not Found: no such page, not like a Mesos master"
    )
    assert "let it pass on /api/v1/scheduler" in report.hint("master-api")
    altered.heal()
    assert check(altered).failing() == set()


# Authentication


@pytest.fixture(scope="module")
def principals() -> dict[str, str]:
    return {"spark": SECRET}


@pytest.mark.breaks("master-authentication")
def test_credentials_are_wanted(new_cluster: NewCluster, principals: dict[str, str], tmp_path: Path) -> None:
    secured = new_cluster(
        authentication=Authentication(principals, frameworks=True, readonly=True, readwrite=True)
    )
    secret = tmp_path / "secret"
    url = secured.http_url

    missing = check(secured)
    assert missing.failing() == missing.errors() == {"master-authentication"}, missing
    assert missing.exit_code == 1
    assert missing.message("master-authentication") == (
        f"{url} wants credentials, and there are none (401 Unauthorized)"
    )
    assert "Set spark.mesos.principal and spark.mesos.secret" in missing.hint("master-authentication")
    assert missing.follows()["agents-registered"] == "master-authentication"

    given = conf(principal="spark", secret_file=str(secret))
    # Whatever the master wants, Spark would not start: that is told once.
    gone = check(secured, *given)
    assert gone.failing() == gone.errors() == {"configuration"}, gone
    assert gone.message("configuration") == f"The file {secret} of spark.mesos.secret.file does not exist"
    assert "put the file there" in gone.hint("configuration")
    assert set(gone.follows().values()) == {"configuration"}, gone
    assert gone.follows()["master-authentication"] == "configuration"

    secret.write_text("wrong\n")
    secret.chmod(0o600)
    wrong = check(secured, *given)
    assert wrong.failing() == {"master-authentication"}, wrong
    assert wrong.message("master-authentication") == (
        f"{url} does not accept the credentials of the principal spark (401 Unauthorized)"
    )
    assert wrong.hint("master-authentication").startswith(
        "Correct spark.mesos.principal and spark.mesos.secret"
    )
    secret.write_text(f"{SECRET}\n")  # which the bridge takes for its end
    right = check(secured, *given)
    assert right.failing() == set(), right
    assert right.seen("master-authentication") == "the master knows spark"
    assert SECRET not in json.dumps(dict(right.checks)) + right.stderr


@pytest.mark.breaks("master-authentication")
def test_only_frameworks_have_to_say_who_they_are(
    new_cluster: NewCluster, principals: dict[str, str], tmp_path: Path
) -> None:
    secured = new_cluster(agents=(AgentSpec(),), authentication=Authentication(principals, frameworks=True))
    report = check(secured)
    assert report.failing() == report.errors() == {"master-authentication"}, report
    assert report.follows() == {}
    assert report.message("master-authentication") == (
        f"{secured.http_url} wants credentials, and there are none (401 Unauthorized)"
    )
    assert "Set spark.mesos.principal and spark.mesos.secret" in report.hint("master-authentication")
    secret = tmp_path / "secret"
    secret.write_text(SECRET)
    secret.chmod(0o600)
    healed = check(secured, *conf(principal="spark", secret_file=str(secret)))
    assert healed.failing() == set(), healed
    assert healed.seen("master-authentication") == "the master knows spark"


def test_credentials_are_not_shown_to_who_wants_none(cluster: RunningCluster, altered: AlteredServer) -> None:
    report = check(altered, *conf(principal="spark", secret=SECRET))
    assert report.errors() == set(), report
    assert report.seen("master-authentication") == (
        "the master asks no credentials of frameworks, those of spark included"
    )
    assert altered.received
    assert not any("Authorization" in headers for _, _, headers in altered.received)


def test_acls_that_keep_flags_and_metrics(altered: AlteredServer) -> None:
    for path in ("/flags", "/metrics/snapshot"):
        altered.status(path, 403)
    report = check(altered)
    assert report.failing() == set(), report
    assert report.follows() == {}
    assert "does not let us see its flags" in report.message("master-authentication")
    assert report.seen("master-role") == "the role is *; which ones the master takes, it does not tell"
    assert report.status("master-messages") == "skipped"


# Roles and TLS


@pytest.mark.breaks("master-role")
def test_a_role_that_the_master_does_not_know(new_cluster: NewCluster) -> None:
    cluster = new_cluster(agents=(AgentSpec(),), roles=("etl", "web"))
    report = check(cluster, *conf(role="elt"))
    assert report.failing() == report.errors() == {"master-role"}, report
    master = cluster.http_url.removeprefix("http://")
    problem = report.problem("master-role")
    assert problem["message"] == f"The master at {master} refuses the role elt: its --roles names etl, web"
    assert problem["key"] == "spark.mesos.role"
    assert problem["place"], problem
    assert "Correct spark.mesos.role" in problem["hint"]
    assert check(cluster, *conf(role="etl")).failing() == set()
    assert check(cluster).failing() == set()


@pytest.mark.breaks("master-tls")
@pytest.mark.parametrize("by", ["option", "environment"])
def test_a_certificate_that_ends_soon(
    cluster: RunningCluster, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, by: str
) -> None:
    authority = trustme.CA()
    ca_file = tmp_path / "ca.pem"
    authority.cert_pem.write_to_path(str(ca_file))
    if by == "environment":
        monkeypatch.setenv("REQUESTS_CA_BUNDLE", str(ca_file))
    option = ("--ca-file", str(ca_file)) if by == "option" else ()

    def verified(days: int) -> Report:
        ends = datetime.now(timezone.utc) + timedelta(days=days, hours=1)
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        authority.issue_cert("localhost", not_after=ends).configure_cert(context)
        with AlteredServer(cluster.http_url, tls=context).serving() as master:
            # The agents of this cluster speak plain HTTP, so the other groups are left out.
            return verify(
                "--master", f"mesos://https://localhost:{master.port}", *option, "--only", "master",
            )  # fmt: skip

    report = verified(9)
    assert report.failing() == {"master-tls"}, report
    assert report.errors() == set()
    assert "is good for 9 more days" in report.message("master-tls")
    assert report.hint("master-tls").startswith("Renew it and restart the master")
    assert verified(90).failing() == set()
