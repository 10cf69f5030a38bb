"""The one connection that a run makes: what the platform told us, and which tokens are good at the moment."""

import json
import uuid
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import urlsplit

from broker.core.hosts import is_loopback
from broker.tools.conformance import objects
from broker.tools.conformance.deviations import Deviation, Skipped
from broker.tools.conformance.dialogue import Dialogue, Headers, new_ids
from broker.tools.conformance.editions import Edition
from broker.tools.conformance.objects import Party
from broker.tools.conformance.platform import Platform, Script
from broker.tools.conformance.secrecy import Secrets
from broker.tools.conformance.transcript import Answer, Exchange

OK, BAD_REQUEST, UNAUTHORIZED, FORBIDDEN, NOT_FOUND, NOT_ALLOWED = 200, 400, 401, 403, 404, 405
SUCCESS, CLIENT_ERROR, INVALID = 1000, 2000, 2001
UNUSABLE, UNSUPPORTED, MISSING = 3001, 3002, 3003


@dataclass(slots=True)
class Connection:
    """From the invitation to the end.

    token is what we show: the invitation's token, then the one issued last. held is the token of ours that the platform
    should show to us.
    """

    edition: Edition
    dialogue: Dialogue
    versions_url: str
    invitation: str
    parties: Sequence[Party]
    token: str = ""
    held: str = ""
    registered: bool = False
    registered_by: str = ""
    unregistered: bool = False
    refusal: str = ""
    """How the platform refused our parties before it called us back; empty unless it did."""
    check: str = ""
    """The title of the check that is running."""
    listed: dict[str, str] = field(default_factory=dict)
    endpoints: list[Mapping[str, Any]] = field(default_factory=list)
    notes: dict[str, Any] = field(default_factory=dict)
    """What one check leaves for a later one."""

    home: Edition = field(init=False)
    """The version that is checked; a check may leave the connection at another one."""

    def __post_init__(self) -> None:
        self.home = self.edition
        self.token = self.invitation
        self.secrets.learn(self.invitation, "the invitation's token")

    @property
    def platform(self) -> Platform:
        return self.dialogue.platform

    @property
    def secrets(self) -> Secrets:
        return self.dialogue.secrets

    @property
    def details_url(self) -> str:
        """Raises Skipped if the version list could not be read."""
        try:
            return self.listed[self.edition.version]
        except KeyError:
            raise Skipped("the URL of the version details is not known") from None

    @property
    def credentials_url(self) -> str:
        """Raises Skipped if the details could not be read."""
        for endpoint in self.endpoints:
            if endpoint.get("identifier") == "credentials" and isinstance(endpoint.get("url"), str):
                return str(endpoint["url"])
        raise Skipped("the URL of credentials is not known")

    def is_local(self, url: str) -> bool:
        """Whether only this machine can be meant."""
        return is_loopback(urlsplit(url).hostname or "")

    async def discover(self) -> None:
        """Read list and details, as far as they can be read; checks look at them more closely."""
        self.listed, self.endpoints = {}, []
        for version, url in read_versions((await self.get(self.versions_url)).answer):
            self.listed.setdefault(version, url)
        if self.edition.version not in self.listed:
            return
        self.endpoints = self.read_endpoints((await self.get(self.details_url)).answer)

    def read_endpoints(self, answer: Answer) -> list[Mapping[str, Any]]:
        """Of version details; empty if there are none."""
        data = answer.data
        if isinstance(data, list) and len(data) == 1 and self.edition.wrapped:
            data = data[0]
        endpoints = data.get("endpoints") if isinstance(data, dict) else None
        return [entry for entry in endpoints if isinstance(entry, dict)] if isinstance(endpoints, list) else []

    def speak(self, edition: Edition) -> None:
        """Both sides of ours change to this version; discover() tells its URLs."""
        self.edition = self.platform.edition = edition

    def needs_invitation(self) -> None:
        """Raises Skipped once we are registered."""
        if self.registered:
            raise Skipped(f"the platform has registered us already, in the check “{self.registered_by}”")

    def needs_admission(self) -> None:
        """Raises Skipped once we are registered, and if the invitation is for others."""
        self.needs_invitation()
        if self.refusal:
            raise Skipped(f"the platform refuses {self.names}")

    @property
    def names(self) -> str:
        """The parties that we announce."""
        shown = self.parties if self.edition.roles else self.parties[:1]
        return ", ".join(map(str, shown))

    def needs_registration(self) -> None:
        """Raises Skipped unless we are registered."""
        if not self.registered:
            raise Skipped("the registration did not succeed")

    async def get(self, url: str | None = None, token: str | None = None) -> Exchange:
        """GET of any URL; of credentials if none is said."""
        return await self.call("GET", url or self.credentials_url, self.shown(token))

    async def call(self, method: str, url: str, headers: Headers, body: bytes | None = None) -> Exchange:
        """One request with these headers and, where the version has them, message ids."""
        given = {name.lower() for name, _ in headers}
        ids = [(name, value) for name, value in new_ids() if self.edition.ids and name.lower() not in given]
        return await self.dialogue.say(method, url, [*headers, *ids], body)

    def shown(self, token: str | None = None) -> list[tuple[str, str]]:
        """The Authorization header, with the token that is good now if no other is said."""
        return [("Authorization", self.edition.authorization(self.token if token is None else token))]

    def new_token(self) -> str:
        """A token as this platform makes them, accepted from now on."""
        token = f"checker-{uuid.uuid4()}"
        self.secrets.learn(token, "our token")
        return token

    def credentials(self, token: str | None = None, **changes: Any) -> dict[str, Any]:
        """Our credentials object; a field that is ... is left out."""
        body = objects.credentials(self.edition, token or self.new_token(), self.platform.versions_url, self.parties)
        return objects.without_dots({**body, **changes})

    async def announce(
        self, method: str, body: dict[str, Any] | None = None, *, token: str | None = None, url: str | None = None
    ) -> Exchange:
        """POST or PUT of a credentials object. If it succeeds, the tokens of both sides are those of this exchange."""
        body = self.credentials() if body is None else body
        ours = body.get("token")
        with self._accepting(ours if isinstance(ours, str) else ""):
            headers = [*self.shown(token), ("Content-Type", "application/json")]
            exchange = await self.call(method, url or self.credentials_url, headers, json.dumps(body).encode())
            self.settle(method, exchange.answer, str(ours))
        return exchange

    async def send(self, method: str, content: bytes, headers: Headers | None = None) -> Exchange:
        """POST or PUT of any bytes."""
        headers = self.shown() if headers is None else headers
        typed = [] if any(name.lower() == "content-type" for name, _ in headers) else [("Content-Type",
                                                                                      "application/json")]  # fmt: skip
        exchange = await self.call(method, self.credentials_url, [*headers, *typed], content)
        self.settle(method, exchange.answer, "")
        return exchange

    @contextmanager
    def misbehaving(self, **scripts: Script) -> Iterator[None]:
        """Our platform answers with these scripts, by resource."""
        self.platform.scripts = scripts
        try:
            yield
        finally:
            self.platform.scripts = {}

    @contextmanager
    def _accepting(self, token: str) -> Iterator[None]:
        self.platform.tokens |= {token}
        try:
            yield
        finally:
            self.platform.tokens = {self.held} if self.held else set()

    def settle(self, method: str, answer: Answer, ours: str) -> None:
        """Whatever the check expected: a success has exchanged the tokens."""
        issued = answer.data.get("token") if isinstance(answer.data, dict) else None
        if method not in {"POST", "PUT"} or not answer.succeeded or not isinstance(issued, str):
            return
        self.secrets.learn(issued, "a token issued to us")
        if not self.registered:
            self.registered, self.registered_by = True, self.check
        self.token, self.held = issued, ours


def read_versions(answer: Answer) -> list[tuple[str, str]]:
    """Versions and URLs as far as they can be made out, also where the list stands in an object."""
    data = answer.data
    listed = data.get("versions") if isinstance(data, dict) else data
    entries = [entry for entry in listed if isinstance(entry, dict)] if isinstance(listed, list) else []
    pairs = [(entry.get("version"), entry.get("url")) for entry in entries]
    return [(version, url) for version, url in pairs if isinstance(version, str) and isinstance(url, str)]


def expect(exchange: Exchange, status: int, *codes: int) -> None:
    """Raises Deviation unless the answer has this HTTP status and one of these OCPI codes (none: any)."""
    answer = exchange.answer
    if answer.status == status and (not codes or answer.code in codes):
        return
    wanted = f"HTTP {status}" + (f" with OCPI {' or '.join(map(str, codes))}" if codes else "")
    code = f" with OCPI {json.dumps(answer.code)}" if answer.code is not None else " without an OCPI status code"
    came = f"HTTP {answer.status}{code}"
    raise Deviation(f"expected {wanted}, got {came}", exchange)


@contextmanager
def shown_by(exchange: Exchange) -> Iterator[None]:
    """A deviation found inside is shown by this exchange."""
    try:
        yield
    except Deviation as deviation:
        deviation.exchange = deviation.exchange or exchange
        raise


def demand(holds: object, sentence: str, exchange: Exchange | None = None) -> None:
    """Raises Deviation with the sentence unless it holds."""
    if not holds:
        raise Deviation(sentence, exchange)
