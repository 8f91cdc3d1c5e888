"""The records of shuffle services as a kind: how they are kept, and what messages call them."""

from __future__ import annotations

from sparkmesos_core.durable_framework.record import RecordKind
from sparkmesos_core.shuffle_service.on_agents.record import VERSION, entry_from_json

SERVICES = RecordKind(
    singular="service",
    plural="services",
    holder="shuffle service framework",
    application_id=0x53705353,
    version=VERSION,
    zookeeper_base="/sparkmesos_shuffle_services",
    from_json=entry_from_json,
)
