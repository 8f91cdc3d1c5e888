from __future__ import annotations

import pytest

from sparkmesos_core.spark.arguments import SparkSubmitArguments


def parse(*arguments: str) -> SparkSubmitArguments:
    return SparkSubmitArguments.parse(arguments)


@pytest.mark.parametrize(
    ("options", "application"),
    [
        (["--class", "org.App"], ["app.jar", "--class", "not mine"]),
        (["--conf", "a=b", "--verbose", "--name=x y"], ["app.py"]),
        (["-c", "spark.a=-1", "-v"], ["app.py", "-v"]),
        ([], ["app.py", "--conf", "x=y"]),
        (["--supervise"], []),
        (["--conf"], []),
        ([], ["--unknown", "value", "app.py"]),
        ([], ["--supervise=yes", "app.py"]),
    ],
)
def test_cuts_where_the_application_begins(options: list[str], application: list[str]) -> None:
    parsed = parse(*options, *application)
    assert (list(parsed.options), list(parsed.application)) == (options, application)
    assert parsed.with_options() == [*options, *application]


def test_more_options_go_behind_the_users_own() -> None:
    assert parse("--name", "x", "app.py", "1").with_options("--master", "m") == [
        "--name", "x", "--master", "m", "app.py", "1",
    ]  # fmt: skip


def test_an_option_wins_over_the_property_as_in_spark() -> None:
    arguments = (
        "--conf",
        "spark.master=a",
        "--master",
        "x",
        "--master",
        "b",
        "--conf=spark.master=c=d",
        "app.py",
    )
    assert parse(*arguments).property("spark.master") == "b"
    assert (
        parse("--conf", "spark.master=a", "-c", "spark.master=c=d", "app.py").property("spark.master")
        == "c=d"
    )
    assert parse("app.py", "--master", "b").property("spark.master") is None


def test_the_last_class_path_wins_whatever_its_spelling_as_in_sparks_launcher() -> None:
    arguments = ("--driver-class-path", "a", "--conf", "spark.driver.extraClassPath=b", "app.py")
    assert parse(*arguments).driver_class_path() == "b"
    assert parse(*arguments[2:4], *arguments[:2], "app.py").driver_class_path() == "a"
    assert parse("app.py").driver_class_path() is None


def test_options() -> None:
    parsed = parse("--properties-file", "a", "--properties-file=b", "app.py")
    assert parsed.option("--properties-file") == "b"
    assert parsed.option("--name") is None


def test_a_value_that_looks_like_an_option_is_a_value() -> None:
    assert parse("--driver-java-options", "--master", "app.py").property("spark.master") is None
