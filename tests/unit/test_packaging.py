"""What setup.cfg lists is what there is: tests run from the checkout and would not miss what a wheel lacks."""

from __future__ import annotations

from configparser import ConfigParser
from fnmatch import fnmatch
from pathlib import Path

ROOT = Path(__file__).parents[2]


def settings() -> ConfigParser:
    parser = ConfigParser()
    parser.read(ROOT / "setup.cfg")
    return parser


def test_every_package_is_listed() -> None:
    listed = settings()["options"]["packages"].split()
    folders = [path.parent for path in (ROOT / "sparkmesos_core").rglob("__init__.py")]
    found = [".".join(folder.relative_to(ROOT).parts) for folder in folders]
    assert sorted(listed) == sorted(["sparkmesos_cli", *found])


def test_every_data_file_is_listed() -> None:
    data = settings()["options.package_data"]
    patterns = [f"{package.replace('.', '/')}/{one}" for package in data for one in data[package].split()]
    files = [
        path.relative_to(ROOT).as_posix()
        for path in (ROOT / "sparkmesos_core").rglob("*")
        if path.is_file() and path.suffix not in (".py", ".pyc")
    ]
    assert [file for file in files if not any(fnmatch(file, pattern) for pattern in patterns)] == []
