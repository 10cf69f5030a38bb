"""For whom a server's certificate is."""

from datetime import UTC, datetime, timedelta

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from broker.cli.certificate import self_signed
from broker.crypto import certificates

NOW = datetime.now(UTC)


def test_the_names_are_those_of_hosts_and_addresses():
    chain, _ = self_signed(["broker.internal", "localhost", "127.0.0.1", "::1"], NOW, NOW + timedelta(days=1))

    assert certificates.names(chain) == ("broker.internal", "localhost", "127.0.0.1", "::1")


@pytest.mark.parametrize(("common", "expected"), [("old.one", ("old.one",)), ("127.0.0.1", ())])
def test_a_certificate_without_alternative_names_is_for_its_common_name(common, expected):
    key, name = ec.generate_private_key(ec.SECP256R1()), x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, common)])
    made = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(1)
        .not_valid_before(NOW)
        .not_valid_after(NOW + timedelta(days=1))
        .sign(key, hashes.SHA256())
    )

    assert certificates.names(made.public_bytes(serialization.Encoding.PEM)) == expected


@pytest.mark.parametrize(
    ("host", "known", "expected"),
    [
        ("127.0.0.1", ("localhost", "127.0.0.1"), True),
        ("127.0.0.1", ("localhost",), False),
        ("0:0::1", ("::1",), True),
        ("localhost", ("127.0.0.1",), False),
        ("Broker.internal", ("broker.INTERNAL",), True),
        ("one.broker.internal", ("*.broker.internal",), True),
        ("broker.internal", ("*.broker.internal",), False),
        ("a.one.broker.internal", ("*.broker.internal",), False),
        ("localhost", (), False),
    ],
)
def test_whether_a_certificate_is_for_a_host(host, known, expected):
    assert certificates.is_for(host, known) == expected
