"""What the backend reads of properties and variables, and what it says of those that nothing can run with."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from sparkmesos_core.conf.values.constraints import parse_constraints
from sparkmesos_core.errors import UsageError
from tests.integration.backend.harness import RefusedSettingsError

Json = dict[str, Any]

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def read(harness):
    def read(properties=None, environment=None, files=None, profiles=()) -> Json:
        argument = {"properties": properties or {}, "files": files or {}, "profiles": profiles}
        return harness.ask(
            "settings", argument if environment is None else {**argument, "environment": environment}
        )

    return read


def test_defaults(read):
    found = read()["settings"]
    assert {name: found[name] for name in found if name not in ("sparkPlace", "container", "sizing")} == {
        "coresMax": None,
        "extraCores": 0,
        "gpusMax": 0,
        "isDynamic": False,
        "localityWaitMillis": 3000,
        "blockManagerPort": None,
        "constraints": {"all": []},
        "refuse": {"unmetConstraints": 120, "reachedMaxCores": 120},
        "agentFailures": {"max": 2, "expiryMillis": 3_600_000},
        "role": None,
        "credentials": {"principal": None, "secret": None},
        "failoverTimeoutSeconds": 0.0,
        "frameworkId": None,
        "checkpoint": None,
        "webUiUrl": None,
        "shutdownTimeoutMillis": 10_000,
        "leaving": {"handsOn": False, "graceMillis": None, "leadMillis": 300_000},
        "uris": [],
        "fetcherCache": False,
        "taskLabels": [],
        "secrets": [],
    }


@pytest.mark.parametrize(
    ("name", "text", "field", "value"),
    [
        ("spark.cores.max", " 12 ", "coresMax", 12),
        ("spark.mesos.extra.cores", "3", "extraCores", 3),
        ("spark.mesos.gpus.max", "2", "gpusMax", 2),
        ("spark.dynamicAllocation.enabled", "TRUE", "isDynamic", True),
        ("spark.locality.wait", "500ms", "localityWaitMillis", 500),
        ("spark.locality.wait", "7", "localityWaitMillis", 7),
        ("spark.blockManager.port", "31500", "blockManagerPort", 31500),
        ("spark.blockManager.port", "0", "blockManagerPort", None),
        (
            "spark.mesos.executor.agentFailures.max",
            "0",
            "agentFailures",
            {"max": 0, "expiryMillis": 3_600_000},
        ),
        (
            "spark.mesos.executor.agentFailures.expiry",
            "10min",
            "agentFailures",
            {"max": 2, "expiryMillis": 600_000},
        ),
        ("spark.mesos.role", "spark", "role", "spark"),
        ("spark.mesos.driver.failoverTimeout", "60", "failoverTimeoutSeconds", 60.0),
        ("spark.mesos.driver.frameworkId", "F-1", "frameworkId", "F-1"),
        ("spark.mesos.checkpoint", "true", "checkpoint", True),
        ("spark.mesos.checkpoint", "false", "checkpoint", False),
        ("spark.mesos.driver.webui.url", "http://ui.example/", "webUiUrl", "http://ui.example/"),
        ("spark.mesos.coarse.shutdownTimeout", "2s", "shutdownTimeoutMillis", 2000),
        ("spark.mesos.coarse.shutdownTimeout", "2m", "shutdownTimeoutMillis", 120_000),
        ("spark.mesos.coarse", "true", "coresMax", None),
        (
            "spark.decommission.enabled",
            "true",
            "leaving",
            {"handsOn": True, "graceMillis": 300_000, "leadMillis": 300_000},
        ),
        (
            "spark.mesos.executor.decommission.gracePeriod",
            "10m",
            "leaving",
            {"handsOn": False, "graceMillis": None, "leadMillis": 600_000},
        ),
        (
            "spark.mesos.maintenance.leadTime",
            "1h",
            "leaving",
            {"handsOn": False, "graceMillis": None, "leadMillis": 3_600_000},
        ),
        ("spark.mesos.fetcherCache.enable", "true", "fetcherCache", True),
        ("spark.mesos.rejectOfferDuration", "90s", "refuse", {"unmetConstraints": 90, "reachedMaxCores": 90}),
        (
            "spark.mesos.rejectOfferDuration",
            "1500ms",
            "refuse",
            {"unmetConstraints": 1, "reachedMaxCores": 1},
        ),
        (
            "spark.mesos.rejectOfferDurationForUnmetConstraints",
            "5m",
            "refuse",
            {"unmetConstraints": 300, "reachedMaxCores": 120},
        ),
        (
            "spark.mesos.rejectOfferDurationForReachedMaxCores",
            "45",
            "refuse",
            {"unmetConstraints": 120, "reachedMaxCores": 45},
        ),
        (
            "spark.mesos.constraints",
            "os:centos7;zone:us-east-1a,us-east-1b;rack:",
            "constraints",
            {
                "all": [
                    {"attribute": "os", "values": ["centos7"]},
                    {"attribute": "zone", "values": ["us-east-1a", "us-east-1b"]},
                    {"attribute": "rack", "values": []},
                ]
            },
        ),
    ],
)
def test_a_property_is_read(read, name, text, field, value):
    assert read({name: text})["settings"][field] == value


@pytest.mark.parametrize(("signal", "grace"), [("TERM", 60_000), (" TERM ", None), ("PWR", None)])
def test_who_decommissions_at_another_signal_than_that_of_mesos_gets_no_grace(read, signal, grace):
    found = read(
        {
            "spark.decommission.enabled": "true",
            "spark.executor.decommission.signal": signal,
            "spark.mesos.executor.decommission.gracePeriod": "1m",
        }
    )
    assert found["settings"]["leaving"] == {"handsOn": True, "graceMillis": grace, "leadMillis": 60_000}


@pytest.mark.parametrize(
    ("properties", "said"),
    [
        ({"spark.cores.max": "0"}, "spark.cores.max=0 is less than 1. Write 1 or more."),
        (
            {"spark.cores.max": "8.0"},
            "spark.cores.max=8.0 is not a whole number. Write digits only, as in 8.",
        ),
        ({"spark.cores.max": "2147483648"}, "spark.cores.max=2147483648 is not a whole number."),
        ({"spark.executor.cores": "two"}, "spark.executor.cores=two is not a whole number."),
        ({"spark.executor.cores": ""}, "spark.executor.cores= is not a whole number."),
        (
            {"spark.executor.cores": "1", "spark.task.cpus": "2"},
            "spark.executor.cores=1 is less than spark.task.cpus=2",
        ),
        (
            {"spark.executor.memory": "lots"},
            "spark.executor.memory=lots is not a size. Write a whole number and a unit",
        ),
        (
            {"spark.executor.memory": "1.5g"},
            "spark.executor.memory=1.5g is not a size: Spark takes no fractions.",
        ),
        ({"spark.executor.memory": "-1g"}, "spark.executor.memory=-1g is a size that is negative."),
        ({"spark.executor.memory": "9999999999999g"}, "is larger than Spark can count."),
        ({"spark.executor.memory": "1x"}, "spark.executor.memory=1x is not a size: there is no such unit."),
        # Bytes. Of the property Spark itself would say that, in its own way; of SPARK_EXECUTOR_MEMORY it does not.
        (
            {"spark.executor.memory": "2048"},
            "spark.executor.memory=2048 is less than 1 MiB. Write a unit behind the number",
        ),
        (
            {"spark.mesos.executor.memoryOverhead": "1g"},
            "spark.mesos.executor.memoryOverhead=1g is not a whole number.",
        ),
        ({"spark.executor.memoryOverhead": "much"}, "spark.executor.memoryOverhead=much is not a size."),
        (
            {"spark.executor.memoryOverheadFactor": "NaN"},
            "spark.executor.memoryOverheadFactor=NaN is no finite number",
        ),
        (
            {"spark.executor.memoryOverheadFactor": "ten"},
            "spark.executor.memoryOverheadFactor=ten is not a number.",
        ),
        ({"spark.mesos.extra.cores": "-1"}, "spark.mesos.extra.cores=-1 is less than 0."),
        ({"spark.mesos.gpus.max": "all"}, "spark.mesos.gpus.max=all is not a whole number."),
        (
            {"spark.executor.resource.gpu.amount": "2", "spark.mesos.gpus.max": "1"},
            "spark.executor.resource.gpu.amount=2, but spark.mesos.gpus.max=1",
        ),
        ({"spark.blockManager.port": "80"}, "spark.blockManager.port=80 is no port that Spark takes."),
        ({"spark.blockManager.port": "65536"}, "spark.blockManager.port=65536 is more than 65535."),
        (
            {"spark.dynamicAllocation.enabled": "yes"},
            "spark.dynamicAllocation.enabled=yes is neither true nor false.",
        ),
        ({"spark.locality.wait": "soon"}, "spark.locality.wait=soon is not a time."),
        (
            {"spark.mesos.rejectOfferDuration": "2 minutes"},
            "spark.mesos.rejectOfferDuration=2 minutes is not a time.",
        ),
        (
            {"spark.mesos.rejectOfferDuration": "2y"},
            "spark.mesos.rejectOfferDuration=2y is not a time: there is no such unit.",
        ),
        ({"spark.mesos.rejectOfferDurationForReachedMaxCores": "-1s"}, "is a time that is negative."),
        ({"spark.mesos.rejectOfferDuration": "9" * 30}, "is longer than Spark can count."),
        (
            {"spark.mesos.coarse.shutdownTimeout": "-1"},
            "spark.mesos.coarse.shutdownTimeout=-1 is a time that is negative.",
        ),
        (
            {"spark.mesos.driver.failoverTimeout": "-2"},
            "spark.mesos.driver.failoverTimeout=-2 is no finite number from 0 on.",
        ),
        (
            {"spark.mesos.executor.agentFailures.max": "-1"},
            "spark.mesos.executor.agentFailures.max=-1 is less than 0.",
        ),
        (
            {"spark.mesos.constraints": "os"},
            "spark.mesos.constraints=os: 'os' is not a constraint: it has no colon.",
        ),
        ({"spark.mesos.constraints": "a:b:c"}, "it has more than one colon."),
        ({"spark.mesos.constraints": "a:b;"}, "a constraint is empty. Leave out the semicolon beside it."),
        ({"spark.mesos.constraints": ":b"}, "it names no attribute."),
        ({"spark.mesos.constraints": "a:b;a:c"}, "two constraints are about the attribute 'a'."),
        ({"spark.mesos.coarse": "false"}, "spark.mesos.coarse=false asks for fine-grained mode"),
        ({"spark.mesos.task.labels": "a"}, "spark.mesos.task.labels"),
        (
            {"spark.mesos.containerizer": "podman", "spark.mesos.executor.docker.image": "x"},
            "spark.mesos.containerizer",
        ),
        (
            {"spark.mesos.executor.secret.values": "guessme", "spark.mesos.executor.secret.names": "a"},
            "spark.mesos.executor.secret",
        ),
        ({"spark.mesos.uris": "http://repo.example/"}, "spark.mesos.uris"),
        (
            {"spark.mesos.secret": "guessme"},
            "There is a secret to authenticate to Mesos with, but no principal.",
        ),
    ],
)
def test_what_nothing_can_run_with_is_refused_at_once(read, properties, said):
    with pytest.raises(RefusedSettingsError) as refused:
        read(properties)
    assert said in str(refused.value)
    assert "guessme" not in str(refused.value)


def test_it_has_to_be_known_where_spark_is(read):
    with pytest.raises(RefusedSettingsError, match=r"Set spark\.executor\.uri to an archive of Spark"):
        read({}, environment={})


PRINCIPAL, SECRET = "spark.mesos.principal", "spark.mesos.secret"
FILES = {"/p": "from a file\n", "/s": "guess\nme\r\n"}


@pytest.mark.parametrize(
    ("properties", "variables", "principal", "secret"),
    [
        ({}, {}, None, None),
        ({PRINCIPAL: "p"}, {}, "p", None),
        ({PRINCIPAL: "p", SECRET: "s"}, {}, "p", "s"),
        ({}, {"SPARK_MESOS_PRINCIPAL": "v", "SPARK_MESOS_SECRET": "w"}, "v", "w"),
        ({PRINCIPAL: "p"}, {"SPARK_MESOS_PRINCIPAL": "v", "SPARK_MESOS_SECRET": "w"}, "p", "w"),
        ({f"{PRINCIPAL}.file": "/p", f"{SECRET}.file": "/s"}, {}, "from a file", "guess\nme"),
        ({f"{PRINCIPAL}.file": "/p"}, {"SPARK_MESOS_PRINCIPAL": "v"}, "v", None),
        (
            {},
            {"SPARK_MESOS_PRINCIPAL_FILE": "/p", "SPARK_MESOS_SECRET_FILE": "/s"},
            "from a file",
            "guess\nme",
        ),
        ({f"{PRINCIPAL}.file": "/p"}, {"SPARK_MESOS_PRINCIPAL_FILE": "/none"}, "from a file", None),
    ],
)
def test_credentials(read, properties, variables, principal, secret):
    found = read(properties, {"SPARK_HOME": "/opt/spark", **variables}, FILES)
    assert found["settings"]["credentials"] == {"principal": principal, "secret": secret}


def test_a_file_with_credentials_that_is_not_there(read):
    with pytest.raises(
        RefusedSettingsError, match=r"spark\.mesos\.secret\.file=/none cannot be read: there is no such file"
    ):
        read({PRINCIPAL: "p", f"{SECRET}.file": "/none"})


def test_no_secret_is_printed(read):
    secret = {PRINCIPAL: "spark", SECRET: "guessme", "spark.mesos.executor.secret.values": "guesstoo"}
    printed = read(secret)["printed"]
    assert "spark" in printed
    assert "guess" not in printed


@pytest.mark.parametrize(
    ("properties", "heap", "memory"),
    [
        ({}, 1024, 1408),
        ({"spark.executor.memory": "512m"}, 512, 896),
        ({"spark.executor.memory": "4g"}, 4096, 4505),
        ({"spark.executor.memory": "1073741824b"}, 1024, 1408),
        ({"spark.executor.memory": "1024m", "spark.mesos.executor.memoryOverhead": "512"}, 1024, 1536),
        ({"spark.mesos.executor.memoryOverhead": "0"}, 1024, 1024),
        ({"spark.executor.memoryOverhead": "1g"}, 1024, 2048),
        ({"spark.executor.memoryOverhead": "1g", "spark.mesos.executor.memoryOverhead": "100"}, 1024, 1124),
        ({"spark.executor.memory": "4g", "spark.executor.memoryOverheadFactor": "0.5"}, 4096, 6144),
        ({"spark.executor.minMemoryOverhead": "100m"}, 1024, 1126),
        ({"spark.executor.pyspark.memory": "2g"}, 1024, 1408 + 2048),
        ({"spark.memory.offHeap.enabled": "true", "spark.memory.offHeap.size": "1g"}, 1024, 1408 + 1024),
        (
            {"spark.memory.offHeap.enabled": "true", "spark.memory.offHeap.size": "1073741824"},
            1024,
            1408 + 1024,
        ),
        ({"spark.memory.offHeap.size": "1g"}, 1024, 1408),
    ],
)
def test_the_memory_of_an_executor(read, properties, heap, memory):
    (profile,) = read(properties)["profiles"]
    assert (profile["heapMiB"], profile["memoryMiB"]) == (heap, memory)


def test_the_heap_may_come_from_a_variable(read):
    variables = {"SPARK_HOME": "/opt/spark", "SPARK_EXECUTOR_MEMORY": "2g"}
    assert read({}, variables)["profiles"][0]["heapMiB"] == 2048
    assert read({"spark.executor.memory": "3g"}, variables)["profiles"][0]["heapMiB"] == 3072
    old = {"SPARK_HOME": "/opt/spark", "SPARK_MEM": "4g"}
    assert read({}, old)["profiles"][0]["heapMiB"] == 4096
    assert read({}, {**old, **variables})["profiles"][0]["heapMiB"] == 2048


def test_a_profile_has_what_it_does_not_ask_for_from_the_properties(read):
    properties = {
        "spark.executor.cores": "2",
        "spark.executor.memory": "2g",
        "spark.executor.memoryOverheadFactor": "0.5",
        "spark.executor.pyspark.memory": "100m",
        "spark.executor.resource.gpu.amount": "1",
        "spark.mesos.gpus.max": "4",
        "spark.task.cpus": "2",
    }
    profiles = [
        {"id": 1, "asked": {}},
        {
            "id": 2,
            "asked": {"cores": 4, "memory": 4096, "gpu": 2, "offHeap": 50, "pyspark.memory": 7},
            "taskCpus": 3,
        },
        {"id": 3, "asked": {"memoryOverhead": 10, "fpga": 1}},
    ]
    default, *own = read(properties, profiles=profiles)["profiles"]
    like_default = {"cores": 2, "heapMiB": 2048, "memoryMiB": 2048 + 1024 + 100, "taskCpus": 2}
    assert default == {"id": 0, **like_default, "gpus": 1}
    assert own == [
        {"id": 1, **like_default, "gpus": 0},
        {"id": 2, "cores": 4, "heapMiB": 4096, "memoryMiB": 4096 + 2048 + 7 + 50, "gpus": 2, "taskCpus": 3},
        {"id": 3, **like_default, "memoryMiB": 2048 + 10 + 100, "gpus": 0},
    ]


@pytest.mark.parametrize(
    ("properties", "asked", "why"),
    [
        ({"spark.cores.max": "2", "spark.executor.cores": "2"}, {}, None),
        ({"spark.executor.cores": "64"}, {}, None),
        ({"spark.mesos.gpus.max": "2"}, {"gpu": 2}, None),
        (
            {},
            {"gpu": 1},
            "it needs GPUs: 1, but spark.mesos.gpus.max=0 is the most that all executors may have together. "
            "Raise spark.mesos.gpus.max",
        ),
        ({"spark.mesos.gpus.max": "1"}, {"gpu": 2}, "it needs GPUs: 2, but spark.mesos.gpus.max=1 is"),
        ({"spark.cores.max": "3"}, {"cores": 4}, "it needs cores: 4, but spark.cores.max=3 is the most"),
    ],
)
def test_what_no_offer_will_ever_do_for(read, properties, asked, why):
    never_fits = read(properties, profiles=[{"id": 1, "asked": asked}])["neverFits"]
    assert list(never_fits) == ([] if why is None else ["1"])
    assert why is None or why in never_fits["1"]


def test_the_default_profile_may_never_fit_either(read):
    """As with Spark 3.5 the application starts: not each of them wants executors."""
    cores = {"spark.cores.max": "3", "spark.executor.cores": "4"}
    assert "Raise spark.cores.max" in read(cores)["neverFits"]["0"]
    tasks = {"spark.cores.max": "1", "spark.task.cpus": "3", "spark.mesos.extra.cores": "1"}
    assert "it needs cores: 2, but spark.cores.max=1" in read(tasks)["neverFits"]["0"]
    assert read({**tasks, "spark.mesos.extra.cores": "2"})["neverFits"] == {}


@given(st.text(alphabet="ab:;, \t\u3000", max_size=10))
@settings(suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_constraints_are_those_of_the_command_line(read, text):
    """`config check` and cluster mode read them with other code, by the same rules."""
    try:
        expected = [
            {"attribute": one.attribute, "values": list(one.values)} for one in parse_constraints(text)
        ]
    except UsageError:
        with pytest.raises(RefusedSettingsError):
            read({"spark.mesos.constraints": text})
    else:
        assert read({"spark.mesos.constraints": text})["settings"]["constraints"]["all"] == expected
