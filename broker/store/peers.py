"""Peers as they are stored, read whole."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any, TypeVar

from sqlalchemy import ColumnElement, String, bindparam, or_, tuple_
from sqlalchemy.orm import aliased
from sqlmodel import Session, col, select
from sqlmodel.sql.expression import SelectOfScalar

from broker.core.job import Job
from broker.core.lifecycle import Care, Lifecycle, Renewal
from broker.core.model import Endpoint, HeaderForm, Party, PartyKey, Role, Sealed, Version
from broker.core.peer import HeldToken, IssuedToken, Peer, PeerState, Purpose, TokenState
from broker.store import jobs, json_columns, peer_health
from broker.store.tables import HeldTokenRow, IssuedTokenRow, JobRow, PeerEndpointRow, PeerPartyRow, PeerRow

_TOLD = 20
BATCH = 300
"""Rows in one statement; engines limit its parameters."""


T = TypeVar("T")
Params = Mapping[str, str]
Holders = Callable[[Iterable[PartyKey]], dict[PartyKey, str]]


@dataclass(frozen=True, slots=True)
class Among:
    """Which peers a list is of: those of a tenant, in one state or in any; failing leaves those whose connection is."""

    tenant: str
    state: PeerState | None = None
    failing: bool = False

    def __str__(self) -> str:
        return f"of {self.tenant}, {self.state.value if self.state else 'any'}, {self.failing}"


def find(session: Session, tenant: str, peer_id: str) -> Peer | None:
    found = _run(session, _BY_NAME, {"tenant": tenant, "id": peer_id})
    return found[0] if found else None


def find_by_uid(session: Session, uid: str) -> Peer | None:
    found = _run(session, _BY_UID, {"uid": uid})
    return found[0] if found else None


def issued(session: Session, uid: str) -> tuple[IssuedToken, ...]:
    """The tokens issued to one peer."""
    return tuple(_issued(session, _BY_UID, {"uid": uid}).get(uid, ()))


def view(session: Session, uid: str, look: Callable[[Peer, Holders], T]) -> T | None:
    """What somebody makes of a peer who may ask meanwhile, of the same moment, who holds which party of its tenant."""
    peer = find_by_uid(session, uid)
    return look(peer, partial(holders, session, peer.tenant)) if peer else None


def everything(session: Session) -> list[Peer]:
    return _load(session)


def uids(session: Session) -> list[str]:
    return list(session.exec(select(PeerRow.uid)))


def page(session: Session, among: Among, after: str, limit: int) -> list[Peer]:
    """Those of them whose ids follow the given one, by id."""
    query = select(PeerRow.uid).where(PeerRow.id > after, *_conditions(among)).order_by(PeerRow.id).limit(limit)
    return _in_order(session, list(session.exec(query)))


def page_by_age(session: Session, among: Among, after: tuple[int, str] | None, limit: int) -> list[Peer]:
    """Those of them whose tokens we hold, the oldest tokens first, after the given (held since, id)."""
    place = tuple_(col(HeldTokenRow.created_at), col(PeerRow.id))
    query = select(PeerRow.uid).join(HeldTokenRow, col(HeldTokenRow.peer_uid) == PeerRow.uid)
    query = query.where(*_conditions(among), _is_given_out())
    if after is not None:
        query = query.where(place > after)
    return _in_order(session, list(session.exec(query.order_by(*place.clauses).limit(limit))))


def _is_given_out() -> ColumnElement[bool]:
    """Whether services get this held token: the proven one, or the only one."""
    other = aliased(HeldTokenRow)
    proven = select(other.peer_uid).where(col(other.peer_uid) == HeldTokenRow.peer_uid, col(other.proven))
    return or_(col(HeldTokenRow.proven), ~proven.exists())


def holders(session: Session, tenant: str, keys: Iterable[PartyKey]) -> dict[PartyKey, str]:
    """Which peer (by uid) holds which of these parties (PR-02)."""
    wanted = [(key.country_code, key.party_id, key.role.value) for key in keys]
    columns = tuple_(col(PeerPartyRow.country_code), col(PeerPartyRow.party_id), col(PeerPartyRow.role))
    held: dict[PartyKey, str] = {}
    for start in range(0, len(wanted), BATCH):
        chunk = wanted[start : start + BATCH]
        query = select(PeerPartyRow).where(PeerPartyRow.tenant == tenant, columns.in_(chunk))
        held |= {_key(row): row.peer_uid for row in (session.exec(query)).all()}
    return held


def told_holders(session: Session, tenant: str, keys: Sequence[PartyKey]) -> list[str]:
    """In words, for the first few: who has these parties, which could not be taken over."""
    held = holders(session, tenant, keys[:_TOLD])
    names = dict(session.exec(select(PeerRow.uid, PeerRow.id).where(col(PeerRow.uid).in_(held.values()))).all())
    told = [f"roles: {key} is held by the peer {names.get(uid, uid)}; not taken over" for key, uid in held.items()]
    return [*told, f"roles: so it is with {len(keys) - _TOLD} more"] if len(keys) > _TOLD else told


def _conditions(among: Among) -> list[ColumnElement[bool]]:
    conditions = [col(PeerRow.tenant) == among.tenant]
    if among.state is not None:
        conditions.append(col(PeerRow.state) == among.state.value)
    if among.failing:
        conditions.append(col(PeerRow.uid).in_(peer_health.failing(among.tenant)))
    return conditions


def _load(session: Session, *where: ColumnElement[bool]) -> list[Peer]:
    """Peers with all that belongs to them, in six statements however many they are."""
    return _run(session, _statements(select(PeerRow).where(*where), select(PeerRow.uid).where(*where)), {})


@dataclass(frozen=True, slots=True)
class _Statements:
    """What is asked for some peers. To put the statements together costs about as much as to run them."""

    peers: SelectOfScalar[PeerRow]
    parties: SelectOfScalar[PeerPartyRow]
    endpoints: SelectOfScalar[PeerEndpointRow]
    issued: SelectOfScalar[IssuedTokenRow]
    held: SelectOfScalar[HeldTokenRow]
    jobs: SelectOfScalar[JobRow]


def _statements(peers: SelectOfScalar[PeerRow], wanted: Any) -> _Statements:
    def of(table: Any, *order: Any) -> Any:
        return select(table).where(col(table.peer_uid).in_(wanted)).order_by(*order)

    issued = IssuedTokenRow
    return _Statements(
        peers,
        parties=of(PeerPartyRow, col(PeerPartyRow.position)),
        endpoints=of(PeerEndpointRow, col(PeerEndpointRow.position)),
        issued=of(issued, col(issued.created_at), col(issued.lookup_id)),
        held=of(HeldTokenRow),
        jobs=of(JobRow),
    )


_UID = bindparam("uid", type_=String())
_BY_UID = _statements(select(PeerRow).where(col(PeerRow.uid) == _UID), [_UID])
_NAME = (
    col(PeerRow.tenant) == bindparam("tenant", type_=String()),
    col(PeerRow.id) == bindparam("id", type_=String()),
)
_BY_NAME = _statements(select(PeerRow).where(*_NAME), select(PeerRow.uid).where(*_NAME))


def _run(session: Session, asked: _Statements, params: Params) -> list[Peer]:
    rows = (session.exec(asked.peers, params=params)).all()
    if not rows:
        return []
    parties = _parties(session, asked, params)
    endpoints = _endpoints(session, asked, params)
    issued = _issued(session, asked, params)
    held = _held(session, asked, params)
    wanting = _jobs(session, asked, params)
    return [
        _peer(
            row,
            tuple(parties.get(row.uid, ())),
            tuple(endpoints.get(row.uid, ())),
            tuple(issued.get(row.uid, ())),
            held.get(row.uid, ()),
            wanting.get(row.uid),
        )
        for row in rows
    ]


def _in_order(session: Session, wanted: list[str]) -> list[Peer]:
    found = {peer.uid: peer for peer in _load(session, col(PeerRow.uid).in_(wanted))}
    return [found[uid] for uid in wanted if uid in found]


def _parties(session: Session, asked: _Statements, params: Params) -> dict[str, list[Party]]:
    found: dict[str, list[Party]] = {}
    for row in session.exec(asked.parties, params=params):
        found.setdefault(row.peer_uid, []).append(Party(_key(row), json_columns.read_details(row.details)))
    return found


def _endpoints(session: Session, asked: _Statements, params: Params) -> dict[str, list[Endpoint]]:
    found: dict[str, list[Endpoint]] = {}
    for row in session.exec(asked.endpoints, params=params):
        endpoint = Endpoint(row.module, json_columns.interface_role(row.role), row.url)
        found.setdefault(row.peer_uid, []).append(endpoint)
    return found


def _issued(session: Session, asked: _Statements, params: Params) -> dict[str, list[IssuedToken]]:
    found: dict[str, list[IssuedToken]] = {}
    for row in session.exec(asked.issued, params=params):
        found.setdefault(row.peer_uid, []).append(_token(row))
    return found


def _held(session: Session, asked: _Statements, params: Params) -> dict[str, list[HeldTokenRow]]:
    found: dict[str, list[HeldTokenRow]] = {}
    for row in session.exec(asked.held, params=params):
        found.setdefault(row.peer_uid, []).append(row)
    return found


def _jobs(session: Session, asked: _Statements, params: Params) -> dict[str, Job]:
    rows = session.exec(asked.jobs, params=params)
    return {row.peer_uid: jobs.read(row) for row in rows}


def _peer(
    row: PeerRow,
    parties: tuple[Party, ...],
    endpoints: tuple[Endpoint, ...],
    issued: tuple[IssuedToken, ...],
    held: Sequence[HeldTokenRow],
    job: Job | None,
) -> Peer:
    requested, announced = json_columns.read_requested(row.requested)
    tokens = {(row.proven, row.of_repeat): _held_token(row) for row in held}
    proven, unproven, of_repeat = (tokens.get(place) for place in ((True, False), (False, False), (False, True)))
    return Peer(
        uid=row.uid,
        tenant=row.tenant,
        id=row.id,
        state=PeerState(row.state),
        blocked=row.blocked,
        terms=json_columns.read_terms(row.terms),
        revision=row.revision,
        created_at=row.created_at,
        updated_at=row.updated_at,
        version=Version(row.version) if row.version else None,
        newest_version=Version(row.newest_version) if row.newest_version else None,
        versions_url=row.versions_url,
        draft=row.draft,
        form_in=HeaderForm(row.form_in) if row.form_in else None,
        quirks=json_columns.read_quirks(row.quirks),
        versions=json_columns.read_versions(row.versions),
        may_downgrade=row.may_downgrade,
        requested=requested,
        announced=announced,
        notices=json_columns.read_notices(row.notices),
        answered_at=row.answered_at,
        registered_at=row.registered_at,
        parties=parties,
        endpoints=endpoints,
        issued=issued,
        held=proven or unproven,
        unproven=unproven,
        of_repeat=of_repeat,
        job=job,
        used_access=bytes(row.used_access) if row.used_access else None,
        care=Care(Lifecycle(row.lifecycle), row.rotation_period, Renewal(row.renewal)),
    )


def _held_token(row: HeldTokenRow) -> HeldToken:
    return HeldToken(
        sealed=Sealed(row.key_id, bytes(row.box)),
        created_at=row.created_at,
        form=HeaderForm(row.form) if row.form else None,
        proven=row.proven,
        finding=row.finding,
        tries=row.tries,
        next_try_at=row.next_try_at,
    )


def _token(row: IssuedTokenRow) -> IssuedToken:
    return IssuedToken(
        lookup_id=row.lookup_id,
        pepper_id=row.pepper_id,
        digest=bytes(row.digest),
        purpose=Purpose(row.purpose),
        state=TokenState(row.state),
        created_at=row.created_at,
        not_after=row.not_after,
        first_used_at=row.first_used_at,
        reused_at=row.reused_at,
        received_at=row.received_at,
        repeat_of=row.repeat_of,
        weak=row.weak,
        kept=Sealed(row.kept_key_id, bytes(row.kept_box)) if row.kept_key_id and row.kept_box else None,
    )


def _key(row: PeerPartyRow) -> PartyKey:
    return PartyKey(row.country_code, row.party_id, Role(row.role))
