"""The part of the guide's troubleshooting page that is made of the table of checks.

python -m sparkmesos_core.verify.troubleshooting_page docs/guide/troubleshooting.md
"""

from __future__ import annotations

import sys
from collections.abc import Sequence
from pathlib import Path

from sparkmesos_core.verify.check import Check, Group

BEGIN = (
    "<!-- From here on made by `python -m sparkmesos_core.verify.troubleshooting_page "
    "docs/guide/troubleshooting.md`: change the checks, not this page. -->"
)
END = "<!-- Up to here. -->"

_INTRODUCTION = """\
A line for each check of `sparkmesos verify-cluster`, which says where that is so, and what to do there. The
name of a check is what [`--only` and `--skip`](../reference/verify-cluster.md) take.
"""


def updated(page: str, checks: Sequence[Check]) -> str:
    """The page with the part between the two marks made anew. Raises ValueError if it has not each once."""
    if page.count(BEGIN) != 1 or page.count(END) != 1:
        raise ValueError(f"the page has to have the lines {BEGIN!r} and {END!r} once each")
    before, _, rest = page.partition(BEGIN)
    _, _, after = rest.partition(END)
    return f"{before}{BEGIN}\n\n{generated(checks)}\n{END}{after}"


def generated(checks: Sequence[Check]) -> str:
    """All checks in their groups, as Markdown: what each finds, what to do about it, and its id."""
    parts = [_INTRODUCTION]
    for group in Group:
        chosen = [check for check in checks if check.group is group]
        if chosen:
            head = f"### {group.title}\n\n| It finds | Do | Check |\n|---|---|---|\n"
            parts.append(head + "".join(map(_row, chosen)))
    return "\n".join(parts)


def _row(check: Check) -> str:
    cells = (check.finds, check.remedy, f"`{check.id}`")
    return f"| {' | '.join(_cell(cell) for cell in cells)} |\n"


def _cell(text: str) -> str:
    return " ".join(text.replace("|", "\\|").split())


def main(path: Path) -> None:
    """Makes the part of the page at `path` anew."""
    from sparkmesos_core.verify.all_checks import ALL_CHECKS

    path.write_text(updated(path.read_text(encoding="utf-8"), ALL_CHECKS), encoding="utf-8")


if __name__ == "__main__":
    main(Path(sys.argv[1]))
