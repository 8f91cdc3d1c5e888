"""An archive of Spark that agents cannot fetch, or executors cannot run from: on real servers."""

from __future__ import annotations

import json
import os
import re
import time
import zipfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from sparkmesos_core.localcluster.cluster import AgentSpec, RunningCluster
from sparkmesos_core.preflight.this_machine import ThisMachine, this_machine
from sparkmesos_core.spark.home import find_spark
from tests.integration.commands import Commands
from tests.integration.verify.conftest import NewCluster
from tests.integration.verify.made_up_spark import NAME, VERSION, make_archive
from tests.integration.verify.verifying import SOUND, Report, verify
from tests.servers.nginx import nginx_server
from tests.servers.s3 import rclone_s3, set_aws_environment

CACHED = ("--conf", "spark.mesos.fetcherCache.enable=true")
OTHER = "spark-3.4.4-bin-hadoop3"
SEVERAL_MB = 3_000_000


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """What is served."""
    folder = tmp_path_factory.mktemp("dist")
    files = {
        f"{NAME}.tgz": make_archive(),
        "other.tgz": make_archive(),
        f"{OTHER}.tgz": make_archive(OTHER, release="Spark 3.4.4 built for Hadoop 3.3.4\n"),
        "spark-plain.tgz": make_archive("spark-plain", modes={"spark-class": 0o644}),
        "spark-large.tgz": make_archive("spark-large", size=SEVERAL_MB, mode="w"),
        "page.tgz": b"<!DOCTYPE html><title>Log in</title>",
        "data.txt": b"data",
    }
    for name, content in files.items():
        (folder / name).write_bytes(content)
    return folder


@pytest.fixture(scope="module")
def served(module_commands: Commands, folder: Path) -> Iterator[str]:
    """`sparkmesos serve-dist` of the folder, without a slash at the end."""
    process = module_commands.start("serve-dist", "--port", "0", str(folder))
    assert process.stdout is not None
    yield process.stdout.readline().strip().rstrip("/")
    process.terminate()
    process.communicate(timeout=20)


def check(cluster: RunningCluster, uri: str, *arguments: str, **environment: str) -> Report:
    conf = ("--conf", f"spark.executor.uri={uri}") if uri else ()
    return verify("--master", cluster.url, *SOUND, *conf, *arguments, environment=environment)


def assert_sound(report: Report) -> None:
    assert report.failing() == set(), report
    assert report.follows() == {}, report


@pytest.fixture
def agents_elsewhere(new_cluster: NewCluster, monkeypatch: pytest.MonkeyPatch) -> RunningCluster:
    """An agent at an address of this machine, which does not know that it has it."""
    outer = [one for one in this_machine().outer if ":" not in one]
    if not outer:
        pytest.skip("this machine has no address but loopback")
    for module in ("preflight.driver_host", "verify.facts.distribution"):
        monkeypatch.setattr(
            f"sparkmesos_core.{module}.this_machine", lambda: ThisMachine(outer=("192.0.2.78",))
        )
    return new_cluster(host=outer[0], agents=(AgentSpec(),))


def test_all_is_well(cluster: RunningCluster, served: str) -> None:
    report = check(cluster, f"{served}/{NAME}.tgz", *CACHED)
    assert_sound(report)
    for name in ("uri-name", "uri-scheme", "uri-host", "uri-reachable", "uri-type", "uri-size", "uri-cache"):
        assert report.status(name) == "ok", report
    assert report.seen("uri-layout") == "all of it fits `cd NAME*`"
    assert report.seen("uri-version") == f"Spark {VERSION}, as RELEASE tells"
    assert "bin/spark-class" in report.seen("uri-programs")


def test_a_path_of_this_machine_and_its_agents(cluster: RunningCluster, folder: Path) -> None:
    assert_sound(check(cluster, str(folder / f"{NAME}.tgz")))
    report = check(cluster, f"file://{folder}/no.tgz")
    assert report.failing() == {"uri-reachable"}, report
    assert report.message("uri-reachable").endswith("no.tgz does not exist")


@pytest.mark.breaks("executor-uri-agrees")
def test_a_variable_that_names_another_archive(cluster: RunningCluster, served: str) -> None:
    uri = f"{served}/{NAME}.tgz"
    report = check(cluster, uri, SPARK_EXECUTOR_URI=f"{served}/other.tgz")
    assert report.failing() == {"executor-uri-agrees"}, report
    assert report.message("executor-uri-agrees").startswith(
        "SPARK_EXECUTOR_URI and spark.executor.uri name different archives"
    )
    assert report.hint("executor-uri-agrees") == "Make them equal, or unset one."
    assert_sound(check(cluster, uri, SPARK_EXECUTOR_URI=uri))
    assert_sound(check(cluster, "", SPARK_EXECUTOR_URI=uri))


@pytest.mark.breaks("executor-home")
def test_agents_without_spark(cluster: RunningCluster, tmp_path: Path) -> None:
    home = tmp_path / "opt" / "spark"
    report = check(cluster, "", "--conf", f"spark.mesos.executor.home={home}")
    assert report.failing() == report.errors() == {"executor-home"}, report
    assert f"started by {home}/bin/spark-class, which is not there" in report.message("executor-home")
    assert "set spark.executor.uri" in report.hint("executor-home")
    real = find_spark(None, {}).path
    assert_sound(check(cluster, "", "--conf", f"spark.mesos.executor.home={real}"))


@pytest.mark.breaks("uri-name")
def test_a_name_that_is_not_unpacked(cluster: RunningCluster, served: str) -> None:
    report = check(cluster, f"{served}/{NAME}.tgz?version=1")
    assert report.failing() == {"uri-name"}, report
    assert "is not unpacked on agents" in report.message("uri-name")
    assert report.hint("uri-name").endswith("serve it without a query.")
    assert_sound(check(cluster, f"{served}/{NAME}.tgz"))


@pytest.mark.breaks("uri-scheme")
def test_a_uri_that_the_fetcher_misunderstands(cluster: RunningCluster, folder: Path) -> None:
    report = check(cluster, f"file:{folder}/{NAME}.tgz")
    assert report.failing() == report.errors() == {"uri-scheme"}, report
    assert "it takes it for a relative path" in report.message("uri-scheme")
    assert report.hint("uri-scheme").startswith(f"Write file://{folder}/{NAME}.tgz")
    assert_sound(check(cluster, f"file://{folder}/{NAME}.tgz"))


@pytest.mark.breaks("uri-host")
def test_a_server_on_loopback(
    agents_elsewhere: RunningCluster, module_commands: Commands, folder: Path, served: str
) -> None:
    host = agents_elsewhere.http_url.removeprefix("http://").rpartition(":")[0]
    driver = ("--conf", f"spark.driver.host={host}", "--conf", "spark.driver.bindAddress=0.0.0.0")
    report = check(agents_elsewhere, f"{served}/{NAME}.tgz", *driver)
    assert report.failing() == {"uri-host"}, report
    assert "is of this machine's loopback, and other machines" in report.message("uri-host")
    assert report.hint("uri-host") == "Give the name or address of the server that agents reach."
    # What is missing here may be on the loopback of each agent.
    missing = check(agents_elsewhere, f"{served}/no.tgz", *driver)
    assert missing.failing() == {"uri-host"}, missing
    assert "on their own loopback" in missing.seen("uri-reachable")
    process = module_commands.start("serve-dist", "--host", host, "--port", "0", str(folder))
    try:
        assert process.stdout is not None
        reached = process.stdout.readline().strip().rstrip("/")
        assert_sound(check(agents_elsewhere, f"{reached}/{NAME}.tgz", *driver))
    finally:
        process.terminate()
        process.communicate(timeout=20)


@pytest.mark.breaks("uri-reachable")
def test_an_archive_that_is_not_there(cluster: RunningCluster, served: str, folder: Path) -> None:
    uri = f"{served}/spark-{VERSION}.tgz"
    report = check(cluster, uri)
    assert report.failing() == report.errors() == {"uri-reachable"}, report
    assert report.message("uri-reachable") == f"The executors' archive {uri} answers 404 Not Found"
    assert report.hint("uri-reachable") == "Put the file there, or correct the URI."
    followers = {name for name, root in report.follows().items() if root == "uri-reachable"}
    assert followers == {
        *(
            "uri-type",
            "uri-size",
            "uri-fetch-time",
            "uri-cache",
            "uri-changed",
            "uri-layout",
            "uri-programs",
            "uri-version",
        )
    }
    archive = folder / f"spark-{VERSION}.tgz"
    archive.write_bytes(make_archive(f"spark-{VERSION}"))
    try:
        assert_sound(check(cluster, uri))
    finally:
        archive.unlink()


@pytest.mark.breaks("uri-reachable")
def test_a_server_that_does_not_run(cluster: RunningCluster, refusing_port: int) -> None:
    report = check(cluster, f"http://127.0.0.1:{refusing_port}/{NAME}.tgz")
    assert report.failing() == report.errors() == {"uri-reachable"}, report
    assert report.message("uri-reachable").endswith("cannot be reached: the connection is refused")
    assert report.hint("uri-reachable") == (
        "Check that the server is running; if agents reach it, add --skip uri-reachable."
    )
    assert report.seen("uri-version") == "it cannot be looked at from here: see uri-reachable"
    assert_sound(check(cluster, f"http://127.0.0.1:{refusing_port}/{NAME}.tgz", "--skip", "uri-reachable"))


@pytest.mark.breaks("uri-reachable")
def test_s3(cluster: RunningCluster, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    bucket = tmp_path / "bucket"
    bucket.mkdir()
    (bucket / f"{NAME}.tgz").write_bytes(make_archive())
    with rclone_s3(tmp_path) as s3:
        environment = s3.environment()
        set_aws_environment(monkeypatch, environment)
        report = check(cluster, f"s3a://bucket/{OTHER}.tgz")
        assert report.failing() == {"uri-reachable"}, report
        assert report.message("uri-reachable").endswith(f"s3a://bucket/{OTHER}.tgz does not exist")
        assert report.hint("uri-reachable") == "Put the file there, or correct the URI."
        sound = check(cluster, f"s3a://bucket/{NAME}.tgz")
        assert_sound(sound)
        assert sound.seen("uri-version") == f"Spark {VERSION}, as RELEASE tells"
        assert sound.status("uri-scheme") == "note"  # agents need a Hadoop client
        assert sound.seen("uri-size").endswith(" KB")
        monkeypatch.delenv("AWS_ACCESS_KEY_ID")
        unknown = check(cluster, f"s3a://bucket/{OTHER}.tgz")
    assert_sound(unknown)
    assert "there are no credentials for S3 here" in unknown.seen("uri-reachable")


@pytest.mark.breaks("uri-type")
def test_a_web_page(cluster: RunningCluster, served: str) -> None:
    report = check(cluster, f"{served}/page.tgz")
    assert report.failing() == report.errors() == {"uri-type"}, report
    assert report.message("uri-type") == f"The executors' archive {served}/page.tgz is a web page"
    assert "`sparkmesos upload-dist` makes and uploads an archive that fits" in report.hint("uri-type")
    assert set(report.follows().values()) == {"uri-type"}
    assert set(report.follows()) == {"uri-layout", "uri-programs", "uri-version"}
    assert_sound(check(cluster, f"{served}/{NAME}.tgz"))


@pytest.mark.breaks("uri-size")
def test_an_archive_that_is_too_large_for_the_disk(new_cluster: NewCluster, served: str) -> None:
    small = new_cluster(agents=(AgentSpec(disk=4),))
    uri = f"{served}/spark-large.tgz"
    report = check(small, uri)
    assert report.failing() == {"uri-size"}, report
    assert report.message("uri-size") == (
        "The executors' archive has 3 MB, and is unpacked besides: more than the disk that 127.0.0.1 offers"
    )
    assert "--exclude" in report.hint("uri-size")
    assert_sound(check(small, f"{served}/{NAME}.tgz"))


@pytest.mark.breaks("uri-fetch-time")
def test_agents_that_do_not_wait_for_it(new_cluster: NewCluster, served: str) -> None:
    hasty = new_cluster(executor_registration_timeout=0.02)
    report = check(hasty, f"{served}/spark-large.tgz")
    assert report.failing() == {"uri-fetch-time"}, report
    assert report.message("uri-fetch-time") == (
        "Agents give executors 0.02 s to start, in which they fetch 3 MB: that takes 151 MB a second"
    )
    assert "--executor_registration_timeout" in report.hint("uri-fetch-time")
    assert_sound(check(new_cluster(), f"{served}/spark-large.tgz"))


@pytest.mark.breaks("uri-layout")
def test_a_folder_of_another_name(cluster: RunningCluster, served: str) -> None:
    report = check(cluster, f"{served}/other.tgz")
    assert report.failing() == report.errors() == {"uri-layout"}, report
    assert f"holds Spark in the folder '{NAME}', and executors run `cd other*`" in report.message(
        "uri-layout"
    )
    assert report.hint("uri-layout").startswith(f"Call the archive {NAME}.tgz.")
    assert_sound(check(cluster, f"{served}/{NAME}.tgz"))


@pytest.mark.breaks("uri-programs")
def test_a_program_that_is_not_executable(cluster: RunningCluster, served: str) -> None:
    report = check(cluster, f"{served}/spark-plain.tgz")
    assert report.failing() == report.errors() == {"uri-programs"}, report
    assert report.message("uri-programs") == (
        "bin/spark-class is not executable (its mode is 644) in the executors' archive"
    )
    assert "chmod +x bin/*" in report.hint("uri-programs")
    assert_sound(check(cluster, f"{served}/{NAME}.tgz"))


@pytest.mark.breaks("uri-version")
def test_another_spark(cluster: RunningCluster, served: str) -> None:
    report = check(cluster, f"{served}/{OTHER}.tgz")
    assert report.failing() == report.errors() == {"uri-version"}, report
    assert report.message("uri-version") == (
        f"The executors' archive holds Spark 3.4.4 (RELEASE), and the driver is {VERSION}"
    )
    assert f"sparkmesos upload-dist {find_spark(None, {}).path}" in report.hint("uri-version")
    assert_sound(check(cluster, f"{served}/{NAME}.tgz"))


def test_a_zip_is_not_said_to_fit(cluster: RunningCluster, tmp_path: Path) -> None:
    archive = tmp_path / f"{NAME}.zip"
    with zipfile.ZipFile(archive, "w") as file:
        file.writestr(f"{NAME}/bin/spark-class", "#!/bin/sh")
    report = check(cluster, str(archive))
    assert_sound(report)
    assert report.seen("uri-layout") == "what is in it cannot be told from here (--probe unpacks it)"


def test_an_archive_is_looked_at_without_a_spark_here(
    cluster: RunningCluster, served: str, tmp_path: Path
) -> None:
    """As an operator does whose drivers run elsewhere."""
    report = check(cluster, f"{served}/{NAME}.tgz", SPARK_HOME=str(tmp_path))
    assert report.failing() == {"spark-found"}, report
    assert report.hint("spark-found").endswith(" Where drivers run elsewhere, add --skip client.")
    assert report.seen("uri-version") == f"Spark {VERSION}, as RELEASE tells"
    for uri in (f"{served}/{NAME}.tgz", ""):
        assert_sound(check(cluster, uri, "--skip", "client", SPARK_HOME=str(tmp_path)))


@pytest.mark.breaks("uri-cache")
def test_a_server_that_does_not_answer_head(cluster: RunningCluster, folder: Path, tmp_path: Path) -> None:
    with nginx_server(folder, tmp_path, more="if ($request_method = HEAD) { return 403; }") as nginx:
        report = check(cluster, f"http://{nginx}/{NAME}.tgz", *CACHED)
        assert report.failing() == {"uri-cache"}, report
        assert "does not tell its size by HEAD" in report.message("uri-cache")
        assert report.hint("uri-cache").startswith("Serve it where HEAD is answered with a Content-Length")
        assert check(cluster, f"http://{nginx}/{NAME}.tgz").status("uri-cache") == "note"
    (tmp_path / "other").mkdir()
    with nginx_server(folder, tmp_path / "other") as nginx:
        assert_sound(check(cluster, f"http://{nginx}/{NAME}.tgz", *CACHED))


@pytest.mark.breaks("uri-changed")
def test_an_archive_that_was_replaced(cluster: RunningCluster, folder: Path, served: str) -> None:
    later = time.time() + 3600
    archive = folder / "spark-new.tgz"
    archive.write_bytes(make_archive("spark-new"))
    os.utime(archive, (later, later))
    report = check(cluster, f"{served}/spark-new.tgz", *CACHED)
    assert_sound(report)
    assert report.status("uri-changed") == "note"
    assert "what they have cached stays" in report.message("uri-changed")
    assert "give this one a new name, or restart the agents" in report.hint("uri-changed")
    os.utime(archive, (0, later - 365 * 24 * 3600))
    assert check(cluster, f"{served}/spark-new.tgz", *CACHED).status("uri-changed") == "ok"


@pytest.mark.breaks("spark-uris")
def test_another_file_that_is_not_there(cluster: RunningCluster, served: str, folder: Path) -> None:
    report = check(cluster, "", "--conf", f"spark.mesos.uris={served}/data.txt,{served}/no.txt")
    assert report.failing() == report.errors() == {"spark-uris"}, report
    assert report.message("spark-uris") == f"{served}/no.txt (spark.mesos.uris) answers 404 Not Found"
    assert report.hint("spark-uris") == "Put the file there, or correct the URI."
    assert_sound(check(cluster, "", "--conf", f"spark.mesos.uris={served}/data.txt,{folder}/data.txt"))
    report = check(cluster, "", "--conf", f"spark.mesos.uris={folder}/no.txt")
    assert report.message("spark-uris") == f"{folder}/no.txt (spark.mesos.uris) does not exist"
    # That one needs a hadoop client is no reason not to look at the others.
    report = check(cluster, "", "--conf", f"spark.mesos.uris=s3a://b/c.txt,{served}/no.txt")
    assert [one["severity"] for one in report.problems("spark-uris")] == ["error", "note"], report


@pytest.mark.breaks("spark-files")
def test_a_jar_that_is_not_there(cluster: RunningCluster, served: str, folder: Path) -> None:
    report = check(cluster, "", "--jars", f"{served}/data.txt,{served}/no.jar", "--files", f"{folder}/no.txt")
    assert report.failing() == report.errors() == {"spark-files"}, report
    messages = [problem["message"] for problem in report.problems("spark-files")]
    assert messages == [
        f"The file {folder}/no.txt does not exist",
        f"{served}/no.jar (spark.jars) answers 404 Not Found",
    ]
    hints = [problem["hint"] for problem in report.problems("spark-files")]
    assert hints[0].startswith("Correct its path, which is taken from the current folder")
    assert hints[1] == "Put the file there, or correct the URI."
    assert_sound(check(cluster, "", "--jars", f"{served}/data.txt", "--files", f"{folder}/data.txt"))


@pytest.mark.slow
def test_what_upload_dist_makes(cluster: RunningCluster, packed_spark: Path) -> None:
    report = check(cluster, str(packed_spark))
    assert_sound(report)
    assert report.seen("uri-layout") == "its first megabyte fits `cd NAME*`"
    assert report.seen("uri-version") == f"Spark {VERSION}, as RELEASE tells"
    assert "bin/spark-class" in report.seen("uri-programs")


def test_without_a_master_the_archive_is_still_looked_at(served: str, refusing_port: int) -> None:
    report = verify(
        "--master",
        f"mesos://127.0.0.1:{refusing_port}",
        *SOUND,
        "--conf",
        f"spark.executor.uri={served}/no.tgz",
    )
    assert report.failing() == {"master-leader", "uri-reachable"}, report
    assert report.exit_code == 5
    uri = ("--conf", f"spark.executor.uri={served}/{NAME}.tgz")
    report = verify("--master", f"mesos://127.0.0.1:{refusing_port}", *SOUND, *uri)
    assert report.failing() == {"master-leader"}, report
    assert report.status("uri-version") == report.status("driver-host") == "ok"


def test_no_password_is_shown(cluster: RunningCluster, served: str) -> None:
    secret = "tale-of-two-cities"
    uri = served.replace("http://", f"http://spark:{secret}@")
    report = check(
        cluster, f"{uri}/no.tgz", "--conf", f"spark.mesos.uris={uri}/no.txt", "--jars", f"{uri}/no.jar"
    )
    assert {"uri-reachable", "spark-uris", "spark-files"} <= report.failing(), report
    assert secret not in json.dumps(dict(report.checks)) + report.stderr


def test_no_more_than_the_beginning_is_read(cluster: RunningCluster, tmp_path: Path) -> None:
    """Of an archive of 200 MB nginx sends a megabyte or so, once for all checks."""
    (tmp_path / "files").mkdir()
    archive = tmp_path / "files" / f"{NAME}.tgz"
    archive.write_bytes(make_archive(mode="w", size=SEVERAL_MB))
    os.truncate(archive, 200_000_000)
    state = tmp_path / "nginx"
    state.mkdir()
    with nginx_server(tmp_path / "files", state) as nginx:
        assert_sound(check(cluster, f"http://{nginx}/{NAME}.tgz"))
    (line,) = (state / "access.log").read_text().splitlines()
    answered = re.search(r'"GET \S+ HTTP/1\.1" 206 (\d+)', line)
    assert answered is not None
    assert int(answered[1]) < 1_500_000
