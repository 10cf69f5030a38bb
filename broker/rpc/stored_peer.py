"""What every RPC on a peer does: find it, lock it, compare its etag, read it again, write it as a message."""

from collections.abc import Mapping

from broker.clock import Clock
from broker.contract.names import peer_of
from broker.contract.peers import peer_to_pb, terms_from_pb
from broker.contract.values import Violations, etag
from broker.core.health import NO_HEALTH, Health
from broker.core.model import RolePolicy, Terms
from broker.core.peer import Peer
from broker.errors import EtagMismatchError, NotFoundError
from broker.memory.readmodel import ReadModel
from broker.outbound.url_policy import UrlPolicy
from broker.rpc.mutations import Mutations
from broker.store import peer_health, peers, transitions
from broker.store.transactions import Reading, Store, Transaction
from ocpi_broker.v1 import resources_pb2


class StoredPeers:
    """Reads straight from the store; changes through Mutations."""

    def __init__(self, store: Store, model: ReadModel, mutations: Mutations, urls: UrlPolicy, clock: Clock) -> None:
        self._store = store
        self._model = model
        self._mutations = mutations
        self._urls = urls
        self._clock = clock

    def _locked(self, tx: Transaction, name: str, expected: str) -> Peer:
        """The peer, with its row locked. Raises NotFoundError, EtagMismatchError."""
        tenant, peer_id = peer_of(name, "name")
        transitions.lock(tx, tenant, peer_id)
        peer = found(peers.find(tx.session, tenant, peer_id))
        if expected and expected != etag(peer.revision):
            raise EtagMismatchError(f"the peer has changed; its etag is now {etag(peer.revision)}")
        return peer

    def _terms(self, message: resources_pb2.InvitationTerms, tenant: str, field: str, wrong: Violations) -> Terms:
        terms = terms_from_pb(message, field, wrong)
        if self._is_exact(tenant) and (terms.any_party or terms.patterns):
            wrong.add(field, "must name each party: the tenant's role policy is exact")
        if terms.versions_url is not None:
            with wrong.of(f"{field}.versions_url"):
                self._urls.check(terms.versions_url)
        return terms

    def _is_exact(self, tenant: str) -> bool:
        return self._model.policy(tenant).role_policy is RolePolicy.EXACT

    async def _shown(self, tenant: str, peer_id: str) -> resources_pb2.Peer:
        """As it is now. Raises NotFoundError."""

        def look(session: Reading) -> tuple[Peer, Mapping[str, Health]]:
            peer = found(peers.find(session, tenant, peer_id))
            return peer, peer_health.find(session, [peer.uid])

        return self._message(*await self._store.read(look))

    def _reread(self, tx: Transaction, peer: Peer) -> resources_pb2.Peer:
        return self._message(read(tx, peer.tenant, peer.id), peer_health.find(tx.session, [peer.uid]))

    def _message(self, peer: Peer, health: Mapping[str, Health]) -> resources_pb2.Peer:
        """As the contract has it; health has what is known of connections, by the uid of the peer."""
        known = health.get(peer.uid, NO_HEALTH)
        return peer_to_pb(peer, self._clock(), self._model.policy(peer.tenant).rotation_period, known)


def read(tx: Transaction, tenant: str, peer_id: str) -> Peer:
    """As this transaction has left it."""
    tx.session.expire_all()
    return found(peers.find(tx.session, tenant, peer_id))


def found(peer: Peer | None) -> Peer:
    if peer is None:
        raise NotFoundError("there is no such peer")
    return peer
