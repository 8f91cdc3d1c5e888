"""The destination of an archive whose name may not be known yet."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from sparkmesos_core.errors import UsageError
from sparkmesos_core.quoting import printable

if TYPE_CHECKING:
    from sparkmesos_core.upload.destination import Destination


@dataclass(frozen=True)
class Wanted:
    """Where the archive is to go, before anybody knows what it is called."""

    text: str
    name: str | None
    """The name that DESTINATION gives it; None if that is a folder."""

    @classmethod
    def read(cls, text: str) -> Wanted:
        """Raises UsageError for what is no destination."""
        from sparkmesos_core.upload.destination import parse_destination

        # Only in a folder does the name follow that of the file.
        one, other = (parse_destination(text, name).name for name in ("a.tgz", "b.tgz"))
        return cls(text, one if one == other else None)

    def require_name(self) -> None:
        """Raises UsageError if it gives the archive a name that no agent could use."""
        from sparkmesos_core.dist.names import problem_of

        if self.name is None or (problem := problem_of(self.name)) is None:
            return
        place = self.destination(self.name)
        label = place.path if place.scheme == "file" else place.label
        raise UsageError(
            f"the destination {printable(label)} ends in no archive's name: {problem}",
            hint=f"If {printable(self.name)} is a folder, write a slash at its end: {printable(label)}/\n"
            "Else end in a name such as spark-3.5.9-bin-hadoop3.tgz.",
        )

    def destination(self, file_name: str) -> Destination:
        """The destination of an archive of this name."""
        from sparkmesos_core.upload.destination import parse_destination

        return parse_destination(self.text, file_name)
