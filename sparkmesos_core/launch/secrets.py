"""What of a task nobody else is to see, and how it gets there.

Agents show a task's variables to whoever may read their state, and its command line to every process of the
machine. What a variable of the type SECRET holds they do not show; all agents since Mesos 1.4 take those,
with the value in them and no module for secrets (`environment_secret` is always among the isolators). Only
the Docker containerizer knows nothing of them: it sets them empty (`Docker::RunOptions::create`,
docs/secrets.md).
"""

from __future__ import annotations

import base64
from collections.abc import Sequence
from typing import Any

from sparkmesos_core.conf.values.secrets import Secret
from sparkmesos_core.redaction import is_secret_name, redact_text


def is_secret(name: str, value: str) -> bool:
    """Whether a property or variable is one, to judge by its name, or holds one, such as a signed URL."""
    return is_secret_name(name) or redact_text(value) != value


def secret_variable(name: str, value: str, *, typed: bool) -> dict[str, Any]:
    """A v1 Environment.Variable that holds a secret.

    `typed` says whether its container takes variables of the type SECRET; else everybody sees it who may read
    the agent's state, for without it the task could not run.
    """
    return _variable(name, Secret(value=value)) if typed else {"name": name, "value": value}


def secret_variables(secrets: Sequence[Secret], *, typed: bool) -> list[dict[str, Any]]:
    """v1 Environment.Variables for those that are to be variables; `typed` as above."""
    return [
        _variable(secret.variable, secret)
        if secret.value is None
        else secret_variable(secret.variable, secret.value, typed=typed)
        for secret in secrets
        if secret.variable is not None
    ]


def secret_volumes(secrets: Sequence[Secret]) -> list[dict[str, Any]]:
    """v1 Volumes for those that are to be files."""
    return [
        {
            "container_path": secret.file,
            "mode": "RO",
            "source": {"type": "SECRET", "secret": _secret(secret)},
        }
        for secret in secrets
        if secret.file is not None
    ]


def _variable(name: str, secret: Secret) -> dict[str, Any]:
    return {"name": name, "type": "SECRET", "secret": _secret(secret)}


def _secret(secret: Secret) -> dict[str, Any]:
    if secret.reference is not None:
        return {"type": "REFERENCE", "reference": {"name": secret.reference}}
    data = base64.b64encode((secret.value or "").encode()).decode("ascii")
    return {"type": "VALUE", "value": {"data": data}}
