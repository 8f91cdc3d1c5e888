"""How records are laid out in ZooKeeper, as values: names, contents, transactions. No I/O.

BASE/format            {"version": 1}
BASE/candidates/M-N    ephemeral: a process that can lead, by its mark; the one with the lowest number does
BASE/epoch             who owns them; its version rises with each owner, and guards all that is written
BASE/framework         {"framework_id": …}
BASE/numbers           {"next": …}
BASE/drivers/ID        the JSON of a record, compressed if it is large; the name is the kind's
BASE/journal/NNNNNN    writes that are too large for one transaction, in pieces
BASE/journal/commit    that these are complete, and hold
"""

from __future__ import annotations

import json
import zlib
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from sparkmesos_core.durable_framework.actions import Forget, Save
from sparkmesos_core.durable_framework.record import RecordKind
from sparkmesos_core.durable_framework.store.format import encode
from sparkmesos_core.durable_framework.store.store import Change
from sparkmesos_core.errors import StoreError

LARGEST_NODE = 900_000
"""Bytes. ZooKeeper takes requests of a little less than 1 MiB (`jute.maxbuffer`)."""

LARGEST_TRANSACTION = 100_000
"""Bytes of all requests in one, as estimated by `transactions`, unless one alone is larger. ZooKeeper takes
more, but its servers keep the last 500 transactions in memory (`commitLogCount`)."""

_COMPRESSED_FROM = 32_768
"""Bytes. Smaller nodes stay readable for people with `zkCli.sh`."""

_COMPRESSED = b"\x78"
"""What zlib's streams begin with, and JSON does not: RFC 1950."""

_OVERHEAD = 160
"""Bytes of a request besides path and content; the access list is most of it."""


class Layout:
    """The paths below a base; `records` is what those of this kind are called, such as `drivers`."""

    def __init__(self, base: str, records: str) -> None:
        self.base = base
        self.format = f"{base}/format"
        self.candidates = f"{base}/candidates"
        self.epoch = f"{base}/epoch"
        self.framework = f"{base}/framework"
        self.numbers = f"{base}/numbers"
        self.records = f"{base}/{records}"
        self.journal = f"{base}/journal"
        self.commit = f"{self.journal}/commit"

    def record(self, record_id: str) -> str:
        """The node of a record."""
        return f"{self.records}/{record_id}"

    def candidate(self, name: str) -> str:
        """The node of a candidate."""
        return f"{self.candidates}/{name}"

    def piece(self, index: int) -> str:
        """A node of the journal."""
        return f"{self.journal}/{index:06d}"


Contents = Mapping[str, bytes | None]
"""What nodes are to hold; None: there is to be no such node."""


def contents(
    layout: Layout, kind: RecordKind[Any], changes: Sequence[Change], next_number: int
) -> dict[str, bytes | None]:
    """What changes come to: of several for one node the last. `next_number` is the one that is stored.

    Raises StoreError for a record that does not fit into a node.
    """
    wanted: dict[str, bytes | None] = {}
    largest = 0
    for change in changes:
        if isinstance(change, Save):
            record = change.record
            data = pack(encode(record).encode())
            if len(data) > LARGEST_NODE:
                raise StoreError(
                    f"the {kind.singular} {record.id} takes {len(data)} bytes, and a node in ZooKeeper holds"
                    f" {LARGEST_NODE}",
                    hint="Submit it with shorter arguments and properties",
                )
            wanted[layout.record(record.id)] = data
            largest = max(largest, record.number)
        elif isinstance(change, Forget):
            wanted[layout.record(change.record_id)] = None
        else:
            wanted[layout.framework] = framework_content(change.framework_id)
    if largest >= next_number:
        wanted[layout.numbers] = numbers_content(largest + 1)
    return wanted


def framework_content(framework_id: str | None) -> bytes:
    """What BASE/framework holds."""
    return json.dumps({"framework_id": framework_id}).encode()


def numbers_content(next_number: int) -> bytes:
    """What BASE/numbers holds."""
    return json.dumps({"next": next_number}).encode()


def transactions(wanted: Contents) -> Iterator[dict[str, bytes | None]]:
    """Split into parts that ZooKeeper takes each as one transaction."""
    part: dict[str, bytes | None] = {}
    size = 0
    for path, data in wanted.items():
        needed = _OVERHEAD + len(path) + len(data or b"")
        if part and size + needed > LARGEST_TRANSACTION:
            yield part
            part, size = {}, 0
        part[path] = data
        size += needed
    if part:
        yield part


def journal_pieces(wanted: Contents) -> list[bytes]:
    """The same as contents for the nodes of the journal; `read_journal` is the way back."""
    # Nodes hold ASCII, or compressed bytes: each byte is written as the character of that number.
    text = json.dumps(
        [[path, None if data is None else data.decode("latin-1")] for path, data in wanted.items()]
    )
    whole = zlib.compress(text.encode(), 1)
    return [whole[start : start + LARGEST_TRANSACTION] for start in range(0, len(whole), LARGEST_TRANSACTION)]


def read_journal(pieces: Sequence[bytes]) -> dict[str, bytes | None]:
    """What `journal_pieces` made these of. Raises ValueError for anything else."""
    try:
        entries = json.loads(zlib.decompress(b"".join(pieces)))
        return {path: None if text is None else text.encode("latin-1") for path, text in entries}
    except (zlib.error, TypeError, AttributeError) as error:
        raise ValueError(f"no journal ({type(error).__name__})") from None


def pack(text: bytes) -> bytes:
    """The content of a record's node: the JSON, or what is shorter."""
    return zlib.compress(text) if len(text) >= _COMPRESSED_FROM else text


def unpack(content: bytes) -> bytes:
    """What `pack` was given. Raises ValueError for damaged contents."""
    if not content.startswith(_COMPRESSED):
        return content
    try:
        return zlib.decompress(content)
    except zlib.error:
        raise ValueError("it cannot be decompressed") from None
