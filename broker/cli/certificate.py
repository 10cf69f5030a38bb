"""ocpi-broker certificate: a self-signed server certificate, so that broker and gateway can run on different hosts.

Whoever calls the broker names the certificate itself as the authority to trust. An organisation with an authority of
its own uses that instead.
"""

import os
from datetime import UTC, datetime, timedelta
from ipaddress import ip_address
from pathlib import Path
from typing import Annotated

import typer
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

from broker.cli.connection import DATA_DIR
from broker.cli.failures import CommandError, in_words
from broker.cli.options import Json
from broker.cli.output import answer

# Clocks of the two hosts may differ a little.
_SKEW = timedelta(hours=1)
_MAX_COMMON_NAME = 64
# So that commands on the broker's own host can use it, too.
_THIS_MACHINE = ("localhost", "127.0.0.1", "::1")


def certificate(
    host: Annotated[
        list[str],
        typer.Option(
            "--host", metavar="NAME", help="A name or IP address under which the broker is called. May be repeated."
        ),
    ],
    data_dir: Annotated[
        Path,
        typer.Option(
            "--data-dir", metavar="DIR", envvar=DATA_DIR, help="Where to write tls.crt and tls.key; made if missing."
        ),
    ],
    days: Annotated[int, typer.Option("--days", min=1, max=3650, help="How long the certificate is good.")] = 825,
    as_json: Json = False,
) -> None:
    """Make a self-signed server certificate for `ocpi-broker serve`. Never replaces an existing one.

    Give tls.crt to gateways and services as the CA file of the broker. The key stays where it is.
    """
    paths = data_dir / "tls.crt", data_dir / "tls.key"
    now = datetime.now(UTC)
    files = self_signed([*host, *_THIS_MACHINE], now - _SKEW, now + timedelta(days=days))
    for path in paths:
        if path.exists():
            raise CommandError(f"{path} exists already; move it away to make a new one")
    try:
        data_dir.mkdir(mode=0o700, parents=True, exist_ok=True)
        for path, content, mode in zip(paths, files, (0o644, 0o600), strict=True):
            _write_new(path, content, mode)
    except OSError as err:
        raise CommandError(f"cannot write {err.filename}: {in_words(err)}") from None
    expires = (now + timedelta(days=days)).replace(microsecond=0)
    document = {
        "certificate": str(paths[0]),
        "key": str(paths[1]),
        "hosts": list(dict.fromkeys([*host, *_THIS_MACHINE])),
        "expires": expires.isoformat().replace("+00:00", "Z"),
    }
    answer(document, as_json=as_json)


def self_signed(hosts: list[str], start: datetime, end: datetime) -> tuple[bytes, bytes]:
    """Certificate and private key as PEM. Raises CommandError for a host that no certificate can name."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, hosts[0][:_MAX_COMMON_NAME])])
    made = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(start)
        .not_valid_after(end)
        .add_extension(
            x509.SubjectAlternativeName([_general_name(host) for host in dict.fromkeys(hosts)]), critical=False
        )
        .add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
        .add_extension(x509.ExtendedKeyUsage([ExtendedKeyUsageOID.SERVER_AUTH]), critical=False)
        .sign(key, hashes.SHA256())
    )
    pem = serialization.Encoding.PEM
    private = key.private_bytes(pem, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
    return made.public_bytes(pem), private


def _general_name(host: str) -> x509.GeneralName:
    try:
        return x509.IPAddress(ip_address(host))
    except ValueError:
        pass
    try:
        return x509.DNSName(host)
    except ValueError:
        raise CommandError(f"{host!r} is neither a DNS name in ASCII nor an IP address", 2) from None


def _write_new(path: Path, content: bytes, mode: int) -> None:
    """Mode holds from the first byte on."""
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, mode)
    with os.fdopen(descriptor, "wb") as file:
        file.write(content)
