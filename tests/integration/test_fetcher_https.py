"""Fetching by https."""

from __future__ import annotations

import ssl
from pathlib import Path

import pytest
import trustme

from sparkmesos_core.localcluster.agent.fetcher import FetchError
from tests.fetching import fetch, files, last_error, make_sandbox
from tests.http_stub import Answer, http_stub


@pytest.mark.parametrize("name", ["localhost", "other.example"])
def test_certificates_are_checked(name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    authority = trustme.CA()
    authority.cert_pem.write_to_path(str(tmp_path / "ca.pem"))
    tls = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    authority.issue_cert(name).configure_cert(tls)
    sandbox = make_sandbox(tmp_path)
    monkeypatch.delenv("REQUESTS_CA_BUNDLE", raising=False)
    with http_stub({"/a": Answer(200, b"x")}, tls) as stub:
        uri = f"https://localhost:{stub.address.port}/a"
        with pytest.raises(FetchError):
            fetch(sandbox, uri)
        wrong = "Error downloading resource: the certificate of 'localhost' is not trusted: "
        assert last_error(sandbox).startswith(wrong)
        monkeypatch.setenv("CURL_CA_BUNDLE", str(tmp_path / "ca.pem"))
        if name == "localhost":
            fetch(sandbox, uri)
            assert files(sandbox) == {"a"}
        else:
            with pytest.raises(FetchError):
                fetch(sandbox, uri)
            assert last_error(sandbox).startswith(wrong)
            assert "Hostname mismatch" in last_error(sandbox)
            assert files(sandbox) == set()


def test_a_server_without_tls(tmp_path: Path) -> None:
    sandbox = make_sandbox(tmp_path)
    with http_stub({"/a": Answer(200, b"x")}) as stub, pytest.raises(FetchError):
        fetch(sandbox, f"https://{stub.address}/a")
    assert last_error(sandbox).startswith("Error downloading resource: no TLS connection to '127.0.0.1': ")
