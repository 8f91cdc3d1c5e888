"""All apps that we make are apps by Marathon's rules."""

from __future__ import annotations

import itertools
import json
import os
from dataclasses import replace
from pathlib import Path
from typing import Any

import jsonschema
import pytest

from sparkmesos_core.conf.values.constraints import parse_constraints
from sparkmesos_core.deployment.cluster_agents import FittingAgents, fitting_agents
from sparkmesos_core.deployment.program_app import Process, program_app
from sparkmesos_core.deployment.program_call import ProgramCall
from sparkmesos_core.deployment.shuffle_service_app import shuffle_service_app
from sparkmesos_core.preflight.cluster_facts import agents_of
from sparkmesos_core.shuffle_service.on_agents.settings import ServicesSettings
from tests.contract.marathon.rules import violations

PUBLISHED = os.environ.get("SPARKMESOS_TEST_MARATHON_SCHEMAS")
"""Marathon's own `schema/AppDefinition.json`, of one release or several, with colons between."""


def _agent(number: int, ports: str, **attributes: Any) -> dict[str, Any]:
    return {
        "id": f"S{number}",
        "hostname": f"a{number}.example",
        "pid": f"slave(1)@10.0.0.{number}:5051",
        "resources": {"cpus": 8, "mem": 1024, "ports": ports},
        "attributes": attributes,
    }


def _agents(constraints: str, ports: str = "[7000-8100, 31000-32000]") -> FittingAgents:
    slaves = [_agent(1, ports, rack="r1", gen=2), _agent(2, ports, rack="r+2", gen=2), _agent(3, ports)]
    return fitting_agents(agents_of({"slaves": slaves}), parse_constraints(constraints))


def _services(**changed: Any) -> ServicesSettings:
    properties = {"spark.executor.uri": "hdfs://nn/spark-3.5.1.tgz", **changed.pop("properties", {})}
    return replace(
        ServicesSettings(
            master="mesos://m:5050", folder="/s", properties=properties, user="spark", hostname="h"
        ),
        **changed,
    )


def _process(**changed: Any) -> Process:
    process = Process(
        kind="dispatcher",
        call=ProgramCall(
            ("start-dispatcher", "--foreground", "--conf", "spark.x=a 'b' $c"), {"SPARK_USER": "x"}
        ),
        user="ops",
        ports={"port": 7077, "webui-port": 8081},
        health_port="webui-port",
        keeps_state_here=False,
    )
    return replace(process, **changed)


def _apps() -> dict[str, dict[str, Any]]:
    secret = {"_SPARK_AUTH_SECRET": "spark/auth"}
    authenticated = {"spark.authenticate": "true", "spark.authenticate.secret": "hunter2"}
    constrained = _services(properties={"spark.mesos.constraints": "rack:r1,r+2;gen:"})
    found = {
        "service": shuffle_service_app(_services(), "/spark/shuffle-service", _agents("")),
        "elsewhere": shuffle_service_app(_services(), "shuffle", FittingAgents(), instances=5),
        "constrained": shuffle_service_app(constrained, "/s", _agents("rack:r1,r+2;gen:")),
        "at-home": shuffle_service_app(
            _services(properties={"spark.executor.uri": "", "spark.mesos.executor.home": "/opt/my spark"}),
            "/s",
            _agents(""),
        ),
        "secret": shuffle_service_app(_services(properties=authenticated), "/s", _agents(""), secrets=secret),
        "role": shuffle_service_app(_services(properties={"spark.mesos.role": "spark"}), "/s", _agents("")),
    }
    for zookeeper, ports, host, https in itertools.product(
        (True, False), ((7077, 8081), (0, 0), (7077, 0), (9, 0)), ("0.0.0.0", "10.0.0.1"), (True, False)
    ):
        found[f"process-{zookeeper}-{ports}-{host}-{https}"] = program_app(
            _process(
                ports=dict(zip(("port", "webui-port"), ports, strict=True)),
                keeps_state_here=not zookeeper,
                host=host,
                https=https,
            ),
            "/spark/dispatcher",
            _agents(""),
            host=None if zookeeper else "a1.example",
            instances=3 if zookeeper else None,
            secrets={"SPARKMESOS_DISPATCHER_ZK": "zk"} if https else None,
        )
    return {name: app.definition for name, app in found.items()}


@pytest.mark.parametrize(("name", "app"), _apps().items(), ids=_apps())
def test_marathon_takes_them(name: str, app: dict[str, Any]) -> None:
    assert violations(app, role="spark") == []
    assert "hunter2" not in json.dumps(app)


if PUBLISHED is not None:  # not as a test that is skipped: nobody has these files by chance

    @pytest.mark.parametrize("path", PUBLISHED.split(":"))
    def test_they_are_what_marathon_publishes(path: str) -> None:
        schema = json.loads(Path(path).read_text(encoding="utf-8"))
        schema.pop("$schema", None)  # it names none that is there
        for name, app in _apps().items():
            errors = [error.message for error in jsonschema.Draft4Validator(schema).iter_errors(app)]
            assert not errors, name


def _app(**changed: Any) -> dict[str, Any]:
    return {"id": "/a", "cmd": "sleep 1", **changed}


@pytest.mark.parametrize(
    ("app", "place"),
    [
        (_app(id="/A"), "/id"),
        (_app(id="/a/restart"), "/id"),
        (_app(id="/-a"), "/id"),
        (_app(args=["a"]), "/"),
        ({"id": "/a"}, "/"),
        (_app(requireports=True), "/"),
        (_app(instances=-1), "/instances"),
        (_app(instances=1.5), "/instances"),
        (_app(cpus=0), "/cpus"),
        (_app(constraints=[["hostname"]]), "/constraints/0"),
        (_app(constraints=[["hostname", "UNIQUE", "a"]]), "/constraints/0"),
        (_app(constraints=[["rack", "LIKE", "("]]), "/constraints/0"),
        (_app(constraints=[["rack", "IS", "a"]]), "/constraints/0/1"),
        (_app(portDefinitions=[{"port": 70000}]), "/portDefinitions/0/port"),
        (_app(portDefinitions=[{"port": 7337}]), "/requirePorts"),
        (_app(portDefinitions=[{"port": 7}, {"port": 7}], requirePorts=True), "/portDefinitions"),
        (_app(portDefinitions=[{"port": 7}], ports=[8], requirePorts=True), "/"),
        (_app(healthChecks=[{"protocol": "MESOS_UDP", "port": 1}]), "/healthChecks/0/protocol"),
        (_app(healthChecks=[{"protocol": "MESOS_TCP", "port": 1, "path": "/"}]), "/healthChecks/0"),
        (_app(healthChecks=[{"protocol": "HTTP", "portIndex": 1}], portDefinitions=[{}]), "/healthChecks/0"),
        (_app(healthChecks=[{"protocol": "MESOS_TCP", "port": n} for n in (1, 2)]), "/healthChecks"),
        (_app(upgradeStrategy={"minimumHealthCapacity": 1.1}), "/upgradeStrategy/minimumHealthCapacity"),
        (_app(labels={"MARATHON_SINGLE_INSTANCE_APP": "true"}), "/upgradeStrategy"),
        (
            _app(unreachableStrategy={"inactiveAfterSeconds": 9, "expungeAfterSeconds": 9}),
            "/unreachableStrategy",
        ),
        (_app(acceptedResourceRoles=["a/b"]), "/acceptedResourceRoles/0"),
        (_app(acceptedResourceRoles=["other"]), "/acceptedResourceRoles"),
        (_app(acceptedResourceRoles=[]), "/acceptedResourceRoles"),
        (_app(fetch=[{"uri": "a b"}]), "/fetch/0/uri"),
        (_app(fetch=[{"uri": "a" * 1025}]), "/fetch/0/uri"),
        (_app(env={"A": {"secret": "s"}}), "/env/A"),
        (_app(env={"A": 1}), "/env/A"),
        (_app(env={"A": {"secret": "s"}}, secrets={"s": {"source": ""}}), "/secrets/s/source"),
    ],
)
def test_the_rules_refuse(app: dict[str, Any], place: str) -> None:
    assert [path for path, _ in violations(app)][:1] == [place]


def test_secrets_are_a_feature_that_may_be_off() -> None:
    app = _apps()["secret"]
    assert [path for path, _ in violations(app, secrets_enabled=False)] == ["/secrets"]
