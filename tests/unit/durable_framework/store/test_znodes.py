"""How changes become contents of nodes, transactions and a journal."""

from __future__ import annotations

import json
import random
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sparkmesos_core.dispatcher.drivers.kind import DRIVERS
from sparkmesos_core.dispatcher.rest.application import LARGEST_BODY
from sparkmesos_core.durable_framework.actions import Forget, Save, SaveFramework
from sparkmesos_core.durable_framework.store.store import Change
from sparkmesos_core.durable_framework.store.znodes import (
    LARGEST_NODE,
    LARGEST_TRANSACTION,
    Layout,
    contents,
    journal_pieces,
    pack,
    read_journal,
    transactions,
    unpack,
)
from sparkmesos_core.errors import StoreError
from tests.unit.durable_framework.store.store_behaviour import make_driver

LAYOUT = Layout("/base", DRIVERS.plural)
CONTENTS = st.dictionaries(st.text(min_size=1), st.none() | st.binary(max_size=300), max_size=30)


def test_the_last_of_several_changes_counts() -> None:
    first, second = make_driver(1), make_driver(9)
    changes: list[Change] = [
        Save(second),
        Save(first),
        SaveFramework("a"),
        Forget(second.id),
        SaveFramework(None),
        Save(replace(first, launches=1)),
    ]
    wanted = contents(LAYOUT, DRIVERS, changes, 3)
    driver = wanted.pop(f"/base/drivers/{first.id}")
    assert driver is not None
    assert json.loads(driver)["launches"] == 1
    assert wanted == {
        f"/base/drivers/{second.id}": None,
        "/base/framework": b'{"framework_id": null}',
        "/base/numbers": b'{"next": 10}',
    }


def test_the_next_number_is_written_when_it_changes() -> None:
    assert LAYOUT.numbers in contents(LAYOUT, DRIVERS, [Save(make_driver(3))], 3)
    assert LAYOUT.numbers not in contents(LAYOUT, DRIVERS, [Save(make_driver(3))], 4)
    assert LAYOUT.numbers not in contents(LAYOUT, DRIVERS, [Forget(make_driver(3).id)], 1)


def test_a_driver_that_is_too_large() -> None:
    noise = random.Random(6).randbytes(LARGEST_NODE).hex()
    driver = make_driver(1, token=noise)
    with pytest.raises(StoreError, match=rf"the driver {driver.id} takes \d+ bytes.* holds 900000"):
        contents(LAYOUT, DRIVERS, [Save(driver)], 1)


@pytest.mark.parametrize(
    ("first", "last"), [(0x20, 0x7E), (0x80, 0x7FF), (0x800, 0xD7FF), (0x10000, 0x10FFFF)]
)
def test_any_driver_that_is_accepted_fits(first: int, last: int) -> None:
    """A write that fails is a failure for everybody. Nothing compresses worse than noise, and a name is kept twice."""
    noise = random.Random(6)
    text = "".join(chr(noise.randint(first, last)) for _ in range(LARGEST_BODY // len(chr(last).encode())))
    submission = replace(make_driver(1).submission, name=text, properties={"spark.app.name": text})
    (content,) = (
        data
        for path, data in contents(LAYOUT, DRIVERS, [Save(make_driver(1, submission=submission))], 2).items()
    )
    assert content is not None
    assert len(content) < LARGEST_NODE - 100_000  # for what Mesos says of it one day


@given(st.lists(st.none() | st.integers(0, LARGEST_TRANSACTION * 2), max_size=20))
def test_transactions_hold_everything_in_order_and_are_small(sizes: list[int | None]) -> None:
    wanted = {f"/{index}": None if size is None else bytes(size) for index, size in enumerate(sizes)}
    parts = list(transactions(wanted))
    assert [entry for part in parts for entry in part.items()] == list(wanted.items())
    for part in parts:
        assert len(part) == 1 or sum(len(data or b"") for data in part.values()) < LARGEST_TRANSACTION


@given(CONTENTS)
def test_a_journal_tells_what_it_was_made_of(wanted: dict[str, bytes | None]) -> None:
    assert read_journal(journal_pieces(wanted)) == wanted


def test_a_large_journal_comes_in_pieces() -> None:
    noise = random.Random(6)
    wanted = {f"/{index}": noise.randbytes(LARGEST_TRANSACTION) for index in range(3)}
    pieces = journal_pieces(wanted)
    assert len(pieces) > 3
    assert max(map(len, pieces)) <= LARGEST_TRANSACTION
    assert read_journal(pieces) == wanted
    for damaged in (pieces[1:], pieces[:-1], [], [b"x", *pieces[1:]], pieces[::-1]):
        with pytest.raises(ValueError, match="no journal"):
            read_journal(damaged)


@given(st.text())
def test_small_contents_are_readable_and_large_ones_small(text: str) -> None:
    small = json.dumps({"text": text}).encode()
    assert pack(small) == unpack(small) == small
    large = json.dumps({"text": text, "more": "more" * 10_000}).encode()
    assert len(pack(large)) < len(large) / 5
    assert unpack(pack(large)) == large


def test_damaged_contents() -> None:
    with pytest.raises(ValueError, match="cannot be decompressed"):
        unpack(pack(b"x" * 100_000)[:-1])
