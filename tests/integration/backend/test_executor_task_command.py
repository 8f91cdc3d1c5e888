"""The command of an executor, run by every shell of this machine, with a stand-in for bin/spark-class that tells what it got."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest

from tests.driver_shell import SHELLS, SPARK_SUBMIT, Launched, launched, run
from tests.integration.backend.executor_tasks import OFFER, task
from tests.integration.backend.harness import Harness

pytestmark = pytest.mark.slow

Json = dict[str, Any]

EXECUTOR_CLASS = "org.apache.spark.executor.CoarseGrainedExecutorBackend"
ODD = 'it\'s "odd" $HOME `pwd` $(pwd) \\ & [a]*~'
ARCHIVE = "http://repo.mesos.example/spark-4.3.0-bin-hadoop3.tgz"
shells = pytest.mark.parametrize("shell", SHELLS)


@pytest.fixture
def sandbox(tmp_path: Path) -> Path:
    folder = tmp_path / "sandbox"
    folder.mkdir()
    return folder


def write_spark(home: Path) -> Path:
    """A home of Spark that holds the stand-in."""
    program = home / "bin" / "spark-class"
    program.parent.mkdir(parents=True)
    program.write_text(SPARK_SUBMIT)
    program.chmod(0o755)
    return home


def arguments(*more: str, driver: str = "spark://CoarseGrainedScheduler@127.0.0.1:38000") -> Sequence[str]:
    ids = (
        "--executor-id",
        "0",
        "--cores",
        "1",
        "--app-id",
        "5e0a-0001",
        "--hostname",
        "agent1.mesos.example",
    )
    return [EXECUTOR_CLASS, "--driver-url", driver, *ids, *more]


def ran(info: Json, sandbox: Path, shell: str, **how: Any) -> Launched:
    found = launched(info, sandbox, shell, **how)
    assert found.errors == ""
    return found


@shells
def test_a_home_with_an_odd_name(shell: str, harness: Harness, sandbox: Path, tmp_path: Path) -> None:
    home = write_spark(tmp_path / ODD.replace("/", ""))
    found = ran(task(harness, {"spark.mesos.executor.home": str(home)}), sandbox, shell)
    assert found.arguments == arguments()
    assert found.folder == sandbox


@shells
@pytest.mark.parametrize("name", ["$MESOS_SANDBOX", "${MESOS_SANDBOX}"])
def test_a_home_in_the_sandbox(name: str, shell: str, harness: Harness, sandbox: Path) -> None:
    """Fetched by `spark.mesos.uris`, say."""
    write_spark(sandbox / "a $b")
    found = ran(task(harness, {"spark.mesos.executor.home": f"{name}/a $b"}), sandbox, shell)
    assert found.arguments == arguments()


@shells
def test_a_library_path(shell: str, harness: Harness, sandbox: Path, tmp_path: Path) -> None:
    home = write_spark(tmp_path / "spark")
    path = f"/{ODD}:$MESOS_SANDBOX/lib:$MESOS_SANDBOXES"
    told = {"spark.mesos.executor.home": str(home), "spark.executor.extraLibraryPath": path}
    found = ran(task(harness, told), sandbox, shell, environment={"LD_LIBRARY_PATH": "/own"})
    assert found.environment["LD_LIBRARY_PATH"] == f"/{ODD}:{sandbox}/lib:$MESOS_SANDBOXES:/own"


@shells
def test_odd_ids_and_addresses(shell: str, harness: Harness, sandbox: Path, tmp_path: Path) -> None:
    home = write_spark(tmp_path / "spark")
    driver = "spark://CoarseGrainedScheduler@[fd00::1]:38000"
    info = task(
        harness,
        {"spark.mesos.executor.home": str(home)},
        application={"id": ODD, "driverUrl": driver, "name": ODD},
        events=[{"at": 0, "offers": [{**OFFER, "hostname": "[fd00::2]"}]}],
    )
    assert info["name"] == f"{ODD} 0"
    found = ran(info, sandbox, shell).arguments
    assert found[2] == driver
    assert found[8:] == [ODD, "--hostname", "[fd00::2]"]


@shells
@pytest.mark.parametrize(
    ("archive", "folder"),
    [
        (ARCHIVE, "spark-4.3.0-bin-hadoop3"),
        (ARCHIVE, "called otherwise"),
        ("http://repo.mesos.example/spark [4]*.tgz?sig=x", "spark [4]* $HOME"),
        ("/dist/.tgz", "spark"),
        ("hdfs:///dist/spark", "spark"),
    ],
)
def test_an_archive(archive: str, folder: str, shell: str, harness: Harness, sandbox: Path) -> None:
    """It lies beside what it was unpacked to, and other things do whose names begin so."""
    home = write_spark(sandbox / folder)
    for name in ("spark-4.3.0-bin-hadoop3.tgz", "spark-4-app.jar", "spark [4]*.tgz"):
        (sandbox / name).touch()
    (sandbox / "spark-4-conf").mkdir()
    (sandbox / "another").mkdir()
    found = ran(
        task(harness, {"spark.executor.uri": archive}),
        sandbox,
        shell,
        environment={"SPARK_HOME": "/opt/other"},
    )
    assert found.arguments == arguments()
    assert found.folder == home
    assert found.environment["SPARK_HOME"] == str(home)


@shells
def test_an_archive_without_spark(shell: str, harness: Harness, sandbox: Path) -> None:
    (sandbox / "spark-4.3.0").mkdir()
    done = run(task(harness, {"spark.executor.uri": ARCHIVE}), sandbox, shell)
    assert done.returncode == 127
    assert done.stderr.decode() == (
        "sparkmesos: there is no bin/spark-class in the archive of spark.executor.uri\n"
    )


@shells
@pytest.mark.parametrize("archive", [True, False], ids=["archive", "home"])
def test_local_files(archive: bool, shell: str, harness: Harness, sandbox: Path, tmp_path: Path) -> None:
    """In the sandbox, unless somebody says otherwise."""
    home = write_spark(sandbox / "spark-4" if archive else tmp_path / "spark")
    told = {"spark.executor.uri": ARCHIVE} if archive else {"spark.mesos.executor.home": str(home)}
    found = ran(task(harness, told), sandbox, shell)
    assert found.environment["SPARK_LOCAL_DIRS"] == str(sandbox)
    info = task(harness, told, application={"executorEnvironment": {"SPARK_LOCAL_DIRS": "/a b,/c"}})
    assert ran(info, sandbox, shell).environment["SPARK_LOCAL_DIRS"] == "/a b,/c"
    kept = task(harness, {**told, "spark.shuffle.service.enabled": "true"})
    assert "SPARK_LOCAL_DIRS" not in ran(kept, sandbox, shell).environment


def test_a_network_of_its_own(harness: Harness, sandbox: Path, tmp_path: Path) -> None:
    """In which the executor finds its address by itself."""
    home = write_spark(tmp_path / "spark")
    told = {"spark.mesos.executor.home": str(home), "spark.mesos.network.name": "overlay"}
    assert ran(task(harness, told), sandbox, "sh").arguments == arguments()[:-2]
