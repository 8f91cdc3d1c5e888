"""`sparkmesos shell` with real Spark on embedded clusters: at a terminal, and with piped input."""

from __future__ import annotations

import contextlib
import io
import subprocess
import sys
import tarfile
import termios
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
import requests

from tests.integration.short_lived_jvm import JVM, SMALL_OPTIONS
from tests.terminal_session import APPLICATION_UP, CTRL_C, CTRL_D, ENTER, UP, TerminalSession

if TYPE_CHECKING:
    from tests.integration.commands import Commands
    from tests.integration.spark_under_test import SparkUnderTest

pytestmark = pytest.mark.slow

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
def archive(tmp_path: Path, spark_under_test: SparkUnderTest) -> Path:
    """A Spark for executors, which says that it was started and lets the one under test do the work."""
    spark, version, scala = (
        spark_under_test.home.path,
        spark_under_test.version,
        spark_under_test.home.scala_version,
    )
    jars = [
        f"spark-core_{scala}-{version}",
        *([] if spark_under_test.is_4 else [f"spark-mesos_{scala}-{version}"]),
    ]
    script = (
        "#!/bin/sh\n"
        'touch "$MESOS_SANDBOX/started-from-the-archive"\n'
        f'SPARK_HOME="{spark}" exec "{spark}/bin/spark-class" "$@"\n'
    ).encode()
    path = tmp_path / f"spark-{version}-stand-in.tgz"
    with tarfile.open(path, "w:gz") as tar:
        for name in ("spark-class", "spark-submit"):
            info = tarfile.TarInfo(f"spark-{version}-stand-in/bin/{name}")
            info.size, info.mode = len(script), 0o755
            tar.addfile(info, io.BytesIO(script))
        for jar in jars:
            tar.addfile(tarfile.TarInfo(f"spark-{version}-stand-in/jars/{jar}.jar"))
    return path


@pytest.mark.proves("spark.executor.uri")
def test_scala_at_a_terminal(
    at_terminal: AtTerminal,
    url: str,
    tmp_path: Path,
    module_commands: Commands,
    archive: Path,
    spark_under_test: SparkUnderTest,
) -> None:
    (tmp_path / "first.scala").write_text("val first = sc.parallelize(1 to 100, 2).map(_ * 2).sum()\n")
    shell = at_terminal(
        "--master", url, *SMALL_OPTIONS, *jvm_at_home(tmp_path), "--conf", "spark.cores.max=2", "--", "-I", "first.scala",
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
    ours = "jobs that run are being cancelled"  # as Spark's shell has no handler behind Scala 2.13's prompt
    shell.expect(ours if spark_under_test.is_4 else "Cancelling all active jobs")
    shell.expect("cancelled as part of cancellation of all jobs")
    shell.expect("scala> ")
    shell.press(2 * (APPLICATION_UP if spark_under_test.is_4 else UP))
    shell.expect(r"map\(_ \* first\)\.sum\(\)")
    shell.press(ENTER)
    shell.expect(r"res\d+: Double = 60600\.0")
    shell.expect("scala> ")
    shell.enter("sys.exit(3)")
    assert shell.end() == 3  # and not 127, as with bin/spark-shell once there was a Ctrl-C
    keep_speed = not spark_under_test.is_4
    assert without_speed(shell.modes(), keep=keep_speed) == without_speed(shell.modes_before, keep=keep_speed)
    name = ".scala_history_jline3" if spark_under_test.is_4 else ".scala_history"  # Scala's own difference
    history = (tmp_path / "home" / name).read_text()
    assert "map(_ * first)" in history


def test_python_at_a_terminal_with_an_embedded_cluster(
    at_terminal: AtTerminal, tmp_path: Path, module_commands: Commands, spark_under_test: SparkUnderTest
) -> None:
    before = {process.pid for process in module_commands.processes()}
    (tmp_path / "own_start.py").write_text("greeting = f'hello from {sc.master}'\n")
    shell = at_terminal(
        "--lang", "python", "--master", "embedded[1]", *SMALL_OPTIONS, "--conf", "spark.cores.max=1",
        PYTHONSTARTUP=str(tmp_path / "own_start.py"),
    )  # fmt: skip
    shell.expect("Embedded Mesos: http")
    shell.expect(">>> ")
    shell.enter("greeting")
    prefix = r"spark\+" if spark_under_test.is_4 else ""
    shell.expect(f"^'hello from {prefix}mesos://127")
    shell.expect(">>> ")
    shell.enter("sc.parallelize(range(100), 2).map(lambda n: n * 2).sum()")
    shell.expect("^9900$")
    shell.expect(">>> ")
    shell.enter("import time; sc.parallelize([1], 1).foreach(lambda n: time.sleep(600))")
    shell.expect(r"\[Stage \d+:")
    shell.press(CTRL_C)
    shell.expect("KeyboardInterrupt")
    shell.expect(">>> ")
    shell.press("not yet a line")
    shell.expect("not yet a line")
    interrupt_line(shell)  # of which the cluster does not hear, either
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


def interrupt_line(shell: TerminalSession) -> None:
    """Gives up the line at Python's prompt. Python itself does not notice a Ctrl-C that comes between its echo
    of a key and its wait for the next one, about one in a thousand on a busy machine: users press again.
    """
    for _ in range(2):
        shell.press(CTRL_C)
        with contextlib.suppress(AssertionError):
            shell.expect("KeyboardInterrupt", timeout=20)
            return
    shell.press(CTRL_C)
    shell.expect("KeyboardInterrupt")


def without_speed(modes: list[Any], *, keep: bool) -> list[Any]:
    """The modes of a terminal but for its speed, unless that is to be kept."""
    if keep:
        return modes
    iflag, oflag, cflag, lflag, _, _, characters = modes
    return [iflag, oflag, cflag & ~termios.CBAUD, lflag, characters]


def ended(commands: Commands, before: set[int]) -> list[str]:
    """Waits for the end of all that was not there before; what is left in the end."""
    import psutil

    started = [process for process in commands.processes() if process.pid not in before]
    _, left = psutil.wait_procs(started, timeout=30)
    return [" ".join(process.cmdline()) for process in left]


def test_sql_at_a_terminal(at_terminal: AtTerminal, url: str, tmp_path: Path) -> None:
    shell = at_terminal(
        "--lang", "sql", "--master", url, *SMALL_OPTIONS, *jvm_at_home(tmp_path), "--conf", "spark.cores.max=1",
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
        [str(Path(sys.executable).parent / "sparkmesos"), "shell", *SMALL_OPTIONS, *arguments],
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
    assert "5050.0" in [line.removeprefix("scala> ") for line in ran.stdout.splitlines()]
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
