"""Certificates and keys that a server can use, and those it cannot."""

from __future__ import annotations

import datetime
import ssl
from pathlib import Path

import pytest
import trustme
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from sparkmesos_core.errors import UsageError
from sparkmesos_core.http_service.tls import load_identity


class Files:
    """A certificate of an authority, its key, and both in one."""

    def __init__(
        self,
        folder: Path,
        not_before: datetime.datetime | None = None,
        not_after: datetime.datetime | None = None,
    ) -> None:
        self.authority = trustme.CA()
        issued = self.authority.issue_cert(
            "dispatcher.example", "10.0.0.1", not_before=not_before, not_after=not_after
        )
        self.certificate, self.key, self.both = (folder / n for n in ("cert.pem", "key.pem", "both.pem"))
        for index, blob in enumerate(issued.cert_chain_pems):
            blob.write_to_path(str(self.certificate), append=index > 0)
        issued.private_key_pem.write_to_path(str(self.key))
        issued.private_key_and_cert_chain_pem.write_to_path(str(self.both))


@pytest.fixture
def files(tmp_path: Path) -> Files:
    return Files(tmp_path)


def test_a_server_with_it_can_be_talked_to(files: Files) -> None:
    for certificate, key in ((files.certificate, files.key), (files.both, None)):
        identity = load_identity(certificate, key)
        assert identity.names == ("dispatcher.example", "10.0.0.1")
        assert identity.expires_at > datetime.datetime.now(datetime.timezone.utc).timestamp()
        client = ssl.create_default_context()
        files.authority.configure_trust(client)
        assert handshake(client, identity.context) in ("TLSv1.2", "TLSv1.3")


def test_old_versions_of_tls_are_refused(files: Files) -> None:
    assert load_identity(files.both).context.minimum_version == ssl.TLSVersion.TLSv1_2


def handshake(client_context: ssl.SSLContext, server_context: ssl.SSLContext) -> str | None:
    to_server, to_client = ssl.MemoryBIO(), ssl.MemoryBIO()
    client = client_context.wrap_bio(to_client, to_server, server_hostname="dispatcher.example")
    server = server_context.wrap_bio(to_server, to_client, server_side=True)
    for side in (client, server, client, server):
        try:
            side.do_handshake()
        except ssl.SSLWantReadError:
            continue
    return client.version()


def test_one_that_is_self_signed(tmp_path: Path) -> None:
    certificate, key = self_signed(tmp_path, days=1)
    assert load_identity(certificate, key).names == ("localhost",)


def test_one_that_has_expired(tmp_path: Path) -> None:
    past = datetime.datetime(2020, 1, 1, tzinfo=datetime.timezone.utc)
    files = Files(tmp_path, not_before=past, not_after=past + datetime.timedelta(days=30))
    with pytest.raises(UsageError) as refused:
        load_identity(files.certificate, files.key)
    assert "expired" in refused.value.message
    assert str(files.certificate) in refused.value.message


def test_one_whose_time_has_not_come(tmp_path: Path) -> None:
    future = datetime.datetime.now(datetime.timezone.utc) + datetime.timedelta(days=30)
    files = Files(tmp_path, not_before=future, not_after=future + datetime.timedelta(days=30))
    with pytest.raises(UsageError, match="not yet valid"):
        load_identity(files.certificate, files.key)


def test_a_key_of_another_certificate(files: Files, tmp_path: Path) -> None:
    (tmp_path / "other").mkdir()
    other = Files(tmp_path / "other")
    with pytest.raises(UsageError) as refused:
        load_identity(files.certificate, other.key)
    assert refused.value.message == f"The private key in {other.key} is not that of {files.certificate}"


@pytest.mark.parametrize("traditional", [False, True])
def test_an_encrypted_key_is_not_asked_for(traditional: bool, files: Files, tmp_path: Path) -> None:
    form = (
        serialization.PrivateFormat.TraditionalOpenSSL if traditional else serialization.PrivateFormat.PKCS8
    )
    encrypted = ec.generate_private_key(ec.SECP256R1()).private_bytes(
        serialization.Encoding.PEM, form, serialization.BestAvailableEncryption(b"password")
    )
    key = tmp_path / "encrypted.pem"
    key.write_bytes(encrypted)
    with pytest.raises(UsageError, match="is encrypted"):
        load_identity(files.certificate, key)


def test_what_is_none(files: Files, tmp_path: Path) -> None:
    text = tmp_path / "text"
    text.write_text("hello")
    broken = tmp_path / "broken"
    broken.write_text("-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n")
    cases = [
        (text, files.key, f"{text} holds no certificate in PEM format"),
        (files.certificate, text, f"{text} holds no private key in PEM format"),
        (files.certificate, None, f"{files.certificate} holds no private key"),
        (files.key, files.key, f"{files.key} holds no certificate"),
        (broken, files.key, "cannot be used"),
        (tmp_path / "none", None, "cannot be read: No such file or directory"),
        (files.certificate, tmp_path, "cannot be read"),
    ]
    for certificate, key, message in cases:
        with pytest.raises(UsageError) as refused:
            load_identity(certificate, key)
        assert message in refused.value.message


def self_signed(folder: Path, days: int) -> tuple[Path, Path]:
    """As `openssl req -x509` makes them."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "localhost")])
    now = datetime.datetime.now(datetime.timezone.utc)
    certificate = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - datetime.timedelta(minutes=5))
        .not_valid_after(now + datetime.timedelta(days=days))
        .add_extension(x509.SubjectAlternativeName([x509.DNSName("localhost")]), critical=False)
        .sign(key, hashes.SHA256())
    )
    certificate_file, key_file = folder / "self.pem", folder / "self.key"
    certificate_file.write_bytes(certificate.public_bytes(serialization.Encoding.PEM))
    key_file.write_bytes(
        key.private_bytes(
            serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
        )
    )
    return certificate_file, key_file
