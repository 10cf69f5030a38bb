"""What we say of ourselves to a peer, as Receiver and as Sender alike (CO-34)."""

from broker.core.model import Credentials, Tenant, Token
from broker.core.paths import Urls
from broker.core.peer import Peer
from broker.ocpi import DIALECTS
from broker.ocpi.dialect import Json


class Ourselves:
    """public_url is the deployment's; a tenant may have its own."""

    def __init__(self, public_url: str) -> None:
        self._public_url = public_url

    def versions_url(self, tenant: Tenant) -> str:
        """Without what a peer may need beside it."""
        return Urls(tenant.public_url or self._public_url, tenant.id).versions

    def urls(self, tenant: Tenant, peer: Peer) -> Urls:
        """The tenant's URLs as this peer is given them."""
        return Urls(tenant.public_url or self._public_url, tenant.id, slash=bool(peer.quirks.trailing_slash))

    def credentials(self, tenant: Tenant, peer: Peer, token: Token) -> Credentials:
        """With the token for the peer to use."""
        return Credentials(token, self.urls(tenant, peer).versions, tenant.parties)

    def written(self, tenant: Tenant, peer: Peer, version: str, token: Token) -> Json:
        """The same as JSON. Raises NotExpressibleError for what the version cannot say."""
        return DIALECTS[version].write_credentials(self.credentials(tenant, peer, token), peer.style)
