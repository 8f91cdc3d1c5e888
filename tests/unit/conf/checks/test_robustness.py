"""Whatever is set to whatever: a check answers with findings, and shows no secret."""

from __future__ import annotations

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from sparkmesos_core.conf.checks import Circumstances, Mode, check_configuration, gather
from sparkmesos_core.conf.configuration import Configuration
from sparkmesos_core.conf.properties.registry import PROPERTIES
from sparkmesos_core.conf.setting import Origin, Setting, Source

KEYS = [entry.name for entry in PROPERTIES]
SECRETS = [entry.name for entry in PROPERTIES if entry.secret]
TEXTS = st.one_of(
    st.text(max_size=30),
    st.text(alphabet="aA0129:;,=./-\\${}[]<>'\" \n\tmgk%", max_size=30),
    st.sampled_from(
        ["", "true", "false", "0", "-1", "1", "2", "512m", "1g", "99999999999999999999", "mesos", "ZOOKEEPER"]
    ),
)
NAMES = st.one_of(
    st.sampled_from(KEYS),
    st.text(max_size=20),
    st.builds("spark.mesos.{}".format, st.text(max_size=20)),
    st.builds("spark.mesos.dispatcher.driverDefault.{}".format, st.sampled_from(KEYS) | st.text(max_size=9)),
)
ORIGINS = st.one_of(
    st.builds(Origin, st.sampled_from(Source), st.just("somewhere"), st.none() | st.just(3)),
    st.builds(Origin, st.just(Source.VARIABLE), st.just("NAME"), script=st.just("/etc/spark-env.sh")),
)
VARIABLES = st.sampled_from(
    [
        "MESOS_NATIVE_JAVA_LIBRARY",
        "SPARK_LOCAL_IP",
        "SPARK_DAEMON_JAVA_OPTS",
        "SPARK_SHUFFLE_OPTS",
        "LIBPROCESS_SSL_ENABLED",
        "LIBPROCESS_SSL_KEY_FILE",
        "LIBPROCESS_SSL_VERIFY_CERT",
        "SPARK_EXECUTOR_URI",
        "HADOOP_USER_NAME",
        "HADOOP_CONF_DIR",
    ]
)


@settings(max_examples=300, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(
    layers=st.lists(st.lists(st.builds(Setting, NAMES, TEXTS, ORIGINS), max_size=8), max_size=3),
    environment=st.dictionaries(VARIABLES, TEXTS, max_size=4),
    mode=st.sampled_from(Mode),
    spark=st.none() | st.sampled_from(["2.0.2", "2.4.8", "3.0.3", "3.5.9", "4.0.0", "3.5", "odd", ""]),
    master=st.none() | TEXTS | st.sampled_from(["mesos://h:5050", "embedded", "mesos://zk://h/m"]),
)
def test_anything(
    layers: list[list[Setting]],
    environment: dict[str, str],
    mode: Mode,
    spark: str | None,
    master: str | None,
) -> None:
    configuration = Configuration(layers)
    files = gather(configuration, environment, mode=mode)
    found = check_configuration(
        configuration,
        Circumstances(
            mode,
            spark,
            master,
            environment,
            files=files,
            spark_home="/site-packages/pyspark",
            over_http=False,
        ),
    )
    assert all(finding.message and finding.id for finding in found)


@settings(max_examples=100, deadline=None)
@given(
    key=st.sampled_from(SECRETS),
    mode=st.sampled_from(Mode),
    source=st.sampled_from(Source),
    others=st.lists(st.builds(Setting, st.sampled_from(KEYS), TEXTS, ORIGINS), max_size=4),
)
def test_no_secret_is_shown(key: str, mode: Mode, source: Source, others: list[Setting]) -> None:
    secret = Setting(key, "tOpSeCrEt,:x", Origin(source, "somewhere"))
    configuration = Configuration([[*others, secret], [Setting(key, "oLdSeCrEt", Origin(source, "else"))]])
    for finding in check_configuration(configuration, Circumstances(mode, "3.5.9")):
        assert "SeCrEt" not in finding.message + finding.hint


def test_very_long_values() -> None:
    long = [Setting(key, "a:b;" * 250_000, Origin(Source.FILE, "f", 1)) for key in KEYS[:60]]
    check_configuration(Configuration([long]), Circumstances(Mode.CLUSTER, "3.5.9"))
