"""What a master's page says instead of the cluster, when it has none to show."""

from __future__ import annotations

import html

from starlette.responses import HTMLResponse, Response

_POLICY = "default-src 'none'; style-src 'unsafe-inline'; frame-ancestors 'none'; base-uri 'none'"
_PAGE = """<!DOCTYPE html>
<html lang="en">
<head><meta charset="utf-8"><title>Embedded Mesos</title>
<style>body {{ font-family: sans-serif; margin: 3em; }}</style></head>
<body><h1>Embedded Mesos</h1><p>{text}</p></body>
</html>
"""


def standby(leader: str | None) -> Response:
    """The page of a master that does not lead; `leader` is the host and port of the one that does."""
    if leader is None:
        return _notice("This master does not lead, and no other one is elected that says where it is.")
    where = html.escape(leader)
    return _notice(f'This master does not lead. <a href="http://{where}/">The leading master is {where}</a>.')


def credentials_wanted(sign_in: str) -> Response:
    """The page for who has not said who they are; `sign_in` is the path at which a browser asks."""
    return _notice(f'This cluster wants credentials. <a href="{html.escape(sign_in)}">Sign in</a>.')


def _notice(text: str) -> Response:
    headers = {"Content-Security-Policy": _POLICY, "Cache-Control": "no-store"}
    return HTMLResponse(_PAGE.format(text=text), headers=headers)
