"""A sample of what `scripts/soak` does, and that the fuzzing itself finds what it looks for."""

from __future__ import annotations

import time
from pathlib import Path

import pytest

from sparkmesos_core.errors import UsageError
from tests.soak.configuration_targets import TARGETS
from tests.soak.fuzz_configuration import main
from tests.soak.fuzzing import Case, ContractError, run_cases
from tests.soak.odd_texts import OddTexts

SEED = 4
SAMPLE = 3000


@pytest.mark.parametrize("target", list(TARGETS))
def test_sample(target: str, tmp_path: Path) -> None:
    report = run_cases({target: TARGETS[target]}, SAMPLE // len(TARGETS), SEED, tmp_path, bound=20)
    assert not report.failures, "\n".join(map(str, report.failures))
    assert report.values[target] > 0
    # Names are looked up, and whatever they are, that is no error.
    assert report.errors[target] > 0 or target == "property names"


def a_traceback(_odd: OddTexts, _folder: Path) -> None:
    raise ValueError("boom")


def a_broken_contract(_odd: OddTexts, _folder: Path) -> None:
    raise ContractError("a secret is shown")


def an_empty_message(_odd: OddTexts, _folder: Path) -> None:
    raise UsageError("")


def an_endless_message(_odd: OddTexts, _folder: Path) -> None:
    raise UsageError("x" * 100_000)


def an_endless_loop(_odd: OddTexts, _folder: Path) -> None:
    while True:
        try:
            time.monotonic()
        except Exception:  # noqa: BLE001 - what handles everything must not handle the watchdog
            continue


@pytest.mark.parametrize(
    ("case", "found"),
    [
        (a_traceback, "ValueError: boom"),
        (a_broken_contract, "a secret is shown"),
        (an_empty_message, "the message is empty"),
        (an_endless_message, "the message has 100000 characters"),
        (an_endless_loop, "took more than 0.05 s"),
    ],
)
def test_what_is_found(case: Case, found: str, tmp_path: Path) -> None:
    report = run_cases({"x": case}, 1, SEED, tmp_path, bound=0.05)
    (failure,) = report.failures
    assert found in failure.trace
    assert f"--target 'x' --case 0 --seed {SEED}" in str(failure)


def test_it_stops_where_everything_fails(tmp_path: Path) -> None:
    report = run_cases({"x": a_traceback}, 1000, SEED, tmp_path, most_failures=3)
    assert (len(report.failures), report.cases) == (3, 3)


def test_a_seed_repeats_everything() -> None:
    first, again, other = (
        [odd.any_value() + odd.noise() for _ in range(50)] for odd in map(OddTexts, ("1", "1", "2"))
    )
    assert first == again != other


def test_the_program(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["--count", "20", "--seed", "1", "--target", "values"]) == 0
    out = capsys.readouterr().out
    assert "seed 1" in out
    assert "20 cases, 0 failures" in out
    assert main(["--seed", "1", "--target", "values", "--case", "7"]) == 0
    with pytest.raises(SystemExit):
        main(["--case", "7"])


def test_the_program_says_what_it_found(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(TARGETS, "values", a_traceback)
    assert main(["--count", "1", "--seed", "1", "--target", "values"]) == 1
    captured = capsys.readouterr()
    assert "1 cases, 1 failures" in captured.out
    assert "ValueError: boom" in captured.err
