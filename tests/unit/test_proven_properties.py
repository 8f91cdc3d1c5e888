"""The table of proven properties: it is made of the marks that there are, and nothing is missing in it."""

from __future__ import annotations

from pathlib import Path

import pytest

from sparkmesos_core.conf.properties.registry import PROPERTIES
from tests import proven_properties
from tests.proven_properties import BadMark, Proof, page, problems, proofs, proofs_in

PAGE = Path(__file__).parents[2] / "docs" / "reference" / "proven-properties.md"

SOURCE = """
import pytest

pytestmark = [pytest.mark.slow, pytest.mark.proves("spark.mesos.coarse")]

@pytest.mark.proves("spark.mesos.role", "spark.mesos.driverEnv.LANG", mode="cluster")
def test_a():
    pass

class TestB:
    @pytest.mark.parametrize("n", [pytest.param(1, marks=pytest.mark.proves("spark.cores.max", mode="both"))])
    def test_c(self, n):
        pass
"""


@pytest.fixture(scope="module")
def found() -> list[Proof]:
    return proofs()


def test_the_page_is_made_of_the_marks(found: list[Proof]) -> None:
    made = page(found)
    assert PAGE.read_text(encoding="utf-8") == made, "run python -m tests.proven_properties > " + str(PAGE)


def test_nothing_is_missing_and_nothing_is_out_of_date(found: list[Proof]) -> None:
    assert problems(found) == []


def test_every_property_of_mesos_is_on_the_page(found: list[Proof]) -> None:
    made = page(found)
    assert [entry.name for entry in PROPERTIES if entry.is_mesos and f"| `{entry.name}` |" not in made] == []


def test_marks_of_functions_classes_and_files() -> None:
    assert proofs_in(SOURCE, "unit/test_x.py") == [
        Proof("unit/test_x.py", ("spark.mesos.coarse",), ("client",)),
        Proof("unit/test_x.py::test_a", ("spark.mesos.role", "spark.mesos.driverEnv.NAME"), ("cluster",)),
        Proof("unit/test_x.py::TestB::test_c", ("spark.cores.max",), ("client", "cluster")),
    ]


@pytest.mark.parametrize(
    ("name", "mode"),
    [
        ("integration/test_coarse.py", "client"),
        ("integration/run_modes/test_cluster_mode.py", "cluster"),
        ("unit/dispatcher/test_settings.py", "cluster"),
    ],
)
def test_the_mode_of_a_mark_without_one(name: str, mode: str) -> None:
    source = '@pytest.mark.proves("spark.mesos.uris")\ndef test_a(): pass'
    assert [proof.modes for proof in proofs_in(source, name)] == [(mode,)]


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        ('"spark.mesos.rolle"', "no property spark.mesos.rolle"),
        ("NAME", "NAME is not a text that is written out"),
        ("*NAMES", "is not a text"),
        ('f"spark.mesos.{x}"', "is not a text"),
        ('"spark.mesos.role", mode="cient"', "'cient' is not one of client, cluster, both"),
        ('"spark.mesos.role", kind="client"', "nothing else"),
        ("", "has properties"),
    ],
)
def test_marks_that_cannot_be_read(arguments: str, said: str) -> None:
    with pytest.raises(BadMark, match=r"^test_x\.py:1: ") as caught:
        proofs_in(f"@pytest.mark.proves({arguments})\ndef test_a(): pass", "test_x.py")
    assert said in str(caught.value)


class TestProblems:
    """What is told of marks that are not enough, with and without words."""

    def test_a_property_that_nothing_proves(self) -> None:
        told = problems([])
        assert "spark.mesos.coarse has no test in client mode" in told
        assert "spark.mesos.driver.labels has no test in cluster mode" in told
        assert "spark.mesos.driver.labels has no test in client mode" not in told  # where it means nothing

    def test_a_test_in_client_mode_is_enough_for_what_only_drivers_read(self) -> None:
        told = problems([Proof("test_a.py::test_b", ("spark.mesos.coarse", "spark.mesos.uris"), ("client",))])
        assert not any("spark.mesos.coarse " in one for one in told)
        assert "spark.mesos.uris has no test in cluster mode" in told

    def test_words_that_are_out_of_date(self, monkeypatch: pytest.MonkeyPatch) -> None:
        words = {**proven_properties.WORDS, "spark.mesos.coarse": "No", "spark.mesos.gone": "No"}
        monkeypatch.setattr(proven_properties, "WORDS", words)
        told = problems([Proof("test_a.py::test_b", ("spark.mesos.coarse",), ("client", "cluster"))])
        assert "spark.mesos.coarse has words why it has no test, and tests" in told
        assert "spark.mesos.gone has words and is not on the page" in told
        assert "spark.mesos.coarse has no test in client mode" not in problems([])

    def test_a_property_that_the_page_does_not_have(self) -> None:
        told = problems([Proof("test_a.py::test_b", ("spark.locality.wait",), ("client",))])
        assert "spark.locality.wait is proven, and not on the page: add it to OF_EVERY_SPARK" in told
