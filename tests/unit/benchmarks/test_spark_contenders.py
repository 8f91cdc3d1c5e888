from __future__ import annotations

from collections import Counter

import pytest

from benchmarks.spark_clusters import SparkCluster
from benchmarks.spark_contenders import Contender, order_of_round

CLUSTER = SparkCluster("mesos://h", lambda: 0.0, list)


def contenders(*labels: str) -> list[Contender]:
    return [Contender(label, (), CLUSTER, {}, ()) for label in labels]


@pytest.mark.parametrize("others", [(), ("c",), ("c", "d", "e")])
@pytest.mark.parametrize("first", range(4))
def test_of_the_pair_each_comes_as_often_after_each_of_the_others(others, first):
    all_of_them = contenders("a", "b", *others)
    before: dict[str, Counter[str]] = {"a": Counter(), "b": Counter()}
    after: dict[str, Counter[str]] = {"a": Counter(), "b": Counter()}
    last = order_of_round(all_of_them, first - 1)[-1].label
    for number in range(first, first + 4):
        labels = [one.label for one in order_of_round(all_of_them, number)]
        assert sorted(labels) == sorted(one.label for one in all_of_them)
        for earlier, later in zip([last, *labels], labels, strict=False):
            if later in before:
                before[later][earlier] += 1
            if earlier in after:
                after[earlier][later] += 1
        last = labels[-1]

    def turned(counts: Counter[str]) -> dict[str, int]:
        return {{"a": "b", "b": "a"}.get(label, label): number for label, number in counts.items()}

    assert before["a"] == turned(before["b"])
    assert after["a"] == turned(after["b"])


def test_the_round_for_nothing_is_one_like_others():
    labels = [one.label for one in order_of_round(contenders("a", "b", "c"), -1)]
    assert labels == ["b", "a", "c"]
