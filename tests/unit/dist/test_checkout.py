from __future__ import annotations

import contextlib
import os
import signal
import tarfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from sparkmesos_core.dist.checkout import build_distribution, is_checkout
from sparkmesos_core.errors import ArchiveError, UsageError
from sparkmesos_core.spark.home import find_spark
from tests.ended_processes import await_end
from tests.spark_checkout import make_checkout, make_checkout_of

PACK = "tar czf spark-3.5.9-bin-x.tgz dev"
ENVIRONMENT = {"PATH": os.environ["PATH"]}


class Build:
    """Runs the script of a checkout and remembers what it printed."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.log = folder / "logs" / "build.log"
        self.printed: list[str] = []

    def of(self, script: str, *arguments: str) -> Path:
        return self.run(make_checkout(self.folder / "spark", script), *arguments)

    def run(self, checkout: Path, *arguments: str) -> Path:
        return build_distribution(checkout, arguments, self.log, ENVIRONMENT, self.printed.append)


@pytest.fixture
def build(tmp_path: Path) -> Build:
    return Build(tmp_path)


@pytest.fixture
def started(tmp_path: Path) -> Iterator[Path]:
    """The file to which scripts write the ids of processes that they start; what is left of these is ended."""
    file = tmp_path / "started"
    yield file
    for number in file.read_text().split():
        with contextlib.suppress(ProcessLookupError):
            os.kill(int(number), signal.SIGKILL)


def test_a_checkout_is_known_by_its_script(tmp_path: Path) -> None:
    assert is_checkout(make_checkout(tmp_path / "spark", ""))
    assert not is_checkout(tmp_path)


def test_the_archive_that_is_made_is_found(build: Build) -> None:
    assert build.of(PACK) == build.folder / "spark" / "spark-3.5.9-bin-x.tgz"
    assert not build.log.exists()


def test_archives_of_earlier_builds_are_not_taken_for_it(build: Build) -> None:
    checkout = make_checkout(build.folder / "spark", PACK)
    (checkout / "spark-3.5.8-bin-old.tgz").write_bytes(b"old")
    assert build.run(checkout).name == "spark-3.5.9-bin-x.tgz"
    # In the place of the one that is there by now.
    assert build.run(checkout).name == "spark-3.5.9-bin-x.tgz"


def test_its_own_options_come_first_and_then_those_of_maven(build: Build) -> None:
    show = 'printf "<%s>" "$@"; echo; ' + PACK
    build.of(show, "-Pyarn", "--name", "my name", "--r", "-DskipTests", "--tgz", "-Phive,kinesis")
    assert build.printed == ["<--tgz><--name><my name><--r><-Pmesos><-Pyarn><-DskipTests><-Phive,kinesis>"]


def test_the_profile_of_mesos_is_given_once_and_where_there_is_one(build: Build) -> None:
    show = 'printf "<%s>" "$@"; echo; ' + PACK
    build.of(show, "-Pyarn", "-Pmesos")
    build.run(make_checkout(build.folder / "old", show, version="2.0.2", profiles=""))
    assert build.printed == ["<--tgz><-Pyarn><-Pmesos>", "<--tgz>"]


def test_it_runs_in_the_environment_that_is_given_and_reads_nothing(
    build: Build, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SECRET_OF_OURS", "1")
    build.of('echo "$SECRET_OF_OURS"; read -r line || echo nothing; pwd; ' + PACK)
    assert build.printed == ["", "nothing", str(build.folder / "spark")]


def test_what_it_prints_is_told_as_it_comes_fit_for_a_terminal(build: Build) -> None:
    build.of(r"printf 'a\r\n'; printf '\033[31mred\xff\n' >&2; printf 'tab\tend'; " + PACK)
    assert build.printed == ["a", "\\x1b[31mred\N{REPLACEMENT CHARACTER}", "tab\tend"]


def test_a_long_line_is_told_whole(build: Build) -> None:
    build.of("head -c 200000 /dev/zero | tr '\\0' x; echo; echo end; " + PACK)
    assert build.printed == ["x" * 200_000, "end"]


def test_spark_4_is_built_without_a_profile_that_it_does_not_have(build: Build) -> None:
    yarn = "<profile><id>yarn</id></profile>"
    script = f'echo "$*"; {PACK}'
    checkout = make_checkout(build.folder / "spark", script, version="4.1.0-SNAPSHOT", profiles=yarn)
    assert build.run(checkout, "-Pyarn").is_file()
    assert build.printed == ["--tgz -Pyarn"]


def test_an_option_without_its_value_is_refused(build: Build) -> None:
    with pytest.raises(UsageError, match=r"--name of dev/make-distribution\.sh needs a value"):
        build.of(PACK, "-Pyarn", "--name")


def test_a_failure_shows_the_last_lines_and_keeps_all(build: Build) -> None:
    with pytest.raises(ArchiveError) as error:
        build.of("seq 1 100; echo 'Error: JAVA_HOME is not set' >&2; exit 7")
    first, *lines = error.value.message.splitlines()
    assert first.endswith("/spark failed (exit code 7):")
    assert lines == [*map(str, range(87, 101)), "Error: JAVA_HOME is not set"]
    assert str(build.log) in error.value.hint
    assert build.log.read_text().startswith("1\n2\n")


def test_a_script_that_is_killed(build: Build) -> None:
    with pytest.raises(ArchiveError, match=r"failed \(signal 9\)"):
        build.of("kill -9 $$")


def test_no_archive(build: Build) -> None:
    with pytest.raises(ArchiveError, match="but there are new: none"):
        build.of("true")
    assert build.log.exists()


def test_two_archives(build: Build) -> None:
    with pytest.raises(ArchiveError, match=r"but there are new: a\.tgz, b\.tgz"):
        build.of("touch a.tgz b.tgz")


def test_a_script_that_may_not_be_run(build: Build) -> None:
    checkout = make_checkout(build.folder / "spark", PACK, mode=0o644)
    with pytest.raises(ArchiveError, match=r"make-distribution\.sh cannot be run: Permission denied"):
        build.run(checkout)


def test_servers_that_it_leaves_behind_are_not_waited_for(build: Build, started: Path) -> None:
    # As older releases leave their incremental compiler.
    build.of(f"sleep 1000 & echo $! > {started}; {PACK}")
    os.kill(int(started.read_text()), 0)


@pytest.mark.parametrize("trap", ["", "trap '' TERM"], ids=["obedient", "stubborn"])
def test_an_interrupt_ends_it_with_all_that_it_has_started(
    build: Build, started: Path, trap: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("sparkmesos_core.dist.checkout._GRACE_SECONDS", 0.1)

    def interrupt(line: str) -> None:
        raise KeyboardInterrupt

    script = f"{trap}\nsleep 1000 & echo $$ $! > {started}; echo ready; wait; sleep 1000"
    checkout = make_checkout(build.folder / "spark", script)
    with pytest.raises(KeyboardInterrupt):
        build_distribution(checkout, [], build.log, ENVIRONMENT, interrupt)
    script_id, child_id = map(int, started.read_text().split())
    await_end(script_id)
    await_end(child_id)


def test_a_real_spark_is_packed(build: Build) -> None:
    home = find_spark(None, {}).path
    archive = build.run(make_checkout_of(home, build.folder / "spark"), "--name", "mine", "-Pyarn")
    assert build.printed == ["Building with Maven: -Pmesos -Pyarn"]
    with tarfile.open(archive) as tar:
        names = set(tar.getnames())
    jars = {f"spark-3.5.9-bin-mine/jars/{jar.name}" for jar in (home / "jars").iterdir()}
    assert jars <= names
    assert {name for name in names if "/" not in name} == {"spark-3.5.9-bin-mine"}
    assert {"spark-3.5.9-bin-mine/RELEASE", "spark-3.5.9-bin-mine/bin/spark-class"} <= names
