"""Secrets of executors: they arrive, by value in variables and in files, and nobody else sees them."""

from __future__ import annotations

import base64
import contextlib
import copy
import json
import stat
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import psutil
import pytest
import requests

from sparkmesos_core.localcluster.cluster import AgentSpec
from tests.integration.run_modes.applications import Applications, Ended, Running, Seen
from tests.integration.run_modes.recorded_tasks import essence, recorded_tasks

if TYPE_CHECKING:
    from tests.integration.commands import Commands
    from tests.integration.spark_under_test import SparkUnderTest

pytestmark = pytest.mark.slow

SECRETS = ("correct horse", "ünïcode-$HOME-'quoted'")
FILES = ("one.txt", "below/two.txt")

# What the executor has got, in an encoding of its own so that it is not what is looked for.
READ = """
def read(names):
    import base64, pathlib
    sandbox = pathlib.Path(os.environ["MESOS_SANDBOX"])
    contents = [(sandbox / name).read_bytes() for name in names]
    variables = [os.environb[name] for name in (b"ONE", b"TWO")]
    return [base64.b32encode(secret).decode() for secret in (*variables, *contents)]
import json
print(json.dumps(sc.parallelize([sys.argv[1:]], 1).map(read).first()))
pause()
"""


@pytest.fixture(scope="module")
def agents() -> tuple[AgentSpec, ...]:
    return (AgentSpec(cpus=1, mem=2048),)


@pytest.fixture(scope="module")
def properties_file(module_commands: Commands) -> Path:
    """Where secrets belong, if anywhere: a file that nobody else can read."""
    path = module_commands.folder / "secret.properties"
    path.touch(mode=0o600)
    path.write_text(f"spark.mesos.executor.secret.values {','.join(SECRETS)}\n", encoding="utf-8")
    return path


@pytest.fixture(scope="module")
def running(applications: Applications, properties_file: Path) -> Iterator[Running]:
    conf = {
        "spark.mesos.executor.secret.envkeys": "ONE,TWO",
        "spark.mesos.executor.secret.filenames": ",".join(FILES),
    }
    options = ("-v", "--properties-file", str(properties_file))
    # Spark writes secrets in the character set of the driver's locale, which has to become another one for these.
    with applications.running(READ, conf, *FILES, options=options, LC_ALL="C") as started:
        yield started


@pytest.fixture(scope="module")
def seen(running: Running) -> Seen:
    """What Mesos sees while the executor lives."""
    return running.wait_until_paused()


@pytest.fixture(scope="module")
def sandbox(seen: Seen, applications: Applications) -> Path:
    """That of the executor."""
    (agent,) = applications.cluster.agent_urls
    (framework,) = requests.get(f"{agent}/state", timeout=10).json()["frameworks"]
    (executor,) = framework["executors"]
    return Path(executor["directory"])


@pytest.fixture(scope="module")
def ended(running: Running, seen: Seen) -> Ended:
    running.go()
    return running.end()


def tells(text: str) -> list[str]:
    """The secrets that a text holds, as they are or in what JSON makes of them."""
    forms = [
        form
        for secret in SECRETS
        for form in (secret, json.dumps(secret)[1:-1], base64.b64encode(secret.encode()).decode())
    ]
    return [form for form in forms if form in text]


class TestWhileItRuns:
    @pytest.mark.proves(
        "spark.mesos.executor.secret.values",
        "spark.mesos.executor.secret.envkeys",
        "spark.mesos.executor.secret.filenames",
    )
    def test_they_arrive(self, running: Running, seen: Seen) -> None:
        """Byte for byte, without a line feed."""
        (line,) = running.out
        got = [base64.b32decode(text).decode() for text in json.loads(line)]
        assert got == [*SECRETS, *SECRETS]

    def test_the_task_holds_them_and_nothing_else_does(self, seen: Seen) -> None:
        (info,) = copy.deepcopy(seen.task_infos)
        values = [
            {"type": "VALUE", "value": {"data": base64.b64encode(one.encode()).decode()}} for one in SECRETS
        ]
        variables = [
            one for one in info["command"]["environment"]["variables"] if one.get("type") == "SECRET"
        ]
        assert variables == [
            {"name": name, "type": "SECRET", "secret": secret}
            for name, secret in zip(("ONE", "TWO"), values, strict=True)
        ]
        assert info["container"]["volumes"] == [
            {"container_path": path, "mode": "RO", "source": {"type": "SECRET", "secret": secret}}
            for path, secret in zip(FILES, values, strict=True)
        ]
        del info["container"]["volumes"]
        info["command"]["environment"]["variables"] = []
        assert tells(json.dumps(info)) == []

    def test_no_command_line_has_them(self, seen: Seen, applications: Applications) -> None:
        lines = set()
        for process in applications.commands.processes():
            with contextlib.suppress(psutil.Error):  # it has ended
                lines.add(" ".join(process.cmdline()))
        for word in ("SparkSubmit", "CoarseGrainedExecutorBackend", "pyspark.daemon"):
            assert any(word in line for line in lines)
        assert tells("\n".join(lines)) == []

    def test_no_endpoint_of_mesos_tells_them(self, seen: Seen, applications: Applications) -> None:
        master, (agent,) = applications.cluster.http_url, applications.cluster.agent_urls
        asked = [f"{master}/{name}" for name in ("state", "tasks", "frameworks", "slaves", "state-summary")]
        asked += [f"{agent}/{name}" for name in ("state", "containers", "monitor/statistics", "flags")]
        for url in asked:
            answer = requests.get(url, timeout=10)
            answer.raise_for_status()
            assert tells(answer.text) == [], url

    def test_the_agent_does_not_serve_the_files(self, sandbox: Path, applications: Applications) -> None:
        """It serves the sandbox, where they are links to files that only their owner can read."""
        (agent,) = applications.cluster.agent_urls
        browsed = requests.get(f"{agent}/files/browse", params={"path": str(sandbox)}, timeout=10).json()
        assert str(sandbox / FILES[0]) in [entry["path"] for entry in browsed]
        for name in FILES:
            for action in ("read", "download"):
                answer = requests.get(
                    f"{agent}/files/{action}", params={"path": f"{sandbox}/{name}", "offset": "0"}, timeout=10
                )
                assert answer.status_code == 404
            file = (sandbox / name).resolve()
            assert stat.S_IMODE(file.stat().st_mode) == 0o400
            assert stat.S_IMODE(file.parent.stat().st_mode) == 0o700


class TestAfterwards:
    def test_the_application_has_succeeded(self, ended: Ended) -> None:
        assert [task["state"] for task in ended.mesos.tasks] == ["TASK_FINISHED"]

    def test_no_log_has_them(self, ended: Ended, sandbox: Path) -> None:
        """Nor the report of `--verbose`."""
        assert "spark.mesos.executor.secret.values=" in ended.err
        assert tells(ended.err) == []
        for name in ("stdout", "stderr"):
            assert tells((sandbox / name).read_text()) == []

    def test_the_files_are_gone(self, ended: Ended, sandbox: Path, applications: Applications) -> None:
        assert [(sandbox / name).exists() for name in FILES] == [False, False]
        assert list((applications.commands.folder / "cluster").glob("*/secrets/*")) == []


@pytest.fixture(scope="module")
def refused(applications: Applications) -> Ended:
    conf = {
        "spark.mesos.executor.secret.names": "/a/one,/a/two",
        "spark.mesos.executor.secret.envkeys": "ONE,TWO",
        "spark.scheduler.minRegisteredResourcesRatio": "0",
    }
    options = ("--start-timeout", "8")  # which is long: the task fails at once
    return applications.run("sc.parallelize([1], 1).count()", conf, options=options, expect=6)


class TestByReference:
    """Mesos resolves them by a module of its agents, which the embedded ones do not have."""

    @pytest.mark.proves("spark.mesos.executor.secret.names", "spark.mesos.executor.secret.envkeys")
    def test_what_mesos_is_asked_for(self, refused: Ended, spark_under_test: SparkUnderTest) -> None:
        recorded = recorded_tasks("executor-secrets-references", is_4=spark_under_test.is_4)
        assert essence(refused.mesos.task_infos[0]) == recorded[0]
        assert [task["state"] for task in refused.mesos.tasks] == ["TASK_FAILED", "TASK_FAILED"]

    def test_the_operator_is_told_why_there_are_no_executors(self, refused: Ended) -> None:
        assert "Default secret resolver cannot resolve references" in refused.err
