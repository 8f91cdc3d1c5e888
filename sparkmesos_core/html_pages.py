"""Pages of our servers: how their templates become answers.

A package's templates are in its `templates` folder, and extend `base.html` here, which has the looks.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime, timezone
from functools import cache
from typing import Any
from urllib.parse import urlsplit

from jinja2 import ChoiceLoader, Environment, PackageLoader, select_autoescape
from starlette.responses import HTMLResponse, Response

_UNITS = ("bytes", "KB", "MB", "GB", "TB")
# Styles only of our own, no scripts unless a page says so, and nobody may put the page into a frame. The
# origin is told to ourselves alone: forms are recognised by it.
_POLICY = (
    "default-src 'none'; style-src 'unsafe-inline'; img-src data:; form-action 'self'; "
    "frame-ancestors 'none'; base-uri 'none'"
)
_SCRIPTS = "; script-src 'self'; connect-src 'self'"
_HEADERS = {
    "Cache-Control": "no-store",
    "Referrer-Policy": "same-origin",
    "X-Content-Type-Options": "nosniff",
}


def html_page(
    package: str, template: str, content: Mapping[str, Any], *, status: int = 200, scripts: bool = False
) -> Response:
    """The page that a template of `package` makes of this content, all of which is text and never markup.

    `scripts` lets it load those that its own server has.
    """
    html = _environment(package).get_template(template).render(content)
    headers = {**_HEADERS, "Content-Security-Policy": _POLICY + (_SCRIPTS if scripts else "")}
    return HTMLResponse(html, status_code=status, headers=headers)


def is_web_link(url: str) -> bool:
    """Whether what somebody calls a URL may become a link: anything but http and https could be a script."""
    try:
        parts = urlsplit(url)
    except ValueError:
        return False
    return parts.scheme in ("http", "https") and bool(parts.netloc)


def size_text(size: int) -> str:
    """A number of bytes for people: `17 bytes`, `1.5 KB` of 1024 bytes each."""
    amount, unit = float(size), 0
    while amount >= 1024 and unit + 1 < len(_UNITS):
        amount, unit = amount / 1024, unit + 1
    if unit == 0:
        return "1 byte" if size == 1 else f"{size} bytes"
    return f"{amount:.1f} {_UNITS[unit]}"


@cache
def _environment(package: str) -> Environment:
    environment = Environment(
        loader=ChoiceLoader([PackageLoader(package), PackageLoader("sparkmesos_core")]),
        autoescape=select_autoescape(default=True),
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters["moment"] = _moment
    environment.filters["iso"] = _iso
    environment.filters["amount"] = lambda number: f"{number:g}"
    return environment


def _moment(seconds: float) -> str:
    """A time, in seconds since the epoch, in this machine's time zone: a cluster can run for days."""
    return _written(seconds, None, "%Y-%m-%d %H:%M:%S")


def _iso(seconds: float) -> str:
    """The same for programs."""
    return _written(seconds, timezone.utc, "%Y-%m-%dT%H:%M:%SZ")


def _written(seconds: float, zone: timezone | None, form: str) -> str:
    try:
        return datetime.fromtimestamp(seconds, zone).strftime(form)
    except (OverflowError, OSError, ValueError):  # the clock of another machine may say anything
        return f"{seconds:g}"
