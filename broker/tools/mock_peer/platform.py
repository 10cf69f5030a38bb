"""A mock peer in this process: its state, what it serves, and what it can be told to do."""

import secrets
import socket
import string
from collections.abc import AsyncIterator, Iterable, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from datetime import UTC, datetime
from typing import Any

import httpx

from broker.core import model
from broker.core.model import BusinessDetails, HeaderForm, InterfaceRole, Party, PartyKey, PartyPattern, Token, Version
from broker.errors import NotExpressibleError
from broker.ocpi import DIALECTS
from broker.tools.mock_peer import http_server
from broker.tools.mock_peer.accepted_tokens import Tokens
from broker.tools.mock_peer.faults import Fault, Faults, Place
from broker.tools.mock_peer.http_client import TIMEOUT, Call, Caller, Reply, trusted
from broker.tools.mock_peer.http_server import Request
from broker.tools.mock_peer.journal import Event, Journal, masked
from broker.tools.mock_peer.receiver import Receiver
from broker.tools.mock_peer.sender import Sender
from broker.tools.mock_peer.state import Identity, State

PARTY = "DE/KWL/CPO=Kabelwerk"
MODULES = ("locations/SENDER", "sessions/SENDER", "cdrs/SENDER", "tariffs/SENDER", "tokens/RECEIVER")
VERSION = "2.2.1"

_LETTERS = string.ascii_letters + string.digits


def mint() -> Token:
    """Letters, digits and one hyphen, so that it is never Base64 of anything: more than 256 random bits (CO-42)."""
    return Token("-".join("".join(secrets.choice(_LETTERS) for _ in range(22)) for _ in range(2)))


def party(text: str) -> Party:
    """From CC/PID/ROLE=Name; the name is the party id if it is left out. Raises ValueError."""
    key, _, name = text.partition("=")
    pattern = model.PartyPattern.parse(key)
    if pattern.country_code is None or pattern.party_id is None or pattern.role is None:
        raise ValueError(f"{text!r} must be written like {PARTY}")
    own = PartyKey(pattern.country_code, pattern.party_id, pattern.role)
    return Party(own, BusinessDetails(name.strip() or own.party_id))


def module(text: str) -> tuple[str, InterfaceRole]:
    """From NAME/SENDER or NAME/RECEIVER. Raises ValueError."""
    name, _, role = text.partition("/")
    if not name or role.upper() not in InterfaceRole.__members__:
        raise ValueError(f"{text!r} must be written like {MODULES[0]}")
    return name, InterfaceRole(role.upper())


def partner(text: str) -> PartyPattern:
    """From CC/PID/ROLE, each of which may be *. Raises ValueError."""
    try:
        return PartyPattern.parse(text)
    except ValueError as err:
        raise ValueError(f"{text!r} does not say who may register, as DE/*/CPO does: {err}") from None


def offered(texts: Iterable[str]) -> tuple[Version, ...]:
    """Oldest first. Raises ValueError for a version that is not spoken here."""
    found = tuple(texts)
    unknown = [text for text in found if text not in DIALECTS]
    if unknown or not found:
        raise ValueError(f"versions are of {', '.join(DIALECTS)}")
    return tuple(sorted({Version(text) for text in found}))


class MockPeer:
    """One platform with one connection. Texts of tokens are here for whoever tests; nothing writes them anywhere."""

    def __init__(self, state: State, client: httpx.AsyncClient, *, local: bool = False) -> None:
        self._state = state
        self._caller = Caller(client, state.journal, local=local)
        self._sender = Sender(state, self._caller)
        self._receiver = Receiver(state, self._caller, self._sender)
        self.token = self.invite()

    # Being told what to do.

    def invite(self) -> str:
        """A new token A. Whoever registers with it replaces the connection that there is."""
        token = self._state.mint()
        self._state.tokens.invitations.add(token)
        return token.reveal()

    def give(self, versions_url: str, token: str) -> None:
        """An invitation of the other side's, for the fault post-inside-post."""
        self._state.given = (versions_url, Token(token))

    def fault(self, text: str | Fault) -> Fault:
        """Arms a fault. Raises ValueError."""
        return self._state.faults.add(text)

    def no_fault(self, name: str | None = None) -> None:
        """Disarms faults of this name, or all. Raises ValueError if there is no such fault."""
        self._state.faults.remove(name)

    async def register(self, versions_url: str, token: str, version: str | None = None) -> None:
        """As Sender, with the other side's token A. Raises ExchangeFailedError or OutcomeUnknownError."""
        await self._sender.register(versions_url, Token(token), (version and Version(version)) or None)

    async def rotate(self, version: str | None = None) -> None:
        """PUT, which renews both tokens; with a version, to change to that. Raises as register does."""
        await self._sender.rotate((version and Version(version)) or None)

    async def unregister(self) -> None:
        """DELETE. That there is no registration any more counts as done. Raises as register does."""
        await self._sender.unregister()

    async def call(self, method: str, url: str, token: str | None = None, body: Any = None) -> Reply:
        """Any request to the other side, with the token that is held or another one. Raises OutcomeUnknownError."""
        shown = Token(token) if token is not None else self._held()
        version = self._state.link.version if self._state.link else max(self._state.identity.versions)
        return await self._caller.send(
            Call(method, url, shown, self._state.form_for(version), "any", version.text, body)
        )

    # What is known.

    @property
    def base(self) -> str:
        return self._state.identity.base

    @property
    def versions_url(self) -> str:
        return self._state.identity.versions_url

    @property
    def registered(self) -> bool:
        return self._state.link is not None

    @property
    def version(self) -> str | None:
        """The version of the registration."""
        return self._state.link.version.text if self._state.link else None

    @property
    def held(self) -> str | None:
        """The token that it shows to the other side."""
        return self._state.link.held.reveal() if self._state.link else None

    @property
    def earlier(self) -> list[str]:
        """The tokens that it held before, oldest first."""
        return [token.reveal() for token in self._state.earlier]

    @property
    def issued(self) -> frozenset[str]:
        """The tokens that the other side may use for everything; more than one only after exchanges that crossed."""
        return frozenset(token.reveal() for token in self._state.tokens.issued)

    @property
    def their_versions_url(self) -> str | None:
        return self._state.link.versions_url if self._state.link else None

    @property
    def endpoints(self) -> dict[str, str]:
        """The other side's URLs by module, or module/ROLE; empty if it was not called back."""
        return {endpoint.key: endpoint.url for endpoint in self._state.link.endpoints} if self._state.link else {}

    @property
    def faults(self) -> tuple[str, ...]:
        """Those that are armed."""
        return self._state.faults.armed

    @property
    def journal(self) -> Journal:
        return self._state.journal

    @property
    def events(self) -> list[Event]:
        return self._state.journal.events

    @property
    def received(self) -> list[Request]:
        """Every request, with its headers and body."""
        return self._receiver.received

    async def wait_for(self, count: int = 1, **fields: object) -> Event:
        """The count-th event with these values; see Journal."""
        return await self._state.journal.wait_for(count, **fields)

    def accepts(self, token: str) -> str | None:
        """What a token is good for: "invitation", "issued" or "provisional"; None for nothing."""
        standing = self._state.tokens.standing(Token(token))
        return standing.value if standing else None

    def state(self) -> dict[str, Any]:
        """A summary with tokens masked."""
        tokens, link = self._state.tokens, self._state.link
        return {
            "registered": link is not None,
            "version": self.version,
            "their_versions_url": self.their_versions_url,
            "held": masked(link.held) if link else None,
            "issued": sorted(masked(token) for token in tokens.issued),
            "retiring": sorted(masked(token) for token in tokens.retiring),
            "invitations": sorted(masked(token) for token in tokens.invitations),
            "endpoints": self.endpoints,
            "faults": list(self.faults),
        }

    async def answer(self, request: Request) -> http_server.Answer:
        """What its server answers."""
        return await self._receiver.answer(request)

    def refusal(self, status: int) -> http_server.Answer:
        """What its server answers to what is no request."""
        return self._receiver.refusal(status)

    def _held(self) -> Token:
        if self._state.link is None:
            raise ValueError("the mock peer holds no token")
        return self._state.link.held


@asynccontextmanager
async def mock_peer(
    *,
    versions: Sequence[str] = (VERSION,),
    parties: Sequence[str] = (PARTY,),
    modules: Sequence[str] = MODULES,
    faults: Sequence[str | Fault] = (),
    lenient: bool = False,
    accepts: Iterable[HeaderForm] = HeaderForm,
    partners: Sequence[str] = (),
    listener: socket.socket | None = None,
    public_url: str = "",
    local: bool = False,
) -> AsyncIterator[MockPeer]:
    """A mock peer that serves within the context, on a free port of loopback unless it is given a listener.

    accepts are the header forms that it takes; partners, like DE/*/CPO, who may register, anybody if there are none;
    local lets it call nobody beyond this machine.
    Raises ValueError for what cannot be read, or cannot be said in one of the versions.
    """
    own = listener or http_server.bind("127.0.0.1", 0)
    async with AsyncExitStack() as rest:
        rest.callback(own.close)
        base = public_url.rstrip("/") or f"http://{_reachable(own)}"
        identity = Identity(base, offered(versions), tuple(map(party, parties)), tuple(map(module, modules)))
        _check(identity)
        state = _state(identity, faults, lenient, accepts)
        state.partners = tuple(map(partner, partners))
        peer = MockPeer(
            state,
            await rest.enter_async_context(httpx.AsyncClient(verify=trusted(), trust_env=False, timeout=TIMEOUT)),
            local=local,
        )
        await rest.enter_async_context(http_server.serving(peer.answer, peer.refusal, own))
        yield peer


def _state(identity: Identity, faults: Sequence[str | Fault], lenient: bool, accepts: Iterable[HeaderForm]) -> State:
    journal = Journal()

    def struck(fault: Fault, place: Place) -> None:
        journal.add(Event(event="fault", fault=fault.name, where=place.value))

    armed = Faults(struck)
    for text in faults:
        armed.add(text)
    return State(identity, Tokens(lenient), armed, journal, mint, lambda: datetime.now(UTC), frozenset(accepts))


def _check(identity: Identity) -> None:
    try:
        identity.check()
    except NotExpressibleError as err:
        raise ValueError(str(err)) from None


def _reachable(listener: socket.socket) -> str:
    host, port = listener.getsockname()[:2]
    host = {"0.0.0.0": "127.0.0.1", "::": "::1"}.get(host, host)  # noqa: S104  compared with, not bound to
    return f"[{host}]:{port}" if ":" in host else f"{host}:{port}"
