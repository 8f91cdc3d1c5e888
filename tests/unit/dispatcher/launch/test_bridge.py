"""Whether a driver speaks to Mesos through libmesos or the bridge: what the agent decides, in its shell."""

from __future__ import annotations

import io
import zipfile
from pathlib import Path
from typing import Any

import pytest

from sparkmesos_core.dispatcher.launch.bridge import URI_PROPERTY, bridge_uri
from sparkmesos_core.dispatcher.launch.cluster import Cluster
from tests.driver_shell import CLUSTER, Launched, launched, run, submission, task_info, write_spark

URI = "http://repo.mesos.example/bridges/bridge-3.5.jar?sig=1"
WITH_URI = Cluster("127.0.0.1:5050", {}, bridge_uri=URI)
PATH = "--driver-class-path"


def home(folder: Path, *, bridge: bool) -> Path:
    spark = write_spark(folder / "spark")
    if bridge:
        add_bridge(spark)
    return spark


def add_bridge(spark: Path, content: bytes = b"PK") -> None:
    (spark / "sparkmesos").mkdir()
    (spark / "sparkmesos" / "bridge.jar").write_bytes(content)


def bridge_for_spark_4() -> bytes:
    """A jar with what the backend declares, among other things that are compressed."""
    content = io.BytesIO()
    with zipfile.ZipFile(content, "w", zipfile.ZIP_DEFLATED) as jar:
        jar.writestr("META-INF/MANIFEST.MF", "Manifest-Version: 1.0\r\n" * 50)
        jar.writestr("META-INF/services/org.apache.spark.scheduler.ExternalClusterManager", "a.B\n")
        jar.writestr("a/B.class", bytes(range(256)))
    return content.getvalue()


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


class TestSpark4:
    """Which Spark it is turns out on the agent. A Spark 4 knows neither libmesos nor mesos:// masters."""

    @pytest.fixture(params=["4.0.0", "4.3.0", "4.3.0-SNAPSHOT"])
    def spark(self, request: pytest.FixtureRequest, tmp_path: Path) -> Path:
        return write_spark(tmp_path / "spark 4", core=request.param)

    def test_the_master_and_the_bridge(self, spark: Path, shell: str, sandbox: Path) -> None:
        add_bridge(spark, bridge_for_spark_4())
        got = started(sandbox, shell, spark)
        assert got.option("--master") == "spark+mesos://127.0.0.1:5050"
        assert got.option(PATH) == f"{spark}/sparkmesos/bridge.jar"

    def test_a_master_in_zookeeper(self, spark: Path, sandbox: Path) -> None:
        add_bridge(spark, bridge_for_spark_4())
        cluster = Cluster("zk://u:it's $1@z1:2181,z2:2181/mesos", {})
        got = started(sandbox, "sh", spark, cluster)
        assert got.option("--master") == "spark+mesos://zk://u:it's $1@z1:2181,z2:2181/mesos"

    def test_libmesos_makes_no_difference(
        self, spark: Path, shell: str, sandbox: Path, tmp_path: Path
    ) -> None:
        add_bridge(spark, bridge_for_spark_4())
        library = tmp_path / "libmesos.so"
        library.write_bytes(b"ELF")
        got = started(sandbox, shell, spark, agent={"MESOS_NATIVE_JAVA_LIBRARY": str(library)})
        assert got.option(PATH) == f"{spark}/sparkmesos/bridge.jar"
        assert got.option("--master").startswith("spark+")
        assert "MESOS_NATIVE_JAVA_LIBRARY" not in got.environment

    def test_the_class_path_of_the_driver_is_kept(self, spark: Path, shell: str, sandbox: Path) -> None:
        add_bridge(spark, bridge_for_spark_4())
        theirs: dict[str, Any] = {"spark.driver.extraClassPath": "/opt/a b.jar"}
        assert started(sandbox, shell, spark, **theirs).option(PATH) == (
            f"{spark}/sparkmesos/bridge.jar:/opt/a b.jar"
        )

    def test_the_one_that_was_fetched(self, spark: Path, shell: str, sandbox: Path) -> None:
        """Also where the one inside Spark is of the other kind."""
        (sandbox / "bridge-3.5.jar").write_bytes(bridge_for_spark_4())
        assert started(sandbox, shell, spark, WITH_URI).option(PATH) == "./bridge-3.5.jar"
        add_bridge(spark)
        assert started(sandbox, shell, spark, WITH_URI).option(PATH) == "./bridge-3.5.jar"

    @pytest.mark.parametrize("which", ["none", "of the other kind"])
    def test_without_a_bridge(self, spark: Path, shell: str, sandbox: Path, which: str) -> None:
        """It says what is missing, and nothing starts: spark-submit would complain about its master."""
        if which != "none":
            (sandbox / "bridge-3.5.jar").write_bytes(b"PK")
            add_bridge(spark)
        task = task_info(submission(properties={"spark.mesos.executor.home": str(spark)}), WITH_URI)
        process = run(task, sandbox, shell)
        assert process.returncode == 1
        said = process.stderr.decode()
        assert f"{spark} holds a Spark 4, which needs a bridge that is made for it, and there is none" in said
        assert "sparkmesos upload-dist" in said
        assert not (sandbox / "arguments").exists()

    def test_in_an_archive(self, shell: str, sandbox: Path) -> None:
        add_bridge(write_spark(sandbox / "spark-4.3.0", core="4.3.0"), bridge_for_spark_4())
        task = task_info(submission(properties={"spark.executor.uri": "http://h/spark-4.3.0.tgz"}))
        got = launched(task, sandbox, shell)
        assert got.option("--master") == "spark+mesos://127.0.0.1:5050"
        assert got.option(PATH) == "./sparkmesos/bridge.jar"


def test_a_bridge_for_spark_4_is_not_for_spark_3(shell: str, sandbox: Path, tmp_path: Path) -> None:
    """A Spark 3 would find two that take its master."""
    (sandbox / "bridge-3.5.jar").write_bytes(bridge_for_spark_4())
    spark = write_spark(tmp_path / "spark", core="3.5.9")
    got = started(sandbox, shell, spark, WITH_URI)
    assert PATH not in got.arguments
    assert got.option("--master") == "mesos://127.0.0.1:5050"
    add_bridge(spark)
    assert started(sandbox, shell, spark, WITH_URI).option(PATH) == f"{spark}/sparkmesos/bridge.jar"


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
