from __future__ import annotations

from importlib.util import find_spec
from pathlib import Path

from sparkmesos_core.spark.submit_options import OPTIONS, OptionGroup, find_option, similar_options
from tests.option_names import known_to, option_names


def test_names_are_unique_and_groups_stand_together_in_their_order() -> None:
    names = [name for option in OPTIONS for name in option.names]
    assert len(names) == len(set(names))
    groups = [option.group for option in OPTIONS]
    order = list(OptionGroup)
    assert [order.index(group) for group in groups] == sorted(order.index(group) for group in groups)
    assert set(groups) == set(order)


def test_they_are_those_of_the_real_spark() -> None:
    spec = find_spec("pyspark")
    assert spec is not None
    assert spec.origin is not None
    (jar,) = (Path(spec.origin).parent / "jars").glob("spark-launcher_*.jar")
    assert known_to((3, 5)) == option_names(jar)


def test_a_release_knows_those_that_it_came_with() -> None:
    assert known_to((3, 3)) < known_to((3, 5)) < known_to((4, 1)) < known_to((4, 3))
    assert known_to((3, 5)) - known_to((3, 3)) == {"--remote"}
    assert known_to((4, 1)) - known_to((3, 5)) == {"--load-spark-defaults", "--driver-default-class-path"}
    assert known_to((4, 3)) - known_to((4, 1)) == {"--extra-properties-file"}


def test_finding() -> None:
    conf = find_option("-c")
    assert conf is not None
    assert (conf.name, conf.metavar, conf.is_switch, conf.hidden) == ("--conf", "KEY=VALUE", False, False)
    assert find_option("--Conf") is None
    usage_error = find_option("--usage-error")
    assert usage_error is not None
    assert usage_error.hidden


def test_similar_names() -> None:
    assert similar_options("--driver-mem")[0] == "--driver-memory"
    assert similar_options("--dry-rum", more=("--dry-run",))[0] == "--dry-run"
    assert similar_options("--cnf") == ["--conf"]
    for unlike in ("--zzz", "--zk", "--ca-file", "--start-timeout", "--kil", "--statuss"):
        assert similar_options(unlike) == [], unlike
    assert "--usage-error" not in similar_options("--usage-error")


def test_help_is_made_of_sentences() -> None:
    for option in OPTIONS:
        assert option.help.endswith("."), option
        assert "  " not in option.help, option
