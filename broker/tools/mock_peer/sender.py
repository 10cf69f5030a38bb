"""The mock peer as Sender: it registers, rotates its tokens and unregisters (RS-01 to RS-08)."""

import asyncio
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import TypeVar

from broker.core.model import Token, Version
from broker.core.required_modules import CREDENTIALS
from broker.ocpi import DIALECTS, shapes, versions
from broker.ocpi.dialect import Malformed
from broker.ocpi.fields import Notes
from broker.tools.mock_peer import self_description
from broker.tools.mock_peer.faults import Fault, Place
from broker.tools.mock_peer.http_client import (
    Call,
    Caller,
    ExchangeError,
    ExchangeFailedError,
    OutcomeUnknownError,
    Reply,
    data_of,
    is_gone,
)
from broker.tools.mock_peer.journal import Event
from broker.tools.mock_peer.state import Link, State

T = TypeVar("T")


class Sender:
    """One exchange per call. Each raises ExchangeFailedError or OutcomeUnknownError."""

    def __init__(self, state: State, caller: Caller) -> None:
        self._state = state
        self._caller = caller

    async def register(self, versions_url: str, invitation: Token, version: Version | None = None) -> None:
        """With a token A. Without a version, in the newest that both have (RS-02)."""
        with self._recorded(Place.POST):
            link = await self._discover(versions_url, invitation, version)
            await self._announce(Place.POST, link, self._state.mint())

    async def rotate(self, version: Version | None = None) -> None:
        """PUT, in the version that is registered or in another one."""
        with self._recorded(Place.PUT):
            known = self._registered()
            link = await self._discover(known.versions_url, known.held, version or known.version)
            await self._announce(Place.PUT, link, self._token_for_put())

    async def unregister(self) -> None:
        with self._recorded(Place.DELETE):
            link = self._registered()
            if link.credentials_url is None:
                link = await self._discover(link.versions_url, link.held, link.version)
            await self._sent(Place.DELETE, self._call("DELETE", link), is_gone)
            self._state.disconnect()

    def _registered(self) -> Link:
        if self._state.link is None:
            raise ExchangeFailedError("the mock peer is not registered")
        return self._state.link

    def _token_for_put(self) -> Token:
        """A new one, unless it is told to send what is in use already (A40)."""
        issued = sorted(self._state.tokens.issued, key=Token.reveal)
        if issued and self._strike("put-unchanged-token", Place.PUT):
            return issued[-1]
        return self._state.mint()

    async def _discover(self, versions_url: str, token: Token, wanted: Version | None) -> Link:
        """A provisional link: what the other side offers, read with this token (RS-01 to RS-04)."""
        listed = await self._version_list(versions_url, token, wanted)
        mutual = [version for version in self._state.identity.versions if version in listed]
        version = max(mutual) if wanted is None and mutual else wanted
        if version not in mutual:
            raise ExchangeFailedError(f"the other side lists {', '.join(map(str, listed)) or 'no version'}")
        call = Call("GET", listed[version], token, self._state.form_for(version), "details", version.text)
        data, _ = await self._caller.read(call)
        try:
            told, endpoints = DIALECTS[version.text].read_details(shapes.of_details(data)[0], Notes())
        except Malformed as err:
            raise ExchangeFailedError(f"details: {err}") from None
        theirs = self._state.link.theirs if self._state.link else None
        link = Link(version, token, versions_url, endpoints, theirs)
        if told != version or link.credentials_url is None:
            raise ExchangeFailedError(f"the details are of version {told}" if told != version else "no credentials")
        return link

    async def _version_list(self, url: str, token: Token, wanted: Version | None) -> dict[Version, str]:
        form = self._state.form_for(wanted or max(self._state.identity.versions))
        data, good = await self._caller.read(Call("GET", url, token, form, "versions"))
        if good is not form:
            self._state.form = good
        try:
            return dict(versions.read_versions(shapes.of_versions(data, url)[0], Notes()))
        except Malformed as err:
            raise ExchangeFailedError(f"versions: {err}") from None

    async def _announce(self, place: Place, link: Link, own: Token) -> None:
        """Sends our credentials; own is accepted while the answer is awaited, and what was is not dead."""
        tokens = self._state.tokens
        before = frozenset(tokens.issued)
        body = self_description.credentials(
            self._state.identity, link.version, own, lambda name: self._strike(name, place)
        )
        call = self._call(place.value, link, body)
        tokens.provisional |= {own} - tokens.issued
        self._state.own.append(link.version)
        try:
            established = await self._sent(place, call, lambda reply: self._read(link, own, data_of(reply)))
        except OutcomeUnknownError:
            tokens.issued.add(own)
            raise
        finally:
            self._state.own.remove(link.version)
            tokens.provisional.discard(own)
        tokens.replace(before, None, own)
        self._state.connect(established)

    def _call(self, method: str, link: Link, body: dict[str, object] | None = None) -> Call:
        form = self._state.form_for(link.version)
        url = link.credentials_url or ""
        return Call(method, url, link.held, form, CREDENTIALS, link.version.text, body)

    def _read(self, link: Link, own: Token, data: object) -> Link:
        """What the answer establishes. Raises OutcomeUnknownError."""
        try:
            theirs = DIALECTS[link.version.text].read_credentials(data)
        except Malformed as err:
            raise OutcomeUnknownError(f"the answer's credentials: {err}") from None
        if theirs.token in (own, link.held):
            raise OutcomeUnknownError("the answer's token is one that was sent")
        return Link(link.version, theirs.token, theirs.url or link.versions_url, link.endpoints, theirs)

    async def _sent(self, place: Place, call: Call, read: Callable[[Reply], T]) -> T:
        """What the answer says; or, with a fault, of the answers or without one."""
        if self._strike("hang-up", place):
            await self._caller.send_and_leave(call)
            raise OutcomeUnknownError("hung up without reading the answer")
        if self._strike("hang-up-late", place):
            journal = self._state.journal
            seen = len(journal.find(event="request", resource="details"))
            await self._caller.send_and_leave(
                call, lambda: journal.wait_for(seen + 1, event="request", resource="details")
            )
            raise OutcomeUnknownError("hung up after the callbacks without reading the answer")
        if self._strike("twice", place):
            replies = asyncio.gather(*(self._caller.send(call) for _ in range(2)), return_exceptions=True)
            return _best([_attempt(reply, read) for reply in await replies])
        return read(await self._caller.send(call))

    def _strike(self, name: str, place: Place) -> Fault | None:
        return self._state.faults.strike(name, (place,))

    @contextmanager
    def _recorded(self, place: Place) -> Iterator[None]:
        """How the exchange ended becomes an event."""

        def note(outcome: str, status: int | None = None, code: int | None = None, why: str = "") -> None:
            self._state.journal.add(
                Event(
                    event="exchange",
                    role="Sender",
                    method=place.value,
                    outcome=outcome,
                    status=status,
                    code=code,
                    note=why,
                )
            )

        try:
            yield
        except ExchangeError as err:
            note("unknown" if isinstance(err, OutcomeUnknownError) else "failed", err.status, err.code, str(err))
            raise
        note("done")


def _attempt(reply: Reply | BaseException, read: Callable[[Reply], T]) -> T | ExchangeError:
    try:
        if isinstance(reply, BaseException):
            raise reply
        return read(reply)
    except ExchangeError as err:
        return err


def _best(results: Sequence[T | ExchangeError]) -> T:
    """The last success; without one, an unknown outcome counts before a failure."""
    succeeded = [result for result in results if not isinstance(result, ExchangeError)]
    if succeeded:
        return succeeded[-1]
    errors = [result for result in results if isinstance(result, ExchangeError)]
    raise next((error for error in errors if isinstance(error, OutcomeUnknownError)), errors[0])
