"""Every rule, by an archive that breaks it alone."""

from __future__ import annotations

from dataclasses import replace

import pytest

from sparkmesos_core.conf.finding import Finding, Severity
from sparkmesos_core.dist.checks import LARGE_BYTES, check_archive
from sparkmesos_core.dist.entry import Entry, EntryKind
from sparkmesos_core.dist.facts import facts_of
from tests.small_spark import mode_of, small_spark

TOP = "spark-3.5.9-bin-hadoop3"
NAME = f"{TOP}.tgz"


def entries_of(files: dict[str, bytes], top: str = TOP) -> list[Entry]:
    return [
        Entry(f"{top}/{name}" if top else name, EntryKind.FILE, mode_of(name), len(content))
        for name, content in files.items()
    ]


def check(entries: list[Entry], name: str = NAME, *, bridge: bool = True, size: int = 1) -> list[Finding]:
    return check_archive(facts_of(entries, size), entries, name, bridge=bridge)


def ids(findings: list[Finding]) -> list[tuple[str, str]]:
    return [(finding.id, finding.severity.value) for finding in findings]


GOOD = entries_of(small_spark())


def edited(name: str, **fields: object) -> list[Entry]:
    path = f"{TOP}/{name}"
    assert any(entry.name == path for entry in GOOD)
    return [replace(entry, **fields) if entry.name == path else entry for entry in GOOD]  # type: ignore[arg-type]


def without(*names: str) -> list[Entry]:
    paths = {f"{TOP}/{name}" for name in names}
    assert paths <= {entry.name for entry in GOOD}
    return [entry for entry in GOOD if entry.name not in paths]


def more(*names: str, **fields: object) -> list[Entry]:
    given = {"kind": EntryKind.FILE, "mode": 0o644, "size": 1, **fields}
    return [*GOOD, *(Entry(name, **given) for name in names)]  # type: ignore[arg-type]


def test_a_good_archive_has_no_findings() -> None:
    assert check(GOOD) == []
    dotted = [replace(entry, name="./" + entry.name) for entry in GOOD]
    assert check([Entry(".", EntryKind.FOLDER, 0o755), *dotted]) == []


@pytest.mark.parametrize(
    ("entries", "id", "words"),
    [
        (entries_of(small_spark(), ""), "no-top-folder", "are at the top"),
        (entries_of(small_spark(), "pyspark"), "top-folder", "'pyspark'"),
        (entries_of(small_spark(), "spark-3_5"), "top-folder-order", "dash"),
        (more("spark-3-notes.txt"), "several-top-folders", "'spark-3-notes.txt'"),
        (more("spark-3.5.8/README"), "several-top-folders", "'spark-3.5.8'"),
        (without("bin/spark-class"), "missing-program", "no bin/spark-class"),
        (without("bin/spark-submit"), "missing-program", "no bin/spark-submit"),
        (without("bin/load-spark-env.sh"), "missing-program", "no bin/load-spark-env.sh"),
        (edited("bin/spark-class", size=0), "missing-program", "is empty"),
        (edited("bin/spark-class", kind=EntryKind.FOLDER), "missing-program", "no bin/spark-class"),
        (edited("bin/spark-class", mode=0o644), "not-executable", "mode is 644"),
        (edited("bin/spark-submit", mode=0o744), "not-executable", "mode is 744"),
        (without("jars/spark-core_2.12-3.5.9.jar"), "no-spark", "no Spark in it"),
        (without("jars/spark-mesos_2.12-3.5.9.jar"), "no-mesos", "built without Mesos"),
        (without("jars/mesos-1.4.3-shaded-protobuf.jar"), "no-mesos-jar", "no jars/mesos-"),
        (entries_of(small_spark("2.3.4", "2.11", "2.7.3")), "too-old-for-bridge", "2.3.4"),
        (more(f"{TOP}/jars/spark-core_2.12-3.5.8.jar"), "several-sparks", "3.5.8"),
        (more(f"{TOP}/jars/spark-sql_2.13-3.5.9.jar"), "mixed-scala", "2.12 and 2.13"),
        (more(f"{TOP}/jars/guava.jar", size=0), "empty-jar", "'guava.jar'"),
        (more("/etc/cron.d/job"), "leads-outside", "/etc/cron.d/job"),
        (more(f"{TOP}/../../job"), "leads-outside", "../../job"),
        (more(f"{TOP}/a", kind=EntryKind.LINK, target="/etc/passwd"), "leads-outside", "-> /etc/passwd"),
        (more(f"{TOP}/a", kind=EntryKind.LINK, target="../../b"), "leads-outside", "-> ../../b"),
        (more(f"{TOP}/a", kind=EntryKind.OTHER, target="../b"), "leads-outside", "-> ../b"),
        (more(f"{TOP}/device", kind=EntryKind.OTHER), "special-file", "device"),
    ],
)
def test_errors(entries: list[Entry], id: str, words: str) -> None:
    findings = [finding for finding in check(entries) if finding.severity is Severity.ERROR]
    assert ids(findings) == [(id, "error")]
    assert words in findings[0].message
    assert findings[0].hint


def test_links_may_lead_outside_together() -> None:
    """Each by its text alone stays inside; the kernel goes up from where the first has led."""
    first = Entry(f"{TOP}/a/b", EntryKind.LINK, 0o777, target="../..")
    second = Entry(f"{TOP}/c", EntryKind.LINK, 0o777, target="a/b/..")
    circle = [
        Entry(f"{TOP}/x", EntryKind.LINK, 0o777, target="y/z"),
        replace(first, name=f"{TOP}/y", target="x"),
    ]
    assert check([*GOOD, first, *circle]) == []
    (finding,) = check([*GOOD, first, second])
    assert finding.id == "leads-outside"
    assert f"{TOP}/c -> a/b/.." in finding.message
    assert f"{TOP}/a/b ->" not in finding.message
    absolute = replace(first, target="/etc")
    (finding,) = check([*GOOD, absolute, replace(second, target="a/b/passwd")])
    assert f"{TOP}/c -> a/b/passwd" in finding.message


def test_a_bad_name_is_told_once() -> None:
    assert ids(check(entries_of(small_spark(), "spark.zip"), "spark.zip")) == [("archive-name", "error")]


def test_several_errors_are_told_at_once() -> None:
    found = ids(check(entries_of({"README": b"?"}), "spark.zip"))
    assert found[:2] == [("archive-name", "error"), ("no-spark", "error")]


@pytest.mark.parametrize(
    ("entries", "id", "words"),
    [
        (more("LICENSE"), "beside-top-folder", "'LICENSE'"),
        (more(f"{TOP}/conf/spark-env.sh"), "own-configuration", "spark-env.sh"),
        (more(f"{TOP}/bin/helper", mode=0o4755), "set-user-id", "helper"),
        (more(f"{TOP}/RELEASE"), "twice", "RELEASE"),
        (without("python/lib/pyspark.zip"), "no-python", "pyspark.zip"),
        (entries_of(small_spark(hadoop=None)), "no-hadoop", "without Hadoop"),
        (entries_of(small_spark("4.4.0", "2.13")), "untried-spark", "was not tried with Spark 4.4.0"),
    ],
)
def test_warnings(entries: list[Entry], id: str, words: str) -> None:
    (finding,) = check(entries)
    assert (finding.id, finding.severity) == (id, Severity.WARNING)
    assert words in finding.message


def test_spark_4_has_nothing_for_mesos_and_needs_nothing() -> None:
    four = entries_of(small_spark("4.3.0", "2.13"))
    assert check(four) == []
    (note,) = check(four, bridge=False)
    assert (note.id, note.severity) == ("no-bridge", Severity.NOTE)
    assert "libmesos" not in note.hint
    assert "--bridge-uri" in note.hint


def test_notes() -> None:
    assert ids(check(GOOD, bridge=False)) == [("no-bridge", "note")]
    assert check(more(f"{TOP}/sparkmesos/bridge.jar"), bridge=False) == []
    assert ids(check(GOOD, size=LARGE_BYTES + 1)) == [("large", "note")]


def test_pyspark_as_it_is_published_is_known() -> None:
    published = entries_of({f"deps/{name}": data for name, data in small_spark().items()}, "pyspark-3.5.9")
    (finding,) = [one for one in check(published, "pyspark-3.5.9.tar.gz") if one.severity is Severity.ERROR]
    assert finding.id == "no-spark"
    assert "pip" in finding.hint


def test_errors_come_first() -> None:
    entries = [*entries_of(small_spark(hadoop=None)), *more("/a")[-1:]]  # which is beside the top folder, too
    found = [finding.severity.value for finding in check(entries, bridge=False)]
    assert found == ["error", "warning", "warning", "note"]


@pytest.mark.parametrize("name", ["spark-3.tgz", "spark-3.5.9-bin-hadoop3.tar.xz", "spark.tar"])
def test_other_names_that_lead_to_the_same_folder(name: str) -> None:
    assert check(GOOD, name) == []


@pytest.mark.parametrize(
    "link",
    [
        Entry(f"{TOP}/link", EntryKind.LINK, 0o777, target="jars/../RELEASE"),
        Entry(f"{TOP}/bin/link", EntryKind.LINK, 0o777, target="../RELEASE"),
        Entry(f"{TOP}/hard", EntryKind.OTHER, 0o644, target=f"{TOP}/RELEASE"),
    ],
)
def test_links_inside_are_fine(link: Entry) -> None:
    assert check([*GOOD, link]) == []


def test_a_program_may_be_a_link() -> None:
    linked = edited("bin/spark-class", kind=EntryKind.LINK, mode=0o777, size=0, target="spark-shell")
    assert check(linked) == []


def test_long_lists_are_cut() -> None:
    (finding,) = check(more(*(f"{TOP}/conf/secret-{number}" for number in range(9))))
    assert finding.message.endswith("and 4 more")


def test_names_are_shown_harmless() -> None:
    (finding,) = check(more(f"{TOP}/conf/\x1b[31mred"))
    assert "\x1b" not in finding.message
    assert "\x1b" not in check(GOOD, "spark-3\x1b.tgz")[0].message
