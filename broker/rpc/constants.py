"""The part of an answer that changes only with its peer, serialised once: parsing it costs less than building it."""

from collections.abc import Callable
from typing import Final

from google.protobuf.message import Message

from broker.core.peer import Peer

_MOST: Final = 200_000
"""Answers kept; about a kilobyte each."""


class Constants:
    """One serialised message per peer, made anew when memory holds another state of it."""

    def __init__(self, write: Callable[[Peer], Message]) -> None:
        self._write = write
        self._kept: dict[str, tuple[Peer, bytes]] = {}

    def of(self, peer: Peer) -> bytes:
        kept = self._kept.get(peer.uid)
        if kept is not None and kept[0] is peer:
            return kept[1]
        if len(self._kept) >= _MOST:
            self._kept.clear()
        text = self._write(peer).SerializeToString()
        self._kept[peer.uid] = (peer, text)
        return text
