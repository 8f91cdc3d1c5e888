"""What the apps say, and what is refused because it would not work or would show a secret."""

from __future__ import annotations

import json
from dataclasses import replace
from typing import Any

import pytest

from sparkmesos_core.conf.values.constraints import parse_constraints
from sparkmesos_core.deployment.cluster_agents import FittingAgents, fitting_agents
from sparkmesos_core.deployment.marathon_app import MarathonApp, app_id, marathon_secrets
from sparkmesos_core.deployment.program_app import Process, program_app
from sparkmesos_core.deployment.program_call import ProgramCall
from sparkmesos_core.deployment.shuffle_service_app import shuffle_service_app
from sparkmesos_core.errors import UsageError
from sparkmesos_core.preflight.cluster_facts import AgentFacts, agents_of
from sparkmesos_core.shuffle_service.on_agents.settings import ServicesSettings

SETTINGS = ServicesSettings(
    master="mesos://m:5050",
    folder="/s",
    properties={"spark.executor.uri": "http://files/spark-3.5.1.tgz"},
    user="spark",
    hostname="h",
)
PROCESS = Process(
    kind="dispatcher",
    call=ProgramCall(("start-dispatcher", "--foreground", "--name", "it's $mine"), {}),
    user="ops",
    ports={"port": 7077, "webui-port": 8081},
    health_port="webui-port",
    keeps_state_here=False,
)


def _agents(*agents: tuple[str, str, dict[str, Any]], active: bool = True) -> tuple[AgentFacts, ...]:
    return agents_of(
        {
            "slaves": [
                {
                    "id": f"S{number}",
                    "hostname": host,
                    "pid": f"slave(1)@10.0.0.{number}:5051",
                    "resources": {"cpus": 8, "ports": ports},
                    "attributes": attributes,
                    "active": active,
                }
                for number, (host, ports, attributes) in enumerate(agents)
            ]
        }
    )


def _service(agents: FittingAgents, properties: dict[str, str] | None = None, **given: Any) -> MarathonApp:
    settings = replace(SETTINGS, properties={**SETTINGS.properties, **(properties or {})})
    return shuffle_service_app(settings, "/spark/shuffle", agents, **given)


WIDE, USUAL = "[7000-8100, 31000-32000]", "[31000-32000]"


def test_one_instance_for_each_host_that_fits() -> None:
    agents = _agents(("a", WIDE, {"rack": "r1"}), ("b", WIDE, {"rack": "r2"}), ("b", WIDE, {"rack": "r1"}))
    assert fitting_agents(agents, ()).hosts == 2
    assert fitting_agents(agents, parse_constraints("rack:r2")).hosts == 1
    assert fitting_agents(_agents(("a", WIDE, {}), active=False), ()).hosts == 0
    app = _service(fitting_agents(agents, ()))
    assert app.definition["instances"] == 2
    assert app.definition["constraints"] == [["hostname", "UNIQUE"]]
    assert _service(fitting_agents(agents, ()), instances=1).definition["instances"] == 1
    assert any("cannot say everywhere" in note for note in app.notes)
    assert not any("everywhere" in note for note in _service(FittingAgents(), instances=4).notes)


def test_nobody_fits() -> None:
    agents = _agents(("a", WIDE, {"rack": "r1"}))
    fit = fitting_agents(agents, parse_constraints("rack:r9"))
    with pytest.raises(UsageError, match=r"no agent meets the constraint rack:r9 \(rack is r1\)") as caught:
        _service(fit, {"spark.mesos.constraints": "rack:r9"})
    # The master has told already.
    assert "Nobody knows" not in caught.value.message
    assert "--instances" in caught.value.hint
    assert "--constraints" in caught.value.hint
    assert "--master" not in caught.value.hint
    with pytest.raises(UsageError, match="the cluster has no agents") as caught:
        _service(fitting_agents((), ()))
    assert "--constraints" not in caught.value.hint


def test_nobody_tells_the_number() -> None:
    with pytest.raises(UsageError, match="Nobody knows how many instances") as caught:
        _service(FittingAgents())
    assert "--instances" in caught.value.hint
    assert "--master" in caught.value.hint


@pytest.mark.parametrize(
    ("ports", "offered"), [((WIDE, WIDE), True), ((WIDE, USUAL), False), ((USUAL, USUAL), False)]
)
def test_the_port_is_a_resource_where_agents_have_it(ports: tuple[str, str], offered: bool) -> None:
    agents = _agents(("a", ports[0], {}), ("b", ports[1], {}))
    app = _service(fitting_agents(agents, ()))
    taken = [{"name": "shuffle", "port": 7337, "protocol": "tcp"}]
    assert app.definition["portDefinitions"] == (taken if offered else [])
    assert app.definition["requirePorts"] is offered
    assert any("hand out the port 7337" in note for note in app.notes) is not offered
    # It listens there in any case.
    assert (
        app.definition["healthChecks"][0] | {"protocol": "MESOS_TCP", "port": 7337}
        == (app.definition["healthChecks"][0])
    )


def test_the_old_service_goes_before_the_new_one_comes() -> None:
    strategy = _service(FittingAgents(), instances=9).definition["upgradeStrategy"]
    assert strategy["maximumOverCapacity"] == 0
    assert strategy["minimumHealthCapacity"] < 1


def test_the_archive_is_fetched() -> None:
    properties = {"spark.mesos.fetcherCache.enable": "true", "spark.executor.uri": "https://h/spark.tgz?v=1"}
    app = _service(FittingAgents(), properties, instances=1).definition
    (fetched,) = app["fetch"]
    assert (fetched["uri"], fetched["cache"], fetched["extract"]) == ("https://h/spark.tgz?v=1", True, True)
    assert fetched["destPath"] == "spark.tgz"
    assert "MesosExternalShuffleService" in app["cmd"]


def test_the_secret_is_in_marathons_store_or_it_is_refused() -> None:
    properties = {"spark.authenticate": "true", "spark.authenticate.secret": "hunter2"}
    with pytest.raises(UsageError, match="cannot be in the app") as caught:
        _service(FittingAgents(), properties, instances=1)
    assert "--marathon-secret _SPARK_AUTH_SECRET=NAME" in caught.value.hint
    assert "hunter2" not in caught.value.message + caught.value.hint
    secrets = marathon_secrets(["_SPARK_AUTH_SECRET=spark/auth"])
    app = _service(FittingAgents(), properties, instances=1, secrets=secrets).definition
    assert app["env"]["_SPARK_AUTH_SECRET"] == {"secret": "_SPARK_AUTH_SECRET"}
    assert app["secrets"] == {"_SPARK_AUTH_SECRET": {"source": "spark/auth"}}
    assert "hunter2" not in json.dumps(app)
    assert "-Dspark.authenticate=true" in app["cmd"]


def test_secrets_of_like_variables_are_two() -> None:
    secrets = marathon_secrets(["_SPARK_AUTH_SECRET=one", "SPARK_AUTH_SECRET=other"])
    app = _service(FittingAgents(), instances=1, secrets=secrets).definition
    told = {name: app["secrets"][app["env"][name]["secret"]]["source"] for name in secrets}
    assert told == {"_SPARK_AUTH_SECRET": "one", "SPARK_AUTH_SECRET": "other"}


@pytest.mark.parametrize(
    ("properties", "words"),
    [
        ({"spark.mesos.executor.docker.image": "spark"}, "cannot run in the image"),
        ({"spark.executor.uri": "https://h/s.tgz?X-Amz-Signature=hunter2"}, "holds a secret"),
        ({"spark.executor.uri": "https://h/" + "s" * 1024}, "longer than the 1024"),
        ({"spark.executor.uri": ""}, "Nobody says where agents have Spark"),
        ({"spark.mesos.role": "a/b"}, "the role 'a/b'"),
        ({"spark.mesos.constraints": "hostname:a"}, "is not an attribute"),
    ],
)
def test_what_cannot_be_said_to_marathon(properties: dict[str, str], words: str) -> None:
    with pytest.raises(UsageError, match=words) as caught:
        _service(FittingAgents(), properties, instances=1)
    assert "hunter2" not in caught.value.message + caught.value.hint
    assert caught.value.hint


def test_a_role() -> None:
    app = _service(FittingAgents(), {"spark.mesos.role": "spark"}, instances=1)
    assert app.definition["acceptedResourceRoles"] == ["spark", "*"]
    assert any("registered for the role spark" in note for note in app.notes)
    assert (
        "acceptedResourceRoles"
        not in _service(FittingAgents(), {"spark.mesos.role": "*"}, instances=1).definition
    )


def test_a_process_runs_with_its_options() -> None:
    app = program_app(PROCESS, "/spark/dispatcher", FittingAgents()).definition
    assert app["cmd"].splitlines() == [
        'export SPARK_PUBLIC_DNS="${SPARK_PUBLIC_DNS:-$HOST}"',
        "exec sparkmesos start-dispatcher --foreground --name 'it'\"'\"'s $mine' --host 0.0.0.0 --port 7077 "
        "--webui-port 8081",
    ]
    assert app["healthChecks"][0]["protocol"] == "MESOS_HTTP"
    assert app["healthChecks"][0]["port"] == 8081
    assert app["constraints"] == [["hostname", "UNIQUE"]]


def test_ports_that_agents_do_not_hand_out() -> None:
    both = program_app(PROCESS, "/d", FittingAgents())
    assert any("the ports 7077 and 8081, so they are not" in note for note in both.notes)
    one = program_app(replace(PROCESS, ports={"port": 7338}, health_port="port"), "/d", FittingAgents())
    assert any("the port 7338, so it is not" in note for note in one.notes)


def test_ports_that_marathon_chooses() -> None:
    process = replace(PROCESS, ports={"port": 7077, "webui-port": 0})
    app = program_app(process, "/d", FittingAgents()).definition
    assert app["cmd"].endswith('--port 7077 --webui-port "$PORT0"')
    assert app["portDefinitions"] == [{"name": "webui-port", "port": 0, "protocol": "tcp"}]
    assert app["healthChecks"][0]["portIndex"] == 0


@pytest.mark.parametrize(
    ("host", "https", "protocol"),
    [("10.0.0.1", False, "HTTP"), ("10.0.0.1", True, "HTTPS"), ("0.0.0.0", True, "MESOS_HTTPS")],
)
def test_it_is_asked_where_it_listens(host: str, https: bool, protocol: str) -> None:
    app = program_app(replace(PROCESS, host=host, https=https), "/d", FittingAgents()).definition
    assert app["healthChecks"][0]["protocol"] == protocol


def test_what_is_in_a_file_stays_on_its_agent() -> None:
    process = replace(PROCESS, keeps_state_here=True)
    with pytest.raises(UsageError, match="what it knows is in a file of one") as caught:
        program_app(process, "/d", FittingAgents())
    assert "--zk" in caught.value.hint
    assert "--marathon-host" in caught.value.hint
    app = program_app(process, "/d", FittingAgents(), host="a.b").definition
    assert app["constraints"] == [["hostname", "LIKE", r"a\.b"]]
    assert app["labels"] == {"MARATHON_SINGLE_INSTANCE_APP": "true"}
    # Never another one while nobody knows of the first whether it runs.
    assert app["unreachableStrategy"] == "disabled"
    with pytest.raises(UsageError, match="More than one dispatcher needs ZooKeeper"):
        program_app(process, "/d", FittingAgents(), host="a.b", instances=2)
    with pytest.raises(UsageError, match="more than one agent"):
        program_app(PROCESS, "/d", FittingAgents(), host="a.b", instances=2)


def test_hidden_variables_come_from_the_store() -> None:
    call = replace(PROCESS.call, hidden={"SPARKMESOS_DISPATCHER_ZK": "--zk"})
    process = replace(PROCESS, call=call)
    with pytest.raises(UsageError, match=r"^--zk holds a secret") as caught:
        program_app(process, "/d", FittingAgents())
    assert "--marathon-secret SPARKMESOS_DISPATCHER_ZK=NAME" in caught.value.hint
    app = program_app(process, "/d", FittingAgents(), secrets={"SPARKMESOS_DISPATCHER_ZK": "zk"}).definition
    assert app["env"] == {"SPARKMESOS_DISPATCHER_ZK": {"secret": "SPARKMESOS_DISPATCHER_ZK"}}


@pytest.mark.parametrize(
    ("text", "found"), [("/a/b", "/a/b"), ("a/b/", "/a/b"), ("/spark-3.5/x", "/spark-3.5/x"), ("a", "/a")]
)
def test_ids(text: str, found: str) -> None:
    assert app_id(text) == found


@pytest.mark.parametrize(
    "text", ["", "/", "/A", "/a//b", "/a_b", "/-a", "/a-", "/a/tasks", "/a/..", "/a b", "/a."]
)
def test_ids_that_are_none(text: str) -> None:
    with pytest.raises(UsageError, match="no id of a Marathon app"):
        app_id(text)


@pytest.mark.parametrize("text", ["", "hunter2", "A=", "1A=b", "A B=c"])
def test_secrets_that_are_none(text: str) -> None:
    with pytest.raises(UsageError, match="VARIABLE=SOURCE") as caught:
        marathon_secrets([text])
    assert "hunter2" not in caught.value.message


def test_what_no_json_can_hold() -> None:
    with pytest.raises(UsageError, match="not Unicode"):
        program_app(replace(PROCESS, user="a\udcff"), "/d", FittingAgents())
