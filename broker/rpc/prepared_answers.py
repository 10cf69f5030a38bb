"""The part of an answer that changes only with its peer, serialised once: parsing it costs less than building it."""

from collections.abc import Callable
from typing import Final

from google.protobuf.message import Message

from broker.core.peer import Peer

_MOST_BYTES: Final = 200_000_000
"""Of answers kept. Most have less than a kilobyte, that of a hub with 20,000 parties has 700."""


class Constants:
    """One serialised message per peer, made anew when memory holds another state of it."""

    def __init__(self, write: Callable[[Peer], Message]) -> None:
        self._write = write
        self._kept: dict[str, tuple[Peer, bytes]] = {}
        self._bytes = 0

    def of(self, peer: Peer) -> bytes:
        kept = self._kept.get(peer.uid)
        if kept is not None and kept[0] is peer:
            return kept[1]
        text = self._write(peer).SerializeToString()
        self._keep(peer, text)
        return text

    def _keep(self, peer: Peer, text: bytes) -> None:
        _, replaced = self._kept.pop(peer.uid, (peer, b""))
        self._bytes += len(text) - len(replaced)
        if self._bytes > _MOST_BYTES:
            self._kept.clear()
            self._bytes = len(text)
        self._kept[peer.uid] = (peer, text)
