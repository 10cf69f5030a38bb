"""What may happen to a peer and its issued tokens, each as one conditional statement that must hit exactly one row.

The caller learns from the answer whether it won. None of these functions commits.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

from sqlalchemy import delete, insert, or_, update
from sqlmodel import col, select

from broker.core.lifecycle import Care
from broker.core.model import Endpoint, Fingerprint, HeaderForm, Party, PartyKey, Registration, Role, Terms
from broker.core.peer import Notice, Peer, PeerState, Purpose, Succession, TokenState
from broker.store import held_tokens, jobs, json_columns, peer_health
from broker.store.peers import BATCH
from broker.store.tables import HeldTokenRow, IssuedTokenRow, PeerEndpointRow, PeerPartyRow, PeerRow
from broker.store.transactions import Transaction

_KEPT_REVOKED = 20
REVOKED: Final = {"state": TokenState.REVOKED.value, "reused_at": None, "kept_key_id": None, "kept_box": None}
"""Whether it is used again is counted anew; the text of a foreign one is not needed any more."""

# What was learned in an exchange and does not outlive the connection.
_FORGOTTEN = {
    "draft": False,
    "form_in": None,
    "requested": json_columns.write_requested(()),
    "notices": json_columns.write_notices(()),
}


@dataclass(frozen=True, slots=True)
class Registered:
    """What one successful exchange of the peer says of it (RR-16, PR-07). left_out are parties that others hold."""

    registration: Registration
    form_in: HeaderForm
    held: held_tokens.Held | None
    """None: a token that we have already."""
    left_out: tuple[Party, ...] = ()
    notices: tuple[Notice, ...] = ()


def create(tx: Transaction, uid: str, tenant: str, peer_id: str, terms: Terms, state: PeerState) -> bool:
    """Whether the id was free."""
    inserted = tx.insert_new(
        PeerRow,
        uid=uid,
        tenant=tenant,
        id=peer_id,
        state=state.value,
        blocked=False,
        terms=json_columns.write_terms(terms),
        answered_at=0,
        lease_until=0,
        revision=1,
        created_at=tx.now,
        updated_at=tx.now,
    )
    if inserted:
        tx.changed("peer", uid)
    return inserted


def lock(tx: Transaction, tenant: str, peer_id: str) -> None:
    """Keep others from changing the peer until this transaction ends."""
    tx.session.exec(
        update(PeerRow)
        .where(col(PeerRow.tenant) == tenant, col(PeerRow.id) == peer_id)
        .values(lease_until=col(PeerRow.lease_until))
    )


def lock_by_uid(tx: Transaction, uid: str) -> None:
    """The same for whoever knows the uid of its row."""
    tx.session.exec(update(PeerRow).where(col(PeerRow.uid) == uid).values(lease_until=col(PeerRow.lease_until)))


def issue(
    tx: Transaction,
    peer_uid: str,
    tenant: str,
    purpose: Purpose,
    token: Fingerprint,
    not_after: int | None = None,
    *,
    state: TokenState = TokenState.ACTIVE,
    repeat_of: str | None = None,
) -> None:
    """Store a new issued token; the one it follows must not be in this state any more; one of a repeat follows none."""
    _drop_old_tokens(tx, peer_uid)
    tx.session.exec(
        insert(IssuedTokenRow).values(
            lookup_id=token.lookup_id,
            tenant=tenant,
            peer_uid=peer_uid,
            purpose=purpose.value,
            state=(state if repeat_of is None else TokenState.RESENT).value,
            repeat_of=repeat_of,
            pepper_id=token.pepper_id,
            digest=token.digest,
            created_at=tx.now,
            not_after=not_after,
            failures=0,
        )
    )


def revoke(tx: Transaction, lookup_ids: Sequence[str]) -> None:
    tx.session.exec(update(IssuedTokenRow).where(col(IssuedTokenRow.lookup_id).in_(lookup_ids)).values(**REVOKED))


def acquire_lease(tx: Transaction, uid: str, exchange: str, until: int) -> bool:
    """One exchange at a time per peer (F5). The lease of a broker that died ends by itself."""
    row = tx.session.exec(
        update(PeerRow)
        .where(col(PeerRow.uid) == uid, or_(col(PeerRow.lease).is_(None), col(PeerRow.lease_until) <= tx.now))
        .values(lease=exchange, lease_until=until)
    )
    return bool(row.rowcount == 1)


def release_lease(tx: Transaction, uid: str, exchange: str) -> None:
    tx.session.exec(update(PeerRow).where(col(PeerRow.uid) == uid, col(PeerRow.lease) == exchange).values(lease=None))


def release_every_lease(tx: Transaction) -> None:
    tx.session.exec(update(PeerRow).where(col(PeerRow.lease).is_not(None)).values(lease=None))


def token_is_live(tx: Transaction, lookup_id: str) -> bool:
    """Whether the token still works; touches its row, so that nobody revokes it before this transaction ends."""
    row = tx.session.exec(
        update(IssuedTokenRow)
        .where(col(IssuedTokenRow.lookup_id) == lookup_id, col(IssuedTokenRow.state) != TokenState.REVOKED.value)
        .values(failures=col(IssuedTokenRow.failures))
    )
    return bool(row.rowcount == 1)


def take_over(tx: Transaction, peer: Peer, exchange: str, result: Registered) -> bool:
    """First part of a commit: the peer's own row, if the exchange still holds its lease. Whether it did."""
    registration = result.registration
    since = peer.registered_at if peer.state is PeerState.REGISTERED else None
    row = tx.session.exec(
        update(PeerRow)
        .where(col(PeerRow.uid) == peer.uid, col(PeerRow.lease) == exchange, col(PeerRow.blocked).is_(False))
        .values(
            state=PeerState.REGISTERED.value,
            version=str(registration.version),
            versions_url=registration.theirs.url,
            draft=registration.draft,
            form_in=result.form_in.value,
            requested=json_columns.write_requested((), result.left_out),
            notices=json_columns.write_notices(result.notices),
            answered_at=tx.now,
            registered_at=since or tx.now,
            lease=None,
            revision=col(PeerRow.revision) + 1,
            updated_at=tx.now,
        )
    )
    return bool(row.rowcount == 1)


def establish(tx: Transaction, peer: Peer, result: Registered, given: Fingerprint, succession: Succession) -> None:
    """Second part: tokens and endpoints. Parties are claimed apart, by claim_parties()."""
    _succeed(tx, succession)
    if succession.repeat_of is not None:
        issue(tx, peer.uid, peer.tenant, Purpose.MAIN, given, succession.not_after, repeat_of=succession.repeat_of)
    elif succession.promote is None:
        issue(tx, peer.uid, peer.tenant, Purpose.MAIN, given)
    else:
        promote(tx, succession.promote)
    if result.held is not None:
        held_tokens.hold(tx, peer.uid, result.held)
    replace_endpoints(tx, peer.uid, result.registration.endpoints)
    tx.changed("peer", peer.uid)


def claim_parties(tx: Transaction, peer: Peer, parties: Sequence[Party]) -> list[PartyKey]:
    """Replace the peer's parties by those of these that are free; the others, which other peers hold (PR-02).

    Claimed in one order by everybody, so that two claimants cannot wait for each other.
    """
    tx.session.exec(delete(PeerPartyRow).where(col(PeerPartyRow.peer_uid) == peer.uid))
    rows = sorted(
        (
            {
                "tenant": peer.tenant,
                "country_code": party.key.country_code,
                "party_id": party.key.party_id,
                "role": party.key.role.value,
                "peer_uid": peer.uid,
                "position": position,
                "details": json_columns.write_details(party.details),
            }
            for position, party in enumerate(parties)
        ),
        key=_claim,
    )
    lost: list[tuple[str, ...]] = []
    for start in range(0, len(rows), BATCH):
        chunk = rows[start : start + BATCH]
        claimed = tx.insert_free(PeerPartyRow, chunk)
        lost += [_claim(row) for row in chunk if _claim(row) not in claimed]
    return [PartyKey(country_code, party_id, Role(role)) for _, country_code, party_id, role in lost]


def dissolve(tx: Transaction, peer: Peer, *, shown: str | None = None) -> bool:
    """End the registration, also under a running exchange: DELETE wins (F5). Whether there was one to end.

    shown is the token by which the peer asked for it, if it was the peer: it must still work.
    """
    row = tx.session.exec(
        update(PeerRow)
        .where(col(PeerRow.uid) == peer.uid, col(PeerRow.state) != PeerState.UNREGISTERED.value)
        .values(
            state=PeerState.UNREGISTERED.value,
            lease=None,
            **_FORGOTTEN,
            revision=col(PeerRow.revision) + 1,
            updated_at=tx.now,
        )
    )
    if row.rowcount != 1 or (shown is not None and not token_is_live(tx, shown)):
        return False
    _forget_secrets(tx, peer.uid)
    for table in (PeerPartyRow, PeerEndpointRow):
        tx.session.exec(delete(table).where(col(table.peer_uid) == peer.uid))
    return True


def invite_again(tx: Transaction, peer: Peer) -> None:
    """Back to the invitation: tokens die and a running exchange fails; registry data and parties stay (F3, reset)."""
    tx.session.exec(
        update(PeerRow)
        .where(col(PeerRow.uid) == peer.uid)
        .values(
            state=PeerState.INVITED.value,
            lease=None,
            newest_version=None,
            **_FORGOTTEN,
            revision=col(PeerRow.revision) + 1,
            updated_at=tx.now,
        )
    )
    _forget_secrets(tx, peer.uid)


def block(tx: Transaction, peer: Peer, *, blocked: bool) -> None:
    """Refuse or admit the peer's tokens; a running exchange of a blocked peer fails."""
    tx.session.exec(
        update(PeerRow)
        .where(col(PeerRow.uid) == peer.uid)
        .values(blocked=blocked, lease=None, revision=col(PeerRow.revision) + 1, updated_at=tx.now)
    )
    peer_health.look_again(tx, peer.uid)
    tx.changed("peer", peer.uid)


def adjust(tx: Transaction, peer: Peer, changed: Peer) -> None:
    """What operators decide about a peer; a running exchange fails, since it was judged by what stood before."""
    tx.session.exec(
        update(PeerRow)
        .where(col(PeerRow.uid) == peer.uid)
        .values(
            terms=json_columns.write_terms(changed.terms),
            quirks=json_columns.write_quirks(changed.quirks),
            versions=json_columns.write_versions(changed.versions),
            may_downgrade=changed.may_downgrade,
            requested=json_columns.write_requested(changed.requested, changed.announced),
            **care_columns(changed.care),
            lease=None,
            revision=col(PeerRow.revision) + 1,
            updated_at=tx.now,
        )
    )
    peer_health.look_again(tx, peer.uid)
    tx.changed("peer", peer.uid)


def care_columns(care: Care) -> dict[str, Any]:
    return {
        "lifecycle": care.lifecycle.value,
        "rotation_period": care.rotation_period,
        "renewal": care.renewal.value,
    }


def request_parties(tx: Transaction, peer: Peer, asked: Iterable[PartyKey]) -> bool:
    """Remember parties that wait for approval. Whether that is news. The etag stays: it guards what operators set."""
    requested = json_columns.write_requested(asked)
    row = tx.session.exec(
        update(PeerRow)
        .where(col(PeerRow.uid) == peer.uid, col(PeerRow.requested) != requested)
        .values(requested=requested)
    )
    if row.rowcount == 1:
        tx.changed("peer", peer.uid)
    return bool(row.rowcount == 1)


def wait_for(
    tx: Transaction, peer: Peer, asked: Iterable[PartyKey], announced: Iterable[Party], notices: Iterable[Notice]
) -> None:
    """Remember parties that the peer has asked for, and those announced that it cannot have yet."""
    values = {
        "requested": json_columns.write_requested(asked, announced),
        "notices": json_columns.write_notices(notices),
    }
    tx.session.exec(update(PeerRow).where(col(PeerRow.uid) == peer.uid).values(**values))
    tx.changed("peer", peer.uid)


def promote(tx: Transaction, lookup_id: str) -> None:
    """What was offered counts from now on; what was the active one must not be any more."""
    tx.session.exec(
        update(IssuedTokenRow)
        .where(col(IssuedTokenRow.lookup_id) == lookup_id, col(IssuedTokenRow.state) == TokenState.PROVISIONAL.value)
        .values(state=TokenState.ACTIVE.value, not_after=None)
    )


def _drop_old_tokens(tx: Transaction, peer_uid: str) -> None:
    """Revoked tokens are kept to recognise them, the newest few: rotations and resets have no end."""
    table = IssuedTokenRow
    revoked = (col(table.peer_uid) == peer_uid, col(table.state) == TokenState.REVOKED.value)
    newest_first = col(table.created_at).desc()
    oldest_kept = select(table.created_at).where(*revoked).order_by(newest_first).offset(_KEPT_REVOKED - 1).limit(1)
    tx.session.exec(delete(table).where(*revoked, col(table.created_at) < oldest_kept.scalar_subquery()))


def _succeed(tx: Transaction, succession: Succession) -> None:
    """Revoke before retiring: the table admits one retiring token only."""
    revoke(tx, succession.revoke)
    if succession.retire is not None:
        tx.session.exec(
            update(IssuedTokenRow)
            .where(col(IssuedTokenRow.lookup_id) == succession.retire)
            .values(state=TokenState.RETIRING.value, not_after=succession.not_after)
        )


def notices_of(tx: Transaction, peer_uid: str) -> tuple[Notice, ...]:
    """As they are now, locked: they are added to without the lease of an exchange."""
    lock_by_uid(tx, peer_uid)
    found = tx.session.exec(select(PeerRow.notices).where(PeerRow.uid == peer_uid)).first()
    return json_columns.read_notices(found) if found is not None else ()


def add_notice(tx: Transaction, peer: Peer, notice: Notice) -> bool:
    """Keep something for an operator to look at, unless it is there already. Whether it was not."""
    known = notices_of(tx, peer.uid)
    if any((one.id, one.message) == (notice.id, notice.message) for one in known):
        return False
    notices = json_columns.write_notices((*known, notice))
    tx.session.exec(update(PeerRow).where(col(PeerRow.uid) == peer.uid).values(notices=notices))
    tx.changed("peer", peer.uid)
    return True


def replace_endpoints(tx: Transaction, peer_uid: str, endpoints: Sequence[Endpoint]) -> None:
    tx.session.exec(delete(PeerEndpointRow).where(col(PeerEndpointRow.peer_uid) == peer_uid))
    rows = [
        {
            "peer_uid": peer_uid,
            "position": position,
            "module": endpoint.module,
            "role": endpoint.role.value if endpoint.role else None,
            "url": endpoint.url,
        }
        for position, endpoint in enumerate(endpoints)
    ]
    if rows:
        tx.session.exec(insert(PeerEndpointRow), params=rows)


def _forget_secrets(tx: Transaction, peer_uid: str) -> None:
    """Tokens of both directions; the peer's row and its records stay (UN-08)."""
    live = (col(IssuedTokenRow.peer_uid) == peer_uid, col(IssuedTokenRow.state) != TokenState.REVOKED.value)
    tx.session.exec(update(IssuedTokenRow).where(*live).values(**REVOKED))
    jobs.drop(tx, peer_uid)
    tx.session.exec(delete(HeldTokenRow).where(col(HeldTokenRow.peer_uid) == peer_uid))
    peer_health.forget(tx, peer_uid)
    tx.changed("peer", peer_uid)


def _claim(row: Mapping[str, Any]) -> tuple[str, ...]:
    return (row["tenant"], row["country_code"], row["party_id"], row["role"])
