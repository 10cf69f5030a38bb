"""What happened to a mock peer, in order. Tokens are masked here, so that whoever prints events gives none away."""

import asyncio
from collections.abc import Callable
from dataclasses import asdict, dataclass
from typing import Any

from broker.core.model import Token

_SHOWN = 6
_LONG = 4 * _SHOWN


def masked(token: Token | None) -> str:
    """The first characters, to recognise it by; of a short token fewer."""
    if token is None:
        return ""
    text = token.reveal()
    return f"{text[:_SHOWN] if len(text) >= _LONG else text[: len(text) // 4]}…"


@dataclass(frozen=True, slots=True, kw_only=True)
class Event:
    """One thing that happened.

    event is "request" (one that was answered), "call" (one that was sent), "fault" (one that struck) or "exchange" (a
    registration, update or withdrawal that ended). resource is versions, details, credentials or a module. status is
    that of HTTP, None if there was no answer, and code that of OCPI. outcome, of an exchange, is done, failed or
    unknown, and role what the mock peer was in it.
    """

    event: str
    method: str = ""
    resource: str = ""
    version: str = ""
    token: str = ""
    url: str = ""
    status: int | None = None
    code: int | None = None
    role: str = ""
    outcome: str = ""
    fault: str = ""
    where: str = ""
    note: str = ""

    def document(self) -> dict[str, Any]:
        """Without what does not apply."""
        return {name: value for name, value in asdict(self).items() if value not in ("", None)}


class Journal:
    """The events so far. Listeners hear of each at once."""

    def __init__(self) -> None:
        self.events: list[Event] = []
        self.listeners: list[Callable[[Event], None]] = []
        self._news = asyncio.Event()

    def add(self, event: Event) -> None:
        self.events.append(event)
        self._news.set()
        for listener in self.listeners:
            listener(event)

    def find(self, **fields: object) -> list[Event]:
        """Those that have all of these values."""
        return [event for event in self.events if all(getattr(event, name) == value for name, value in fields.items())]

    async def wait_for(self, count: int = 1, **fields: object) -> Event:
        """The count-th event that has all of these values, as soon as it is there."""
        while len(found := self.find(**fields)) < count:
            self._news = news = asyncio.Event() if self._news.is_set() else self._news
            await news.wait()
        return found[count - 1]
