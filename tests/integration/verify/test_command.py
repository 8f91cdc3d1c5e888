"""The command as people and CI call it: exit codes, documents, waiting and watching, against real clusters."""

from __future__ import annotations

import contextlib
import json
import os
import re
import signal
import subprocess
import sys
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import IO
from xml.etree import ElementTree

import pytest
import requests

from sparkmesos_core.localcluster.cluster import AgentSpec, RunningCluster
from sparkmesos_core.localcluster.credentials import Authentication
from tests.integration.verify.altered_master import AlteredServer
from tests.integration.verify.conftest import NewCluster
from tests.integration.verify.verifying import SOUND, verify
from tests.terminal_session import CTRL_C, TerminalSession

COMMAND = (sys.executable, "-m", "sparkmesos_cli", "verify-cluster", "--check-timeout", "60")
PATIENCE = 120.0


@contextlib.contextmanager
def started(*arguments: str) -> Iterator[subprocess.Popen[str]]:
    """A process of the command, whose lines a test reads as they come."""
    with subprocess.Popen(
        [*COMMAND, *arguments], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, env=environment()
    ) as process:
        try:
            yield process
        finally:
            process.kill()


def environment() -> dict[str, str]:
    return {
        name: value
        for name, value in os.environ.items()
        if name.startswith("SPARKMESOS_") or not name.startswith(("SPARK", "MESOS", "PYSPARK"))
    }


def await_line(stream: IO[str] | None, text: str) -> str:
    """The first line that has it; the process's end is a failure."""
    assert stream is not None
    seen = []
    for line in stream:
        seen.append(line)
        if text in line:
            return line
    raise AssertionError(f"{text!r} did not come: {''.join(seen)}")


def ended(process: subprocess.Popen[str]) -> tuple[int, str, str]:
    out, err = process.communicate(timeout=PATIENCE)
    return process.returncode, out, err


# Exit codes


def test_a_sound_cluster(cluster: RunningCluster) -> None:
    report = verify("--master", cluster.url, *SOUND)
    assert report.exit_code == 0, report
    assert report.failing() == set()


def test_what_is_wrong(cluster: RunningCluster) -> None:
    report = verify("--master", cluster.url, *SOUND, "--expect-agents", "3")
    assert report.exit_code == 1, report
    assert report.errors() == {"agents-expected"}


def test_warnings_count_with_strict(cluster: RunningCluster) -> None:
    unknown = ("--conf", "spark.mesos.nothing.like.it=1")
    assert verify("--master", cluster.url, *SOUND, *unknown).exit_code == 0
    report = verify("--master", cluster.url, *SOUND, *unknown, "--strict")
    assert len(report.failing()) == 1, report
    assert report.errors() == set(), report
    assert report.exit_code == 1


def test_a_cluster_that_cannot_be_reached(new_cluster: NewCluster) -> None:
    running = new_cluster(agents=(AgentSpec(),))
    running.control.kill_master(0)
    report = verify("--master", running.url, *SOUND, "--check-timeout", "2")
    assert report.exit_code == 5, report
    assert report.errors() == {"master-leader"}
    assert set(report.follows().values()) == {"master-leader"}
    running.control.start_master(0)
    running.control.await_registered()
    assert verify("--master", running.url, *SOUND).exit_code == 0


def test_a_master_that_does_not_answer(cluster: RunningCluster, altered: AlteredServer) -> None:
    """It takes connections, and that is all: neither is there a result, nor does it go on for ever."""
    never = threading.Event()
    altered.delay("*", never)
    try:
        report = verify("--master", altered.url, *SOUND, "--check-timeout", "1")
    finally:
        never.set()
    assert report.exit_code == 5, report
    assert "master-leader" in report.errors()


def test_refused_credentials_are_no_unreachable_cluster(new_cluster: NewCluster) -> None:
    secured = new_cluster(
        agents=(AgentSpec(),),
        authentication=Authentication({"spark": "right"}, readonly=True, readwrite=True, frameworks=True),
    )
    report = verify(
        "--master", secured.url, *SOUND,
        "--conf", "spark.mesos.principal=spark", "--conf", "spark.mesos.secret=wrong",
    )  # fmt: skip
    assert report.exit_code == 1, report
    assert "master-authentication" in report.errors()


def test_a_spark_home_without_a_spark_keeps_nothing_else_from_being_looked_at(
    cluster: RunningCluster, tmp_path: Path
) -> None:
    report = verify("--master", cluster.url, *SOUND, environment={"SPARK_HOME": str(tmp_path / "none")})
    assert report.exit_code == 1, report
    assert report.errors() == {"spark-found"}, report
    assert str(tmp_path / "none") in report.message("spark-found")
    assert report.status("master-version") == "ok"
    named = verify("--master", cluster.url, "--spark-home", str(tmp_path / "none"))
    assert (named.exit_code, dict(named.checks)) == (1, {}), named


# Documents


def test_junit_of_a_real_run(cluster: RunningCluster) -> None:
    with started("--master", cluster.url, *SOUND, "--expect-agents", "3", "--output", "junit") as process:
        code, out, err = ended(process)
    assert (code, err) == (1, "")
    root = ElementTree.fromstring(out)
    failed = [case.get("name") for case in root.iter("testcase") if case.find("failure") is not None]
    assert failed == ["agents-expected"]
    assert root.get("failures") == "1"
    assert int(root.get("tests", "0")) > 40


def test_lines_in_a_pipe_are_in_the_order_of_the_table(cluster: RunningCluster) -> None:
    ids = [row["id"] for row in json.loads(_list())["checks"] if not row["needs_probe"]]
    with started("--master", cluster.url, *SOUND) as process:
        code, out, err = ended(process)
    assert code == 0
    rows = [line.split("\t") for line in out.splitlines()]
    assert {len(row) for row in rows} == {4}
    assert list(dict.fromkeys(row[1] for row in rows)) == ids
    assert "ok" in err


def _list() -> str:
    return subprocess.run(
        [*COMMAND, "--list", "--output", "json"],
        stdout=subprocess.PIPE,
        text=True,
        check=True,
        env=environment(),
    ).stdout


# An embedded cluster


@pytest.mark.slow
def test_an_embedded_cluster_lives_as_long_as_the_command(tmp_path: Path) -> None:
    with started("--master", "embedded[1]", *SOUND, "--work-dir", str(tmp_path / "work")) as process:
        code, out, err = ended(process)
    assert code == 0, out + err
    assert "agents-registered" in out
    url = err.split("Embedded Mesos: ")[1].split()[0]
    with pytest.raises(requests.ConnectionError):
        requests.get(url, timeout=10)


# Waiting


def test_agents_are_waited_for(new_cluster: NewCluster) -> None:
    running = new_cluster()
    running.control.shut_down_agent(1)
    with started("--master", running.url, *SOUND, "--wait-for-agents", "2", "--interval", "0.1") as process:
        await_line(process.stderr, "Waiting for agents: 1 of 2 agents are active")
        running.control.start_agent(1)
        code, out, err = ended(process)
    assert code == 0, out + err
    assert "2 agents" in out


def test_a_master_is_waited_for_too(new_cluster: NewCluster) -> None:
    running = new_cluster()
    running.control.kill_master(0)
    with started("--master", running.url, *SOUND, "--wait-for-agents", "2", "--interval", "0.1") as process:
        await_line(process.stderr, "refuses the connection")
        running.control.start_master(0)
        code, out, err = ended(process)
    assert code == 0, out + err


def test_waiting_ends_in_time(cluster: RunningCluster) -> None:
    report = verify(
        "--master", cluster.url, "--wait-for-agents", "3", "--interval", "0.1", "--timeout", "0.5"
    )
    assert report.exit_code == 6, report
    told = re.search(r"After (\d+\.\d) s: 2 of 3 agents are active", report.stderr)
    assert told, report
    assert float(told[1]) >= 0.5  # more on a busy machine: it says how long it really was
    assert not report.checks


def test_refused_credentials_are_not_waited_for(new_cluster: NewCluster) -> None:
    secured = new_cluster(
        agents=(AgentSpec(),), authentication=Authentication({"spark": "right"}, readonly=True)
    )
    wrong = ("--conf", "spark.mesos.principal=spark", "--conf", "spark.mesos.secret=wrong")
    report = verify("--master", secured.url, *wrong, "--wait-for-agents", "1")
    assert report.exit_code == 1, report
    right = ("--conf", "spark.mesos.principal=spark", "--conf", "spark.mesos.secret=right")
    assert verify("--master", secured.url, *SOUND, *right, "--wait-for-agents", "1").exit_code == 0


def test_waiting_costs_the_master_little(cluster: RunningCluster, altered: AlteredServer) -> None:
    report = verify(
        "--master", altered.url, "--wait-for-agents", "3", "--interval", "0.1", "--timeout", "0.5"
    )  # fmt: skip
    assert report.exit_code == 6, report
    assert altered.requests["/metrics/snapshot"] >= 2
    assert {
        path for path in altered.requests if path.split(" ")[0] in ("/state", "/slaves", "/api/v1")
    } == set()


# Watching


def test_it_is_watched_until_all_is_well(new_cluster: NewCluster) -> None:
    running = new_cluster()
    running.control.shut_down_agent(1)
    watching = ("--watch", "--interval", "0.1", "--expect-agents", "2")
    with started("--master", running.url, *SOUND, *watching) as process:
        assert "agents-expected" in await_line(process.stdout, "error")
        running.control.start_agent(1)
        code, out, err = ended(process)
    assert code == 0, out + err
    assert "ok\tagents-expected" in out
    assert "looking again" in err


def test_watching_ends_in_time(cluster: RunningCluster) -> None:
    watching = ("--watch", "--interval", "0.1", "--timeout", "0.3", "--expect-agents", "3")
    report = verify("--master", cluster.url, *SOUND, *watching)
    assert report.exit_code == 6, report
    assert report.errors() == {"agents-expected"}
    assert "all is not well: 1 error" in report.stderr


# At a terminal


@contextlib.contextmanager
def at_terminal(folder: Path, *arguments: str) -> Iterator[TerminalSession]:
    session = TerminalSession([*COMMAND, *arguments], folder=folder, environment=environment())
    try:
        yield session
    finally:
        session.close()


def test_the_checklist_at_a_terminal(cluster: RunningCluster, tmp_path: Path) -> None:
    with at_terminal(tmp_path, "--master", cluster.url, *SOUND, "--expect-agents", "3") as session:
        session.expect(r"^Master *$")
        session.expect(r"^  ✗ .*\[agents-expected\]")
        session.expect(r"^    → ")
        session.expect(r"^1 error, ")
        session.expect(r"^What to do:")
        session.expect(r"\[agents-expected\]")
        assert session.end() == 1


def test_what_is_under_way_is_seen_and_can_be_interrupted(
    cluster: RunningCluster, altered: AlteredServer, tmp_path: Path
) -> None:
    may_answer = threading.Event()
    altered.delay("/state", may_answer)
    try:
        with at_terminal(tmp_path, "--master", altered.url, *SOUND) as session:
            session.expect(r"^Logs  \d of \d")
            session.press(CTRL_C)
            assert session.end() == 130
            assert "Traceback" not in session._all
    finally:
        may_answer.set()


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_signal_ends_it(cluster: RunningCluster, altered: AlteredServer, number: signal.Signals) -> None:
    may_answer = threading.Event()
    altered.delay("/state", may_answer)
    try:
        with started("--master", altered.url, *SOUND) as process:
            await_line(process.stdout, "ok")
            process.send_signal(number)
            code, _, err = ended(process)
    finally:
        may_answer.set()
    assert code == 130
    assert "Traceback" not in err
