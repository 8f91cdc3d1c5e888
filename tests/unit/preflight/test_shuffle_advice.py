"""What to do about missing shuffle services, in words that work when they are followed."""

from __future__ import annotations

import pytest

from sparkmesos_core.client_configuration import read_client_configuration
from sparkmesos_core.conf.setting import Origin, Source
from sparkmesos_core.preflight.shuffle_advice import how_to_do_without, how_to_start, lasting_master
from sparkmesos_core.spark.arguments import SubmitArguments
from sparkmesos_core.submit.dynamic_allocation import OPTION, DynamicAllocation, Limits

SERVICE = "spark.shuffle.service.enabled"
DYNAMIC = "spark.dynamicAllocation.enabled"
ON_MESOS = "`sparkmesos start-shuffle-service --on-mesos --master "


@pytest.mark.parametrize(
    ("url", "named"),
    [
        ("mesos://h:5050", "mesos://h:5050"),
        ("mesos://a:5050,b:5050", "mesos://a:5050,b:5050"),
        ("mesos://zk://user:word@z:2181/mesos", "mesos://zk://z:2181/mesos"),
    ],
)
def test_mesos_runs_them(url: str, named: str) -> None:
    """At the master that was asked, without credentials."""
    assert how_to_start(lasting_master(url)).endswith(f"{ON_MESOS}{named}`")


@pytest.mark.parametrize("url", [None, "", "yarn", "embedded[2]", "mesos://https://h:5050"])
def test_mesos_cannot_run_them(url: str | None) -> None:
    assert how_to_start(lasting_master(url)) == "`sparkmesos start-shuffle-service` on each of these machines"


@pytest.mark.parametrize(
    ("line", "source", "advice"),
    [
        ((), Source.OPTION, f"leave out {OPTION}"),
        ((f"{SERVICE}=true",), Source.OPTION, f"leave out {OPTION} and set {SERVICE}=false"),
        ((), Source.SPARKMESOS, f"do without it: {SERVICE}=false and {DYNAMIC}=false"),
        ((f"{SERVICE}=true",), None, f"do without it: {SERVICE}=false"),
        (
            (f"{SERVICE}=true", f"{DYNAMIC}=TRUE"),
            None,
            f"do without it: {SERVICE}=false and {DYNAMIC}=false",
        ),
    ],
)
def test_doing_without(line: tuple[str, ...], source: Source | None, advice: str) -> None:
    """Not by what contradicts the option; and Spark refuses dynamic allocation without the service."""
    name = OPTION if source is Source.OPTION else "SPARKMESOS_DYNAMIC_ALLOCATION"
    client = read_client_configuration(
        SubmitArguments.parse([*(word for one in line for word in ("--conf", one)), "app.py"]),
        spark_home=None,
        environment={},
        dynamic_allocation=DynamicAllocation(Limits(), Origin(source, name)) if source else None,
    )
    assert how_to_do_without(client.configuration) == advice
