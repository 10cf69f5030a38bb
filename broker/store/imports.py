"""Connections that are taken over, and who was issued a token that is to be. None of these functions commits."""

from collections.abc import Sequence
from dataclasses import dataclass

from sqlalchemy import delete, update
from sqlmodel import Session, col, select

from broker.core.importing import Newcomer
from broker.core.model import Fingerprint, Sealed
from broker.core.peer import Peer, PeerState, Purpose, TokenState
from broker.errors import AlreadyExistsError
from broker.store import held_tokens, json_columns, transitions
from broker.store.tables import IssuedTokenRow, PeerRow
from broker.store.transactions import Transaction


@dataclass(frozen=True, slots=True)
class ImportedToken:
    """The issued token of a connection that is taken over; kept is its text, where that is known."""

    fingerprint: Fingerprint
    weak: bool
    kept: Sealed | None


@dataclass(frozen=True, slots=True)
class Owner:
    """Whom a token was issued to, at any time. ended: neither the token works any more, nor the registration."""

    lookup_id: str
    tenant: str
    peer_id: str
    peer_uid: str
    ended: bool


def owners(session: Session, lookup_ids: Sequence[str]) -> list[Owner]:
    """Whom the tokens under these ids were issued to, in any tenant."""
    query = select(IssuedTokenRow, PeerRow).join(PeerRow, col(IssuedTokenRow.peer_uid) == PeerRow.uid)
    found = session.exec(query.where(col(IssuedTokenRow.lookup_id).in_(lookup_ids)))
    return [
        Owner(
            token.lookup_id,
            peer.tenant,
            peer.id,
            peer.uid,
            token.state == TokenState.REVOKED.value and peer.state == PeerState.UNREGISTERED.value,
        )
        for token, peer in found
    ]


def register(tx: Transaction, peer: Peer, new: Newcomer, held: Sealed, issued: ImportedToken | None) -> None:
    """Everything but the parties, which are claimed apart. version and endpoints of the newcomer are known by now.

    Raises AlreadyExistsError if the same token is taken over for another peer at this moment.
    """
    tx.session.exec(
        update(PeerRow)
        .where(col(PeerRow.uid) == peer.uid)
        .values(
            state=PeerState.REGISTERED.value,
            blocked=new.blocked,
            terms=json_columns.write_terms(new.allowed),
            version=str(new.version),
            newest_version=None,
            versions_url=new.versions_url,
            form_in=new.form_in.value if new.form_in else None,
            quirks=json_columns.write_quirks(new.quirks),
            versions=json_columns.write_versions(new.versions),
            may_downgrade=new.may_downgrade,
            registered_at=tx.now,
            used_access=None,
            **transitions.care_columns(new.care),
            revision=col(PeerRow.revision) + 1,
            updated_at=tx.now,
        )
    )
    if issued is not None:
        _issue(tx, peer, issued)
    held_tokens.hold(tx, peer.uid, held_tokens.Held(held, new.form_out, proven=True))
    transitions.replace_endpoints(tx, peer.uid, new.endpoints)
    tx.changed("peer", peer.uid)


def _issue(tx: Transaction, peer: Peer, issued: ImportedToken) -> None:
    """Whoever had it before has ended, this very peer perhaps: the token works again, and for this one.

    The peer has it already: nothing waits for its first use to know that.
    """
    table = IssuedTokenRow
    ended = (col(table.lookup_id) == issued.fingerprint.lookup_id, col(table.state) == TokenState.REVOKED.value)
    for uid in tx.session.exec(delete(table).where(*ended).returning(col(table.peer_uid))):
        tx.changed("peer", uid[0])
    inserted = tx.insert_new(
        IssuedTokenRow,
        lookup_id=issued.fingerprint.lookup_id,
        tenant=peer.tenant,
        peer_uid=peer.uid,
        purpose=Purpose.MAIN.value,
        state=TokenState.ACTIVE.value,
        pepper_id=issued.fingerprint.pepper_id,
        digest=issued.fingerprint.digest,
        created_at=tx.now,
        received_at=tx.now,
        failures=0,
        weak=issued.weak,
        kept_key_id=issued.kept.key_id if issued.kept else None,
        kept_box=issued.kept.box if issued.kept else None,
    )
    if not inserted:
        raise AlreadyExistsError("issued_token: another peer has just been given it")
