"""Keeps tokens out of whatever is shown: each is replaced by a name, in every form in which it may have travelled."""

import base64
import json
import re
from urllib.parse import quote

_TOKEN_FIELD = re.compile(r'("token"\s*:\s*)"(?!<)((?:[^"\\]|\\.)*)"', re.IGNORECASE)
_NAME = re.compile(r"<[^>]*>")
_WORD = re.compile(r"<[^>]*>|[^\s<]+")
_SHORT = 12
_SHORTEST = 6
"""Characters; what is shorter cannot be told from ordinary text and is no secret either."""


class Secrets:
    """The tokens of one run and what they are called. Also what was derived from one, such as a token cut short."""

    def __init__(self) -> None:
        self._names: dict[str, str] = {}
        """By the token in lower case."""

    def learn(self, token: str, name: str) -> None:
        """From now on this token is shown as <name>."""
        if len(token) < _SHORTEST:
            return
        for text, form in _forms(token):
            self._names.setdefault(text.lower(), f"<{name}{form}>")

    def mask(self, text: str) -> str:
        """The text without any token, whatever its letter case."""
        folded = text.lower()
        found = [secret for secret in self._names if secret in folded]
        for secret in sorted(found, key=len, reverse=True):
            name = self._names[secret]
            text = re.sub(re.escape(secret), lambda _, name=name: name, text, flags=re.IGNORECASE)  # type: ignore[misc]  # mypy infers no default
        return text

    def mask_received(self, text: str) -> str:
        """The same for what came from the platform, which may hold tokens that nobody has told us of."""
        return _TOKEN_FIELD.sub(r'\1"<a token>"', self.mask(text))

    def mask_header(self, name: str, value: str) -> str:
        """A header's value; of Authorization nothing is shown but names and what is too short to be a token."""
        masked = self.mask(value)
        if name.lower() != "authorization":
            return masked
        return _WORD.sub(lambda word: _hidden(word[0]), masked)


def _hidden(word: str) -> str:
    """What may hold a part of a token is counted, not shown."""
    return word if len(word) <= _SHORT or _NAME.fullmatch(word) else f"<{len(word)} characters>"


def _forms(token: str) -> list[tuple[str, str]]:
    found = [(token, ""), (json.dumps(token)[1:-1], ""), (quote(token, safe=""), "")]
    for ending in ("", "\n", "\r\n"):
        once = base64.b64encode(f"{token}{ending}".encode()).decode()
        twice = base64.b64encode(once.encode()).decode()
        found += [(once, " in Base64"), (once.rstrip("="), " in Base64"), (twice, " in Base64 twice")]
    return found
