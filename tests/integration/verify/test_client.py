"""A machine whose Spark, Java, libmesos or configuration is not as a driver needs it."""

from __future__ import annotations

import importlib.util
import socket
import sys
from pathlib import Path
from typing import Any

import pytest

from sparkmesos_core.localcluster.cluster import AgentSpec, RunningCluster
from sparkmesos_core.preflight.this_machine import ThisMachine, this_machine
from sparkmesos_core.process_end import wait_for_end
from sparkmesos_core.spark.home import find_spark
from sparkmesos_core.spark.java import find_java
from tests.integration.spark_releases import SPARK_4
from tests.integration.spark_under_test import spark_of
from tests.integration.verify.conftest import NewCluster
from tests.integration.verify.made_up_spark import make_home, make_java
from tests.integration.verify.verifying import SOUND, Report, verify

UNKNOWN_NAME = "x" * 64 + ".example"
"""No resolver knows a label of this length, however it is asked."""
NOT_OF_THIS_MACHINE = "192.0.2.77"


def check(cluster: RunningCluster, *arguments: str, **environment: str) -> Report:
    return verify("--master", cluster.url, *SOUND, *arguments, environment=environment)


def assert_sound(report: Report) -> None:
    assert report.failing() == set(), report
    assert report.follows() == {}, report


@pytest.mark.breaks("spark-found")
def test_no_spark(cluster: RunningCluster, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    installed = find_spark(None, {}).path
    real = importlib.util.find_spec

    def without_pyspark(name: str, *arguments: Any) -> Any:
        return None if name == "pyspark" else real(name, *arguments)

    monkeypatch.setattr(importlib.util, "find_spec", without_pyspark)
    report = check(cluster)
    assert report.failing() == report.errors() == {"spark-found"}, report
    assert report.message("spark-found").startswith("No Spark found")
    assert "set SPARK_HOME to an unpacked Spark" in report.hint("spark-found")
    followers = {"spark-programs", "spark-version", "spark-mesos-support", "java-fits", "java-starts"}
    assert report.follows() == dict.fromkeys([*followers, "mesos-bridge"], "spark-found"), report
    assert_sound(check(cluster, SPARK_HOME=str(installed)))


@pytest.mark.breaks("spark-found")
def test_a_spark_home_without_spark(cluster: RunningCluster, tmp_path: Path) -> None:
    report = check(cluster, SPARK_HOME=str(tmp_path))
    assert report.failing() == report.errors() == {"spark-found"}, report
    assert report.message("spark-found").startswith(f"{tmp_path} (SPARK_HOME) is not a Spark")
    assert report.hint("spark-found").startswith("Point it to the top folder of an unpacked Spark.")
    assert set(report.follows().values()) == {"spark-found"}
    assert_sound(check(cluster))


@pytest.mark.breaks("spark-programs")
def test_a_program_that_cannot_be_run(cluster: RunningCluster, tmp_path: Path) -> None:
    home = make_home(tmp_path / "spark")
    program = home / "bin" / "spark-submit"
    program.chmod(0o644)
    report = check(cluster, SPARK_HOME=str(home))
    assert report.failing() == report.errors() == {"spark-programs"}, report
    assert report.message("spark-programs") == f"{home} (SPARK_HOME) has no bin/spark-submit that can be run"
    assert report.hint("spark-programs") == "The installation is incomplete: install it again."
    program.chmod(0o755)
    assert_sound(check(cluster, SPARK_HOME=str(home)))


@pytest.mark.breaks("spark-version")
def test_a_spark_that_is_newer_than_those_that_were_tried(cluster: RunningCluster, tmp_path: Path) -> None:
    four = spark_of(SPARK_4)
    java = four.environment["JAVA_HOME"]
    home = make_home(tmp_path / "spark", of=four.home, without="spark-core_*")
    (home / "jars" / "spark-core_2.13-4.9.0.jar").touch()
    report = check(cluster, SPARK_HOME=str(home), JAVA_HOME=java)
    assert (report.failing(), report.errors()) == ({"spark-version"}, set()), report
    said = report.message("spark-version")
    assert "The bridge to Mesos was not tried with Spark 4.9.0" in said
    assert str(home) in said
    assert "sparkmesos bridge build" in report.hint("spark-version")
    sound = check(cluster, SPARK_HOME=str(four.home.path), JAVA_HOME=java)
    assert_sound(sound)
    assert sound.status("spark-mesos-support") == "skipped"  # it needs none
    assert sound.status("mesos-bridge") in ("ok", "note")


@pytest.mark.breaks("java-fits")
def test_a_java_that_was_cut_down(cluster: RunningCluster, tmp_path: Path) -> None:
    four = spark_of(SPARK_4)
    small = find_java(find_spark(None, {}), {"PATH": ""})
    report = check(cluster, SPARK_HOME=str(four.home.path), JAVA_HOME=str(small.home))
    assert report.failing() == report.errors() == {"java-fits"}, report
    assert "with the module jdk.incubator.vector, but JAVA_HOME=" in report.message("java-fits")
    assert "Install a full Java 17, 21 or 25" in report.hint("java-fits")
    assert report.follows() == {"java-starts": "java-fits"}
    assert_sound(check(cluster, SPARK_HOME=str(four.home.path), JAVA_HOME=four.environment["JAVA_HOME"]))


@pytest.mark.breaks("spark-version")
def test_a_spark_that_is_too_old_for_the_bridge(cluster: RunningCluster, tmp_path: Path) -> None:
    home = make_home(tmp_path / "spark", version="2.3.4")
    (home / "jars" / "spark-mesos_2.13-2.3.4.jar").touch()
    java = make_java(tmp_path / "java", version="1.8.0_392")
    report = check(cluster, SPARK_HOME=str(home), JAVA_HOME=str(java))
    assert report.failing() == report.errors() == {"spark-version"}, report
    assert report.message("spark-version").endswith(
        f"is made for Spark 2.4 to 3.5 and Spark 4.0 to 4.3, and {home} is 2.3.4"
    )
    assert (
        report.hint("spark-version")
        == "Use Spark 3.5, or install libmesos and use it by --mesos-driver native."
    )
    assert_sound(check(cluster))


@pytest.mark.breaks("spark-mesos-support")
def test_a_spark_that_was_built_without_mesos(cluster: RunningCluster, tmp_path: Path) -> None:
    home = make_home(tmp_path / "spark", without="spark-mesos_*")
    report = check(cluster, SPARK_HOME=str(home))
    assert report.failing() == report.errors() == {"spark-mesos-support"}, report
    assert "was built without Mesos" in report.message("spark-mesos-support")
    assert report.hint("spark-mesos-support").startswith("Use an official release")
    for jar in find_spark(None, {}).jars.glob("spark-mesos_*"):
        (home / "jars" / jar.name).symlink_to(jar)
    assert_sound(check(cluster, SPARK_HOME=str(home)))


@pytest.mark.breaks("java-found")
def test_a_java_home_without_java(cluster: RunningCluster, tmp_path: Path) -> None:
    report = check(cluster, JAVA_HOME=str(tmp_path))
    assert report.failing() == report.errors() == {"java-found"}, report
    assert report.message("java-found") == f"{tmp_path} (JAVA_HOME) is not a Java: it has no bin/java"
    assert report.hint("java-found").startswith("Correct or unset JAVA_HOME")
    assert report.follows() == {"java-fits": "java-found", "java-starts": "java-found"}
    assert_sound(check(cluster))


@pytest.mark.breaks("java-fits")
def test_a_java_that_is_too_new(cluster: RunningCluster, tmp_path: Path) -> None:
    report = check(cluster, JAVA_HOME=str(make_java(tmp_path / "java", version="24.0.1")))
    assert report.failing() == report.errors() == {"java-fits"}, report
    assert "needs Java 8 to 21, but JAVA_HOME=" in report.message("java-fits")
    assert report.hint("java-fits").startswith("Unset JAVA_HOME or set it to a Java 21.")
    assert report.follows() == {"java-starts": "java-fits"}
    assert_sound(check(cluster, JAVA_HOME=str(make_java(tmp_path / "other", version="17.0.9"))))


@pytest.mark.breaks("java-starts")
def test_a_java_that_does_not_start(cluster: RunningCluster, tmp_path: Path) -> None:
    script = "echo 'java: cannot execute binary file: Exec format error' >&2; exit 126"
    java = make_java(tmp_path / "java", version="17.0.9", script=script)
    report = check(cluster, JAVA_HOME=str(java))
    assert report.failing() == report.errors() == {"java-starts"}, report
    assert report.message("java-starts") == (
        f"{java}/bin/java (JAVA_HOME) cannot be started (exit code 126): "
        "java: cannot execute binary file: Exec format error"
    )
    assert report.hint("java-starts").startswith("Correct or unset JAVA_HOME")
    assert_sound(check(cluster))


@pytest.mark.breaks("java-found")
def test_a_java_that_hangs(cluster: RunningCluster, tmp_path: Path) -> None:
    java = tmp_path / "java"
    (java / "bin").mkdir(parents=True)
    program = java / "bin" / "java"
    program.write_text(f"#!/bin/sh\nsleep 600 & echo $$ $! > {tmp_path}/ids\nwait\n")
    program.chmod(0o755)
    report = check(cluster, "--only", "java-found", "--check-timeout", "10", JAVA_HOME=str(java))
    assert report.failing() == report.errors() == {"java-found"}, report
    assert report.message("java-found") == (
        f"{program} (JAVA_HOME) cannot be started: it says nothing within 10 s"
    )
    assert report.hint("java-found").startswith("Correct or unset JAVA_HOME")
    for pid in (tmp_path / "ids").read_text().split():
        assert wait_for_end(int(pid), 30)
    assert_sound(check(cluster))


@pytest.mark.breaks("mesos-library")
def test_a_libmesos_that_is_not_there(cluster: RunningCluster, tmp_path: Path) -> None:
    library = str(tmp_path / "libmesos.so")
    report = check(cluster, MESOS_NATIVE_JAVA_LIBRARY=library)
    assert report.failing() == report.errors() == {"mesos-library"}, report
    assert report.message("mesos-library") == f"MESOS_NATIVE_JAVA_LIBRARY={library} is not a file"
    assert report.hint("mesos-library").startswith(
        "Correct or unset it; without libmesos the HTTP bridge is used"
    )
    assert set(report.follows().values()) == {"mesos-library"}, report
    assert {"libmesos-loads", "mesos-bridge", "mesos-variable"} <= set(report.follows())
    assert_sound(check(cluster))


@pytest.mark.breaks("libmesos-loads")
def test_a_libmesos_that_cannot_be_loaded(cluster: RunningCluster, tmp_path: Path) -> None:
    library = tmp_path / "libmesos.so"
    library.write_text("no library")
    report = check(cluster, MESOS_NATIVE_JAVA_LIBRARY=str(library))
    assert report.failing() == report.errors() == {"libmesos-loads"}, report
    assert report.message("libmesos-loads").startswith(f"{library} cannot be loaded: {library}: ")
    assert "--mesos-driver http" in report.hint("libmesos-loads")
    sound = check(cluster, "--mesos-driver", "http", MESOS_NATIVE_JAVA_LIBRARY=str(library))
    assert_sound(sound)
    assert sound.status("mesos-variable") == "note"


@pytest.mark.breaks("mesos-variable")
def test_the_old_name_of_the_variable(cluster: RunningCluster, tmp_path: Path) -> None:
    conf = tmp_path / "conf"
    conf.mkdir()
    script = conf / "spark-env.sh"
    script.write_text("export MESOS_NATIVE_LIBRARY=/usr/lib/libmesos.so\n")
    report = check(cluster, SPARK_CONF_DIR=str(conf))
    assert report.failing() == {"mesos-variable"}, report
    assert f"MESOS_NATIVE_LIBRARY=/usr/lib/libmesos.so, set by {script}, is the old" in report.message(
        "mesos-variable"
    )
    assert report.hint("mesos-variable") == f"Set MESOS_NATIVE_JAVA_LIBRARY instead in {script}, or unset it."
    script.write_text("")
    assert_sound(check(cluster, SPARK_CONF_DIR=str(conf)))


@pytest.mark.breaks("mesos-bridge")
def test_a_spark_that_the_bridge_cannot_be_compiled_with(cluster: RunningCluster, tmp_path: Path) -> None:
    home = make_home(tmp_path / "spark", without="scala-compiler-*")
    report = check(cluster, SPARK_HOME=str(home))
    assert report.failing() == report.errors() == {"mesos-bridge"}, report
    assert report.message("mesos-bridge").startswith("There is no scala-compiler-*.jar in")
    assert "restore it from the release" in report.hint("mesos-bridge")
    for jar in find_spark(None, {}).jars.glob("scala-compiler-*"):
        (home / "jars" / jar.name).symlink_to(jar)
    assert_sound(check(cluster, SPARK_HOME=str(home)))


@pytest.mark.breaks("mesos-bridge")
def test_a_cache_that_cannot_be_made(cluster: RunningCluster, tmp_path: Path) -> None:
    place = tmp_path / "cache"
    place.touch()
    report = check(cluster, SPARKMESOS_CACHE_DIR=str(place))
    assert report.failing() == report.errors() == {"mesos-bridge"}, report
    assert report.message("mesos-bridge") == (
        f"The Mesos bridge is not compiled yet, and {place}/bridge cannot be written to: {place} is no "
        "directory"
    )
    assert report.hint("mesos-bridge") == "Set SPARKMESOS_CACHE_DIR to a directory that is one."
    place.unlink()
    report = check(cluster, SPARKMESOS_CACHE_DIR=str(place))
    assert_sound(report)
    assert report.status("mesos-bridge") == "note"
    assert not place.exists()


@pytest.mark.breaks("configuration")
def test_a_misspelt_property(cluster: RunningCluster, tmp_path: Path) -> None:
    file = tmp_path / "spark.conf"
    file.write_text("spark.executor.memory 1g\nspark.mesos.rol etl\n")
    report = check(cluster, "--properties-file", str(file))
    assert report.failing() == {"configuration"}, report
    problem = report.problem("configuration")
    assert "spark.mesos.rol" in problem["message"]
    assert (problem["place"]["name"], problem["place"]["line"]) == (str(file), 2)
    assert "spark.mesos.role" in problem["hint"]
    file.write_text("spark.executor.memory 1g\n")
    assert_sound(check(cluster, "--properties-file", str(file)))


@pytest.mark.breaks("configuration-master")
def test_another_master_in_the_file(cluster: RunningCluster, tmp_path: Path) -> None:
    file = tmp_path / "spark-defaults.conf"
    file.write_text("spark.master mesos://other.example:5050\n")
    report = check(cluster, SPARK_CONF_DIR=str(tmp_path))
    assert_sound(report)
    assert report.status("configuration-master") == "note"
    assert report.message("configuration-master") == (
        f"{file}:1 names another master, mesos://other.example:5050, for applications without --master"
    )
    assert report.hint("configuration-master") == "Correct it, if this is the cluster that is meant."
    file.write_text(f"spark.master {cluster.url}\n")
    assert check(cluster, SPARK_CONF_DIR=str(tmp_path)).status("configuration-master") == "ok"


@pytest.mark.breaks("driver-name")
def test_a_driver_host_that_nobody_knows(cluster: RunningCluster) -> None:
    host = ("--conf", f"spark.driver.host={UNKNOWN_NAME}", "--conf", "spark.driver.port=0")
    report = check(cluster, *host)
    assert report.failing() == report.errors() == {"driver-name"}, report
    assert "a name that cannot be resolved here" in report.message("driver-name")
    assert report.hint("driver-name").startswith(
        "Set spark.driver.host to a name or an address of this machine"
    )
    followers = {name for name, root in report.follows().items() if root == "driver-name"}
    assert {"driver-address", "driver-host"} <= followers
    assert_sound(check(cluster, "--conf", "spark.driver.host=localhost"))


@pytest.mark.breaks("driver-address")
def test_an_address_of_another_machine(cluster: RunningCluster) -> None:
    host = ("--conf", f"spark.driver.host={NOT_OF_THIS_MACHINE}")
    report = check(cluster, *host)
    assert report.failing() == report.errors() == {"driver-address"}, report
    assert "no address of this machine: the driver cannot listen there" in report.message("driver-address")
    assert "set spark.driver.bindAddress, too (0.0.0.0)" in report.hint("driver-address")
    assert report.follows()["driver-host"] == "driver-address"
    assert_sound(check(cluster, *host, "--conf", "spark.driver.bindAddress=0.0.0.0"))


@pytest.mark.breaks("driver-host")
def test_a_driver_on_loopback_for_agents_elsewhere(
    new_cluster: NewCluster, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Agents at an address of this machine, which does not know that it has it: so they are elsewhere."""
    machine = this_machine()
    if not machine.outer:
        pytest.skip("this machine has no address but loopback")
    address = next(one for one in machine.outer if ":" not in one)
    cluster = new_cluster(host=address, agents=(AgentSpec(),))
    for module in ("driver_host", "executor_uri", "agent_names"):
        monkeypatch.setattr(
            f"sparkmesos_core.preflight.{module}.this_machine", lambda: ThisMachine(outer=("192.0.2.78",))
        )
    monkeypatch.setattr(
        "sparkmesos_core.verify.facts.distribution.this_machine", lambda: ThisMachine(outer=("192.0.2.78",))
    )
    home = ("--conf", "spark.mesos.executor.home=/opt/spark")
    report = check(cluster, *home, "--conf", "spark.driver.host=127.0.0.1")
    assert report.failing() == report.errors() == {"driver-host"}, report
    assert report.message("driver-host") == (
        "spark.driver.host is '127.0.0.1', which is loopback: executors of the agent "
        f"'{address}', the only one, do not find the driver"
    )
    assert "that agents can reach" in report.hint("driver-host")
    assert report.status("executor-home") == "note"
    assert_sound(check(cluster, *home, "--conf", f"spark.driver.host={address}"))


@pytest.mark.breaks("driver-ports")
def test_a_port_that_is_taken(cluster: RunningCluster) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        fixed = ("--conf", f"spark.driver.port={port}")
        report = check(cluster, *fixed)
        assert report.failing() == {"driver-ports"}, report
        assert report.status("driver-ports") == "warning"
        assert report.message("driver-ports").startswith(
            f"spark.driver.port: port {port} is in use on this machine: Spark takes the next that is free"
        )
        assert "End the program that has it" in report.hint("driver-ports")
        given_up = check(cluster, *fixed, "--conf", "spark.port.maxRetries=0")
        assert given_up.errors() == {"driver-ports"}, given_up
        assert given_up.message("driver-ports").endswith("Spark gives up, since spark.port.maxRetries is 0")
    assert_sound(check(cluster, *fixed))


@pytest.mark.breaks("driver-python")
def test_a_python_that_is_not_here(cluster: RunningCluster, tmp_path: Path) -> None:
    application = tmp_path / "app.py"
    application.touch()
    python = {"PYSPARK_PYTHON": "/opt/agents/bin/python3"}
    report = check(cluster, str(application), **python)
    assert report.failing() == report.errors() == {"driver-python"}, report
    assert "'/opt/agents/bin/python3' (PYSPARK_PYTHON), is not there" in report.message("driver-python")
    assert "set PYSPARK_DRIVER_PYTHON to one of this machine" in report.hint("driver-python")
    assert check(cluster, **python).status("driver-python") == "warning"
    jar = tmp_path / "app.jar"
    jar.touch()
    assert check(cluster, "--class", "A", str(jar), **python).status("driver-python") == "skipped"
    assert_sound(check(cluster, str(application), **python, PYSPARK_DRIVER_PYTHON=sys.executable))


@pytest.mark.breaks("python-version")
def test_executors_with_another_python(cluster: RunningCluster, tmp_path: Path) -> None:
    application = tmp_path / "app.py"
    application.touch()
    python = {"PYSPARK_DRIVER_PYTHON": sys.executable, "PYSPARK_PYTHON": "python3.4"}
    report = check(cluster, str(application), **python)
    assert report.failing() == {"python-version"}, report
    assert "executors 3.4 (PYSPARK_PYTHON, 'python3.4')" in report.message("python-version")
    assert "Give both the same Python" in report.hint("python-version")
    assert check(cluster, **python).status("python-version") == "note"
    same = f"python{sys.version_info[0]}.{sys.version_info[1]}"
    assert_sound(check(cluster, str(application), PYSPARK_DRIVER_PYTHON=sys.executable, PYSPARK_PYTHON=same))


def test_in_cluster_mode_this_machine_does_not_matter(cluster: RunningCluster, tmp_path: Path) -> None:
    report = check(
        cluster, "--deploy-mode", "cluster", JAVA_HOME=str(tmp_path), MESOS_NATIVE_JAVA_LIBRARY="/nowhere"
    )
    assert report.failing() <= {"dispatcher-found"}, report
    for name in (
        "spark-found",
        "java-found",
        "mesos-library",
        "driver-host",
        "python-version",
        "executor-home",
    ):
        assert report.status(name) == "skipped", report
