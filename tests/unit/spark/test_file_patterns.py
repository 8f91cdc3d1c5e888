from __future__ import annotations

import os
from pathlib import Path

import pytest

from sparkmesos_core.errors import UsageError
from sparkmesos_core.spark.file_patterns import resolve_files

FILES = (
    ".hidden.jar", ".a.jar.crc", "a.jar", "b.jar", "h#h.jar", "sp ace.jar", "star*.jar", "x{y}.jar", "é.jar",
    "pct%20.jar", "sub/c.jar", "sub/deep/d.jar",
)  # fmt: skip


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    root = tmp_path.resolve() / "lib"
    for name in FILES:
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        (root / name).touch()
    (root / "link.jar").symlink_to("a.jar")
    return root


def resolved(text: str, folder: Path) -> str:
    return resolve_files(text, folder).replace(str(folder), "/lib")


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("a.jar", "file:///lib/a.jar"),
        (" a.jar , b.jar,", "file:///lib/a.jar,file:///lib/b.jar"),
        ("a.jar#x", "file:///lib/a.jar#x"),
        ("a.jar#", "file:///lib/a.jar#"),
        ("a.jar#f%20g", "file:///lib/a.jar#f%20g"),
        ("a*.jar#x", "file:/lib/a.jar#x"),
        ("none.jar", "file:/lib/none.jar"),
        ("none.jar#x", "file:/lib/none.jar#x"),
        ("sub/*.jar", "file:/lib/sub/c.jar"),
        ("*/c.jar", "file:///lib/sub/c.jar"),
        ("*/deep/*", "file:/lib/sub/deep/d.jar"),
        ("**/*.jar", "file:/lib/sub/c.jar"),
        ("sp ace.jar", "file:///lib/sp%20ace.jar"),
        ("é.jar", "file:///lib/é.jar"),
        ("pct%20.jar", "file:///lib/pct%2520.jar"),
        ("pct%20*", "file:/lib/pct%2520.jar"),
        ("star*.jar", "file:/lib/star*.jar"),
        ("star\\*.jar", "file:///lib/star*.jar"),
        ("{a}.jar", "file:/lib/a.jar"),
        ("x\\{y\\}.jar", "file:///lib/x%7By%7D.jar"),
        ("sub/../a.jar#x", "file:///lib/a.jar#x"),
        ("link.jar", "file:///lib/a.jar"),
        ("", ""),
        (",,", ""),
        ("http://h/*.jar,local:///x*.jar,hdfs://nn/x/*,s3a://b/a", "http://h/*.jar,local:///x*.jar,hdfs://nn/x/*,s3a://b/a"),
        ("https://h/a?X-Amz-Credential=k%2Fs%2Faws&sig=%3D#n%20m", "https://h/a?X-Amz-Credential=k%2Fs%2Faws&sig=%3D#n%20m"),
    ],
)  # fmt: skip
def test_as_spark_resolves_them(text: str, expected: str, folder: Path) -> None:
    assert resolved(text, folder) == expected


def test_patterns_find_all_but_checksums_in_order(folder: Path) -> None:
    assert resolved("*.jar", folder) == ",".join(
        f"file:/lib/{name}"
        for name in (
            ".hidden.jar", "a.jar", "b.jar", "h%23h.jar", "link.jar", "pct%2520.jar", "sp%20ace.jar", "star*.jar",
            "x%7By%7D.jar", "é.jar",
        )
    )  # fmt: skip


@pytest.mark.parametrize(
    ("template", "expected"),
    [
        ("file:{0}/a.jar", "file:///lib/a.jar"),
        ("FILE://{0}/a.jar", "file:///lib/a.jar"),
        ("file://{0}/../lib/a.jar", "file:///lib/a.jar"),
        ("file://{0}/../lib/none.jar", "file:///lib/../lib/none.jar"),
        ("file://{0}/h%23h.jar", "file:///lib/h%23h.jar"),
        ("file://{0}/link.jar", "file:///lib/link.jar"),
        ("file://{0}/s*/c.jar", "file:///lib/sub/c.jar"),
    ],
)
def test_urls_of_files(template: str, expected: str, folder: Path) -> None:
    assert resolved(template.format(folder), folder) == expected


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("*.jar#x", "stands for 10 files"),
        ("none*.jar", "No file of this machine is like 'none*.jar'"),
        ("x{y}.jar", "No file of this machine"),
        ("*/none.jar", "No file of this machine"),
        ("a.jar/*", "No file of this machine"),
        ("sub", "'sub' is a folder"),
        ("sub/", "is a folder"),
        ("*p", "No file"),
        ("[ab].jar", "no path of a file may hold '['"),
        ("a?.jar", "may hold '?'"),
        ("1a:b", "may hold ':'"),
        ("file:a.jar", "Spark cannot use 'file:a.jar'"),
        ("file://host/a.jar", "Spark cannot use"),
        ("file:///a.jar?x=1", "Spark cannot use"),
        ("{a", "a '{' without a '}'"),
        ("{a,b}.jar", "a '{' without a '}'"),
        ("a\\", "ends in a backslash"),
        ("a\0b", "NUL"),
        ("file:///a%00*b", "No file"),
    ],
)
def test_what_spark_cannot_find_or_send_is_refused(text: str, message: str, folder: Path) -> None:
    with pytest.raises(UsageError) as caught:
        resolve_files(text, folder)
    assert message in caught.value.message
    assert caught.value.hint
    assert len(caught.value.message) < 400


def test_many_asterisks_are_as_one(folder: Path) -> None:
    assert resolved("sub/" + "*" * 3_000, folder) == "file:/lib/sub/c.jar"


def test_a_pattern_that_would_take_ages_to_match_does_not(folder: Path) -> None:
    (folder / ("a" * 250)).touch()
    with pytest.raises(UsageError, match="No file"):
        resolve_files("*a" * 60 + "b*", folder)


def test_too_many_files_are_refused(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("sparkmesos_core.spark.file_patterns._MOST_FILES", 5)
    with pytest.raises(UsageError, match="too many files"):
        resolve_files("*.jar", folder)


def test_a_pipe_is_a_file_that_nobody_opens(folder: Path) -> None:
    os.mkfifo(folder / "pipe")
    assert resolved("pipe", folder) == "file:///lib/pipe"
