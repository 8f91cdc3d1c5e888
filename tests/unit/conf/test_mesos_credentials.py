from __future__ import annotations

from pathlib import Path

import pytest

from sparkmesos_core.conf.configuration import Configuration
from sparkmesos_core.conf.mesos_credentials import mesos_credentials
from sparkmesos_core.conf.setting import Origin, Setting, Source
from sparkmesos_core.errors import UsageError


def configuration(**settings: str) -> Configuration:
    """Of properties below spark.mesos, dots as underscores."""
    origin = Origin(Source.OPTION, "--conf")
    return Configuration(
        [[Setting("spark.mesos." + key.replace("_", "."), value, origin) for key, value in settings.items()]]
    )


def test_none() -> None:
    assert mesos_credentials(configuration()) == (None, None)


def test_a_principal_alone() -> None:
    assert mesos_credentials(configuration(principal="p")) == ("p", None)


@pytest.mark.parametrize("end", ["", "\n", "\r\n"])
def test_files_without_their_line_end(tmp_path: Path, end: str) -> None:
    secret = tmp_path / "secret"
    secret.write_bytes(b" hush " + end.encode())
    assert mesos_credentials(configuration(principal="p", secret_file=str(secret))) == ("p", " hush ")


def test_the_property_wins_over_the_file() -> None:
    found = mesos_credentials(configuration(principal="p", secret="s", secret_file="/nowhere"))
    assert found == ("p", "s")


@pytest.mark.parametrize("content", [None, b"\xff"])
def test_a_file_that_cannot_be_used(tmp_path: Path, content: bytes | None) -> None:
    path = tmp_path / "principal"
    if content is not None:
        path.write_bytes(content)
    with pytest.raises(UsageError, match=r"spark\.mesos\.principal\.file, set by --conf"):
        mesos_credentials(configuration(principal_file=str(path)))


def test_a_secret_without_a_principal() -> None:
    with pytest.raises(UsageError, match="no principal") as caught:
        mesos_credentials(configuration(secret="hunter2"))
    assert "hunter2" not in caught.value.message + caught.value.hint
