"""Configuration files and their precedence, compared with Spark's own code, called in one JVM."""

from __future__ import annotations

import itertools
import os
import random
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from py4j.protocol import Py4JJavaError

from sparkmesos_core.client_configuration import find_properties_file
from sparkmesos_core.conf.java_properties import parse_properties, read_properties_file
from sparkmesos_core.conf.precedence import daemon_configuration, submit_configuration
from sparkmesos_core.conf.properties.registered_property import Reader
from sparkmesos_core.conf.setting import Origin, Setting, Source
from sparkmesos_core.conf.spark_env import SparkEnv
from sparkmesos_core.errors import UsageError
from sparkmesos_core.spark.arguments import SubmitArguments
from tests.integration.spark_jvm import spark_jvm

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def jvm() -> Iterator[Any]:
    with spark_jvm() as classes:
        yield classes


def read_by_spark(jvm: Any, path: Path) -> dict[str, str] | None:
    """What Utils.getPropertiesFromFile makes of a file; None if it throws."""
    try:
        properties = jvm.org.apache.spark.util.Utils.getPropertiesFromFile(str(path))
    except Py4JJavaError:
        return None
    return dict(jvm.scala.collection.JavaConverters.mapAsJavaMap(properties))


def read_by_us(path: Path) -> dict[str, str]:
    return {setting.key: setting.value for setting in read_properties_file(path)}


PIECES = (
    "spark.a", "spark.b", "b", " ", "  ", "\t", "\f", "\v", "\x00", "\x01", "\x1f", "\x7f", "\x85", "\xa0",
    "\u2028", "=", ":", " = ", "#", "!", "\\", "\\\\", "\\\n", "\\\r\n", "\\\r", "\n", "\n", "\n", "\r", "\r\n",
    "\\n", "\\r", "\\t", "\\f", "\\u0041", "\\u000a", "\\u0020", "\\uD83D\\uDE00", "\\u12", "\\u", "\\q", "\\=",
    "\\:", "\\ ", "'", '"', "$HOME", "%", "ä", "€", "😀", "-Dx=y", "\ufeff",
)  # fmt: skip


def generated_files(count: int) -> Iterator[str]:
    chance = random.Random(4)
    for _ in range(count):
        yield "".join(chance.choice(PIECES) for _ in range(chance.randrange(1, 16)))


def test_generated_files_are_read_as_spark_reads_them(jvm: Any, tmp_path: Path) -> None:
    path = tmp_path / "some.properties"
    # These two are all that we refuse and Spark does not: it would garble them.
    on_purpose = ("begins with a byte order mark", "is half a character")
    values = refusals = 0
    for text in generated_files(600):
        path.write_bytes(text.encode())
        sparks = read_by_spark(jvm, path)
        ours, refusal = {}, ""
        try:
            ours = read_by_us(path)
        except UsageError as error:
            refusal = error.message
        if refusal:
            refusals += 1
            assert sparks is None or any(reason in refusal for reason in on_purpose), text
            continue
        assert sparks is not None, text
        # Java makes a property without a name of a lone backslash at the very end, which Spark then drops.
        for properties in (ours, sparks):
            properties.pop("", None)
        assert ours == sparks, text
        values += len(ours)
    assert values > 400
    assert refusals > 20


def test_files_that_are_none_are_refused_as_spark_refuses_them(jvm: Any, tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe")
    for path in (tmp_path / "missing", tmp_path, tmp_path / "pipe", Path("/dev/null")):
        assert read_by_spark(jvm, path) is None
        with pytest.raises(UsageError, match=str(path)):
            read_properties_file(path)


def test_what_is_not_utf8_is_refused_where_spark_would_garble_it(jvm: Any, tmp_path: Path) -> None:
    path = tmp_path / "latin.properties"
    path.write_bytes(b"# \xfc\nspark.a \xfc\n")
    assert read_by_spark(jvm, path) == {"spark.a": "\ufffd"}
    with pytest.raises(UsageError, match=r"latin\.properties:2 is malformed: it is not UTF-8"):
        read_properties_file(path)
    path.write_bytes(b"# \xfc\nspark.a u\n")
    assert read_by_us(path) == read_by_spark(jvm, path) == {"spark.a": "u"}


def test_the_default_file_is_the_one_that_spark_takes(jvm: Any, tmp_path: Path) -> None:
    home, other = tmp_path / "home", tmp_path / "other"
    for folder in (home / "conf", other):
        folder.mkdir(parents=True)
        (folder / "spark-defaults.conf").write_text("spark.a 1")
    (tmp_path / "folder" / "spark-defaults.conf").mkdir(parents=True)
    cases: tuple[dict[str, str], ...] = (
        {"SPARK_HOME": str(home)},
        {"SPARK_HOME": str(home), "SPARK_CONF_DIR": str(other)},
        {"SPARK_HOME": str(home), "SPARK_CONF_DIR": str(tmp_path / "none")},
        {"SPARK_HOME": str(home), "SPARK_CONF_DIR": str(tmp_path / "folder")},
        {"SPARK_HOME": str(tmp_path)},
        {},
    )
    for environment in cases:
        variables = jvm.scala.collection.JavaConverters.mapAsScalaMap(environment)
        immutable = jvm.scala.collection.immutable.HashMap().__getattr__("$plus$plus")(variables)
        theirs = jvm.org.apache.spark.util.Utils.getDefaultPropertiesFile(immutable)
        spark_home = Path(environment["SPARK_HOME"]) if environment else None
        found = find_properties_file(None, spark_home, environment)
        assert (str(found) if found is not None else None) == theirs


def strings(jvm: Any, texts: list[str]) -> Any:
    """A String[]."""
    array = jvm.java.lang.reflect.Array.newInstance(
        jvm.java.lang.Class.forName("java.lang.String"), len(texts)
    )
    for index, text in enumerate(texts):
        array[index] = text
    return array


@pytest.mark.parametrize(
    ("key", "option", "variable"),
    [
        ("spark.executor.memory", "--executor-memory", "SPARK_EXECUTOR_MEMORY"),
        ("spark.driver.memory", "", "SPARK_DRIVER_MEMORY"),  # the launcher makes a --conf of the option
        ("spark.cores.max", "--total-executor-cores", ""),
        ("spark.executor.uri", "", ""),
    ],
)
def test_a_submission_is_configured_as_spark_configures_it(
    jvm: Any, tmp_path: Path, key: str, option: str, variable: str
) -> None:
    """The real SparkSubmitArguments and prepareSubmitEnvironment, for every set of places that set a key."""
    (tmp_path / "app.py").touch()
    file = tmp_path / "some.properties"
    values = {"option": "1", "conf": "2", "file": "3", "variable": "4", "java": "5"}
    for chosen in itertools.product((False, True), repeat=len(values)):
        said = {place: value for (place, value), said in zip(values.items(), chosen, strict=True) if said}
        if not option:
            said.pop("option", None)
        if not variable:
            said.pop("variable", None)
        file.write_text(f"{key} {said['file']}" if "file" in said else "")
        arguments = ["--master", "mesos://127.0.0.1:5050", "--properties-file", str(file)]
        arguments += [option, said["option"]] if "option" in said else []
        arguments += ["--conf", f"{key}={said['conf']}"] if "conf" in said else []
        environment = {variable: said["variable"]} if "variable" in said else {}
        theirs = submitted_by_spark(
            jvm,
            [*arguments, str(tmp_path / "app.py")],
            environment,
            {key: said["java"]} if "java" in said else {},
        )

        parsed = SubmitArguments.parse([*arguments, "app.py"])
        options, conf = parsed.settings()
        options_of_jvm = {"SPARK_SUBMIT_OPTS": f"-D{key}={said['java']}"} if "java" in said else {}
        ours = submit_configuration(
            options=options,
            conf=conf,
            file=read_properties_file(file),
            env=SparkEnv({**environment, **options_of_jvm}),
        )
        assert ours.get(key) == theirs.get(key), said
        assert len(ours.overridden(key)) == max(len(said) - 1, 0)


def submitted_by_spark(
    jvm: Any, arguments: list[str], environment: dict[str, str], system: dict[str, str]
) -> dict[str, str]:
    """The SparkConf that SparkSubmit ends up with."""
    converters = jvm.scala.collection.JavaConverters
    variables = jvm.scala.collection.immutable.HashMap().__getattr__("$plus$plus")(
        converters.mapAsScalaMap(environment)
    )
    for key, value in system.items():
        jvm.java.lang.System.setProperty(key, value)
    try:
        submit = jvm.org.apache.spark.deploy.SparkSubmit()
        sequence = converters.asScalaBuffer(arguments).toSeq()
        parsed = jvm.org.apache.spark.deploy.SparkSubmitArguments(sequence, variables)
        prepared = submit.prepareSubmitEnvironment(parsed, jvm.scala.Option.empty())
    finally:
        for key in system:
            jvm.java.lang.System.clearProperty(key)
    return {pair._1(): pair._2() for pair in prepared._3().getAll()}


def test_a_dispatcher_is_configured_as_spark_configures_it(jvm: Any, tmp_path: Path) -> None:
    """The real MesosClusterDispatcherArguments, over a SparkConf that begins with system properties."""
    places = ("conf", "java options", "file")
    file = tmp_path / "dispatcher.properties"
    keys = {f"spark.k{number}": number for number in range(8)}  # each in another subset of the places
    said = {
        place: {key: place for key, number in keys.items() if number >> bit & 1}
        for bit, place in enumerate(places)
    }
    file.write_text("".join(f"{key} {value}\n" for key, value in {**said["file"], "other.key": "1"}.items()))
    conf = {**said["conf"], "not.spark": "1"}
    arguments = ["--master", "mesos://127.0.0.1:5050", "--properties-file", str(file)]
    for key, value in conf.items():
        arguments += ["--conf", f"{key}={value}"]
    for key, value in said["java options"].items():
        jvm.java.lang.System.setProperty(key, value)
    try:
        spark_conf = jvm.SparkConf(True)
        jvm.org.apache.spark.deploy.mesos.MesosClusterDispatcherArguments(strings(jvm, arguments), spark_conf)
    finally:
        for key in keys:
            jvm.java.lang.System.clearProperty(key)
    theirs = {pair._1(): pair._2() for pair in spark_conf.getAll()}

    options = " ".join(f'"-D{key}={value}"' for key, value in said["java options"].items())
    ours = daemon_configuration(
        Reader.DISPATCHER,
        conf=[Setting(key, value, Origin(Source.CONF, "--conf")) for key, value in conf.items()],
        file=parse_properties(file.read_text(), str(file)),
        env=SparkEnv({"SPARK_DAEMON_JAVA_OPTS": f"-Xss4m {options}"}),
    )
    assert dict(ours) == {key: value for key, value in theirs.items() if key in keys}
    assert {setting.key for setting in ours.ignored} == {"not.spark", "other.key"}
