"""Clients of a dispatcher that does not lead: our commands over TLS and with a token, Spark's own, browsers."""

from __future__ import annotations

import json
import os
import re
import subprocess
from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
import requests
import trustme

from sparkmesos_core.localcluster.cluster import AgentSpec, ClusterSpec, cluster_in_thread
from sparkmesos_core.spark.home import find_spark
from sparkmesos_core.spark.java import find_java
from tests.integration.zookeeper import zookeeper_server
from tests.servers.dispatcher import COMMAND

pytestmark = pytest.mark.slow

TOKEN = "0123456789abcdef0123456789abcdef"
_LAST_ARGUMENT_AS_SCRIPT = '#!/bin/sh\nfor last; do :; done\nexec /bin/sh -c "$last"\n'


@dataclass(frozen=True)
class Place:
    folder: Path
    master: str
    zookeeper: str

    def run(self, *arguments: str, state: str = "client") -> subprocess.CompletedProcess[str]:
        """One of our commands, with a state folder of this name."""
        environment = {name: value for name, value in os.environ.items() if not name.startswith("SPARK")}
        environment["SPARKMESOS_STATE_DIR"] = str(self.folder / state)
        return subprocess.run(
            [COMMAND, *arguments],
            env=environment,
            cwd=self.folder,
            capture_output=True,
            text=True,
            timeout=120,
        )

    def start(self, stack: ExitStack, number: int, base: str, *options: str) -> tuple[dict[str, Any], str]:
        """A dispatcher that is stopped in the end; what it tells of itself on stdout, and on stderr."""
        state = f"{base}-{number}"
        stack.callback(self.run, "stop-dispatcher", state=state)
        started = self.run(
            *("start-dispatcher", "--master", self.master, "--zk", self.zookeeper, "--output", "json"),
            *("--conf", f"spark.deploy.zookeeper.dir=/{base}", "--port", "0", "--webui-port", "0", *options),
            state=state,
        )
        assert started.returncode == 0, started.stderr
        return json.loads(started.stdout)["dispatcher"], started.stderr

    def submission(self, script: str) -> tuple[str, ...]:
        """The end of a command line that submits a driver which is this script."""
        return (
            *("--deploy-mode", "cluster", "--driver-memory", "512m"),
            *("--conf", f"spark.mesos.executor.home={self.folder / 'spark'}"),
            (self.folder / "app.py").as_uri(),
            script,
        )


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Place]:
    folder = tmp_path_factory.mktemp("place")
    program = folder / "spark" / "bin" / "spark-submit"
    program.parent.mkdir(parents=True)
    program.write_text(_LAST_ARGUMENT_AS_SCRIPT)
    program.chmod(0o755)
    (folder / "app.py").touch()
    agents = (AgentSpec(cpus=4, mem=4096),)
    spec = ClusterSpec(work_dir=folder / "cluster", agents=agents, allocation_interval=0.1)
    with cluster_in_thread(spec) as cluster, zookeeper_server(folder / "zookeeper") as zookeeper:
        yield Place(folder, cluster.url, zookeeper.hosts)


def test_commands_and_pages_over_tls_and_with_a_token(place: Place) -> None:
    authority = trustme.CA()
    for number in (1, 2):
        certificate = authority.issue_cert("127.0.0.1")
        certificate.private_key_and_cert_chain_pem.write_to_path(str(place.folder / f"server-{number}.pem"))
    authority.cert_pem.write_to_path(str(place.folder / "ca.pem"))
    (place.folder / "token").write_text(TOKEN)
    known = ("--auth-token-file", str(place.folder / "token"), "--ca-file", str(place.folder / "ca.pem"))
    with ExitStack() as stack:
        leader, _ = place.start(stack, 1, "tls", "--tls-cert", "server-1.pem", *known)
        standby, said = place.start(stack, 2, "tls", "--tls-cert", "server-2.pem", *known)
        assert standby["leader"] == leader["http_url"]
        assert f"standby: {leader['http_url']} leads" in said

        done = place.run(
            "submit", "--master", standby["url"], *known, "--wait", *place.submission("echo hi; exit 3")
        )
        assert done.returncode == 3, done.stderr
        submission_id = done.stdout.strip()
        shown = place.run("logs", "--dispatcher", standby["url"], *known, submission_id)
        assert shown.stdout == "hi\n", shown.stderr
        status = place.run(
            "status", "--dispatcher", standby["url"], *known, "--output", "json", submission_id
        )
        assert json.loads(status.stdout)["driver"]["state"] == "failed", status.stdout
        stranger = place.run("status", "--dispatcher", standby["url"], *known[2:], submission_id)
        assert stranger.returncode == 1
        assert "wants a token" in stranger.stderr

        session = requests.Session()
        session.trust_env = False  # a variable that names other certificates would win
        session.verify = str(place.folder / "ca.pem")
        health = session.get(f"{standby['webui_url']}/health", timeout=30)
        assert (health.status_code, health.json()) == (
            200,
            {"ready": True, "leads": False, "subscribed": False},
        )
        session.auth = ("anybody", TOKEN)
        page = session.get(f"{standby['webui_url']}/driver/{submission_id}/files/stdout", timeout=30)
        assert page.status_code == 200
        assert "hi\n" in page.text
        for one in (leader, standby):
            assert TOKEN not in Path(one["log"]).read_text()


def test_a_standby_that_does_not_trust_the_leader_says_so(place: Place) -> None:
    for number in (1, 2):
        certificate = trustme.CA().issue_cert("127.0.0.1")
        certificate.private_key_and_cert_chain_pem.write_to_path(str(place.folder / f"other-{number}.pem"))
    with ExitStack() as stack:
        place.start(stack, 1, "other", "--tls-cert", "other-1.pem")
        stack.callback(place.run, "stop-dispatcher", state="other-2")
        started = place.run(
            *("start-dispatcher", "--master", place.master, "--zk", place.zookeeper, "--port", "0"),
            *("--conf", "spark.deploy.zookeeper.dir=/other", "--webui-port", "0", "--subscribe-timeout", "3"),
            *("--tls-cert", "other-2.pem"),
            state="other-2",
        )
        assert started.returncode == 5, started.stderr
        assert "its certificate is not trusted here" in started.stderr


def test_sparks_own_client(place: Place) -> None:
    spark = find_spark(None, {})
    java = find_java(spark, {"PATH": ""})
    conf = place.folder / "conf"
    conf.mkdir()
    (conf / "spark-defaults.conf").write_text("spark.master.rest.enabled true\n")

    def spark_submit(url: str, *arguments: str) -> str:
        done = subprocess.run(
            [str(spark.program("spark-submit")), "--master", url, *arguments],
            env={
                "PATH": os.environ["PATH"],
                "HOME": str(place.folder),
                "JAVA_HOME": str(java.home),
                "SPARK_CONF_DIR": str(conf),
            },
            capture_output=True,
            text=True,
            timeout=120,
        )
        assert done.returncode == 0, done.stderr
        return done.stderr

    with ExitStack() as stack:
        place.start(stack, 1, "jvm")
        standby, _ = place.start(stack, 2, "jvm")
        spark_submit(standby["url"], *place.submission("exec sleep 1000"))
        listed = json.loads(place.run("list", "--dispatcher", standby["url"], "--output", "json").stdout)[
            "drivers"
        ]
        (submission_id,) = (driver["id"] for driver in listed)
        spark_submit(standby["url"], "--status", submission_id)
        spark_submit(standby["url"], "--kill", submission_id)
        waited = place.run("status", "--dispatcher", standby["url"], "--wait", submission_id)
        assert waited.returncode == 4, waited.stderr
        assert re.search(r"\bkilled\b", waited.stdout + waited.stderr)
