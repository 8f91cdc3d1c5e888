"""`upload-dist` with a small archive and a folder: what it says, writes, and leaves behind."""

from __future__ import annotations

import hashlib
import io
import json
import os
import re
import signal
import subprocess
import sys
import tarfile
from collections.abc import Callable
from pathlib import Path

import pytest

from sparkmesos_cli.main import run
from sparkmesos_core.dist.excludes import Excludes
from sparkmesos_core.dist.layout import folder_entries
from sparkmesos_core.dist.packing import pack
from sparkmesos_core.errors import ExitCode, UploadError
from sparkmesos_core.upload import targets
from tests.http_stub import Answer
from tests.servers.put_stub import Asked, put_stub
from tests.small_spark import small_spark, write_home
from tests.unit.upload.memory_target import MemoryTarget

NAME = "spark-3.5.9-bin-hadoop3.tgz"
TOP = "spark-3.5.9-bin-hadoop3"
CONTENT = {
    "RELEASE": b"Spark 3.5.9 built for Hadoop 3.3.4\n",
    "bin/spark-class": b"#!/bin/sh\n",
    "bin/spark-submit": b"#!/bin/sh\n",
    "bin/load-spark-env.sh": b"#!/bin/sh\n",
    "bin/find-spark-home": b"#!/bin/sh\n",
    "jars/spark-core_2.12-3.5.9.jar": b"core",
    "jars/spark-mesos_2.12-3.5.9.jar": b"mesos",
    "jars/spark-launcher_2.12-3.5.9.jar": b"launcher",
    "jars/mesos-1.4.3-shaded-protobuf.jar": b"mesos",
    "jars/scala-library-2.12.18.jar": b"scala",
    "jars/hadoop-client-api-3.3.4.jar": b"hadoop",
    "python/lib/pyspark.zip": b"python",
}


def write_archive(path: Path, *, without: tuple[str, ...] = (), more: dict[str, bytes] | None = None) -> Path:
    with tarfile.open(path, "w:gz") as tar:
        for name, content in {**CONTENT, **(more or {})}.items():
            if name in without:
                continue
            member = tarfile.TarInfo(f"{TOP}/{name}")
            member.size, member.mode = len(content), 0o755 if name.startswith("bin/") else 0o644
            tar.addfile(member, io.BytesIO(content))
    return path


@pytest.fixture
def archive(tmp_path: Path) -> Path:
    return write_archive(tmp_path / NAME)


@pytest.fixture(autouse=True)
def own_environment(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Nothing of this machine's, and a folder for temporary files."""
    for name in list(os.environ):
        if name.startswith(("SPARK", "AWS_", "HADOOP", "SOURCE_DATE_EPOCH")):
            monkeypatch.delenv(name)
    temporary = tmp_path / "temporary"
    temporary.mkdir()
    monkeypatch.setenv("TMPDIR", str(temporary))
    monkeypatch.setenv("HOME", str(tmp_path / "home"))
    monkeypatch.setattr("sys.stdin", None)
    return temporary


@pytest.fixture
def upload(own_environment: Path) -> Callable[..., int]:
    def call(*arguments: object, bridge: bool = False) -> int:
        code = run(["upload-dist", *([] if bridge else ["--no-bridge"]), *map(str, arguments)])
        assert list(own_environment.iterdir()) == []
        return code

    return call


def digest(path: Path) -> str:
    return hashlib.sha256(path.read_bytes()).hexdigest()


class TestUpload:
    def test_the_uri_alone_is_on_stdout(self, upload, archive: Path, tmp_path: Path, capsys) -> None:
        assert upload(archive, f"{tmp_path}/dist/") == 0
        out, err = capsys.readouterr()
        assert out == f"file://{tmp_path}/dist/{NAME}\n"
        uploaded = tmp_path / "dist" / NAME
        assert uploaded.read_bytes() == archive.read_bytes()
        assert (tmp_path / "dist" / f"{NAME}.sha256").read_text() == f"{digest(archive)}  {NAME}\n"
        assert "Spark 3.5.9, Scala 2.12.18, Hadoop 3.3.4, Mesos 1.4.3, without a bridge" in err
        assert "mount the same folder at the same path on each of them" in err
        assert f"spark.executor.uri                file://{tmp_path}/dist/{NAME}\n" in err
        assert "spark.mesos.fetcherCache.enable   true\n" in err
        assert f"export SPARK_EXECUTOR_URI=file://{tmp_path}/dist/{NAME}\n" in err

    def test_the_destination_gives_the_name(self, upload, archive: Path, tmp_path: Path, capsys) -> None:
        assert upload(archive, tmp_path / "dist" / "spark-mine.tgz") == 0
        assert capsys.readouterr().out == f"file://{tmp_path}/dist/spark-mine.tgz\n"
        with tarfile.open(tmp_path / "dist" / "spark-mine.tgz") as tar:
            assert {name.partition("/")[0] for name in tar.getnames()} == {"spark-mine"}
        assert (tmp_path / "dist" / "spark-mine.tgz.sha256").exists()

    def test_a_folder(self, upload, archive: Path, tmp_path: Path, capsys) -> None:
        with tarfile.open(archive) as tar:
            tar.extractall(tmp_path / "opt", filter="data")
        home = tmp_path / "opt" / TOP
        (home / "conf").mkdir()
        (home / "conf" / "spark-env.sh").write_text("PASSWORD=hush\n")
        (home / "notes.md").write_text("mine\n")
        assert upload("--exclude", "*.md", home, f"{tmp_path}/dist/") == 0
        assert "conf/" in capsys.readouterr().err
        with tarfile.open(tmp_path / "dist" / NAME) as tar:
            names = tar.getnames()
        assert f"{TOP}/bin/spark-class" in names
        assert not [name for name in names if name.endswith((".md", "/spark-env.sh"))]

    def test_a_checkout_is_built(self, upload, archive: Path, tmp_path: Path, capsys) -> None:
        checkout = tmp_path / "checkout"
        (checkout / "dev").mkdir(parents=True)
        (checkout / "pom.xml").write_text(
            "<artifactId>spark-parent_2.12</artifactId><version>3.5.9</version><id>mesos</id>"
        )
        script = checkout / "dev" / "make-distribution.sh"
        script.write_text(f'#!/bin/sh\necho "built with $*"\ncp {archive} {checkout}/{NAME}\n')
        script.chmod(0o755)
        options = ("--profile", "yarn", "--profile", "hive", "--maven-option", "-DskipTests")
        assert upload(*options, checkout, f"{tmp_path}/dist/") == 0
        out, err = capsys.readouterr()
        assert out == f"file://{tmp_path}/dist/{NAME}\n"
        (said,) = re.findall("^built with (.*)$", err, re.MULTILINE)
        assert {"-Pmesos", "-Pyarn", "-Phive", "-DskipTests"} <= set(said.split())
        assert (tmp_path / "dist" / NAME).read_bytes() == archive.read_bytes()

    def test_a_destination_that_refuses_is_known_before_a_build(
        self, upload, tmp_path: Path, monkeypatch, capsys
    ) -> None:
        checkout = tmp_path / "checkout"
        (checkout / "dev").mkdir(parents=True)
        (checkout / "pom.xml").touch()
        script = checkout / "dev" / "make-distribution.sh"
        script.write_text("#!/bin/sh\ntouch built\n")
        script.chmod(0o755)
        target = MemoryTarget(fails={"prepare": [UploadError("it says no")]})
        monkeypatch.setattr(targets, "open_target", lambda *_: target)
        assert upload(checkout, "https://r.example/d/") == ExitCode.FAILED
        assert "it says no" in capsys.readouterr().err
        assert not (checkout / "built").exists()
        assert target.calls == ["close", "prepare", "discard", "close"]

    def test_the_same_again_sends_nothing(self, upload, archive: Path, tmp_path: Path, capsys) -> None:
        upload(archive, f"{tmp_path}/dist/")
        before = (tmp_path / "dist" / NAME).stat().st_mtime_ns
        capsys.readouterr()
        assert upload(archive, f"{tmp_path}/dist/") == 0
        out, err = capsys.readouterr()
        assert out == f"file://{tmp_path}/dist/{NAME}\n"
        assert "The same content is there already" in err
        assert (tmp_path / "dist" / NAME).stat().st_mtime_ns == before

    def test_what_is_damaged_there_is_found_if_it_is_verified(
        self, upload, archive, tmp_path, capsys
    ) -> None:
        upload(archive, f"{tmp_path}/dist/")
        there = tmp_path / "dist" / NAME
        there.write_bytes(b"x" * archive.stat().st_size)
        os.utime(there, (1, 1))
        capsys.readouterr()
        assert upload(archive, f"{tmp_path}/dist/") == 0
        assert f"already, by its .sha256 and size: file://{there}\n" in capsys.readouterr().err
        assert upload("--verify", archive, f"{tmp_path}/dist/") == ExitCode.FAILED
        assert "there is another file" in capsys.readouterr().err
        assert upload("--force", archive, f"{tmp_path}/dist/") == 0
        capsys.readouterr()
        assert upload("--verify", "--output", "json", archive, f"{tmp_path}/dist/") == 0
        out, err = capsys.readouterr()
        assert f"The same content is there already: file://{there}\n" in err
        said = json.loads(out)["upload"]
        assert (said["uploaded"], said["read_back"]) == (False, True)

    def test_a_destination_that_refuses_is_known_before_packing(
        self, upload, archive: Path, tmp_path: Path, monkeypatch, capsys
    ) -> None:
        target = MemoryTarget(fails={"prepare": [UploadError("it says no")]})
        monkeypatch.setattr(targets, "open_target", lambda *_: target)
        assert upload(archive, "https://r.example/d/spark-mine.tgz") == ExitCode.FAILED
        err = capsys.readouterr().err
        assert "it says no" in err
        assert "Packing" not in err
        assert "Reading" not in err
        assert "SHA-256" not in err
        assert target.calls == ["close", "prepare", "discard", "close"]

    def test_the_uri_is_there_once_on_a_terminal(self, archive: Path, tmp_path: Path) -> None:
        controller, terminal = os.openpty()
        command = [sys.executable, "-m", "sparkmesos_cli", "upload-dist", "--no-bridge", str(archive)]
        try:
            process = subprocess.run(
                [*command, f"{tmp_path}/dist/"],
                stdout=terminal,
                stderr=subprocess.PIPE,
                text=True,
                timeout=60,
            )
            shown = os.read(controller, 65536).decode()
        finally:
            os.close(terminal)
            os.close(controller)
        assert shown == f"file://{tmp_path}/dist/{NAME}\r\n"
        assert "It is at:\n" in process.stderr.partition("On agents:")[0]

    def test_something_else_is_kept_unless_forced(self, upload, archive, tmp_path: Path, capsys) -> None:
        (tmp_path / "dist").mkdir()
        other = tmp_path / "dist" / NAME
        other.write_bytes(b"other")
        assert upload(archive, f"{tmp_path}/dist/") == ExitCode.FAILED
        out, err = capsys.readouterr()
        assert out == ""
        assert "there is another file" in err
        assert other.read_bytes() == b"other"
        assert upload("--force", archive, f"{tmp_path}/dist/") == 0
        assert "never ask for it again" in capsys.readouterr().err.partition("On agents:")[2]
        assert other.read_bytes() == archive.read_bytes()

    def test_json(self, upload, archive: Path, tmp_path: Path, capsys) -> None:
        assert upload("--output", "json", archive, f"{tmp_path}/dist/") == 0
        report = json.loads(capsys.readouterr().out)
        assert report["version"] == 1
        said = report["upload"]
        assert said["uri"] == said["stored_at"] == f"file://{tmp_path}/dist/{NAME}"
        assert (said["sha256"], said["size"]) == (digest(archive), archive.stat().st_size)
        assert (said["name"], said["uploaded"], said["made"], said["dry_run"]) == (NAME, True, False, False)
        assert (said["spark_version"], said["scala_version"], said["hadoop_version"]) == (
            "3.5.9",
            "2.12.18",
            "3.3.4",
        )
        assert said["presigned_until"] is None
        assert said["configuration"]["spark-env.sh"] == [f"export SPARK_EXECUTOR_URI={said['uri']}"]
        assert [line.split() for line in said["configuration"]["spark-defaults.conf"]] == [
            ["spark.executor.uri", said["uri"]],
            ["spark.mesos.fetcherCache.enable", "true"],
        ]

    def test_quiet(self, archive: Path, tmp_path: Path, capsys) -> None:
        assert run(["-q", "upload-dist", "--no-bridge", str(archive), f"{tmp_path}/dist/"]) == 0
        assert capsys.readouterr() == (f"file://{tmp_path}/dist/{NAME}\n", "")


class TestWhileItIsChecked:
    """An archive that was packed here is sent before all of it was read."""

    @pytest.fixture
    def packed(self, tmp_path: Path) -> Path:
        return self.pack(tmp_path)

    def pack(self, folder: Path, *, without: str = "") -> Path:
        files = {**small_spark(), "jars/zstd-jni-1.5.5.jar": os.urandom(3_000_000)}
        files.pop(without, None)
        home = write_home(folder / TOP, files)
        pack(folder_entries(home, Excludes()).entries, TOP, folder / NAME)
        return folder / NAME

    def test_what_is_said_in_which_order(self, upload, packed: Path, tmp_path: Path, capsys) -> None:
        assert upload(packed, f"{tmp_path}/dist/") == 0
        out, err = capsys.readouterr()
        assert out == f"file://{tmp_path}/dist/{NAME}\n"
        said = ["Uploading: ", "Verifying: ", f"{NAME}, as it is: Spark 3.5.9", "It is at", "On agents:"]
        assert sorted(said, key=err.index) == said
        assert (tmp_path / "dist" / NAME).read_bytes() == packed.read_bytes()

    def test_nothing_is_left_of_one_that_is_refused(self, upload, tmp_path: Path, capsys) -> None:
        broken = self.pack(tmp_path, without="bin/spark-class")
        with put_stub() as stub:
            assert upload("--output", "json", broken, f"http://{stub.address}/d/") == ExitCode.FAILED
            assert stub.files == {}
        out, err = capsys.readouterr()
        assert out == ""
        assert f"Executors could not run from {broken}: there is no bin/spark-class" in err
        assert "as it is:" not in err

    def test_nor_of_one_that_is_damaged(self, upload, packed: Path, tmp_path: Path, capsys) -> None:
        content = bytearray(packed.read_bytes())
        content[-6] ^= 1  # of the checksum
        packed.write_bytes(content)
        target = MemoryTarget()
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(targets, "open_target", lambda *_: target)
            assert upload("--resume", packed, "s3a://bucket/d/") == ExitCode.FAILED
        out, err = capsys.readouterr()
        assert out == ""
        assert "is damaged" in err
        assert "goes on from there" not in err
        assert (target.held, target.record, target.aside) == (None, None, None)
        assert "discard for good" in target.calls

    def test_one_that_needs_a_change_is_changed_and_sent_anew(
        self, upload, tmp_path: Path, monkeypatch, capsys
    ) -> None:
        archive = self.pack_with_examples(tmp_path)
        target = MemoryTarget(uri=f"https://r.example/d/{NAME}")
        monkeypatch.setattr(targets, "open_target", lambda *_: target)
        assert upload(archive, "https://r.example/d/") == 0
        out, err = capsys.readouterr()
        assert out == f"https://r.example/d/{NAME}\n"
        assert f"{NAME} needs a change first" in err
        assert f"{NAME}, made: " in err
        assert target.calls.count("publish") == 1
        assert target.held is not None
        with tarfile.open(fileobj=io.BytesIO(target.held.content)) as tar:
            assert not [name for name in tar.getnames() if "examples" in name]

    def pack_with_examples(self, folder: Path) -> Path:
        """An archive with a file that is left out now, and was not when it was packed."""
        home = write_home(folder / TOP, {**small_spark(), "examples/jars/x.jar": b"x"})
        pack(folder_entries(home, Excludes(defaults=False)).entries, TOP, folder / NAME)
        return folder / NAME

    def test_it_is_not_changed_for_a_destination_that_refuses(
        self, upload, tmp_path: Path, monkeypatch, capsys
    ) -> None:
        refused = UploadError("r.example refuses it (403)")
        # The first time, before anything is read, it is still well.
        target = MemoryTarget(fails={"prepare": [None, refused, refused]})
        monkeypatch.setattr(targets, "open_target", lambda *_: target)
        assert upload(self.pack_with_examples(tmp_path), "https://r.example/d/") == ExitCode.FAILED
        out, err = capsys.readouterr()
        assert out == ""
        assert "r.example refuses it (403)" in err
        assert "Packing" not in err

    def test_a_destination_that_refuses_is_known_before_it_is_read(
        self, upload, tmp_path: Path, monkeypatch, capsys
    ) -> None:
        broken = self.pack(tmp_path, without="bin/spark-class")
        target = MemoryTarget(fails={"prepare": [UploadError("it says no")]})
        monkeypatch.setattr(targets, "open_target", lambda *_: target)
        assert upload(broken, "https://r.example/d/") == ExitCode.FAILED
        assert "it says no" in capsys.readouterr().err
        assert target.calls == ["close", "prepare", "discard", "close"]

    def test_but_what_is_no_archive_is_known_before_that(self, upload, tmp_path: Path, capsys) -> None:
        text = tmp_path / NAME
        text.write_text("hello\n")
        with put_stub() as stub:
            assert upload(text, f"http://{stub.address}/d/") == ExitCode.FAILED
            assert stub.requests == []
        assert f"{text} is not a tar archive: " in capsys.readouterr().err

    def test_nothing_is_sent_if_there_is_no_java_for_its_bridge(
        self, upload, packed: Path, tmp_path: Path, monkeypatch, capsys
    ) -> None:
        target = MemoryTarget()
        monkeypatch.setattr(targets, "open_target", lambda *_: target)
        monkeypatch.setenv("JAVA_HOME", str(tmp_path / "nowhere"))
        monkeypatch.setenv("SPARKMESOS_CACHE_DIR", str(tmp_path / "cache"))
        assert upload(packed, "https://r.example/d/", bridge=True) != 0
        assert "is not a Java" in capsys.readouterr().err
        assert "send" not in target.calls

    @pytest.mark.parametrize("resume", [True, False])
    def test_an_interrupt(self, upload, packed: Path, monkeypatch, capsys, resume: bool) -> None:
        target = MemoryTarget(fails={"send": [KeyboardInterrupt()]})
        monkeypatch.setattr(targets, "open_target", lambda *_: target)
        code = upload(*(["--resume"] if resume else []), packed, "s3a://bucket/d/")
        assert code == ExitCode.INTERRUPTED
        assert ("the same command goes on from there" in capsys.readouterr().err) is resume
        assert (target.held, target.aside) == (None, None)

    @pytest.mark.parametrize("option", ["--check-only", "--dry-run"])
    def test_who_only_asks_sends_nothing(self, upload, packed: Path, option: str) -> None:
        with put_stub() as stub:
            assert upload(option, packed, f"http://{stub.address}/d/") == 0
            assert stub.requests == []

    def test_a_server_without_move_gets_nothing_before_the_check_is_over(
        self, upload, tmp_path: Path, capsys
    ) -> None:
        broken = self.pack(tmp_path, without="bin/spark-class")
        with put_stub(moves=False) as stub:
            assert upload(broken, f"http://{stub.address}/d/") == ExitCode.FAILED
            assert "PUT" not in stub.methods(f"/{NAME}")
            assert stub.files == {}


class TestRefusals:
    @pytest.mark.parametrize(
        ("arguments", "said"),
        [
            (["SOURCE"], "Missing argument 'DESTINATION'"),
            (["/no/such/spark", "/mnt/"], "/no/such/spark"),
            (["SOURCE", "gopher://x/"], "gopher:// is not known"),
            (["SOURCE", "s3a:///x.tgz"], "does not name a bucket"),
            (["--profile", "yarn", "SOURCE", "/mnt/"], "--profile is for a checkout"),
            (["--user", "me", "SOURCE", "/mnt/"], "--user means nothing"),
            (["--replace", "SOURCE", "/mnt/"], "--replace and --yes are about"),
            (["--exclude", "bin", "SOURCE", "/mnt/dist/"], "without which no executor starts"),
            (["SOURCE", "/mnt/dist/spark.zip"], "write a slash at its end: /mnt/dist/spark.zip/"),
            (["SOURCE", "http://r/dist"], "If dist is a folder, write a slash at its end: http://r/dist/"),
            (["SOURCE", "http://host:99999/y/"], "no HOST or HOST:PORT"),
            (["--endpoint-url", "foo", "SOURCE", "s3a://b/d/"], "foo"),
            (["--ca-file", "SOURCE", "SOURCE", "https://r/d/"], "holds no certificate"),
            (["http://h/x.tgz", "/mnt/"], "SOURCE is a URL, http://h/x.tgz: download it first"),
            (["--work-dir", "/no/such", "SOURCE", "/mnt/"], "--work-dir"),
            (["--check-only", "SOURCE", "gopher://x/"], "gopher:// is not known"),
            (
                ["--check-only", "--write-conf", "/conf", "SOURCE"],
                "--write-conf means nothing to --check-only",
            ),
            (["--check-only", "--user", "me", "SOURCE"], "--user means nothing to --check-only"),
            (["--dry-run", "--check-only", "SOURCE"], "--dry-run means nothing to --check-only"),
        ],
    )
    def test_mistakes(self, upload, archive: Path, arguments: list[str], said: str, capsys) -> None:
        code = upload(*(str(archive) if word == "SOURCE" else word for word in arguments))
        out, err = capsys.readouterr()
        assert said in err
        assert out == ""
        assert code in (ExitCode.USAGE, ExitCode.FAILED)
        assert "Packing" not in err
        assert "Reading" not in err or "no executor starts" in said
        assert "Traceback" not in err

    def test_an_archive_that_executors_could_not_run_from(self, upload, tmp_path: Path, capsys) -> None:
        broken = write_archive(tmp_path / NAME, without=("bin/spark-class",))
        assert upload(broken, f"{tmp_path}/dist/") == ExitCode.FAILED
        out, err = capsys.readouterr()
        assert "bin/spark-class" in err
        assert out == ""
        assert not (tmp_path / "dist").exists()

    def test_a_password_in_the_url_is_not_shown(self, upload, archive: Path, capsys, monkeypatch) -> None:
        target = MemoryTarget(fails={"prepare": [UploadError("it says no")]})
        monkeypatch.setattr(targets, "open_target", lambda *_: target)
        assert upload(archive, "https://me:hush@r.example/d/") == ExitCode.FAILED
        assert "hush" not in "".join(capsys.readouterr())

    @pytest.mark.parametrize("source", ["http://ci:hush@h/x.tgz", "https://ci:hu/sh@h/x.tgz?sig=hush"])
    def test_nor_is_one_in_the_place_of_the_source(self, upload, source: str, capsys) -> None:
        assert upload(source, "/mnt/dist/") == ExitCode.USAGE
        err = capsys.readouterr().err
        assert "SOURCE is a URL, http" in err
        assert not re.search("hu|sh@|ci:", err)

    def test_a_password_that_was_typed_is_warned_about(self, upload, archive: Path, capsys) -> None:
        assert upload("--dry-run", archive, "https://me:hush@r.example/d/") == 0
        assert "shows the password in the destination's URL" in capsys.readouterr().err
        assert upload("--dry-run", archive, "https://me@r.example/d/") == 0
        assert "list of processes" not in capsys.readouterr().err

    def test_dry_runs_do_not_show_it_either(self, upload, archive: Path, capsys) -> None:
        assert upload("--dry-run", archive, "https://me:hush@r.example/d/") == 0
        out, err = capsys.readouterr()
        assert out == f"https://r.example/d/{NAME}\n"
        assert "hush" not in err
        assert "They send no credentials" in err


class TestCheckOnly:
    def test_what_is_in_it(self, upload, archive: Path, capsys) -> None:
        assert upload("--check-only", archive) == 0
        rows = [line.split("\t") for line in capsys.readouterr().out.splitlines()]
        facts = {row[0]: row[1] for row in rows if len(row) == 2}
        assert facts["Name"] == NAME
        assert (facts["Spark"], facts["Scala"], facts["Mesos support"]) == ("3.5.9", "2.12.18", "yes")
        assert (facts["Bridge"], facts["Top folder"]) == ("no", TOP)

    def test_spark_4_has_no_row_for_mesos_that_it_lacks(self, upload, tmp_path: Path, capsys) -> None:
        home = write_home(tmp_path / "spark-4.3.0-bin-hadoop3", small_spark("4.3.0", "2.13"))
        assert upload("--check-only", home) == 0
        rows = [line.split("\t") for line in capsys.readouterr().out.splitlines()]
        facts = {row[0]: row[1] for row in rows if len(row) == 2}
        assert (facts["Spark"], facts["Mesos support"], "Mesos" in facts) == ("4.3.0", "by the bridge", False)

    def test_what_is_wrong_with_it(self, upload, tmp_path: Path, capsys) -> None:
        broken = write_archive(
            tmp_path / NAME, without=("bin/spark-class", "jars/mesos-1.4.3-shaded-protobuf.jar")
        )
        assert upload("--check-only", broken, "/mnt/dist/") == ExitCode.FAILED
        out, err = capsys.readouterr()
        errors = [line for line in out.splitlines() if line.startswith("error\t")]
        assert len(errors) >= 2
        assert "errors" in err

    def test_the_name_that_the_destination_gives(self, upload, archive: Path, capsys) -> None:
        assert upload("--check-only", "--output", "json", archive, "s3a://b/d/spark.zip") == ExitCode.FAILED
        report = json.loads(capsys.readouterr().out)["archive"]
        assert report["name"] == "spark.zip"
        assert report["kind"] == "archive"
        assert [one for one in report["findings"] if one["severity"] == "error"]

    def test_nothing_is_made(self, upload, archive: Path, tmp_path: Path) -> None:
        before = {path: path.stat().st_mtime_ns for path in tmp_path.rglob("*")}
        assert upload("--check-only", archive, f"{tmp_path}/dist/") == 0
        assert {path: path.stat().st_mtime_ns for path in tmp_path.rglob("*")} == before

    def test_on_a_terminal(self, archive: Path) -> None:
        broken = write_archive(archive, without=("bin/spark-class",))
        controller, terminal = os.openpty()
        try:
            process = subprocess.run(
                [sys.executable, "-m", "sparkmesos_cli", "upload-dist", "--check-only", str(broken)],
                stdout=terminal,
                stderr=subprocess.PIPE,
                env={**os.environ, "NO_COLOR": "1", "COLUMNS": "120", "TERM": "xterm"},
                timeout=60,
            )
            shown = os.read(controller, 65536).decode()
        finally:
            os.close(terminal)
            os.close(controller)
        assert process.returncode == ExitCode.FAILED
        assert re.search(r"Spark +3\.5\.9", shown)
        assert "Errors\r\n" in shown


class TestDryRun:
    def test_it_says_what_would_be_done(self, upload, archive: Path, tmp_path: Path, capsys) -> None:
        assert upload("--dry-run", archive, f"{tmp_path}/dist/") == 0
        out, err = capsys.readouterr()
        assert out == f"file://{tmp_path}/dist/{NAME}\n"
        assert f"would be put at file://{tmp_path}/dist/{NAME}." in err
        assert not (tmp_path / "dist").exists()

    def test_of_the_configuration_too(self, upload, archive: Path, tmp_path: Path, capsys) -> None:
        conf = tmp_path / "conf"
        assert upload("--dry-run", "--write-conf", conf, archive, "hdfs://n/d/") == 0
        out, err = capsys.readouterr()
        assert out == f"hdfs://n/d/{NAME}\n"
        assert "+spark.executor.uri" in err
        assert not conf.exists()

    def test_of_what_would_be_refused(self, upload, tmp_path: Path, capsys) -> None:
        broken = write_archive(tmp_path / NAME, without=("bin/spark-class",))
        assert upload("--dry-run", broken, "hdfs://n/d/") == ExitCode.FAILED
        out, err = capsys.readouterr()
        assert out == ""
        assert f"Executors could not run from {broken}: there is no bin/spark-class" in err

    @pytest.mark.parametrize("variable", ["AWS_ENDPOINT_URL", "AWS_ENDPOINT_URL_S3"])
    def test_of_a_server_that_the_aws_tools_know(
        self, upload, archive: Path, monkeypatch, capsys, variable: str
    ) -> None:
        monkeypatch.setenv(variable, "http://minio.example:9000")
        assert upload("--dry-run", "--acl", "public-read", archive, "s3a://b/d/") == 0
        assert f"without one use http://minio.example:9000/b/d/{NAME}" in capsys.readouterr().err


class TestWriteConf:
    @pytest.fixture
    def conf(self, tmp_path: Path) -> Path:
        return tmp_path / "conf"

    def test_both_files(self, upload, archive: Path, tmp_path: Path, conf: Path, capsys) -> None:
        assert upload("--write-conf", conf, "--yes", archive, f"{tmp_path}/dist/") == 0
        out, err = capsys.readouterr()
        uri = f"file://{tmp_path}/dist/{NAME}"
        assert out == f"{uri}\n"
        assert "+export SPARK_EXECUTOR_URI=" in err
        assert (conf / "spark-defaults.conf").read_text().split() == [
            *("spark.executor.uri", uri, "spark.mesos.fetcherCache.enable", "true")
        ]
        assert (conf / "spark-env.sh").read_text() == f"export SPARK_EXECUTOR_URI={uri}\n"

    def test_what_is_there_stays(self, upload, archive: Path, tmp_path: Path, conf: Path, capsys) -> None:
        conf.mkdir()
        defaults = conf / "spark-defaults.conf"
        defaults.write_text(
            "# mine\nspark.executor.uri http://old/s.tgz\nspark.mesos.fetcherCache.enable false\n"
        )
        arguments = ("--write-conf", conf, "--yes", archive, f"{tmp_path}/dist/")
        assert upload(*arguments) == ExitCode.FAILED
        out, err = capsys.readouterr()
        assert out != ""
        assert "kept (--replace replaces it)" in err
        assert "http://old" in defaults.read_text()
        assert upload("--replace", *arguments) == 0
        text = defaults.read_text()
        assert "http://old" not in text
        assert text.startswith("# mine\nspark.executor.uri ")
        assert "spark.mesos.fetcherCache.enable false\n" in text

    def test_nothing_but_what_stays(self, upload, archive: Path, tmp_path: Path, conf: Path, capsys) -> None:
        upload("--write-conf", conf, "--yes", archive, f"{tmp_path}/dist/")
        capsys.readouterr()
        other = ("--write-conf", conf, "--yes", archive, f"{tmp_path}/other/")
        assert upload(*other) == ExitCode.FAILED
        assert capsys.readouterr().err.endswith(f"Kept {conf} as it is.\n")

    def test_nobody_to_ask_is_known_before_the_upload(self, upload, archive, tmp_path: Path, conf) -> None:
        assert upload("--write-conf", conf, archive, f"{tmp_path}/dist/") == ExitCode.USAGE
        assert not (tmp_path / "dist").exists()

    def test_so_is_a_file_that_cannot_be_changed(self, upload, archive, tmp_path: Path, conf, capsys) -> None:
        conf.mkdir()
        (conf / "spark-env.sh").write_text("A='\n")
        code = upload("--write-conf", conf, "--yes", archive, f"{tmp_path}/dist/")
        assert code == ExitCode.USAGE
        assert "spark-env.sh" in capsys.readouterr().err
        assert not (tmp_path / "dist").exists()

    @pytest.mark.parametrize(("typed", "code"), [(b"y\n", 0), (b"n\n", ExitCode.FAILED)])
    def test_a_person_is_asked(self, archive, tmp_path: Path, conf: Path, typed: bytes, code: int) -> None:
        person, terminal = os.openpty()
        command = [sys.executable, "-m", "sparkmesos_cli", "upload-dist", "--no-bridge"]
        try:
            os.write(person, typed)
            process = subprocess.run(
                [*command, "--write-conf", str(conf), str(archive), f"{tmp_path}/dist/"],
                stdin=terminal,
                capture_output=True,
                text=True,
                timeout=60,
            )
        finally:
            os.close(person)
            os.close(terminal)
        assert process.returncode == code, process.stderr
        assert process.stdout == f"file://{tmp_path}/dist/{NAME}\n"
        assert "Write this? [y/N]:" in process.stderr
        assert conf.exists() is (code == 0)


class TestPresigned:
    @pytest.fixture
    def target(self, monkeypatch: pytest.MonkeyPatch) -> MemoryTarget:
        target = MemoryTarget(uri=f"s3a://bucket/d/{NAME}")
        monkeypatch.setattr(targets, "open_target", lambda *_: target)
        monkeypatch.setenv("AWS_ACCESS_KEY_ID", "key")
        monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "hush")
        monkeypatch.setenv("AWS_REGION", "us-east-1")
        monkeypatch.setenv("AWS_CONFIG_FILE", os.devnull)
        monkeypatch.setenv("AWS_SHARED_CREDENTIALS_FILE", os.devnull)
        return target

    ENDPOINT = ("--endpoint-url", "http://s3.example:9000", "--presign", "2h")

    def test_the_url_is_what_comes_out(self, upload, archive: Path, target: MemoryTarget, capsys) -> None:
        assert upload(*self.ENDPOINT, archive, "s3a://bucket/d/") == 0
        out, err = capsys.readouterr()
        assert out.startswith(f"http://s3.example:9000/bucket/d/{NAME}?")
        assert out.endswith(f"/{NAME}\n")
        assert target.held is not None
        signature = re.search("X-Amz-Signature=([0-9a-f]+)", out)
        assert signature is not None
        assert signature[1] not in err
        assert "fetcherCache" not in err
        assert "*** stands for what only stdout has" in err
        assert "so can everybody else" in err

    def test_json(self, upload, archive: Path, target: MemoryTarget, capsys) -> None:
        assert upload(*self.ENDPOINT, "--output", "json", archive, "s3a://bucket/d/") == 0
        said = json.loads(capsys.readouterr().out)["upload"]
        assert said["stored_at"] == f"s3a://bucket/d/{NAME}"
        assert said["uri"].startswith("http://s3.example")
        assert said["presigned_until"].endswith("+00:00")

    def test_it_is_written_for_nobody_else_to_read(
        self, upload, archive: Path, tmp_path: Path, target: MemoryTarget, capsys
    ) -> None:
        conf = tmp_path / "conf"
        assert upload(*self.ENDPOINT, "--write-conf", conf, "--yes", archive, "s3a://bucket/d/") == 0
        out, err = capsys.readouterr()
        assert f"spark.executor.uri                {out}" in (conf / "spark-defaults.conf").read_text()
        assert all(path.stat().st_mode & 0o077 == 0 for path in conf.iterdir())
        assert "X-Amz-Signature=***" in err
        shell = f". {conf}/spark-env.sh; printf '%s\\n' \"$SPARK_EXECUTOR_URI\""
        assert subprocess.run(["sh", "-c", shell], capture_output=True, text=True, check=True).stdout == out


class TestInterrupted:
    def test_nothing_is_left(self, archive: Path, tmp_path: Path, own_environment: Path) -> None:
        """SIGTERM while it waits for a server, with an archive that it has made."""

        def busy(asked: Asked) -> Answer | None:
            # The first is that of the probe, before there is an archive.
            return Answer(503) if asked.method == "PUT" and asked.number else None

        with put_stub(busy) as stub:
            self.interrupt(archive, tmp_path, own_environment, f"http://{stub.address}/d/")
            assert stub.files == {}

    def interrupt(self, archive: Path, tmp_path: Path, own_environment: Path, destination: str) -> None:
        home = tmp_path / "opt"
        with tarfile.open(archive) as tar:
            tar.extractall(home, filter="data")
        process = subprocess.Popen(
            [
                *(sys.executable, "-m", "sparkmesos_cli", "upload-dist", "--no-bridge"),
                *(str(home / TOP), destination),
            ],
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
        assert process.stderr is not None
        try:
            for line in process.stderr:
                if "trying again in" in line:
                    assert list(own_environment.rglob("*.tgz"))
                    process.send_signal(signal.SIGTERM)
                    break
            out, err = process.communicate(timeout=30)
        finally:
            process.kill()
            process.wait()
        assert process.returncode == ExitCode.INTERRUPTED
        assert out == ""
        assert "Traceback" not in err
        assert list(own_environment.iterdir()) == []

    @pytest.mark.parametrize("resume", [True, False])
    def test_what_can_go_on_is_said(self, upload, archive: Path, monkeypatch, capsys, resume: bool) -> None:
        target = MemoryTarget(fails={"send": [KeyboardInterrupt()]})
        monkeypatch.setattr(targets, "open_target", lambda *_: target)
        code = upload(*(["--resume"] if resume else []), archive, "s3a://bucket/d/")
        assert code == ExitCode.INTERRUPTED
        assert ("the same command goes on from there" in capsys.readouterr().err) is resume
        assert "discard" in target.calls


class TestTemporaryFolder:
    @pytest.mark.skipif(not Path("/proc/self").is_dir(), reason="no folder that root cannot write to")
    def test_one_that_cannot_be_written_to(self, archive: Path, capsys) -> None:
        code = run(["upload-dist", "--no-bridge", "--work-dir", "/proc/self", str(archive), "/mnt/dist/"])
        assert code == ExitCode.FAILED
        assert "no folder for the archive can be made in /proc/self" in capsys.readouterr().err

    def test_one_that_is_not_there(self, archive: Path, tmp_path: Path, monkeypatch) -> None:
        monkeypatch.setenv("TMPDIR", str(tmp_path / "gone"))
        assert run(["upload-dist", "--no-bridge", str(archive), f"{tmp_path}/dist/"]) == 0


def test_no_heavy_imports_for_a_folder(archive: Path, tmp_path: Path) -> None:
    program = (
        "import sys; from sparkmesos_cli.main import run\n"
        f"assert run(['upload-dist', '--no-bridge', {str(archive)!r}, {str(tmp_path) + '/dist/'!r}]) == 0\n"
        "print(*sys.modules, file=sys.stderr)"
    )
    process = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    loaded = set(process.stderr.splitlines()[-1].split())
    assert not loaded & {"requests", "rich", "boto3", "botocore", "hdfs", "kazoo", "starlette", "asyncio"}
    assert process.stdout.startswith("file://")
