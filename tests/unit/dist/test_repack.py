"""What becomes of an archive: decided from its list, then written."""

from __future__ import annotations

import gzip
import io
import tarfile
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sparkmesos_core.dist.archive import Contents, read_archive
from sparkmesos_core.dist.entry import EntryKind
from sparkmesos_core.dist.excludes import Excludes
from sparkmesos_core.dist.repack import Repacking, plan_repacking, repack
from sparkmesos_core.errors import ArchiveError
from tests.small_spark import small_spark, write_archive

TOP = "spark-3.5.9-bin-hadoop3"
NAME = f"{TOP}.tgz"
NOTHING = Excludes(defaults=False)
BRIDGE = b"the bridge"


def read(path: Path) -> Contents:
    return read_archive(path, wanted=lambda name: True)


@pytest.fixture
def archive(tmp_path: Path) -> Contents:
    return read(write_archive(tmp_path / NAME, small_spark()))


def added(archive: Path, *infos: tarfile.TarInfo, content: bytes = b"") -> Contents:
    """The archive with some more entries at its end."""
    plain = gzip.decompress(archive.read_bytes())
    buffer = io.BytesIO(plain)
    with tarfile.open(fileobj=buffer, mode="a") as tar:
        for info in infos:
            info.size = len(content) if info.isreg() else 0
            tar.addfile(info, io.BytesIO(content))
    archive.write_bytes(gzip.compress(buffer.getvalue()))
    return read(archive)


def info(name: str, kind: bytes = tarfile.REGTYPE, target: str = "") -> tarfile.TarInfo:
    made = tarfile.TarInfo(name)
    made.type, made.linkname = kind, target
    return made


def written(repacking: Repacking, target: Path) -> dict[str, bytes]:
    """The files of the new archive, which tar can read as well."""
    repack(repacking, target)
    contents = read(target)
    assert contents.entries[0].name == repacking.top
    with tarfile.open(target) as tar:
        assert [member.name for member in tar] == [entry.name for entry in contents.entries]
    planned = {entry.name: (entry.kind, entry.size, entry.target) for entry in repacking.entries}
    planned.setdefault(repacking.top, (EntryKind.FOLDER, 0, ""))
    assert {entry.name: (entry.kind, entry.size, entry.target) for entry in contents.entries} == planned
    return dict(contents.files)


def test_what_is_wanted_already_needs_no_work(archive: Contents) -> None:
    plan = plan_repacking(archive, NAME, NOTHING, None)
    assert not plan.needed(NAME)
    assert (plan.top, plan.left_out, plan.renamed) == (TOP, [], False)
    assert plan.needed("spark-3.5.9-bin-hadoop3.tar.xz")


def test_the_bridge_is_added(archive: Contents, tmp_path: Path) -> None:
    plan = plan_repacking(archive, NAME, NOTHING, BRIDGE)
    assert plan.needed(NAME)
    files = written(plan, tmp_path / "new.tgz")
    assert files == {
        **{f"{TOP}/{name}": content for name, content in small_spark().items()},
        f"{TOP}/sparkmesos/bridge.jar": BRIDGE,
    }
    again = read(tmp_path / "new.tgz")
    assert not plan_repacking(again, NAME, NOTHING, BRIDGE).needed(NAME)


def test_another_bridge_takes_its_place(tmp_path: Path) -> None:
    files = {"sparkmesos/bridge.jar": b"old", "sparkmesos/README": b"kept", **small_spark()}
    contents = read(write_archive(tmp_path / NAME, files))
    plan = plan_repacking(contents, NAME, NOTHING, BRIDGE)
    new = written(plan, tmp_path / "new.tgz")
    assert new[f"{TOP}/sparkmesos/bridge.jar"] == BRIDGE
    assert new[f"{TOP}/sparkmesos/README"] == b"kept"
    assert plan.left_out == []


def test_without_a_bridge_one_that_is_there_is_left_out(tmp_path: Path) -> None:
    contents = read(write_archive(tmp_path / NAME, {"sparkmesos/bridge.jar": b"old", **small_spark()}))
    plan = plan_repacking(contents, NAME, NOTHING, None)
    assert plan.needed(NAME)
    assert plan.left_out == ["sparkmesos/bridge.jar"]
    assert f"{TOP}/sparkmesos/bridge.jar" not in written(plan, tmp_path / "new.tgz")


def test_the_bridge_was_asked_for_whatever_is_excluded(tmp_path: Path) -> None:
    contents = read(write_archive(tmp_path / NAME, {"sparkmesos/bridge.jar": BRIDGE, **small_spark()}))
    plan = plan_repacking(contents, NAME, Excludes(["sparkmesos"], defaults=False), BRIDGE)
    assert not plan.needed(NAME)


def test_what_is_excluded_is_left_out(archive: Contents, tmp_path: Path) -> None:
    plan = plan_repacking(archive, NAME, Excludes(["jars/zookeeper-*.jar"]), None)
    assert plan.left_out == ["examples/", "jars/zookeeper-3.6.3.jar"]
    files = written(plan, tmp_path / "new.tgz")
    assert not any("examples" in name or "zookeeper" in name for name in files)
    assert f"{TOP}/conf/spark-defaults.conf.template" in files


@pytest.mark.parametrize(
    ("name", "top"),
    [
        ("spark-3.5.9-bin-hadoop3.tgz", TOP),
        ("spark-3.tgz", TOP),
        ("spark.tar.gz", TOP),
        ("mine.tgz", "mine"),
        ("spark-3.4.tgz", "spark-3.4"),
    ],
)
def test_the_top_folder_is_renamed_if_executors_would_not_find_it(
    archive: Contents, tmp_path: Path, name: str, top: str
) -> None:
    plan = plan_repacking(archive, name, NOTHING, None)
    assert (plan.top, plan.renamed, plan.needed(name)) == (top, top != TOP, top != TOP)
    assert set(written(plan, tmp_path / "new.tgz")) == {f"{top}/{file}" for file in small_spark()}


def test_a_spark_at_the_top_gets_its_folder(tmp_path: Path) -> None:
    contents = read(write_archive(tmp_path / NAME, small_spark(), top=""))
    plan = plan_repacking(contents, NAME, NOTHING, None)
    assert plan.needed(NAME)
    assert set(written(plan, tmp_path / "new.tgz")) == {f"{TOP}/{file}" for file in small_spark()}


def test_paths_are_taken_as_tar_takes_them(tmp_path: Path) -> None:
    contents = read(write_archive(tmp_path / NAME, small_spark(), top=f"./{TOP}/."))
    plan = plan_repacking(contents, NAME, NOTHING, BRIDGE)
    files = written(plan, tmp_path / "new.tgz")
    assert set(files) == {f"{TOP}/{file}" for file in (*small_spark(), "sparkmesos/bridge.jar")}


def test_what_is_beside_the_top_folder_is_left_out(archive: Contents, tmp_path: Path) -> None:
    contents = added(archive.path, info("._spark-3.5.9"), info("notes/a"), content=b"x")
    plan = plan_repacking(contents, NAME, NOTHING, None)
    assert plan.left_out == ["../._spark-3.5.9", "../notes/a"]
    assert set(written(plan, tmp_path / "new.tgz")) == {f"{TOP}/{file}" for file in small_spark()}


def test_links_lead_to_the_same_after_it(archive: Contents, tmp_path: Path) -> None:
    contents = added(
        archive.path,
        info(f"{TOP}/bin/relative", tarfile.SYMTYPE, "../RELEASE"),
        info(f"{TOP}/bin/through", tarfile.SYMTYPE, f"../../{TOP}/RELEASE"),
        info(f"{TOP}/bin/hard", tarfile.LNKTYPE, f"{TOP}/RELEASE"),
        info(f"{TOP}/hard", tarfile.LNKTYPE, f"./{TOP}/bin/spark-class"),
    )
    repack(plan_repacking(contents, "mine.tgz", NOTHING, None), tmp_path / "mine.tgz")
    with tarfile.open(tmp_path / "mine.tgz") as tar:
        tar.extractall(tmp_path, filter="data")
    release = (tmp_path / "mine" / "RELEASE").read_bytes()
    for name in ("relative", "through", "hard"):
        assert (tmp_path / "mine" / "bin" / name).read_bytes() == release
    assert (tmp_path / "mine" / "hard").read_bytes() == b"#!/bin/sh\n"


@pytest.mark.parametrize("target", [f"{TOP}/examples/src/main/python/pi.py", "beside/file"])
def test_a_hard_link_to_what_is_left_out(archive: Contents, target: str) -> None:
    contents = added(archive.path, info("beside/file"), info(f"{TOP}/pi.py", tarfile.LNKTYPE, target))
    with pytest.raises(ArchiveError, match=r"hard link to .* left out") as error:
        plan_repacking(contents, NAME, Excludes(), None)
    assert error.value.hint


def test_paths_that_lead_outside_are_kept_for_the_checks(archive: Contents) -> None:
    contents = added(
        archive.path,
        info("/etc/passwd"),
        info(f"{TOP}/../x"),
        info(f"{TOP}/hard", tarfile.LNKTYPE, f"../{TOP}/RELEASE"),
        info(f"{TOP}/absolute", tarfile.SYMTYPE, f"/{TOP}/RELEASE"),
        info(f"{TOP}/up", tarfile.SYMTYPE, f"../../{TOP}/RELEASE"),
    )
    entries = plan_repacking(contents, "mine.tgz", Excludes(), BRIDGE).entries
    assert {"/etc/passwd", f"{TOP}/../x"} <= {entry.name for entry in entries}
    targets = {entry.name: entry.target for entry in entries if entry.target}
    assert targets == {
        "mine/hard": f"../{TOP}/RELEASE",
        "mine/absolute": f"/{TOP}/RELEASE",
        "mine/up": f"../../{TOP}/RELEASE",
    }


def test_modes_are_those_of_programs_and_files(archive: Contents, tmp_path: Path) -> None:
    repack(plan_repacking(archive, NAME, NOTHING, BRIDGE), tmp_path / "new.tgz")
    with tarfile.open(tmp_path / "new.tgz") as tar:
        modes = {member.name.removeprefix(f"{TOP}/"): member.mode for member in tar if member.isreg()}
        assert {(member.uid, member.gid, member.uname, member.mtime) for member in tar} == {
            (0, 0, "", 315532800)
        }
    assert modes["bin/spark-class"] == 0o755
    assert modes["RELEASE"] == modes["sparkmesos/bridge.jar"] == 0o644


def test_the_same_input_gives_the_same_bytes(archive: Contents, tmp_path: Path) -> None:
    for name in ("one.tgz", "two.tgz"):
        repack(plan_repacking(archive, NAME, Excludes(), BRIDGE), tmp_path / name, threads=len(name) % 3 + 1)
    assert (tmp_path / "one.tgz").read_bytes() == (tmp_path / "two.tgz").read_bytes()


@settings(max_examples=25)
@given(
    files=st.dictionaries(
        st.from_regex(r"[a-z]{1,8}(/[a-zé]{1,9}){0,12}", fullmatch=True), st.binary(max_size=5000), max_size=8
    ),
    name=st.sampled_from([NAME, "mine.tgz"]),
    bridge=st.sampled_from([None, BRIDGE]),
)
def test_everything_that_is_kept_is_the_same(
    tmp_path_factory: pytest.TempPathFactory, files: dict[str, bytes], name: str, bridge: bytes | None
) -> None:
    folder = tmp_path_factory.mktemp("repack")
    folders = {str(parent) for file in files for parent in Path(file).parents}
    files = {**{file: data for file, data in files.items() if file not in folders}, **small_spark()}
    contents = read(write_archive(folder / NAME, files))
    plan = plan_repacking(contents, name, NOTHING, bridge)
    expected = {f"{plan.top}/{file}": data for file, data in files.items()}
    if bridge:
        expected[f"{plan.top}/sparkmesos/bridge.jar"] = bridge
    assert written(plan, folder / "new.tgz") == expected


def test_a_source_that_changes_meanwhile(archive: Contents, tmp_path: Path) -> None:
    plan = plan_repacking(archive, NAME, NOTHING, BRIDGE)
    target = tmp_path / "out" / "new.tgz"
    target.parent.mkdir()
    for files in ({**small_spark(), "more": b"1"}, {**small_spark(), "RELEASE": b"other"}, {"RELEASE": b""}):
        write_archive(archive.path, files)
        with pytest.raises(ArchiveError, match="changed while it was packed"):
            repack(plan, target)
    archive.path.write_bytes(b"")
    with pytest.raises(ArchiveError, match="is empty"):
        repack(plan, target)
    assert list(target.parent.iterdir()) == []


def test_a_target_that_cannot_be_written(archive: Contents, tmp_path: Path) -> None:
    plan = plan_repacking(archive, NAME, NOTHING, BRIDGE)
    with pytest.raises(ArchiveError, match="cannot be written"):
        repack(plan, tmp_path / "missing" / "new.tgz")
