from __future__ import annotations

import ast
import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from sparkmesos_core.client_configuration import ClientConfiguration, read_client_configuration
from sparkmesos_core.conf.finding import Severity
from sparkmesos_core.errors import (
    ConfigurationError,
    InterpreterNotFoundError,
    SparkNotFoundError,
    UsageError,
)
from sparkmesos_core.submit import piped_python_shell
from sparkmesos_core.submit.interpreter_shells import PYTHON_START
from sparkmesos_core.submit.launch import Program
from sparkmesos_core.submit.mesos_driver import ClientModeOptions
from sparkmesos_core.submit.shell_arguments import read_shell_arguments
from sparkmesos_core.submit.shells import (
    SHELL_OF,
    client_for,
    options_for,
    program_for,
    refuse_cluster_mode,
)

Reader = Callable[..., ClientConfiguration]


@pytest.fixture
def spark_home(make_spark) -> Path:
    home: Path = make_spark("3.5.9")
    for jar in ("spark-repl_2.12-3.5.9", "spark-hive-thriftserver_2.12-3.5.9"):
        (home / "jars" / f"{jar}.jar").touch()
    (home / "conf").mkdir()
    return home


@pytest.fixture
def programs(tmp_path: Path) -> Path:
    """A folder with an R and some Pythons."""
    folder = tmp_path / "programs"
    folder.mkdir()
    for name in ("R", "python3", "python3.10", "ipython"):
        (folder / name).touch(mode=0o755)
    return folder


@pytest.fixture
def read(spark_home: Path, programs: Path) -> Reader:
    def reader(language: str, *words: str, defaults: str = "", **environment: str) -> ClientConfiguration:
        (spark_home / "conf" / "spark-defaults.conf").write_text(defaults)
        return read_client_configuration(
            read_shell_arguments(SHELL_OF[language], words),
            spark_home=None,
            environment={"SPARK_HOME": str(spark_home), "PATH": str(programs), **environment},
        )

    return reader


@pytest.fixture
def program(read: Reader) -> Callable[..., Program]:
    def planned(language: str, *words: str, piped: bool = False, **more: Any) -> Program:
        return program_for(SHELL_OF[language], read(language, *words, **more), piped=piped)

    return planned


class TestClusterMode:
    @pytest.mark.parametrize("language", SHELL_OF)
    def test_typed(self, read: Reader, language: str) -> None:
        client = read(language, "--deploy-mode", "cluster")
        with pytest.raises(
            ConfigurationError, match="set by --deploy-mode: a shell has no cluster mode"
        ) as caught:
            refuse_cluster_mode(client.configuration)
        assert caught.value.hint.startswith("Leave it out, and give --master the Mesos master")

    def test_in_a_file(self, read: Reader) -> None:
        client = read("sql", defaults="\nspark.submit.deployMode cluster\n")
        with pytest.raises(ConfigurationError, match=r"spark-defaults\.conf:2: ") as caught:
            refuse_cluster_mode(client.configuration)
        assert caught.value.hint.startswith("Add --deploy-mode client")

    def test_client_mode(self, read: Reader) -> None:
        defaults = "spark.submit.deployMode cluster\n"
        refuse_cluster_mode(read("scala", "--deploy-mode", "client", defaults=defaults).configuration)
        refuse_cluster_mode(read("scala").configuration)


class TestStartTimeout:
    def test_where_the_shell_is_the_jvm(self) -> None:
        options = ClientModeOptions(start_timeout=9, typed=("--start-timeout",))
        for language in ("scala", "sql"):
            assert options_for(SHELL_OF[language], options) == options

    @pytest.mark.parametrize("language", ["python", "r"])
    def test_where_it_is_not(self, language: str) -> None:
        shell = SHELL_OF[language]
        with pytest.raises(UsageError, match=f"--start-timeout cannot end {shell.name}"):
            options_for(shell, ClientModeOptions(start_timeout=9, typed=("--start-timeout",)))
        assert options_for(shell, ClientModeOptions(start_timeout=9)) == ClientModeOptions()


class TestExecutorUri:
    """Two of the shells read the variable themselves, the backend does so for the others."""

    @pytest.mark.parametrize("language", ["scala", "python"])
    def test_the_variable_wins(self, read: Reader, tmp_path: Path, language: str) -> None:
        client = read(
            language, "--conf", "spark.executor.uri=http://h/a.tgz", SPARK_EXECUTOR_URI="http://h/b.tgz"
        )
        client = client_for(SHELL_OF[language], client, tmp_path)
        setting = client.configuration.setting("spark.executor.uri")
        assert setting is not None
        assert (setting.value, str(setting.origin)) == ("http://h/b.tgz", "SPARK_EXECUTOR_URI")
        (finding,) = client.findings
        assert (finding.id, finding.severity) == ("executor-uri-differs", Severity.WARNING)
        assert "spark.executor.uri (--conf); in" in finding.message
        assert "the variable counts" in finding.message

    @pytest.mark.parametrize("language", ["sql", "r"])
    def test_the_property_wins(self, read: Reader, tmp_path: Path, language: str) -> None:
        client = read(
            language, "--conf", "spark.executor.uri=http://h/a.tgz", SPARK_EXECUTOR_URI="http://h/b.tgz"
        )
        client = client_for(SHELL_OF[language], client, tmp_path)
        assert client.configuration["spark.executor.uri"] == "http://h/a.tgz"
        assert client.findings == ()

    @pytest.mark.parametrize("language", SHELL_OF)
    def test_the_variable_alone(self, read: Reader, tmp_path: Path, language: str) -> None:
        client = client_for(SHELL_OF[language], read(language, SPARK_EXECUTOR_URI="http://h/b.tgz"), tmp_path)
        assert client.configuration["spark.executor.uri"] == "http://h/b.tgz"
        assert [one for one in client.findings if one.id == "executor-uri-differs"] == []

    def test_both_the_same(self, read: Reader, tmp_path: Path) -> None:
        same = "http://h/a.tgz"
        client = read("scala", defaults=f"spark.executor.uri {same}\n", SPARK_EXECUTOR_URI=same)
        assert client_for(SHELL_OF["scala"], client, tmp_path).findings == ()


class TestScripts:
    @pytest.mark.parametrize(
        ("language", "words", "missing"),
        [
            ("scala", ["-I", "there", "nope", "-e", "nope"], ["'nope' of -I"]),
            ("scala", ["-i", "nope", "--", "nope2"], ["'nope' of -i", "'nope2' of -i"]),
            ("sql", ["-i", "nope", "-f", "nope"], ["'nope' of -i", "'nope' of -f"]),
            ("sql", ["-f", "there", "-e", "nope"], []),
            ("sql", ["-f", "hdfs://h/nope", "-S"], []),
            ("scala", ["-I"], []),
        ],
    )
    def test_missing_ones(
        self, read: Reader, tmp_path: Path, language: str, words: list[str], missing: list[str]
    ) -> None:
        (tmp_path / "there").touch()
        client = client_for(SHELL_OF[language], read(language, *words), tmp_path)
        assert [one.message for one in client.findings] == [
            f"The file {name} does not exist" for name in missing
        ]
        assert all(one.severity is Severity.ERROR for one in client.findings)

    @pytest.mark.parametrize(("language", "option"), [("scala", "-i"), ("scala", "-I"), ("sql", "-f")])
    def test_a_folder(self, read: Reader, tmp_path: Path, language: str, option: str) -> None:
        client = client_for(SHELL_OF[language], read(language, option, "."), tmp_path)
        (finding,) = client.findings
        assert (finding.severity, finding.message) == (Severity.ERROR, f"'.' of {option} is a folder")


class TestProgram:
    def test_scala_is_what_its_script_runs(self, program) -> None:
        assert program("scala", SPARK_SUBMIT_OPTS="-Dx=y") == Program(
            "spark-submit",
            first=("--class", "org.apache.spark.repl.Main", "--name", "Spark shell"),
            variables={"SPARK_SUBMIT_OPTS": "-Dx=y -Dscala.usejavacp=true"},
        )
        alone = program("scala")
        assert alone.variables == {"SPARK_SUBMIT_OPTS": "-Dscala.usejavacp=true"}

    def test_scala_of_spark_4(self, program, spark_home: Path) -> None:
        """Its script sets one variable more."""
        (spark_home / "jars" / "spark-core_2.12-3.5.9.jar").rename(
            spark_home / "jars" / "spark-core_2.13-4.3.0.jar"
        )
        assert program("scala").variables == {
            "SPARK_SUBMIT_OPTS": "-Dscala.usejavacp=true",
            "SPARK_SCALA_SHELL": "1",
            "SPARK_CONNECT_MODE": "0",
        }

    @pytest.mark.parametrize("language", ["scala", "python"])
    def test_shells_of_spark_4_are_classic(self, program, spark_home: Path, language: str) -> None:
        """Whatever the variables say that a release for Spark Connect sets."""
        (spark_home / "jars" / "spark-core_2.12-3.5.9.jar").rename(
            spark_home / "jars" / "spark-core_2.13-4.3.0.jar"
        )
        variables = program(language, SPARK_CONNECT_MODE="1", SPARK_API_MODE="connect").variables
        assert (variables["SPARK_CONNECT_MODE"], variables["SPARK_API_MODE"]) == ("0", "classic")

    def test_sql_is_sparks_program(self, program) -> None:
        assert program("sql") == Program("spark-sql")

    @pytest.mark.parametrize(
        ("language", "jar"), [("scala", "spark-repl_"), ("sql", "spark-hive-thriftserver_")]
    )
    def test_a_spark_without_it(self, program, spark_home: Path, language: str, jar: str) -> None:
        (spark_home / "jars" / f"{jar}2.12-3.5.9.jar").unlink()
        with pytest.raises(SparkNotFoundError, match=rf"comes without .* \(it has no jars/{jar}\*\.jar\)"):
            program(language)

    def test_no_spark(self, program, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr("sparkmesos_core.spark.home.importlib_util.find_spec", lambda name: None)
        with pytest.raises(SparkNotFoundError, match="No Spark found"):
            program("scala", SPARK_HOME="")


START = {"PYTHONSTARTUP": str(PYTHON_START)}


class TestPython:
    def test_it_starts_with_our_file_and_then_the_users(self, program) -> None:
        assert program("python") == Program("pyspark", variables=START)
        theirs = program("python", PYTHONSTARTUP="/mine.py")
        assert theirs.variables == {**START, "_SPARKMESOS_PYTHONSTARTUP": "/mine.py"}

    @pytest.mark.parametrize(
        ("defaults", "options"),
        [
            ("", ()),
            ("spark.pyspark.python python3\n", ("--conf", "spark.pyspark.python=python3")),
            (
                "spark.pyspark.python python3\nspark.pyspark.driver.python ipython\n",
                (
                    "--conf",
                    "spark.pyspark.driver.python=ipython",
                    "--conf",
                    "spark.pyspark.python=python3",
                ),
            ),
        ],
    )
    def test_what_its_launcher_would_pass_over(
        self, program, defaults: str, options: tuple[str, ...]
    ) -> None:
        assert program("python", defaults=defaults).options == options

    def test_what_the_launcher_sees_itself(self, program) -> None:
        typed = program("python", "--conf", "spark.pyspark.python=python3")
        variables = program("python", PYSPARK_PYTHON="python3", PYSPARK_DRIVER_PYTHON="")
        assert typed == variables == Program("pyspark", variables=START)

    @pytest.mark.parametrize(
        ("words", "variables", "place", "hint"),
        [
            (
                ["--conf", "spark.pyspark.python=python2"],
                {"PYSPARK_PYTHON": "python3"},
                "spark.pyspark.python, --conf",
                "set spark.pyspark.driver.python",
            ),
            (
                [],
                {"PYSPARK_DRIVER_PYTHON": "python2", "PYSPARK_PYTHON": "python3"},
                "PYSPARK_DRIVER_PYTHON",
                "leave it out",
            ),
        ],
    )
    def test_a_python_that_is_not_there(
        self, program, words: list[str], variables: dict[str, str], place: str, hint: str
    ) -> None:
        with pytest.raises(InterpreterNotFoundError) as caught:
            program("python", *words, **variables)
        assert f"The Python of the shell, 'python2' ({place}), is not there" in caught.value.message
        assert hint in caught.value.hint

    def test_another_python_gets_sparks_modules(
        self, program, spark_home: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """As pip installs it, bin/pyspark relies on the environment that it is installed in."""
        archive = spark_home / "python" / "lib" / "pyspark.zip"
        archive.parent.mkdir(parents=True)
        archive.touch()
        other = program("python", PYSPARK_PYTHON="python3.10", PYTHONPATH="/mine")
        assert other.variables["PYTHONPATH"] == f"{archive}:/mine"
        # python3, which need not be of the environment that SPARK_HOME is in
        assert program("python").variables["PYTHONPATH"] == str(archive)
        with monkeypatch.context() as patch:
            patch.setattr("sysconfig.get_path", lambda name: str(spark_home.parent))
            assert "PYTHONPATH" not in program("python").variables
        (spark_home / "python" / "pyspark").mkdir()
        (spark_home / "python" / "pyspark" / "__init__.py").touch()  # as releases have it
        assert "PYTHONPATH" not in program("python", PYSPARK_PYTHON="python3.10").variables

    def test_without_a_terminal(self, program) -> None:
        options = program("python", piped=True).variables["PYSPARK_DRIVER_PYTHON_OPTS"]
        assert options == f'"{piped_python_shell.__file__}"'

    @pytest.mark.parametrize(
        "theirs", [{"PYSPARK_DRIVER_PYTHON": "ipython"}, {"PYSPARK_DRIVER_PYTHON_OPTS": "-q"}]
    )
    def test_who_has_decided_otherwise(self, program, theirs: dict[str, str]) -> None:
        assert program("python", piped=True, **theirs).variables == START


class TestR:
    @pytest.fixture
    def spark_r(self, spark_home: Path) -> None:
        (spark_home / "R" / "lib" / "SparkR").mkdir(parents=True)

    @pytest.mark.usefixtures("spark_r")
    def test_all_there(self, program) -> None:
        assert program("r") == Program("sparkR")
        configured = program("r", defaults="spark.r.shell.command R\n", SPARKR_DRIVER_R="nope")
        assert configured == Program("sparkR", options=("--conf", "spark.r.shell.command=R"))

    def test_a_spark_without_it(self, program, spark_home: Path) -> None:
        with pytest.raises(InterpreterNotFoundError) as caught:
            program("r")
        assert f"the Spark in {spark_home} (SPARK_HOME) has no R/lib/SparkR" in caught.value.message
        assert "official release" in caught.value.hint

    @pytest.mark.usefixtures("spark_r")
    def test_a_machine_without_it(self, program) -> None:
        with pytest.raises(InterpreterNotFoundError) as caught:
            program("r", PATH="/nonexistent")
        assert "there is no R on this machine ('R' is not on the PATH)" in caught.value.message
        assert "Install R here and on every agent" in caught.value.hint
        with pytest.raises(InterpreterNotFoundError, match="'R-4'"):
            program("r", SPARKR_DRIVER_R="R-4")

    @pytest.mark.usefixtures("spark_r")
    def test_piped_input(self, program, programs: Path) -> None:
        with pytest.raises(UsageError, match="sparkR reads from a terminal only") as caught:
            program("r", piped=True)
        assert "sparkmesos submit FILE.R" in caught.value.hint
        (programs / "R-in-scripts").touch(mode=0o755)  # which may give R its arguments
        program("r", piped=True, SPARKR_DRIVER_R="R-in-scripts")

    def test_neither(self, program) -> None:
        with pytest.raises(InterpreterNotFoundError) as caught:
            program("r", PATH="/nonexistent")
        assert "no R on this machine" in caught.value.message
        assert "no R/lib/SparkR" in caught.value.message


@pytest.mark.parametrize("name", ["python_shell_start", "piped_python_shell"])
def test_the_pythons_of_all_sparks_can_read_what_they_run(name: str) -> None:
    """Those of Spark 2 go down to 2.7; bin/pyspark's file reads ours in the character set of the locale."""
    source = PYTHON_START.with_name(f"{name}.py").read_bytes()
    new_syntax = (
        ast.AnnAssign,
        ast.JoinedStr,
        ast.NamedExpr,
        ast.Nonlocal,
        ast.AsyncFunctionDef,
    )
    for node in ast.walk(ast.parse(source.decode("ascii"))):
        assert not isinstance(node, new_syntax), ast.unparse(node)
        if isinstance(node, ast.ImportFrom):
            assert node.module != "__future__"
        if isinstance(node, ast.FunctionDef):
            every = node.args.posonlyargs + node.args.args + node.args.kwonlyargs
            assert node.returns is None, node.name
            assert [one.arg for one in every if one.annotation is not None] == []
            assert node.args.posonlyargs == node.args.kwonlyargs == []


class TestPipedPython:
    """`python piped_python_shell.py`, as pyspark runs it."""

    @pytest.fixture
    def run(self, tmp_path: Path):
        start = tmp_path / "start.py"
        start.write_text("import os as _os\nspark = 'the session'\n")
        (tmp_path / "beside.py").write_text("value = 7\n")

        def run(program: str, **environment: str) -> subprocess.CompletedProcess[str]:
            return subprocess.run(
                [sys.executable, str(piped_python_shell.__file__)],
                input=program,
                capture_output=True,
                encoding="utf-8",
                timeout=60,
                cwd=tmp_path,
                env={**os.environ, "PYTHONSTARTUP": str(start), **environment},
            )

        return run

    def test_it_finds_what_the_start_up_made(self, run) -> None:
        ran = run("def f():\n    return spark\nprint(f(), __name__)\n")
        assert (ran.returncode, ran.stdout) == (0, "the session __main__\n"), ran.stderr

    def test_it_imports_from_where_it_was_started(self, run) -> None:
        ran = run(
            "import beside, sys\nprint(beside.value, sys.argv, [n for n in globals() if n[0] != '_'])\n"
        )
        assert (ran.returncode, ran.stdout) == (0, "7 [''] ['spark', 'beside', 'sys']\n"), ran.stderr
        ours = run("import shell_arguments")
        assert "No module named 'shell_arguments'" in ours.stderr

    def test_nothing_of_ours_changes_the_program(self, run) -> None:
        ran = run(
            "def f(n: int): 'ü'\nprint(f.__annotations__, ascii(f.__doc__))\n", LC_ALL="C", PYTHONUTF8="0"
        )
        assert (ran.returncode, ran.stdout) == (0, "{'n': <class 'int'>} '\\xfc'\n"), ran.stderr

    @pytest.mark.parametrize(
        ("program", "code"), [("raise ValueError('x')\nprint(1)", 1), ("import sys\nsys.exit(3)", 3), ("", 0)]
    )
    def test_how_it_ends(self, run, program: str, code: int) -> None:
        ran = run(program)
        assert (ran.returncode, ran.stdout) == (code, "")


class TestPythonShellStart:
    """What runs at the end of Spark's own start-up file, with a stand-in for pyspark."""

    @pytest.fixture
    def run(self, tmp_path: Path):
        package = tmp_path / "pyspark"
        package.mkdir()
        (package / "__init__.py").write_text(
            "import threading\n"
            "class SparkContext(object):\n"
            "    _active_spark_context = None\n"
            "    def __init__(self, *args, **kwargs):\n"
            "        self._do_init(*args, **kwargs)\n"
            "    def _do_init(self, name='first'):\n"
            "        import signal\n"
            "        SparkContext._active_spark_context = self\n"
            "        self.name = name\n"
            "        if threading.current_thread().name == 'MainThread':\n"
            "            signal.signal(signal.SIGINT, lambda number, frame: print('as Spark does'))\n"
            "    def cancelAllJobs(self):\n"
            "        print('cancelled', self.name, threading.current_thread().name == 'MainThread')\n"
            "        raise ValueError('the JVM is gone')\n"
        )

        def run(program: str, *, before: str = "", **environment: str) -> subprocess.CompletedProcess[str]:
            start = f"exec(open({str(PYTHON_START)!r}).read())\n"
            return subprocess.run(
                [sys.executable, "-c", before + start + program],
                capture_output=True,
                text=True,
                timeout=60,
                cwd=tmp_path,
                env={**os.environ, "PYTHONPATH": str(tmp_path), **environment},
            )

        return run

    INTERRUPT = (
        "import signal\n"
        "try:\n"
        "    signal.raise_signal(signal.SIGINT)\n"
        "except KeyboardInterrupt:\n"
        "    print('interrupted')\n"
    )

    def test_ctrl_c_cancels_from_a_thread_of_its_own(self, run) -> None:
        ran = run(self.INTERRUPT, before="from pyspark import *\nSparkContext()\n")
        assert (ran.stdout, ran.stderr) == ("cancelled first False\ninterrupted\n", "")

    def test_ctrl_c_cancels_the_jobs_of_later_contexts(self, run) -> None:
        ran = run(f"from pyspark import *\nSparkContext(name='second')\n{self.INTERRUPT}")
        assert (ran.stdout, ran.stderr) == ("cancelled second False\ninterrupted\n", "")

    def test_a_context_that_a_thread_makes(self, run) -> None:
        thread = "import threading\nthread = threading.Thread(target=SparkContext)\nthread.start(); thread.join()\n"
        ran = run(f"from pyspark import *\n{thread}{self.INTERRUPT}")
        assert (ran.stdout, ran.stderr) == ("cancelled first False\ninterrupted\n", "")

    def test_ctrl_c_without_a_context(self, run) -> None:
        ran = run(self.INTERRUPT)
        assert (ran.stdout, ran.stderr) == ("interrupted\n", "")

    @pytest.mark.parametrize("there", [True, False])
    def test_the_users_own_file(self, run, tmp_path: Path, there: bool) -> None:
        own = tmp_path / "own.py"
        if there:
            own.write_text("mine = 7\n")
        ran = run("print([name for name in globals() if name[0] != '_'])", _SPARKMESOS_PYTHONSTARTUP=str(own))
        assert ran.stdout == ("['mine']\n" if there else "[]\n"), ran.stderr
