"""The text that records are stored as, whatever the store: JSON in ASCII, perhaps with secrets in it.

A record that cannot be understood is left out by stores, and left where it is. So that this never happens to
all of them after a step back to an older version of this toolkit, stores have a version of their own
(`RecordKind.version`), and one of a newer version is refused.
"""

from __future__ import annotations

import json

from sparkmesos_core.durable_framework.record import R, Record, RecordKind


def encode(record: Record) -> str:
    """One line of ASCII. What JSON has no character for, such as half a surrogate pair, is escaped."""
    return json.dumps(record.to_json(), separators=(",", ":"))


def decode(kind: RecordKind[R], record_id: str, text: bytes) -> R:
    """What `encode` made for the record of this id. Raises ValueError, with what is wrong in words."""
    try:
        record = kind.from_json(json.loads(text))
    except KeyError as error:
        raise ValueError(f"it has no field {error}") from None
    except (ValueError, TypeError, AttributeError, RecursionError) as error:
        # The messages of others may quote what they stumbled on, and that may be a secret.
        raise ValueError(f"it is not the JSON of a {kind.singular} ({type(error).__name__})") from None
    if record.id != record_id:
        raise ValueError("it is stored under an id that is not its own")
    if type(record.number) is not int or record.number < 1:
        raise ValueError("its number is none")
    return record
