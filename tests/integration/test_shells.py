"""`sparkmesos shell` with real Spark on embedded clusters: at a terminal, and with piped input."""

from __future__ import annotations

import io
import subprocess
import sys
import tarfile
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
import requests

from sparkmesos_core.spark.home import find_spark
from tests.integration.short_lived_jvm import JVM, SHORT_LIVED_OPTIONS
from tests.terminal_session import CTRL_C, CTRL_D, ENTER, UP, TerminalSession

if TYPE_CHECKING:
    from tests.integration.conftest import Commands

pytestmark = pytest.mark.slow

SMALL = [
    "--conf", "spark.executor.memory=512m", "--conf", "spark.driver.memory=512m",
    "--conf", "spark.executor.cores=1", "--conf", "spark.ui.enabled=false",
    *SHORT_LIVED_OPTIONS,
]  # fmt: skip

AtTerminal = Callable[..., TerminalSession]


@pytest.fixture(scope="module")
def url(module_commands: Commands) -> str:
    started = module_commands.run("start-local-cluster", "--port", "0", "--cpus", "2", "--mem", "4096")
    return started.stdout.strip()


def state(url: str) -> dict[str, Any]:
    answer: dict[str, Any] = requests.get(url.replace("mesos://", "http://") + "/state", timeout=10).json()
    return answer


@pytest.fixture
def at_terminal(module_commands: Commands, tmp_path: Path) -> Iterator[AtTerminal]:
    """Starts the command at a terminal; histories are in a home of its own."""
    sessions = []
    (tmp_path / "home").mkdir()

    def start(*arguments: str, **environment: str) -> TerminalSession:
        session = TerminalSession(
            [str(Path(sys.executable).parent / "sparkmesos"), "shell", *arguments],
            folder=tmp_path,
            environment={
                **module_commands.marked_environment,
                "HOME": str(tmp_path / "home"),
                **environment,
            },
        )
        sessions.append(session)
        return session

    yield start
    for session in sessions:
        session.close()


def jvm_at_home(tmp_path: Path) -> list[str]:
    """A JVM does not go by HOME."""
    return ["--conf", f"spark.driver.extraJavaOptions={JVM} -Duser.home={tmp_path}/home"]


@pytest.fixture
def archive(tmp_path: Path) -> Path:
    """A Spark for executors, which says that it was started and lets the installed one do the work."""
    spark = find_spark(None, {}).path
    script = (
        "#!/bin/sh\n"
        'touch "$MESOS_SANDBOX/started-from-the-archive"\n'
        f'SPARK_HOME="{spark}" exec "{spark}/bin/spark-class" "$@"\n'
    ).encode()
    path = tmp_path / "spark-3.5.9-stand-in.tgz"
    with tarfile.open(path, "w:gz") as tar:
        for name in ("spark-class", "spark-submit"):
            info = tarfile.TarInfo(f"spark-3.5.9-stand-in/bin/{name}")
            info.size, info.mode = len(script), 0o755
            tar.addfile(info, io.BytesIO(script))
        for jar in ("spark-core_2.12-3.5.9", "spark-mesos_2.12-3.5.9"):
            tar.addfile(tarfile.TarInfo(f"spark-3.5.9-stand-in/jars/{jar}.jar"))
    return path


@pytest.mark.proves("spark.executor.uri")
def test_scala_at_a_terminal(
    at_terminal: AtTerminal, url: str, tmp_path: Path, module_commands: Commands, archive: Path
) -> None:
    (tmp_path / "first.scala").write_text("val first = sc.parallelize(1 to 100, 2).map(_ * 2).sum()\n")
    shell = at_terminal(
        "--master", url, *SMALL, *jvm_at_home(tmp_path), "--conf", "spark.cores.max=2", "--", "-I", "first.scala",
        SPARK_EXECUTOR_URI=archive.as_uri(),
    )  # fmt: skip
    shell.expect("scala> ")
    shell.enter("sc.parallelize(Seq(1, 2, 3), 2).map(_ * first).sum()")
    shell.expect(r"res\d+: Double = 60600\.0")
    shell.expect("scala> ")

    (framework,) = state(url)["frameworks"]
    assert framework["name"] == "Spark shell"
    resources = [task["resources"] for task in framework["tasks"]]
    assert [(one["cpus"], one["mem"]) for one in resources] == [(1.0, 896.0)] * len(resources)
    assert len(resources) in (1, 2)  # as many as have started yet
    sandboxes = [marker.parent for marker in module_commands.folder.rglob("started-from-the-archive")]
    assert sandboxes
    assert all((sandbox / archive.name).exists() for sandbox in sandboxes)

    wait = "while (!org.apache.spark.TaskContext.get.isInterrupted) Thread.sleep(50)"
    shell.enter(f"sc.parallelize(Seq(1), 1).foreach(_ => {{ {wait} }})")
    shell.expect(r"\[Stage \d+:")
    shell.press(CTRL_C)
    shell.expect("Cancelling all active jobs")
    shell.expect("cancelled as part of cancellation of all jobs")
    shell.expect("scala> ")
    shell.press(UP + UP)
    shell.expect(r"map\(_ \* first\)\.sum\(\)")
    shell.press(ENTER)
    shell.expect(r"res\d+: Double = 60600\.0")
    shell.expect("scala> ")
    shell.enter("sys.exit(3)")
    assert shell.end() == 3  # and not 127, as with bin/spark-shell once there was a Ctrl-C
    assert shell.modes() == shell.modes_before
    history = (tmp_path / "home" / ".scala_history").read_text()
    assert "map(_ * first)" in history


def test_python_at_a_terminal_with_an_embedded_cluster(
    at_terminal: AtTerminal, tmp_path: Path, module_commands: Commands
) -> None:
    before = {process.pid for process in module_commands.processes()}
    (tmp_path / "own_start.py").write_text("greeting = f'hello from {sc.master}'\n")
    shell = at_terminal(
        "--lang", "python", "--master", "embedded[1]", *SMALL, "--conf", "spark.cores.max=1",
        PYTHONSTARTUP=str(tmp_path / "own_start.py"),
    )  # fmt: skip
    shell.expect("Embedded Mesos: http")
    shell.expect(">>> ")
    shell.enter("greeting")
    shell.expect("^'hello from mesos://127")
    shell.expect(">>> ")
    shell.enter("sc.parallelize(range(100), 2).map(lambda n: n * 2).sum()")
    shell.expect("^9900$")
    shell.expect(">>> ")
    shell.enter("import time; sc.parallelize([1], 1).foreach(lambda n: time.sleep(600))")
    shell.expect(r"\[Stage \d+:")
    shell.press(CTRL_C)
    shell.expect("KeyboardInterrupt")
    shell.expect(">>> ")
    shell.press("not yet a line" + CTRL_C)  # of which the cluster does not hear, either
    shell.expect("KeyboardInterrupt")
    shell.expect(">>> ")
    shell.press(UP + UP)
    shell.expect(r"n \* 2\)\.sum\(\)")
    shell.press(ENTER)
    shell.expect("^9900$")
    shell.expect(">>> ")
    shell.enter("sc.stop(); sc = type(sc)(); sc.parallelize([1], 1).foreach(lambda n: time.sleep(600))")
    shell.expect(r"\[Stage \d+:")
    shell.press(CTRL_C)
    shell.expect("^KeyboardInterrupt$")
    shell.expect(">>> ")
    shell.enter("sc.parallelize(range(10), 2).sum()")  # with the one core that the other job had
    shell.expect("^45$")
    shell.expect(">>> ")
    shell.press(CTRL_D)
    assert shell.end() == 0
    assert shell.modes() == shell.modes_before
    assert "range(100)" in (tmp_path / "home" / ".python_history").read_text()
    assert ended(module_commands, before) == []


def ended(commands: Commands, before: set[int]) -> list[str]:
    """Waits for the end of all that was not there before; what is left in the end."""
    import psutil

    started = [process for process in commands.processes() if process.pid not in before]
    _, left = psutil.wait_procs(started, timeout=30)
    return [" ".join(process.cmdline()) for process in left]


def test_sql_at_a_terminal(at_terminal: AtTerminal, url: str, tmp_path: Path) -> None:
    shell = at_terminal(
        "--lang", "sql", "--master", url, *SMALL, *jvm_at_home(tmp_path), "--conf", "spark.cores.max=1",
        "--conf", "spark.ui.showConsoleProgress=true",
    )  # fmt: skip
    shell.expect(r"spark-sql.*> ")
    shell.enter("SELECT sum(id) AS total FROM range(100);")
    shell.expect("^4950$")
    shell.expect(r"spark-sql.*> ")
    (framework,) = state(url)["frameworks"]
    assert framework["name"].startswith("SparkSQL::")
    assert [task["resources"]["cpus"] for task in framework["tasks"]] == [1.0]
    shell.enter("SELECT sum(a.id * b.id) FROM range(10000000) a, range(10000000) b;")
    shell.expect(r"\[Stage \d+:")
    shell.press(CTRL_C)
    shell.expect("cancelled as part of cancellation of all jobs")
    shell.expect(r"spark-sql.*> ")
    shell.press(UP + UP + ENTER)
    shell.expect("^4950$")
    shell.expect(r"spark-sql.*> ")
    shell.press(CTRL_D)
    assert shell.end() == 0
    assert shell.modes() == shell.modes_before


def piped(commands: Commands, text: str, *arguments: str) -> subprocess.CompletedProcess[str]:
    """Runs a shell whose input is no terminal."""
    return subprocess.run(
        [str(Path(sys.executable).parent / "sparkmesos"), "shell", *SMALL, *arguments],
        input=text,
        capture_output=True,
        text=True,
        timeout=240,
        cwd=commands.folder,
        env=commands.marked_environment,
    )


def test_scala_with_piped_input(module_commands: Commands, url: str) -> None:
    text = "println(sc.parallelize(1 to 100, 2).sum())\n"
    ran = piped(module_commands, text, "--master", url, "--conf", "spark.cores.max=1")
    assert ran.returncode == 0, ran.stderr
    assert "5050.0" in ran.stdout.splitlines()
    assert state(url)["completed_frameworks"][-1]["name"] == "Spark shell"


def test_python_with_piped_input(module_commands: Commands, url: str) -> None:
    text = (
        "def double(n):\n    return n * 2\n"
        "print(spark.range(100).count(), sc.parallelize(range(100), 2).map(double).sum())\n"
        "import sys\nsys.exit(3)\n"
    )
    ran = piped(module_commands, text, "--lang", "python", "--master", url, "--conf", "spark.cores.max=1")
    assert ran.returncode == 3, ran.stderr
    assert "100 9900" in ran.stdout.splitlines()
    framework = state(url)["completed_frameworks"][-1]
    assert framework["name"] == "PySparkShell"
    assert framework["completed_tasks"]


def test_sql_with_statements_on_the_command_line(module_commands: Commands, url: str) -> None:
    statements = "SELECT sum(id) FROM range(100); SELECT missing;"
    ran = piped(
        module_commands, "", "--lang", "sql", "--master", url, "--conf", "spark.cores.max=1", "--", "-e", statements
    )  # fmt: skip
    assert (ran.returncode, ran.stdout) == (1, "4950\n"), ran.stderr
    assert "missing" in ran.stderr


def test_r_is_refused_before_anything_starts(module_commands: Commands, url: str) -> None:
    known = len(state(url)["completed_frameworks"])
    ran = module_commands.run("shell", "--lang", "r", "--master", url)
    assert (ran.returncode, ran.stdout) == (1, "")
    assert "has no R/lib/SparkR" in ran.stderr
    assert len(state(url)["completed_frameworks"]) == known
    assert state(url)["frameworks"] == []
