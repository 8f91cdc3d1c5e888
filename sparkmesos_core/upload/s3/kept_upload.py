"""What is remembered of a multipart upload, so that a later run can take it up.

The server itself lists the uploads that are not finished, but not for which file each was begun: one whose
parts all fit could still be of a file that differs in a part not sent yet.
"""

from __future__ import annotations

import contextlib
import hashlib
import json
import secrets
from collections.abc import Mapping
from dataclasses import asdict, dataclass

from sparkmesos_core.directories import state_directory
from sparkmesos_core.errors import SparkMesosError

_FORMAT = 1


@dataclass(frozen=True)
class KeptUpload:
    """An upload that was begun."""

    upload_id: str
    sha256: str
    """Of the whole file."""
    size: int
    part_bytes: int


class KeptUploads:
    """The note about the upload to one place, in a file below the state directory."""

    def __init__(self, environment: Mapping[str, str], endpoint: str, bucket: str, key: str) -> None:
        """Raises UsageError for a user without a home folder."""
        place = hashlib.sha256("\n".join((endpoint, bucket, key)).encode("utf-8", "surrogateescape"))
        self._path = state_directory(environment) / "uploads" / f"{place.hexdigest()[:40]}.json"

    def load(self) -> KeptUpload | None:
        """What was remembered; None if nothing, or nothing that can be read."""
        try:
            found = json.loads(self._path.read_bytes())
            if found.pop("format") != _FORMAT:
                return None
            kept = KeptUpload(**found)
        except (OSError, ValueError, TypeError, KeyError, AttributeError):
            return None
        texts = isinstance(kept.upload_id, str) and isinstance(kept.sha256, str)
        numbers = isinstance(kept.size, int) and isinstance(kept.part_bytes, int)
        return kept if texts and numbers and kept.part_bytes > 0 else None

    def save(self, kept: KeptUpload) -> None:
        """Remember an upload. Raises SparkMesosError if that cannot be written."""
        aside = self._path.with_suffix(f".{secrets.token_hex(4)}")
        try:
            self._path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
            try:
                aside.write_text(json.dumps({"format": _FORMAT, **asdict(kept)}))
                aside.replace(self._path)
            finally:
                aside.unlink(missing_ok=True)
        except OSError as error:
            raise SparkMesosError(
                f"{self._path.parent} cannot be written, where --resume remembers uploads: {error.strerror}",
                hint="Correct it, set SPARKMESOS_STATE_DIR, or leave out --resume.",
            ) from error

    def forget(self) -> None:
        """Remember nothing. Never raises."""
        with contextlib.suppress(OSError):
            self._path.unlink(missing_ok=True)
