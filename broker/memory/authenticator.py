"""Whose token an OCPI request carries: answered from memory, except for a token that is seen for the first time.

The text is looked up in both header forms (A1); which of several reasons refuses it is told to internal services only.
"""

import asyncio
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass

import structlog

from broker.clock import Clock
from broker.core import notices
from broker.core.model import HeaderForm, Token
from broker.core.notices import may_be_stolen
from broker.core.peer import IssuedToken, Peer, Rejection, TokenState, opens_modules, reject
from broker.crypto import minting
from broker.crypto.minting import SecretKind
from broker.errors import StoreUnavailableError
from broker.limits import Reminders
from broker.memory.readmodel import ReadModel
from broker.ocpi.authorization import candidates
from broker.store import token_uses, transitions
from broker.store.transactions import Store, Transaction
from broker.tally import Tally

_log = structlog.get_logger(__name__)

_USES = {
    TokenState.PROVISIONAL: (token_uses.note_receipt, "token.received"),
    TokenState.ACTIVE: (token_uses.confirm, "token.confirmed"),
    TokenState.RETIRING: (token_uses.note_reuse, "token.reused_after_replacement"),
    TokenState.RESENT: (token_uses.take_resent, "token.received"),
    TokenState.REVOKED: (token_uses.note_reuse, "token.shown_after_revocation"),
}
"""What the first use of a token means, by its state."""

VERIFICATION = "VerifyToken"
OCPI = "OcpiService"
"""Who asks whether a token is good: an internal service, or the gateway for a peer."""

_PATIENCE_SECONDS = 1.0
"""A request waits no longer for its note: a database that hangs would use up the time for the answer."""


@dataclass(frozen=True, slots=True)
class Identity:
    """A peer and the token by which it was recognised."""

    peer: Peer
    token: IssuedToken
    text: Token
    form: HeaderForm


class Authenticator:
    """Recognises peers by the tokens we issued."""

    def __init__(
        self, model: ReadModel, store: Store, clock: Clock, *, met: Callable[[Peer], None] = lambda _peer: None
    ) -> None:
        """Tell met of each peer that has shown a token that works."""
        self._model = model
        self._met = met
        self._store = store
        self._clock = clock
        self._strangers = Reminders(clock)
        self._notes: dict[str, asyncio.Task[None]] = {}
        self.refused = Tally((VERIFICATION, OCPI), [each.value for each in Rejection], from_zero=True)
        """Tokens that were refused, by who asked and why."""

    async def identify(
        self,
        authorization: Sequence[str],
        admits: Callable[[Peer], bool] = lambda _peer: True,
        *,
        source: str | None = None,
        kind: str | None = None,
    ) -> Identity | Rejection:
        """Who this is, from every Authorization value of the request. A peer not admitted is as good as unknown.

        The first use of a token confirms the exchange that issued it (F3, F4). source is the address of the peer, if
        that is known. kind is PUT or DELETE where the request would change the connection.
        """
        self._model.require_fresh()
        found = self._recognise(authorization, admits)
        if found is Rejection.UNKNOWN and self._well_formed(authorization):
            # It may have been issued by another broker a moment ago.
            await self._model.catch_up()
            found = self._recognise(authorization, admits)
            self._report_strangers(authorization, source)
        if isinstance(found, Identity):
            refusal = self._refusal(found)
            if found.token.is_notable(self._clock()) and refusal in (None, Rejection.REVOKED):
                await self._note_use(found)
            if refusal is Rejection.REVOKED and kind is not None and may_be_stolen(found.peer, found.token, kind):
                await self._note_theft(found, kind, source)
            if refusal is None:
                self._met(found.peer)
            return refusal or found
        return found

    def _recognise(self, authorization: Sequence[str], admits: Callable[[Peer], bool]) -> Identity | Rejection:
        """Whose token it is, or was. If its two readings belong to two peers, it is nobody's."""
        shown = candidates(authorization)
        if not shown:
            return Rejection.MALFORMED
        matches = [(self._model.recognised(text), text, form) for text, form in shown]
        found = [Identity(*match, Token(text), form) for match, text, form in matches if match is not None]
        if len({identity.peer.uid for identity in found}) > 1:
            self._report_ambiguity(found)
            return Rejection.UNKNOWN
        return next((identity for identity in found if admits(identity.peer)), Rejection.UNKNOWN)

    def _refusal(self, found: Identity) -> Rejection | None:
        if found.peer.quirks.auth_form_in not in (None, found.form):
            return Rejection.HEADER_FORM
        return reject(found.peer, found.token, self._clock())

    def _well_formed(self, authorization: Sequence[str]) -> bool:
        return any(minting.lookup_id(SecretKind.ISSUED_TOKEN, text) for text, _ in candidates(authorization))

    def _report_strangers(self, authorization: Sequence[str], source: str | None) -> None:
        """A token that we have made, and that the database does not know: one of the two was restored (F18)."""
        for text, _ in candidates(authorization):
            lookup_id = minting.lookup_id(SecretKind.ISSUED_TOKEN, text)
            if lookup_id and self._model.issued(lookup_id) is None and self._strangers.is_due(lookup_id):
                _log.warning("token_not_in_database", lookup_id=lookup_id, source=source)

    def _report_ambiguity(self, found: Sequence[Identity]) -> None:
        """Foreign tokens that were imported at the same moment: one is the Base64 of the other."""
        if self._strangers.is_due(found[0].token.lookup_id):
            _log.error("token_ambiguous", peers=sorted(identity.peer.name for identity in found))

    async def _note_use(self, identity: Identity) -> None:
        """Written once per token. With the database away or slow the peer is served all the same."""
        try:
            await asyncio.wait_for(asyncio.shield(self._note(identity)), _PATIENCE_SECONDS)
        except TimeoutError:
            _log.warning("first_use_recorded_late", **identity.peer.where, lookup_id=identity.token.lookup_id)

    def _note(self, identity: Identity) -> "asyncio.Task[None]":
        """One at a time per token: more of them would only occupy the threads for which every change waits.

        It may end long after the request. By then the token may have been replaced; then it changes nothing.
        """
        lookup_id = identity.token.lookup_id
        if lookup_id not in self._notes:
            self._notes[lookup_id] = task = asyncio.create_task(self._write_note(identity))
            task.add_done_callback(lambda _: self._notes.pop(lookup_id))
        return self._notes[lookup_id]

    async def _note_theft(self, identity: Identity, kind: str, source: str | None) -> None:
        """Once per peer and method, until an operator has settled it. With the database away the log alone has it."""
        peer, lookup_id = identity.peer, identity.token.lookup_id
        _log.warning("possible_token_theft", **peer.where, lookup_id=lookup_id, source=source)

        def note(tx: Transaction) -> None:
            if transitions.add_notice(tx, peer, notices.replaced_token_shown(kind, tx.now)):
                tx.audit("token.possible_theft", peer.tenant, peer.name, lookup_id=lookup_id, kind=kind, source=source)

        with suppress(StoreUnavailableError):
            await self._store.change(peer.name, note)

    async def _write_note(self, identity: Identity) -> None:
        peer, token = identity.peer, identity.token

        def note(tx: Transaction) -> None:
            noted, action = _USES[token.state]
            if noted(tx, peer, token.lookup_id):
                tx.audit(action, peer.tenant, peer.name, lookup_id=token.lookup_id)

        try:
            await self._store.change(peer.name, note)
        except StoreUnavailableError:
            _log.warning("first_use_not_recorded", **peer.where, lookup_id=token.lookup_id)


def registration_only(identity: Identity) -> bool:
    """Whether the token opens versions and credentials only (AU-09, AU-10, RS-06)."""
    return not opens_modules(identity.peer, identity.token)
