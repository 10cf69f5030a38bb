"""Answers that come compressed although nobody asked for that: undone within bounds (F12).

The header says it, and often wrongly: UTF-8 as a coding, gzip on what is none, deflate of which nobody knows the frame.
So the first bytes count more than the header.
"""

import re
import zlib
from typing import Final

MOST_LAYERS: Final = 2
_MOST_MEMBERS: Final = 64
_GZIP_MAGIC = b"\x1f\x8b"
_LIKE_TEXT = re.compile(rb"(?:\xef\xbb\xbf)?\s*[\[{<\"]\s*[!-~]")
"""A document that begins. A stream of deflate may begin with such a byte, hardly with two."""
_NONE = frozenset({"", "identity"})
_KNOWN = frozenset({"gzip", "x-gzip", "deflate"})
_EITHER_FRAME: Final = 32 + zlib.MAX_WBITS
"""That of gzip or of zlib, whichever the first bytes are."""
_NO_FRAME: Final = -zlib.MAX_WBITS


class EncodingError(ValueError):
    """The body cannot be read; the message says why, and repeats nothing of it."""


def undone(encodings: str, body: bytes, limit: int) -> bytes:
    """The body as it was before these encodings (the header's value), of at most so many bytes.

    What was cut off is undone as far as it goes, and what is plain text stays as it is. Raises EncodingError for a
    coding that we do not know, for what is in none that we know, and for more than limit bytes.
    """
    named = [name for name in (one.strip().lower() for one in encodings.split(",")) if name not in _NONE]
    if len(named) > MOST_LAYERS:
        raise EncodingError(f"the answer is compressed more than {MOST_LAYERS} times")
    for name in reversed(named):
        body = _undo(name, body, limit)
    return _inflate(body, limit, _EITHER_FRAME) if body.startswith(_GZIP_MAGIC) else body


def _undo(name: str, body: bytes, limit: int) -> bytes:
    if body.startswith(_GZIP_MAGIC):
        return _inflate(body, limit, _EITHER_FRAME)
    if not body or _LIKE_TEXT.match(body):
        return body
    if name not in _KNOWN:
        raise EncodingError(f"the answer is compressed as {_plain(name)}, which was not asked for")
    try:
        return _inflate(body, limit, _EITHER_FRAME)
    except _NotThisError:
        return _inflate(body, limit, _NO_FRAME)


class _NotThisError(EncodingError):
    def __init__(self) -> None:
        super().__init__("the answer is not in the compression that it claims")


def _inflate(body: bytes, limit: int, window: int) -> bytes:
    """With the members that may follow each other in gzip; what else follows is not looked at."""
    plain = bytearray()
    for _ in range(_MOST_MEMBERS):
        reader = zlib.decompressobj(window)
        try:
            plain += reader.decompress(body, limit + 1 - len(plain))
        except zlib.error:
            raise _NotThisError from None
        if len(plain) > limit:
            raise EncodingError(f"the answer has more than {limit} bytes")
        body = reader.unused_data
        if not body.startswith(_GZIP_MAGIC):
            break
    return bytes(plain)


def _plain(name: str) -> str:
    return name if name.isascii() and name.isalnum() and len(name) <= len("compress") else "something unknown"
