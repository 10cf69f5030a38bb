"""The two companies of the demo: one that registers with us, and one that has invited us."""

import secrets

from starlette.requests import Request

from broker.cli.demo.platform import DIALECT, OURS, DemoPlatform, masked
from broker.core import model
from broker.core.model import Token
from broker.ocpi import envelope


class Kabelwerk(DemoPlatform):
    """The Sender (RS-01 to RS-08): our callbacks arrive while its POST is still open."""

    party = model.Party(model.PartyKey("DE", "KWL", model.Role.EMSP), model.BusinessDetails("Kabelwerk"))
    meanwhile = "       meanwhile our side calls back: "

    async def register(self, versions_url: str, invitation: Token) -> Token:
        """Registers with the invitation's token. The token that it is to use from then on."""
        url = await self.find_credentials(versions_url, invitation)
        self.tell(
            f"   In the body of the next: token {masked(self.token)}, url {self.versions_url}, role {self.party.key}"
        )
        theirs = DIALECT.read_credentials(await self.call("POST", url, invitation, self.credentials(self.token)))
        names = [(party, party.details.name if party.details else "?") for party in theirs.parties]
        parties = ", ".join(f"{party.country_code}/{party.party_id} ({name})" for party, name in names)
        self.tell(f"       answer: token {masked(theirs.token)}, url {theirs.url}, role {parties}")
        return theirs.token

    async def confirm(self, versions_url: str, token: Token) -> None:
        """Uses the new token once, so that both sides know that it arrived (RS-13)."""
        await self.call("GET", versions_url, token)


class Windrose(DemoPlatform):
    """The Receiver of POST and PUT: it calls us back while they are open (RR-05), then changes its token (RR-11).

    Its first token is the invitation's. The one before dies at once, as OCPI has it.
    """

    party = model.Party(model.PartyKey("DK", "WRE", model.Role.EMSP), model.BusinessDetails("Windrose"))
    meanwhile = f"   {OURS} → "
    held: Token | None = None

    async def exchange(self, request: Request) -> object:
        theirs = DIALECT.read_credentials(envelope.loads(await request.body()))
        self.tell(f"       body: token {masked(theirs.token)}, url {theirs.url}")
        self.tell(f"       meanwhile {self.name} calls back:")
        await self.find_credentials(theirs.url or "", theirs.token)
        self.held = theirs.token
        self.token = new_token("win")
        self.tell(f"       answer: token {masked(self.token)}, url {self.versions_url}, role {self.party.key}")
        return self.credentials(self.token)


def new_token(maker: str) -> Token:
    return Token(f"{maker}-{secrets.token_hex(16)}")
