"""What an exchange stands on: the peer as it is stored, and the token that was shown, as the core wants to see them."""

from dataclasses import dataclass, replace

from broker.core.handshake import Deleted, Posted, Put, Standing
from broker.core.model import Credentials, PartyKey, Registration, Tenant, Token
from broker.core.peer import IssuedToken, Peer, PeerState
from broker.errors import BrokerError


@dataclass(frozen=True, slots=True)
class Footing:
    """What an exchange stands on, read anew each time."""

    peer: Peer
    token: IssuedToken
    standing: Standing


def overtaken(event: Posted | Put, seen: Peer, found: Peer) -> Posted | Put:
    """An exchange committed since this one was let in makes it a duplicate, whatever the clocks say (F5)."""
    if found.answered_at == seen.answered_at:
        return event
    return replace(event, arrived=min(event.arrived, found.answered_at))


def announced(event: Posted | Put | Deleted) -> frozenset[PartyKey]:
    if isinstance(event, Deleted) or isinstance(event.body, BrokerError):
        return frozenset()
    return event.body.keys


def standing(tenant: Tenant, peer: Peer, token: IssuedToken, elsewhere: set[PartyKey]) -> Standing:
    return Standing(
        terms=peer.terms,
        presented=token.presented,
        registration=_registration(peer),
        answered_at=peer.answered_at,
        newest_version=peer.newest_version,
        held_elsewhere=frozenset(elsewhere),
        required=tenant.policy.required_modules,
    )


def _registration(peer: Peer) -> Registration | None:
    """What the core compares a new exchange with; the held token is not needed for that."""
    if peer.state is not PeerState.REGISTERED or peer.version is None or peer.versions_url is None:
        return None
    theirs = Credentials(Token("-"), peer.versions_url, peer.parties, peer.hub)
    return Registration(peer.version, theirs, peer.endpoints)
