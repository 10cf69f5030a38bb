"""Keeps tokens out of whatever is shown: each is replaced by a name, in every form in which it may have travelled."""

import base64
import json
import re
from urllib.parse import quote

_TOKEN_FIELD = re.compile(r'("token"\s*:\s*)"(?!‹)((?:[^"\\]|\\.)*)"', re.IGNORECASE)
_HEADER = re.compile(r"(?i)(authorization)")
_NAME = re.compile(r"‹[^›]*›")
_SHORT = 12
_SHORTEST = 6
"""Characters; what is shorter cannot be told from ordinary text and is no secret either."""


class Secrets:
    """The tokens of one run and what they are called. Also what was derived from one, such as a token cut short."""

    def __init__(self) -> None:
        self._names: dict[str, str] = {}

    def learn(self, token: str, name: str) -> None:
        """From now on this token is shown as ‹name›."""
        if len(token) < _SHORTEST:
            return
        for text, form in _forms(token):
            self._names.setdefault(text, f"‹{name}{form}›")

    def mask(self, text: str) -> str:
        """The text without any token, whatever its letter case."""
        folded = text.lower()
        found = [secret for secret in self._names if secret.lower() in folded]
        for secret in sorted(found, key=len, reverse=True):
            name = self._names[secret]
            text = re.sub(re.escape(secret), lambda _, name=name: name, text, flags=re.IGNORECASE)  # type: ignore[misc]
        return _TOKEN_FIELD.sub(r'\1"‹a token›"', text)

    def mask_header(self, name: str, value: str) -> str:
        """A header's value; of Authorization nothing is shown but names and what is too short to be a token."""
        masked = self.mask(value)
        if not _HEADER.search(name):
            return masked
        rest = _NAME.sub("", masked).split()
        return masked if all(len(word) <= _SHORT for word in rest) else _hidden(masked)


def _hidden(value: str) -> str:
    """Words that may hold a part of a token are counted, not shown."""
    words = [word if len(word) <= _SHORT or _NAME.fullmatch(word) else f"‹{len(word)} characters›" for word in
             value.split(" ")]  # fmt: skip
    return " ".join(words)


def _forms(token: str) -> list[tuple[str, str]]:
    found = [(token, ""), (json.dumps(token)[1:-1], ""), (quote(token, safe=""), "")]
    for ending in ("", "\n", "\r\n"):
        once = base64.b64encode(f"{token}{ending}".encode()).decode()
        twice = base64.b64encode(once.encode()).decode()
        found += [(once, " in Base64"), (once.rstrip("="), " in Base64"), (twice, " in Base64 twice")]
    return found
