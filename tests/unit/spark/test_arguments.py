from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sparkmesos_core.conf.configuration import Configuration
from sparkmesos_core.conf.setting import Source
from sparkmesos_core.errors import UsageError
from sparkmesos_core.spark.arguments import NO_RESOURCE, RUN_EXAMPLE, Action, GivenOption, SubmitArguments
from sparkmesos_core.spark.submit_options import OPTIONS

APP = "app.jar"


def parse(*arguments: str) -> SubmitArguments:
    return SubmitArguments.parse(arguments)


def error(*arguments: str) -> UsageError:
    with pytest.raises(UsageError) as caught:
        parse(*arguments)
    assert caught.value.hint
    return caught.value


@pytest.mark.parametrize(
    ("options", "application"),
    [
        (["--class", "org.App"], [APP, "--class", "not mine"]),
        (["--conf", "a=b", "--verbose", "--name=x y"], ["app.py"]),
        (["-c", "spark.a=-1", "-v"], ["app.py", "-v"]),
        ([], ["app.py", "--conf", "x=y", "", "--help"]),
        (["--supervise"], []),
        (["--name", "--master"], [""]),
        ([], []),
    ],
)
def test_cuts_where_the_application_begins(options: list[str], application: list[str]) -> None:
    parsed = parse(*options, *application)
    assert (list(parsed.options), list(parsed.application)) == (options, application)
    assert parsed.with_options() == [*options, *application]
    assert parsed.with_options("--name", "z") == [*options, "--name", "z", *application]
    assert parsed.resource == (application[0] if application else None)
    assert parsed.application_arguments == tuple(application[1:])


def test_every_option_is_read_in_both_forms() -> None:
    for option in OPTIONS:
        if option.group.name == "INTERNAL" or option.name in ("--conf", "--deploy-mode", "--class"):
            continue
        for name in option.names:
            if option.is_switch:
                assert parse(name, APP).values == {option.name: ""}
            else:
                assert (
                    parse(name, "a b", APP).values == parse(f"{name}=a b", APP).values == {option.name: "a b"}
                )


def test_the_last_value_of_an_option_counts() -> None:
    parsed = parse("--name", "a", "--name=b=c", APP)
    assert parsed.values == {"--name": "b=c"}
    assert (parsed.value("--name"), parsed.value("--master")) == ("b=c", None)
    assert parsed.given == (GivenOption("--name", "a"), GivenOption("--name", "b=c"))


def test_conf() -> None:
    parsed = parse("--conf", "a=b=c", "-c", " spark.x = y ", "--conf=spark.e=", "--conf", "=v", APP)
    assert parsed.conf == {"a": "b=c", " spark.x ": " y ", "spark.e": "", "": "v"}
    assert parsed.values == {}


@pytest.mark.parametrize("text", ["", "spark.x", "spark.mesos.secret:s3cr3t", "spark.mesos.secret s3cr3t"])
def test_a_conf_without_an_equals_sign_is_refused_without_showing_a_secret(text: str) -> None:
    refused = error("--conf", text, APP)
    assert "has no '='" in refused.message
    assert "s3cr3t" not in refused.message + refused.hint


def test_driver_options_and_conf_are_one_and_the_last_one_wins() -> None:
    option, conf = ("--driver-memory", "1g"), ("--conf", "spark.driver.memory=2g")
    assert parse(*option, *conf, APP).conf == {"spark.driver.memory": "2g"}
    assert parse(*conf, *option, APP).conf == {"spark.driver.memory": "1g"}
    configuration = Configuration(parse(*conf, *option, APP).settings())
    setting = configuration.setting("spark.driver.memory")
    assert setting is not None
    assert (setting.value, setting.origin.source, str(setting.origin)) == (
        "1g",
        Source.OPTION,
        "--driver-memory",
    )
    assert [each.value for each in configuration.overridden("spark.driver.memory")] == ["2g"]


def test_other_options_win_over_conf_wherever_they_stand() -> None:
    arguments = (
        "--driver-cores",
        "1",
        "--conf",
        "spark.driver.cores=2",
        "--supervise",
        "--conf",
        "spark.a=b",
        APP,
    )
    options, conf = parse(*arguments).settings()
    assert [(each.key, each.value) for each in options] == [
        ("spark.driver.cores", "1"),
        ("spark.driver.supervise", "true"),
    ]
    assert [(each.key, str(each.origin)) for each in conf] == [
        ("spark.driver.cores", "--conf"),
        ("spark.a", "--conf"),
    ]
    assert dict(Configuration((options, conf))) == {
        "spark.driver.cores": "1",
        "spark.driver.supervise": "true",
        "spark.a": "b",
    }


def test_options_that_mean_nothing_on_mesos_set_nothing() -> None:
    parsed = parse("--num-executors", "3", "--executor-cores", "2", "--queue", "q", "--proxy-user", "u", APP)
    assert parsed.settings() == ([], [])
    assert parsed.values["--num-executors"] == "3"


@pytest.mark.parametrize("separator", ["\n", "\r", "\u0085", "\u2028", "\u2029"])
def test_a_value_with_a_line_end_is_no_value_of_the_short_form_as_in_java(separator: str) -> None:
    assert "is not read as an option" in error(f"--name=a{separator}b", APP).message
    assert parse("--name", f"a{separator}b", APP).values == {"--name": f"a{separator}b"}
    assert parse("--name=a\x0bb", APP).values == {"--name": "a\x0bb"}


def test_an_empty_value_needs_an_argument_of_its_own() -> None:
    refused = error("--name=", APP)
    assert "--name= is not read as an option" in refused.message
    assert "--name NAME" in refused.hint
    assert parse("--name", "", APP).values == {"--name": ""}


def test_spark_does_not_look_at_what_is_given_to_a_switch() -> None:
    parsed = parse("--supervise=false", APP)
    assert "--supervise" in parsed.values
    assert parsed.given == (GivenOption("--supervise", None, dropped_value="false"),)


@pytest.mark.parametrize(
    ("arguments", "message", "hint"),
    [
        (["--mastr", "x", APP], "no option --mastr", "Did you mean --master?"),
        (["--num-executor=3", APP], "no option --num-executor", "Did you mean --num-executors?"),
        (["-x", APP], "no option -x", "--help"),
        (
            ["-cspark.mesos.secret=hush", APP],
            "no option -cspark.mesos.secret",
            "--conf spark.mesos.secret=VALUE",
        ),
        (["-Dspark.mesos.secret=hush\n", APP], "no option -Dspark", "--conf spark.mesos.secret=VALUE"),
        (["--confspark.mesos.secret=hush\n", APP], "no option --confspark.mesos.secret", "--help"),
        (["--password hush", APP], "no option --password", "--help"),
        (["-c=a=b", APP], "-c= is not read as an option by Spark", "-c KEY=VALUE"),
        (["--" + "x" * 1_000_000, APP], "no option --xxx", "--help"),
        (["--conf"], "--conf needs a value", "--conf KEY=VALUE"),
        (["-c"], "-c needs a value", ""),
        (["--deploy-mode", "clutser", APP], "'clutser' is not a deploy mode", "cluster"),
        (["--deploy-mode", "Cluster", "--help"], "'Cluster' is not a deploy mode", ""),
        (["--kill", "a", "--status", "b"], "once only", ""),
        (["--kill", "a", "--kill", "b"], "once only", ""),
        (["--usage-error"], "Spark's own use", ""),
    ],
)
def test_what_spark_refuses(arguments: list[str], message: str, hint: str) -> None:
    refused = error(*arguments)
    assert message in refused.message
    assert hint in refused.hint
    assert len(refused.message) < 200
    assert "hush" not in refused.message + refused.hint


@pytest.mark.parametrize(
    ("arguments", "action"),
    [
        ([APP], Action.SUBMIT),
        ([], Action.SUBMIT),
        (["--kill", "driver-1"], Action.KILL),
        (["--status=driver-1", "--master", "m"], Action.STATUS),
        (["--version"], Action.VERSION),
        (["-h"], Action.HELP),
        (["--help", "--version"], Action.HELP),
        (["--version", "--help", "--usage-error"], Action.VERSION),
        (["--kill", "a", "--version"], Action.VERSION),
        (["--version", "--kill", "a", "--kill", "b"], Action.VERSION),
        ([APP, "--help"], Action.SUBMIT),
    ],
)
def test_actions(arguments: list[str], action: Action) -> None:
    assert parse(*arguments).action is action


@pytest.mark.parametrize(
    ("resource", "python", "r"),
    [
        ("a.py", True, False),
        ("http://h/a.py?x=1", False, False),
        ("a.R", False, True),
        ("a.r", False, True),
        ("a.PY", False, False),
        ("pyspark-shell", True, False),
        ("sparkr-shell", False, True),
        ("app.jar", False, False),
    ],
)
def test_kinds_of_applications(resource: str, python: bool, r: bool) -> None:
    assert (parse(resource).is_python, parse(resource).is_r) == (python, r)
    assert not parse().is_python


def test_arguments_of_shells_stand_among_the_options() -> None:
    shell = "org.apache.spark.repl.Main"
    parsed = parse("--class", shell, "-i", "x.scala", "--name", "n", "--odd=value", "--verbose")
    assert (parsed.resource, parsed.main_class) == ("spark-shell", shell)
    assert parsed.application_arguments == ("-i", "x.scala", "--odd")  # Spark loses what follows the '='
    assert parsed.values["--name"] == "n"
    assert parsed.verbose
    assert parsed.application == ()
    again = parse(*parsed.with_options("--name", "m"))
    assert (again.values["--name"], again.application_arguments) == ("m", parsed.application_arguments)


@pytest.mark.parametrize(
    ("arguments", "rest"),
    [
        (["--verbose", "a.py", "--verbose"], ["a.py", "--verbose"]),
        (["--name", "-v", "-v", "--conf=a=-v", "a.py"], ["--name", "-v", "--conf=a=-v", "a.py"]),
        (["--verbose=no", "--name=--verbose", "a.py"], ["--name=--verbose", "a.py"]),
        (["run-example", "-v", "SparkPi", "-v"], ["run-example", "SparkPi", "-v"]),
        (
            ["--class", "org.apache.spark.repl.Main", "-i", "-v", "x"],
            ["--class", "org.apache.spark.repl.Main", "-i", "x"],
        ),
    ],
)
def test_a_switch_can_be_left_out(arguments: list[str], rest: list[str]) -> None:
    parsed = parse(*arguments)
    assert parsed.verbose
    left = parsed.without_switch("--verbose")
    assert left.with_options() == rest
    assert left == parse(*rest)


@pytest.mark.parametrize(
    ("arguments", "resource", "rest"),
    [
        (["pyspark-shell-main", "--name", "x"], "pyspark-shell", ()),
        (["sparkr-shell-main"], "sparkr-shell", ()),
        (
            ["--class", "org.apache.spark.sql.hive.thriftserver.HiveThriftServer2", "--x"],
            NO_RESOURCE,
            ("--x",),
        ),
        (["--class", "org.apache.spark.sql.connect.service.SparkConnectServer"], NO_RESOURCE, ()),
        (["--name", "x", "pyspark-shell-main", "y"], "pyspark-shell", ("y",)),
    ],
)
def test_special_applications(arguments: list[str], resource: str, rest: tuple[str, ...]) -> None:
    parsed = parse(*arguments)
    assert (parsed.resource, parsed.application_arguments) == (resource, rest)


def test_examples() -> None:
    parsed = parse("run-example", "--master", "m", "SparkPi", "10", "--name")
    assert parsed.resource == RUN_EXAMPLE
    assert parsed.main_class == "org.apache.spark.examples.SparkPi"
    assert parsed.application_arguments == ("10", "--name")
    assert parsed.with_options("-v") == ["run-example", "--master", "m", "-v", "SparkPi", "10", "--name"]
    assert (
        parse("run-example", "org.apache.spark.examples.ml.X").main_class == "org.apache.spark.examples.ml.X"
    )


@given(
    st.lists(
        st.one_of(st.text(), st.sampled_from([n for o in OPTIONS for n in o.names] + ["a=b", "--name=x"]))
    )
)
def test_any_list_is_read_or_refused_and_nothing_is_lost(arguments: list[str]) -> None:
    try:
        parsed = parse(*arguments)
    except UsageError:
        return
    assert parsed.with_options() == arguments
    parsed.settings()
