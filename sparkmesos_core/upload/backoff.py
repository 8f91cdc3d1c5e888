"""How long to wait before something is tried again."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass


@dataclass(frozen=True)
class Backoff:
    """Exponential, with jitter: of many that failed at once, not all come back at once."""

    attempts: int = 5
    """How often something is tried in all."""
    first: float = 0.5
    """Seconds before the second attempt, without jitter."""
    factor: float = 2.0
    limit: float = 30.0
    """The most seconds that are ever waited for."""

    def delay(self, failures: int, random: Callable[[], float], asked: float | None = None) -> float | None:
        """Seconds to wait after so many failures in a row; None to give up.

        `random` gives numbers in [0, 1). A server that `asked` for a longer time (Retry-After) gets it, up to
        the limit.
        """
        if failures >= self.attempts:
            return None
        try:
            full = self.first * self.factor ** (failures - 1)
        except OverflowError:
            full = self.limit
        full = min(full, self.limit)
        return max(full / 2 + random() * full / 2, min(asked or 0.0, self.limit))
