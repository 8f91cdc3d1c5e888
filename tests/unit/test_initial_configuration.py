from __future__ import annotations

import os
from pathlib import Path

import pytest

from sparkmesos_core.conf.editing.entries import Entry
from sparkmesos_core.errors import MasterUrlError, SparkNotFoundError, UsageError
from sparkmesos_core.initial_configuration import (
    check_entries,
    cluster_entries,
    configuration_lines,
    executor_entries,
    find_configuration_folder,
    plan_files,
    remark_on_folder,
)

SIGNED = "https://b.example/s.tgz?X-Amz-Signature=hidden&a=/s.tgz"


class TestExecutorEntries:
    def test_what_is_added_and_what_is_only_corrected(self) -> None:
        entries = executor_entries("http://r/s.tgz")
        assert entries.properties == (Entry("spark.executor.uri", "http://r/s.tgz"),)
        assert entries.exports == (Entry("SPARK_EXECUTOR_URI", "http://r/s.tgz", only_correct=True),)
        entries = executor_entries("http://r/s.tgz", exported=True, cached=True)
        assert entries.properties[1] == Entry("spark.mesos.fetcherCache.enable", "true", only_add=True)
        assert entries.exports == (Entry("SPARK_EXECUTOR_URI", "http://r/s.tgz"),)

    @pytest.mark.parametrize(("uri", "cached"), [("http://r/s.tgz", True), (SIGNED, False)])
    def test_those_of_a_cluster_say_the_same(self, uri: str, cached: bool) -> None:
        entries = cluster_entries("mesos://h", uri, None)
        assert entries.properties[1:] == executor_entries(uri, cached=cached).properties

    def test_the_lines(self) -> None:
        assert configuration_lines(executor_entries("http://r/s.tgz", exported=True, cached=True)) == {
            "spark-defaults.conf": (
                "spark.executor.uri                http://r/s.tgz",
                "spark.mesos.fetcherCache.enable   true",
            ),
            "spark-env.sh": ("export SPARK_EXECUTOR_URI=http://r/s.tgz",),
        }
        lines = configuration_lines(executor_entries(SIGNED, exported=True))
        assert lines["spark-env.sh"] == (f"export SPARK_EXECUTOR_URI='{SIGNED}'",)

    def test_a_signature_is_a_secret_in_both_files(self, tmp_path: Path) -> None:
        entries = executor_entries(SIGNED, exported=True)
        assert entries.hold_a_secret
        plans = plan_files(tmp_path, entries, replace=False)
        assert [(plan.mode, plan.holds_a_secret) for plan in plans] == [(0o600, True), (0o700, True)]
        assert "hidden" not in "".join(line for plan in plans for line in plan.diff())

    def test_a_password_in_one_of_them(self, tmp_path: Path) -> None:
        entries = cluster_entries("mesos://zk://u:p@a/mesos", "http://r/s.tgz", Path("/l.so"))
        plans = plan_files(tmp_path, entries, replace=False)
        assert [(plan.mode, plan.holds_a_secret) for plan in plans] == [(0o600, True), (0o777, False)]


class TestClusterEntries:
    def test_all(self) -> None:
        entries = cluster_entries("mesos://h", "https://r/s.tgz", Path("/lib/libmesos.so"))
        assert entries.properties == (
            Entry("spark.master", "mesos://h:5050"),
            Entry("spark.executor.uri", "https://r/s.tgz"),
            Entry("spark.mesos.fetcherCache.enable", "true", only_add=True),
        )
        assert entries.exports == (
            Entry("MESOS_NATIVE_JAVA_LIBRARY", "/lib/libmesos.so"),
            Entry("SPARK_EXECUTOR_URI", "https://r/s.tgz", only_correct=True),
        )
        assert entries.remarks == ()
        assert not entries.hold_a_secret

    def test_libmesos_that_was_found(self) -> None:
        entries = cluster_entries("mesos://h", None, Path("/lib/x.so"), found=True)
        assert entries.exports == (Entry("MESOS_NATIVE_JAVA_LIBRARY", "/lib/x.so", only_add=True),)

    def test_the_least(self) -> None:
        entries = cluster_entries("zk://a,b/mesos", None, None)
        assert entries.properties == (Entry("spark.master", "mesos://zk://a:2181,b:2181/mesos"),)
        assert entries.exports == ()

    def test_a_password_for_zookeeper_is_a_secret(self) -> None:
        assert cluster_entries("mesos://zk://u:p@a/mesos", None, None).hold_a_secret

    @pytest.mark.parametrize("master", ["mesos://a,b", "mesos://https://a"])
    def test_what_only_sparkmesos_understands_is_said(self, master: str) -> None:
        (remark,) = cluster_entries(master, None, None).remarks
        assert "spark-submit does not" in remark

    def test_an_embedded_master(self) -> None:
        with pytest.raises(UsageError, match="needs no configuration"):
            cluster_entries("embedded[2]", None, None)

    def test_no_master(self) -> None:
        with pytest.raises(MasterUrlError):
            cluster_entries("local[2]", None, None)

    @pytest.mark.parametrize("uri", ["", "a b", "a\n", "\t"])
    def test_a_uri_that_the_shell_would_split(self, uri: str) -> None:
        with pytest.raises(UsageError, match="the executor URI"):
            cluster_entries("mesos://a", uri, None)

    def test_the_port_of_dispatchers(self) -> None:
        (remark,) = cluster_entries("mesos://a:7077", None, None).remarks
        assert remark.startswith("mesos://a:7077: 7077 is the port of dispatchers")
        assert cluster_entries("mesos://a:5051", None, None).remarks == ()


class TestChecks:
    def check(self, folder: Path, uri: str | None) -> list[str]:
        entries = cluster_entries("mesos://zk://u:hidden@h/m", uri, None)
        plans = plan_files(folder, entries, replace=False)
        return [finding.id for finding in check_entries(entries, plans)]

    def test_nothing_to_say(self, tmp_path: Path) -> None:
        assert self.check(tmp_path, None) == []
        assert self.check(tmp_path, "https://h/s.tgz") == []

    def test_warnings(self, tmp_path: Path) -> None:
        assert self.check(tmp_path, "https://h/s.tar?x=1") == ["executor-uri-not-unpacked"]

    def test_what_else_is_wrong_in_the_file_is_left_to_config_check(self, tmp_path: Path) -> None:
        file = tmp_path / "spark-defaults.conf"
        file.write_text("spark.executor.memory x\nspark.executor.uri file:/old\nspark.executor.uri file:/o\n")
        assert self.check(tmp_path, "https://h/s.tgz") == []

    def test_errors(self, tmp_path: Path) -> None:
        with pytest.raises(UsageError, match="placeholder '<h>'") as caught:
            self.check(tmp_path, "https://<h>/s.tgz")
        assert caught.value.hint == "Put the real value there."


class TestFolder:
    def test_one_of_a_package(self) -> None:
        assert "--conf-dir" in remark_on_folder(Path("/v/lib/site-packages/pyspark/conf"))
        assert remark_on_folder(Path("/opt/spark/conf")) == ""

    def test_given(self) -> None:
        assert find_configuration_folder(Path("/a"), None, {"SPARK_CONF_DIR": "/b"}) == Path("/a")

    def test_variable(self) -> None:
        assert find_configuration_folder(None, None, {"SPARK_CONF_DIR": "/b"}) == Path("/b")

    def test_spark(self, make_spark) -> None:
        home = make_spark()
        assert find_configuration_folder(None, None, {"SPARK_HOME": str(home)}) == home / "conf"

    def test_no_spark(self, tmp_path: Path) -> None:
        with pytest.raises(SparkNotFoundError) as caught:
            find_configuration_folder(None, tmp_path, {})
        assert "--conf-dir" in caught.value.hint


class TestPlan:
    ENTRIES = cluster_entries("mesos://h", None, Path("/lib/x.so"))

    def test_new_files(self, tmp_path: Path) -> None:
        properties, script = plan_files(tmp_path, self.ENTRIES, replace=False)
        assert properties.diff() == [
            "--- /dev/null",
            f"+++ {tmp_path}/spark-defaults.conf",
            "@@ -0,0 +1 @@",
            "+spark.master                      mesos://h:5050",
        ]
        assert script.diff()[2:] == ["@@ -0,0 +1 @@", "+export MESOS_NATIVE_JAVA_LIBRARY=/lib/x.so"]
        assert (properties.mode, script.mode) == (0o666, 0o777)

    def test_a_new_file_with_a_secret_is_for_its_owner(self, tmp_path: Path) -> None:
        entries = cluster_entries("mesos://zk://u:hidden@h/m", None, None)
        properties, _ = plan_files(tmp_path, entries, replace=False)
        assert properties.mode == 0o600
        assert "hidden" not in str(properties.diff())
        assert "hidden" in properties.after

    def test_the_diff_hides_secrets_and_shows_what_changes(self, tmp_path: Path) -> None:
        (tmp_path / "spark-defaults.conf").write_text(
            "a 1\nb 2\nc 3\nspark.mesos.secret \\\n  one\nspark.master mesos://zk://u:two@h/m\r\nz 0"
        )
        (tmp_path / "spark-env.sh").write_text("export SPARK_MESOS_SECRET='three'\n")
        entries = cluster_entries("mesos://zk://u:four@h/m", None, Path("/lib/x.so"))
        properties, script = plan_files(tmp_path, entries, replace=True)
        assert properties.diff()[2:] == [
            "@@ -3,5 +3,5 @@",
            " c 3",
            " spark.mesos.secret ***",
            " ***",
            "-spark.master mesos://zk://u:***@h/m",
            "+spark.master                      mesos://zk://u:***@h:2181/m",
            " z 0",
            "\\ No newline at end of file",
        ]
        assert script.diff()[2:] == [
            "@@ -1 +1,2 @@",
            " export SPARK_MESOS_SECRET=***",
            "+export MESOS_NATIVE_JAVA_LIBRARY=/lib/x.so",
        ]
        shown = "\n".join([*properties.diff(), *script.diff()])
        assert not any(secret in shown for secret in ("one", "two", "three", "four"))

    def test_bytes_that_are_not_utf_8_stay(self, tmp_path: Path) -> None:
        (tmp_path / "spark-defaults.conf").write_bytes(b"# \xff\n")
        (tmp_path / "spark-env.sh").write_bytes(b"A=\xff\n")
        for plan in plan_files(tmp_path, self.ENTRIES, replace=False):
            replacement = plan.replacement()
            assert replacement.before is not None
            assert b"\xff" in replacement.before
            assert replacement.after.startswith(replacement.before)
            "\n".join(plan.diff()).encode()

    def test_nothing_to_do(self, tmp_path: Path) -> None:
        for plan in plan_files(tmp_path, self.ENTRIES, replace=False):
            plan.path.write_text(plan.after)
        assert [plan.changes for plan in plan_files(tmp_path, self.ENTRIES, replace=True)] == [False, False]
        assert [plan.diff() for plan in plan_files(tmp_path, self.ENTRIES, replace=True)] == [[], []]

    @pytest.mark.parametrize("name", ["spark-defaults.conf", "spark-env.sh"])
    def test_what_cannot_be_read(self, tmp_path: Path, name: str) -> None:
        os.mkfifo(tmp_path / name)
        with pytest.raises(UsageError, match=f"{name} cannot be read: it is not a regular file"):
            plan_files(tmp_path, self.ENTRIES, replace=False)
        (tmp_path / name).unlink()
        (tmp_path / name).symlink_to(name)
        with pytest.raises(UsageError, match=f"{name} cannot be read"):
            plan_files(tmp_path, self.ENTRIES, replace=False)
        with pytest.raises(UsageError, match="cannot be read"):
            plan_files(tmp_path / "a\0b", self.ENTRIES, replace=False)
