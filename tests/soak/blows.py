"""Which blows a run of chaos has, of those that can happen. Pure."""

from __future__ import annotations

import random
from collections.abc import Mapping, Sequence
from enum import Enum
from typing import TypeVar

Blow = TypeVar("Blow", bound=Enum)
"""The kinds, whose values say what happens to whom."""


def drawn(
    dice: random.Random, kinds: Sequence[Blow], weights: Mapping[Blow, float], count: int
) -> list[Blow]:
    """So many: one of each kind, in any order, as far as the number goes, then others as it happens."""
    blows = list(kinds)
    dice.shuffle(blows)
    blows += dice.choices(kinds, [weights[blow] for blow in kinds], k=max(0, count - len(blows)))
    return blows[:count]
