"""Client mode on a cluster that wants to know who its frameworks are: credentials, roles and what is reserved for them."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from sparkmesos_core.localcluster.cluster import AgentSpec
from sparkmesos_core.localcluster.credentials import Authentication
from tests.integration.run_modes.applications import SMALL_MEMORY, Applications, Ended
from tests.integration.run_modes.recorded_tasks import RECORDINGS, essence, recorded_tasks

if TYPE_CHECKING:
    from tests.integration.commands import Commands
    from tests.integration.spark_under_test import SparkUnderTest

pytestmark = pytest.mark.slow

PRINCIPAL, SECRET = "spark-team", "open-sesame-1"
FRAMEWORK_ID = "5e0a-0001-driver-20261122072800-0001"
WEB_UI = "http://ui.mesos.example/"
AGENTS = (
    'print(sorted(set(sc.parallelize(range(8), 4).map(lambda _: os.environ["MESOS_SLAVE_ID"]).collect())))'
)


@pytest.fixture(scope="module")
def agents() -> tuple[AgentSpec, ...]:
    """One core for all on each; the first has another one, and most of its memory, for the role `spark`."""
    return (
        AgentSpec(resources="cpus:1;mem:1000;ports:[31000-31099];cpus(spark):1;mem(spark):2000"),
        AgentSpec(resources="cpus:1;mem:1000;ports:[31100-31199]"),
    )


@pytest.fixture(scope="module")
def cluster_options() -> dict[str, Any]:
    """Frameworks have to authenticate, and may have these roles only."""
    return {
        "authentication": Authentication({PRINCIPAL: SECRET}, frameworks=True),
        "roles": ("spark", "analysts"),
    }


def taken(ended: Ended, number: int = 0) -> dict[tuple[str, str], float]:
    """What a task takes: amounts by the resource's name and the role that it is reserved for."""
    resources = ended.mesos.task_infos[number]["resources"]
    return {(one["name"], one.get("role", "*")): one["scalar"]["value"] for one in resources}


def offered(ended: Ended) -> set[str]:
    """The roles whose resources the application was offered."""
    ours = ended.mesos.framework["id"]
    offers = [offer for offer in ended.mesos.offers.values() if offer["framework_id"]["value"] == ours]
    return {resource.get("role", "*") for offer in offers for resource in offer["resources"]}


class TestARole:
    """An application of the role `spark`, whose executor of two cores fits nowhere else."""

    @pytest.fixture(scope="class")
    @classmethod
    def ended(cls, applications: Applications) -> Ended:
        return applications.run(
            AGENTS,
            {
                "spark.mesos.role": "spark",
                "spark.mesos.principal": PRINCIPAL,
                "spark.mesos.secret": SECRET,
                "spark.cores.max": "2",
                "spark.executor.cores": "2",
                "spark.mesos.driver.webui.url": WEB_UI,
                "spark.mesos.driver.failoverTimeout": "60",
                "spark.mesos.driver.frameworkId": FRAMEWORK_ID,
            },
        )

    @pytest.mark.proves("spark.mesos.role")
    def test_reserved_resources_are_used(self, ended: Ended, applications: Applications) -> None:
        (task,) = ended.mesos.tasks
        first, _ = applications.agents()
        assert first["reserved_resources"]["spark"]["cpus"] == 1
        assert (task["role"], task["slave_id"]) == ("spark", first["id"])
        assert (task["resources"]["cpus"], task["resources"]["mem"]) == (2, SMALL_MEMORY)
        assert taken(ended) == {("cpus", "spark"): 1, ("cpus", "*"): 1, ("mem", "spark"): SMALL_MEMORY}
        assert ended.mesos.framework["role"] == "spark"
        assert ended.out == f"{[first['id']]}\n"

    @pytest.mark.proves("spark.mesos.principal", "spark.mesos.secret")
    def test_the_master_knows_who_it_is(self, ended: Ended) -> None:
        assert ended.mesos.framework["principal"] == PRINCIPAL
        assert SECRET not in json.dumps(ended.mesos.calls)
        assert SECRET not in ended.err

    @pytest.mark.proves("spark.mesos.driver.webui.url")
    def test_the_web_ui(self, ended: Ended) -> None:
        """Where the link to the framework in Mesos' pages leads to."""
        assert ended.mesos.framework["webui_url"] == WEB_UI

    @pytest.mark.proves("spark.mesos.driver.failoverTimeout", "spark.mesos.driver.frameworkId")
    def test_the_registration(self, ended: Ended) -> None:
        """Under the id that a dispatcher chooses; executors are told the same."""
        framework = ended.mesos.framework
        assert (framework["id"], framework["failover_timeout"]) == (FRAMEWORK_ID, 60.0)
        assert f"--app-id {FRAMEWORK_ID} " in ended.mesos.commands[0]

    def test_as_recorded(self, ended: Ended, spark_under_test: SparkUnderTest) -> None:
        recorded = json.loads((RECORDINGS / "executor-role-principal.json").read_text())["framework_info"]
        framework = ended.mesos.framework
        ours = {
            "name": ended.name,
            "principal": PRINCIPAL,
            **{key: framework[key] for key in ("user", "hostname")},
        }
        assert ended.mesos.info == {**recorded, **ours}
        (launched,) = (essence(info) for info in ended.mesos.task_infos)
        (expected,) = recorded_tasks("executor-role-principal", is_4=spark_under_test.is_4)
        # That offer was made by hand: in those of Mesos what is reserved comes first.
        assert set(launched.pop("resources")) < set(expected.pop("resources"))
        assert launched == expected


class TestNoRole:
    """An application whose credentials are in files, and that shares what is nobody's."""

    @pytest.fixture(scope="class")
    @classmethod
    def files(cls, module_commands: Commands) -> tuple[Path, Path]:
        principal, secret = module_commands.folder / "principal", module_commands.folder / "secret"
        principal.write_text(PRINCIPAL)
        secret.write_text(SECRET)
        secret.chmod(0o600)
        return principal, secret

    @pytest.fixture(scope="class")
    @classmethod
    def ended(cls, applications: Applications, files: tuple[Path, Path]) -> Ended:
        principal, secret = files
        return applications.run(
            AGENTS,
            {
                "spark.mesos.principal.file": str(principal),
                "spark.mesos.secret.file": str(secret),
                "spark.cores.max": "2",
            },
        )

    @pytest.mark.proves("spark.mesos.principal.file", "spark.mesos.secret.file")
    def test_the_master_knows_who_it_is(self, ended: Ended) -> None:
        assert ended.mesos.framework["principal"] == PRINCIPAL
        assert SECRET not in ended.err

    @pytest.mark.proves("spark.mesos.role")
    def test_reserved_resources_are_not_used(self, ended: Ended, applications: Applications) -> None:
        """Not even offered: there is room for one executor on each agent."""
        ids = applications.agent_ids()
        assert sorted(task["slave_id"] for task in ended.mesos.tasks) == ids
        assert {task["role"] for task in ended.mesos.tasks} == {"*"}
        expected = {("cpus", "*"): 1, ("mem", "*"): SMALL_MEMORY}
        assert [taken(ended, number) for number in (0, 1)] == [expected, expected]
        assert offered(ended) == {"*"}
        assert ended.out == f"{ids}\n"


REFUSED: list[tuple[str, tuple[str, ...], dict[str, str], str]] = [
    (
        "wrong secret",
        ("spark.mesos.secret",),
        {"spark.mesos.principal": PRINCIPAL, "spark.mesos.secret": "another-1"},
        f"refuses the credentials of principal '{PRINCIPAL}' (401)",
    ),
    ("no credentials", ("spark.mesos.principal",), {}, "demands authentication (401)"),
    (
        "unknown role",
        ("spark.mesos.role",),
        {"spark.mesos.principal": PRINCIPAL, "spark.mesos.secret": SECRET, "spark.mesos.role": "nobody"},
        "Roles { nobody } are not present in the master's --roles",
    ),
]


@pytest.mark.proves("spark.mesos.principal", "spark.mesos.secret", "spark.mesos.role")
@pytest.mark.parametrize(("conf", "said"), [pytest.param(*case[2:], id=case[0]) for case in REFUSED])
def test_who_is_refused_reads_why(applications: Applications, conf: dict[str, str], said: str) -> None:
    """Mesos refuses the framework, and the application fails at once."""
    ended = applications.run(AGENTS, conf, options=["--no-preflight"], expect=1)
    assert ended.seen is None
    told = [line for line in ended.err.splitlines() if line.startswith("sparkmesos: ")]
    assert any(said in line for line in told), ended.err
    assert not any(secret in ended.err for key, secret in conf.items() if key == "spark.mesos.secret")
