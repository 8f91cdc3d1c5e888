"""Agents that are not there, do not take part, or cannot be found: each broken for real, or in the master's words."""

from __future__ import annotations

import json
import re
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import requests

from sparkmesos_core.localcluster.cluster import AgentSpec, RunningCluster
from tests.integration.verify.altered_master import AlteredServer
from tests.integration.verify.conftest import NewCluster
from tests.integration.verify.operating import await_slaves, deactivate, drain, reactivate
from tests.integration.verify.verifying import SOUND, Report, verify

PATIENT = {"agent_ping_timeout": 60}
"""The master does not give up agents that it is no longer connected to, for as long as a test takes."""


def check(cluster: RunningCluster | AlteredServer, *arguments: str) -> Report:
    return verify("--master", cluster.url, *SOUND, *arguments)


def edit_agents(altered: AlteredServer, change: Callable[[dict[str, Any]], object], number: int = 1) -> None:
    """Changes so many of the agents in what the master tells of them."""

    def edit(answer: Any) -> None:
        for agent in answer["slaves"][:number]:
            change(agent)

    for path in ("/slaves", "/state"):
        altered.edit(path, edit)


def addresses(cluster: RunningCluster) -> list[str]:
    return [url.removeprefix("http://") for url in cluster.agent_urls]


def await_inactive(cluster: RunningCluster, number: int) -> None:
    """Until the master has noticed that so many agents are gone."""
    deadline = time.monotonic() + 60
    while sum(not agent["active"] for agent in slaves(cluster)) != number:
        assert time.monotonic() < deadline, f"there are not {number} inactive agents"


def slaves(cluster: RunningCluster) -> list[dict[str, Any]]:
    return list(requests.get(f"{cluster.http_url}/slaves", timeout=30).json()["slaves"])


@pytest.mark.breaks("agents-registered")
def test_no_agent(new_cluster: NewCluster) -> None:
    cluster = new_cluster(agents=(AgentSpec(),))
    cluster.control.shut_down_agent(0)
    await_slaves(cluster, 0)
    report = check(cluster, "--expect-agents", "1")
    master = cluster.http_url.removeprefix("http://")
    assert report.failing() == report.errors() == {"agents-registered"}, report
    assert report.exit_code == 1
    assert report.message("agents-registered") == f"No agent is registered with the master at {master}"
    assert f"--master={master}" in report.hint("agents-registered")
    followers = {name for name, root in report.follows().items() if root == "agents-registered"}
    assert {"agents-expected", "agents-executor-size", "agents-free-now", "agents-reachable"} <= followers
    cluster.control.start_agent(0)
    cluster.control.await_registered()
    assert check(cluster, "--expect-agents", "1").failing() == set()


@pytest.mark.breaks("agents-expected")
def test_fewer_agents_than_expected(new_cluster: NewCluster, tmp_path: Path) -> None:
    cluster = new_cluster()
    cluster.control.shut_down_agent(1)
    await_slaves(cluster, 1)
    report = check(cluster, "--expect-agents", "2")
    assert report.failing() == report.errors() == {"agents-expected"}, report
    assert report.message("agents-expected") == "1 agent is registered, 2 are expected"
    assert report.hint("agents-expected").startswith("Start what is missing")

    there, gone = addresses(cluster)
    hosts = tmp_path / "agents"
    hosts.write_text(f"{there}\n{gone}  # rack 2\n")
    named = check(cluster, "--agents-file", str(hosts))
    assert named.failing() == {"agents-expected"}, named
    assert named.message("agents-expected") == f"1 of 2 expected hosts has no agent: {gone}"
    assert named.problem("agents-expected")["details"] == [gone]

    cluster.control.start_agent(1)
    cluster.control.await_registered()
    healed = check(cluster, "--expect-agents", "2", "--agents-file", str(hosts))
    assert healed.failing() == set(), healed
    assert healed.seen("agents-expected") == "2 agents registered, 2 expected, on both expected hosts"


def test_agents_that_are_not_in_the_file(cluster: RunningCluster, tmp_path: Path) -> None:
    first, second = addresses(cluster)
    hosts = tmp_path / "agents"
    hosts.write_text(f"localhost:{first.partition(':')[2]}\n")
    report = check(cluster, "--agents-file", str(hosts))
    assert report.failing() == set(), report
    assert report.status("agents-expected") == "note"
    assert report.message("agents-expected") == f"1 agent is not in the file: {second}"


@pytest.mark.breaks("agents-inactive")
def test_an_agent_is_stopped(new_cluster: NewCluster) -> None:
    cluster = new_cluster(**PATIENT)
    cluster.control.kill_agent(1)
    await_inactive(cluster, 1)
    report = check(cluster)
    gone = addresses(cluster)[1]
    assert report.failing() == {"agents-inactive"}, report
    assert report.exit_code == 0
    assert report.message("agents-inactive") == f"1 of 2 agents is disconnected from the master: {gone}"
    assert "whether the agent runs, and start it if not" in report.hint("agents-inactive")

    expected = check(cluster, "--expect-agents", "2")
    assert expected.failing() == expected.errors() == {"agents-inactive"}, expected
    assert expected.exit_code == 1

    cluster.control.start_agent(1)
    cluster.control.await_registered()
    assert check(cluster, "--expect-agents", "2").failing() == set()


def test_all_agents_are_stopped(new_cluster: NewCluster) -> None:
    cluster = new_cluster(**PATIENT)
    for agent in range(2):
        cluster.control.kill_agent(agent)
    await_inactive(cluster, 2)
    report = check(cluster)
    assert report.failing() == report.errors() == {"agents-inactive"}, report
    assert report.seen("agents-free-now") == "no agent takes part now"
    assert report.message("agents-inactive").startswith("Both agents are disconnected from the master: ")


def test_the_only_agent_that_would_do_is_deactivated(new_cluster: NewCluster) -> None:
    cluster = new_cluster(agents=(AgentSpec(attributes="zone:a"), AgentSpec(attributes="zone:b")))
    deactivate(cluster, 0)
    in_zone = ("--conf", "spark.mesos.constraints=zone:a")
    report = check(cluster, *in_zone)
    assert report.failing() == {"agents-deactivated", "agents-free-now"}, report
    assert report.message("agents-free-now").endswith(f"or deactivated, is {addresses(cluster)[0]}")
    reactivate(cluster, 0)
    assert check(cluster, *in_zone).failing() == set()


@pytest.mark.breaks("agents-unreachable")
def test_an_agent_is_lost(new_cluster: NewCluster) -> None:
    cluster = new_cluster(agent_ping_timeout=0.1, max_agent_ping_timeouts=2)
    cluster.control.pause_agent(1)
    await_slaves(cluster, 1)
    report = check(cluster)
    assert report.failing() == {"agents-unreachable"}, report
    assert report.message("agents-unreachable").startswith("The master has lost sight of 1 agent")
    assert report.hint("agents-unreachable").startswith("Start these agents again, or mend their way")
    # What was asked for is not so: it is said once.
    expected = check(cluster, "--expect-agents", "2")
    assert expected.failing() == {"agents-expected"}, expected
    assert expected.follows()["agents-unreachable"] == "agents-expected"
    assert expected.message("agents-expected").endswith("; the master has lost sight of 1 agent")
    cluster.control.resume_agent(1)
    await_slaves(cluster, 2)
    assert check(cluster, "--expect-agents", "2").failing() == set()


@pytest.mark.breaks("agents-deactivated")
def test_an_agent_is_deactivated(new_cluster: NewCluster) -> None:
    cluster = new_cluster()
    deactivate(cluster, 0)
    report = check(cluster)
    assert report.failing() == {"agents-deactivated"}, report
    assert report.message("agents-deactivated") == (
        f"1 of 2 agents is deactivated by an operator: {addresses(cluster)[0]}"
    )
    assert "REACTIVATE_AGENT" in report.hint("agents-deactivated")
    assert f"{cluster.http_url}/api/v1" in report.hint("agents-deactivated")
    assert check(cluster, "--expect-agents", "2").errors() == {"agents-deactivated"}
    reactivate(cluster, 0)
    assert check(cluster, "--expect-agents", "2").failing() == set()


@pytest.mark.breaks("agents-draining")
def test_an_agent_is_drained(new_cluster: NewCluster) -> None:
    cluster = new_cluster()
    drain(cluster, 1)
    report = check(cluster)
    assert report.failing() == {"agents-draining"}, report
    assert report.message("agents-draining") == (
        "1 of 2 agents is drained by an operator (nothing runs there any more): " + addresses(cluster)[1]
    )
    # The call as it is printed, where it is printed to send it.
    told = re.fullmatch(r".*POST (\{.*\}) to (\S+)\.", report.hint("agents-draining"))
    assert told is not None
    call, url = told.groups()
    assert requests.post(url, json=json.loads(call), timeout=30).status_code == 200
    assert check(cluster).failing() == set()


@pytest.mark.breaks("agents-recovering")
def test_an_agent_has_not_come_back_to_a_new_master(new_cluster: NewCluster) -> None:
    cluster = new_cluster(**PATIENT)
    cluster.control.pause_agent(1)
    cluster.control.kill_master(0)
    cluster.control.start_master(0)
    await_slaves(cluster, 1)
    await_slaves(cluster, 1, key="recovered_slaves")
    report = check(cluster)
    assert report.failing() == {"agents-recovering"}, report
    assert report.message("agents-recovering") == (
        f"1 agent has not come back to the new leading master yet: {addresses(cluster)[1]}"
    )
    assert report.hint("agents-recovering").startswith("Wait for them.")
    cluster.control.resume_agent(1)
    await_slaves(cluster, 2)
    assert check(cluster).failing() == set()


@pytest.mark.breaks("agents-names")
def test_an_agent_goes_by_a_name_that_is_unknown(altered: AlteredServer) -> None:
    edit_agents(altered, lambda agent: agent.update(hostname="node1.no-such-domain.invalid"))
    report = check(altered)
    assert report.failing() == {"agents-names"}, report
    assert "cannot be resolved here" in report.message("agents-names")
    assert "'node1.no-such-domain.invalid'" in report.message("agents-names")
    assert report.hint("agents-names") == (
        "Put them into DNS or the hosts files, or start agents with --hostname=ADDRESS."
    )
    altered.heal()
    edit_agents(altered, lambda agent: agent.update(hostname="127.0.0.1"))
    assert check(altered).failing() == set()


@pytest.mark.breaks("agents-reachable")
def test_an_agent_does_not_answer_from_here(altered: AlteredServer) -> None:
    edit_agents(altered, lambda agent: agent.update(pid="slave(1)@127.0.0.1:1"))
    report = check(altered)
    assert report.failing() == {"agents-reachable"}, report
    assert report.message("agents-reachable") == (
        "1 of 2 agents cannot be asked from here: 127.0.0.1:1; http://127.0.0.1:1 refuses the connection"
    )
    assert "--advertise_ip" in report.hint("agents-reachable")
    altered.heal()
    assert check(altered).failing() == set()


def test_an_agent_hangs(new_cluster: NewCluster) -> None:
    cluster = new_cluster(**PATIENT)
    cluster.control.pause_agent(1)
    reaching = ("--only", "agents-reachable")
    report = check(cluster, *reaching, "--check-timeout", "5")
    assert report.failing() == {"agents-reachable"}, report
    assert "takes connections, but did not answer within 2 s" in report.message("agents-reachable")
    assert "hangs" in report.hint("agents-reachable")
    assert "--advertise_ip" not in report.hint("agents-reachable")
    cluster.control.resume_agent(1)
    assert check(cluster, *reaching).failing() == set()


def test_in_cluster_mode_it_is_agents_that_have_to_know_and_reach_agents(altered: AlteredServer) -> None:
    edit_agents(altered, lambda agent: agent.update(hostname="n1.invalid", pid="slave(1)@127.0.0.1:1"))
    report = check(altered, "--deploy-mode", "cluster", "--only", "agents")
    assert report.failing() == set(), report
    assert report.status("agents-names") == report.status("agents-reachable") == "note"


CACHED = ("--conf", "spark.mesos.fetcherCache.enable=true")


@pytest.mark.breaks("agents-versions")
def test_agents_that_are_too_old(altered: AlteredServer) -> None:
    edit_agents(altered, lambda agent: agent.update(version="0.22.2"))
    report = check(altered, *CACHED)
    assert report.failing() == {"agents-versions"}, report
    assert report.problem("agents-versions")["severity"] == "warning"
    edit_agents(altered, lambda agent: agent.update(version="0.22.2"), number=2)
    report = check(altered, *CACHED)
    assert report.failing() == report.errors() == {"agents-versions"}, report
    assert report.message("agents-versions").startswith(
        "The cache of the fetcher needs Mesos 0.23.0 or newer, and both agents are older: "
    )
    assert report.problem("agents-versions")["key"] == "spark.mesos.fetcherCache.enable"
    assert report.hint("agents-versions") == (
        "Upgrade these agents, or unset spark.mesos.fetcherCache.enable."
    )
    assert check(altered).failing() == set()  # unset
    altered.heal()
    assert check(altered, *CACHED).failing() == set()  # upgraded


def test_values_that_are_none_are_told_by_the_check_of_the_configuration(cluster: RunningCluster) -> None:
    report = check(cluster, "--conf", "spark.mesos.gpus.max=many")
    assert report.failing() == {"configuration"}, report
    assert report.follows()["agents-versions"] == "configuration"
