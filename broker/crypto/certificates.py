"""Server certificates and their keys, looked at before a server uses them: gRPC only says that it cannot listen."""

from datetime import datetime
from ipaddress import ip_address

from cryptography import x509
from cryptography.hazmat.primitives import serialization
from cryptography.x509.oid import NameOID

from broker.core.dates import date_of


class UnusableError(Exception):
    """What is wrong, and which of the two files it is about: "certificate" or "key"."""

    def __init__(self, which: str, sentence: str) -> None:
        super().__init__(sentence)
        self.which = which


def good_until(chain: bytes, key: bytes, now: datetime) -> datetime:
    """When the server's certificate, the first of a PEM chain, expires. Raises UnusableError if it is of no use."""
    certificate = first_certificate(chain)
    if _public(_private_key(key)) != _public_of(certificate):
        raise UnusableError("key", "it does not belong to the certificate")
    if now < certificate.not_valid_before_utc:
        since = date_of(certificate.not_valid_before_utc)
        raise UnusableError("certificate", f"it is not good before {since}; is the clock of this machine right?")
    if now >= certificate.not_valid_after_utc:
        raise UnusableError("certificate", f"it has expired on {date_of(certificate.not_valid_after_utc)}")
    return certificate.not_valid_after_utc


def names(chain: bytes) -> tuple[str, ...]:
    """Under which host names and addresses callers know the server's certificate. Raises UnusableError.

    A common name stands in only where nothing else is said, and never for an address.
    """
    certificate = first_certificate(chain)
    try:
        listed = certificate.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
    except x509.ExtensionNotFound:
        common = [str(one.value) for one in certificate.subject.get_attributes_for_oid(NameOID.COMMON_NAME)]
        return tuple(name for name in common if not _is_address(name))
    except ValueError:
        raise UnusableError("certificate", "its extensions cannot be read") from None
    addresses = [str(address) for address in listed.get_values_for_type(x509.IPAddress)]
    return (*listed.get_values_for_type(x509.DNSName), *addresses)


def is_for(host: str, known: tuple[str, ...]) -> bool:
    """Whether one of these names is the host's: an address is itself, and a star stands for one label (RFC 6125)."""
    if _is_address(host):
        return str(ip_address(host)) in known
    wanted = host.lower()
    star = f"*.{wanted.partition('.')[2]}"
    return any(name.lower() in {wanted, star} for name in known)


def _is_address(host: str) -> bool:
    try:
        ip_address(host)
    except ValueError:
        return False
    return True


def first_certificate(pem: bytes) -> x509.Certificate:
    """Raises UnusableError if there is none."""
    try:
        return x509.load_pem_x509_certificates(pem)[0]
    except (ValueError, IndexError):
        raise UnusableError("certificate", "it holds no certificate in PEM") from None


def _private_key(pem: bytes) -> object:
    try:
        return serialization.load_pem_private_key(pem, None)
    except TypeError:
        raise UnusableError("key", "it is locked by a passphrase, which nobody can type here; unlock it") from None
    except Exception:  # noqa: BLE001  several kinds, none of which may say what the key holds
        raise UnusableError("key", "it holds no private key in PEM that can be used") from None


def _public(key: object) -> bytes:
    return _spki(key.public_key())  # type: ignore[attr-defined]  # each kind of private key has it


def _public_of(certificate: x509.Certificate) -> bytes:
    return _spki(certificate.public_key())


def _spki(key: object) -> bytes:
    der, form = serialization.Encoding.DER, serialization.PublicFormat.SubjectPublicKeyInfo
    return bytes(key.public_bytes(der, form))  # type: ignore[attr-defined]  # each kind of public key has it
