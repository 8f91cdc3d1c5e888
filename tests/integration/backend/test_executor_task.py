"""What of an executor's task no recording shows: variables, links, profiles, what is refused, and who agrees with us."""

from __future__ import annotations

import base64
from typing import Any

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from sparkmesos_core.errors import UsageError
from sparkmesos_core.launch.container import container_info, labels
from sparkmesos_core.launch.fetched_uris import fetched_uri
from sparkmesos_core.redaction import is_secret_name
from tests.integration.backend.executor_tasks import AGENT_URL, offer, task, tasks, variables
from tests.integration.backend.harness import Harness, RefusedSettingsError

pytestmark = pytest.mark.slow

Json = dict[str, Any]

IMAGE = {"spark.mesos.executor.docker.image": "spark:4"}
IN_MESOS = {**IMAGE, "spark.mesos.containerizer": "mesos"}
SECRETS = {
    "spark.mesos.executor.secret.values": "guessme",
    "spark.mesos.executor.secret.envkeys": "PASS",
}


def data(text: str) -> Json:
    return {"type": "VALUE", "value": {"data": base64.b64encode(text.encode()).decode()}}


# Variables


def test_ids_in_java_options(harness: Harness) -> None:
    told = {"executorOptions": "-Dapp={{APP_ID}} -Did={{EXECUTOR_ID}}:{{EXECUTOR_ID}}"}
    found = variables(task(harness, {}, application=told))
    assert found["SPARK_EXECUTOR_OPTS"]["value"] == "-Dapp=5e0a-0001 -Did=0:0"


def test_java_options_are_there_without_any(harness: Harness) -> None:
    assert variables(task(harness, {}))["SPARK_EXECUTOR_OPTS"]["value"] == ""


def test_the_last_value_of_a_variable_counts(harness: Harness) -> None:
    own = {
        "SPARK_EXECUTOR_CLASSPATH": "/b.jar",
        "SPARK_EXECUTOR_MEMORY": "7g",
        "SPARK_LOG_URL_STDOUT": "http://logs.example/",
        "PASS": "plain",
    }
    told = {**SECRETS, "spark.executor.extraClassPath": "/a.jar"}
    found = variables(task(harness, told, application={"executorEnvironment": own}, events=offered()))
    assert found["SPARK_EXECUTOR_CLASSPATH"]["value"] == "/b.jar"
    assert found["SPARK_EXECUTOR_MEMORY"]["value"] == "7g"
    assert found["SPARK_LOG_URL_STDOUT"]["value"] == "http://logs.example/"
    assert found["PASS"] == {"name": "PASS", "type": "SECRET", "secret": data("guessme")}


ARCHIVE = {"spark.mesos.executor.classArchive": "/opt/spark.jsa"}


def test_an_archive_of_classes_is_in_front(harness: Harness) -> None:
    found = variables(task(harness, ARCHIVE, application={"executorOptions": "-Da=b"}))
    assert found["SPARK_EXECUTOR_CLASSPATH"]["value"] == "/opt/spark.jar"
    assert found["SPARK_EXECUTOR_OPTS"]["value"] == (
        '"-XX:SharedArchiveFile=/opt/spark.jsa" -Xshare:auto -Xlog:cds*=off -Da=b'
    )


@pytest.mark.parametrize(
    "against",
    [{"spark.executor.uri": "http://repo/spark.tgz"}, {"spark.executor.extraClassPath": "/mine.jar"}],
    ids=["another Spark", "a class path"],
)
def test_an_archive_of_classes_that_would_change_what_executors_load(
    harness: Harness, against: dict[str, str]
) -> None:
    """With its jar come the jars of the Spark that it was made of."""
    without, found = (variables(task(harness, {**against, **told})) for told in ({}, ARCHIVE))
    assert found == without


def test_a_variable_without_a_name_is_left_out(harness: Harness) -> None:
    """As `spark.executorEnv.` makes one, with which no program starts."""
    found = variables(task(harness, {}, application={"executorEnvironment": {"": "x", "A": "b"}}))
    assert "" not in found
    assert found["A"] == {"name": "A", "value": "b"}


@pytest.mark.parametrize("image", [{}, IN_MESOS], ids=["no image", "mesos"])
def test_secret_names_make_secrets(image: dict[str, str], harness: Harness) -> None:
    own = {"_SPARK_AUTH_SECRET": "guessme", "PASSWORD_FILE": "/etc/pw", "FOO": "bar"}
    info = task(harness, image, application={"executorEnvironment": own})
    found = variables(info)
    assert found["_SPARK_AUTH_SECRET"] == {
        "name": "_SPARK_AUTH_SECRET",
        "type": "SECRET",
        "secret": data("guessme"),
    }
    assert found["PASSWORD_FILE"] == {"name": "PASSWORD_FILE", "value": "/etc/pw"}
    assert found["FOO"] == {"name": "FOO", "value": "bar"}
    assert "guessme" not in str(info)


def test_docker_gets_secrets_as_they_are(harness: Harness) -> None:
    """It would set variables of the type SECRET empty; in no case is a secret in the command line."""
    info = task(harness, {**IMAGE, **SECRETS}, application={"executorEnvironment": {"A_TOKEN": "letmein"}})
    found = variables(info)
    assert found["PASS"] == {"name": "PASS", "value": "guessme"}
    assert found["A_TOKEN"] == {"name": "A_TOKEN", "value": "letmein"}
    assert "guessme" not in info["command"]["value"]
    assert "letmein" not in info["command"]["value"]


def test_docker_asks_for_references(harness: Harness) -> None:
    told = {
        "spark.mesos.executor.secret.names": "/a",
        "spark.mesos.executor.secret.envkeys": "A",
    }
    assert variables(task(harness, {**IMAGE, **told}))["A"] == {
        "name": "A",
        "type": "SECRET",
        "secret": {"type": "REFERENCE", "reference": {"name": "/a"}},
    }


def test_secrets_are_never_printed(harness: Harness) -> None:
    told = {
        **IMAGE,
        **SECRETS,
        "spark.mesos.secret": "letmein",
        "spark.mesos.principal": "me",
        "spark.mesos.uris": "http://u:letmein@repo.mesos.example/a.tgz?sig=guessme",
        "spark.mesos.executor.docker.parameters": "env=PASS=guessme",
    }
    printed = harness.ask("settings", {"properties": told})["printed"]
    assert "guessme" not in printed
    assert "letmein" not in printed


# Links to logs


def offered(**changed: Any) -> list[Json]:
    return [{"at": 0, "offers": [offer(url={**AGENT_URL, **changed})]}]


@pytest.mark.parametrize(
    ("url", "server"),
    [
        ({}, "http://agent1.mesos.example:5051"),
        ({"scheme": "https"}, "https://agent1.mesos.example:5051"),
        ({"address": {"ip": "10.0.0.1", "port": 80}}, "http://10.0.0.1:80"),
        ({"address": {"ip": "fd00::1", "port": 5051}}, "http://[fd00::1]:5051"),
    ],
)
def test_links_to_logs(url: Json, server: str, harness: Harness) -> None:
    found = variables(task(harness, {}, application={"id": "F/1 2"}, events=offered(**url)))
    for name, file in (("STDOUT", "stdout"), ("STDERR", "stderr")):
        assert found[f"SPARK_LOG_URL_{name}"]["value"] == (
            f"{server}/files/download?path=/frameworks/F%2F1%202/executors/0/runs/latest/{file}"
        )


def test_no_links_to_an_unknown_agent(harness: Harness) -> None:
    assert not [name for name in variables(task(harness, {})) if name.startswith("SPARK_LOG_URL")]


# Resource profiles


def test_executors_of_profiles(harness: Harness) -> None:
    """Each with the heap and the number of its own."""
    told = {"spark.dynamicAllocation.enabled": "true", "spark.executor.cores": "1"}
    profile = {"id": 3, "asked": {"cores": 2, "memory": 2048}}
    wanted = {"at": 0, "wanted": {"0": 1, "3": 1}}
    first, second = tasks(harness, told, profiles=[profile], events=[wanted, *offered()])
    assert "--resourceProfileId" not in first["command"]["value"]
    assert second["command"]["value"].endswith(" --resourceProfileId 3")
    assert " --executor-id 1 --cores 2 " in second["command"]["value"]
    heaps = [variables(one)["SPARK_EXECUTOR_MEMORY"]["value"] for one in (first, second)]
    assert heaps == ["1024m", "2048m"]
    amounts = [[one["scalar"]["value"] for one in info["resources"]] for info in (first, second)]
    assert amounts == [[1.0, 1408.0], [2.0, 2432.0]]


# What is refused


@pytest.mark.parametrize(
    ("given", "message"),
    [
        ({"spark.mesos.executor.docker.volumes": "/a:/b:/c"}, "volumes: '/a:/b:/c' is not a volume"),
        ({"spark.mesos.executor.docker.volumes": "/a:/b:RO"}, "volumes: '/a:/b:RO' is not a volume"),
        ({"spark.mesos.executor.docker.volumes": ":/b"}, "volumes: ':/b' is not a volume"),
        ({"spark.mesos.executor.docker.portmaps": "80"}, "portmaps: '80' is not a port mapping"),
        ({"spark.mesos.executor.docker.portmaps": "80:x"}, "'x' is not a port"),
        ({"spark.mesos.executor.docker.portmaps": "80:0"}, "'0' is not a port"),
        ({"spark.mesos.executor.docker.portmaps": "80:65536"}, "'65536' is not a port"),
        ({"spark.mesos.executor.docker.portmaps": "80:80:http"}, "there is no protocol 'http'"),
        ({"spark.mesos.executor.docker.parameters": "a=b,c"}, "item 2 is not a parameter: it has no '='"),
        ({"spark.mesos.executor.docker.parameters": "=b"}, "item 1 is not a parameter: it has no key"),
        ({"spark.mesos.executor.docker.forcePullImage": "yes"}, "forcePullImage=yes is neither true nor false"),
        ({"spark.mesos.containerizer": "podman"}, "spark.mesos.containerizer=podman is no containerizer"),
        ({"spark.mesos.network.name": "n", "spark.mesos.network.labels": "k"}, "network.labels: 'k' is not a label"),
        ({"spark.mesos.task.labels": "a:b,c:d:e"}, "'c:d:e' is not a label: it has more than one colon"),
        ({"spark.mesos.task.labels": "a:b,,"}, None),
        ({"spark.mesos.task.labels": "a:"}, "'a:' is not a label: it has no value"),
        ({"spark.mesos.task.labels": ",a:b"}, "'' is not a label: it is empty"),
        ({**SECRETS, "spark.mesos.executor.secret.names": "a"}, "secret.names and "),
        ({**SECRETS, "spark.mesos.executor.secret.filenames": "a,b"}, "filenames has 2 items for 1 secret"),
        ({**SECRETS, "spark.mesos.executor.secret.envkeys": "A=B"}, "'A=B' is not the name of a variable"),
        (
            {**SECRETS, "spark.mesos.executor.secret.values": "guessme,b", "spark.mesos.executor.secret.envkeys": "A,A"},
            "envkeys names 'A' for two secrets",
        ),
        ({"spark.mesos.uris": "http://repo.mesos.example"}, "spark.mesos.uris: http://repo.mesos.example names no file"),
        ({"spark.mesos.uris": "/a,/it's"}, "a character that Mesos refuses"),
        ({"spark.executor.uri": "http://u:guessme@h/"}, "spark.executor.uri: http://h/ names no file"),
        ({"spark.mesos.executor.home": "/a\0b"}, "spark.mesos.executor.home has a NUL in it"),
        ({"spark.executor.extraLibraryPath": "\0"}, "spark.executor.extraLibraryPath has a NUL in it"),
    ],
)  # fmt: skip
def test_what_cannot_be_meant(given: dict[str, str], message: str | None, harness: Harness) -> None:
    """Said at the start, with the property and what to write, and without secrets."""
    told = {"properties": {**IMAGE, **given}}
    if message is None:
        harness.ask("settings", told)
        return
    with pytest.raises(RefusedSettingsError) as caught:
        harness.ask("settings", told)
    text = str(caught.value)
    assert message in text
    assert "guessme" not in text
    assert text.endswith(".")


def test_spark_is_nowhere(harness: Harness) -> None:
    with pytest.raises(
        RefusedSettingsError, match=r"Set spark\.executor\.uri .* or spark\.mesos\.executor\.home"
    ):
        harness.ask("settings", {"properties": {}, "environment": {"SPARK_HOME": " "}})


def test_what_belongs_to_images_counts_with_one(harness: Harness) -> None:
    """As in Spark, which does not look at it otherwise; nor does an empty text name an image or a network."""
    told = {
        "spark.mesos.executor.docker.image": " ",
        "spark.mesos.network.name": "",
        "spark.mesos.executor.docker.volumes": "a:b:c:d",
        "spark.mesos.containerizer": "podman",
    }
    assert task(harness, told)["container"] == {"type": "MESOS"}


# The same as for drivers in cluster mode

PIECES = st.sampled_from([
    "a", "b c", ":", ",", "=", "\\", " ", "/", "ro", "rw", "tcp", "UDP", "80", "0", "65536", "-1", ".", "é",
])  # fmt: skip
TEXTS = st.lists(PIECES, max_size=7).map("".join)
SPEC = "spark.mesos.executor.docker"


def some(*valid: str) -> st.SearchStrategy[str]:
    """Texts of which most can be understood, so that not every container is refused for one of several."""
    return st.sampled_from(["", *valid] * 3) | TEXTS


@settings(deadline=None, max_examples=300)
@given(
    st.fixed_dictionaries(
        {
            "spark.mesos.containerizer": st.sampled_from(["docker", "mesos"]),
            f"{SPEC}.forcePullImage": st.sampled_from(["true", "FALSE"]),
            f"{SPEC}.volumes": some("/a", "/a:ro", "/a:/b:rw,/c", " /a:/b"),
            "spark.mesos.network.name": some("net"),
            "spark.mesos.network.labels": some("a:b", r"a\:b:c,d:e"),
        }
    ),
    st.fixed_dictionaries(
        {
            f"{SPEC}.portmaps": some("80:80", "0:1:UDP, 8080:80:tcp"),
            f"{SPEC}.parameters": some("env=a=b", "a=,b=c"),
        }
    ),
)
def test_containers(harness: Harness, of_all: dict[str, str], of_docker: dict[str, str]) -> None:
    """They are described in the same way, or refused by both."""
    is_docker = of_all["spark.mesos.containerizer"] == "docker"
    told = {**IMAGE, **of_all, **(of_docker if is_docker else {})}
    try:
        expected = container_info(told, ())
    except UsageError:
        with pytest.raises(RefusedSettingsError):
            harness.ask("settings", {"properties": told})
    else:
        assert task(harness, told)["container"] == expected


@settings(deadline=None, max_examples=200)
@given(TEXTS)
@example(r"a:b,c\,d:e\:f")
def test_labels(harness: Harness, text: str) -> None:
    told = {"spark.mesos.task.labels": text}
    try:
        expected = labels(text)
    except UsageError:
        with pytest.raises(RefusedSettingsError):
            harness.ask("settings", {"properties": told})
    else:
        assert task(harness, told)["labels"] == expected


URI_PIECES = st.sampled_from([
    "http:", "HTTPS:", "hdfs:", "file:", "local:", "//", "/", "host", "u:p@", "a.tgz", "a b", "%20", "%c3%a9", "%zz",
    "?sig=x/y", "#f", ".", "..", "é", "\\", "'",
])  # fmt: skip


@settings(deadline=None, max_examples=400)
@given(st.lists(URI_PIECES, min_size=1, max_size=6).map("".join))
@example("http://host/dist/a.tgz?sig=x/y")
@example("file:/dist/a%20b.tgz")
@example("file:///dist/a.tgz")
@example("local://host/a.tgz")
@example("hdfs://host/a?b.tgz")
@example("http://host/a b.tgz")
@example("http://host/a.tgz/")
@example("/dist/spark/")
def test_uris(harness: Harness, uri: str) -> None:
    try:
        expected = fetched_uri(uri)
    except UsageError:
        with pytest.raises(RefusedSettingsError):
            harness.ask("fetched_uri", {"uri": uri, "property": "spark.mesos.uris"})
    else:
        found = harness.ask("fetched_uri", {"uri": uri, "property": "spark.mesos.uris"})
        assert found == {"value": expected.value, "name": expected.name, "outputFile": expected.output_file}


NAME_PIECES = st.sampled_from([
    "SECRET", "Password", "pwd", "TOKEN", "token", "izer", "access", "_", "-", ".", "Key", "API", "FILE", "path", "x",
    "credential", "s", "enabled", "class",
])  # fmt: skip


@settings(deadline=None, max_examples=20)
@given(st.lists(st.lists(NAME_PIECES, max_size=5).map("".join), min_size=30, max_size=30))
def test_secret_names(harness: Harness, names: list[str]) -> None:
    assert harness.ask("secret_names", names) == [name for name in names if is_secret_name(name)]


def test_a_uri_for_mesos(harness: Harness) -> None:
    told = {
        "spark.mesos.uris": "http://h/a.tgz?x=/y, file:/b.conf",
        "spark.mesos.fetcherCache.enable": "TRUE",
    }
    assert task(harness, told)["command"]["uris"] == [
        {"value": "http://h/a.tgz?x=/y", "cache": True, "output_file": "a.tgz"},
        {"value": "/b.conf", "cache": True},
    ]
