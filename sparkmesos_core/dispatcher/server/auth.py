"""The REST server of a dispatcher that wants to be shown a token."""

from __future__ import annotations

import json

from starlette.responses import Response
from starlette.types import ASGIApp

from sparkmesos_core.dispatcher.drivers.kind import DRIVERS
from sparkmesos_core.dispatcher.rest.answers import SPARK_VERSION
from sparkmesos_core.http_service.access_token import AccessToken
from sparkmesos_core.http_service.auth import TokenRequired, realm_of


def protected_rest(app: ASGIApp, token: AccessToken, spark_version: str = SPARK_VERSION) -> ASGIApp:
    """The REST server behind the token.

    A refusal is an ErrorResponse of the protocol, written as all are, so that clients show its message.
    """
    body = {
        "action": "ErrorResponse",
        "message": "This dispatcher wants a token, and the request had none or a wrong one.",
        "serverSparkVersion": spark_version,
    }
    refusal = Response(
        json.dumps(body, indent=2, separators=(",", " : ")),
        status_code=401,
        headers={"WWW-Authenticate": f"Bearer {realm_of(DRIVERS.holder)}", "Cache-Control": "no-store"},
        media_type="application/json",
    )
    return TokenRequired(app, token, refusal)
