"""The comparison with recordings finds what differs."""

from __future__ import annotations

from tests.contract.replay import Bindings


def test_a_number_is_bound_to_the_first_that_stands_for_it() -> None:
    bindings = Bindings({})
    assert bindings.differences({"port": 5051, "ip": 1}, {"port": 40001, "ip": 2}) == []
    assert bindings.differences({"port": 5051}, {"port": 40001}) == []
    assert bindings.differences({"port": 5052}, {"port": 40002}) == []
    assert bindings.differences({"port": 5051}, {"port": 40002}) == [".port: is 40002 instead of 40001"]
    assert bindings.differences({"port": 5051}, {"port": "40001"})


def test_other_numbers_have_to_be_equal() -> None:
    assert Bindings({}).differences({"cpus": 4.0}, {"cpus": 4.0}) == []
    assert Bindings({}).differences({"cpus": 4.0}, {"cpus": 5.0}) == [".cpus: is 5.0 instead of 4.0"]
