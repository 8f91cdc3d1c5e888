"""What all pages have in common."""

from __future__ import annotations

import pytest

from sparkmesos_core.html_pages import is_web_link, size_text


@pytest.mark.parametrize(
    ("size", "text"),
    [(0, "0 bytes"), (1, "1 byte"), (1023, "1023 bytes"), (1 << 20, "1.0 MB"), (1 << 52, "4096.0 TB")],
)
def test_sizes(size: int, text: str) -> None:
    assert size_text(size) == text


@pytest.mark.parametrize(
    ("url", "fine"),
    [
        ("http://h:1/x", True),
        ("https://h", True),
        ("javascript:alert(1)", False),
        ("data:text/html,x", False),
        ("//evil.example", False),
        ("http://", False),
        ("http://[", False),
        ("ftp://x/y", False),
        ("", False),
    ],
)
def test_only_web_addresses_become_links(url: str, fine: bool) -> None:
    assert is_web_link(url) == fine
