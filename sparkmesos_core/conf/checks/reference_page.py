"""The page of `docs/reference/` that lists every rule of the check.

python -m sparkmesos_core.conf.checks.reference_page > docs/reference/configuration-checks.md
"""

from __future__ import annotations

import sys
from collections.abc import Sequence

from sparkmesos_core.conf.checks.all_rules import GROUPS
from sparkmesos_core.conf.checks.circumstances import Mode
from sparkmesos_core.conf.checks.rule import Rule

_TITLE = """\
# Checks of a configuration

<!-- Made by `python -m sparkmesos_core.conf.checks.reference_page`: change the rules, not this page. -->

What `sparkmesos config check` looks for, and `sparkmesos submit` before it starts anything: an error stops it
with exit code 2, warnings are shown, notes are for `config check` only. How to use it:
[check a configuration](../how-to/check-a-configuration.md). What of it Spark itself is to blame for is in
[a table of its own](spark-defects.md).

- An *error* fails, or does not do what it says. A *warning* works, but most likely not as meant. A *note* is
  worth knowing. The table names the worst that a rule reports.
- *For* is what a rule is about: applications in `client` or `cluster` mode, the `dispatcher`, the
  `shuffle-service`.
- A value with a reference such as `${env:NAME}`, which Spark replaces later, is never judged.
- Rules about a version of Spark keep quiet where no Spark is installed.

Besides these rules there are `ignored-option` and `contradicting-options`, about options of spark-submit that
Spark passes over on Mesos, `spark-env-beyond-variables`, about a spark-env.sh that changes the
working folder, `refused-by-spark`, about values that spark-submit itself refuses, `missing-file`, about an
application or files of this machine that are not there, and, in `config check`, `refused-by-submit`, about
whatever else `submit` refuses of an application and its files, and `option-behind-application`, about options
of submit that the application gets (a note; a warning if it is the only `--master`).
"""


def page() -> str:
    """The page as Markdown."""
    return "\n".join([_TITLE, *(line for heading, rules in GROUPS for line in _group(heading, rules))])


def _group(heading: str, rules: Sequence[Rule]) -> list[str]:
    head = [f"## {heading}\n", "| Rule | Worst | For | Finds |", "|---|---|---|---|"]
    return [*head, *map(_row, rules), ""]


def _row(rule: Rule) -> str:
    modes = "all" if rule.modes == set(Mode) else ", ".join(mode.value for mode in Mode if mode in rule.modes)
    cells = (f"`{rule.id}`", rule.severity.value, modes, rule.finds)
    return f"| {' | '.join(cell.replace('|', chr(92) + '|') for cell in cells)} |"


if __name__ == "__main__":
    sys.stdout.write(page())
