"""Checks of a configuration: rules that find what is wrong with it before Spark does."""

from __future__ import annotations

from sparkmesos_core.conf.checks.all_rules import RULES, check_configuration
from sparkmesos_core.conf.checks.circumstances import Circumstances, FileFacts, Mode
from sparkmesos_core.conf.checks.file_facts import gather

__all__ = ["RULES", "Circumstances", "FileFacts", "Mode", "check_configuration", "gather"]
