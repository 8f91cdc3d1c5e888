"""The request of the real spark-submit against ours, over some two thousand command lines."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from sparkmesos_core.errors import UsageError
from sparkmesos_core.spark.arguments import Action, SubmitArguments
from tests.integration.spark_releases import RUNNABLE, spark_release
from tests.integration.spark_submit_jvm.cases import Case, each_value, generated, handwritten
from tests.integration.spark_submit_jvm.comparison import ENVIRONMENT, Theirs, difference
from tests.integration.spark_submit_jvm.scrambled_cases import scrambled
from tests.integration.spark_submit_jvm.submitter import Dispatcher, Submitter

pytestmark = pytest.mark.slow

SEED = 20261122

KINDS: dict[str, Callable[[], Iterator[Case]]] = {
    "handwritten": handwritten,
    "each value": each_value,
    "generated": lambda: generated(600, SEED),
    "scrambled": lambda: scrambled(800, SEED),
}


@pytest.mark.parametrize("kind", KINDS)
def test_requests(submitter: Submitter, stand_in: Dispatcher, directory: Path, kind: str) -> None:
    seen = compare(KINDS[kind](), submitter, ENVIRONMENT, stand_in, directory)
    # The comparison is worth nothing if Spark refuses most of what it is given.
    assert seen["sent"] > 150
    assert seen["refused"] > 50


@pytest.mark.parametrize("version", RUNNABLE)
def test_older_releases(
    version: str, classes: Path, stand_in: Dispatcher, directory: Path, tmp_path: Path
) -> None:
    """With classes compiled for the installed release: what they call is the same in these."""
    home = spark_release(version)
    # Spark Connect came with 3.4.
    cases = [
        case for case in handwritten() if "onnect" not in str(case) and "remote" not in str(case).lower()
    ]
    submitter = Submitter(classes, directory, tmp_path / "log", home)
    try:
        seen = compare(cases, submitter, {**ENVIRONMENT, "SPARK_HOME": str(home)}, stand_in, directory)
    finally:
        submitter.close()
    assert seen["sent"] > 150


def compare(
    cases: Iterable[Case],
    submitter: Submitter,
    surroundings: Mapping[str, str],
    stand_in: Dispatcher,
    directory: Path,
) -> Counter[str]:
    """Fails where we differ. Returns how many command lines were sent, refused, or came to something else."""
    wrong: list[tuple[Case, str]] = []
    seen: Counter[str] = Counter()
    for case, arguments, environment, theirs in answers(cases, submitter, surroundings, stand_in, directory):
        problem = reading_differs(arguments, theirs)
        if not problem and theirs.is_submission:
            problem = difference(arguments, environment, directory, theirs)
        seen["sent" if theirs.request else "refused" if theirs.refusal else "other"] += 1
        if problem:
            wrong.append((case, problem))
    assert wrong[:10] == []
    return seen


def answers(
    cases: Iterable[Case],
    submitter: Submitter,
    surroundings: Mapping[str, str],
    stand_in: Dispatcher,
    directory: Path,
) -> Iterator[tuple[Case, list[str], dict[str, str], Theirs]]:
    """What Spark makes of each case, in their order, with its arguments and environment as they were.

    While the caller looks at an answer the JVM is at work on the next ones.
    """

    def ask(case: Case) -> tuple[Case, list[str], dict[str, str], Theirs]:
        for name, text in case.files.items():
            (directory / name).write_bytes(text.encode())
        arguments, extra = case.place(stand_in.url, directory)
        environment = {**surroundings, **extra}
        return case, arguments, environment, Theirs(submitter.run(arguments, environment), stand_in.take())

    with ThreadPoolExecutor(max_workers=1) as jvm:
        yield from jvm.map(ask, cases)


ACTIONS = {
    "SUBMIT": Action.SUBMIT,
    "KILL": Action.KILL,
    "REQUEST_STATUS": Action.STATUS,
    "PRINT_VERSION": Action.VERSION,
}


def reading_differs(arguments: list[str], theirs: Theirs) -> str:
    """How the command line itself is read differently; empty if it is not, or Spark refuses to read it."""
    if theirs.answer.get("exit") == 0:
        return "" if SubmitArguments.parse(arguments).action is Action.HELP else "they show their help"
    wanted = theirs.answer.get("parsed")
    if wanted is None:
        return ""
    try:
        ours = SubmitArguments.parse(arguments)
    except UsageError as error:
        return f"we do not read it: {error.message}"
    if ours.action is not ACTIONS[wanted["action"]]:
        return f"the action is {ours.action}"
    pairs: list[tuple[object, object]] = []
    if ours.action is Action.SUBMIT:
        pairs += [
            (ours.verbose, wanted["verbose"]),
            (list(ours.application_arguments), wanted["arguments"]),
            (ours.main_class, wanted["main_class"] if ours.main_class is not None else None),
        ]
    elif ours.action is not Action.VERSION:
        option = f"--{ours.action.value}"
        pairs += [(ours.values[option], wanted[ours.action.value])]
    return "; ".join(f"{mine!r} instead of {other!r}" for mine, other in pairs if mine != other)
