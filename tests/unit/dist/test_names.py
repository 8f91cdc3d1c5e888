from __future__ import annotations

import shutil
import subprocess
from pathlib import Path

import pytest

from sparkmesos_core.dist.names import (
    TAR_SUFFIXES,
    compression_of,
    executor_prefix,
    is_extracted,
    leads_there,
    problem_of,
    release_name,
    stem,
)
from sparkmesos_core.localcluster.agent.fetcher import unpack


@pytest.mark.parametrize(
    ("uri", "prefix"),
    [
        ("http://repo.example:8080/dist/spark-3.5.0-bin-hadoop3.tgz", "spark-3"),
        ("s3a://bucket/spark-version.tgz", "spark-version"),
        ("hdfs://nn/spark.tar.gz", "spark"),
        ("https://b.example/k.tgz?X-Amz-Expires=1&x=%22a%22/spark-3.5.9.tgz", "spark-3"),
        ("spark.tgz", "spark"),
        ("file:///.hidden.tgz", ""),
        ("http://h/", ""),
    ],
)
def test_the_prefix_is_that_of_spark(uri: str, prefix: str) -> None:
    assert executor_prefix(uri) == prefix


def test_what_is_extracted_is_what_the_embedded_fetcher_hands_to_tar() -> None:
    assert set(TAR_SUFFIXES) == set(unpack.TAR_SUFFIXES)
    assert all(is_extracted(f"spark{suffix}") for suffix in TAR_SUFFIXES)
    assert not any(map(is_extracted, ("spark.zip", "spark.gz", "spark.TGZ", "spark", ".tgz", "tgz")))


@pytest.mark.parametrize(
    ("name", "name_stem", "compression"),
    [
        ("spark-3.5.9-bin-hadoop3.tgz", "spark-3.5.9-bin-hadoop3", "gzip"),
        ("a.tar.gz", "a", "gzip"),
        ("a.tar.bz2", "a", "bzip2"),
        ("a.tbz2", "a", "bzip2"),
        ("a.tar.xz", "a", "xz"),
        ("a.txz", "a", "xz"),
        ("a.tar", "a", "none"),
        ("a.tar.tar", "a.tar", "none"),
        ("a.gz", "a.gz", None),
        ("a", "a", None),
    ],
)
def test_endings(name: str, name_stem: str, compression: str | None) -> None:
    assert (stem(name), compression_of(name)) == (name_stem, compression)


@pytest.mark.parametrize(
    ("spark", "hadoop", "name"),
    [
        ("3.5.9", "3.3.4", "spark-3.5.9-bin-hadoop3"),
        ("3.3.4", "2.7.4", "spark-3.3.4-bin-hadoop2"),
        ("3.2.4", "3.3.1", "spark-3.2.4-bin-hadoop3.3"),
        ("2.4.8", "2.7.3", "spark-2.4.8-bin-hadoop2.7"),
        ("3.5.9", None, "spark-3.5.9-bin-without-hadoop"),
        ("3.6.0-SNAPSHOT", "3.3.4", "spark-3.6.0-SNAPSHOT-bin-hadoop3"),
    ],
)
def test_releases_are_named_as_the_project_does(spark: str, hadoop: str | None, name: str) -> None:
    assert release_name(spark, hadoop) == name


@pytest.mark.parametrize("name", ["spark-3.5.9-bin-hadoop3.tgz", "spark.tar.gz", "My_Spark+1@2.txz", "x.tar"])
def test_good_names(name: str) -> None:
    assert problem_of(name) is None


@pytest.mark.parametrize(
    ("name", "reason"),
    [
        ("spark.zip", "does not unpack"),
        ("spark", "does not unpack"),
        (".tgz", "ending without a name"),
        (".spark.tgz", "nothing"),
        ("spark 3.tgz", "' '"),
        ("spark;reboot.tgz", "';'"),
        ("spark*.tgz", "'*'"),
        ("~spark.tgz", "'~'"),
        ("spärk.tgz", "'ä'"),
        ("-spark.tgz", "option"),
        ("s.tgz", "stdout"),
        ("std.1.tgz", "stdout"),
        ("stderr.tgz", "stderr"),
    ],
)
def test_names_that_no_executor_could_use(name: str, reason: str) -> None:
    problem = problem_of(name)
    assert problem is not None
    assert reason in problem


@pytest.mark.parametrize(
    ("name", "folder", "leads"),
    [
        ("spark-3.5.9-bin-hadoop3.tgz", "spark-3.5.9-bin-hadoop3", True),
        ("spark-3.5.9-bin-hadoop3.tgz", "spark-3.5.9", True),
        ("spark-3.tgz", "spark-3.5.9", True),
        ("spark-3.5.9.tgz", "spark-3", True),
        ("spark-3.5.9.tgz", "spark-3a", False),
        ("spark.tgz", "pyspark", False),
        ("spark.tgz", "spark", True),
        ("spark.tgz", "spark_3", False),
    ],
)
def test_cd_goes_there_in_a_real_sandbox(tmp_path: Path, name: str, folder: str, leads: bool) -> None:
    """With the archive beside it, as it is without the fetcher's cache."""
    assert leads_there(name, folder) is leads
    dash = shutil.which("dash")
    if dash is None:
        pytest.skip("there is no dash")
    (tmp_path / folder).mkdir()
    (tmp_path / folder / "here").touch()
    for file in (name, "stdout", "stderr"):
        (tmp_path / file).touch()
    command = f"cd {executor_prefix(name)}*; ls here"
    done = subprocess.run(
        [dash, "-c", command], cwd=tmp_path, capture_output=True, check=False, env={"LC_ALL": "C"}
    )
    assert (done.returncode == 0) is leads, done.stderr
