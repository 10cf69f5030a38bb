"""What the hot path answers from: tenants, peers, verifiers and callers as dictionaries.

Read without locks or awaits; each thing in it is replaced as a whole. Held tokens stay sealed in it.
"""

from collections.abc import Iterable, Mapping

import structlog

from broker.core.caller import Caller
from broker.core.model import PartyKey, Tenant, WrappedKey
from broker.core.peer import IssuedToken, Peer
from broker.crypto import sealing
from broker.crypto.keys import EncryptionKey
from broker.crypto.sealing import DataKey
from broker.errors import TamperedError

_log = structlog.get_logger(__name__)


class Memory:
    """Indexes over the newest state that was read."""

    def __init__(self, masters: Mapping[str, EncryptionKey]) -> None:
        self._masters = masters
        self._uids: dict[str, Peer] = {}
        self.tenants: dict[str, Tenant] = {}
        self.data_keys: dict[str, DataKey] = {}
        self.names: dict[tuple[str, str], Peer] = {}
        self.holders: dict[tuple[str, str, str], dict[str, Peer]] = {}
        self.issued: dict[str, tuple[Peer, IssuedToken]] = {}
        self.unproven: dict[str, Peer] = {}
        self.callers: dict[str, Caller] = {}

    def put_tenant(self, tenant: str, found: Tenant | None, keys: Iterable[WrappedKey]) -> None:
        """Replace a tenant; None removes it with all that belongs to it."""
        self.data_keys.pop(tenant, None)
        if found is None:
            self.tenants.pop(tenant, None)
            for uid in [peer.uid for peer in self._uids.values() if peer.tenant == tenant]:
                self.put_peer(uid, None)
            return
        for wrapped in keys:
            self._put_data_key(wrapped)
        self.tenants[tenant] = found

    @property
    def peers(self) -> list[Peer]:
        return list(self._uids.values())

    def peer_of(self, uid: str) -> Peer | None:
        return self._uids.get(uid)

    def put_peer(self, uid: str, found: Peer | None) -> None:
        """Replace a peer; None removes it."""
        before = self._uids.pop(uid, None)
        if before is not None:
            self._remove(before)
        if found is not None:
            self._add(found)

    def put_caller(self, found: Caller) -> None:
        """Replace a caller; a revoked one is nobody."""
        if found.revoked_at is None:
            self.callers[found.lookup_id] = found
        else:
            self.callers.pop(found.lookup_id, None)

    def _add(self, peer: Peer) -> None:
        self._uids[peer.uid] = peer
        self.names[peer.tenant, peer.id] = peer
        if peer.to_be_tried:
            self.unproven[peer.uid] = peer
        for token in peer.issued:
            self.issued[token.lookup_id] = (peer, token)
        for party in peer.parties:
            self.holders.setdefault(_place(peer, party.key), {})[party.key.role.value] = peer

    def _remove(self, peer: Peer) -> None:
        self.unproven.pop(peer.uid, None)
        if self.names.get((peer.tenant, peer.id)) is peer:  # the id of a deleted peer may be another's by now
            del self.names[peer.tenant, peer.id]
        for token in peer.issued:
            # Another peer may have been given it by an import, and been read before this one.
            if token.lookup_id in self.issued and self.issued[token.lookup_id][0] is peer:
                del self.issued[token.lookup_id]
        for party in peer.parties:
            roles = self.holders.get(_place(peer, party.key), {})
            # Another peer may have taken the party over, and been read before this one.
            if roles.get(party.key.role.value) is peer:
                del roles[party.key.role.value]

    def _put_data_key(self, wrapped: WrappedKey) -> None:
        """One tenant's damaged key must not keep the others from working."""
        try:
            self.data_keys[wrapped.tenant] = sealing.unwrap(self._masters, wrapped)
        except TamperedError as err:
            _log.error("data_key_does_not_open", tenant=wrapped.tenant, finding=str(err))


def _place(peer: Peer, key: PartyKey) -> tuple[str, str, str]:
    return (peer.tenant, key.country_code, key.party_id)
