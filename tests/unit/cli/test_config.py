from __future__ import annotations

import importlib
import json
import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

from sparkmesos_cli import config
from sparkmesos_cli.main import run
from sparkmesos_core.conf.properties.registry import PROPERTIES
from sparkmesos_core.errors import ExitCode


@pytest.fixture(autouse=True)
def here(monkeypatch: pytest.MonkeyPatch, tmp_path: Path, make_spark) -> Path:
    """A Spark 3.5.9 without any configuration."""
    for name in ("SPARK_CONF_DIR", "MASTER", "SPARKMESOS_MASTER", "SPARK_EXECUTOR_URI", "SPARK_ENV_LOADED"):
        monkeypatch.delenv(name, raising=False)
    home: Path = make_spark()
    monkeypatch.setenv("SPARK_HOME", str(home))
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path / "xdg"))
    (home / "conf").mkdir()
    return home / "conf"


def rows(text: str) -> dict[str, list[str]]:
    return {line.split("\t")[0]: line.split("\t")[1:] for line in text.splitlines()}


@pytest.mark.parametrize("name", config.COMMANDS)
def test_every_command_is_there_with_the_summary_of_the_table(name: str) -> None:
    module, summary = config.COMMANDS[name]
    command = importlib.import_module(f"sparkmesos_cli.{module}").command
    assert command.name == name
    assert command.get_short_help_str(limit=200) == summary


class TestList:
    def test_everything_for_programs(self, capsys) -> None:
        assert run(["config", "list", "--output", "json"]) == 0
        report = json.loads(capsys.readouterr().out)
        assert [one["name"] for one in report["properties"]] == [one.name for one in PROPERTIES]
        one = next(one for one in report["properties"] if one["name"] == "spark.mesos.coarse")
        assert (one["type"], one["default"], one["secret"]) == ("boolean", "true", False)

    def test_a_line_each_in_a_pipe(self, capsys) -> None:
        assert run(["config", "list", "--filter", "constraint offer"]) == 0
        out, err = capsys.readouterr()
        (name, (kind, default, since, meaning)) = rows(out).popitem()
        assert name == "spark.mesos.rejectOfferDurationForUnmetConstraints"
        assert (kind, default, since) == ("time", "spark.mesos.rejectOfferDuration", "1.6.0")
        assert meaning
        assert err.startswith("1 property.")

    @pytest.mark.parametrize(
        ("arguments", "has", "has_not"),
        [
            (["--mesos-only"], "spark.mesos.coarse", "spark.cores.max"),
            (["--reader", "shuffle-service"], "spark.shuffle.service.port", "spark.cores.max"),
            (["--spark-version", "2.0.2"], "spark.mesos.coarse", "spark.mesos.rejectOfferDuration"),
            (["--spark-version", "4.0.0"], "spark.mesos.coarse", "spark.mesos.mesosExecutor.cores"),
            (["--spark-version", "4.3"], "spark.mesos.checkpoint", "spark.mesos.fetchCache.enable"),
            (["--spark-version", "3.5.9"], "spark.mesos.mesosExecutor.cores", "spark.mesos.checkpoint"),
            (["--deprecated"], "spark.mesos.mesosExecutor.cores", "spark.mesos.constraints"),
            ([], "spark.mesos.fetchCache.enable", "spark.nothing"),
            (["--spark-version", "3.5"], "spark.mesos.fetcherCache.enable", "spark.mesos.fetchCache.enable"),
        ],
    )
    def test_filters(self, capsys, arguments: list[str], has: str, has_not: str) -> None:
        assert run(["config", "list", *arguments]) == 0
        names = rows(capsys.readouterr().out)
        assert has in names
        assert has_not not in names

    def test_nothing(self, capsys) -> None:
        assert run(["config", "list", "--filter", "xyzzy"]) == 0
        assert capsys.readouterr() == ("", "No property is like that.\n")

    def test_a_version_that_is_none(self, capsys) -> None:
        assert run(["config", "list", "--spark-version", "three"]) == ExitCode.USAGE
        assert "three is not a version of Spark" in capsys.readouterr().err

    def test_what_it_is_with_that_spark(self, capsys) -> None:
        meanings = {}
        for version in ("3.5", "4.3"):
            assert run(["config", "list", "--spark-version", version, "--filter", "memoryOverhead"]) == 0
            meanings[version] = rows(capsys.readouterr().out)["spark.executor.memoryOverhead"][-1]
        assert meanings["3.5"].startswith("Nothing on Mesos")
        assert meanings["4.3"].startswith("Memory of an executor's container")

    def test_how_it_fares_with_spark_4(self, capsys) -> None:
        assert run(["config", "list", "--mesos-only", "--output", "json"]) == 0
        properties = json.loads(capsys.readouterr().out)["properties"]
        told = {one["name"]: (one["since"], one["spark_4"]) for one in properties}
        assert told["spark.mesos.role"] == ("1.5.0", {"status": "works", "note": None})
        assert told["spark.mesos.checkpoint"] == ("4.0.0", {"status": "new", "note": None})
        since, coarse = told["spark.mesos.coarse"]
        assert (since, coarse["status"]) == ("0.6.0", "differs")
        assert "no fine-grained mode" in coarse["note"]


class TestExplain:
    def test_where_the_value_comes_from(self, here: Path, capsys) -> None:
        file = here / "spark-defaults.conf"
        file.write_text("# cores\nspark.cores.max 3\nspark.cores.max 4\n")
        assert run(["config", "explain", "spark.cores.max"]) == 0
        out, err = capsys.readouterr()
        fields = rows(out)
        assert fields["property"] == ["spark.cores.max"]
        assert fields["value here"] == ["4"]
        assert fields["set in"] == [f"{file}:3"]
        assert fields["overrides"] == [f"3 in {file}:2"]
        assert err == ""

    def test_arguments_of_spark_submit_count(self, here: Path, capsys) -> None:
        (here / "spark-defaults.conf").write_text("spark.cores.max 3\n")
        assert run(["config", "explain", "spark.cores.max", "--total-executor-cores", "8", "app.py"]) == 0
        fields = rows(capsys.readouterr().out)
        assert fields["value here"] == ["8"]
        assert fields["set in"] == ["--total-executor-cores"]

    def test_for_programs(self, here: Path, capsys) -> None:
        (here / "spark-defaults.conf").write_text("spark.cores.max zero\n")
        assert run(["config", "explain", "--output", "json", "spark.cores.max"]) == 0
        report = json.loads(capsys.readouterr().out)["explanation"]
        assert report["property"]["name"] == "spark.cores.max"
        assert report["setting"] == {
            "key": "spark.cores.max",
            "value": "zero",
            "place": {
                "source": "file",
                "name": str(here / "spark-defaults.conf"),
                "line": 1,
                "script": None,
            },
        }
        assert "zero" in report["problem"]
        assert report["overrides"] == []

    def test_not_set(self, capsys) -> None:
        assert run(["config", "explain", "spark.mesos.coarse"]) == 0
        fields = rows(capsys.readouterr().out)
        assert fields["value here"] == ["not set; the default holds: true"]
        assert fields["with Spark 4"] == ["`false` is refused: there is no fine-grained mode"]
        assert "until" not in fields

    def test_what_has_gone(self, capsys) -> None:
        assert run(["config", "explain", "spark.mesos.mesosExecutor.cores"]) == 0
        fields = rows(capsys.readouterr().out)
        assert fields["until"] == ["before Spark 4.0.0"]
        assert "with Spark 4" not in fields

    def test_what_our_backend_brings(self, capsys) -> None:
        assert run(["config", "explain", "spark.mesos.checkpoint"]) == 0
        fields = rows(capsys.readouterr().out)
        assert fields["since"] == ["sparkmesos, with Spark 4.0.0"]
        assert "does not read it" in fields["note"][0]  # the installed one, which is 3.5

    def test_it_is_as_the_spark_here_has_it(self, make_spark, capsys) -> None:
        spark = make_spark("4.3.0", "2.13", mesos=False, name="spark-4")
        arguments = ["config", "explain", "spark.executor.memoryOverhead", "--spark-home", str(spark)]
        assert run(arguments) == 0
        fields = rows(capsys.readouterr().out)
        assert fields["meaning"][0].startswith("Memory of an executor's container")
        assert fields["read by"] == ["executor backend"]
        assert "note" not in fields
        assert run([*arguments, "--output", "json"]) == 0
        explained = json.loads(capsys.readouterr().out)["explanation"]
        assert explained["property"]["read_by"] == ["executor backend"]
        assert explained["note"] is None
        assert "set in" not in fields

    def test_a_wrong_value(self, capsys) -> None:
        assert run(["config", "explain", "spark.executor.memory", "--executor-memory", "3x"]) == 0
        assert "3x" in rows(capsys.readouterr().out)["but"][0]

    def test_one_of_a_family(self, capsys) -> None:
        assert (
            run(["config", "explain", "spark.mesos.driverEnv.A", "--conf", "spark.mesos.driverEnv.A=1"]) == 0
        )
        fields = rows(capsys.readouterr().out)
        assert fields["property"] == ["spark.mesos.driverEnv.A (of spark.mesos.driverEnv.NAME)"]
        assert fields["value here"] == ["1"]

    def test_what_this_spark_does_not_read(self, capsys) -> None:
        assert run(["config", "explain", "spark.mesos.fetchCache.enable"]) == 0
        assert "3.5.9" in rows(capsys.readouterr().out)["note"][0]

    def test_what_nothing_reads(self, capsys) -> None:
        assert run(["config", "explain", "spark.yarn.queue"]) == 0
        assert rows(capsys.readouterr().out)["read by"] == ["nothing on Mesos"]

    def test_a_password_in_a_value_that_is_none(self, capsys) -> None:
        key = "spark.mesos.driver.webui.url"
        assert run(["config", "explain", key, "--conf", f"{key}=http://me:hidden@host:port"]) == 0
        out, err = capsys.readouterr()
        assert "hidden" not in out + err
        assert "is not a URL" in rows(out)["but"][0]

    def test_secrets_stay_secret(self, here: Path, capsys) -> None:
        (here / "spark-defaults.conf").write_text("spark.mesos.secret hidden\n")
        (here / "spark-env.sh").write_text("SPARK_MESOS_SECRET=hidden\n")
        for key in ("spark.mesos.secret", "SPARK_MESOS_SECRET"):
            for output in ("table", "json"):
                assert run(["config", "explain", key, "--output", output]) == 0
                out, err = capsys.readouterr()
                assert "hidden" not in out + err
                assert "***" in out

    def test_a_variable(self, here: Path, capsys) -> None:
        (here / "spark-env.sh").write_text("SPARK_EXECUTOR_URI=http://r/s.tgz\n")
        (here / "spark-defaults.conf").write_text("spark.executor.uri http://r/t.tgz\n")
        assert run(["config", "explain", "SPARK_EXECUTOR_URI"]) == 0
        fields = rows(capsys.readouterr().out)
        assert fields["stands for"] == ["spark.executor.uri"]
        assert fields["value here"] == ["http://r/s.tgz"]
        assert fields["set in"] == [str(here / "spark-env.sh")]
        assert fields["overridden by"] == [
            f"spark.executor.uri http://r/t.tgz in {here}/spark-defaults.conf:1"
        ]

    @pytest.mark.parametrize(
        ("key", "hint"),
        [
            ("spark.executor.urii", "Did you mean spark.executor.uri"),
            ("spark_executor_ur", "Did you mean SPARK_EXECUTOR_URI"),
            ("SPARK_MASTER", "Did you mean MASTER?"),
            ("spark.executor.core", "Did you mean spark.executor.cores?"),
            ("xyzzy", "`sparkmesos config list`"),
        ],
    )
    def test_unknown(self, capsys, key: str, hint: str) -> None:
        assert run(["config", "explain", key]) == ExitCode.FAILED
        out, err = capsys.readouterr()
        assert out == ""
        assert f"No property or variable {key!r} is known" in err
        assert hint in err

    def test_what_is_set_and_not_registered(self, here: Path, capsys) -> None:
        (here / "spark-defaults.conf").write_text("\nspark.sql.shuffle.partitions 64\n")
        key = "spark.sql.shuffle.partitions"
        assert run(["config", "explain", key]) == 0
        fields = dict(line.split("\t") for line in capsys.readouterr().out.splitlines())
        assert fields["value here"] == "64"
        assert fields["set in"].endswith("spark-defaults.conf:2")
        assert "not one of the properties that matter on Mesos" in fields["meaning"]
        assert run(["config", "explain", key, "--output", "json", "--conf", f"{key}=65"]) == 0
        explanation = json.loads(capsys.readouterr().out)["explanation"]
        assert (explanation["property"], explanation["setting"]["value"]) == (None, "65")
        assert explanation["overrides"][0]["value"] == "64"

    def test_the_meaning_is_told_even_if_the_configuration_is_broken(self, here: Path, capsys) -> None:
        (here / "spark-defaults.conf").write_text("spark.cores.max \\u00\n")
        assert run(["config", "explain", "spark.cores.max"]) == ExitCode.USAGE
        out, err = capsys.readouterr()
        assert "meaning\t" in out
        assert "spark-defaults.conf:1" in err

    def test_no_key(self, capsys) -> None:
        assert run(["config", "explain"]) == ExitCode.USAGE
        assert "KEY" in capsys.readouterr().err


class TestShow:
    def test_values_and_places(self, here: Path, tmp_path: Path, capsys) -> None:
        (here / "spark-defaults.conf").write_text("spark.mesos.role a\\n b\nspark.cores.max 3\nnope 1\n")
        (here / "spark-env.sh").write_text("SPARK_EXECUTOR_MEMORY=2g\n")
        assert run(["config", "show", "--conf", "spark.cores.max=4", "app.py", "--conf", "x"]) == 0
        out, err = capsys.readouterr()
        assert out.splitlines() == [
            "spark.cores.max\t4\t--conf",
            f"spark.executor.memory\t2g\tSPARK_EXECUTOR_MEMORY (set by {here}/spark-env.sh)",
            f"spark.mesos.role\ta\\n b\t{here}/spark-defaults.conf:1",
        ]
        assert f"Properties file: {here}/spark-defaults.conf" in err
        assert f"spark-env.sh: {here}/spark-env.sh" in err
        assert re.search(r"warning: .*spark-defaults.conf:3: Spark ignores 'nope'", err)

    def test_for_programs(self, here: Path, capsys) -> None:
        (here / "spark-defaults.conf").write_text("spark.cores.max 3\nnope 1\n")
        assert run(["config", "show", "--output", "json", "--conf", "spark.cores.max=4"]) == 0
        report = json.loads(capsys.readouterr().out)["configuration"]
        (one,) = report["properties"]
        assert (one["key"], one["value"], one["place"]["source"]) == ("spark.cores.max", "4", "conf")
        assert [(other["value"], other["place"]["line"]) for other in one["overrides"]] == [("3", 1)]
        assert [other["key"] for other in report["ignored"]] == ["nope"]
        assert report["spark_version"] == "3.5.9"
        assert report["properties_file"] == str(here / "spark-defaults.conf")

    def test_secrets_stay_secret(self, here: Path, capsys) -> None:
        (here / "spark-defaults.conf").write_text(
            "spark.mesos.secret hidden\nspark.mesos.driver.secret.values hidden\nspark.my.password hidden\n"
            "spark.master mesos://zk://u:hidden@h/m\nspark.mesos.secret hidden2\nmy.token hidden\n"
        )
        for output in ("table", "json"):
            assert run(["config", "show", "--output", output, "--conf", "spark.x=http://a:hidden@h/"]) == 0
            out, err = capsys.readouterr()
            assert "hidden" not in out + err
            assert out.count("***") >= 5

    def test_defaults_on_demand(self, capsys) -> None:
        assert run(["config", "show"]) == 0
        out, err = capsys.readouterr()
        assert out == ""
        assert "No property is set." in err
        assert run(["config", "show", "--all", "--conf", "spark.mesos.coarse=false"]) == 0
        shown = rows(capsys.readouterr().out)
        assert shown["spark.mesos.coarse"] == ["false", "--conf"]
        assert shown["spark.mesos.containerizer"] == ["docker", "default"]
        assert "spark.mesos.fetchCache.enable" not in shown

    def test_own_settings(self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys) -> None:
        file = tmp_path / "xdg" / "sparkmesos" / "config.toml"
        file.parent.mkdir(parents=True)
        file.write_text('# mine\nmaster = "mesos://f:1"\n')
        assert run(["config", "show"]) == 0
        assert rows(capsys.readouterr().out) == {"spark.master": ["mesos://f:1", f"{file}:2"]}
        monkeypatch.setenv("SPARKMESOS_MASTER", "mesos://v:1")
        assert run(["config", "show"]) == 0
        assert rows(capsys.readouterr().out) == {"spark.master": ["mesos://v:1", "SPARKMESOS_MASTER"]}
        assert run(["config", "show", "--master", "mesos://c:1"]) == 0
        assert rows(capsys.readouterr().out) == {"spark.master": ["mesos://c:1", "--master"]}

    def test_bytes_that_are_no_characters(self, capsys) -> None:
        for output in ("table", "json"):
            assert run(["config", "show", "--output", output, "--conf", "spark.x=a\udcffb"]) == 0
            assert "a\ufffdb" in capsys.readouterr().out


class TestOwnOptionsOfSubmit:
    """What stands behind `submit` can stand behind these, too."""

    LINE = (
        "--mesos-driver",
        "http",
        "--start-timeout",
        "5",
        "--work-dir",
        "w",
        "--dry-run",
        "--total-executor-cores",
        "8",
    )

    @pytest.mark.parametrize("command", [("show",), ("explain", "spark.cores.max"), ("check",)])
    def test_they_are_taken_and_hidden(self, command: tuple[str, ...], capsys) -> None:
        assert (
            run(["config", *command, *self.LINE, "--ca-file", "/dev/null", "https://h/app.py", "--dry-rum"])
            != 2
        )
        run(["config", command[0], "--help"])
        text = capsys.readouterr().out
        assert not any(
            name in text for name in ("--mesos-driver", "--start-timeout", "--ca-file", "--work-dir")
        )
        assert "--spark-home" in text

    def test_the_rest_counts(self, capsys) -> None:
        assert run(["config", "show", "--master", "mesos://h", *self.LINE, "app.py"]) == 0
        assert rows(capsys.readouterr().out)["spark.cores.max"] == ["8", "--total-executor-cores"]

    def test_a_wrong_value_is_one_here_too(self, capsys) -> None:
        assert run(["config", "show", "--mesos-driver", "smoke", "app.py"]) == ExitCode.USAGE
        assert "'smoke' is not one of" in capsys.readouterr().err

    def test_the_settings_of_submit_count(self, tmp_path: Path, make_spark, capsys) -> None:
        settings = tmp_path / "xdg" / "sparkmesos" / "config.toml"
        settings.parent.mkdir(parents=True)
        other = make_spark("3.4.4", name="other")
        settings.write_text(f'[submit]\nspark-home = "{other}"\nmesos-driver = "smoke"\n')
        assert run(["config", "show"]) == ExitCode.USAGE
        assert f"{settings}:3: mesos-driver of submit: 'smoke' is not one of" in capsys.readouterr().err
        settings.write_text(f'[submit]\nspark-home = "{other}"\n')
        assert run(["config", "show", "--output", "json"]) == 0
        assert json.loads(capsys.readouterr().out)["configuration"]["spark_home"] == str(other)
        settings.write_text(settings.read_text() + '[config.show]\nspark-home = "/nowhere"\n')
        assert run(["config", "show"]) != 0


class TestInit:
    def init(self, *arguments: str) -> int:
        return run(["config", "init", "--libmesos", "none", *arguments])

    def test_it_writes_and_then_has_nothing_to_do(self, here: Path, capsys) -> None:
        arguments = ["--master", "mesos://h", "--executor-uri", "http://r/s.tgz", "--yes"]
        assert self.init(*arguments) == 0
        out, err = capsys.readouterr()
        assert "+spark.master                      mesos://h:5050" in out
        assert f"Wrote {here}/spark-defaults.conf." in err
        content = (here / "spark-defaults.conf").read_text()
        assert "spark.executor.uri                http://r/s.tgz\n" in content
        assert "spark.mesos.fetcherCache.enable   true\n" in content
        assert not (here / "spark-env.sh").exists()
        assert self.init(*arguments) == 0
        out, err = capsys.readouterr()
        assert out == ""
        assert "Nothing to change" in err
        assert (here / "spark-defaults.conf").read_text() == content

    def test_what_it_writes_is_what_submit_sees(self, here: Path, tmp_path: Path, capsys) -> None:
        library = tmp_path / "lib mesos'.so"
        library.touch()
        assert run(["config", "init", "--libmesos", str(library), "--master", "mesos://h", "--yes"]) == 0
        capsys.readouterr()
        assert run(["config", "explain", "MESOS_NATIVE_JAVA_LIBRARY"]) == 0
        fields = rows(capsys.readouterr().out)
        assert fields["value here"] == [str(library)]
        assert fields["set in"] == [str(here / "spark-env.sh")]
        assert run(["config", "explain", "spark.master"]) == 0
        assert rows(capsys.readouterr().out)["value here"] == ["mesos://h:5050"]

    def test_libmesos_that_was_found_replaces_none_that_was_chosen(
        self, here: Path, tmp_path: Path, capsys, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        found = tmp_path / "found.so"
        found.touch()
        monkeypatch.setenv("MESOS_NATIVE_JAVA_LIBRARY", str(found))
        (here / "spark-env.sh").write_text("MESOS_NATIVE_JAVA_LIBRARY=/chosen.so\n")
        assert run(["config", "init", "--master", "mesos://h", "--yes", "--replace"]) == 0
        assert (here / "spark-env.sh").read_text() == "MESOS_NATIVE_JAVA_LIBRARY=/chosen.so\n"
        assert (
            run(["config", "init", "--master", "mesos://h", "--yes", "--libmesos", str(found)])
            == ExitCode.FAILED
        )
        assert "kept (--replace replaces it)" in capsys.readouterr().err

    @pytest.mark.parametrize("arguments", [("--yes",), ("--dry-run",)])
    def test_a_script_in_which_the_change_would_have_no_effect(
        self, here: Path, tmp_path: Path, arguments: tuple[str, ...], capfd
    ) -> None:
        library = tmp_path / "lib.so"
        library.touch()
        (here / "spark-env.sh").write_text("return 0\n")
        line = ["--master", "mesos://h", "--libmesos", str(library), *arguments]
        assert run(["config", "init", *line]) == ExitCode.USAGE
        out, err = capfd.readouterr()
        assert out == ""
        assert f"{here}/spark-env.sh would not give MESOS_NATIVE_JAVA_LIBRARY the value" in err
        assert [path.name for path in here.iterdir()] == ["spark-env.sh"]
        assert (here / "spark-env.sh").read_text() == "return 0\n"

    @pytest.mark.parametrize(
        ("uri", "message"),
        [
            ("https://<host>/s.tgz", "spark.executor.uri still holds the placeholder '<host>'"),
            ("file:/opt/s.tgz", "The Mesos fetcher cannot fetch file:/opt/s.tgz"),
        ],
    )
    def test_what_config_check_calls_an_error_is_not_written(
        self, here: Path, uri: str, message: str, capsys
    ) -> None:
        assert self.init("--master", "mesos://h", "--executor-uri", uri, "--yes") == ExitCode.USAGE
        out, err = capsys.readouterr()
        assert out == ""
        assert err.startswith(f"error: {message}")
        assert list(here.iterdir()) == []

    def test_what_config_check_warns_of_is_written(self, here: Path, capsys) -> None:
        assert run(["config", "init", "--master", "mesos://h:7077", "--executor-uri", "s.tgz", "--yes"]) == 0
        err = capsys.readouterr().err
        assert "warning: mesos://h:7077: 7077 is the port of dispatchers" in err
        assert "[uri-relative]" in err
        assert "s.tgz" in (here / "spark-defaults.conf").read_text()

    def test_a_contradiction_is_kept(self, here: Path, capsys) -> None:
        (here / "spark-defaults.conf").write_text("spark.master mesos://zk://u:hidden@h/m\n")
        (here / "spark-env.sh").write_text("export SPARK_EXECUTOR_URI=$(x)\n")
        arguments = ["--master", "mesos://h", "--executor-uri", "http://r/s.tgz", "--yes"]
        assert self.init(*arguments) == ExitCode.FAILED
        out, err = capsys.readouterr()
        assert (
            "spark-defaults.conf:1 sets spark.master to mesos://zk://u:***@h/m, not to mesos://h:5050" in err
        )
        assert "spark-env.sh:1 sets SPARK_EXECUTOR_URI to what only the shell can tell" in err
        assert "hidden" not in out + err
        assert "spark.executor.uri" in (here / "spark-defaults.conf").read_text()
        assert self.init(*arguments, "--replace") == 0
        assert "hidden" not in (here / "spark-defaults.conf").read_text()
        assert (here / "spark-env.sh").read_text() == "export SPARK_EXECUTOR_URI=http://r/s.tgz\n"

    def test_a_dry_run_writes_nothing(self, here: Path, capsys) -> None:
        assert self.init("--master", "mesos://h", "--dry-run") == 0
        assert "+spark.master" in capsys.readouterr().out
        assert list(here.iterdir()) == []

    def test_without_a_terminal_nothing_is_written_unasked(self, here: Path, capsys, monkeypatch) -> None:
        monkeypatch.setattr("sys.stdin", None)
        assert self.init("--master", "mesos://h") == ExitCode.USAGE
        out, err = capsys.readouterr()
        assert "+spark.master" in out
        assert "Give --yes, or --dry-run." in err
        assert list(here.iterdir()) == []

    @pytest.mark.parametrize(
        ("typed", "code", "count"),
        [(b"y\n", 0, 1), (b"\n", ExitCode.FAILED, 0), (b"\x04", ExitCode.INTERRUPTED, 0)],
    )
    def test_a_person_is_asked(self, here: Path, typed: bytes, code: int, count: int) -> None:
        person, terminal = os.openpty()
        try:
            os.write(person, typed)
            command = [sys.executable, "-m", "sparkmesos_cli", "config", "init", "--master", "mesos://h"]
            process = subprocess.run(
                [*command, "--libmesos", "none"], stdin=terminal, capture_output=True, text=True, timeout=60
            )
        finally:
            os.close(person)
            os.close(terminal)
        assert "+spark.master" in process.stdout
        assert "Write this? [y/N]:" in process.stderr
        assert "Traceback" not in process.stderr
        assert process.returncode == code
        assert len(list(here.iterdir())) == count

    def test_a_password_that_others_can_read(self, here: Path, capsys) -> None:
        (here / "spark-defaults.conf").touch(mode=0o644)
        assert self.init("--master", "mesos://zk://u:hidden@h/m", "--yes") == 0
        out, err = capsys.readouterr()
        assert "others can read" in err
        assert "hidden" not in out + err

    @pytest.mark.parametrize(
        ("script", "said"),
        [
            (
                "export MESOS_NATIVE_JAVA_LIBRARY=/nope.so\n",
                "spark-env.sh:1 sets MESOS_NATIVE_JAVA_LIBRARY to /nope.so",
            ),
            ("MESOS_NATIVE_JAVA_LIBRARY=$HOME/x.so\n", ""),
            ("unset MESOS_NATIVE_JAVA_LIBRARY\n", ""),
            ("A=b\n", "No libmesos found, none needed"),
        ],
    )
    def test_libmesos_that_the_script_names(
        self, here: Path, capsys, monkeypatch: pytest.MonkeyPatch, script: str, said: str
    ) -> None:
        monkeypatch.delenv("MESOS_NATIVE_JAVA_LIBRARY", raising=False)
        monkeypatch.setattr("sparkmesos_core.spark.native_library._FOLDERS", ())
        (here / "spark-env.sh").write_text(script)
        assert run(["config", "init", "--master", "mesos://h", "--dry-run"]) == 0
        err = capsys.readouterr().err
        assert said in err
        assert ("libmesos" in err.replace("/libmesos", "") or "LIBRARY" in err) == bool(said)

    def test_libmesos_that_is_none(self, capsys) -> None:
        assert run(["config", "init", "--master", "mesos://h", "--libmesos", "/none.so"]) == ExitCode.USAGE
        assert "--libmesos /none.so is not a file" in capsys.readouterr().err

    def test_another_folder(self, tmp_path: Path) -> None:
        folder = tmp_path / "other" / "conf"
        assert self.init("--master", "mesos://h", "--conf-dir", str(folder), "--yes") == 0
        assert [path.name for path in folder.iterdir()] == ["spark-defaults.conf"]
