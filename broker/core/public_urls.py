"""What a public URL must be like: how peers reach the gateway from outside, without /ocpi (TR-11)."""

import re
from typing import Final
from urllib.parse import urlsplit

from broker.core.hosts import is_loopback
from broker.core.model import MAX_URL

MAX_PUBLIC_URL: Final = MAX_URL - 100
"""What is left of it is for /ocpi/{tenant}/{version}/credentials."""

_FORM = re.compile(r"https?://(\[[0-9A-Fa-f:.]+\]|[A-Za-z0-9.-]+)(:[0-9]{1,5})?(/[A-Za-z0-9._~/-]*)?")


def flaw(url: str) -> str | None:
    """What is wrong with it in any deployment, as the end of a sentence; None if nothing is."""
    if not _FORM.fullmatch(url) or len(url) > MAX_PUBLIC_URL:
        return (
            "must be an absolute http or https URL without user name, query and fragment, of at most "
            f"{MAX_PUBLIC_URL} characters, for example https://ocpi.example.com"
        )
    if _port(url) not in range(1, 1 << 16):
        return "must have a port between 1 and 65535"
    if "ocpi" in urlsplit(url).path.split("/"):
        return "must not have /ocpi in its path: that is added to it, and peers would be given /ocpi twice"
    return None


def _port(url: str) -> int:
    try:
        return urlsplit(url).port or 443
    except ValueError:
        return 0


def is_safe(url: str) -> bool:
    """Whether what peers send to it cannot be read on the way: by TLS, or because it does not leave this machine."""
    parts = urlsplit(url)
    return parts.scheme == "https" or is_loopback(parts.hostname or "")
