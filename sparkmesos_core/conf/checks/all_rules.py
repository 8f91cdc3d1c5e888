"""All rules, and the check that asks them one after the other."""

from __future__ import annotations

from collections.abc import Sequence

from sparkmesos_core.conf.checks import (
    connection,
    constraints,
    containers,
    credentials,
    deployment,
    drivers,
    dynamic_allocation,
    effects,
    executors,
    properties,
    sizing,
    spark_releases,
    variables,
)
from sparkmesos_core.conf.checks.circumstances import Circumstances
from sparkmesos_core.conf.checks.rule import Rule, Subject
from sparkmesos_core.conf.configuration import Configuration
from sparkmesos_core.conf.finding import Finding, Severity

GROUPS: tuple[tuple[str, Sequence[Rule]], ...] = (
    ("Names and values", properties.RULES),
    ("Without effect", effects.RULES),
    ("Variables", variables.RULES),
    ("Connection", connection.RULES),
    ("Credentials and secrets", credentials.RULES),
    ("Cores, memory, executors", sizing.RULES),
    ("Dynamic allocation", dynamic_allocation.RULES),
    ("How executors start", executors.RULES),
    ("Constraints", constraints.RULES),
    ("Containers, secrets of tasks", containers.RULES),
    ("Drivers in the cluster", drivers.RULES),
    ("Which Spark it is", spark_releases.RULES),
    ("Where Spark comes from, and daemons", deployment.RULES),
)
RULES: tuple[Rule, ...] = tuple(rule for _, rules in GROUPS for rule in rules)
"""In the order in which their findings are shown."""

_ORDER = list(Severity)


def check_configuration(configuration: Configuration, circumstances: Circumstances) -> list[Finding]:
    """Everything that the rules find in a configuration, the worst first.

    Pure: facts about files come in `circumstances` (`file_facts.gather` collects them).
    """
    subject = Subject(configuration, circumstances)
    found = [finding for rule in RULES for finding in rule.findings(subject)]
    return sorted(found, key=lambda finding: _ORDER.index(finding.severity))
