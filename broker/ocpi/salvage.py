"""A token and what stands around it, found in whatever a peer has answered (RS-08, RS-09, F12).

Nothing is read twice and nothing is endless: depth, places and layers have limits, and each step takes time in
proportion to the bytes that came. Names that the peer chose are repeated only where they are plain words.
"""

import json
import re
from collections import deque
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import islice
from typing import Final

from broker.core.model import Token
from broker.ocpi.dialect import Json
from broker.ocpi.fields import Notes, below

_MOST_PLACES: Final = 200
_MOST_DEPTH: Final = 6
_SURE: Final = 16
"""Characters. A shorter string may be a word such as Success or required rather than a token."""
_BESIDE: Final = ("url", "roles", "party_id", "country_code", "business_details")
_USUAL_PLACES = re.compile(r"(data)?(\[\d+\])?")
_WORD = re.compile(r"[A-Za-z_]{1,24}")
_LIKE_JSON = re.compile(r"\s*[\[{]")
_NO_TOKEN = re.compile(r"https?://.*|[\[{<].*|#NA", re.IGNORECASE)
"""A link, another document, or OCPI's sign for no value (EN-11)."""
_IN_TEXT = re.compile(r'"token"\s*:\s*"((?:[ !#-\[\]-~]|\\[ -~]){1,2048})"', re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class Find:
    """A token that is not the offered one. around is the object it stands in, path its place; empty if there is none.

    notes say what is odd about the place and about how the token is written.
    """

    token: Token
    around: Json
    path: str
    notes: Notes


def find(body: bytes, offered: Token) -> Find | None:
    """The first token where one should stand, else where one could. Never the one that we have offered."""
    text = _text(body)
    try:
        parsed: object = json.loads(text, strict=False)
    except (ValueError, RecursionError):
        return _in_text(text, offered, shortest=1)
    found = _in_objects(parsed, offered) or _bare(parsed, offered)
    return found or _in_text(text, offered, shortest=_SURE)


def _text(body: bytes) -> str:
    """UTF-8 as it must be, or what else JSON is found in. What is neither is one byte a character."""
    encoding = json.detect_encoding(body)
    if not encoding.startswith("utf-8"):
        return body.decode(encoding, errors="replace")
    try:
        return body.decode(encoding)
    except UnicodeDecodeError:
        return body.decode("latin-1")


def _in_objects(parsed: object, offered: Token) -> Find | None:
    for path, around, quoted in _objects(parsed):
        notes = Notes()
        token = _token_in(around, notes)
        if token is None or token == offered or not _is_credible(token, around, path):
            continue
        if token.appears_in(path) or offered.appears_in(path):
            path = "(elsewhere)"  # noqa: PLW2901  a name that gives a token away
        if quoted:
            notes.add(path or "the answer", "is JSON in a string")
        if not path:
            notes.add("data", "is missing; the object stands without an envelope")
        elif path != "data":
            notes.add(path, "is where the object stands; it must be data")
        return Find(token, around, path, notes)
    return None


def _is_credible(token: Token, around: Json, path: str) -> bool:
    """Whether it is a token rather than a word about one, as in {"errors": {"token": "required"}}."""
    if len(token.reveal()) >= _SURE or any(around.get(name) is not None for name in _BESIDE):
        return True
    return _USUAL_PLACES.fullmatch(path) is not None


def _objects(parsed: object) -> Iterator[tuple[str, Json, bool]]:
    """Every object with its path: data first, then the outer ones before the inner. And whether a string held it."""
    waiting: deque[tuple[str, object, int, bool]] = deque([("", parsed, 0, False)])
    if isinstance(parsed, dict) and "data" in parsed:
        waiting.appendleft(("data", parsed["data"], 1, False))
    for _ in range(_MOST_PLACES):
        if not waiting:
            return
        path, value, depth, quoted = waiting.popleft()
        if isinstance(value, str) and _LIKE_JSON.match(value):
            value, quoted = _unquoted(value), True
        if isinstance(value, dict):
            yield path, value, quoted
        if depth < _MOST_DEPTH:
            waiting.extend((where, child, depth + 1, quoted) for where, child in _children(path, value))


def _unquoted(text: str) -> object:
    try:
        return json.loads(text, strict=False)
    except (ValueError, RecursionError):
        return None


def _children(path: str, value: object) -> Iterator[tuple[str, object]]:
    if isinstance(value, dict):
        for name, child in islice(value.items(), _MOST_PLACES):
            yield below(path, name if _WORD.fullmatch(name) else "(a name)"), child
    elif isinstance(value, list):
        yield from ((f"{path}[{index}]", child) for index, child in enumerate(value[:_MOST_PLACES]))


def _token_in(around: Json, notes: Notes) -> Token | None:
    for name, value in around.items():
        if name.strip().lower() != "token":
            continue
        text, oddity = _as_text(value)
        token = _token_if_legal(text)
        if token is None:
            continue
        if name != "token":
            notes.add("token", "is written in other letters")
        if oddity is not None:
            notes.add("token", oddity)
        return token
    return None


def _as_text(value: object) -> tuple[object, str | None]:
    """What is meant, and what is odd about how it is written."""
    if isinstance(value, list) and len(value) == 1:
        return value[0], "is a list instead of a string"
    if isinstance(value, int) and not isinstance(value, bool):
        return str(value), "is a number instead of a string"
    if isinstance(value, str) and value != value.strip():
        return value, "has blanks around it, which were taken off"
    return value, None


def _bare(parsed: object, offered: Token) -> Find | None:
    """A token as the data, and nothing around it."""
    value = parsed.get("data") if isinstance(parsed, dict) else parsed
    token = _token_if_legal(value)
    if token is None or token == offered or len(token.reveal()) < _SURE:
        return None
    notes = Notes()
    notes.add("data", "is a token instead of an object with one")
    return Find(token, {}, "data", notes)


def _in_text(text: str, offered: Token, *, shortest: int) -> Find | None:
    """What is no JSON, for example because it was cut off. A token whose end is missing is none."""
    for match in _IN_TEXT.finditer(text):
        token = _token_if_legal(_unescaped(match[1]))
        if token is not None and token != offered and len(token.reveal()) >= shortest:
            return Find(token, {}, "", Notes())
    return None


def _unescaped(text: str) -> object:
    try:
        return json.loads(f'"{text}"')
    except ValueError:
        return None


def _token_if_legal(value: object) -> Token | None:
    if not isinstance(value, str) or _NO_TOKEN.fullmatch(value.strip()):
        return None
    try:
        return Token(value.strip())
    except ValueError:
        return None
