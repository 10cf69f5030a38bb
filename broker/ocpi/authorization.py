"""The Authorization header: "Token", a blank, and the token as it is or in Base64 (AU-02 to AU-06, A1, A2).

Which form a header has cannot be told from its shape: hexadecimal tokens are sound Base64. So both readings are
candidates, and whoever holds the tokens knows which of them exists.
"""

import re
from base64 import b64decode, b64encode
from collections.abc import Sequence
from typing import Final

from broker.core.model import MAX_TOKEN, HeaderForm, Token

MAX_VALUE = 384
"""Room for the longest token in Base64, of which OCPI 2.0 names no limit (core.model.MAX_TOKEN)."""
OTHER_FORM: Final = {HeaderForm.RAW: HeaderForm.BASE64, HeaderForm.BASE64: HeaderForm.RAW}

_TELLING = 8
"""Characters. Shorter words are Base64 of something by chance."""
_HEADER = re.compile(r"token +([!-~]+)", re.IGNORECASE)


def candidates(values: Sequence[str]) -> tuple[tuple[str, HeaderForm], ...]:
    """The token texts that a request's Authorization headers may mean, at most one per form.

    Empty if there is not exactly one header, or it does not have the form (AU-12). Never raises.
    """
    if len(values) != 1 or len(values[0]) > MAX_VALUE:
        return ()
    match = _HEADER.fullmatch(values[0].strip(" \t"))
    if match is None:
        return ()
    value = match[1]
    readings = ((value, HeaderForm.RAW), (_decoded(value), HeaderForm.BASE64))
    return tuple((text, form) for text, form in readings if text is not None and _could_be_token(text))


def readings(text: str) -> tuple[str, ...]:
    """Tokens that cannot be told from this one by a header: what it is in Base64, and what it is the Base64 of.

    A line end that careless encoders put in is not seen (A2).
    """
    encoded = (b64encode((text + end).encode("ascii")).decode("ascii") for end in ("", "\n", "\r\n"))
    return tuple(other for other in (*encoded, decoded(text)) if other is not None and _could_be_token(other))


def decoded(text: str) -> str | None:
    """The token that this one is the Base64 of, if it is."""
    other = _decoded(text)
    return other if other is not None and _could_be_token(other) else None


def write_authorization(token: Token, form: HeaderForm) -> str:
    """The header's value."""
    text = token.reveal()
    return f"Token {text if form is HeaderForm.RAW else b64encode(text.encode('ascii')).decode('ascii')}"


def is_encoded(token: Token) -> bool:
    """Whether a token is strict Base64 of another one: what a partner has sent may be the header value (A3)."""
    inner = _decoded(token.reveal())
    return inner is not None and len(inner) >= _TELLING and _could_be_token(inner)


def _decoded(value: str) -> str | None:
    """Strictly decoded, without one trailing line end that careless encoders put in (AU-06, A2).

    The library puts up with more padding than there must be and with bits that mean nothing, so it is asked back.
    """
    try:
        octets = b64decode(value, validate=True)
        text = octets.decode("ascii")
    except ValueError:
        return None
    if b64encode(octets).decode("ascii") != value:
        return None
    return text.removesuffix("\n").removesuffix("\r") if text.endswith("\n") else text


def _could_be_token(text: str) -> bool:
    if len(text) > MAX_TOKEN:
        return False
    try:
        Token(text)
    except ValueError:
        return False
    return True
