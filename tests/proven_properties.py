"""Which test proves which property: the page of `docs/reference/` that says it, made of the tests' marks.

python -m tests.proven_properties > docs/reference/proven-properties.md

A test says it with `@pytest.mark.proves("spark.mesos.role", "spark.cores.max", mode="cluster")`. The mode is `client`,
`cluster` or `both`; where it is left out it is `cluster` in files and folders that are named for cluster mode or the
dispatcher, and `client` elsewhere. Marks are read, not run: the properties and the mode have to be written out. A mark
on a class, or in `pytestmark`, is one for all that is in the class or the file.
"""

from __future__ import annotations

import ast
import re
import sys
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from sparkmesos_core.conf.properties.mesos_properties import MESOS_GROUPS
from sparkmesos_core.conf.properties.own_properties import OWN_GROUPS
from sparkmesos_core.conf.properties.registered_property import Property, Reader
from sparkmesos_core.conf.properties.registry import PROPERTIES, find_property

TESTS = Path(__file__).parent
CLIENT, CLUSTER = "client", "cluster"
_MODES = {CLIENT: (CLIENT,), CLUSTER: (CLUSTER,), "both": (CLIENT, CLUSTER)}
_MOST_ARE_IN = "integration/run_modes/"
_ABOUT_CLUSTER_MODE = re.compile(r"cluster_mode|dispatcher")

# Those that are not about Mesos only, and matter there.
OF_EVERY_SPARK = (
    ("Sizes of executors and drivers", (
        "spark.cores.max", "spark.executor.cores", "spark.executor.memory", "spark.executor.memoryOverheadFactor",
        "spark.blockManager.port", "spark.task.cpus",
        "spark.driver.cores", "spark.driver.memory", "spark.driver.memoryOverhead",
        "spark.driver.memoryOverheadFactor", "spark.driver.supervise",
    )),
    ("Environment, options and paths", (
        "spark.executorEnv.NAME",
        "spark.executor.extraJavaOptions", "spark.executor.extraClassPath", "spark.executor.extraLibraryPath",
        "spark.driver.extraJavaOptions", "spark.driver.extraClassPath", "spark.driver.extraLibraryPath",
        "spark.pyspark.python", "spark.pyspark.driver.python",
    )),
    ("Dependencies", (
        "spark.jars", "spark.files", "spark.submit.pyFiles", "spark.archives",
        "spark.jars.packages", "spark.jars.repositories",
    )),
    ("Recovery of the dispatcher", (
        "spark.deploy.recoveryMode", "spark.deploy.zookeeper.url", "spark.deploy.zookeeper.dir",
    )),
    ("Dynamic allocation and the shuffle service", (
        "spark.dynamicAllocation.enabled", "spark.dynamicAllocation.minExecutors", "spark.dynamicAllocation.maxExecutors",
        "spark.dynamicAllocation.executorIdleTimeout", "spark.shuffle.service.enabled", "spark.shuffle.service.port",
        "spark.shuffle.cleaner.interval", "spark.storage.blockManagerHeartbeatTimeoutMs",
    )),
)  # fmt: skip

_ONLY_FOR_A_DISPATCHER = {"spark.driver.cores", "spark.driver.supervise"}
"""What spark-submit reads in client mode, too, and does nothing about."""

_SPARK_1 = "Spark 1 read it, and no release that runs here"
# Why no test proves a property.
WORDS: dict[str, str] = {
    "spark.mesos.deploy.recoveryMode": _SPARK_1,
    "spark.mesos.deploy.zookeeper.url": _SPARK_1,
    "spark.mesos.fetchCache.enable": "A slip of Spark's dispatchers before 2.4.1; ours reads the name that was meant",
}

_TITLE = """\
# Proven properties

<!-- Made by `python -m tests.proven_properties` of the marks of tests: change those instead. -->

Each property of Spark on Mesos, and each of every Spark that matters there, with the tests that show what it does: real
Spark on the embedded cluster, compared in what Mesos was told and in what the application found. Tests in `contract/`
compare what our dispatcher launches with what Spark's own was recorded to launch, and where a property is the
dispatcher's alone its drivers may be scripts. Tests that set a property in passing are not named.

Names without a folder are in `tests/integration/run_modes/`, the other paths are those below `tests/`. *Client mode*: the
driver is where `sparkmesos submit` is called. *Cluster mode*: a dispatcher launches it. A dash stands where a property
has no meaning in a mode.
"""
_AS_IN_CLIENT_MODE = "As in client mode: drivers in the cluster are told it and read it themselves"


class BadMark(ValueError):
    """A mark that cannot be read: where it is and what is wrong with it."""


@dataclass(frozen=True)
class Proof:
    """A mark: a test, or a class or file of them, and what it proves."""

    test: str
    """Path below `tests/`, and the name in pytest's way: `unit/test_a.py::TestB::test_c`."""
    properties: tuple[str, ...]
    modes: tuple[str, ...]


def proofs(tests: Path = TESTS) -> list[Proof]:
    """All marks in the tests below a folder, in the order of their paths. Raises BadMark."""
    return [
        proof
        for path in sorted(tests.rglob("test_*.py"))
        for proof in proofs_in(path.read_text(encoding="utf-8"), path.relative_to(tests).as_posix())
    ]


def proofs_in(source: str, name: str) -> list[Proof]:
    """The marks in the text of a file of tests with this name. Raises BadMark."""
    return list(_in_node(ast.parse(source, name), (), name)) if "mark.proves" in source else []


def _in_node(node: ast.AST, inside: tuple[str, ...], name: str) -> Iterator[Proof]:
    if isinstance(node, ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef):
        inside = (*inside, node.name)
    if isinstance(node, ast.Call) and ast.unparse(node.func) == "pytest.mark.proves":
        yield _proof(node, inside, name)
    for child in ast.iter_child_nodes(node):
        yield from _in_node(child, inside, name)


def _proof(mark: ast.Call, inside: tuple[str, ...], name: str) -> Proof:
    where = f"{name}:{mark.lineno}"
    words = {keyword.arg: keyword.value for keyword in mark.keywords}
    mode_node = words.pop("mode", None)
    if words or not mark.args:
        raise BadMark(f"{where}: a mark has properties and a mode, nothing else")
    mode = (
        _literal(mode_node, where) if mode_node else CLUSTER if _ABOUT_CLUSTER_MODE.search(name) else CLIENT
    )
    if mode not in _MODES:
        raise BadMark(f"{where}: {mode!r} is not one of {', '.join(_MODES)}")
    return Proof(
        "::".join((name, *inside)),
        tuple(_registered_name(_literal(argument, where), where) for argument in mark.args),
        _MODES[mode],
    )


def _literal(node: ast.expr, where: str) -> str:
    if not isinstance(node, ast.Constant) or not isinstance(node.value, str):
        raise BadMark(f"{where}: {ast.unparse(node)} is not a text that is written out")
    return node.value


def _registered_name(key: str, where: str) -> str:
    """The name under which a key, which may be one of a family, is in the registry."""
    entry = find_property(key)
    if entry is None:
        raise BadMark(f"{where}: the registry has no property {key}")
    return entry.name


@dataclass(frozen=True)
class Row:
    """What is known of a property: the tests that prove it, by mode, or words."""

    entry: Property
    tests: dict[str, tuple[str, ...]]

    def modes(self) -> tuple[str, ...]:
        """Those in which the property has a meaning."""
        driver = {Reader.BACKEND, Reader.DRIVER, Reader.CLIENT}
        only_there = self.entry.name in _ONLY_FOR_A_DISPATCHER or not self.entry.readers & driver
        return (CLUSTER,) if only_there else (CLIENT, CLUSTER)

    def cell(self, mode: str) -> str:
        """What the page has for a mode; empty if there is nothing to say."""
        if tests := self.tests.get(mode):
            return "<br>".join(f"`{test.removeprefix(_MOST_ARE_IN)}`" for test in tests)
        if mode not in self.modes():
            return "-"
        if words := WORDS.get(self.entry.name):
            return words
        only_in_drivers = not self.entry.readers & {Reader.SUBMISSION, Reader.DISPATCHER}
        return _AS_IN_CLIENT_MODE if mode == CLUSTER and only_in_drivers and self.tests.get(CLIENT) else ""


def rows(found: Iterable[Proof]) -> list[tuple[str, list[Row]]]:
    """The page's rows under its headings: every property that is about Mesos, then those of every Spark."""
    tests: dict[tuple[str, str], list[str]] = {}
    for proof in found:
        for key in ((name, mode) for name in proof.properties for mode in proof.modes):
            tests.setdefault(key, []).append(proof.test)

    def row(entry: Property) -> Row:
        by_mode = {
            mode: tuple(dict.fromkeys(tests.get((entry.name, mode), ()))) for mode in (CLIENT, CLUSTER)
        }
        return Row(entry, by_mode)

    by_name = {entry.name: entry for entry in PROPERTIES}
    groups: list[tuple[str, Sequence[Property]]] = [
        *MESOS_GROUPS,
        *OWN_GROUPS,
        *((heading, [by_name[name] for name in names]) for heading, names in OF_EVERY_SPARK),
    ]
    return [(heading, [row(entry) for entry in entries]) for heading, entries in groups]


def problems(found: Sequence[Proof]) -> list[str]:
    """What keeps the page from being complete: properties without test or words, and words that are out of date."""
    told = []
    listed = {row.entry.name for _, group in rows(found) for row in group}
    told += [
        f"{name} is proven, and not on the page: add it to OF_EVERY_SPARK"
        for name in sorted({name for proof in found for name in proof.properties} - listed)
    ]
    for _, group in rows(found):
        for row in group:
            name = row.entry.name
            told += [f"{name} has no test in {mode} mode" for mode in row.modes() if not row.cell(mode)]
            if name in WORDS and all(row.tests[mode] for mode in row.modes()):
                told.append(f"{name} has words why it has no test, and tests")
    told += [f"{name} has words and is not on the page" for name in WORDS if name not in listed]
    return told


def page(found: Iterable[Proof]) -> str:
    """The page as Markdown."""
    lines = [_TITLE]
    for heading, group in rows(found):
        lines += [f"## {heading}\n", "| Property | Client mode | Cluster mode |", "|---|---|---|"]
        lines += [f"| `{row.entry.name}` | {row.cell(CLIENT)} | {row.cell(CLUSTER)} |" for row in group]
        lines.append("")
    return "\n".join(lines)


if __name__ == "__main__":
    marks = proofs()
    sys.stdout.write(page(marks))
    sys.stderr.writelines(f"{problem}\n" for problem in problems(marks))
