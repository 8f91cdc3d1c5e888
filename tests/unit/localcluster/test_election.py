from __future__ import annotations

from sparkmesos_core.localcluster.election import LABEL, REPLICAS, node_content
from sparkmesos_core.mesos.leader import choose_member
from tests.contract.recorded import load

RECORDED = load("zookeeper-mesos")["two_masters"]


def test_nodes_hold_what_mesos_writes_byte_for_byte() -> None:
    masters = [node for node in RECORDED if node["name"].startswith(LABEL)]
    assert len(masters) == 2
    for node in masters:
        shuffled = dict(reversed(node["data"].items()))
        assert node_content(shuffled) == node["data_raw"].encode()


def test_what_is_among_the_masters_is_none_of_them() -> None:
    assert {node["name"].rstrip("0123456789") for node in RECORDED} == {LABEL, REPLICAS}
    assert choose_member([REPLICAS]) is None
