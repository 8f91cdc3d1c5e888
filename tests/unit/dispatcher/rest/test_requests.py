"""What a submission is understood as, and what is said of one that cannot be launched."""

from __future__ import annotations

import contextlib
import json
import time
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sparkmesos_core.dispatcher.launch.cluster import Cluster
from sparkmesos_core.dispatcher.messages import TOKEN_PROPERTY
from sparkmesos_core.dispatcher.rest.command_limits import _ADDED, _MOST_GROWTH
from sparkmesos_core.dispatcher.rest.problems import RequestError
from sparkmesos_core.dispatcher.rest.requests import CreateRequest, read_create_request
from sparkmesos_core.dispatcher.rest.rules import Rules
from tests.driver_shell import task_info

SECRET = "hunter2-hunter2"
RULES = Rules(queues={"default": 0.0, "URGENT": 2.5})


def message(properties: dict[str, Any] | None = None, **fields: Any) -> dict[str, Any]:
    return {
        "action": "CreateSubmissionRequest",
        "appArgs": ["1", "a b"],
        "appResource": "http://repo.mesos.example/app.py",
        "clientSparkVersion": "3.5.9",
        "environmentVariables": {"SPARK_ENV": "x"},
        "mainClass": "",
        "sparkProperties": {
            "spark.app.name": "app",
            "spark.executor.uri": "http://repo.mesos.example/spark.tgz",
            **(properties or {}),
        },
        **fields,
    }


def read(properties: dict[str, Any] | None = None, rules: Rules = RULES, **fields: Any) -> CreateRequest:
    return read_create_request(json.dumps(message(properties, **fields)).encode(), rules)


def refused(properties: dict[str, Any] | None = None, rules: Rules = RULES, **fields: Any) -> RequestError:
    with pytest.raises(RequestError) as error:
        read(properties, rules, **fields)
    return error.value


@pytest.mark.parametrize(
    ("properties", "heap", "memory"),
    [
        ({}, 1024, 1408),
        ({"spark.driver.memory": "2000M"}, 2000, 2384),
        ({"spark.driver.memory": "5000M"}, 5000, 5500),
        ({"spark.driver.memory": "5000M", "spark.driver.memoryOverheadFactor": "0.2"}, 5000, 6000),
        ({"spark.driver.memory": "2000M", "spark.driver.memoryOverhead": "1000"}, 2000, 3000),
        ({"spark.driver.memory": "2000M", "spark.driver.memoryOverhead": "1g"}, 2000, 3024),
        ({"spark.mesos.driver.memoryOverhead": "0"}, 1024, 1024),
        ({"spark.mesos.driver.memoryOverhead": "100", "spark.driver.memoryOverhead": "1g"}, 1024, 1124),
    ],
)
def test_memory_is_the_heap_and_one_overhead(properties: dict[str, str], heap: int, memory: int) -> None:
    """The vectors of Spark's own suite, without the second overhead that it adds (16.1)."""
    submission = read(properties).submission
    assert (submission.heap, submission.memory) == (heap, memory)


def test_what_a_submission_says_of_itself() -> None:
    submission = read(
        {
            "spark.driver.cores": "0.5",
            "spark.driver.supervise": "TRUE",
            "spark.mesos.driver.supervise.maxRetries": "3",
            "spark.mesos.dispatcher.queue": "URGENT",
        },
        mainClass="a.Main",
    ).submission
    assert (submission.cores, submission.supervise, submission.max_retries) == (0.5, True, 3)
    assert (submission.queue, submission.priority) == ("URGENT", 2.5)
    assert (submission.name, submission.main_class, submission.app_args) == ("app", "a.Main", ("1", "a b"))


def test_numbers_and_booleans_are_texts_as_they_are_written_and_null_is_nothing() -> None:
    body = json.dumps(message(appArgs=["FIRST", True])).replace('"FIRST"', "1.50, 12345678901234567890, 1e3")
    body = body.replace(
        '"spark.app.name": "app"', '"spark.app.name": "app", "spark.x": null, "spark.y": 1E+2'
    )
    submission = read_create_request(body.encode(), RULES).submission
    assert submission.app_args == ("1.50", "12345678901234567890", "1e3", "true")
    assert submission.properties["spark.y"] == "1E+2"
    assert "spark.x" not in submission.properties


def test_defaults_of_the_dispatcher_are_beneath_whatever_is_read() -> None:
    rules = Rules(
        defaults={"spark.driver.memory": "2g", "spark.app.name": "unnamed", "spark.x": "1"}, max_retries=7
    )
    submission = read({"spark.app.name": "mine"}, rules).submission
    assert (submission.heap, submission.name, submission.max_retries) == (2048, "mine", 7)
    assert submission.properties["spark.x"] == "1"


def test_the_token_is_no_property_of_the_driver() -> None:
    request = read({TOKEN_PROPERTY: "abc-1"})
    assert request.token == "abc-1"
    assert TOKEN_PROPERTY not in request.submission.properties
    assert read().token == ""


@pytest.mark.parametrize("token", ["x" * 257, "a\nb"])
def test_a_token_that_is_none(token: str) -> None:
    error = refused({TOKEN_PROPERTY: token})
    assert [problem.key for problem in error.problems] == [TOKEN_PROPERTY]
    assert token not in error.message


def test_all_that_is_wrong_is_said_at_once() -> None:
    error = refused(
        {
            "spark.driver.cores": "-1",
            "spark.driver.memory": "lots",
            "spark.mesos.driver.constraints": "os",
            "spark.mesos.driver.labels": "a",
            "spark.mesos.constraints": "os:;",
            "spark.mesos.network.labels": "x",
            "spark.mesos.executor.docker.volumes": "/a:/b:z",
            "spark.mesos.rejectOfferDuration": "soon",
            "spark.mesos.coarse": "perhaps",
            "spark.mesos.role": "a b",
            "spark.mesos.dispatcher.queue": "NOPE",
            "spark.mesos.driver.supervise.maxRetries": "-1",
            "spark.executor.uri": "spark.tgz",
            "spark.mesos.driver.secret.names": "a",
            "spark.mesos.driver.secret.envkeys": "A,B",
        },
        appResource="http:///app.py",
        environmentVariables={"A=B": "x", "N": "\0"},
        appArgs=["a", None, "b\0"],
    )
    assert sorted(problem.key for problem in error.problems) == [
        "appArgs[1]",
        "appArgs[2]",
        "appResource",
        "environmentVariables.A=B",
        "environmentVariables.N",
        "spark.driver.cores",
        "spark.driver.memory",
        "spark.executor.uri",
        "spark.mesos.coarse",
        "spark.mesos.constraints",
        "spark.mesos.dispatcher.queue",
        "spark.mesos.driver.constraints",
        "spark.mesos.driver.labels",
        "spark.mesos.driver.secret.*",
        "spark.mesos.driver.supervise.maxRetries",
        "spark.mesos.executor.docker.volumes",
        "spark.mesos.network.labels",
        "spark.mesos.rejectOfferDuration",
        "spark.mesos.role",
    ]
    assert error.message.startswith(
        "Malformed request: Validation of message CreateSubmissionRequest failed! "
    )


def test_of_very_many_problems_the_first_are_said() -> None:
    error = refused(environmentVariables={f"A{number}=": "x" for number in range(1000)})
    assert len(error.problems) == 20
    assert error.message.endswith("And 980 more.")
    assert len(error.message) < 4000


@pytest.mark.parametrize(
    "properties",
    [
        {"spark.mesos.driver.secret.values": SECRET, "spark.mesos.driver.secret.envkeys": "A,B"},
        {"spark.mesos.secret": f" {SECRET}"},
        {"spark.executor.uri": f"http://user:{SECRET}@/spark.tgz"},
        {"spark.mesos.uris": f"app.zip?X-Amz-Signature={SECRET}"},
        {"spark.driver.extraJavaOptions": f"'-Dmy.password={SECRET}"},
        {"spark.mesos.driver.constraints": f"password={SECRET}"},
        {TOKEN_PROPERTY: SECRET * 100},
    ],
)
def test_no_problem_shows_a_secret(properties: dict[str, str]) -> None:
    error = refused(properties)
    assert len(error.problems) == 1
    assert SECRET not in error.message
    assert SECRET not in repr(error.problems)


def test_what_the_driver_puts_in_is_for_the_driver_to_judge() -> None:
    """`${…}` is replaced where Spark reads it: not here, where the dispatcher would have to."""
    read({"spark.mesos.coarse": "${env:COARSE}"})
    assert refused({"spark.mesos.containerizer": "${env:CONTAINERIZER}"}).problems


@pytest.mark.parametrize(
    ("properties", "environment", "rules"),
    [
        ({"spark.executor.uri": "hdfs://nn/spark.tgz"}, {}, Rules()),
        ({"spark.mesos.executor.home": "/opt/spark"}, {}, Rules()),
        ({"spark.mesos.executor.docker.image": "spark:3.5"}, {}, Rules()),
        ({}, {"SPARK_EXECUTOR_URI": "http://h/spark.tgz"}, Rules()),
        ({}, {}, Rules(spark_home="/opt/spark")),
        ({}, {}, Rules(defaults={"spark.mesos.executor.home": "/opt/spark"})),
    ],
)
def test_somebody_says_where_agents_have_spark(
    properties: dict[str, str], environment: dict[str, str], rules: Rules
) -> None:
    own = {"spark.app.name": "app", **properties}
    read(rules=rules, sparkProperties=own, environmentVariables=environment)


def test_nobody_says_where_agents_have_spark() -> None:
    error = refused(sparkProperties={"spark.app.name": "app"})
    assert [problem.key for problem in error.problems] == ["spark.executor.uri"]
    assert "spark.mesos.executor.home" in error.problems[0].hint


def test_the_dispatchers_role_where_it_is_enforced() -> None:
    rules = Rules(role="analytics", enforce_role=True)
    assert read(rules=rules).submission.properties["spark.mesos.role"] == "analytics"
    assert read({"spark.mesos.role": "analytics"}, rules)
    assert [problem.key for problem in refused({"spark.mesos.role": "other"}, rules).problems] == [
        "spark.mesos.role"
    ]
    assert "spark.mesos.role" not in read(rules=Rules(role="analytics")).submission.properties


def test_what_no_command_line_holds() -> None:
    error = refused(appArgs=["x" * 200_000])
    assert [problem.key for problem in error.problems] == ["appArgs"]
    assert "122880" in error.message
    assert [problem.key for problem in refused({"spark.jars": "/x.jar," * 20_000}).problems] == ["appArgs"]


@pytest.mark.parametrize(
    ("properties", "fields"),
    [
        ({}, {"appArgs": ["'" * 30_000]}),
        ({}, {"environmentVariables": {"A": "x" * 125_000}}),
        ({}, {"environmentVariables": {"A": "x" * 60_000, "B": "/" * 40_000}}),
        ({"spark.mesos.driverEnv.A": "x" * 70_000}, {}),
        ({"spark.my.password": "x" * 100_000}, {}),
    ],
)
def test_what_is_too_long_only_as_a_command(properties: dict[str, str], fields: dict[str, Any]) -> None:
    """Quoting makes it longer, a property may be a variable as well, and Mesos passes on both in one text."""
    error = refused(properties, **fields)
    assert [problem.key for problem in error.problems] == ["appArgs"]
    assert "a command of" in error.message


def test_a_long_command_that_is_not_too_long() -> None:
    read(appArgs=["x" * 59_000], environmentVariables={"A": "y" * 59_000})


@given(
    texts=st.lists(st.text(st.sampled_from("'\"/\x01\n \\é日🙂a"), max_size=40), min_size=5, max_size=5),
    many=st.integers(1, 30),
)
def test_no_command_grows_more_than_is_reckoned_with(texts: list[str], many: int) -> None:
    """Else one that is not tried, since it is short enough, might be too long."""
    argument, value, variable, secret, name = (text * many for text in texts)
    properties = {
        "spark.app.name": name or "app",
        "spark.mesos.executor.home": "/opt/spark",
        "spark.mesos.driverEnv.A": value,
        "spark.driver.extraClassPath": value,
        "spark.executor.extraClassPath": value,
        "spark.mesos.coarse": "false",
        "spark.my.password": secret.strip(),
    }
    wanted = read(sparkProperties=properties, appArgs=[argument], environmentVariables={"B": variable})
    before = sum(map(len, (argument, value * 3, variable, secret, name)))
    command = task_info(wanted.submission, Cluster("zk://m:2181/mesos", {}, bridge_uri="http://h/b.jar"))[
        "command"
    ]
    text = json.dumps([command["value"], command["environment"]], ensure_ascii=False)
    after = len(text.encode()) + text.count("/")
    assert after <= before * _MOST_GROWTH + _ADDED


def test_carriage_returns_which_sparks_scripts_take_out() -> None:
    error = refused({"spark.a": "x\r", "spark.\rb": "x"}, mainClass="a\rb", appArgs=["a", "b\r\nc"])
    assert [problem.key for problem in error.problems] == [
        "appArgs[1]",
        "mainClass",
        "spark.a",
        "spark.\\rb",
    ]
    read({"spark.my.password": "a\rb"}, environmentVariables={"E": "a\rb"})


@pytest.mark.parametrize("cores", ["1e308", "1e300", "2147483648"])
def test_cores_that_nobody_can_count(cores: str) -> None:
    assert [problem.key for problem in refused({"spark.driver.cores": cores}).problems] == [
        "spark.driver.cores"
    ]


@pytest.mark.parametrize(
    ("side", "secrets", "key"),
    [
        ("driver", {"names": "a", "envkeys": "A"}, "names"),
        ("driver", {"values": "a", "filenames": "A"}, "filenames"),
        ("driver", {"values": "a", "envkeys": "A"}, None),
        ("executor", {"names": "a", "envkeys": "A"}, "*"),
        ("executor", {"values": "a", "filenames": "A"}, "*"),
        ("executor", {"values": "a", "envkeys": "A"}, "*"),
        ("executor", {"names": "a"}, None),
    ],
)
def test_secrets_that_the_docker_containerizer_leaves_out(
    side: str, secrets: dict[str, str], key: str | None
) -> None:
    prefix = f"spark.mesos.{side}.secret."
    properties = {f"{prefix}{name}": value for name, value in secrets.items()}
    image = {"spark.mesos.executor.docker.image": "spark:3.5"}
    read({**properties, **image, "spark.mesos.containerizer": "mesos"})
    read(properties)
    if key is None:
        read({**properties, **image})
    else:
        problems = refused({**properties, **image}).problems
        assert [problem.key for problem in problems] == [prefix + key]
        assert "spark.mesos.containerizer" in problems[0].hint


@pytest.mark.parametrize("name", ["appResource", "mainClass", "spark.app.name"])
def test_what_is_told_of_each_driver_is_not_endless(name: str) -> None:
    text = "http://h/" + "x" * 10_000
    fields: dict[str, Any] = {name: text}
    error = refused(fields) if name == "spark.app.name" else refused(None, RULES, **fields)
    assert [problem.key for problem in error.problems] == [name]


@pytest.mark.parametrize(
    "value",
    [
        "4" * 100_000 + "x",
        "0x" + "4" * 100_000,
        "a:b;" * 25_000,
        "k:v," * 25_000,
        "'" * 100_000,
        "k=x&" * 25_000,
    ],
)
def test_long_values_are_judged_soon(value: str) -> None:
    """The dispatcher does nothing else meanwhile. A pattern that goes back and forth would take many seconds."""
    keys = ("memory", "cores", "memoryOverheadFactor", "extraJavaOptions")
    for key in (
        *(f"spark.driver.{name}" for name in keys),
        "spark.mesos.constraints",
        "spark.mesos.driver.labels",
    ):
        begin = time.process_time()
        with contextlib.suppress(RequestError):
            read({key: value})
        assert time.process_time() - begin < 2


def test_unknown_and_repeated_fields() -> None:
    body = json.dumps(message(foo=1, bar={}))[:-1] + ', "mainClass": "b.Main", "foo": 2}'
    request = read_create_request(body.encode(), RULES)
    assert request.unknown_fields == ("foo", "bar", "mainClass")
    assert request.submission.main_class == "b.Main", "the last one counts"


@pytest.mark.parametrize(
    ("body", "reason"),
    [
        (b"\xff", "not UTF-8"),
        ("{}".encode("utf-16"), "not UTF-8"),
        (b"\xef\xbb\xbf{}", "not JSON"),
        (b"[" * 200_000, "nested too deeply"),
        (b'{"a":' * 200_000, "nested too deeply"),
        (b'{"a": NaN}', "NaN is no number"),
        (b'{"a": "\\ud800"}', "half a surrogate pair"),
        (b'{"\\udc00": 1}', "half a surrogate pair"),
        (b'{"a": "\n"}', "not JSON"),
        (b"9" * 10_000, "no JSON object"),
    ],
)
def test_bodies_that_are_no_message(body: bytes, reason: str) -> None:
    with pytest.raises(RequestError, match=reason):
        read_create_request(body, RULES)


def test_a_pair_of_surrogates_is_a_character() -> None:
    body = json.dumps(message(appArgs=["\U0001f600"]))
    assert "\\ud83d\\ude00" in body
    assert read_create_request(body.encode(), RULES).submission.app_args == ("\U0001f600",)
