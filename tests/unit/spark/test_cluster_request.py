"""What the recordings do not show; tests/contract/test_cluster_request.py holds requests against theirs."""

from __future__ import annotations

import zipfile
from collections.abc import Mapping
from pathlib import Path

import pytest

from sparkmesos_core.conf.precedence import submit_configuration
from sparkmesos_core.conf.setting import Origin, Setting, Source
from sparkmesos_core.conf.spark_env import SparkEnv
from sparkmesos_core.dispatcher.messages import CreateSubmissionRequest
from sparkmesos_core.errors import MasterUrlError, UsageError
from sparkmesos_core.spark.arguments import SubmitArguments
from sparkmesos_core.spark.cluster_request import (
    DIFFERENCES,
    cluster_request,
    is_sent_variable,
    reason_not_sent,
)

MASTER = ("--master", "mesos://dispatcher:7077", "--deploy-mode", "cluster")
DIRECTORY = Path("/srv/app")


def request(
    *arguments: str,
    file: Mapping[str, str] | None = None,
    environment: Mapping[str, str] | None = None,
    directory: Path = DIRECTORY,
) -> CreateSubmissionRequest:
    parsed = SubmitArguments.parse((*MASTER, *arguments))
    options, conf = parsed.settings()
    env = SparkEnv(environment or {})
    origin = Origin(Source.FILE, "app.conf", line=1)
    configuration = submit_configuration(
        options=options,
        conf=conf,
        file=[Setting(key, value, origin) for key, value in (file or {}).items()],
        env=env,
    )
    return cluster_request(
        parsed, configuration, env.variables, spark_version="3.5.9", directory=directory, now_ms=42
    )


def properties(
    *arguments: str, file: Mapping[str, str] | None = None, environment: Mapping[str, str] | None = None
) -> Mapping[str, str]:
    return request(*arguments, file=file, environment=environment).spark_properties


def test_a_python_application() -> None:
    made = request("--py-files", "http://h/lib.zip", "http://h/app.py", "a b", "")
    assert made.app_resource == "http://h/app.py"
    assert (made.main_class, made.app_args, made.client_spark_version) == ("", ("a b", ""), "3.5.9")
    assert made.spark_properties == {
        "spark.app.name": "app.py",
        "spark.app.submitTime": "42",
        "spark.driver.supervise": "false",
        "spark.master": "mesos://dispatcher:7077",
        "spark.submit.deployMode": "cluster",
        "spark.submit.pyFiles": "http://h/lib.zip",
    }


@pytest.mark.parametrize(
    ("arguments", "file", "variables", "name"),
    [
        (["http://h/?x=a%20b.py"], {}, {}, "?x=a%20b.py"),
        (["local:/opt/a/app.R"], {}, {}, "app.R"),
        (["--class", "org.App", "http://h/app.py"], {}, {}, "org.App"),
        (["--class", "org.App", "http://h/app.jar"], {"spark.app.name": "f"}, {}, "f"),
        (["--name", "n", "--conf", "spark.app.name=c", "http://h/app.py"], {"spark.app.name": "f"}, {}, "n"),
        (["--name", "", "http://h/app.py"], {}, {}, ""),
        (["http://h/app.py"], {}, {"SPARK_SUBMIT_OPTS": "-Dspark.app.name=d"}, "app.py"),
    ],
)
def test_names(arguments: list[str], file: dict[str, str], variables: dict[str, str], name: str) -> None:
    assert properties(*arguments, file=file, environment=variables)["spark.app.name"] == name


def test_the_application_is_the_last_of_the_jars() -> None:
    app = ("--class", "A", "local:///app.jar")
    assert properties(*app)["spark.jars"] == "local:///app.jar"
    assert properties("--jars", "http://h/b.jar,", *app)["spark.jars"] == "http://h/b.jar,local:///app.jar"
    assert (
        properties(*app, file={"spark.jars": " http://h/b.jar "})["spark.jars"]
        == "http://h/b.jar,local:///app.jar"
    )
    assert properties("--jars", "", *app, file={"spark.jars": "x"})["spark.jars"] == "local:///app.jar"
    internal = request("--class", "A", "spark-internal")
    assert (internal.app_resource, internal.spark_properties["spark.jars"]) == ("spark-internal", "")
    assert "spark.jars" not in properties("http://h/app.py")


def test_files_of_options_and_of_properties_become_urls() -> None:
    sent = properties(
        "--files", "a.txt, b.txt", "--archives", "x.zip#env", "http://h/app.py",
        file={"spark.submit.pyFiles": "a.py, file:///b.py", "spark.yarn.dist.files": "c"},
    )  # fmt: skip
    assert sent["spark.files"] == "file:/srv/app/a.txt,file:/srv/app/%20b.txt"
    assert sent["spark.archives"] == "file:/srv/app/x.zip#env"
    assert sent["spark.submit.pyFiles"] == "file:/srv/app/a.py,file:///b.py"
    assert sent["spark.yarn.dist.files"] == "file:/srv/app/c"


def test_supervision_is_what_the_option_says_as_in_spark() -> None:
    app = "http://h/app.py"
    assert properties("--supervise", app)["spark.driver.supervise"] == "true"
    assert properties(app, file={"spark.driver.supervise": "true"})["spark.driver.supervise"] == "false"


def test_what_is_about_this_machine_is_left_out_of_the_properties() -> None:
    sent = properties(
        "http://h/app.py",
        "x",
        file={"spark.driver.host": "here", "odd.key": "1", "spark.app.submitTime": "7"},
    )
    assert "spark.driver.host" not in sent
    assert "odd.key" not in sent
    assert sent["spark.app.submitTime"] == "7"


def test_variables_that_stand_for_properties() -> None:
    variables = {
        "SPARK_DRIVER_MEMORY": "2g",
        "SPARK_EXECUTOR_URI": "http://h/s.tgz",
        "MASTER": "mesos://other:1",
    }
    made = request("http://h/app.py", environment=variables)
    assert made.spark_properties["spark.driver.memory"] == "2g"
    assert made.spark_properties["spark.master"] == MASTER[1]
    assert "spark.executor.uri" not in made.spark_properties
    assert made.environment_variables == {"SPARK_DRIVER_MEMORY": "2g", "SPARK_EXECUTOR_URI": "http://h/s.tgz"}


@pytest.mark.parametrize(
    "arguments",
    [
        ("http://h/app.py", "é"),
        ("http://h/é.py",),
        ("--conf", "spark.x=é", "http://h/app.py"),
        ("--conf", "spark.é=x", "http://h/app.py"),
        ("--class", "é.App", "http://h/app.jar"),
    ],
)
def test_what_is_not_ascii_brings_its_locale(arguments: tuple[str, ...]) -> None:
    name = "spark.mesos.driverEnv.LC_ALL"
    assert properties(*arguments)[name] == "C.UTF-8"
    assert name not in properties(*(argument.replace("é", "e") for argument in arguments))
    assert properties("--conf", f"{name}=C", *arguments)[name] == "C"


def test_older_names_of_kerberos_properties() -> None:
    sent = properties(
        "http://h/app.py",
        file={"spark.yarn.principal": "p", "spark.kerberos.keytab": "k", "spark.yarn.keytab": "o"},
    )
    assert (sent["spark.kerberos.principal"], sent["spark.kerberos.keytab"]) == ("p", "k")


@pytest.mark.parametrize(
    ("name", "reason"),
    [
        ("SPARK_EXECUTOR_URI", ""),
        ("SPARK_MESOS_PRINCIPAL", ""),
        ("SPARK_USER", ""),
        ("MESOS_AUTHENTICATEE", ""),
        ("SPARK_MESOS_SECRET", "secret-variables"),
        ("SPARK_AUTH_TOKEN", "secret-variables"),
        ("SPARK_MESOS_SECRET_FILE", "machine-variables"),
        ("SPARK_LOCAL_IP", "machine-variables"),
        ("MESOS_NATIVE_JAVA_LIBRARY", "machine-variables"),
        ("MESOS_SANDBOX", "machine-variables"),
        ("SPARK_DAEMON_JAVA_OPTS", "program-variables"),
        ("SPARK_SCALA_VERSION", "program-variables"),
    ],
)
def test_which_variables_are_held_back(name: str, reason: str) -> None:
    assert reason_not_sent(name) == reason
    assert is_sent_variable(name) is (reason == "")
    assert reason in {"", *(difference.id for difference in DIFFERENCES)}


@pytest.mark.parametrize(
    "name", ["SPARK_HOME", "SPARK_CONF_DIR", "SPARK_ENV_LOADED", "HOME", "SPARKMESOS_MASTER", "AWS_TOKEN"]
)
def test_what_spark_does_not_send_either(name: str) -> None:
    assert not is_sent_variable(name)
    assert reason_not_sent(name) == ""


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ([], "No application given"),
        (["pyspark-shell"], "Pyspark-shell, a shell, cannot run in cluster mode"),
        (["--class", "org.apache.spark.repl.Main"], "a shell, cannot run in cluster mode"),
        (["--class", "org.apache.spark.sql.hive.thriftserver.SparkSQLCLIDriver"], "SQL shell cannot run"),
        (["--class", "org.apache.spark.sql.hive.thriftserver.HiveThriftServer2"], "Thrift server cannot run"),
        (["--class", "org.apache.spark.sql.connect.service.SparkConnectServer"], "Connect server cannot run"),
        (["http://h/app.jar"], "The main class of http://h/app.jar is not known"),
        (["local:///app.jar"], "The main class of local:///app.jar is not known"),
        (["file:///none.jar"], "There is no JAR /none.jar"),
        (["https://u:pass@h/app.jar?sig=word"], "The main class of https://u:***@h/app.jar?sig=***"),
        (["--jars", "file:///none/*.jar", "http://h/app.py"], "No file of this machine"),
    ],
)
def test_what_cannot_run_in_cluster_mode(arguments: list[str], message: str) -> None:
    with pytest.raises(UsageError) as caught:
        request(*arguments)
    assert message in caught.value.message
    assert caught.value.hint


def test_examples_cannot_run_in_cluster_mode() -> None:
    parsed = SubmitArguments.parse(["run-example", *MASTER, "SparkPi"])
    configuration = submit_configuration(options=parsed.settings()[0], env=SparkEnv({}))
    with pytest.raises(UsageError, match="An example of this machine's Spark cannot run in cluster mode"):
        cluster_request(parsed, configuration, {}, spark_version="3.5.9", directory=DIRECTORY, now_ms=0)


@pytest.mark.parametrize("master", ["mesos://zk://h:2181/mesos", "mesos://a:1,", "spark://h:7077", ""])
def test_a_dispatcher_is_needed(master: str) -> None:
    with pytest.raises(MasterUrlError):
        request("--master", master, "http://h/app.py")


def test_the_class_of_a_jar_on_every_machine_is_read_from_it(tmp_path: Path) -> None:
    jar = tmp_path.resolve() / "my app.jar"
    with zipfile.ZipFile(jar, "w") as archive:
        archive.writestr("META-INF/MANIFEST.MF", "Main-Class: org.App\n")
    made = request("file://" + str(jar).replace(" ", "%20"))
    assert made.main_class == "org.App"
    assert made.spark_properties["spark.app.name"] == "my%20app.jar"


def test_differences_have_names_of_their_own() -> None:
    ids = [difference.id for difference in DIFFERENCES]
    assert len(ids) == len(set(ids))
    for difference in DIFFERENCES:
        assert difference.spark.endswith(".")
        assert difference.ours.endswith(".")
        assert "|" not in difference.what + difference.spark + difference.ours
