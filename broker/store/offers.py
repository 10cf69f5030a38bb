"""What our own exchanges change: the token that they offer, and what their success brings (RS-06, RS-08, UR-12).

None of these functions commits. Each learns from the job's lease whether the exchange may still change anything.
"""

from collections.abc import Sequence
from dataclasses import dataclass

from sqlalchemy import update
from sqlmodel import col

from broker.core import notices
from broker.core.job import Job
from broker.core.model import Endpoint, Fingerprint, Party, PartyKey, Terms, Version
from broker.core.peer import Notice, Peer, PeerState, Purpose, Room, TokenState
from broker.core.receiver import MOST_REQUESTED
from broker.store import held_tokens, jobs, json_columns, peers, transitions
from broker.store.held_tokens import Held
from broker.store.tables import IssuedTokenRow, PeerRow
from broker.store.transactions import Transaction


@dataclass(frozen=True, slots=True)
class Settled:
    """What one successful exchange of ours commits. parties is None if those announced may not be had (RS-09).

    not_after ends the token before the one offered; it is None where that ends at once.
    """

    version: Version
    versions_url: str
    draft: bool
    held: Held
    endpoints: Sequence[Endpoint]
    parties: Sequence[Party] | None
    asked: Sequence[Party]
    offered: str
    not_after: int | None
    notices: Sequence[Notice] = ()
    used_access: bytes | None = None
    """Keyed hash of the invitation, if one was used."""


def connect(tx: Transaction, peer: Peer, terms: Terms) -> None:
    """An operator wants us to register with this peer. One that is registered stays so until that has succeeded."""
    state = peer.state if peer.state is PeerState.REGISTERED else PeerState.CONNECTING
    tx.session.exec(
        update(PeerRow)
        .where(col(PeerRow.uid) == peer.uid)
        .values(
            state=state.value,
            terms=json_columns.write_terms(terms),
            revision=col(PeerRow.revision) + 1,
            updated_at=tx.now,
        )
    )


def offer(tx: Transaction, peer: Peer, room: Room, token: Fingerprint) -> None:
    """Let a new token work beside the one in use, and not a third one."""
    provisional = peer.token(TokenState.PROVISIONAL)
    transitions.revoke(tx, [*room.revoked, *([provisional.lookup_id] if provisional else [])])
    if room.restored is not None:
        _move(tx, room.restored, TokenState.ACTIVE, not_after=None)
    transitions.issue(tx, peer.uid, peer.tenant, Purpose.MAIN, token, state=TokenState.PROVISIONAL)
    tx.changed("peer", peer.uid)


def withdraw_offer(tx: Transaction, peer_uid: str, not_after: int) -> None:
    """The peer has refused it; calls that it has begun with the token may still end (RS-10)."""
    tx.session.exec(
        update(IssuedTokenRow)
        .where(col(IssuedTokenRow.peer_uid) == peer_uid, col(IssuedTokenRow.state) == TokenState.PROVISIONAL.value)
        .values(not_after=not_after)
    )
    tx.changed("peer", peer_uid)


def settle(tx: Transaction, peer: Peer, lease: str, job: Job, result: Settled) -> bool:
    """Everything that a success brings but the parties. Whether the exchange was still to be heard.

    job is what remains to be done: to try the token that we got.
    """
    if not jobs.write(tx, peer.uid, lease, job, free=False):
        return False
    _accept(tx, peer, result)
    held_tokens.hold(tx, peer.uid, result.held)
    transitions.replace_endpoints(tx, peer.uid, result.endpoints)
    since = peer.registered_at if peer.state is PeerState.REGISTERED else None
    tx.session.exec(
        update(PeerRow)
        .where(col(PeerRow.uid) == peer.uid)
        .values(
            state=PeerState.REGISTERED.value,
            version=str(result.version),
            versions_url=result.versions_url,
            draft=result.draft,
            requested=json_columns.write_requested((), result.asked),
            notices=json_columns.write_notices(result.notices),
            used_access=result.used_access or peer.used_access,
            registered_at=since or tx.now,
            revision=col(PeerRow.revision) + 1,
            updated_at=tx.now,
        )
    )
    return True


def claim(tx: Transaction, peer: Peer, parties: Sequence[Party] | None, noted: Sequence[Notice] = ()) -> list[PartyKey]:
    """Give the peer those of these parties that are free; the others, which wait until they are (PR-02).

    peer is as it was before: what is left of a connection that has ended is not what this one may have (RS-09). noted
    is what there is to look at besides.
    """
    if parties is None and peer.state is PeerState.REGISTERED:
        return []
    lost = transitions.claim_parties(tx, peer, parties or ())
    if lost:
        waiting = [party for party in parties or () if party.key in set(lost[:MOST_REQUESTED])]
        told = notices.held_elsewhere(peers.told_holders(tx.session, peer.tenant, lost), tx.now)
        transitions.wait_for(tx, peer, (), waiting, [*noted, told] if told else noted)
    return lost


def _accept(tx: Transaction, peer: Peer, result: Settled) -> None:
    """The token offered becomes the active one.

    A request of the peer may have made it that already, or have replaced it since (F6): then that stands.
    """
    provisional = peer.token(TokenState.PROVISIONAL)
    if provisional is None or provisional.lookup_id != result.offered:
        return
    old, retiring = peer.token(TokenState.ACTIVE), peer.token(TokenState.RETIRING)
    stays = old is not None and old.purpose is Purpose.MAIN and result.not_after is not None
    ended = [token.lookup_id for token in (retiring, None if stays else old) if token is not None]
    transitions.revoke(tx, ended)
    if stays and old is not None:
        _move(tx, old.lookup_id, TokenState.RETIRING, not_after=result.not_after)
    transitions.promote(tx, result.offered)


def _move(tx: Transaction, lookup_id: str, state: TokenState, not_after: int | None) -> None:
    tx.session.exec(
        update(IssuedTokenRow)
        .where(col(IssuedTokenRow.lookup_id) == lookup_id)
        .values(state=state.value, not_after=not_after, reused_at=None)
    )
