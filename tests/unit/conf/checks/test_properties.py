"""What counts as a typing mistake."""

from __future__ import annotations

import pytest

from sparkmesos_core.conf.checks.properties import is_one_mistake_away


@pytest.mark.parametrize(
    "text",
    [
        "spark.executor.core",
        "spark.executor.coress",
        "spark.executer.cores",
        "spark.exceutor.cores",
        "spark.Executor.Cores",
        "park.executor.cores",
        "spark.executor.cores.",
    ],
)
def test_one_mistake(text: str) -> None:
    assert is_one_mistake_away(text, "spark.executor.cores")
    assert is_one_mistake_away("spark.executor.cores", text)


@pytest.mark.parametrize(
    "text", ["", "spark.executor.memory", "spark.executr.core", "spark.executor.cors.x", "spark"]
)
def test_more_than_one(text: str) -> None:
    assert not is_one_mistake_away(text, "spark.executor.cores")


def test_short_names_are_too_alike() -> None:
    assert not is_one_mistake_away("spark.a", "spark.b")
