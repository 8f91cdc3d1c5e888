"""What is wrong with a request, all of it at once."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from sparkmesos_core.errors import UsageError

_MOST_PROBLEMS = 20


@dataclass(frozen=True)
class Problem:
    """One thing that keeps a submission from being accepted. It never holds the value of a secret."""

    key: str
    """The property, or the field of the message."""
    message: str
    """What is wrong, without the key and without a full stop."""
    hint: str = ""
    """What to do, in sentences."""

    def __str__(self) -> str:
        text = f"{self.key}: {self.message}."
        return f"{text} {self.hint}" if self.hint else text


class RequestError(UsageError):
    """A request that is answered with 400. Its message tells the problems, too; of very many the first."""

    def __init__(self, message: str, problems: Sequence[Problem] = ()) -> None:
        self.problems = tuple(problems[:_MOST_PROBLEMS])
        parts = [message, *map(str, self.problems)]
        if len(problems) > _MOST_PROBLEMS:
            parts.append(f"And {len(problems) - _MOST_PROBLEMS} more.")
        super().__init__(" ".join(parts))
