"""The broker's certificate and key, read and tried before anything is started with them."""

from datetime import UTC, datetime
from pathlib import Path

import structlog

from broker.config import TlsFiles
from broker.crypto import certificates
from broker.crypto.certificates import UnusableError
from broker.process.address import Address
from broker.process.not_ready import NotReadyError

_log = structlog.get_logger(__name__)

_OPTIONS = {"certificate": "--tls-cert", "key": "--tls-key", "authority": "--ca-file"}
_WARN_DAYS = 21
_ANOTHER = "give another pair; `ocpi-broker certificate` makes one"


def try_out(tls: TlsFiles, listening: Address) -> None:
    """Raises NotReadyError as read does; warns of a certificate that is soon of no use, or of none on this machine."""
    chain, key = read(tls)
    until, now = _good_until(tls, chain, key), datetime.now(UTC)
    if (until - now).days < _WARN_DAYS:
        _log.warning("certificate_expires_soon", file=str(tls.certificate), expires=until.isoformat())
    names, called = certificates.names(chain), listening.reachable.host
    if not certificates.is_for(called, names):
        _log.warning(
            "certificate_lacks_address",
            file=str(tls.certificate),
            names=names,
            address=called,
            message=f"commands with --data-dir call the broker at {called}, which its certificate does not name, and "
            "will fail; call it by one of its names with OCPI_BROKER_TARGET and OCPI_BROKER_KEY_FILE, or give a "
            "certificate that has the address",
        )


def read(tls: TlsFiles) -> tuple[bytes, bytes]:
    """The certificate chain and its key. Raises NotReadyError with the option and what to do."""
    chain, key = _content("certificate", tls.certificate), _content("key", tls.key)
    _good_until(tls, chain, key)
    return chain, key


def require_authority(path: Path) -> None:
    """That the gateway has something to trust. Raises NotReadyError."""
    try:
        certificates.first_certificate(_content("authority", path))
    except UnusableError as err:
        raise NotReadyError(f"--ca-file {path}: {err}; give the broker's tls.crt, or that of its authority") from None


def _good_until(tls: TlsFiles, chain: bytes, key: bytes) -> datetime:
    try:
        return certificates.good_until(chain, key, datetime.now(UTC))
    except UnusableError as err:
        path = tls.key if err.which == "key" else tls.certificate
        raise NotReadyError(f"{_OPTIONS[err.which]} {path}: {err}; {_ANOTHER}") from None


def _content(which: str, path: Path) -> bytes:
    try:
        return path.read_bytes()
    except OSError as err:
        what = err.strerror or type(err).__name__
        raise NotReadyError(f"{_OPTIONS[which]} {path}: it cannot be read: {what}") from None
