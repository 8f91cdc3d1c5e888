from __future__ import annotations

import fnmatch

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from sparkmesos_core.dist.excludes import DEFAULT_EXCLUDES, Excludes, summary
from sparkmesos_core.errors import UsageError


def left_out(patterns: list[str], name: str) -> bool:
    return Excludes(patterns, defaults=False).leaves_out(name.removesuffix("/"), folder=name.endswith("/"))


@pytest.mark.parametrize(
    ("pattern", "name"),
    [
        ("R", "R/"),
        ("R", "R/lib/SparkR/INDEX"),
        ("R", "python/R"),
        ("/R", "R/lib"),
        ("jars/hive-*.jar", "jars/hive-exec-2.3.9.jar"),
        ("*.pyc", "python/pyspark/a.pyc"),
        ("python/pyspark/**/tests", "python/pyspark/tests/"),
        ("python/pyspark/**/tests", "python/pyspark/sql/connect/tests/test_a.py"),
        ("conf/**", "conf/a/b"),
        ("**/tests", "tests"),
        ("logs/", "logs/"),
        ("logs/", "sbin/logs/a"),
        ("a/b/", "a/b/c"),
        ("spark-[0-9]", "spark-3"),
        ("[!a]x", "bx"),
        ("[^a]x", "bx"),
        ("[]x]", "]"),
        (r"\*", "*"),
        (r"[\]", "\\"),
        ("[", "["),
        ("a\nb", "a\nb"),
        ("a?b", "a\nb"),
        ("*", "\udcff"),
        ("[a-]", "-"),
        ("[[&&|~~]", "~"),
    ],
)
def test_left_out(pattern: str, name: str) -> None:
    assert left_out([pattern], name)


@pytest.mark.parametrize(
    ("pattern", "name"),
    [
        ("/R", "python/R"),
        ("R", "RELEASE"),
        ("R", "r"),
        ("jars/*", "a/jars/b"),
        ("j*/a", "jars/b/a"),
        ("a/b", "a"),
        ("a/b", "a/bc"),
        ("conf/**", "conf/"),
        ("logs/", "logs"),
        ("a?b", "a/b"),
        ("a[/]b", "a/b"),
        ("a[!c]b", "a/b"),
        ("[!a]x", "ax"),
        (r"\*", "a"),
        ("a.b", "aXb"),
    ],
)
def test_not_left_out(pattern: str, name: str) -> None:
    assert not left_out([pattern], name)


@given(st.text("ab*?[]!", min_size=1, max_size=8), st.text("ab[]!", min_size=1, max_size=6))
@example("[]a]*", "a")
@example("[!]", "[!]")
@example("a**b", "ab")
def test_a_segment_is_matched_as_fnmatch_does(pattern: str, name: str) -> None:
    # In front it brings back; as a whole segment two asterisks stand for folders, which is the same at the end.
    assert left_out(["/" + pattern], name) == fnmatch.fnmatchcase(name, pattern)


def test_the_last_pattern_that_matches_decides() -> None:
    patterns = ["conf", "!conf/log4j2.properties", "*.properties", "!conf/fairscheduler.xml"]
    assert left_out(patterns, "conf/spark-env.sh")
    assert left_out(patterns, "conf/log4j2.properties")
    assert not left_out(patterns, "conf/fairscheduler.xml")


@pytest.mark.parametrize("pattern", ["", "!", "/", "a//b", "../a", "a/..", "./a", "//a", "."])
def test_a_pattern_that_can_match_nothing_is_refused(pattern: str) -> None:
    with pytest.raises(UsageError, match="can match nothing"):
        Excludes([pattern])


def test_a_range_that_is_none_is_refused() -> None:
    with pytest.raises(UsageError, match=r"--exclude 'a\[z-a\]' cannot be understood: bad character range"):
        Excludes(["a[z-a]"])


@pytest.mark.parametrize(
    ("pattern", "name"),
    [
        ("bin", "bin/spark-class"),
        ("*", "bin/spark-submit"),
        ("*.sh", "bin/load-spark-env.sh"),
        ("jars/mesos*", "jars/mesos-1.4.3-shaded-protobuf.jar"),
        ("spark-*", "jars/spark-mesos_2.12-3.5.9.jar"),
        ("R*", "RELEASE"),
    ],
)
def test_what_every_executor_needs_cannot_be_left_out(pattern: str, name: str) -> None:
    with pytest.raises(UsageError, match=f"leaves out {name}, without which no executor starts") as error:
        Excludes([pattern]).leaves_out(name)
    assert error.value.hint
    assert not left_out([pattern, "!" + name], name)


@pytest.mark.parametrize("pattern", DEFAULT_EXCLUDES)
def test_the_defaults_leave_out_nothing_that_is_needed(pattern: str) -> None:
    for name in ("bin/spark-class", "bin/spark-submit", "jars/spark-core_2.12-3.5.9.jar", "RELEASE"):
        assert not Excludes([pattern], defaults=False).leaves_out(name)


@pytest.mark.parametrize(
    "name",
    [
        "conf/spark-defaults.conf",
        "conf/spark-env.sh",
        "conf/secrets/a.keytab",
        "examples/jars/spark-examples_2.12-3.5.9.jar",
        "data/mllib/a.txt",
        "yarn/spark-3.5.9-yarn-shuffle.jar",
        "kubernetes/dockerfiles/spark/Dockerfile",
        "logs/spark.out",
        "work/app-1/stdout",
        "python/pyspark/sql/__pycache__/a.pyc",
        "python/pyspark/sql/tests/test_a.py",
        "python/pyspark.egg-info/PKG-INFO",
        "python/docs/source/conf.py",
        "R/lib/SparkR/html/a.html",
        ".git/config",
        "derby.log",
    ],
)
def test_the_defaults_leave_out(name: str) -> None:
    assert Excludes().leaves_out(name)
    assert not Excludes(defaults=False).leaves_out(name)
    assert not Excludes(["!" + name]).leaves_out(name)


@pytest.mark.parametrize(
    "name",
    [
        "conf/spark-env.sh.template",
        "jars/spark-kubernetes_2.12-3.5.9.jar",
        "jars/commons-math3-3.6.1.jar",
        "python/lib/pyspark.zip",
        "python/pyspark/testing/utils.py",
        "python/pyspark/pandas/data_type_ops/base.py",
        "R/lib/sparkr.zip",
        "R/lib/SparkR/worker/daemon.R",
        "licenses/LICENSE-jquery.txt",
        "sbin/spark-config.sh",
        "LICENSE",
    ],
)
def test_the_defaults_keep(name: str) -> None:
    assert not Excludes().leaves_out(name)


def test_patterns_that_have_matched_nothing_are_known() -> None:
    excludes = Excludes(["exmaples", "R", "!conf/nothing"])
    assert excludes.unused == ["exmaples", "R", "!conf/nothing"]
    excludes.leaves_out("R/lib/sparkr.zip")
    assert excludes.unused == ["exmaples", "!conf/nothing"]


def test_the_summary_has_the_topmost_only_and_no_folder_that_is_packed_in_part() -> None:
    out = ["R/", "R/lib/", "R/lib/a", "conf/", "conf/b", "conf/c/", "conf/c/d", "e"]
    assert summary(out, ["conf/kept", "jars/x"]) == ["R/", "conf/b", "conf/c/", "e"]
    assert summary([], []) == []


def test_the_summary_shows_once_what_is_in_many_places() -> None:
    out = ["__pycache__/", "__pycache__/a.pyc", "b/__pycache__/", "b/c/__pycache__/", "d/x.pid", "e/x.pid"]
    assert summary(out, ["b/c/f"]) == ["**/__pycache__/", "d/x.pid", "e/x.pid"]
