from __future__ import annotations

import pytest

from sparkmesos_core.errors import UsageError
from sparkmesos_core.mesos.attributes import attributes_json, attributes_state, parse_attributes


def test_all_types() -> None:
    attributes = parse_attributes(
        "os:centos7;rackid:3;port_range:[7000-8000];tags:{b,a};url:http://x:1;half:0.5;"
    )
    assert attributes_json(attributes) == [
        {"name": "os", "type": "TEXT", "text": {"value": "centos7"}},
        {"name": "rackid", "type": "SCALAR", "scalar": {"value": 3.0}},
        {"name": "port_range", "type": "RANGES", "ranges": {"range": [{"begin": 7000, "end": 8000}]}},
        {"name": "tags", "type": "SET", "set": {"item": ["a", "b"]}},
        {"name": "url", "type": "TEXT", "text": {"value": "http://x:1"}},
        {"name": "half", "type": "SCALAR", "scalar": {"value": 0.5}},
    ]
    assert attributes_state(attributes) == {
        "os": "centos7",
        "rackid": 3.0,
        "port_range": "[7000-8000]",
        "tags": "{a, b}",
        "url": "http://x:1",
        "half": 0.5,
    }


def test_none() -> None:
    assert parse_attributes("") == ()


@pytest.mark.parametrize("text", ["os", ":x", "os:", "a:1;b", "r:[1-", "r:{a"])
def test_errors_name_the_offending_part(text: str) -> None:
    with pytest.raises(UsageError) as caught:
        parse_attributes(text)
    assert text.rpartition(";")[2] in caught.value.message
