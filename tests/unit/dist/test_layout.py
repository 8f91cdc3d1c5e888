from __future__ import annotations

import os
import socket
import tempfile
import zipfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from sparkmesos_core.dist.entry import Entry, EntryKind
from sparkmesos_core.dist.excludes import Excludes
from sparkmesos_core.dist.layout import FolderContents, folder_entries, is_pip_installed, release_text
from sparkmesos_core.errors import ArchiveError, UsageError

ALL = Excludes(defaults=False)
REVISION = "7c14a3c28b141cc97a330c4d0f5d2a6da7267f85"


def write(path: Path, content: str = "x", mode: int = 0o644) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(content)
    path.chmod(mode)
    return path


def write_jar(path: Path, **files: str) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    with zipfile.ZipFile(path, "w") as jar:
        jar.writestr("META-INF/MANIFEST.MF", "Manifest-Version: 1.0\n")
        for name, content in files.items():
            jar.writestr(name, content)


@pytest.fixture
def home(tmp_path: Path) -> Path:
    """What every SPARK_HOME has."""
    home = tmp_path / "spark-3.5.9-bin-hadoop3"
    write(home / "bin" / "spark-class", mode=0o755)
    write(home / "bin" / "spark-submit", mode=0o755)
    write(home / "bin" / "load-spark-env.sh")
    write(home / "bin" / "spark-submit.cmd")
    write(home / "sbin" / "spark-daemon.sh")
    jars = home / "jars"
    write_jar(jars / "spark-core_2.12-3.5.9.jar")
    properties = f"version=3.5.9\nuser=somebody\nrevision={REVISION}\nbranch=HEAD\n"
    write_jar(jars / "spark-common-utils_2.12-3.5.9.jar", **{"spark-version-info.properties": properties})
    write_jar(jars / "hadoop-client-api-3.3.4.jar")
    write_jar(jars / "spark-mesos_2.12-3.5.9.jar")
    return home


@pytest.fixture
def pip_home(home: Path) -> Path:
    """As pip installs it."""
    for name in ("__init__.py", "find_spark_home.py", "shell.py", "_typing.pyi", "py.typed"):
        write(home / name, f"# {name}")
    write(home / "sql" / "__init__.py")
    write(home / "sql" / "tests" / "test_a.py")
    write(home / "sql" / "connect" / "client.py")
    write(home / "sql" / "__pycache__" / "client.pyc")
    write(home / "python" / "pyspark" / "shell.py", "# in its place")
    write(home / "python" / "lib" / "pyspark.zip")
    write(home / "examples" / "src" / "main" / "python" / "pi.py")
    write(home / "logs" / "spark.out")
    return home


@pytest.fixture
def release(home: Path) -> Path:
    """As a release unpacks."""
    write(home / "RELEASE", "Spark 3.5.9 built for Hadoop 3.3.4\nBuild flags: -Pmesos\n")
    write(home / "python" / "pyspark" / "__init__.py")
    write(home / "conf" / "spark-env.sh.template", mode=0o755)
    write(home / "conf" / "spark-defaults.conf", "spark.authenticate.secret s3cret\n")
    write(home / "LICENSE")
    return home


def kinds(contents: FolderContents) -> dict[str, EntryKind]:
    return {entry.name: entry.kind for entry in contents.entries}


def only(contents: FolderContents, name: str) -> Entry:
    (entry,) = (entry for entry in contents.entries if entry.name == name)
    return entry


def test_a_release_is_taken_as_it_is(release: Path) -> None:
    contents = folder_entries(release, ALL)

    files = {path.relative_to(release).as_posix() for path in release.rglob("*")}
    assert set(kinds(contents)) == files
    assert only(contents, "RELEASE").source == release / "RELEASE"
    assert contents.left_out == []
    assert not is_pip_installed(release)


def test_entries_are_sorted_and_folders_come_before_what_is_in_them(release: Path) -> None:
    write(release / "conf-more" / "a")
    names = [entry.name for entry in folder_entries(release, ALL).entries]
    assert names == sorted(names, key=lambda name: name.split("/"))
    assert names.index("conf") < names.index("conf/spark-defaults.conf") < names.index("conf-more")


def test_the_operators_own_configuration_stays_at_home_and_is_named(release: Path) -> None:
    contents = folder_entries(release, Excludes())
    assert "conf/spark-env.sh.template" in kinds(contents)
    assert "conf/spark-defaults.conf" not in kinds(contents)
    assert contents.left_out == ["conf/spark-defaults.conf"]


def test_scripts_become_executable_and_others_keep_whether_they_are(release: Path) -> None:
    modes = {entry.name: entry.mode for entry in folder_entries(release, ALL).entries}
    assert modes["bin/load-spark-env.sh"] == modes["sbin/spark-daemon.sh"] == 0o755
    assert modes["conf/spark-env.sh.template"] == 0o755
    assert modes["bin/spark-submit.cmd"] == modes["LICENSE"] == 0o644
    assert modes["jars"] == 0o755


def test_a_pip_installed_pyspark_gets_the_layout_of_a_release(pip_home: Path) -> None:
    assert is_pip_installed(pip_home)
    contents = folder_entries(pip_home, Excludes())

    assert {name for name in kinds(contents) if "/" not in name} == {
        "RELEASE", "bin", "jars", "python", "sbin",
    }  # fmt: skip
    assert {name for name in kinds(contents) if name.startswith("python/")} == {
        "python/lib",
        "python/lib/pyspark.zip",
        "python/pyspark",
        "python/pyspark/__init__.py",
        "python/pyspark/_typing.pyi",
        "python/pyspark/find_spark_home.py",
        "python/pyspark/py.typed",
        "python/pyspark/shell.py",
        "python/pyspark/sql",
        "python/pyspark/sql/__init__.py",
        "python/pyspark/sql/connect",
        "python/pyspark/sql/connect/client.py",
    }
    assert (
        only(contents, "RELEASE").source == b"Spark 3.5.9 (git revision 7c14a3c28b) built for Hadoop 3.3.4\n"
    )
    assert contents.left_out == [
        "examples/", "logs/", "python/pyspark/sql/__pycache__/", "python/pyspark/sql/tests/",
    ]  # fmt: skip


def test_what_is_not_pythons_is_not_moved(pip_home: Path) -> None:
    write(pip_home / "conf" / "log4j2.properties")
    write(pip_home / "examples" / "__init__.py")
    names = kinds(folder_entries(pip_home, ALL))
    assert {"conf/log4j2.properties", "examples/__init__.py", "logs/spark.out"} <= set(names)


def test_extra_entries_win_and_get_their_folders(release: Path) -> None:
    write(release / "sparkmesos" / "old.txt")
    mine = [
        Entry("sparkmesos/bridge.jar", EntryKind.FILE, 0o644, 3, source=b"jar"),
        Entry("deep/er/file", EntryKind.FILE, 0o644, 1, source=b"x"),
        Entry("LICENSE", EntryKind.FILE, 0o644, 4, source=b"mine"),
    ]
    contents = folder_entries(release, ALL, mine)
    assert only(contents, "LICENSE").source == b"mine"
    assert only(contents, "sparkmesos/bridge.jar").source == b"jar"
    assert only(contents, "deep/er").kind is EntryKind.FOLDER
    assert only(contents, "deep").kind is EntryKind.FOLDER


def test_excluding_what_is_needed_is_refused(release: Path) -> None:
    with pytest.raises(UsageError, match=r"--exclude 'jars' leaves out jars/spark-[\w-]+_2.12-3.5.9.jar"):
        folder_entries(release, Excludes(["jars"]))


def test_a_part_of_an_excluded_folder_can_be_brought_back(release: Path) -> None:
    write(release / "examples" / "jars" / "a.jar")
    write(release / "examples" / "src" / "b.py")
    contents = folder_entries(release, Excludes(["!examples/jars"]))
    assert {"examples", "examples/jars", "examples/jars/a.jar"} <= set(kinds(contents))
    assert contents.left_out == ["conf/spark-defaults.conf", "examples/src/"]


class TestLinks:
    def test_a_link_to_what_is_packed_stays_one(self, release: Path) -> None:
        (release / "jars" / "core.jar").symlink_to("spark-core_2.12-3.5.9.jar")
        (release / "libs").symlink_to("jars")
        (release / "bin" / "up").symlink_to("..")
        contents = folder_entries(release, ALL)
        assert only(contents, "jars/core.jar").target == "spark-core_2.12-3.5.9.jar"
        assert only(contents, "libs").target == "jars"
        assert only(contents, "bin/up").target == ".."
        assert not any(name.startswith(("libs/", "bin/up/")) for name in kinds(contents))

    def test_an_absolute_one_becomes_relative(self, release: Path) -> None:
        (release / "bin" / "licence").symlink_to(release / "LICENSE")
        entry = only(folder_entries(release, ALL), "bin/licence")
        assert (entry.kind, entry.target, entry.size) == (EntryKind.LINK, "../LICENSE", 0)

    def test_one_among_pythons_sources_moves_with_what_it_points_to(self, pip_home: Path) -> None:
        (pip_home / "sql" / "a.py").symlink_to("../shell.py")
        (pip_home / "sql" / "zip").symlink_to("../python/lib/pyspark.zip")
        contents = folder_entries(pip_home, ALL)
        assert only(contents, "python/pyspark/sql/a.py").target == "../shell.py"
        assert only(contents, "python/pyspark/sql/zip").target == "../../lib/pyspark.zip"

    def test_one_to_elsewhere_is_followed(self, release: Path, tmp_path: Path) -> None:
        elsewhere = tmp_path / "elsewhere"
        (release / "jars").rename(elsewhere)
        (release / "jars").symlink_to(elsewhere)
        (release / "NOTICE").symlink_to(write(tmp_path / "notice", "text"))
        (elsewhere / "core.jar").symlink_to("spark-core_2.12-3.5.9.jar")
        contents = folder_entries(release, ALL)
        core = only(contents, "jars/spark-core_2.12-3.5.9.jar")
        assert core.source == elsewhere / "spark-core_2.12-3.5.9.jar"
        assert only(contents, "jars").kind is EntryKind.FOLDER
        # It does not point into the SPARK_HOME, so what it points to is there twice.
        assert only(contents, "jars/core.jar").size == core.size
        assert only(contents, "NOTICE").source == tmp_path / "notice"

    def test_one_from_elsewhere_back_inside_stays_one(self, release: Path, tmp_path: Path) -> None:
        (tmp_path / "elsewhere").mkdir()
        (tmp_path / "elsewhere" / "back").symlink_to(release / "LICENSE")
        (release / "x").symlink_to(tmp_path / "elsewhere")
        assert only(folder_entries(release, ALL), "x/back").target == "../LICENSE"

    def test_one_to_what_is_left_out_is_followed(self, release: Path) -> None:
        write(release / "data" / "a.txt", "abc")
        (release / "a.txt").symlink_to("data/a.txt")
        entry = only(folder_entries(release, Excludes()), "a.txt")
        assert (entry.kind, entry.size) == (EntryKind.FILE, 3)

    def test_the_home_itself_may_be_one(self, release: Path, tmp_path: Path) -> None:
        (tmp_path / "current").symlink_to(release)
        (release / "bin" / "licence").symlink_to("../LICENSE")
        contents = folder_entries(tmp_path / "current", ALL)
        assert contents == folder_entries(release, ALL)
        assert only(contents, "bin/licence").target == "../LICENSE"

    @pytest.mark.parametrize("target", ["nowhere", "../gone/x", "a-link"])
    def test_one_that_leads_nowhere_is_an_error_unless_excluded(self, release: Path, target: str) -> None:
        (release / "a-link").symlink_to(target)
        with pytest.raises(ArchiveError, match=r"/a-link is a link that leads nowhere: \w+") as error:
            folder_entries(release, ALL)
        assert "--exclude" in error.value.hint
        assert folder_entries(release, Excludes(["a-link"], defaults=False)).left_out == ["a-link"]

    def test_one_to_a_folder_above_is_an_error(self, release: Path) -> None:
        (release / "all").symlink_to(release.parent)
        with pytest.raises(ArchiveError, match=r"/all is a link to .*, which it is itself in"):
            folder_entries(release, ALL)

    def test_a_circle_elsewhere_is_an_error(self, release: Path, tmp_path: Path) -> None:
        (tmp_path / "one").mkdir()
        (tmp_path / "two").mkdir()
        (tmp_path / "one" / "two").symlink_to(tmp_path / "two")
        (tmp_path / "two" / "one").symlink_to(tmp_path / "one")
        (release / "x").symlink_to(tmp_path / "one")
        with pytest.raises(ArchiveError, match=r"/two/one is a link to .*/one, which it is itself in"):
            folder_entries(release, ALL)


@pytest.fixture
def as_somebody() -> Iterator[Path]:
    """A folder of somebody's who is not root, whom nothing could keep from reading, and who we are meanwhile."""
    user = os.geteuid()
    with tempfile.TemporaryDirectory() as folder:
        os.chown(folder, user or 65534, -1)
        os.seteuid(user or 65534)
        try:
            yield Path(folder)
        finally:
            os.seteuid(user)


class TestWhatCannotBePacked:
    def test_a_pipe(self, release: Path) -> None:
        os.mkfifo(release / "pipe")
        with pytest.raises(ArchiveError, match="/pipe is a named pipe, which no archive can hold"):
            folder_entries(release, ALL)
        assert "pipe" in folder_entries(release, Excludes(["pipe"])).left_out

    def test_a_socket(self, release: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.chdir(release)
        with socket.socket(socket.AF_UNIX) as listener:
            listener.bind("socket")
            with pytest.raises(ArchiveError, match="/socket is a socket, which no archive can hold"):
                folder_entries(release, ALL)

    def test_a_link_to_a_device(self, release: Path) -> None:
        (release / "zero").symlink_to("/dev/zero")
        with pytest.raises(ArchiveError, match="/dev/zero is a device"):
            folder_entries(release, ALL)

    def test_what_we_may_not_read(self, as_somebody: Path) -> None:
        write(as_somebody / "RELEASE")
        write(as_somebody / "secret", mode=0)
        with pytest.raises(ArchiveError, match="/secret cannot be read: Permission denied"):
            folder_entries(as_somebody, ALL)
        (as_somebody / "work").mkdir(mode=0)
        assert folder_entries(as_somebody, Excludes(["secret"])).left_out == ["secret", "work/"]
        with pytest.raises(ArchiveError, match="/work cannot be read: Permission denied"):
            folder_entries(as_somebody, Excludes(["secret"], defaults=False))

    def test_a_home_that_is_not_there(self, tmp_path: Path) -> None:
        with pytest.raises(ArchiveError, match="/none cannot be read: No such file or directory"):
            folder_entries(tmp_path / "none", ALL)

    def test_an_odd_name_does_not_reach_the_terminal(self, release: Path) -> None:
        os.mkfifo(release / "a\x1b[31m")
        with pytest.raises(ArchiveError) as error:
            folder_entries(release, ALL)
        assert "\x1b" not in error.value.message


class TestRelease:
    def test_older_sparks_have_their_revision_in_the_core_jar(self, tmp_path: Path) -> None:
        properties = "version=2.4.8\nrevision=4be4064abcdef\n"
        write_jar(tmp_path / "spark-core_2.11-2.4.8.jar", **{"spark-version-info.properties": properties})
        write_jar(tmp_path / "hadoop-client-2.7.3.jar")
        assert release_text(tmp_path) == "Spark 2.4.8 (git revision 4be4064abc) built for Hadoop 2.7.3\n"

    def test_what_is_not_known_is_left_out(self, tmp_path: Path) -> None:
        write_jar(tmp_path / "spark-core_2.12-3.1.3.jar")
        assert release_text(tmp_path) == "Spark 3.1.3\n"

    def test_no_core_jar(self, tmp_path: Path) -> None:
        with pytest.raises(ArchiveError, match=r"has no spark-core_\*.jar"):
            release_text(tmp_path)

    def test_no_jars(self, tmp_path: Path) -> None:
        with pytest.raises(ArchiveError, match="/jars cannot be read: No such file or directory"):
            release_text(tmp_path / "jars")

    @pytest.mark.parametrize("content", [b"", b"PK\x03\x04 and then nothing", b"\0" * 1000])
    def test_a_damaged_core_jar(self, tmp_path: Path, content: bytes) -> None:
        (tmp_path / "spark-core_2.12-3.5.9.jar").write_bytes(content)
        with pytest.raises(ArchiveError, match=r"spark-core_2.12-3.5.9.jar is not a JAR that can be read"):
            release_text(tmp_path)
