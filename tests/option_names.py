"""The names of options that the spark-submit of a Spark knows: those in its jars, and those in our table."""

from __future__ import annotations

import re
import zipfile
from pathlib import Path

from sparkmesos_core.spark.submit_options import OPTIONS

_PARSER = "org/apache/spark/launcher/SparkSubmitOptionParser.class"
_NAME = re.compile(r"\x01\x00.(--?[a-z]+(?:-[a-z]+)*)(?=[\x00-\x1f])", re.DOTALL)


def option_names(launcher: Path) -> set[str]:
    """All names and aliases in the parser of a spark-launcher jar: constants of its class."""
    with zipfile.ZipFile(launcher) as archive:
        return set(_NAME.findall(archive.read(_PARSER).decode("latin-1")))


def known_to(release: tuple[int, int]) -> set[str]:
    """Those that our table has for a release."""
    return {name for option in OPTIONS if option.is_known_to(release) for name in option.names}
