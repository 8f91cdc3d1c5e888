"""A real Spark is uploaded by the real command, and real executors run from what they fetched of it.

Each kind of destination is a real server. The agents have no Spark: nothing but the archive can have been used.
"""

from __future__ import annotations

import json
import os
import re
import shutil
import signal
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pyspark
import pytest
import requests

from sparkmesos_core.bridge.compile import bridge_path
from sparkmesos_core.dist.archive import read_archive
from sparkmesos_core.dist.facts import BRIDGE
from sparkmesos_core.redaction import redact_text
from sparkmesos_core.upload.local_file import read_local_file
from tests.integration import short_lived_jvm
from tests.integration.packed_spark import ARCHIVE, EXCLUDES, TOP
from tests.integration.spark_releases import SPARK_4
from tests.integration.spark_under_test import spark_of
from tests.servers.hdfs import Hdfs
from tests.servers.nginx import nginx_server
from tests.servers.s3 import S3Server, moto_s3, rclone_s3
from tests.servers.webdav import webdav_server

pytestmark = pytest.mark.slow

SPARK_HOME = Path(pyspark.__file__).parent
SMALL = {**short_lived_jvm.SMALL, "spark.cores.max": "1"}
# Says from where it ran, on the driver's side and on that of the executor, whose Python worker is its descendant.
APPLICATION = """
import json, os
import pyspark
from pyspark.sql import SparkSession

def of_executor(_):
    import psutil, pyspark
    executor = next(p for p in psutil.Process().parents() if "CoarseGrainedExecutorBackend" in " ".join(p.cmdline()))
    words = executor.cmdline()
    class_path = parts(words[words.index("-cp") + 1])
    return {"cwd": executor.cwd(), "class_path": class_path, "pyspark": pyspark.__file__, "libmesos": libmesos(executor)}

def parts(class_path):
    return [part.rstrip("/") for part in class_path.split(":")]  # Spark's launcher adds one if the folder is there

def libmesos(process):
    return [m.path for m in process.memory_maps() if "libmesos" in m.path]

with SparkSession.builder.getOrCreate() as spark:
    sc = spark.sparkContext
    total = sc.parallelize(range(1000), 2).map(lambda n: n * n).sum()
    import psutil
    class_path = parts(sc._jvm.System.getProperty("java.class.path"))
    jvm = next(p for p in psutil.Process().parents() if "SparkSubmit" in " ".join(p.cmdline()))
    driver = {"cwd": os.getcwd(), "class_path": class_path, "pyspark": pyspark.__file__, "libmesos": libmesos(jvm)}
    print(json.dumps({"sum": total, "driver": driver, "executor": sc.parallelize([0], 1).map(of_executor).first()}))
"""


@dataclass(frozen=True)
class Cluster:
    url: str
    work_dir: Path

    @property
    def http_url(self) -> str:
        return self.url.replace("mesos://", "http://")

    def sandboxes(self) -> list[Path]:
        """Those of all executors so far."""
        return sorted(
            p
            for p in self.work_dir.glob("agents/*/slaves/*/frameworks/*/executors/*/runs/*")
            if not p.is_symlink()
        )


class Stage:
    """The command, the archive that it packed, and clusters on which applications run."""

    def __init__(self, commands: Any) -> None:
        self.commands = commands
        self.folder: Path = commands.folder
        environment = commands.environment
        for name in [
            name
            for name in environment
            if name.startswith(("AWS_", "HADOOP_")) or name.lower().endswith("_proxy")
        ]:
            del environment[name]
        folders = environment["PATH"].split(os.pathsep)
        environment["PATH"] = os.pathsep.join(f for f in folders if not (Path(f) / "hadoop").exists())
        self.application = self.folder / "where.py"
        self.application.write_text(APPLICATION)

    def upload(self, *arguments: str | Path, **environment: str) -> str:
        """What `upload-dist` printed: one line."""
        run = self.commands.run("upload-dist", *map(str, arguments), timeout=300, **environment)
        assert run.returncode == 0, run.stderr
        line, end = run.stdout[:-1], run.stdout[-1:]
        assert end == "\n", run
        assert "\n" not in line, run.stdout
        secrets = [value for name, value in environment.items() if "SECRET" in name]
        assert not any(secret in run.stdout + run.stderr for secret in secrets)
        assert not any(signature in run.stderr for signature in re.findall("X-Amz-Signature=(\\w+)", line))
        return str(line)

    @contextmanager
    def cluster(self, **environment: str) -> Iterator[Cluster]:
        """One agent, whose fetcher finds these variables."""
        work_dir = self.folder / "cluster"
        run = self.commands.run(
            *("start-local-cluster", "--port", "0", "--agents", "1", "--work-dir", str(work_dir)),
            *("--executor-registration-timeout", "5mins"),
            **environment,
        )
        assert run.returncode == 0, run.stderr
        try:
            yield Cluster(run.stdout.strip(), work_dir)
        finally:
            self.commands.run("stop-local-cluster", "--work-dir", str(work_dir))
            shutil.rmtree(work_dir)  # sandboxes with a Spark in each

    def submit(self, cluster: Cluster, settings: Mapping[str, str], **environment: str) -> Any:
        """What the application printed."""
        conf = [part for name, value in settings.items() for part in ("--conf", f"{name}={value}")]
        run = self.commands.run(
            *("submit", "--master", cluster.url, "--mesos-driver", "http", "--start-timeout", "120", *conf),
            str(self.application),
            timeout=300,
            **environment,
        )
        logs = [(sandbox / "stderr").read_text()[-2000:] for sandbox in cluster.sandboxes()]
        assert run.returncode == 0, "\n".join([run.stderr[-4000:], *logs])
        return json.loads(run.stdout)

    def verify(self, cluster: Cluster, settings: Mapping[str, str], **environment: str) -> dict[str, str]:
        """What came of each check of `verify-cluster`, none of which has found an error."""
        conf = [part for name, value in settings.items() for part in ("--conf", f"{name}={value}")]
        run = self.commands.run(
            "verify-cluster", "--master", cluster.url, "--output", "json", *conf, timeout=120, **environment
        )
        assert run.returncode == 0, run.stdout + run.stderr
        return {check["id"]: check["status"] for check in json.loads(run.stdout)["checks"]}

    def run_executors(self, uri: str, archive: Path, **environment: str) -> None:
        """Run an application whose executor has to fetch its Spark from this URI, and see that it did.

        The agent has these variables; submit does not.
        """
        with self.cluster(**environment) as cluster:
            said = self.submit(cluster, {**SMALL, "spark.executor.uri": uri})
            check_executor(cluster, said, uri, archive)


@pytest.fixture(scope="module")
def stage(module_commands) -> Iterator[Stage]:
    yield Stage(module_commands)
    shutil.rmtree(module_commands.folder)


@pytest.fixture
def folder(tmp_path: Path) -> Iterator[Path]:
    """For a server. pytest would keep what is uploaded until its third run from now."""
    yield tmp_path
    shutil.rmtree(tmp_path)


@pytest.fixture(scope="module")
def archive(stage: Stage) -> Path:
    """The installed pyspark, packed by the command onto a mount, as far as file:// is one."""
    uri = stage.upload(SPARK_HOME, f"{stage.folder}/packed/", *EXCLUDES)
    assert uri == f"file://{stage.folder}/packed/{ARCHIVE}"
    return stage.folder / "packed" / ARCHIVE


@pytest.fixture(scope="module")
def rclone(tmp_path_factory: pytest.TempPathFactory) -> Iterator[S3Server]:
    folder = tmp_path_factory.mktemp("rclone")
    (folder / "dist").mkdir()
    with rclone_s3(folder) as server:
        yield server
    shutil.rmtree(folder)


def check_executor(cluster: Cluster, said: Any, uri: str, archive: Path, *, cached: bool = False) -> None:
    """It fetched this URI and nothing else, unpacked it, and ran from there.

    What the agent caches is not in the sandbox, where `cd BASE*` could take it for the folder.
    """
    assert said["sum"] == 332833500
    (sandbox,) = [
        s for s in cluster.sandboxes() if s.parents[1].name.isdigit()
    ]  # as Spark names its executors
    assert fetched_uris(sandbox) == [redact_text(uri)]
    assert (sandbox / archive.name).exists() != cached
    (fetched,) = (cluster.work_dir / "agents").rglob("fetch/**/*.tgz") if cached else [sandbox / archive.name]
    assert sha256(fetched) == sha256(archive)
    home = sandbox / archive.name.removesuffix(".tgz")
    first_of_4 = [str(jar) for jar in home.glob("jars/slf4j-api-*.jar")] if "spark-4" in archive.name else []
    assert said["executor"] == {
        "cwd": str(home),
        "class_path": [f"{home}/conf", *first_of_4, f"{home}/jars/*"],
        "pyspark": f"{home}/python/lib/pyspark.zip/pyspark/__init__.py",
        "libmesos": [],
    }
    state = requests.get(f"{cluster.http_url}/state", timeout=10).json()
    frameworks = [f for f in state["completed_frameworks"] if f["name"] == "where.py"]
    assert [task["id"] for f in frameworks for task in f["completed_tasks"]] == [sandbox.parents[1].name]


def fetched_uris(sandbox: Path) -> list[str]:
    """The URIs of the task's command, as the agent's fetcher was told them."""
    log = (sandbox / "stderr").read_text()
    told = re.search(r"Fetcher Info: (\{.*\})$", log, re.MULTILINE)
    assert told, log
    assert "Successfully fetched all URIs" in log
    return [item["uri"]["value"] for item in json.loads(told[1])["items"]]


def sha256(path: Path) -> str:
    return read_local_file(path).sha256


@pytest.mark.proves("spark.executor.uri", "spark.mesos.fetcherCache.enable")
def test_a_mount_and_a_written_configuration(stage: Stage, archive: Path) -> None:
    """Everything as the tutorial has it: upload, let it write the configuration, submit."""
    conf = stage.folder / "conf"
    uri = stage.upload(archive, f"{stage.folder}/mount/", "--write-conf", conf, "--yes")
    assert uri == f"file://{stage.folder}/mount/{ARCHIVE}"
    with stage.cluster() as cluster:
        said = stage.submit(cluster, SMALL, SPARK_CONF_DIR=str(conf))
        check_executor(cluster, said, uri, archive, cached=True)


def test_spark_4(stage: Stage) -> None:
    """Its bridge goes with it, verify-cluster finds nothing wrong, and executors run from what they fetched."""
    four = spark_of(SPARK_4)
    archive = stage.folder / "four" / f"spark-{SPARK_4}-bin-hadoop3.tgz"
    uri = stage.upload(four.home.path, archive, *EXCLUDES, **four.environment)
    assert uri == archive.as_uri()
    found = read_archive(archive, wanted=lambda name: name.endswith(BRIDGE)).files
    bridge = bridge_path(four.home.jars, Path(stage.commands.environment["SPARKMESOS_CACHE_DIR"]) / "bridge")
    assert found == {f"{archive.name.removesuffix('.tgz')}/{BRIDGE}": bridge.read_bytes()}
    try:
        with stage.cluster(**four.environment) as cluster:
            settings = {**SMALL, "spark.executor.uri": uri}
            verified = stage.verify(cluster, settings, **four.environment)
            assert verified["uri-version"] == verified["uri-programs"] == verified["uri-layout"] == "ok"
            said = stage.submit(cluster, settings, **four.environment)
            check_executor(cluster, said, uri, archive)
    finally:
        shutil.rmtree(archive.parent)


def test_webdav(stage: Stage, archive: Path, folder: Path) -> None:
    with webdav_server(folder) as address:
        uri = stage.upload(archive, f"http://{address}/new/dist/")
        assert uri == f"http://{address}/new/dist/{ARCHIVE}"
        assert sorted(p.name for p in (folder / "new" / "dist").iterdir()) == [ARCHIVE, f"{ARCHIVE}.sha256"]
        stage.run_executors(uri, archive)


def test_nginx(stage: Stage, archive: Path, folder: Path) -> None:
    served, state = folder / "www", folder / "nginx"
    served.mkdir()
    state.mkdir()
    with nginx_server(served, state) as address:
        uri = stage.upload(archive, f"http://{address}/dist/")
        assert uri == f"http://{address}/dist/{ARCHIVE}"
        stage.run_executors(uri, archive)


@pytest.mark.proves("spark.executor.uri")
def test_s3(stage: Stage, archive: Path, rclone: S3Server) -> None:
    """The agent has the credentials, as it needs them for these URIs."""
    uri = stage.upload(archive, "s3a://dist/plain/", **rclone.environment())
    assert uri == f"s3a://dist/plain/{ARCHIVE}"
    stage.run_executors(uri, archive, **rclone.environment())


def test_a_presigned_url(stage: Stage, archive: Path, rclone: S3Server) -> None:
    """The agent has no credentials: the URL is all there is, and the server checks its signature."""
    uri = stage.upload(archive, "s3://dist/presigned/", "--presign", "1h", **rclone.environment())
    assert uri.startswith(f"{rclone.url}/dist/presigned/{ARCHIVE}?")
    assert uri.endswith(f"/{ARCHIVE}")
    assert not requests.head(uri.partition("?")[0], timeout=10).ok
    stage.run_executors(uri, archive)


def test_s3_of_moto(stage: Stage, archive: Path) -> None:
    with moto_s3() as server:
        server.client().create_bucket(Bucket="dist")
        options = ["--storage-class", "STANDARD_IA", "--acl", "public-read"]
        uri = stage.upload(archive, "s3://dist/", *options, **server.environment())
        assert uri == f"s3://dist/{ARCHIVE}"
        assert server.client().head_object(Bucket="dist", Key=ARCHIVE)["StorageClass"] == "STANDARD_IA"
        stage.run_executors(uri, archive, **server.environment())


@pytest.mark.proves("spark.executor.uri")
def test_hdfs(stage: Stage, archive: Path, hdfs: Hdfs, tmp_path: Path) -> None:
    """No Hadoop here; on the agent, as with a real one, a Hadoop client."""
    hadoop = hdfs.write_hadoop_home(tmp_path / "hadoop")
    try:
        uri = stage.upload(archive, hdfs.uri("/end-to-end/dist/"), HADOOP_CONF_DIR=str(hdfs.conf_dir))
        assert uri == hdfs.uri(f"/end-to-end/dist/{ARCHIVE}")
        stage.run_executors(uri, archive, HADOOP_HOME=str(hadoop))
    finally:
        hdfs.fs("-rm", "-r", "-f", "-skipTrash", "/end-to-end")


@pytest.mark.proves("spark.executor.uri")
def test_serve_dist(stage: Stage, archive: Path) -> None:
    server = stage.commands.start("serve-dist", "--port", "0", str(archive))
    uri = server.stdout.readline().rstrip("\n")
    assert re.fullmatch(rf"http://127\.0\.0\.1:\d+/{re.escape(ARCHIVE)}", uri), (uri, server.poll())
    stage.run_executors(uri, archive)
    server.send_signal(signal.SIGTERM)
    server.communicate(timeout=30)


def test_the_same_again_is_not_sent_again(stage: Stage, archive: Path, folder: Path) -> None:
    """What a CI job does: pack and upload in every build. Packing gives the same bytes, so there is nothing to do."""
    with webdav_server(folder) as address:
        uris = [
            stage.upload(source, f"http://{address}/{ARCHIVE}", *EXCLUDES) for source in (archive, SPARK_HOME)
        ]
        assert uris == [f"http://{address}/{ARCHIVE}"] * 2
        assert sha256(folder / ARCHIVE) == sha256(archive)


def test_a_driver_in_the_cluster_needs_no_libmesos(
    stage: Stage, archive: Path, run_task: Callable[..., Path]
) -> None:
    """A driver as a dispatcher starts it: a Mesos task that fetches the archive and runs spark-submit in it."""
    conf = {
        **SMALL,
        "spark.driver.extraClassPath": "sparkmesos/bridge.jar",
        "spark.executor.uri": archive.as_uri(),
        "spark.driver.host": "127.0.0.1",
    }
    with stage.cluster() as cluster:
        options = " ".join(f"--conf '{name}={value}'" for name, value in conf.items())
        sandbox = run_task(
            cluster.http_url,
            "cd spark-3*; SPARK_LOCAL_IP=127.0.0.1 SPARKMESOS_START_TIMEOUT=120 "
            f"bin/spark-submit --master {cluster.url} {options} ../where.py",
            uris=[archive.as_uri(), stage.application.as_uri()],
            cpus=1,
            mem=1024,
        )
        said = json.loads((sandbox / "stdout").read_text().splitlines()[-1])
        home = sandbox / TOP
        bridge, conf_dir, *jars = said["driver"].pop("class_path")
        assert (bridge, conf_dir) == ("sparkmesos/bridge.jar", f"{home}/conf")
        assert {os.path.dirname(jar) for jar in jars} == {f"{home}/jars"}  # noqa: PTH120 - just as it is written
        assert said["driver"] == {
            "cwd": str(home),
            "pyspark": f"{home}/python/lib/pyspark.zip/pyspark/__init__.py",
            "libmesos": [],
        }
        check_executor(cluster, said, archive.as_uri(), archive)
