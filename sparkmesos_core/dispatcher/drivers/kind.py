"""Drivers as a kind of records: how they are kept, and what messages call them."""

from __future__ import annotations

from sparkmesos_core.dispatcher.drivers.driver import Driver
from sparkmesos_core.durable_framework.record import RecordKind

DRIVERS = RecordKind(
    singular="driver",
    plural="drivers",
    holder="dispatcher",
    application_id=0x53704D44,
    version=1,  # to be raised together with that of `driver.py`
    # Spark's own dispatcher has another one by default, `/spark_mesos_dispatcher`, and neither can read what
    # the other writes.
    zookeeper_base="/sparkmesos_dispatcher",
    from_json=Driver.from_json,
)
