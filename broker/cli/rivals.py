"""Lines of one file that cannot both be taken over. The broker would say the same of the later one, line by line."""

from collections import defaultdict
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final, TypeAlias

from broker.cli import notation
from broker.cli.portable_files import Line
from broker.crypto.minting import SecretKind, lookup_id
from broker.ocpi.authorization import readings
from ocpi_broker.v1.peer_service_pb2 import PortablePeer

_Key: TypeAlias = tuple[str, ...]
_SAME: Final = "has the same"
_READS_THE_SAME: Final = "has one that reads the same in a header"


@dataclass(frozen=True, slots=True)
class Rival:
    """An earlier line, and why a later one is refused once this one is taken over. reason is None where both say the
    same: then the later one changes nothing.
    """

    number: int
    reason: str | None


class Rivals:
    """The lines so far, by what only one of them can have."""

    def __init__(self) -> None:
        self._lines: defaultdict[_Key, list[Line]] = defaultdict(list)

    def of(self, line: Line) -> list[Rival]:
        """Those of a line, in the order of the file. Later lines are compared with this one as well."""
        if line.peer is None:
            return []
        found: dict[int, Rival] = {}
        for key, reason in _wanted(line, line.peer):
            for first in self._lines[key]:
                same = (first.tenant, first.peer) == (line.tenant, line.peer)
                found.setdefault(first.number, Rival(first.number, None if same else reason.format(first.number)))
        for key in _taken(line, line.peer):
            self._lines[key].append(line)
        return [found[number] for number in sorted(found)]


def _taken(line: Line, peer: PortablePeer) -> Iterator[_Key]:
    tenant = str(line.tenant)
    yield "name", tenant, peer.peer_id
    yield "held", tenant, _identity(peer.held_token)
    for party in peer.parties:
        yield "party", tenant, notation.party_text(party)
    issued = _issued(peer)
    if issued is not None:
        yield "issued", issued
        yield "issued", tenant, issued


def _wanted(line: Line, peer: PortablePeer) -> Iterator[tuple[_Key, str]]:
    """What no line before may have, and what is said if one has. {} stands for its number.

    An issued token has one owner in all tenants; a held one must not be among those that its own tenant has issued.
    """
    tenant, issued = str(line.tenant), _issued(peer)
    yield ("name", tenant, peer.peer_id), "line {} has the same name and another content"
    if issued is not None:
        field = "issued_token" if peer.issued_token else "issued_token_hash"
        yield ("issued", issued), f"{field}: line {{}} {_SAME}"
        yield ("held", tenant, issued), f"{field}: line {{}} has it as its held_token"
    for text in _readings(peer.issued_token):
        yield ("issued", _identity(text)), f"issued_token: line {{}} {_READS_THE_SAME}"
    yield ("issued", tenant, _identity(peer.held_token)), "held_token: line {} has it as its issued_token"
    for party in map(notation.party_text, peer.parties):
        yield ("party", tenant, party), f"parties: line {{}} has {party} as well"


def _issued(peer: PortablePeer) -> str | None:
    """What the issued token is known by, whichever of the two fields has it."""
    if peer.issued_token:
        return _identity(peer.issued_token)
    return peer.issued_token_hash.partition(":")[0] or None


def _identity(token: str) -> str:
    """A token of ours is known by its lookup id, which an export has in place of the text."""
    return lookup_id(SecretKind.ISSUED_TOKEN, token) or token


def _readings(token: str) -> tuple[str, ...]:
    return readings(token) if token.isascii() else ()
