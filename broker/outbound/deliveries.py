"""What we send to other platforms as Sender: POST, PUT and DELETE credentials, and what became of it.

An answer that can be read decides by its OCPI status code, whatever its HTTP status (A8). Otherwise the HTTP status
does. A success with a token in it is one, whatever else is odd, and whether or not its end was reached (F12). What may
have had an effect and is not known to have had none is an unknown outcome (F2): nothing here is sent twice (TR-18).
"""

from collections.abc import Callable
from dataclasses import dataclass, field, replace
from functools import partial
from http import HTTPStatus
from typing import TypeVar

import httpx
import orjson

from broker import threads
from broker.core.exchange import ExchangeKind
from broker.core.model import Announcement, HeaderForm, Token
from broker.errors import BrokerError, OutcomeUnknownError, PeerRefusedError, PeerRejectedTokenError
from broker.ocpi.answers import read_answer
from broker.ocpi.dialect import Dialect, Json
from broker.ocpi.envelope import EnvelopeError, read_envelope
from broker.outbound import causes, words
from broker.outbound.http_call import (
    BUDGETS,
    REFUSES_TOKEN,
    Budgets,
    Call,
    CallbackError,
    Reply,
    Wire,
    refuse_redirect,
)

T = TypeVar("T")

_DISLIKED = {HTTPStatus.BAD_REQUEST, HTTPStatus.UNPROCESSABLE_ENTITY}
_INVALID_PARAMETERS = 2001


@dataclass(frozen=True, slots=True)
class Delivery:
    """One request to the credentials endpoint of a peer."""

    kind: ExchangeKind
    url: str
    versions_url: str
    token: Token
    form: HeaderForm
    correlation_id: str
    offered: Token | None = None
    """The token in the body."""
    body: Json | None = field(default=None, repr=False)


class Deliveries:
    """Each method returns what was answered to a success, or raises one of four refusals.

    PeerRefusedError and PeerRejectedTokenError: nothing was done. OutcomeUnknownError: perhaps. CallbackError: the
    request has not left.
    """

    def __init__(self, wire: Wire, *, budgets: Budgets = BUDGETS) -> None:
        self._wire = wire
        self._budgets = budgets

    async def announce(self, delivery: Delivery, dialect: Dialect) -> Announcement:
        """POST or PUT; what the peer says of itself, with the token that it gives us (RS-08, UR-12)."""
        call = self._call(delivery)
        try:
            reply = await self._send(call, delivery)
        except OutcomeUnknownError as error:
            found = await self._salvaged(call, delivery, dialect, error)
            if found is None:
                raise
            return found
        return await self._read(call, reply, partial(_announced, call, reply, dialect, delivery.offered))

    async def _salvaged(
        self, call: Call, delivery: Delivery, dialect: Dialect, error: OutcomeUnknownError
    ) -> Announcement | None:
        """What an answer says whose end was not reached."""
        cause = error.__cause__
        reply = cause.heard if isinstance(cause, CallbackError) else None
        if reply is None or not httpx.codes.is_success(reply.status):
            return None
        read = partial(_announced, call, reply, dialect, delivery.offered)
        try:
            found = await threads.run(len(reply.body), read, reply.body)
        except ValueError:
            return None
        return replace(found, warnings=(str(error), *found.warnings))

    async def withdraw(self, delivery: Delivery) -> None:
        """DELETE. An answer without a body counts as well (UN-04)."""
        call = self._call(delivery)
        reply = await self._send(call, delivery)
        success = httpx.codes.is_success(reply.status)
        if reply.body or not success:
            await self._read(call, reply, read_envelope)
        if not success:
            raise _told(call, reply, _unreadable(call, reply.status, "it reports a success"))

    def _call(self, delivery: Delivery) -> Call:
        return Call(
            f"{delivery.kind.value} credentials",
            delivery.url,
            self._budgets.credentials,
            delivery.token,
            delivery.correlation_id,
            method=delivery.kind.value,
            body=orjson.dumps(delivery.body) if delivery.body is not None else None,
            seconds=self._budgets.exchange,
            secret=delivery.offered,
        )

    async def _send(self, call: Call, delivery: Delivery) -> Reply:
        self._wire.admit_beside(call, "url", call.url, delivery.versions_url)
        try:
            return await self._wire.exchange(call, delivery.form, refuse_redirect)
        except CallbackError as error:
            raise _classified(call, error).after(error) from error

    async def _read(self, call: Call, reply: Reply, read: Callable[[bytes], T]) -> T:
        """What a success says, on whatever HTTP status. Raises what stands for anything else."""
        try:
            return await threads.run(len(reply.body), read, reply.body)
        except EnvelopeError as error:
            raise _told(call, reply, _declined(call, reply.status, error)) from None
        except ValueError as error:
            finding = str(error) if reply.body else ""
            raise _told(call, reply, _unreadable(call, reply.status, finding)) from None


def _announced(call: Call, reply: Reply, dialect: Dialect, offered: Token | None, body: bytes) -> Announcement:
    found = read_answer(dialect, body, offered or call.token, success=httpx.codes.is_success(reply.status))
    flaws = (f"{call.what}: {flaw}" for flaw in (*_flaws(reply.status), *found.warnings))
    return replace(found, warnings=tuple(flaws))


def _flaws(status: int) -> tuple[str, ...]:
    return () if httpx.codes.is_success(status) else (f"HTTP {status} with a success",)


def _classified(call: Call, error: CallbackError) -> BrokerError:
    """A failure before the end of the answer. Where nobody reads on, what the status line says still counts."""
    if error.unsent:
        return error
    if error.status is not None and httpx.codes.is_redirect(error.status):
        return PeerRefusedError(str(error), status=error.status)
    if error.status is not None and httpx.codes.is_client_error(error.status):
        return _unreadable(call, error.status, "")
    return OutcomeUnknownError(str(error))


def _declined(call: Call, status: int, error: EnvelopeError) -> BrokerError:
    """An error in an envelope. A gateway between us may have written one for a peer that went on (F2)."""
    if status != HTTPStatus.NOT_IMPLEMENTED and (
        httpx.codes.is_server_error(status) or status == HTTPStatus.REQUEST_TIMEOUT
    ):
        return OutcomeUnknownError(f"{call.what}: HTTP {status} with OCPI status code {error.code}")
    if status in REFUSES_TOKEN:
        return PeerRejectedTokenError(f"{call.what}: HTTP {status}")
    where = "" if httpx.codes.is_success(status) else f"HTTP {status} with "
    finding = f"{call.what}: {where}OCPI status code {error.code}"
    return PeerRefusedError(finding, code=error.code, status=status)


def _told(call: Call, reply: Reply, error: BrokerError) -> BrokerError:
    """The same refusal with what the peer says, how long it wants to be left alone, and the quirk that may help."""
    said = words.of_body(reply.body, call.tokens)
    if isinstance(error, OutcomeUnknownError) and said is not None:
        said = words.without_what_may_be_a_token(said)  # theirs, which nobody knows yet
    if not httpx.codes.is_success(reply.status):
        error.because(causes.waiting(reply.status, call.method, reply.retry_after))
    error.quoting(said).retry_after = reply.retry_after
    blamed = isinstance(error, PeerRefusedError) and (error.status in _DISLIKED or error.code == _INVALID_PARAMETERS)
    return error.helped_by("explicit_nulls") if blamed and _may_miss_fields(said) else error


def _may_miss_fields(said: str | None) -> bool:
    """Whether the peer may want fields that we leave out because they have no value; also if it does not say why."""
    return not said or words.speaks_of_missing_fields(said)


def _unreadable(call: Call, status: int, finding: str) -> BrokerError:
    """An answer without an envelope, or with one that makes no sense (F12). There is no finding without a body."""
    if status in REFUSES_TOKEN:
        return PeerRejectedTokenError(f"{call.what}: HTTP {status}")
    if status == HTTPStatus.NOT_IMPLEMENTED or (
        httpx.codes.is_client_error(status) and status != HTTPStatus.REQUEST_TIMEOUT
    ):
        return PeerRefusedError(f"{call.what}: HTTP {status}", status=status)
    if not httpx.codes.is_success(status):
        return OutcomeUnknownError(f"{call.what}: HTTP {status}")
    if not finding:
        return OutcomeUnknownError(f"{call.what}: HTTP {status} without a body")
    said = "the answer is malformed" if call.reveals(finding) else f"the answer cannot be used: {finding}"
    return OutcomeUnknownError(f"{call.what}: {said}")
