from __future__ import annotations

import os
import zipfile
from pathlib import Path

import pytest

from sparkmesos_core.errors import UsageError
from sparkmesos_core.spark.jar_manifest import main_class_of


def jar(folder: Path, manifest: bytes | None, name: str = "META-INF/MANIFEST.MF") -> Path:
    path = folder / "app.jar"
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("org/App.class", b"")
        if manifest is not None:
            archive.writestr(name, manifest)
    return path


@pytest.mark.parametrize(
    "manifest",
    [
        b"Manifest-Version: 1.0\r\nMain-Class: org.example.Main\r\n\r\n",
        b"Manifest-Version: 1.0\nmain-class: org.example.Main\n",
        b"Manifest-Version: 1.0\rMain-Class: org.exa\r mple.Main\r\r",
        b"Main-Class: org.example.Other\nMain-Class: org.example.Main\n\nName: x/\nMain-Class: other\n",
    ],
)
def test_main_class(manifest: bytes, tmp_path: Path) -> None:
    assert main_class_of(jar(tmp_path, manifest)) == "org.example.Main"


def test_a_letter_cut_in_two_by_the_length_of_lines(tmp_path: Path) -> None:
    manifest = "Main-Class: org.é".encode()
    assert main_class_of(jar(tmp_path, manifest[:-1] + b"\r\n " + manifest[-1:] + b"\r\n")) == "org.é"


def test_the_case_of_the_manifests_name_does_not_matter(tmp_path: Path) -> None:
    assert main_class_of(jar(tmp_path, b"Main-Class: A\n", name="meta-inf/Manifest.mf")) == "A"


@pytest.mark.parametrize(
    ("manifest", "message"),
    [
        (None, "has no manifest"),
        (b"Manifest-Version: 1.0\n\nName: x\nMain-Class: A\n", "names no main class"),
        (b"", "names no main class"),
        (b" Main-Class: A\n", "names no main class"),
    ],
)
def test_without_a_main_class(manifest: bytes | None, message: str, tmp_path: Path) -> None:
    with pytest.raises(UsageError, match=message) as caught:
        main_class_of(jar(tmp_path, manifest))
    assert "--class" in caught.value.hint


def test_what_is_no_jar(tmp_path: Path) -> None:
    path = tmp_path / "app.jar"
    with pytest.raises(UsageError, match="There is no JAR"):
        main_class_of(path)
    path.write_bytes(b"not a zip")
    with pytest.raises(UsageError, match="not a JAR that can be read"):
        main_class_of(path)
    path.unlink()
    os.mkfifo(path)
    with pytest.raises(UsageError, match="There is no JAR"):
        main_class_of(path)


def test_a_jar_cut_short(tmp_path: Path) -> None:
    path = jar(tmp_path, b"Main-Class: A\n" + os.urandom(5000))
    content = path.read_bytes()
    broken = content.replace(content[1000:1100], b"\0" * 100)
    path.write_bytes(broken)
    with pytest.raises(UsageError, match="not a JAR that can be read"):
        main_class_of(path)
