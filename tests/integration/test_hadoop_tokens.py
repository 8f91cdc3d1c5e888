"""Files of tokens that Hadoop's own classes have written."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from sparkmesos_core.errors import UsageError
from sparkmesos_core.upload.hdfs.tokens import delegation_token
from tests.integration.spark_jvm import spark_jvm

pytestmark = pytest.mark.slow


def test_what_hadoop_writes(tmp_path: Path) -> None:
    with spark_jvm() as jvm:
        security, io = jvm.org.apache.hadoop.security, jvm.org.apache.hadoop.io

        def token(kind: str, size: int) -> Any:
            return security.token.Token(
                bytes(range(256)) * size, b"\xff" * 20, io.Text(kind), io.Text("10.0.0.1:8020")
            )

        credentials = security.Credentials()
        wanted = token("HDFS_DELEGATION_TOKEN", 3)
        credentials.addToken(io.Text("timeline"), token("TIMELINE_DELEGATION_TOKEN", 0))
        credentials.addToken(io.Text("ha-hdfs:nameservice1"), wanted)
        credentials.addSecretKey(io.Text("key"), b"secret")
        for form in (
            security.Credentials.SerializedFormat.WRITABLE,
            security.Credentials.SerializedFormat.PROTOBUF,
        ):
            stream = jvm.java.io.DataOutputStream(
                jvm.java.io.FileOutputStream(str(tmp_path / form.toString()))
            )
            credentials.writeTokenStorageToStream(stream, form)
            stream.close()
        text = wanted.encodeToUrlString()
    assert delegation_token((tmp_path / "WRITABLE").read_bytes()) == text
    with pytest.raises(UsageError, match="newer format"):
        delegation_token((tmp_path / "PROTOBUF").read_bytes())
