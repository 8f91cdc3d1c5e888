"""Whether a driver speaks to Mesos through libmesos or the bridge: what the agent decides, in its shell."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from sparkmesos_core.dispatcher.launch.bridge import URI_PROPERTY, bridge_uri
from sparkmesos_core.dispatcher.launch.cluster import Cluster
from tests.driver_shell import CLUSTER, Launched, launched, submission, task_info, write_spark

URI = "http://repo.mesos.example/bridges/bridge-3.5.jar?sig=1"
WITH_URI = Cluster("127.0.0.1:5050", {}, bridge_uri=URI)
PATH = "--driver-class-path"


def home(folder: Path, *, bridge: bool) -> Path:
    spark = write_spark(folder / "spark")
    if bridge:
        add_bridge(spark)
    return spark


def add_bridge(spark: Path) -> None:
    (spark / "sparkmesos").mkdir()
    (spark / "sparkmesos" / "bridge.jar").write_bytes(b"PK")


def started(
    sandbox: Path,
    shell: str,
    spark: Path,
    cluster: Cluster = CLUSTER,
    *,
    agent: Any = None,
    **properties: str,
) -> Launched:
    found = {"spark.mesos.executor.home": str(spark), **properties}
    return launched(task_info(submission(properties=found), cluster), sandbox, shell, environment=agent)


def test_the_one_inside_spark(shell: str, sandbox: Path, tmp_path: Path) -> None:
    spark = home(tmp_path, bridge=True)
    assert started(sandbox, shell, spark).option(PATH) == f"{spark}/sparkmesos/bridge.jar"


def test_the_one_inside_the_archive(shell: str, sandbox: Path) -> None:
    add_bridge(write_spark(sandbox / "spark-3.5.9"))
    task = task_info(submission(properties={"spark.executor.uri": "http://h/spark-3.5.9.tgz"}))
    assert launched(task, sandbox, shell).option(PATH) == "./sparkmesos/bridge.jar"


def test_the_one_that_was_fetched(shell: str, sandbox: Path, tmp_path: Path) -> None:
    (sandbox / "bridge-3.5.jar").write_bytes(b"PK")
    spark = home(tmp_path, bridge=False)
    assert started(sandbox, shell, spark, WITH_URI).option(PATH) == "./bridge-3.5.jar"


def test_the_one_that_was_fetched_beside_an_archive(shell: str, sandbox: Path) -> None:
    (sandbox / "bridge-3.5.jar").write_bytes(b"PK")
    write_spark(sandbox / "spark-3.5.9")
    task = task_info(submission(properties={"spark.executor.uri": "http://h/spark-3.5.9.tgz"}), WITH_URI)
    assert launched(task, sandbox, shell).option(PATH) == "../bridge-3.5.jar"


def test_the_one_that_was_fetched_for_an_image(shell: str, sandbox: Path, tmp_path: Path) -> None:
    (sandbox / "bridge-3.5.jar").write_bytes(b"PK")
    task = task_info(submission(properties={"spark.mesos.executor.docker.image": "i"}), WITH_URI)
    got = launched(task, sandbox, shell, folder=home(tmp_path, bridge=False))
    assert got.option(PATH) == f"{sandbox}/bridge-3.5.jar"


def test_sparks_own_wins(shell: str, sandbox: Path, tmp_path: Path) -> None:
    (sandbox / "bridge-3.5.jar").write_bytes(b"PK")
    spark = home(tmp_path, bridge=True)
    assert started(sandbox, shell, spark, WITH_URI).option(PATH) == f"{spark}/sparkmesos/bridge.jar"


def test_none_at_all(shell: str, sandbox: Path, tmp_path: Path) -> None:
    assert PATH not in started(sandbox, shell, home(tmp_path, bridge=False)).arguments


@pytest.mark.parametrize("variable", ["MESOS_NATIVE_JAVA_LIBRARY", "MESOS_NATIVE_LIBRARY"])
def test_libmesos_wins(variable: str, shell: str, sandbox: Path, tmp_path: Path) -> None:
    library = tmp_path / "lib mesos.so"
    library.write_bytes(b"ELF")
    got = started(sandbox, shell, home(tmp_path, bridge=True), agent={variable: str(library)})
    assert PATH not in got.arguments
    assert got.environment[variable] == str(library)


def test_libmesos_that_is_not_there(shell: str, sandbox: Path, tmp_path: Path) -> None:
    agent = {"MESOS_NATIVE_JAVA_LIBRARY": "/nowhere/libmesos.so"}
    got = started(sandbox, shell, home(tmp_path, bridge=True), agent=agent)
    assert PATH in got.arguments
    # With it, a JVM would not look any further.
    assert "MESOS_NATIVE_JAVA_LIBRARY" not in got.environment


class TestOtherClasses:
    """The class path that the driver would have had comes behind the bridge."""

    def path(self, sandbox: Path, shell: str, spark: Path, **properties: Any) -> str:
        found = started(sandbox, shell, spark, **properties)
        # In spark-submit the option wins over --conf, and in its launcher what comes last does.
        assert found.arguments.index(PATH) > max(
            place for place, word in enumerate(found.arguments) if word == "--conf"
        )
        return found.option(PATH)

    def test_of_the_submission(self, shell: str, sandbox: Path, tmp_path: Path) -> None:
        spark = home(tmp_path, bridge=True)
        theirs: dict[str, Any] = {"spark.driver.extraClassPath": "/opt/a b.jar:/opt/$c/*"}
        assert (
            self.path(sandbox, shell, spark, **theirs)
            == f"{spark}/sparkmesos/bridge.jar:/opt/a b.jar:/opt/$c/*"
        )

    @pytest.mark.parametrize(
        "line", ["spark.driver.extraClassPath  /opt/x y/*", " spark.driver.extraClassPath=/opt/x y/*"]
    )
    def test_of_the_agent(self, line: str, shell: str, sandbox: Path, tmp_path: Path) -> None:
        spark = home(tmp_path, bridge=True)
        (spark / "conf").mkdir()
        (spark / "conf" / "spark-defaults.conf").write_text(
            f"#spark.driver.extraClassPath no\nspark.driver.extraClassPathX no\n{line}\nspark.x 1\n"
        )
        assert self.path(sandbox, shell, spark) == f"{spark}/sparkmesos/bridge.jar:/opt/x y/*"
        ours: dict[str, Any] = {"spark.driver.extraClassPath": "/ours"}
        assert self.path(sandbox, shell, spark, **ours) == f"{spark}/sparkmesos/bridge.jar:/ours"


class TestFineGrained:
    """Executors of the fine-grained mode need it, too."""

    def test_executors_get_it(self, shell: str, sandbox: Path, tmp_path: Path) -> None:
        spark = home(tmp_path, bridge=False)
        (sandbox / "bridge-3.5.jar").write_bytes(b"PK")
        found = {
            "spark.mesos.coarse": "false",
            "spark.executor.extraClassPath": "/e.jar",
            "spark.mesos.uris": "http://h/a",
        }
        got = started(
            sandbox, shell, spark, Cluster("h:5050", {}, bridge_uri="http://h/bridge-3.5.jar"), **found
        )
        assert got.configuration()["spark.executor.extraClassPath"] == "./bridge-3.5.jar:/e.jar"
        assert got.configuration()["spark.mesos.uris"] == "http://h/a,http://h/bridge-3.5.jar"

    def test_others_do_not(self, shell: str, sandbox: Path, tmp_path: Path) -> None:
        got = started(sandbox, shell, home(tmp_path, bridge=True), WITH_URI)
        assert "spark.executor.extraClassPath" not in got.configuration()
        assert "spark.mesos.uris" not in got.configuration()


def test_whose_uri_counts() -> None:
    own = submission(properties={URI_PROPERTY: " http://own "})
    assert bridge_uri(own, WITH_URI) == "http://own"
    assert bridge_uri(submission(), WITH_URI) == URI
    assert bridge_uri(submission(), CLUSTER) is None


def test_it_is_fetched_under_its_own_name() -> None:
    uris = task_info(submission(), WITH_URI)["command"]["uris"]
    assert uris[-1] == {"value": URI, "cache": False, "output_file": "bridge-3.5.jar"}


def test_the_uri_is_not_passed_on(sandbox: Path, tmp_path: Path) -> None:
    spark = home(tmp_path, bridge=False)
    own: dict[str, Any] = {URI_PROPERTY: URI}
    assert URI_PROPERTY not in started(sandbox, "sh", spark, **own).configuration()
