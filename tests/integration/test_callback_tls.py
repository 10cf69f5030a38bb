"""TLS of our calls: the name at the checked address is shown and verified."""

import asyncio
import ipaddress
import ssl
from datetime import UTC, datetime, timedelta

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from broker.outbound.addresses import client_context
from broker.outbound.http_call import CallbackError
from tests.integration.raw_peer import listening, lists, read_versions, resolving

pytestmark = pytest.mark.anyio


def usage(*, sign):
    """Strict verifiers, Python 3.13's among them, want an authority to say that it signs certificates."""
    unused = ("content_commitment", "key_encipherment", "data_encipherment", "key_agreement")
    never = ("crl_sign", "encipher_only", "decipher_only")
    return x509.KeyUsage(digital_signature=True, key_cert_sign=sign, **dict.fromkeys(unused + never, False))


def certificate(name, key, issuer, issuer_key, *, ca=False, old=False):
    now = datetime.now(UTC) - timedelta(days=2 if old else 0)
    try:
        general = x509.IPAddress(ipaddress.ip_address(name))
    except ValueError:
        general = x509.DNSName(name)
    builder = (
        x509.CertificateBuilder()
        .subject_name(x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)]))
        .issuer_name(x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, issuer)]))
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - timedelta(hours=1))
        .not_valid_after(now + timedelta(hours=1))
        .add_extension(x509.SubjectAlternativeName([general]), critical=False)
        .add_extension(x509.BasicConstraints(ca=ca, path_length=None), critical=True)
        .add_extension(usage(sign=ca), critical=True)
        .add_extension(x509.SubjectKeyIdentifier.from_public_key(key.public_key()), critical=False)
        .add_extension(x509.AuthorityKeyIdentifier.from_issuer_public_key(issuer_key.public_key()), critical=False)
    )
    return builder.sign(issuer_key, hashes.SHA256()).public_bytes(serialization.Encoding.PEM)


@pytest.fixture(scope="module")
def authority():
    key = ec.generate_private_key(ec.SECP256R1())
    return key, certificate("Test CA", key, "Test CA", key, ca=True)


@pytest.fixture
def served_as(authority, tmp_path):
    """Makes the server side of TLS for a name, certified by the test's authority or by itself."""

    def make(name, *, self_signed=False, old=False):
        ca_key, _ = authority
        key = ec.generate_private_key(ec.SECP256R1())
        pem = certificate(name, key, name, key) if self_signed else certificate(name, key, "Test CA", ca_key, old=old)
        private = key.private_bytes(
            serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
        )
        path = tmp_path / "server.pem"
        path.write_bytes(pem + private)
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(path)
        return context

    return make


@pytest.fixture
def trusting(authority):
    """Our side of TLS, trusting the test's authority as well."""
    context = client_context()
    context.load_verify_locations(cadata=authority[1].decode())
    return context


async def test_tls_shows_and_verifies_the_name_at_the_checked_address(served_as, trusting):
    async with listening(lists("2.2.1"), tls=served_as("peer.localhost")) as peer:
        url = peer.url(host="peer.localhost", scheme="https")
        await read_versions(url, tls=trusting, resolve=resolving(["127.0.0.1"]))

        assert peer.names == ["peer.localhost"]
        assert peer.received[0].all("host") == [f"peer.localhost:{peer.port}"]


async def test_tls_works_with_a_certified_address(served_as, trusting):
    async with listening(lists("2.2.1"), tls=served_as("127.0.0.1")) as peer:
        await read_versions(peer.url(scheme="https"), tls=trusting)

        assert peer.names == [None]


UNTRUSTED = "versions list: no trusted TLS connection to peer.localhost"


@pytest.mark.parametrize(
    ("name", "how", "cause"),
    [
        ("peer.localhost", {"self_signed": True}, "its certificate is self-signed"),
        ("peer.localhost", {"old": True}, "its certificate has expired"),
        ("other.localhost", {}, "its certificate is for another host name"),
        ("127.0.0.1", {}, "its certificate is for another host name"),
    ],
)
async def test_a_certificate_must_be_of_a_known_authority_and_for_this_name(served_as, trusting, name, how, cause):
    """Which of them it is, only operators are told (F9)."""
    async with listening(lists("2.2.1"), tls=served_as(name, **how)) as peer:
        url = peer.url(host="peer.localhost", scheme="https")
        with pytest.raises(CallbackError) as failure:
            await read_versions(url, tls=trusting, resolve=resolving(["127.0.0.1"]))

        assert str(failure.value) == UNTRUSTED
        assert failure.value.explained.startswith(f"{UNTRUSTED}: {cause}")
        assert failure.value.lasting, "waiting does not mend it"
        assert peer.received == []


async def test_the_environment_cannot_add_an_authority(served_as, authority, tmp_path, monkeypatch):
    path = tmp_path / "ca.pem"
    path.write_bytes(authority[1])
    monkeypatch.setenv("SSL_CERT_FILE", str(path))
    async with listening(lists("2.2.1"), tls=served_as("peer.localhost")) as peer:
        url = peer.url(host="peer.localhost", scheme="https")
        with pytest.raises(CallbackError) as failure:
            await read_versions(url, resolve=resolving(["127.0.0.1"]))

        assert str(failure.value) == UNTRUSTED
        assert "is not signed by an authority that is trusted here" in failure.value.cause


async def test_a_peer_that_wants_a_certificate_of_ours_is_a_failure(served_as, trusting):
    context = served_as("peer.localhost")
    context.verify_mode = ssl.CERT_REQUIRED
    async with listening(lists("2.2.1"), tls=context) as peer:
        url = peer.url(host="peer.localhost", scheme="https")
        with pytest.raises(CallbackError):  # which one depends on whether its alert or its reset arrives first
            await read_versions(url, tls=trusting, resolve=resolving(["127.0.0.1"]))

        assert peer.received == []


def test_tls_is_not_older_than_1_2_and_verifies_chain_and_name():
    context = client_context()

    assert context.minimum_version >= ssl.TLSVersion.TLSv1_2
    assert context.check_hostname
    assert context.verify_mode is ssl.CERT_REQUIRED


async def test_a_peer_that_speaks_no_tls_is_a_failure_of_tls():
    hung_up = asyncio.Event()

    async def shout(reader, writer):
        writer.write(b"HTTP/1.1 400 Bad Request\r\n\r\n")
        await writer.drain()
        await reader.read()
        writer.close()
        await writer.wait_closed()
        hung_up.set()

    server = await asyncio.start_server(shout, "127.0.0.1", 0)
    url = f"https://peer.localhost:{server.sockets[0].getsockname()[1]}/"
    async with server:
        with pytest.raises(CallbackError) as failure:
            await read_versions(url, resolve=resolving(["127.0.0.1"]))
        await hung_up.wait()

    assert str(failure.value) == UNTRUSTED
