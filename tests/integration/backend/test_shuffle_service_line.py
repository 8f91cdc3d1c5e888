"""Drivers and the real shuffle service for Spark 4 over the network: who may say what, and how it is protected."""

from __future__ import annotations

import socket
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
import trustme
from cryptography.hazmat.primitives.asymmetric.ec import EllipticCurvePrivateKey
from cryptography.hazmat.primitives.serialization import BestAvailableEncryption, pkcs12
from cryptography.hazmat.primitives.serialization import load_pem_private_key as read_key
from cryptography.x509 import load_pem_x509_certificate as read_certificate

if TYPE_CHECKING:
    from tests.integration.backend.harness import Harness

pytestmark = pytest.mark.slow

Conf = dict[str, str]
SECRET: Conf = {"spark.authenticate": "true", "spark.authenticate.secret": "hush-4f1d"}
OTHER_SECRET = SECRET | {"spark.authenticate.secret": "not-that-one"}
# Besides Spark's own words (SASL), both newer ways to encrypt.
AES = SECRET | {"spark.network.crypto.enabled": "true"}
ENCRYPTED_SASL = SECRET | {"spark.authenticate.enableSaslEncryption": "true"}
ONLY_ENCRYPTED = SECRET | {"spark.network.sasl.serverAlwaysEncrypt": "true"}


def client(
    conf: Conf, *, application: str = "app", about: str = "app", keep: int = 120_000
) -> dict[str, Any]:
    return {"conf": conf, "application": application, "about": about, "keep": keep}


def heard(harness: Harness, service: Conf, *clients: dict[str, Any]) -> list[str]:
    told: list[str] = harness.ask("shuffle_service", {"service": service, "clients": list(clients)})
    return told


@pytest.mark.parametrize(
    ("service", "driver"),
    [({}, {}), (SECRET, SECRET), (AES, AES), (AES, SECRET), (ONLY_ENCRYPTED, ENCRYPTED_SASL)],
    ids=["open", "sasl", "aes", "aes-and-sasl", "sasl-encrypted"],
)
def test_a_driver_is_heard(harness: Harness, service: Conf, driver: Conf) -> None:
    assert heard(harness, service, client(driver), client(driver, keep=0)) == ["kept", "kept"]


@pytest.mark.parametrize("way", [SECRET, AES], ids=["sasl", "aes"])
def test_nobody_speaks_for_another_application(harness: Harness, way: Conf) -> None:
    """A driver has proved whose it is; without authentication everybody may say anything, as with Spark's own messages."""
    told, own = heard(harness, way, client(way, about="other", keep=0), client(way))
    assert "A client of app has no say about application other" in told
    assert own == "kept"
    assert heard(harness, {}, client({}, about="other")) == ["kept"]


@pytest.mark.parametrize("more", [{}, {"spark.network.crypto.enabled": "true"}], ids=["sasl", "aes"])
def test_another_secret_is_refused(harness: Harness, more: Conf) -> None:
    wrong, right = heard(harness, SECRET | more, client(OTHER_SECRET | more), client(SECRET | more))
    assert wrong != "kept"
    assert "Exception" in wrong
    assert SECRET["spark.authenticate.secret"] not in wrong
    assert right == "kept"


def test_who_does_not_authenticate_is_refused(harness: Harness) -> None:
    (told,) = heard(harness, SECRET, client({}))
    assert "Expected SaslMessage" in told or "Unknown challenge message" in told


def test_encryption_may_be_demanded(harness: Harness) -> None:
    (told,) = heard(harness, ONLY_ENCRYPTED, client(SECRET))
    assert told != "kept"


@pytest.fixture(scope="module")
def tls(tmp_path_factory: pytest.TempPathFactory) -> Conf:
    """Spark's own TLS between its processes: a certificate, and whom to trust."""
    folder = tmp_path_factory.mktemp("tls")
    authority = trustme.CA()
    certificate = authority.issue_cert("127.0.0.1")
    password = b"changeit"
    chain = [read_certificate(one.bytes()) for one in certificate.cert_chain_pems]
    key = read_key(certificate.private_key_pem.bytes(), None)
    assert isinstance(key, EllipticCurvePrivateKey)
    own = pkcs12.serialize_key_and_certificates(
        b"own", key, chain[0], chain[1:],
        BestAvailableEncryption(password),
    )  # fmt: skip
    trusted = pkcs12.serialize_java_truststore(
        [pkcs12.PKCS12Certificate(read_certificate(authority.cert_pem.bytes()), b"authority")],
        BestAvailableEncryption(password),
    )
    (folder / "own.p12").write_bytes(own)
    (folder / "trusted.p12").write_bytes(trusted)
    return {
        "spark.ssl.rpc.enabled": "true",
        "spark.ssl.rpc.protocol": "TLSv1.3",
        "spark.ssl.rpc.keyStore": str(folder / "own.p12"),
        "spark.ssl.rpc.keyStorePassword": password.decode(),
        "spark.ssl.rpc.keyPassword": password.decode(),
        "spark.ssl.rpc.trustStore": str(folder / "trusted.p12"),
        "spark.ssl.rpc.trustStorePassword": password.decode(),
    }


@pytest.mark.parametrize("more", [{}, SECRET], ids=["open", "sasl"])
def test_tls(harness: Harness, tls: Conf, more: Conf) -> None:
    """Both have to speak it."""
    with_tls, without = heard(harness, tls | more, client(tls | more), client(more, keep=6000))
    assert with_tls == "kept"
    assert without not in ("kept", "nothing")


def test_a_service_that_says_nothing(harness: Harness, tmp_path: Path) -> None:
    """A connection over which nothing comes back is given up long before files would go."""
    with socket.create_server(("127.0.0.1", 0)) as silent:
        conf = {"spark.shuffle.service.port": str(silent.getsockname()[1])}
        told: list[str] = harness.ask("shuffle_service", {"clients": [client(conf, keep=6000)]})
    assert told[0] not in ("kept", "nothing")
