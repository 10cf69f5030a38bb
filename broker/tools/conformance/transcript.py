"""What was said between checker and platform: requests, answers, and the calls of the platform in between."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from broker.tools.conformance.editions import Edition
from broker.tools.conformance.platform import Received


@dataclass(frozen=True, slots=True)
class Sent:
    """A request as it left."""

    method: str
    url: str
    headers: tuple[tuple[str, str], ...]
    body: bytes

    def header(self, name: str) -> str | None:
        """The only value of a header; None if it is missing or occurs more than once."""
        return _only(self.headers, name)


@dataclass(frozen=True, slots=True)
class Answer:
    """What came back."""

    status: int
    headers: tuple[tuple[str, str], ...]
    body: bytes

    def header(self, name: str) -> str | None:
        """The only value of a header; None if it is missing or occurs more than once."""
        return _only(self.headers, name)

    @property
    def json(self) -> Any:
        """Raises ValueError if the body is not JSON."""
        return json.loads(self.body)

    @property
    def envelope(self) -> Mapping[str, Any]:
        """The body as far as it is an object, else empty."""
        try:
            body = self.json
        except ValueError:
            return {}
        return body if isinstance(body, dict) else {}

    @property
    def code(self) -> object:
        """The OCPI status code; None without an envelope."""
        return self.envelope.get("status_code")

    @property
    def message(self) -> str:
        return str(self.envelope.get("status_message", ""))

    @property
    def data(self) -> Any:
        return self.envelope.get("data")

    @property
    def succeeded(self) -> bool:
        """EN-08, without looking at data."""
        return self.status // 100 == 2 and self.code == 1000  # noqa: PLR2004  HTTP's and OCPI's own numbers

    @property
    def methods(self) -> set[str]:
        """Of the header Allow."""
        return {method.strip() for method in (self.header("allow") or "").split(",")} - {""}


@dataclass(frozen=True, slots=True)
class Exchange:
    """A request, its answer, and the calls that reached our platform meanwhile."""

    sent: Sent
    answer: Answer
    edition: Edition
    callbacks: tuple[Received, ...] = ()


def _only(headers: Sequence[tuple[str, str]], name: str) -> str | None:
    values = [value for key, value in headers if key.lower() == name.lower()]
    return values[0] if len(values) == 1 else None
