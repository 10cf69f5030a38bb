"""A mock peer that is led by lines of text and answers in lines of JSON: what `ocpi-broker mock-peer` does.

Lines are obeyed one after the other, so that a script does what it says. Tokens that they hold are not repeated.
"""

import asyncio
import inspect
import json
from collections.abc import Awaitable, Callable, Mapping, Sequence
from contextlib import suppress
from types import MappingProxyType

from broker.tools.mock_peer.http_client import ExchangeError
from broker.tools.mock_peer.platform import MockPeer

FORMS: Mapping[str, str] = MappingProxyType(
    {
        "register": "register VERSIONS_URL TOKEN [VERSION]",
        "rotate": "rotate [VERSION]",
        "unregister": "unregister",
        "fault": "fault TEXT",
        "no-fault": "no-fault [NAME]",
        "invite": "invite",
        "give": "give VERSIONS_URL TOKEN",
        "state": "state",
    }
)
"""Every command, and how it is written."""


class Console:
    """Writes each event of a peer as it happens, and obeys."""

    def __init__(self, peer: MockPeer, write: Callable[[str], object]) -> None:
        self.begun = asyncio.Event()
        """That the first line is out: nothing is obeyed before."""
        self._peer = peer
        self._write = write
        self._commands: Mapping[str, Callable[..., Awaitable[None]]] = {
            "register": self._register,
            "rotate": self._rotate,
            "unregister": self._unregister,
            "fault": self._fault,
            "no-fault": self._no_fault,
            "invite": self._invite,
            "give": self._give,
            "state": self._state,
        }
        peer.journal.listeners.append(lambda event: self._say(event.document()))

    def ready(self) -> None:
        """The first line: what whoever is to register has to be told."""
        self._say({"event": "ready", "versions_url": self._peer.versions_url, "token": self._peer.token})
        self.begun.set()

    async def obey(self, line: str) -> None:
        """One command. What is wrong with it is said in a line; how an exchange ended is an event."""
        name, *words = line.split()
        command = self._commands.get(name)
        if command is None:
            self._error(f"there is no such command; there are {', '.join(FORMS.values())}")
            return
        if not _fits(command, words):
            self._error(f"write {FORMS[name]}")
            return
        try:
            with suppress(ExchangeError):
                await command(*words)
        except ValueError as err:
            self._error(str(err))

    async def _register(self, versions_url: str, token: str, version: str | None = None) -> None:
        await self._peer.register(versions_url, token, version)

    async def _rotate(self, version: str | None = None) -> None:
        await self._peer.rotate(version)

    async def _unregister(self) -> None:
        await self._peer.unregister()

    async def _fault(self, text: str) -> None:
        self._peer.fault(text)
        self._tell_faults()

    async def _no_fault(self, name: str | None = None) -> None:
        self._peer.no_fault(name)
        self._tell_faults()

    async def _invite(self) -> None:
        self._say({"event": "invitation", "versions_url": self._peer.versions_url, "token": self._peer.invite()})

    async def _give(self, versions_url: str, token: str) -> None:
        self._peer.give(versions_url, token)

    async def _state(self) -> None:
        self._say({"event": "state", **self._peer.state()})

    def _tell_faults(self) -> None:
        self._say({"event": "faults", "faults": list(self._peer.faults)})

    def _error(self, sentence: str) -> None:
        self._say({"event": "error", "message": sentence})

    def _say(self, document: Mapping[str, object]) -> None:
        self._write(json.dumps(document))


def _fits(command: Callable[..., object], words: Sequence[str]) -> bool:
    """Whether there are as many words as the command takes."""
    try:
        inspect.signature(command).bind(*words)
    except TypeError:
        return False
    return True
