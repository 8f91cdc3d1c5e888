"""Trying a spark-env.sh before it is written: only bash can say what a script does."""

from __future__ import annotations

import tempfile
from collections.abc import Mapping
from pathlib import Path

from sparkmesos_core.conf.spark_env import load_spark_env
from sparkmesos_core.errors import TimedOutError, UsageError


def try_script(
    path: Path, text: str, wanted: Mapping[str, str], spark_home: Path | None, environment: Mapping[str, str]
) -> None:
    """Sources `text` as the file at `path` will be, whose folder is left alone.

    Raises UsageError if it is not valid bash, does not come to its end, or leaves a variable of `wanted`
    without its value.
    """
    with tempfile.TemporaryDirectory(prefix="sparkmesos-") as name:
        folder = Path(name)
        if path.parent.is_dir():
            for other in path.parent.iterdir():  # which the script may read
                if other.name != path.name:
                    (folder / other.name).symlink_to(other.absolute())
        script = folder / path.name
        script.write_bytes(text.encode("utf-8", "surrogateescape"))
        before = {key: value for key, value in environment.items() if key != "SPARK_ENV_LOADED"}
        try:
            env = load_spark_env(spark_home, {**before, "SPARK_CONF_DIR": name})
        except (UsageError, TimedOutError) as error:
            raise UsageError(
                error.message.replace(str(script), str(path)),
                hint="Nothing was written. Correct the script, or make the change by hand.",
            ) from error
    if without := [variable for variable, value in wanted.items() if env.variables.get(variable) != value]:
        raise UsageError(
            f"{path} would not give {', '.join(without)} the value that was asked for",
            hint="Nothing was written: it leaves before its end, or sets the variable in another way. "
            "Make the change by hand.",
        )
