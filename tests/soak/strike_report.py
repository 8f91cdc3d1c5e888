"""What has happened in a run whose strikes are of several kinds."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field
from typing import Generic

from tests.soak.blows import Blow


@dataclass
class StrikeReport(Generic[Blow]):
    """What has happened."""

    counts: Counter[Blow] = field(default_factory=Counter)
    skipped: Counter[Blow] = field(default_factory=Counter)
    """Those that met nobody."""
    launches: int = 0
    problems: list[str] = field(default_factory=list)

    def __str__(self) -> str:
        told = ", ".join(f"{number} times {blow.value}" for blow, number in self.counts.most_common())
        skipped = f" ({self.skipped.total()} met nobody)" if self.skipped else ""
        return f"{self.counts.total()} strikes{skipped}, {self.launches} launches: {told}"
