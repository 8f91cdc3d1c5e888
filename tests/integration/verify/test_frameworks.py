"""Frameworks that are gone, that hoard, that wait: on the embedded cluster, and torn down as the hints say."""

from __future__ import annotations

import shlex

import pytest
import requests

from sparkmesos_core.localcluster.cluster import AgentSpec, RunningCluster
from tests.integration.verify.conftest import Alter, NewCluster
from tests.integration.verify.small_framework import SmallFramework
from tests.integration.verify.verifying import SOUND, Report, verify


def verified(cluster: RunningCluster) -> Report:
    return verify("--master", cluster.url, *SOUND)


def tear_down_as_told(hint: str) -> None:
    """Runs the command in a hint as it stands there."""
    command = hint[hint.index("curl ") :].partition("; ")[0].partition(". ")[0].rstrip(".")
    method, url, data = "POST", *(shlex.split(command)[index] for index in (3, 5))
    assert shlex.split(command)[:3] == ["curl", "-X", method]
    assert requests.post(url, data=data, timeout=30).status_code == 200


@pytest.mark.breaks("frameworks-inactive")
def test_a_framework_that_is_gone_and_holds_resources(cluster: RunningCluster) -> None:
    with SmallFramework(cluster, "etl", failover_timeout=3600.0) as framework:
        framework.launch("sleep 600", task_id="a")
        framework.reached("a", "TASK_RUNNING")
        assert verified(cluster).failing() == set()
        framework.leave()
        report = verified(cluster)
        assert report.failing() == {"frameworks-inactive"}, report
        message = report.message("frameworks-inactive")
        assert f"'etl' ({framework.id}) is not connected, and holds 0.1 cores and 32 MB" in message
        assert "failover timeout of 3600 s" in message
        tear_down_as_told(report.hint("frameworks-inactive"))
        assert verified(cluster).failing() == set()


@pytest.mark.breaks("frameworks-dispatcher")
def test_a_dispatcher_that_is_gone(cluster: RunningCluster) -> None:
    with SmallFramework(cluster, "batch", failover_timeout=1e6, webui_url="http://127.0.0.1:1") as dispatcher:
        dispatcher.launch("sleep 600", task_id="driver-20261123-0001", name="Driver for report")
        dispatcher.reached("driver-20261123-0001", "TASK_RUNNING")
        report = verified(cluster)
        assert report.failing() == set(), report
        assert report.seen("frameworks-dispatcher") == "1 dispatcher: 'batch'"

        dispatcher.leave()
        report = verified(cluster)
        assert report.failing() == {"frameworks-dispatcher"}, report
        assert "'batch' (http://127.0.0.1:1)" in report.message("frameworks-dispatcher")
        assert "start it again" in report.hint("frameworks-dispatcher")
        tear_down_as_told(report.hint("frameworks-dispatcher"))
        assert verified(cluster).failing() == set()


@pytest.mark.breaks("frameworks-hoarding")
def test_a_framework_that_keeps_offers(new_cluster: NewCluster) -> None:
    cluster = new_cluster(agents=(AgentSpec(), AgentSpec(), AgentSpec()))
    with SmallFramework(cluster, "greedy", keeps_offers=True) as framework:
        framework.kept_offers(3)
        framework.decline_one()
        report = verified(cluster)
        assert report.failing() == {"frameworks-hoarding"}, report
        message = report.message("frameworks-hoarding")
        assert f"'greedy' ({framework.id}) keeps offers of 4 cores" in message
        assert "67% of the cluster" in message
        framework.give_back()
        assert verified(cluster).failing() == set()

        framework.keep_again()
        framework.kept_offers(2)
        report = verified(cluster)
        assert "frameworks-hoarding" in report.failing(), report
        tear_down_as_told(report.hint("frameworks-hoarding"))
        assert verified(cluster).failing() == set()


def test_one_framework_with_nearly_everything_is_a_note(cluster: RunningCluster) -> None:
    waiting = SmallFramework(cluster, "patient", webui_url="http://client.example:4040")
    with SmallFramework(cluster, "greedy") as greedy, waiting:
        for number, agent in enumerate(
            requests.get(f"{cluster.http_url}/slaves", timeout=30).json()["slaves"]
        ):
            greedy.launch("sleep 600", task_id=f"t{number}", agent=agent["id"], cpus=2)
        for number in range(2):
            greedy.reached(f"t{number}", "TASK_RUNNING")
        report = verify("--master", cluster.url, *SOUND, "--only", "frameworks")
        assert report.failing() == set(), report
        assert report.status("frameworks-hoarding") == "note"
        assert "'greedy' has 4 cores" in report.message("frameworks-hoarding")
        assert "while 'patient' has nothing" in report.message("frameworks-hoarding")
        assert "spark.cores.max" in report.hint("frameworks-hoarding")
    report = verify("--master", cluster.url, *SOUND, "--only", "frameworks")
    assert report.status("frameworks-hoarding") == "ok"


@pytest.mark.breaks("frameworks-own-cores-max")
def test_cores_max_matters_where_others_are(cluster: RunningCluster) -> None:
    only = ("--only", "frameworks-own-cores-max")
    assert verify("--master", cluster.url, *only).status("frameworks-own-cores-max") == "ok"
    with SmallFramework(cluster, "marathon"):
        report = verify("--master", cluster.url, *only)
        assert report.status("frameworks-own-cores-max") == "note", report
        assert "all 4 cores that are free now and keep them, next to 'marathon'" in report.message(
            "frameworks-own-cores-max"
        )
        assert "--total-executor-cores" in report.hint("frameworks-own-cores-max")
        told = verify("--master", cluster.url, *only, "--total-executor-cores", "2")
        assert told.status("frameworks-own-cores-max") == "ok"
        shares = verify("--master", cluster.url, *only, "--conf", "spark.dynamicAllocation.enabled=true")
        assert shares.status("frameworks-own-cores-max") == "skipped"


@pytest.mark.breaks("frameworks-spark")
def test_an_application_that_waits_for_executors(cluster: RunningCluster, alter: Alter) -> None:
    altered = alter(cluster)
    with SmallFramework(cluster, "word count", webui_url="http://client.example:4040") as application:
        only = ("--only", "frameworks-spark")
        report = verify("--master", cluster.url, *only)
        assert report.status("frameworks-spark") == "ok"
        assert report.seen("frameworks-spark") == "1 application of Spark: 'word count'"

        def longer_ago(state: dict[str, list[dict[str, float]]]) -> None:
            for framework in state["frameworks"]:
                framework["registered_time"] -= 300

        altered.edit("/state", longer_ago)
        report = verify("--master", altered.url, *only)
        assert report.status("frameworks-spark") == "note", report
        assert "'word count': without any executor" in report.message("frameworks-spark")
        assert "what the checks of agents say is free" in report.hint("frameworks-spark")

        application.launch("sleep 600", task_id="0", name="word count 0")
        application.reached("0", "TASK_RUNNING")
        assert verify("--master", altered.url, *only).status("frameworks-spark") == "ok"
