"""The script of a probe's task, run by the shells that agents and images have."""

from __future__ import annotations

import os
import shutil
import socket
import subprocess
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from sparkmesos_core.verify.probe.listeners import Listeners
from sparkmesos_core.verify.probe.report import Report, read_report
from sparkmesos_core.verify.probe.task_script import Trial, script_of

SHELLS = [
    pytest.param(shell, id=Path(shell[0]).name)
    for shell in (["dash"], ["bash", "--posix"])
    if shutil.which(shell[0])
]
TOKEN = "0123456789abcdef"
SPARK_CLASS = '#!/bin/sh\necho "Usage: CoarseGrainedExecutorBackend [options] $*" >&2\nexit 1\n'
JAVA = "#!/bin/sh\necho 'openjdk version \"17.0.9\"' >&2\n"


class Client:
    """This machine: what its ports were told."""

    def __init__(self) -> None:
        self.told: list[str] = []
        self.heard = threading.Event()
        self.listeners = Listeners(lambda token: token == TOKEN, self._on_told)
        self.driver, self.blocks = (
            self.listeners.open("127.0.0.1", 0, 0, key) for key in ("spark.driver.port", "other")
        )

    def _on_told(self, token: str, text: str) -> None:
        assert token == TOKEN
        self.told.append(text)
        self.heard.set()

    def trial(self, **fields: object) -> Trial:
        given: dict[str, object] = {
            "host": "127.0.0.1",
            "is_name": False,
            "driver_port": self.driver,
            "block_manager_port": self.blocks,
            "archive_prefix": "spark-3",
        }
        return Trial(TOKEN, **{**given, **fields})  # type: ignore[arg-type]


@pytest.fixture
def client() -> Iterator[Client]:
    made = Client()
    yield made
    made.listeners.close()


@pytest.fixture
def sandbox(tmp_path: Path) -> Path:
    folder = tmp_path / "sandbox"
    write(folder / "spark-3.5.9" / "bin" / "spark-class", SPARK_CLASS)
    write(folder / "spark-3.5.9" / "bin" / "load-spark-env.sh", "")
    write(folder / "spark-3.5.9" / "jars" / "spark-core_2.12-3.5.9.jar", "")
    return folder


def write(path: Path, text: str, mode: int = 0o755) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text)
    path.chmod(mode)
    return path


def run(trial: Trial, folder: Path, shell: list[str], **environment: str) -> Report:
    java = write(folder.parent / "java" / "bin" / "java", JAVA)
    ended = subprocess.run(
        [*shell, "-c", script_of(trial)],
        cwd=folder,
        env={"PATH": os.environ["PATH"], "JAVA_HOME": str(java.parent.parent), **environment},
        capture_output=True,
        text=True,
        timeout=120,
        check=True,
    )
    report = read_report(ended.stdout)
    assert report is not None, ended
    assert report.is_whole
    return report


@pytest.mark.parametrize("shell", SHELLS)
def test_all_is_well(client: Client, sandbox: Path, shell: list[str]) -> None:
    report = run(client.trial(), sandbox, shell)
    said = {name: report[name] for name in ("driver", "block-manager", "layout", "class", "disk.write")}
    assert said == {
        "driver": "reached",
        "block-manager": "reached",
        "layout": "found",
        "class": "runs",
        "disk.write": "done",
    }
    assert report["java"] == str(sandbox.parent / "java" / "bin" / "java")
    assert report["java.runs"] == "yes"
    assert report.lines("java.says") == ('openjdk version "17.0.9"',)
    assert report["spark.jar"] == "spark-core_2.12-3.5.9.jar"
    assert int(report["disk.kib"]) > 0
    assert report["user"]
    assert not (sandbox / ".sparkmesos-probe").exists()
    assert client.heard.wait(30)
    told = read_report(client.told[0])
    assert told is not None
    assert {**told.said, "end": ()} == {**report.said, "end": ()}


@pytest.mark.parametrize("shell", SHELLS)
def test_nobody_listens(client: Client, sandbox: Path, shell: list[str]) -> None:
    client.listeners.close()
    report = run(client.trial(), sandbox, shell)
    assert report["driver"] == report["block-manager"] == "refused"
    assert report["class"] == "runs"


@pytest.mark.parametrize("shell", SHELLS)
def test_somebody_else_listens(client: Client, sandbox: Path, shell: list[str]) -> None:
    def greet(server: socket.socket) -> None:
        connection = server.accept()[0]
        connection.sendall(b"SSH-2.0-OpenSSH\r\n")
        connection.close()

    with socket.create_server(("127.0.0.1", 0)) as server:
        thread = threading.Thread(target=greet, args=(server,))
        thread.start()
        report = run(client.trial(driver_port=server.getsockname()[1]), sandbox, shell)
        thread.join()
    assert (report["driver"], report["block-manager"]) == ("other", "reached")
    assert client.heard.wait(30)


@pytest.mark.parametrize("shell", SHELLS)
def test_unknown_name(client: Client, sandbox: Path, shell: list[str]) -> None:
    report = run(client.trial(host="no-such-host.invalid", is_name=True), sandbox, shell)
    assert "name" in report
    assert report["name"] == ""
    assert report["driver"] == "failed"
    assert "no-such-host.invalid" in "\n".join(report.lines("driver.says"))


@pytest.mark.parametrize("shell", SHELLS)
def test_known_name(client: Client, sandbox: Path, shell: list[str]) -> None:
    assert run(client.trial(host="localhost", is_name=True), sandbox, shell)["name"] in ("127.0.0.1", "::1")


@pytest.mark.parametrize("shell", SHELLS)
def test_no_spark(client: Client, sandbox: Path, shell: list[str]) -> None:
    report = run(client.trial(archive_prefix="other"), sandbox, shell)
    assert report["layout"] == "missing"
    assert "spark-3.5.9" in report["layout.holds"]
    assert "java" not in report
    assert client.heard.wait(30)


@pytest.mark.skipif(shutil.which("bash") is None, reason="there is no bash")
def test_archive_beside_its_folder(client: Client, sandbox: Path) -> None:
    """Where bash is /bin/sh, executors do not find Spark."""
    write(sandbox / "spark-3.5.9.tgz", "packed")
    report = run(client.trial(), sandbox, ["bash", "--posix"])
    assert report["layout"] == "missing"
    assert {"spark-3.5.9", "spark-3.5.9.tgz"} <= set(report["layout.holds"].split())


def test_odd_prefix(client: Client, tmp_path: Path, sandbox: Path) -> None:
    odd = "$(touch x) it's"
    shutil.move(sandbox / "spark-3.5.9", sandbox / f"{odd}-1")
    assert run(client.trial(archive_prefix=odd), sandbox, ["sh"])["layout"] == "found"
    assert not (sandbox / "x").exists()


@pytest.mark.parametrize("shell", SHELLS)
def test_spark_in_a_folder(client: Client, sandbox: Path, shell: list[str]) -> None:
    folder = sandbox / "spark-3.5.9"
    report = run(client.trial(folder=str(folder)), sandbox, shell)
    assert (report["layout"], report["class"], report["spark.home"]) == ("found", "runs", str(folder))


def test_program_that_cannot_be_executed(client: Client, sandbox: Path) -> None:
    (sandbox / "spark-3.5.9" / "bin" / "spark-class").chmod(0o644)
    report = run(client.trial(), sandbox, ["sh"])
    assert report["layout"] == "not-executable"
    assert "class" not in report


def test_agents_own_spark_home(client: Client, sandbox: Path) -> None:
    write(sandbox.parent / "other" / "jars" / "spark-core_2.13-3.4.4.jar", "")
    report = run(client.trial(), sandbox, ["sh"], SPARK_HOME=str(sandbox.parent / "other"))
    assert report["spark.home"] == str(sandbox.parent / "other")
    assert report["folder"] == str(sandbox / "spark-3.5.9")
    assert report["spark.jar"] == "spark-core_2.13-3.4.4.jar"


def test_java_of_sparks_own_environment(client: Client, sandbox: Path) -> None:
    java = write(sandbox.parent / "jre" / "bin" / "java", "#!/bin/sh\necho broken >&2\nexit 3\n")
    write(sandbox / "spark-3.5.9" / "bin" / "load-spark-env.sh", f"export JAVA_HOME={java.parent.parent}\n")
    report = run(client.trial(), sandbox, ["sh"])
    assert (report["java"], report["java.runs"], report["java.says"]) == (str(java), "no", "broken")


def test_executor_that_does_not_start(client: Client, sandbox: Path) -> None:
    lines = "\n".join(f"echo line {number}" for number in range(20))
    write(sandbox / "spark-3.5.9" / "bin" / "spark-class", f"#!/bin/sh\n{lines}\nexit 3\n")
    report = run(client.trial(), sandbox, ["sh"])
    assert report["class"] == "3"
    assert report.lines("class.says")[-1] == "line 19"
    assert len(report.lines("class.says")) == 8


@pytest.mark.parametrize("shell", SHELLS)
def test_python(client: Client, sandbox: Path, shell: list[str]) -> None:
    python = write(sandbox.parent / "python", "#!/bin/sh\necho 3.9\n")
    assert run(client.trial(python=str(python)), sandbox, shell)["python"] == "3.9"
    report = run(client.trial(python="no-such-python"), sandbox, shell)
    assert report["python"] == ""
    assert report.lines("python.says")
    assert "python" not in run(client.trial(), sandbox, shell)


def test_neither_bash_nor_timeout(client: Client, sandbox: Path, tmp_path: Path) -> None:
    folder = tmp_path / "tools"
    folder.mkdir()
    for name in ("sh", "id", "df", "tail", "sed", "dd", "rm", "ls", "head", "tr", "sleep"):
        found = shutil.which(name)
        assert found is not None
        (folder / name).symlink_to(found)
    report = run(client.trial(), sandbox, [str(folder / "sh")], PATH=str(folder))
    assert report["bash"] == ""
    assert report["layout"] == "found"
    assert "driver" not in report
    assert "class" not in report


def test_bash_without_timeout(client: Client, sandbox: Path, tmp_path: Path) -> None:
    folder = tmp_path / "tools"
    folder.mkdir()
    for name in ("sh", "bash", "id", "df", "tail", "sed", "dd", "rm", "ls", "head", "tr", "sleep"):
        found = shutil.which(name)
        assert found is not None
        (folder / name).symlink_to(found)
    report = run(client.trial(), sandbox, [str(folder / "sh")], PATH=str(folder))
    assert (report["driver"], report["class"], report["java.runs"]) == ("reached", "runs", "yes")


def test_driver_elsewhere(client: Client, sandbox: Path) -> None:
    report = run(client.trial(host="", driver_port=0, block_manager_port=0), sandbox, ["sh"])
    assert "driver" not in report
    assert report["class"] == "runs"
    assert not client.told
