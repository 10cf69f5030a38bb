"""What another platform says in its own words, made fit for records, logs and terminals (F20).

A line of plain text: cut, without control characters, and without tokens. It is never repeated to a peer, who may have
named the URL that it was read from (F9).
"""

import json
import re
from base64 import b64encode, urlsafe_b64encode
from collections.abc import Iterable, Iterator
from contextlib import suppress
from html import escape
from unicodedata import category
from urllib.parse import quote

from broker.core.model import Token
from broker.ocpi.envelope import NotJsonError, loads

LONGEST = 500
"""Characters."""
MASK = "…"

_LOOKED_AT = 16 << 10
"""Octets of a body, and characters of a text: more costs time, and only the beginning is shown."""
_LONGEST_FORM = 2000
"""Characters of a token in the longest of its forms, and more."""
_SURE = 8
"""Characters from which on a token is masked wherever it stands; a shorter one only as a word of its own."""
_MOST_UNREADABLE = 0.1
_SUCCESSES = range(1000, 2000)
_ENVELOPE = frozenset({"status_code", "status_message", "timestamp", "data"})

_CREDENTIALS = re.compile(r"\b(token|bearer)(\s+)(\S+)", re.IGNORECASE)
_MEMBER = re.compile(
    r"""(["'][\w-]*(?:token|authorization|secret|password)s?["']\s*[:=]\s*\[?\s*["'])((?:[^"'\\]|\\.)*)""",
    re.IGNORECASE,
)
_NAMED = re.compile(
    r"""([\w-]*(?:token|secret|passw|credential|key)[\w-]*["']?\s*[:=>]+\s*)[^,;&<\s{}]+""", re.IGNORECASE
)
_OPAQUE = re.compile(
    r"(?=[A-Za-z0-9+/=_~.-]*[0-9])[A-Za-z0-9+/=_~.-]{12,}|(?=(?:[A-Za-z]*[a-z][A-Z]){3})[A-Za-z+/=_~.-]{12,}|"
    r"[A-Za-z0-9+/=_~.-]{20,}"
)
_FOLLOWING = re.compile(
    r"a|already|an|and|are|as|authentication|based|be|can|cannot|could|does|doesn't|error|expired|for|format|from|has|"
    r"header|in|invalid|is|isn't|lookup|mismatch|missing|must|not|or|provided|rejected|required|revoked|should|that|to|"
    r"unknown|validation|verification|was|with"
)
"""What follows the word "token" in sentences; anything else after it may be one."""
_LACKS = re.compile(
    r"\b(missing|requires?|required|mandatory|nulls?|none|nil|undefined|absent|not (?:be )?(?:present|provided|given)|"
    r"must be present|(?:can't|cannot|must not|may not|should not) be (?:blank|empty))\b",
    re.IGNORECASE,
)


def of_body(body: bytes, tokens: Iterable[Token]) -> str | None:
    """The message of an envelope that reports a failure, or the beginning of a body that is none.

    None if it says nothing: it is empty, no text, or a success, in which tokens of theirs are.
    """
    if len(body) > _LOOKED_AT and body.lstrip()[:1] in {b"{", b"["}:
        return None  # nobody writes that much about a failure; it may be a success with a token anywhere in it
    try:
        document = loads(body[: _LOOKED_AT + 1])
    except NotJsonError:
        return _cleaned(_text(body[: _LOOKED_AT + 1]), tokens)
    tokens = (*tokens, *_given(document))
    if not isinstance(document, dict) or "status_code" not in document:
        return _cleaned(json.dumps(document, ensure_ascii=False), tokens)
    if _is_success(document["status_code"]):
        return None
    message = document.get("status_message")
    if isinstance(message, str) and message.strip():
        return cleaned(message, tokens)
    further = {name: value for name, value in document.items() if name not in _ENVELOPE}
    return _cleaned(json.dumps(further, ensure_ascii=False), tokens) if further else None


def cleaned(text: str, tokens: Iterable[Token]) -> str | None:
    """The same for a text that was read already."""
    return _cleaned(text, tokens)


def masked(text: str, tokens: Iterable[Token]) -> str:
    """Without these tokens, in any form in which they are found, and without what looks like one by its place."""
    for pattern in filter(None, map(_pattern, tokens)):
        text = pattern.sub(MASK, text)
    text = _MEMBER.sub(rf"\g<1>{MASK}", text)
    return _CREDENTIALS.sub(_without_credentials, text)


def without_what_may_be_a_token(said: str) -> str:
    """Without every run of characters that is too long and too odd for a word, and what stands below a telling name."""
    return _OPAQUE.sub(MASK, _NAMED.sub(rf"\g<1>{MASK}", said))


def speaks_of_missing_fields(said: str | None) -> bool:
    """Whether a refusal may be about fields that we leave out because they have no value (EN-10)."""
    return said is not None and _LACKS.search(said) is not None


def _given(document: object) -> Iterator[Token]:
    """What a document calls a token: whoever refuses may have given one all the same, and repeat it in its words."""
    match document:
        case dict():
            for name, value in document.items():
                if isinstance(value, str) and len(value) >= _SURE and "token" in name.lower():
                    with suppress(ValueError):
                        yield Token(value)
                yield from _given(value)
        case list():
            for value in document:
                yield from _given(value)


def _cleaned(text: str, tokens: Iterable[Token]) -> str | None:
    seen = "".join(char if char.isspace() or category(char)[0] != "C" else "" for char in text[:_LOOKED_AT]).split()
    if len(text) > _LOOKED_AT and seen and not text[_LOOKED_AT - 1].isspace():
        seen[-1] = seen[-1][:-_LONGEST_FORM]  # it may end in half of a token, which nobody would recognise
    line = masked(" ".join(seen), tokens).strip()
    return line if len(line) <= LONGEST else line[:LONGEST] + "…"


def _text(body: bytes) -> str:
    """Empty if it is no text."""
    text = body.decode("utf-8", "replace")
    unreadable = sum(char == "\ufffd" or (category(char) == "Cc" and not char.isspace()) for char in text)
    return text.replace("\ufffd", "?") if unreadable <= _MOST_UNREADABLE * len(text) else ""


def _is_success(code: object) -> bool:
    return str(code) in map(str, _SUCCESSES) or (isinstance(code, int) and code in _SUCCESSES)


def _without_credentials(found: re.Match[str]) -> str:
    word, gap, value = found.groups()
    plain = value.lower().rstrip(".,;:!\"'})]")
    return found[0] if word.lower() == "token" and _FOLLOWING.fullmatch(plain) else f"{word}{gap}{MASK}"


def _pattern(token: Token) -> re.Pattern[str] | None:
    text = token.reveal()
    forms = sorted({re.escape(form) for form in _forms(text)}, key=len, reverse=True)
    either = "|".join(forms)
    if len(text) < _SURE:
        either = rf"(?<![A-Za-z0-9])(?:{either})(?![A-Za-z0-9])"
    return re.compile(either, re.IGNORECASE)


def _forms(text: str) -> Iterator[str]:
    """As it is and in Base64, each also as JSON, HTML and URLs write it."""
    octets = text.encode()
    encoded = b64encode(octets).decode()
    for form in (text, encoded, encoded.rstrip("="), urlsafe_b64encode(octets).decode().rstrip("=")):
        in_json = json.dumps(form)[1:-1]
        yield from (form, in_json, in_json.replace("/", "\\/"), escape(form), quote(form, safe=""))
