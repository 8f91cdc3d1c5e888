"""The pages of the embedded masters and agents: how their templates become answers."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from functools import cache
from typing import Any

from jinja2 import Environment, PackageLoader, select_autoescape
from starlette.responses import HTMLResponse, Response

# No scripts at all, styles only of our own, and nobody may put the page into a frame.
_POLICY = (
    "default-src 'none'; style-src 'unsafe-inline'; img-src data:; frame-ancestors 'none'; base-uri 'none'"
)


def html_page(template: str, content: Mapping[str, Any]) -> Response:
    """The page that one of our templates makes of this content, all of which is text and never markup."""
    html = _environment().get_template(template).render(content)
    headers = {"Content-Security-Policy": _POLICY, "Cache-Control": "no-store"}
    return HTMLResponse(html, headers=headers)


@cache
def _environment() -> Environment:
    environment = Environment(
        loader=PackageLoader("sparkmesos_core.localcluster"),
        autoescape=select_autoescape(default=True),
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters["moment"] = _moment
    environment.filters["amount"] = lambda number: f"{number:g}"
    return environment


def _moment(seconds: float) -> str:
    """A time, in seconds since the epoch, in this machine's time zone: a cluster can run for days."""
    return datetime.fromtimestamp(seconds).strftime("%Y-%m-%d %H:%M:%S")
