"""The certificate and key that a server proves itself with, checked before it starts."""

from __future__ import annotations

import ssl
from dataclasses import dataclass, field
from pathlib import Path

from sparkmesos_core.errors import UsageError
from sparkmesos_core.regular_files import read_regular_file

_LARGEST_FILE = 1 << 20
_CERTIFICATE_HINT = (
    "Name a PEM file with the certificate first, and those of intermediate authorities behind it."
)
_KEY_HINT = "Name the PEM file with the private key of this certificate."


@dataclass(frozen=True)
class ServerIdentity:
    """What a server shows its clients."""

    context: ssl.SSLContext = field(repr=False)
    """For uvicorn: TLS 1.2 and newer."""
    names: tuple[str, ...]
    """The host names and addresses that the certificate is for."""
    expires_at: float
    """Seconds since 1970."""


def load_identity(certificate: Path, key: Path | None = None) -> ServerIdentity:
    """Read both, and see that a client which trusts the certificate could talk to this server now.

    The key may be in the certificate's file. Raises UsageError if one of them cannot be read, is not PEM, is
    encrypted, does not belong to the other, or the certificate is not valid at present.
    """
    key = key or certificate
    _read(certificate, "certificate", _CERTIFICATE_HINT, b"-----BEGIN CERTIFICATE-----")
    text = _read(key, "private key", _KEY_HINT, b"PRIVATE KEY-----")
    if b"BEGIN ENCRYPTED PRIVATE KEY" in text or b"Proc-Type: 4,ENCRYPTED" in text:
        raise UsageError(
            f"The private key in {key} is encrypted, and a server has nobody to ask for its password",
            hint=f"Decrypt it: openssl pkey -in {key} -out NEW-FILE, which nobody else may read.",
        )
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    context.set_alpn_protocols(["http/1.1"])
    try:
        context.load_cert_chain(certificate, key, password=_no_password)
    except ssl.SSLError as error:
        raise _unusable(certificate, key, error) from error
    except OSError as error:
        raise UsageError(f"{certificate} or {key} cannot be read: {error.strerror}") from error
    return _tried(context, certificate)


def _no_password() -> str:
    # Without this OpenSSL would ask on the terminal.
    return ""


def _read(path: Path, what: str, hint: str, mark: bytes) -> bytes:
    try:
        content = read_regular_file(path, at_most=_LARGEST_FILE)
    except OSError as error:
        raise UsageError(f"The {what} {path} cannot be read: {error.strerror}", hint=hint) from error
    if mark not in content:
        raise UsageError(f"{path} holds no {what} in PEM format", hint=hint)
    return content


def _unusable(certificate: Path, key: Path, error: ssl.SSLError) -> UsageError:
    if error.reason == "KEY_VALUES_MISMATCH":
        return UsageError(f"The private key in {key} is not that of {certificate}", hint=_KEY_HINT)
    reason = (error.reason or str(error)).replace("_", " ").lower()
    return UsageError(f"{certificate} and {key} cannot be used: {reason}", hint=_CERTIFICATE_HINT)


def _tried(context: ssl.SSLContext, certificate: Path) -> ServerIdentity:
    """Let a client in memory, which trusts this very certificate, shake hands with the server.

    That is the one way in which Python's ssl tells whether a certificate is valid now, and whom it is for.
    """
    client_context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    client_context.check_hostname = False
    try:
        client_context.load_verify_locations(certificate)
    except ssl.SSLError as error:
        raise _unusable(certificate, certificate, error) from error
    client_context.verify_flags |= ssl.VERIFY_X509_PARTIAL_CHAIN
    to_server, to_client = ssl.MemoryBIO(), ssl.MemoryBIO()
    client = client_context.wrap_bio(to_client, to_server)
    server = context.wrap_bio(to_server, to_client, server_side=True)
    try:
        for side in (client, server, client, server, client):
            try:
                side.do_handshake()
            except ssl.SSLWantReadError:
                continue
    except ssl.SSLCertVerificationError as error:
        raise UsageError(
            f"The certificate {certificate} is of no use now: {error.verify_message}",
            hint="Clients would refuse it. Have it renewed, or set the clock.",
        ) from error
    except ssl.SSLError as error:
        raise _unusable(certificate, certificate, error) from error
    shown = client.getpeercert() or {}
    names = [str(entry[1]) for entry in shown.get("subjectAltName", ())]
    return ServerIdentity(
        context=context, names=tuple(names), expires_at=ssl.cert_time_to_seconds(str(shown["notAfter"]))
    )
