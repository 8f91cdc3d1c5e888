"""Which Spark takes which bridge."""

from __future__ import annotations

import pytest

from sparkmesos_core.bridge.kinds import BridgeKind, bridge_kind, is_untried
from sparkmesos_core.spark.core_jar import Release


@pytest.mark.parametrize(
    ("release", "has_mesos", "kind"),
    [
        ((2, 3), True, None),
        ((2, 4), True, BridgeKind.DRIVER),
        ((3, 5), True, BridgeKind.DRIVER),
        ((3, 5), False, None),
        ((4, 0), False, BridgeKind.BACKEND),
        ((4, 3), True, BridgeKind.BACKEND),
        ((5, 0), False, BridgeKind.BACKEND),
        (None, True, BridgeKind.DRIVER),
        (None, False, None),
    ],
)
def test_kind_of_a_spark(release: Release | None, has_mesos: bool, kind: BridgeKind | None) -> None:
    assert bridge_kind(release, has_mesos=has_mesos) is kind


def test_what_each_is_made_for() -> None:
    assert [kind.sparks for kind in BridgeKind] == ["Spark 2.4 to 3.5", "Spark 4.0 to 4.3"]
    assert [kind.javas(None) for kind in BridgeKind] == ["Java 8, 11, 17 or 21", "Java 17, 21 or 25"]
    assert (BridgeKind.DRIVER.javas((3, 3)), BridgeKind.BACKEND.javas((4, 1))) == (
        "Java 8, 11 or 17",
        "Java 17 or 21",
    )


@pytest.mark.parametrize(
    ("release", "untried"), [((3, 5), False), ((4, 3), False), ((4, 4), True), ((5, 0), True)]
)
def test_newer_than_what_was_tried(release: Release, untried: bool) -> None:
    assert is_untried(release) is untried
