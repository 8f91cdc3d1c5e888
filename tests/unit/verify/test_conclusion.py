"""What results come to."""

from __future__ import annotations

import pytest

from sparkmesos_core.conf.finding import Severity
from sparkmesos_core.conf.setting import Origin, Source
from sparkmesos_core.errors import ExitCode, MesosError, TimedOutError, UnreachableError
from sparkmesos_core.verify.check import Status
from sparkmesos_core.verify.conclusion import Conclusion, conclude
from tests.verified import check, problem, result

CHECKS = tuple(check(id) for id in ("one", "two", "three", "four", "five"))
ONE, TWO, THREE, FOUR, FIVE = CHECKS
ERROR, WARNING, NOTE = Severity


def concluded(*results, **options) -> Conclusion:
    return conclude(CHECKS, results, **options)


def test_all_is_well():
    found = concluded(result(ONE), result(TWO, status=Status.SKIPPED))
    assert (found.exit_code, found.healthy, found.advice) == (ExitCode.OK, True, ())
    assert found.counts == {
        Status.OK: 1,
        Status.NOTE: 0,
        Status.WARNING: 0,
        Status.ERROR: 0,
        Status.SKIPPED: 1,
    }


@pytest.mark.parametrize(
    ("severity", "strict", "code"),
    [
        (ERROR, False, ExitCode.FAILED),
        (ERROR, True, ExitCode.FAILED),
        (WARNING, False, ExitCode.OK),
        (WARNING, True, ExitCode.FAILED),
        (NOTE, True, ExitCode.OK),
    ],
)
def test_what_counts_is_errors_and_with_strict_warnings(severity, strict, code):
    found = concluded(result(ONE, problem(severity)), strict=strict)
    assert found.exit_code is code
    assert found.healthy is (code is ExitCode.OK)


@pytest.mark.parametrize(
    ("error", "code"),
    [
        (UnreachableError("nobody leads"), ExitCode.UNREACHABLE),
        (TimedOutError("no answer"), ExitCode.UNREACHABLE),
        (MesosError("it refuses"), ExitCode.FAILED),
        (None, ExitCode.FAILED),
    ],
)
def test_a_cluster_that_does_not_answer_has_a_code_of_its_own(error, code):
    message = error.message if error else "something else"
    assert concluded(result(ONE, problem(message=message)), unreachable=error).exit_code is code


def test_unreachable_is_unhealthy_even_if_no_chosen_check_is_an_error():
    unreachable = UnreachableError("nobody leads")
    found = concluded(result(ONE, problem(NOTE, "nobody leads")), unreachable=unreachable)
    assert (found.exit_code, found.healthy) == (ExitCode.UNREACHABLE, False)


def test_unreachable_does_not_matter_to_checks_that_do_without_the_cluster():
    """As with --only client: else there would be a failure of which nothing tells."""
    unreachable = UnreachableError("nobody leads")
    assert concluded(result(ONE), unreachable=unreachable).exit_code is ExitCode.OK
    assert (
        concluded(result(ONE), result(TWO, problem()), unreachable=unreachable).exit_code is ExitCode.FAILED
    )


def test_errors_come_first_and_each_in_the_order_of_the_table():
    found = concluded(
        result(FOUR, problem(ERROR, hint="do d")),
        result(THREE, problem(WARNING, hint="do c")),
        result(TWO, problem(ERROR, hint="do b"), problem(WARNING, hint="do b too")),
        result(ONE, problem(WARNING, hint="do a")),
        result(FIVE, problem(NOTE, hint="do e")),
    )
    assert [each.hint for each in found.advice] == ["do b", "do d", "do a", "do b too", "do c"]
    assert [each.hint for each in found.most_important] == ["do b", "do d", "do a"]


def test_the_same_advice_is_given_once_with_all_checks_that_give_it():
    found = concluded(
        result(TWO, problem(ERROR, "second", hint="do it"), problem(ERROR, "again", hint="do it")),
        result(ONE, problem(WARNING, "first", hint="do it")),
    )
    (advice,) = found.advice
    assert (advice.hint, advice.message, advice.severity) == ("do it", "second", ERROR)
    assert advice.checks == ("two", "one")


def test_the_same_words_about_two_places_are_two_things_to_do():
    places = [Origin(Source.FILE, "spark-defaults.conf", line) for line in (5, 7)]
    first, second = (problem(key="spark.k", origin=place, hint="Write digits only") for place in places)
    found = concluded(result(ONE, first, second), result(TWO, first))
    assert [(each.hint, each.key, each.origin, each.checks) for each in found.advice] == [
        ("Write digits only", "spark.k", places[0], ("one", "two")),
        ("Write digits only", "spark.k", places[1], ("one",)),
    ]


def test_what_has_no_hint_is_no_advice():
    assert concluded(result(ONE, problem(ERROR, hint=""))).advice == ()
