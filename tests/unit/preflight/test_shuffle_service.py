"""What is said of shuffle services before an application starts; with real ones in tests/integration."""

from __future__ import annotations

import threading
import time
from dataclasses import replace

import pytest

from sparkmesos_core.conf.configuration import Configuration
from sparkmesos_core.conf.finding import Severity
from sparkmesos_core.conf.setting import Origin, Setting, Source
from sparkmesos_core.errors import DispatcherError, MesosError
from sparkmesos_core.master import HostPort
from sparkmesos_core.preflight import shuffle_service as module
from sparkmesos_core.preflight.cluster_facts import ClusterFacts
from sparkmesos_core.preflight.cluster_reading import MasterAccess
from sparkmesos_core.preflight.preflight import preflight_in_cluster_mode
from sparkmesos_core.preflight.shuffle_advice import lasting_master
from sparkmesos_core.preflight.shuffle_reading import REFUSED, ShuffleServices
from sparkmesos_core.preflight.shuffle_service import Circumstances, check_shuffle_service, judge
from sparkmesos_core.spark.shuffle_service import ServiceKind
from tests.unit.preflight.clusters import agent, cluster

MESOS, SPARK, OTHER = ServiceKind.MESOS, ServiceKind.SPARK, ServiceKind.OTHER_SPARK
SASL, FOREIGN, HANGS = ServiceKind.AUTHENTICATING, ServiceKind.FOREIGN, ServiceKind.SILENT
SILENT = "does not answer"
MISSING, AUTHENTICATION = "shuffle-service-missing", "shuffle-service-authentication"
NOT_SPARKS = "shuffle-service-foreign"
NOT_REACHED, NOT_FOR_MESOS = "shuffle-service-not-reached", "shuffle-service-not-for-mesos"
WARNING, ERROR = Severity.WARNING, Severity.ERROR


def services(
    kinds: dict[str, ServiceKind] | None = None,
    closed: dict[str, str] | None = None,
    unknown: tuple[str, ...] = (),
    hosts: int = 0,
) -> ShuffleServices:
    found = ShuffleServices(7337, kinds or {}, closed or {}, unknown, 0)
    return replace(found, hosts=hosts or found.asked)


@pytest.mark.parametrize(
    ("found", "circumstances", "expected"),
    [
        (services({"a": MESOS, "b": SPARK}), Circumstances(), []),
        (services({"a": SASL, "b": SASL}), Circumstances(authenticates=True), []),
        (services(closed={"a": REFUSED, "b": REFUSED}), Circumstances(), [(MISSING, ERROR)]),
        (services({"a": FOREIGN}, {"b": REFUSED}), Circumstances(), [(MISSING, ERROR), (NOT_SPARKS, ERROR)]),
        # One executor there ends an application whose driver is refused as well, whatever others have.
        (services({"a": MESOS}, {"b": REFUSED}), Circumstances(), [(MISSING, ERROR)]),
        (services(closed={"a": REFUSED}), Circumstances(all_known=False), [(MISSING, ERROR)]),
        (services(closed={"a": REFUSED}, hosts=2), Circumstances(), [(MISSING, ERROR)]),
        (
            services(closed={"a": REFUSED, "b": SILENT}),
            Circumstances(),
            [(MISSING, ERROR), (NOT_REACHED, WARNING)],
        ),
        # A driver that is elsewhere may not be; and others may do, or may be there again soon.
        (services(closed={"a": REFUSED}), Circumstances(driver_here=False), [(MISSING, ERROR)]),
        (services({"a": MESOS}, {"b": REFUSED}), Circumstances(driver_here=False), [(MISSING, WARNING)]),
        (
            services(closed={"a": REFUSED}),
            Circumstances(all_known=False, driver_here=False),
            [(MISSING, WARNING)],
        ),
        (services(closed={"a": REFUSED}, hosts=2), Circumstances(driver_here=False), [(MISSING, WARNING)]),
        # An agent at which executors fail is left out by Spark after two of them.
        (services({"a": MESOS, "b": FOREIGN}), Circumstances(), [(NOT_SPARKS, WARNING)]),
        # A network that this machine does not see is no reason not to start.
        (services(closed={"a": SILENT, "b": "cannot be reached"}), Circumstances(), [(NOT_REACHED, WARNING)]),
        (services({"a": HANGS}), Circumstances(), [(NOT_REACHED, WARNING)]),
        (services({"a": MESOS}, unknown=("b",)), Circumstances(), [(NOT_REACHED, WARNING)]),
        (services({"a": SASL}), Circumstances(), [(AUTHENTICATION, ERROR)]),
        (services({"a": MESOS}), Circumstances(authenticates=True), [(AUTHENTICATION, ERROR)]),
        (services({"a": MESOS, "b": SASL}), Circumstances(), [(AUTHENTICATION, WARNING)]),
        (
            services({"a": SASL}, {"b": REFUSED}),
            Circumstances(),
            [(MISSING, ERROR), (AUTHENTICATION, ERROR)],
        ),
        (services({"a": OTHER, "b": SPARK}), Circumstances(), [(NOT_FOR_MESOS, WARNING)]),
        # The driver of a Spark 4 goes on where one of Spark 3 ends.
        (services({"a": MESOS}, {"b": REFUSED}), Circumstances(is_backend_ours=True), [(MISSING, WARNING)]),
        (services(closed={"a": REFUSED}), Circumstances(is_backend_ours=True), [(MISSING, ERROR)]),
    ],
)
def test_what_is_found(
    found: ShuffleServices, circumstances: Circumstances, expected: list[tuple[str, Severity]]
) -> None:
    findings = judge(found, circumstances)
    assert [(one.id, one.severity) for one in findings] == expected
    assert all(one.hint and one.key for one in findings)


def test_what_is_said() -> None:
    closed = services(closed=dict.fromkeys("abcde", REFUSED))
    (missing,) = judge(closed, Circumstances(master=lasting_master("mesos://m:5050")))
    assert missing.message == (
        "No shuffle service listens at port 7337 of 'a', 'b', 'c' and 2 more, 5 of 5 hosts of agents: the "
        "application ends as soon as an executor starts"
    )
    assert missing.hint == (
        "Start it there: `sparkmesos start-shuffle-service` on each of these machines, or, as a task on every "
        "agent, `sparkmesos start-shuffle-service --on-mesos --master mesos://m:5050`. Or set "
        "spark.shuffle.service.port to the port that it has, or do without it: "
        "spark.shuffle.service.enabled=false."
    )
    (missing,) = judge(services({"a": MESOS}, {"b": REFUSED}), Circumstances())
    assert missing.message.endswith(
        "of 'b', 1 of 2 hosts of agents: the application ends as soon as an executor starts there"
    )
    assert missing.hint.endswith("Or keep executors off these agents with spark.mesos.constraints.")
    (missing,) = judge(services({"a": MESOS}, {"b": REFUSED}), Circumstances(is_backend_ours=True))
    assert missing.message.endswith("hosts of agents: executors there fail to register, and end")
    (foreign,) = judge(services({"a": FOREIGN}), Circumstances())
    assert foreign.message == (
        "What listens at port 7337 of 'a' is no shuffle service of Spark: executors there fail to register, "
        "and end"
    )
    assert foreign.hint.startswith("Set spark.shuffle.service.port to a port that is free there")
    silent = services(closed={"a": SILENT})
    (here,) = judge(silent, Circumstances())
    (there,) = judge(silent, Circumstances(driver_here=False))
    assert "where the driver is to register with it" in here.message
    assert "register" not in there.message
    (ours,) = judge(silent, Circumstances(is_backend_ours=True))
    assert "the application ends" not in ours.message
    assert there.hint.startswith("Nothing is wrong if that port is open to agents only")


def configuration(**properties: str) -> Configuration:
    origin = Origin(Source.FILE, "spark-defaults.conf", 3)
    names = {name.replace("__", "."): value for name, value in properties.items()}
    return Configuration([[Setting(f"spark.{name}", value, origin) for name, value in names.items()]])


ON = {"shuffle__service__enabled": "true", "shuffle__service__port": "1234", "executor__memory": "1g"}


@pytest.fixture
def asked(monkeypatch: pytest.MonkeyPatch) -> list[tuple[list[str], int, bool]]:
    """The hosts, ports and whether with authentication that were asked for; all have the service."""
    calls: list[tuple[list[str], int, bool]] = []

    def read(
        hosts: list[str], port: int, *, authenticates: bool, answers_by: float, deadline: float
    ) -> ShuffleServices:
        assert time.monotonic() < answers_by <= deadline
        calls.append((hosts, port, authenticates))
        return services(dict.fromkeys(hosts, SASL if authenticates else MESOS))

    monkeypatch.setattr(module, "read_shuffle_services", read)
    return calls


def checked(facts: ClusterFacts, **properties: str) -> None:
    assert check_shuffle_service(configuration(**properties), facts, deadline=time.monotonic() + 60) == []


def test_the_agents_that_are_asked(asked: list[tuple[list[str], int, bool]]) -> None:
    """Those that executors may run on, each host once."""
    facts = cluster(
        agent(hostname="a", attributes="rack:r1"),
        agent("cpus:4;mem:4096", "rack:r1", hostname="a"),
        agent(hostname="b"),
        agent(hostname="c", attributes="rack:r1", active=False),
        agent("cpus:4;mem:100", "rack:r1", hostname="d"),
        agent("cpus(etl):4;mem(etl):4096", "rack:r1", hostname="e"),
        agent("cpus:0.5;mem:4096", "rack:r1", hostname="f"),
    )
    checked(facts, **ON, mesos__constraints="rack:r1")
    checked(facts, **ON, mesos__constraints="rack:r1", mesos__role="etl", authenticate="true")
    assert asked == [(["a"], 1234, False), (["a", "e"], 1234, True)]


def test_nobody_is_asked_for_nothing(asked: list[tuple[list[str], int, bool]]) -> None:
    facts = cluster(agent())
    checked(facts)
    checked(facts, dynamicAllocation__enabled="true")
    checked(facts, **{**ON, "shuffle__service__enabled": "false"})
    checked(facts, **ON, mesos__constraints="rack:none")
    checked(cluster(), **ON)
    assert asked == []


def test_a_name_that_means_another_machine_here(asked: list[tuple[list[str], int, bool]]) -> None:
    """Agents that call themselves localhost, elsewhere: what listens here is none of their business."""
    elsewhere = cluster(agent(hostname="localhost"), agent(hostname="a"))
    here = replace(
        cluster(replace(agent(hostname="localhost"), host="127.0.0.1")), master=HostPort("127.0.0.1", 5050)
    )
    checked(elsewhere, **ON)
    checked(here, **ON)
    assert [hosts for hosts, _, _ in asked] == [["a"], ["localhost"]]


class TestInClusterMode:
    def test_that_nothing_is_known_is_told(self) -> None:
        def nobody() -> MasterAccess:
            raise DispatcherError("the dispatcher does not tell which Mesos master it has")

        (unknown,) = preflight_in_cluster_mode(configuration(**ON), nobody, timeout=60)
        assert (unknown.id, unknown.severity) == ("agents-unknown", WARNING)
        assert unknown.message.endswith(
            "is not known: the dispatcher does not tell which Mesos master it has"
        )

    def test_a_master_that_refuses(self) -> None:
        def refused() -> MasterAccess:
            raise MesosError("http://m:5050/slaves: 401 Unauthorized")

        (unknown,) = preflight_in_cluster_mode(configuration(**ON), refused, timeout=60)
        assert "401" in unknown.message

    def test_a_master_that_is_not_found_in_time(self) -> None:
        go = threading.Event()

        def slow() -> MasterAccess:
            go.wait(60)
            raise MesosError("too late")

        try:
            (late,) = preflight_in_cluster_mode(configuration(**ON), slow, timeout=0.3)
        finally:
            go.set()
        assert late.id == "preflight-incomplete"
        assert "has left out the agents: no answer in time" in late.message
