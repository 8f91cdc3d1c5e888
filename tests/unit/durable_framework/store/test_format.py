"""Drivers as text and back."""

from __future__ import annotations

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sparkmesos_core.dispatcher.drivers import driver as driver_module
from sparkmesos_core.dispatcher.drivers.kind import DRIVERS
from sparkmesos_core.durable_framework.store.format import decode, encode
from tests.unit.durable_framework.store.store_behaviour import make_driver, make_launched_driver


@pytest.mark.parametrize("make", [make_driver, make_launched_driver])
def test_there_and_back(make: type) -> None:
    driver = make(3)
    text = encode(driver)
    assert text.isascii()
    assert "\n" not in text
    assert decode(DRIVERS, driver.id, text.encode()) == driver


@given(st.text(st.characters(exclude_categories=())))
def test_any_text_whatever(text: str) -> None:
    driver = make_driver(1, detail=text, token=text)
    assert decode(DRIVERS, driver.id, encode(driver).encode()) == driver


@given(st.binary())
def test_anything_else_is_a_value_error(content: bytes) -> None:
    with pytest.raises(ValueError, match="it "):
        decode(DRIVERS, "driver-20260131120000-0001", content)


_JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(),
    lambda inner: st.lists(inner, max_size=2) | st.dictionaries(st.text(), inner, max_size=2),
    max_leaves=4,
)


@given(st.sampled_from(sorted(make_launched_driver(1).to_json())), _JSON)
def test_no_field_of_another_kind_gets_past_or_does_harm(name: str, value: object) -> None:
    driver = make_launched_driver(1)
    fields = {**driver.to_json(), name: value}
    try:
        decoded = decode(DRIVERS, driver.id, json.dumps(fields).encode())
    except ValueError:
        return
    assert (decoded.id, type(decoded.number)) == (driver.id, int)


def test_the_versions_are_raised_together() -> None:
    assert DRIVERS.version == driver_module.VERSION == 1
