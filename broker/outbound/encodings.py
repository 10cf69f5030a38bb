"""Answers that come compressed although nobody asked for that: undone within bounds (F12).

What is compressed is told by the header, or by the first bytes where the header says otherwise.
"""

import zlib
from collections.abc import Callable
from typing import Final

MOST_LAYERS: Final = 2
_GZIP_MAGIC = b"\x1f\x8b"
_LIKE_JSON = (b"{", b"[", b'"', b"\xef\xbb\xbf")
_NONE = frozenset({"", "identity"})
_GZIP_WINDOW: Final = 16 + zlib.MAX_WBITS


class EncodingError(ValueError):
    """The body cannot be read; the message says why, and repeats nothing of it."""


def undone(encodings: str, body: bytes, limit: int) -> bytes:
    """The body as it was before these encodings (the header's value), of at most so many bytes.

    What was cut off is undone as far as it goes. Raises EncodingError for a coding that we do not know, for what is
    not in the coding it claims, and for more than limit bytes.
    """
    named = [name for name in (one.strip().lower() for one in encodings.split(",")) if name not in _NONE]
    if len(named) > MOST_LAYERS:
        raise EncodingError(f"the answer is compressed more than {MOST_LAYERS} times")
    for name in reversed(named):
        body = _undo(name, body, limit)
    return _gunzip(body, limit) if body.startswith(_GZIP_MAGIC) else body


def _undo(name: str, body: bytes, limit: int) -> bytes:
    undo = _CODINGS.get(name)
    if undo is None:
        raise EncodingError(f"the answer is compressed as {_plain(name)}, which was not asked for")
    if body.lstrip().startswith(_LIKE_JSON):
        return body
    return undo(body, limit)


def _gunzip(body: bytes, limit: int) -> bytes:
    return _inflate(body, limit, _GZIP_WINDOW)


def _undeflate(body: bytes, limit: int) -> bytes:
    """With or without the frame of zlib: clients and servers never agreed which of them deflate is."""
    try:
        return _inflate(body, limit, zlib.MAX_WBITS)
    except EncodingError:
        return _inflate(body, limit, -zlib.MAX_WBITS)


def _inflate(body: bytes, limit: int, window: int) -> bytes:
    reader = zlib.decompressobj(window)
    try:
        plain = reader.decompress(body, limit + 1)
    except zlib.error:
        raise EncodingError("the answer is not in the compression that it claims") from None
    if len(plain) > limit:
        raise EncodingError(f"the answer has more than {limit} bytes")
    return plain


def _plain(name: str) -> str:
    return name if name.isascii() and name.isalnum() and len(name) <= len("compress") else "something unknown"


_CODINGS: Final[dict[str, Callable[[bytes, int], bytes]]] = {
    "gzip": _gunzip,
    "x-gzip": _gunzip,
    "deflate": _undeflate,
}
