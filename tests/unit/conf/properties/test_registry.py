from __future__ import annotations

import re
import string
import subprocess
import sys
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sparkmesos_core.conf.properties.reference_page import page
from sparkmesos_core.conf.properties.registered_property import Grain, Property, Reader
from sparkmesos_core.conf.properties.registry import (
    PROPERTIES,
    as_in,
    exists_in,
    find_property,
    search,
    similar_names,
)
from sparkmesos_core.conf.properties.spark_4 import Spark4Status, spark_4_status
from sparkmesos_core.redaction import is_secret_name

ROOT = Path(__file__).parents[4]


def registered(key: str) -> Property:
    found = find_property(key)
    assert found is not None
    return found


def test_no_name_is_there_twice() -> None:
    names = [entry.name for entry in PROPERTIES]
    assert sorted(names) == sorted(set(names))


@pytest.mark.parametrize("entry", PROPERTIES, ids=lambda entry: entry.name)
def test_an_entry_is_complete(entry: Property) -> None:
    assert entry.name.startswith("spark.")
    assert re.fullmatch(r"[^\n]+[^\n.]", entry.meaning)
    assert not (entry.default is not None and entry.computed_default)
    entry.default_value()  # is of the type, or it raises
    assert not entry.until or exists_in(entry, entry.since)
    assert not entry.own or entry.since == ("4.0.0" if entry.readers == {Reader.BACKEND} else "")
    assert entry.own or entry.since
    assert entry.readers or entry.meaning.startswith("Nothing on Mesos: ")
    # A run mode is about executors.
    assert entry.grain is Grain.BOTH or entry.readers & {
        Reader.BACKEND,
        Reader.DRIVER,
        Reader.SHUFFLE_SERVICE,
    }


@pytest.mark.parametrize("entry", PROPERTIES, ids=lambda entry: entry.name)
def test_every_property_that_a_text_points_to_exists(entry: Property) -> None:
    there = entry.spark_4
    in_spark_4 = () if there is None else (there.note, there.meaning, there.computed_default)
    for text in (entry.meaning, entry.computed_default, entry.deprecated, *in_spark_4):
        words = (word.strip(".,;:()`").split("=")[0] for word in text.split())
        for key in (word for word in words if word.startswith("spark.")):
            assert find_property(key) is not None, key


def test_what_is_a_secret_is_known_by_its_name() -> None:
    assert {entry.name for entry in PROPERTIES if entry.secret} == {
        "spark.mesos.secret",
        "spark.mesos.driver.secret.values",
        "spark.mesos.executor.secret.values",
        "spark.authenticate.secret",
        "spark.connect.authenticate.token",
        "spark.mesos.dispatcher.token",  # none at all, but its name is one's
    }
    assert [entry.name for entry in PROPERTIES if is_secret_name(entry.name) != entry.secret] == []


@pytest.mark.parametrize(
    ("key", "name"),
    [
        ("spark.mesos.role", "spark.mesos.role"),
        ("spark.mesos.driverEnv.LANG", "spark.mesos.driverEnv.NAME"),
        ("spark.mesos.driverEnv.NAME", "spark.mesos.driverEnv.NAME"),
        ("spark.mesos.driverEnv.a.b", "spark.mesos.driverEnv.NAME"),
        ("spark.mesos.dispatcher.queue", "spark.mesos.dispatcher.queue"),
        ("spark.mesos.dispatcher.queue.URGENT", "spark.mesos.dispatcher.queue.NAME"),
        (
            "spark.mesos.dispatcher.driverDefault.spark.executor.memory",
            "spark.mesos.dispatcher.driverDefault.PROP",
        ),
        ("spark.executorEnv.X", "spark.executorEnv.NAME"),
        ("spark.hadoop.fs.s3a.access.key", "spark.hadoop.NAME"),
    ],
)
def test_a_key_finds_its_property(key: str, name: str) -> None:
    assert registered(key).name == name


@pytest.mark.parametrize(
    "key",
    ["", "spark", "spark.mesos", "spark.mesos.", "spark.mesos.Role", " spark.mesos.role", "spark.mesos.driverEnv.",
     "spark.mesos.driverEnv", "spark.mesos.dispatcher.queue.", "spark.mesos.rol\ud800"],
)  # fmt: skip
def test_what_no_spark_reads_finds_none(key: str) -> None:
    assert find_property(key) is None


@pytest.mark.parametrize(
    ("key", "version", "exists"),
    [
        ("spark.mesos.role", "2.0.2", True),
        ("spark.mesos.role", "3.5.9", True),
        ("spark.mesos.role", "4.0.0", True),  # by our backend
        ("spark.mesos.mesosExecutor.cores", "3.5", True),
        ("spark.mesos.mesosExecutor.cores", "4.0.0", False),
        ("spark.mesos.checkpoint", "3.5.9", False),
        ("spark.mesos.checkpoint", "4.3.0", True),
        ("spark.executor.minMemoryOverhead", "3.5.9", False),
        ("spark.cores.max", "4.0.0", True),
        ("spark.mesos.driver.constraints", "2.2.0", False),
        ("spark.mesos.driver.constraints", "2.2.1", True),
        ("spark.mesos.driver.constraints", "2.2", True),  # its last patch
        ("spark.mesos.fetchCache.enable", "2.0.2", False),
        ("spark.mesos.fetchCache.enable", "2.4.0", True),
        ("spark.mesos.fetchCache.enable", "2.4.1", False),
        ("spark.mesos.fetchCache.enable", "2.4", False),
        ("spark.mesos.dispatcher.queue.A", "3.0.3", False),
        ("spark.mesos.dispatcher.queue.A", "3.1.0-SNAPSHOT", True),
        ("spark.mesos.dispatcher.queue.A", "3", True),
        ("spark.mesos.driver.memoryOverhead", "3.1.10", False),
        ("spark.mesos.driver.memoryOverhead", "3.10.0", True),
        ("spark.mesos.deploy.recoveryMode", "2.0.0", False),
        ("spark.mesos.maxQueuedDrivers", "2.0.0", True),
        ("spark.mesos.maxQueuedDrivers", "4.0.0", True),
    ],
)
def test_what_exists_in_a_version(key: str, version: str, exists: bool) -> None:
    assert exists_in(registered(key), version) is exists


def test_mesos_was_in_spark_from_its_first_property_on() -> None:
    def parts(version: str) -> list[int]:
        return [int(part) for part in version.split(".")]

    theirs = [entry.since for entry in PROPERTIES if entry.is_mesos and not entry.own]
    assert min(theirs, key=parts) == "0.6.0"


@pytest.mark.parametrize("entry", [one for one in PROPERTIES if one.spark_4], ids=lambda entry: entry.name)
def test_what_is_different_with_spark_4_is_complete(entry: Property) -> None:
    there = entry.spark_4
    assert there is not None
    assert re.fullmatch(r"[^\n]+[^\n.]", there.note)
    assert there.readers != entry.readers
    assert there.default is None or there.default != entry.default
    changed = as_in(entry, "4.0.0")
    changed.default_value()  # is of the type, or it raises
    assert not (changed.default is not None and changed.computed_default)
    assert exists_in(entry, "4.0.0"), "nothing is different about what has gone"
    assert spark_4_status(entry) is Spark4Status.DIFFERS


def test_a_property_is_as_the_spark_has_it() -> None:
    entry = registered("spark.executor.memoryOverhead")
    assert as_in(entry, None) is as_in(entry, "3.5") is as_in(entry, "2.0.2") is entry
    assert entry.meaning.startswith("Nothing on Mesos: ")
    with_4 = as_in(entry, "4.0")
    assert with_4.readers == {Reader.BACKEND}
    assert with_4.meaning.startswith("Memory of an executor's container")
    assert as_in(registered("spark.eventLog.compress"), "4.3.0").default == "true"
    same = registered("spark.mesos.role")
    assert as_in(same, "4.3.0") is same


@pytest.mark.parametrize(
    ("name", "status"),
    [
        ("spark.mesos.role", Spark4Status.WORKS),
        ("spark.mesos.maxQueuedDrivers", Spark4Status.WORKS),
        ("spark.mesos.constraints", Spark4Status.DIFFERS),
        ("spark.mesos.coarse", Spark4Status.DIFFERS),
        ("spark.mesos.checkpoint", Spark4Status.NEW),
        ("spark.executor.minMemoryOverhead", Spark4Status.NEW),
        ("spark.mesos.mesosExecutor.cores", Spark4Status.GONE),
        ("spark.mesos.deploy.recoveryMode", Spark4Status.GONE),
    ],
)
def test_how_a_property_fares_with_spark_4(name: str, status: Spark4Status) -> None:
    assert spark_4_status(registered(name)) is status


def test_a_version_that_is_none() -> None:
    with pytest.raises(ValueError, match="not a version of Spark"):
        exists_in(PROPERTIES[0], "unknown")


@pytest.mark.parametrize(
    ("key", "meant"),
    [
        # Typing errors
        ("spark.mesos.rol", "spark.mesos.role"),
        ("spark.mesos.task.label", "spark.mesos.task.labels"),
        ("spark.mesos.executor.docker.imgae", "spark.mesos.executor.docker.image"),
        ("spark.mesos.containeriser", "spark.mesos.containerizer"),
        ("spark.mesos.constraint", "spark.mesos.constraints"),
        ("spark.core.max", "spark.cores.max"),
        ("spark.mesos.driver.secret.value", "spark.mesos.driver.secret.values"),
        # Case and separators
        ("spark.mesos.Role", "spark.mesos.role"),
        ("SPARK_MESOS_SECRET", "spark.mesos.secret"),
        ("spark.mesos.max.drivers", "spark.mesos.maxDrivers"),
        ("spark.mesos.fetcherCacheEnable", "spark.mesos.fetcherCache.enable"),
        ("spark.mesos.executor.memory.overhead", "spark.mesos.executor.memoryOverhead"),
        ("spark.mesos.rejectofferduration", "spark.mesos.rejectOfferDuration"),
        # Mesos missing, or too many of it
        ("spark.role", "spark.mesos.role"),
        ("mesos.role", "spark.mesos.role"),
        ("spark.mesos.cores.max", "spark.cores.max"),
        ("spark.mesos.executor.uri", "spark.executor.uri"),
        ("spark.mesos.executor.memory", "spark.executor.memory"),
        # Parts missing
        ("spark.mesos.docker.image", "spark.mesos.executor.docker.image"),
        ("spark.mesos.fetcher.cache", "spark.mesos.fetcherCache.enable"),
        ("spark.mesos.queue", "spark.mesos.dispatcher.queue"),
        ("spark.mesos.gpus", "spark.mesos.gpus.max"),
        ("spark.mesos.dispatcher.zookeeper.url", "spark.deploy.zookeeper.url"),
        # Families
        ("spark.mesos.driverenv.A", "spark.mesos.driverEnv.A"),
        ("spark.mesos.driver.Env.A_B", "spark.mesos.driverEnv.A_B"),
        ("spark.mesos.executorEnv.X", "spark.executorEnv.X"),
        ("spark.mesos.dispatcher.queues.URGENT", "spark.mesos.dispatcher.queue.URGENT"),
        ("spark.mesos.driverEnv", "spark.mesos.driverEnv.NAME"),
        ("spark.mesos.dispatcher.driverDefault.", "spark.mesos.dispatcher.driverDefault.PROP"),
        # A slip in Spark's own documentation
        (
            "spark.mesos.dispatcher.driverProperty.spark.executor.memory",
            "spark.mesos.dispatcher.driverDefault.spark.executor.memory",
        ),
    ],
)
def test_a_misspelt_key_is_understood(key: str, meant: str) -> None:
    assert find_property(key) is None
    assert similar_names(key)[0] == meant


@pytest.mark.parametrize(
    "key",
    ["", "a", "spark", "spark.mesos", "spark.mesos.", "foo.bar", "spark.mesos.xyzzy", "spark." + "a" * 10**6],
)
def test_what_resembles_nothing_has_no_suggestions(key: str) -> None:
    assert similar_names(key) == []


def test_suggestions_are_at_most_as_many_as_asked_for() -> None:
    names = similar_names("spark.mesos.secret.names")
    assert names == ["spark.mesos.driver.secret.names", "spark.mesos.executor.secret.names"]
    assert similar_names("spark.mesos.secret.names", 1) == names[:1]


def test_beside_a_likely_name_unlikely_ones_are_not_suggested() -> None:
    assert similar_names("spark.executor.core") == ["spark.executor.cores"]


def test_what_spark_no_longer_reads_is_never_suggested() -> None:
    assert "spark.mesos.fetchCache.enable" not in similar_names("spark.mesos.fetchCache.enabled", 10)
    # Spark 3.5 still does.
    assert similar_names("spark.mesos.mesosExecutor.core") == ["spark.mesos.mesosExecutor.cores"]


@given(st.text() | st.text(alphabet=string.ascii_letters + "._-", max_size=80).map("spark.mesos.".__add__))
def test_suggestions_are_registered_keys_for_any_text(text: str) -> None:
    assert all(find_property(name) is not None for name in similar_names(text))


@given(
    st.sampled_from([e.name for e in PROPERTIES if e.prefix is None and not e.until and len(e.name) >= 16]),
    st.data(),
)
def test_one_wrong_letter_is_seen_through(name: str, data: st.DataObject) -> None:
    at = data.draw(
        st.integers(len("spark.mesos.") if name.startswith("spark.mesos.") else len("spark."), len(name) - 1)
    )
    assert name in similar_names(name[:at] + "q" + name[at + 1 :])


def test_search_finds_words_in_names_types_and_meanings() -> None:
    assert "spark.mesos.task.labels" in [entry.name for entry in search("LABELS task")]
    assert search("zookeeper dir")[0].name == "spark.deploy.zookeeper.dir"
    assert search("") == list(PROPERTIES)
    assert search("no such words") == []


def test_the_page_of_the_reference_is_up_to_date() -> None:
    written = (ROOT / "docs" / "reference" / "properties.md").read_text(encoding="utf-8")
    assert written == page(), (
        "python -m sparkmesos_core.conf.properties.reference_page > docs/reference/properties.md"
    )


def test_the_page_has_a_row_for_every_property_and_no_more() -> None:
    rows = [line.split(" | ") for line in page().splitlines() if line.startswith("| `")]
    assert [row[0].strip("|` ") for row in rows] == [entry.name for entry in PROPERTIES]
    assert all(len(row) == 6 for row in rows)


def test_the_module_writes_the_page() -> None:
    done = subprocess.run(
        [sys.executable, "-m", "sparkmesos_core.conf.properties.reference_page"],
        capture_output=True,
        text=True,
        check=True,
    )
    assert done.stdout == page()
    assert done.stderr == ""


def test_the_registry_imports_nothing_heavy() -> None:
    program = "import sys; import sparkmesos_core.conf.properties.registry; print(*sys.modules)"
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert {"difflib", "click", "requests"} & set(done.stdout.split()) == set()
