"""What an application brings along reaches its driver and its executors: Python files, archives, JARs, Maven packages.

One application in client mode, with files of this machine, and the same in cluster mode, where they are staged on a web
server. The Maven repository is a folder, so that nothing needs a network.
"""

from __future__ import annotations

import json
import shlex
import subprocess
import sys
import tarfile
import zipfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from sparkmesos_core.localcluster.cluster import AgentSpec
from tests.integration.run_modes.applications import Applications, Ended
from tests.integration.run_modes.cluster_mode_applications import Drivers, EndedDriver
from tests.integration.run_modes.conversation import JsonObject
from tests.servers.webdav import webdav_server

if TYPE_CHECKING:
    from tests.conftest import MadeOnce
    from tests.integration.spark_under_test import SparkUnderTest

pytestmark = pytest.mark.slow

PACKAGE = "org.example:tripling:1.0"
ABSENT = "org.example:absent"
# Uses everything in the driver and in an executor.
APPLICATION = """
import json, os, sys
import in_py, in_zip, in_egg, in_package
from pyspark import SparkContext, SparkFiles

def use(_):
    import in_environment, in_py, in_zip, in_egg, in_package
    return {
        "python": [module.WHAT for module in (in_py, in_zip, in_egg, in_package, in_environment)],
        "environment": os.path.basename(sys.prefix),
        "file": open(SparkFiles.get("words.txt")).read(),
        "sandbox": os.environ["MESOS_SANDBOX"],
    }

with SparkContext() as sc:
    numbers = sc._jvm.java.util.ArrayList()
    for number in range(5):
        numbers.add(number)
    in_java = sc._jsc.parallelize(numbers, 2)
    print(json.dumps({
        "driver": [module.WHAT for module in (in_py, in_zip, in_egg, in_package)],
        "file": open(SparkFiles.get("words.txt")).read(),
        "executor": sc.parallelize([0], 1).map(use).first(),
        "doubled": list(in_java.map(sc._jvm.example.Doubling()).collect()),
        "tripled": list(in_java.map(sc._jvm.example.Tripling()).collect()),
    }))
"""
FUNCTIONS = """
package example
import org.apache.spark.api.java.function.Function
class Doubling extends Function[Integer, Integer] { def call(number: Integer): Integer = number * 2 }
class Tripling extends Function[Integer, Integer] { def call(number: Integer): Integer = number * 3 }
"""
# It depends on something that is nowhere.
POM = f"""\
<project>
  <modelVersion>4.0.0</modelVersion>
  <groupId>org.example</groupId><artifactId>tripling</artifactId><version>1.0</version>
  <dependencies>
    <dependency><groupId>org.example</groupId><artifactId>{ABSENT.partition(":")[2]}</artifactId><version>1.0</version></dependency>
  </dependencies>
</project>
"""


@dataclass(frozen=True)
class Bundle:
    """The files."""

    folder: Path

    @property
    def repository(self) -> str:
        return (self.folder / "repository").as_uri()

    def options(self) -> tuple[str, ...]:
        """Options of `submit` for all of them."""
        names = ("in_py.py", "in_zip.zip", "in_egg-1.0-py3.egg")
        return (
            *("--py-files", ",".join(str(self.folder / name) for name in names)),
            *("--archives", f"{self.folder / 'packed.tar.gz'}#environment"),
            *("--files", str(self.folder / "words.txt")),
            *("--jars", str(self.folder / "doubling.jar")),
            *("--packages", PACKAGE, "--repositories", self.repository, "--exclude-packages", ABSENT),
        )

    def conf(self, ivy: Path) -> dict[str, str | None]:
        """The Python of the archive for executors; the folder where Ivy keeps what it has found."""
        return {
            "spark.pyspark.python": "./environment/bin/python",
            "spark.pyspark.driver.python": sys.executable,
            "spark.jars.ivy": str(ivy),
        }

    def nowhere(self) -> str:
        """A repository in the place of Maven's central one, which Ivy would ask first."""
        return (self.folder / "nowhere").as_uri()


@pytest.fixture(scope="module")
def bundle(made_once: MadeOnce, spark_under_test: SparkUnderTest) -> Bundle:
    name = f"dependencies-{spark_under_test.version}"
    return Bundle(made_once(name, lambda folder: _make_bundle(folder, spark_under_test)))


def _make_bundle(folder: Path, spark: SparkUnderTest) -> None:
    (folder / "words.txt").write_text("ahab")
    (folder / "in_py.py").write_text("WHAT = 'a file'\n")
    for name, module in (("in_zip.zip", "in_zip/__init__.py"), ("in_egg-1.0-py3.egg", "in_egg.py")):
        with zipfile.ZipFile(folder / name, "w") as archive:
            archive.writestr(module, f"WHAT = 'a package of {name}'\n")
    # As venv-pack has it: a virtual environment that works wherever it is unpacked.
    environment = folder / "environment"
    subprocess.run([sys.executable, "-m", "venv", "--without-pip", str(environment)], check=True, timeout=60)
    (packages,) = environment.glob("lib/python*/site-packages")
    (packages / "in_environment.py").write_text("WHAT = 'an environment'\n")
    with tarfile.open(folder / "packed.tar.gz", "w:gz") as archive:
        archive.add(environment, ".")
    classes = folder / "classes"
    _compile(folder, classes, spark)
    maven = folder / "repository" / "org" / "example" / "tripling" / "1.0"
    maven.mkdir(parents=True)
    (maven / "tripling-1.0.pom").write_text(POM)
    with zipfile.ZipFile(maven / "tripling-1.0.jar", "w") as archive:
        archive.write(classes / "example" / "Tripling.class", "example/Tripling.class")
        archive.writestr("in_package.py", "WHAT = 'a package of Maven'\n")
    with zipfile.ZipFile(folder / "doubling.jar", "w") as archive:
        archive.write(classes / "example" / "Doubling.class", "example/Doubling.class")


def _compile(folder: Path, classes: Path, spark: SparkUnderTest) -> None:
    classes.mkdir()
    source = folder / "Functions.scala"
    source.write_text(FUNCTIONS)
    java = [str(spark.java.executable), "-XX:TieredStopAtLevel=1", "-XX:+UseSerialGC"]
    compiler = [*java, "-cp", f"{spark.home.jars}/*"]
    options = ["scala.tools.nsc.Main", "-usejavacp", "-nowarn", "-d", str(classes)]
    subprocess.run([*compiler, *options, str(source)], check=True, timeout=120)


@pytest.fixture(scope="module")
def agents() -> tuple[AgentSpec, ...]:
    """Room for a driver and its executor."""
    return (AgentSpec(cpus=2, mem=2048),)


def said_by(ended: Ended | EndedDriver, spark: SparkUnderTest) -> JsonObject:
    """What the application has printed, in Spark 3 behind the line that Ivy writes to stdout before all others."""
    *ivys, application = ended.out.splitlines()
    assert [line[:22] for line in ivys] == ([] if spark.is_4 else [":: loading settings ::"])
    said: JsonObject = json.loads(application)
    return said


def check(said: JsonObject) -> None:
    """What it has found in the driver and in an executor."""
    modules = ["a file", "a package of in_zip.zip", "a package of in_egg-1.0-py3.egg", "a package of Maven"]
    assert said["driver"] == modules
    assert said["file"] == "ahab"
    assert said["executor"]["python"] == [*modules, "an environment"]
    assert said["executor"]["environment"] == "environment"
    assert said["executor"]["file"] == "ahab"
    assert said["doubled"] == [0, 2, 4, 6, 8]
    assert said["tripled"] == [0, 3, 6, 9, 12]


def check_sandbox(said: JsonObject, ended: Ended | EndedDriver) -> None:
    """What Spark has put into the sandbox of the one executor, which is a task of Mesos."""
    (task,) = ended.mesos.tasks
    assert task["state"] == "TASK_FINISHED"
    sandbox = Path(said["executor"]["sandbox"])
    assert sandbox.parents[1].name == task["id"]
    assert (sandbox / "environment" / "bin" / "python").exists()
    fetched = {path.name for path in sandbox.iterdir()}
    assert {"in_py.py", "in_zip.zip", "in_egg-1.0-py3.egg", "words.txt", "doubling.jar"} <= fetched
    assert "org.example_tripling-1.0.jar" in fetched


@pytest.fixture(scope="module")
def in_client_mode(applications: Applications, bundle: Bundle) -> Ended:
    path = applications.commands.folder / "uses-everything.py"
    path.write_text(APPLICATION)
    return applications.run_file(
        str(path),
        bundle.conf(applications.commands.folder / "ivy-of-client"),
        options=bundle.options(),
        DEFAULT_ARTIFACT_REPOSITORY=bundle.nowhere(),
    )


@pytest.mark.proves(
    "spark.submit.pyFiles",
    "spark.archives",
    "spark.files",
    "spark.jars",
    "spark.jars.packages",
    "spark.jars.repositories",
    "spark.pyspark.python",
    mode="client",
)
def test_in_client_mode(in_client_mode: Ended, spark_under_test: SparkUnderTest) -> None:
    said = said_by(in_client_mode, spark_under_test)
    check(said)
    check_sandbox(said, in_client_mode)


def test_what_ivy_has_done(in_client_mode: Ended, applications: Applications) -> None:
    """It has taken the package from the repository that was named, and left out what was excluded."""
    assert "found org.example#tripling;1.0 in repo-1" in in_client_mode.err
    assert "absent" not in in_client_mode.err
    jars = applications.commands.folder / "ivy-of-client" / "jars"
    assert [path.name for path in jars.iterdir()] == ["org.example_tripling-1.0.jar"]


def test_the_command_that_runs(applications: Applications, bundle: Bundle) -> None:
    """Ivy is Spark's: its options are handed on to Spark's own spark-submit."""
    name = applications.new_name()
    path = applications.write("pass", name)
    line = applications.command_line(path, {}, name=name, options=("--dry-run", *bundle.options()))
    printed = applications.commands.run(*line)
    assert printed.returncode == 0, printed.stderr
    words = shlex.split(printed.stdout)
    place = words.index("--packages")
    wanted = ["--packages", PACKAGE, "--repositories", bundle.repository, "--exclude-packages", ABSENT]
    assert words[place : place + 6] == wanted


@pytest.fixture(scope="module")
def staged(drivers: Drivers, bundle: Bundle) -> Iterator[tuple[EndedDriver, Path, str]]:
    """The application in cluster mode, the folder that its files were staged in, and the URL of that."""
    folder = drivers.applications.commands.folder
    path = folder / "uses-everything-staged.py"
    path.write_text(APPLICATION)
    served = folder / "served"
    served.mkdir()
    conf = {
        **bundle.conf(folder / "ivy-of-driver"),
        "spark.mesos.driverEnv.DEFAULT_ARTIFACT_REPOSITORY": bundle.nowhere(),
    }
    with webdav_server(served) as address:
        url = f"http://{address}/stage"
        yield drivers.run(str(path), conf, options=(*bundle.options(), "--stage", url)), served, url


@pytest.mark.proves(
    "spark.submit.pyFiles",
    "spark.archives",
    "spark.files",
    "spark.jars",
    "spark.jars.packages",
    "spark.jars.repositories",
    "spark.pyspark.python",
    mode="cluster",
)
def test_in_cluster_mode(staged: tuple[EndedDriver, Path, str], spark_under_test: SparkUnderTest) -> None:
    ended, _, _ = staged
    said = said_by(ended, spark_under_test)
    check(said)
    check_sandbox(said, ended)
    assert ended.task["state"] == "TASK_FINISHED"


def test_what_was_staged_is_fetched(staged: tuple[EndedDriver, Path, str]) -> None:
    """Python files and the application by the agent; everything else by the driver's Spark."""
    ended, served, url = staged
    names = {path.name for path in served.rglob("*") if path.is_file() and path.suffix != ".sha256"}
    by_agent = {"in_py.py", "in_zip.zip", "in_egg-1.0-py3.egg", "uses-everything-staged.py"}
    assert names == {*by_agent, "packed.tar.gz", "words.txt", "doubling.jar"}
    uris = [uri["value"] for uri in ended.info["command"]["uris"]]
    fetched = {uri.rpartition("/")[2] for uri in uris if uri.startswith(url)}
    assert fetched == by_agent
    assert by_agent <= {path.name for path in ended.sandbox.iterdir()}
    command = ended.info["command"]["value"]
    assert f"spark.jars={url}" in command
    assert f"spark.jars.packages={PACKAGE}" in command
