"""The page docs/reference/spark-submit-options.md, made of the table of options and that of differences.

Usage: python -m sparkmesos_core.submit.options_page > docs/reference/spark-submit-options.md
"""

from __future__ import annotations

import itertools
from collections.abc import Iterator

from sparkmesos_core.spark.cluster_request import DIFFERENCES
from sparkmesos_core.spark.submit_options import OPTIONS, SubmitOption

_HEAD = """\
# Options of spark-submit

<!-- Made by `python -m sparkmesos_core.submit.options_page`: change what it is made of, not this page. -->

`sparkmesos submit`, and `sparkmesos-submit` in the place of `spark-submit`, take every option of
`bin/spark-submit` of Spark 2.0 to 4.3, mixed with [options of their own](commands.md#submit), in front of the
application. What follows the application is its own and reaches it as it is. Values are given as
`--name value` or `--name=value`.

How options, `--conf`, files and variables override each other is in
[configuration files](configuration-files.md).
"""

_AFTER = """\
## On what Spark ignores

Spark passes over `--executor-cores`, `--num-executors` and `--queue` in silence when it runs on Mesos. They
are given the meaning that the table shows: in client mode Spark's own spark-submit gets the properties as
`--conf` behind your options, in cluster mode they are in the request. So `--num-executors` wins over a
`spark.cores.max` of spark-defaults.conf, too, which a warning names. Options that can have no effect are
warned about.

## What cluster mode sends

`--deploy-mode cluster` makes the same request of a dispatcher as Spark's own spark-submit, without starting a
JVM. What differs, and why:

"""


def page() -> str:
    """The page as Markdown."""
    return "\n".join((_HEAD, *_options(), _AFTER + "\n".join(_differences()), ""))


def _options() -> Iterator[str]:
    shown = [option for option in OPTIONS if not option.hidden]
    for group, options in itertools.groupby(shown, key=lambda option: option.group):
        yield f"## {group.value}\n\n| Option | Does | Property |\n|---|---|---|"
        yield "\n".join(map(_row, options)) + "\n"


def _row(option: SubmitOption) -> str:
    value = "" if option.metavar is None else f" {option.metavar}"
    names = ", ".join(f"`{name}{value}`" for name in option.names)
    since = f" Since Spark {option.since}." if option.since else ""
    until = f" Until Spark {option.until}." if option.until else ""
    cells = (names, option.help + since + until, f"`{option.property}`" if option.property else "")
    return "| " + " | ".join(cell.replace("|", "\\|") for cell in cells) + " |"


def _differences() -> Iterator[str]:
    yield "| What | Spark | sparkmesos |\n|---|---|---|"
    for difference in DIFFERENCES:
        yield f"| {difference.what} | {difference.spark} | {difference.ours} |"


if __name__ == "__main__":
    print(page(), end="")
