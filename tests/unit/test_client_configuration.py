"""Reading a configuration from real files and a real spark-env.sh, for a Spark that is only names of jars."""

from __future__ import annotations

import os
from pathlib import Path
from types import SimpleNamespace

import pytest

from sparkmesos_core.client_configuration import (
    ClientConfiguration,
    find_properties_file,
    read_client_configuration,
)
from sparkmesos_core.conf.setting import Origin, Setting, Source
from sparkmesos_core.errors import SparkNotFoundError, UsageError
from sparkmesos_core.settings import OwnMasters
from sparkmesos_core.spark.arguments import SubmitArguments


def make_spark(folder: Path, version: str = "3.5.9", *, script: str = "", defaults: str = "") -> Path:
    for name in ("core", "mesos"):
        jar = folder / "jars" / f"spark-{name}_2.12-{version}.jar"
        jar.parent.mkdir(parents=True, exist_ok=True)
        jar.touch()
    (folder / "conf").mkdir()
    if script:
        (folder / "conf" / "spark-env.sh").write_text(script)
    if defaults:
        (folder / "conf" / "spark-defaults.conf").write_text(defaults)
    return folder


def read(*arguments: str, **environment: str) -> ClientConfiguration:
    return read_client_configuration(
        SubmitArguments.parse(arguments),
        spark_home=None,
        environment={"PATH": os.environ["PATH"], **environment},
    )


@pytest.mark.parametrize(
    ("arguments", "master"),
    [
        (["app.py"], "mesos://m:5050"),
        (["--deploy-mode", "cluster", "http://x/app.py"], "mesos://d:7077"),
        (["--conf", "spark.submit.deployMode=cluster", "http://x/app.py"], "mesos://d:7077"),
        (["--status", "driver-1"], "mesos://d:7077"),
        (["--kill", "driver-1"], "mesos://d:7077"),
        (["--kill", "driver-1", "--master", "mesos://typed:7077"], "mesos://typed:7077"),
    ],
)
def test_the_dispatcher_is_the_master_of_what_it_is_asked(arguments: list[str], master: str) -> None:
    own = OwnMasters(
        Setting("spark.master", "mesos://m:5050", Origin(Source.SPARKMESOS, "SPARKMESOS_MASTER")),
        Setting("spark.master", "mesos://d:7077", Origin(Source.SPARKMESOS, "SPARKMESOS_DISPATCHER")),
    )
    client = read_client_configuration(
        SubmitArguments.parse(arguments), spark_home=None, environment={"PATH": os.environ["PATH"]}, own=own
    )
    assert client.configuration["spark.master"] == master


def test_everything_together(tmp_path: Path) -> None:
    home = make_spark(
        tmp_path / "spark",
        script="SPARK_EXECUTOR_URI=http://x/spark.tgz\nSPARK_DRIVER_MEMORY=3g\nJAVA_HOME=/java",
        defaults="# ours\nspark.driver.memory 2g\nspark.cores.max 8\nodd.key 1\n",
    )
    own = Setting("spark.master", "mesos://own:5050", Origin(Source.SPARKMESOS, "SPARKMESOS_MASTER"))
    environment = {"PATH": os.environ["PATH"], "SPARK_HOME": str(home), "DEPLOY_MODE": "client"}
    arguments = SubmitArguments.parse(["--conf", "spark.cores.max=4", "--executor-memory", "5g", "app.py"])
    client = read_client_configuration(
        arguments, spark_home=None, environment=environment, own=OwnMasters(master=own)
    )
    script, defaults = home / "conf" / "spark-env.sh", home / "conf" / "spark-defaults.conf"
    configuration = client.configuration
    assert dict(configuration) == {
        "spark.cores.max": "4",
        "spark.driver.memory": "2g",
        "spark.executor.memory": "5g",
        "spark.executor.uri": "http://x/spark.tgz",
        "spark.master": "mesos://own:5050",
        "spark.submit.deployMode": "client",
    }
    origins = {key: configuration.setting(key) for key in configuration}
    assert {key: str(setting.origin) for key, setting in origins.items() if setting is not None} == {
        "spark.cores.max": "--conf",
        "spark.driver.memory": f"{defaults}:2",
        "spark.executor.memory": "--executor-memory",
        "spark.executor.uri": f"SPARK_EXECUTOR_URI (set by {script})",
        "spark.master": "SPARKMESOS_MASTER",
        "spark.submit.deployMode": "DEPLOY_MODE",
    }
    assert [str(setting.origin) for setting in configuration.overridden("spark.driver.memory")] == [
        f"SPARK_DRIVER_MEMORY (set by {script})"
    ]
    assert [setting.key for setting in configuration.ignored] == ["odd.key"]
    assert client.env.variables["JAVA_HOME"] == "/java"
    assert client.env.variables["SPARK_ENV_LOADED"] == "1"
    assert client.properties_file == defaults
    assert client.spark is not None
    assert client.spark.version == "3.5.9"
    assert client.arguments is arguments


def test_the_file_of_an_option_replaces_the_default_one(tmp_path: Path) -> None:
    home = make_spark(tmp_path / "spark", defaults="spark.a 1\nspark.b 1")
    (tmp_path / "other").write_text("spark.a 2")
    client = read("--properties-file", str(tmp_path / "other"), "app.py", SPARK_HOME=str(home))
    assert dict(client.configuration) == {"spark.a": "2"}
    with pytest.raises(UsageError, match="missing cannot be read"):
        read("--properties-file", str(tmp_path / "missing"), "app.py", SPARK_HOME=str(home))
    with pytest.raises(UsageError, match="--properties-file is empty"):
        read("--properties-file", "", "app.py", SPARK_HOME=str(home))


def test_files_of_spark_4_on_top_of_each_other(tmp_path: Path) -> None:
    """As `SparkSubmitArguments.mergeDefaultSparkProperties` of Spark 4.2 has it."""
    home = make_spark(tmp_path / "spark", "4.2.0", defaults="spark.a 1\nspark.b 1\nspark.c 1\nspark.d 1")
    named, first, second = (tmp_path / name for name in ("named", "first", "second"))
    named.write_text("spark.b 2\nspark.c 2\nspark.d 2")
    first.write_text("spark.c 3\nspark.d 3")
    second.write_text("spark.d 4")
    files = ("--extra-properties-file", str(first), f"--extra-properties-file={second}")
    given = ("--properties-file", str(named), "--load-spark-defaults")

    client = read(*given, *files, "app.py", SPARK_HOME=str(home))
    assert dict(client.configuration) == {"spark.a": "1", "spark.b": "2", "spark.c": "3", "spark.d": "4"}
    assert client.properties_file == named
    assert client.more_properties_files == (home / "conf" / "spark-defaults.conf", first, second)

    without = read("--properties-file", str(named), *files, "app.py", SPARK_HOME=str(home))
    assert "spark.a" not in without.configuration
    alone = read("--load-spark-defaults", *files[:2], "app.py", SPARK_HOME=str(home))
    assert dict(alone.configuration) == {"spark.a": "1", "spark.b": "1", "spark.c": "3", "spark.d": "3"}
    assert alone.more_properties_files == (first,)
    with pytest.raises(UsageError, match="--extra-properties-file is empty"):
        read("--extra-properties-file", "", "app.py", SPARK_HOME=str(home))


@pytest.mark.parametrize(
    ("version", "options", "since"),
    [
        ("3.5.9", ("--load-spark-defaults",), "--load-spark-defaults came with Spark 4.0.0"),
        ("4.1.4", ("--extra-properties-file", "x"), "--extra-properties-file came with Spark 4.2.0"),
    ],
)
def test_an_option_that_this_spark_does_not_have(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, version: str, options: tuple[str, ...], since: str
) -> None:
    (tmp_path / "x").touch()
    monkeypatch.chdir(tmp_path)
    home = make_spark(tmp_path / "spark", version)
    with pytest.raises(UsageError, match=f"{since}, and {home} is Spark {version}"):
        read(*options, "app.py", SPARK_HOME=str(home))


@pytest.mark.parametrize(
    "mode", [("--deploy-mode", "cluster"), ("--conf", "spark.submit.deployMode=cluster")]
)
def test_in_cluster_mode_its_spark_does_not_matter(tmp_path: Path, mode: tuple[str, str]) -> None:
    """No spark-submit runs here: what the options mean is told to a dispatcher."""
    home = make_spark(tmp_path / "spark", "3.5.9", defaults="spark.a 1\nspark.b 1")
    named, extra = tmp_path / "named", tmp_path / "extra"
    named.write_text("spark.b 2\nspark.c 2")
    extra.write_text("spark.c 3")
    options = (
        "--properties-file",
        str(named),
        "--load-spark-defaults",
        "--extra-properties-file",
        str(extra),
    )
    client = read(*mode, *options, "app.py", SPARK_HOME=str(home))
    assert {key: client.configuration[key] for key in ("spark.a", "spark.b", "spark.c")} == {
        "spark.a": "1",
        "spark.b": "2",
        "spark.c": "3",
    }


def test_a_script_may_say_where_the_rest_is(tmp_path: Path) -> None:
    (tmp_path / "other").mkdir()
    (tmp_path / "other" / "spark-defaults.conf").write_text("spark.a other")
    newer = make_spark(tmp_path / "newer", "3.5.10")
    script = f"SPARK_CONF_DIR='{tmp_path / 'other'}'\nSPARK_HOME='{newer}'"
    home = make_spark(tmp_path / "spark", script=script, defaults="spark.a home")
    client = read("app.py", SPARK_HOME=str(home))
    assert client.configuration["spark.a"] == "other"
    assert client.spark is not None
    assert client.spark.version == "3.5.10"
    asked = read_client_configuration(
        SubmitArguments.parse(["app.py"]), spark_home=home, environment={"PATH": os.environ["PATH"]}
    )
    assert asked.spark is not None
    assert asked.spark.version == "3.5.9"


def test_the_script_sees_the_arguments(tmp_path: Path) -> None:
    home = make_spark(tmp_path / "spark", script='SPARK_EXECUTOR_URI="$*"')
    client = read("--name", "x", "app.py", "an argument", SPARK_HOME=str(home))
    expected = "org.apache.spark.deploy.SparkSubmit --name x app.py an argument"
    assert client.configuration["spark.executor.uri"] == expected


def test_without_any_spark(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    nothing = SimpleNamespace(find_spec=lambda _: None)
    monkeypatch.setattr("sparkmesos_core.spark.home.importlib_util", nothing)
    client = read("--conf", "spark.a=1", "http://x/app.py")
    assert (client.spark, client.properties_file, client.env.script) == (None, None, None)
    assert dict(client.configuration) == {"spark.a": "1"}
    (tmp_path / "spark-defaults.conf").write_text("spark.b 2")
    client = read("--conf", "spark.a=1", "http://x/app.py", SPARK_CONF_DIR=str(tmp_path))
    assert dict(client.configuration) == {"spark.a": "1", "spark.b": "2"}
    with pytest.raises(SparkNotFoundError):
        read("app.py", SPARK_HOME=str(tmp_path))


def test_options_that_spark_ignores_on_mesos_are_translated(tmp_path: Path) -> None:
    home = make_spark(tmp_path / "spark", defaults="spark.executor.cores 1")
    client = read("--master", "mesos://x:5050", "--executor-cores", "2", "app.py", SPARK_HOME=str(home))
    assert client.configuration["spark.executor.cores"] == "2"
    assert [setting.key for setting in client.translated] == ["spark.executor.cores"]


def test_a_variable_that_is_translated_is_one_setting(tmp_path: Path) -> None:
    home = make_spark(tmp_path / "spark")
    client = read("--master", "mesos://x:5050", "app.py", SPARK_HOME=str(home), SPARK_EXECUTOR_CORES="2")
    assert client.configuration["spark.executor.cores"] == "2"
    assert client.configuration.overridden("spark.executor.cores") == ()


def test_what_the_script_changes_beyond_variables_is_a_finding(tmp_path: Path) -> None:
    client = read("app.py", SPARK_HOME=str(make_spark(tmp_path / "spark", script="cd /")))
    assert [finding.id for finding in client.findings] == ["spark-env-beyond-variables"]


def test_a_default_file_that_is_none_is_passed_over(tmp_path: Path) -> None:
    (tmp_path / "conf" / "spark-defaults.conf").mkdir(parents=True)
    assert find_properties_file(None, tmp_path, {}) is None
    assert find_properties_file(None, None, {}) is None
    assert find_properties_file(None, tmp_path, {"SPARK_CONF_DIR": ""}) is None


def test_errors_of_the_default_file_name_file_and_line(tmp_path: Path) -> None:
    home = make_spark(tmp_path / "spark", defaults="spark.a 1\nspark.b \\u1\n")
    with pytest.raises(UsageError, match=r"spark-defaults\.conf:2 is malformed"):
        read("app.py", SPARK_HOME=str(home))


def test_in_cluster_mode_variables_that_the_driver_does_not_get_mean_nothing(tmp_path: Path) -> None:
    home = make_spark(tmp_path / "spark", defaults="spark.local.dir /a")
    variables = {
        "SPARK_HOME": str(home), "PYSPARK_PYTHON": "python9", "SPARK_LOCAL_DIRS": "/b",
        "SPARK_EXECUTOR_URI": "http://x/y.tgz", "SPARK_EXECUTOR_MEMORY": "3g", "SPARK_MESOS_SECRET": "hunter2",
    }  # fmt: skip
    here = read("app.py", **variables).configuration
    assert here["spark.local.dir"] == "/b"
    assert here["spark.pyspark.python"] == "python9"
    there = read("--deploy-mode", "cluster", "app.py", **variables).configuration
    assert dict(there) == {
        "spark.executor.memory": "3g",
        "spark.executor.uri": "http://x/y.tgz",
        "spark.local.dir": "/a",
        "spark.submit.deployMode": "cluster",
    }
