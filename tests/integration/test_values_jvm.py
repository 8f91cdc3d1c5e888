"""Values of properties, as Spark's own code in a JVM reads them, compared with how ours does."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import pytest
from py4j.protocol import Py4JJavaError

from sparkmesos_core.conf.values.constraints import parse_constraints
from sparkmesos_core.conf.values.docker import parse_docker_parameters, parse_port_maps, parse_volumes
from sparkmesos_core.conf.values.durations import parse_duration
from sparkmesos_core.conf.values.java_options import split_options, split_words
from sparkmesos_core.conf.values.java_strings import to_sequence, trim
from sparkmesos_core.conf.values.labels import parse_labels
from sparkmesos_core.conf.values.scalars import java_double, parse_boolean, parse_integer
from sparkmesos_core.conf.values.secrets import parse_secrets
from sparkmesos_core.conf.values.sizes import parse_mebibytes, parse_size
from sparkmesos_core.errors import UsageError
from tests.integration.spark_jvm import spark_jvm
from tests.soak.odd_texts import SAMPLES, OddTexts

pytestmark = pytest.mark.slow

REFUSED = "refused"
COUNT = 300


@pytest.fixture(scope="module")
def jvm() -> Iterator[Any]:
    with spark_jvm() as classes:
        yield classes


def texts(kind: str) -> list[str]:
    odd = OddTexts(kind)
    made = [odd.value(kind) for _ in range(COUNT)] + [odd.mutated(odd.any_value()) for _ in range(COUNT // 4)]
    distinct = dict.fromkeys([*SAMPLES[kind], *made])
    # What no file and no connection to the JVM carries: lone surrogates; and the very long is the soak's.
    return [
        text for text in distinct if len(text) < 1000 and not any("\ud800" <= c <= "\udfff" for c in text)
    ]


def ours(parse: Callable[[], Any]) -> Any:
    try:
        return parse()
    except UsageError:
        return REFUSED


def sparks(parse: Callable[[], Any]) -> Any:
    try:
        return parse()
    except Py4JJavaError:
        return REFUSED


def compare(
    kind: str,
    ours_of: Callable[[str], Any],
    sparks_of: Callable[[str], Any],
    on_purpose: Callable[[str, Any], bool] = lambda text, spark: False,
) -> None:
    """Each text has one meaning, but for those that we refuse on purpose."""
    differing = []
    accepted = 0
    for text in texts(kind):
        spark, our = sparks(lambda text=text: sparks_of(text)), ours(lambda text=text: ours_of(text))  # type: ignore[misc]
        accepted += our != REFUSED
        if spark != our and not (our == REFUSED and on_purpose(text, spark)):
            differing.append((text, spark, our))
    assert not differing
    assert accepted >= 5


def test_sizes(jvm: Any) -> None:
    java = jvm.org.apache.spark.network.util.JavaUtils
    compare("size", parse_size, java.byteStringAsBytes)
    compare("size", parse_mebibytes, java.byteStringAsMb, lambda text, spark: spark >= 2**31)


def test_times(jvm: Any) -> None:
    java = jvm.org.apache.spark.network.util.JavaUtils
    compare("time", lambda text: parse_duration(text, "s"), java.timeStringAsSec)
    compare("time", lambda text: parse_duration(text, "ms"), java.timeStringAsMs)


def test_scalars(jvm: Any) -> None:
    java = jvm.java.lang
    helpers = jvm.org.apache.spark.internal.config.ConfigHelpers
    compare("boolean", parse_boolean, lambda text: helpers.toBoolean(text, "key"))

    def number(text: str) -> str:
        value = java_double(text)
        if value is None:
            raise UsageError("no number")
        return repr(value)

    compare("number", number, lambda text: repr(java.Double.parseDouble(text)))
    compare("number", parse_integer, lambda text: java.Integer.parseInt(trim(text)))


def test_lists(jvm: Any) -> None:
    utils = jvm.org.apache.spark.util.Utils
    for kind in ("secrets", "volumes", "text"):
        compare(kind, to_sequence, lambda text: list(_java_list(jvm, utils.stringToSeq(text))))


def test_java_options(jvm: Any) -> None:
    utils = jvm.org.apache.spark.util.Utils
    builder = jvm.java.lang.Class.forName("org.apache.spark.launcher.CommandBuilderUtils")
    (split,) = [method for method in builder.getDeclaredMethods() if method.getName() == "parseOptionString"]
    split.setAccessible(True)

    def launchers(text: str) -> list[str]:
        arguments = jvm.java.lang.reflect.Array.newInstance(
            jvm.java.lang.Class.forName("java.lang.Object"), 1
        )
        arguments[0] = text
        return list(split.invoke(None, arguments))

    def launcher_or_ours(text: str) -> Any:
        # The launcher doubles half of what lies outside the first plane of Unicode, which is a mistake.
        return (
            ours(lambda: list(split_options(text))) if max(text, default="") > "\uffff" else launchers(text)
        )

    compare("java options", lambda text: list(split_options(text)), launcher_or_ours)
    compare(
        "java options",
        lambda text: list(split_words(text)),
        lambda text: list(_java_list(jvm, utils.splitCommandString(text))),
    )


def test_labels(jvm: Any) -> None:
    java = jvm.org.apache.spark.scheduler.cluster.mesos.MesosProtoUtils
    compare(
        "labels",
        lambda text: [tuple(label) for label in parse_labels(text)],
        lambda text: [(one.getKey(), one.getValue()) for one in java.mesosLabels(text).getLabelsList()],
    )


def test_constraints(jvm: Any) -> None:
    mesos = jvm.org.apache.spark.scheduler.cluster.mesos
    conf = jvm.org.apache.spark.SparkConf(False)
    conf.set("spark.master", "mesos://localhost:5050").set("spark.app.name", "dispatcher")
    java = mesos.MesosClusterScheduler(mesos.BlackHoleMesosClusterPersistenceEngineFactory(), conf)
    convert = jvm.scala.collection.JavaConverters

    def parse(text: str) -> dict[str, set[str]]:
        found = convert.mapAsJavaMapConverter(java.parseConstraintString(text)).asJava()
        return {key: set(convert.setAsJavaSetConverter(found[key]).asJava()) for key in found}

    compare(
        "constraints",
        lambda text: {one.attribute: set(one.values) for one in parse_constraints(text)},
        parse,
        lambda text, spark: "" in spark,  # an attribute without a name
    )


def test_docker(jvm: Any) -> None:
    java = jvm.org.apache.spark.scheduler.cluster.mesos.MesosSchedulerBackendUtil
    utils = jvm.org.apache.spark.util.Utils

    def unless_skipped(text: str, entries: list[Any]) -> Any:
        """What Spark leaves out with a warning, we refuse."""
        return entries if len(entries) == len(to_sequence(text)) else REFUSED

    def volumes(text: str) -> Any:
        found = _java_list(jvm, java.parseVolumesSpec(utils.stringToSeq(text)))
        entries = [
            (
                v.getContainerPath(),
                v.getHostPath() if v.hasHostPath() else None,
                v.getMode().toString() == "RO",
            )
            for v in found
        ]
        return unless_skipped(text, entries)

    compare(
        "volumes",
        lambda text: [(one.container, one.host, one.read_only) for one in parse_volumes(text)],
        volumes,
        lambda text, spark: any("" in entry for entry in spark),
    )

    def port_maps(text: str) -> Any:
        found = _java_list(jvm, java.parsePortMappingsSpec(utils.stringToSeq(text)))
        return unless_skipped(
            text, [(one.getHostPort(), one.getContainerPort(), one.getProtocol().lower()) for one in found]
        )

    compare(
        "port maps",
        lambda text: [(one.host, one.container, one.protocol) for one in parse_port_maps(text)],
        port_maps,
        lambda text, spark: any(
            not 0 <= host < 2**16 or not 1 <= container < 2**16 or protocol not in ("tcp", "udp", "sctp")
            for host, container, protocol in spark
        ),
    )

    def parameters(text: str) -> Any:
        conf = jvm.org.apache.spark.SparkConf(False)
        conf.set("spark.mesos.executor.docker.image", "x").set("spark.mesos.executor.docker.parameters", text)
        found = java.buildContainerInfo(conf).getDocker().getParametersList()
        return unless_skipped(text, [(one.getKey(), one.getValue()) for one in found])

    compare(
        "parameters",
        lambda text: [tuple(one) for one in parse_docker_parameters(text)],
        parameters,
        lambda text, spark: any(not key for key, _ in spark),
    )


@pytest.mark.parametrize(
    ("names", "values", "variables", "files"),
    [
        ("/a,/b", "", "A,B", ""),
        ("/a,/b", "", "A, B", "a/b,b/c"),
        ("", "x, y,", "A,B", ""),
        ("", "x", "", "f"),
        ("/a", "x", "A", ""),
        ("/a", "", "A,B", ""),
        ("/a,/b", "", "", "f"),
        ("", "", "A", ""),
        (" , ", "x", "A", ""),
        ("", "", "", ""),
        ("/a", "", "", ""),
    ],
)
def test_secrets(jvm: Any, names: str, values: str, variables: str, files: str) -> None:
    java = jvm.org.apache.spark.scheduler.cluster.mesos.MesosSchedulerBackendUtil
    package = getattr(getattr(jvm.org.apache.spark.deploy.mesos.config, "package$"), "MODULE$")
    config = package.driverSecretConfig()
    conf = jvm.org.apache.spark.SparkConf(False)
    for name, text in zip(
        ("names", "values", "envkeys", "filenames"), (names, values, variables, files), strict=True
    ):
        conf.set(f"spark.mesos.driver.secret.{name}", text)

    def content(secret: Any) -> tuple[str | None, str | None]:
        if secret.hasReference():
            return secret.getReference().getName(), None
        return None, secret.getValue().getData().toStringUtf8()

    def spark() -> Any:
        in_variables = _java_list(jvm, java.getSecretEnvVar(conf, config))
        in_files = _java_list(jvm, java.getSecretVolume(conf, config))
        return (
            [(*content(one.getSecret()), one.getName()) for one in in_variables],
            [(*content(one.getSource().getSecret()), one.getContainerPath()) for one in in_files],
        )

    def our() -> Any:
        secrets = parse_secrets(names, values, variables, files)
        return (
            [(one.reference, one.value, one.variable) for one in secrets if one.variable],
            [(one.reference, one.value, one.file) for one in secrets if one.file],
        )

    assert ours(our) == sparks(spark)


def _java_list(jvm: Any, sequence: Any) -> Any:
    return jvm.scala.collection.JavaConverters.seqAsJavaListConverter(sequence).asJava()
