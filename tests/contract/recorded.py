"""Where the recordings of a real Mesos 1.12.0 are."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

Json = dict[str, Any]

RECORDINGS = Path(__file__).parent / "recordings" / "mesos-1.12.0"


def load(name: str) -> Json:
    """A recording by name."""
    recording: Json = json.loads((RECORDINGS / f"{name}.json").read_text())
    return recording
