from __future__ import annotations

from pathlib import Path

import pytest

from sparkmesos_core.dist.source import Source, SourceKind, classify
from sparkmesos_core.errors import UsageError
from tests.small_spark import small_spark, write_home
from tests.spark_checkout import make_checkout


def test_an_unpacked_release_keeps_its_name(tmp_path: Path) -> None:
    home = write_home(tmp_path / "spark-3.5.9-bin-custom", small_spark())
    assert classify(home) == Source(home, SourceKind.HOME, "spark-3.5.9-bin-custom.tgz")


def test_a_link_to_an_unpacked_release(tmp_path: Path) -> None:
    write_home(tmp_path / "spark-3.5.9-bin-custom", small_spark())
    link = tmp_path / "spark"
    link.symlink_to("spark-3.5.9-bin-custom")
    assert classify(link).name == "spark-3.5.9-bin-custom.tgz"


@pytest.mark.parametrize(
    ("hadoop", "name"),
    [("3.3.4", "spark-3.5.9-bin-hadoop3.tgz"), (None, "spark-3.5.9-bin-without-hadoop.tgz")],
)
def test_any_other_folder_is_named_as_releases_are(tmp_path: Path, hadoop: str | None, name: str) -> None:
    assert classify(write_home(tmp_path / "opt", small_spark(hadoop=hadoop))).name == name


def test_site_packages_stands_for_pyspark(tmp_path: Path) -> None:
    home = write_home(tmp_path / "pyspark", small_spark())
    assert classify(tmp_path) == Source(home, SourceKind.HOME, "spark-3.5.9-bin-hadoop3.tgz")


def test_a_checkout_is_named_by_its_build(tmp_path: Path) -> None:
    checkout = make_checkout(tmp_path / "spark", "true")
    assert classify(checkout) == Source(checkout, SourceKind.CHECKOUT, None)


@pytest.mark.parametrize(
    ("file", "name"),
    [
        ("spark-3.5.9-bin-hadoop3.tgz", "spark-3.5.9-bin-hadoop3.tgz"),
        ("spark.tar.gz", "spark.tar.gz"),
        ("spark.tar.xz", "spark.tgz"),
        ("spark.tar", "spark.tgz"),
        ("download", None),
        ("my spark.tgz", None),
    ],
)
def test_archives_keep_names_that_executors_can_use(tmp_path: Path, file: str, name: str | None) -> None:
    (tmp_path / file).touch()
    assert classify(tmp_path / file) == Source(tmp_path / file, SourceKind.ARCHIVE, name)


def test_what_holds_no_spark(tmp_path: Path) -> None:
    def refused(path: Path) -> str:
        with pytest.raises(UsageError) as error:
            classify(path)
        assert "spark-*.tgz" in error.value.hint
        return error.value.message

    assert "does not exist" in refused(tmp_path / "none")
    assert "no jars/spark-core_*.jar" in refused(tmp_path)
    (tmp_path / "spark-3.5.9-bin-hadoop3.tgz").touch()
    assert "spark-3.5.9-bin-hadoop3.tgz in it" in refused(tmp_path)
    (tmp_path / "pom.xml").touch()
    assert "make-distribution.sh" in refused(tmp_path)
    (tmp_path / "jars").mkdir()
    assert "its jars/ has no" in refused(tmp_path)


def test_a_path_that_cannot_be_looked_at(tmp_path: Path) -> None:
    loop = tmp_path / "loop"
    loop.symlink_to(loop)
    with pytest.raises(UsageError, match="cannot be read"):
        classify(loop)
