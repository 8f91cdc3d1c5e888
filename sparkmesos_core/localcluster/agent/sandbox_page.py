"""What an agent's page of a sandbox shows: its folders and files, and the ends of its files as text."""

from __future__ import annotations

import os
import re
from pathlib import Path
from typing import Any
from urllib.parse import quote

from sparkmesos_core.html_pages import size_text
from sparkmesos_core.localcluster.agent.sandbox_files import browse, is_served, resolve
from sparkmesos_core.localcluster.served_files import FilesRefused, read_end

SHOWN_ENTRIES = 1000
_SANDBOX = re.compile("/frameworks/[^/]+/executors/[^/]+/runs/[^/]+")


def page_content(root: Path, path: str | None, agent: str) -> dict[str, Any]:
    """What the template shows of a path as `/files/browse` takes it; `agent` is the agent's host and port.

    FilesRefused with the codes of the `/files` endpoints.
    """
    try:
        real = resolve(root, path)
    except FilesRefused as refused:
        raise FilesRefused(refused.status, refused.text or "404 Not Found.") from None
    asked = str(path).rstrip("/")
    content = {"agent": agent, "name": asked.rpartition("/")[2], "trail": _trail(root, asked)}
    return {**content, **(_folder(root, asked) if real.is_dir() else _file(real, asked))}


def _folder(root: Path, path: str) -> dict[str, Any]:
    entries = browse(root, path)
    return {
        "entries": [_entry(entry) for entry in entries[:SHOWN_ENTRIES]],
        "entries_count": len(entries),
        "browse": _link("/files/browse", path),
    }


def _entry(entry: dict[str, Any]) -> dict[str, Any]:
    """A line; whatever is neither a folder nor a file, nor a link that may lead to one, cannot be opened."""
    path, mode = str(entry["path"]), str(entry["mode"])
    return {
        "name": _shown(path.rpartition("/")[2]) + ("/" if mode.startswith("d") else ""),
        "url": _link("/sandbox", path) if mode[0] in "d-l" else "",
        "download": _link("/files/download", path) if mode.startswith("-") else "",
        "size": "" if mode.startswith("d") else size_text(int(entry["size"])),
        "changed": entry["mtime"],
        "mode": mode,
    }


def _file(file: Path, path: str) -> dict[str, Any]:
    end, size = read_end(file)
    return {
        "size": size_text(size),
        "shown": size_text(len(end)),
        "cut": len(end) < size,
        "text": end.decode("utf-8", errors="replace"),
        "download": _link("/files/download", path),
    }


def _trail(root: Path, path: str) -> list[dict[str, str]]:
    """The way to what is shown: the sandbox itself is one step, everything within has a link but the last."""
    sandbox = _SANDBOX.search(path)
    start = sandbox.end() if sandbox is not None else len(path)
    ends = [start, *(i for i in range(start + 1, len(path)) if path[i] == "/"), len(path)]
    steps: list[dict[str, str]] = []
    before = 0
    for end in dict.fromkeys(ends):
        folder = path[:end]
        is_last = end == len(path)
        url = "" if is_last or not is_served(root, folder) else _link("/sandbox", folder)
        steps.append({"name": path[before:end].strip("/") if before else folder, "url": url})
        before = end
    return steps


def _shown(name: str) -> str:
    """A name that need not be UTF-8 on the disk."""
    return os.fsencode(name).decode("utf-8", errors="replace")


def _link(endpoint: str, path: str) -> str:
    return f"{endpoint}?path={quote(path, safe='/', errors='surrogateescape')}"
