"""Around every RPC: message ids, one log event, deadline, authentication by service key, permission, last resort.

From outside in: log what happened; let no exception out that is not a refusal; find out who calls; look up the row of
the permission table; give the handler as long as the caller waits, and never longer than the method's limit. Of the
standard services reflection, which is a stream, has authentication and permission only, and health, which is public,
nothing of this.
"""

import asyncio
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from contextlib import suppress
from typing import Any, Final, TypeAlias
from uuid import uuid4

import grpc
import structlog
from grpc.aio import AbortError, ServicerContext

from broker import defects
from broker.contract.names import peer_of
from broker.core.caller import EVERY_TENANT, Caller
from broker.crypto import minting
from broker.crypto.minting import Pepper, SecretKind
from broker.errors import (
    BrokerError,
    CallerUnauthenticatedError,
    DeadlineExceededError,
    InternalError,
    InvalidArgumentError,
)
from broker.memory.readmodel import ReadModel
from broker.rpc import call_context
from broker.rpc.permissions import RULES, Rule, authorise
from broker.rpc.refusals import STATUS, refuse
from broker.tally import Durations, Tally

_log = structlog.get_logger("broker.rpc")

UNARY_SECONDS: Final = 10.0
EXCHANGE_SECONDS: Final = 45.0
INSPECTION_SECONDS: Final = 60.0
_EXCHANGES: Final = frozenset({"/ocpi_broker.v1.OcpiService/Register", "/ocpi_broker.v1.OcpiService/Update"})
OUTCOME_SECONDS: Final = 150.0
"""How long a caller may wait for the outcome of a job: reading what the peer offers, and one request (RS-14)."""
_JOBS: Final = tuple(
    f"/ocpi_broker.v1.PeerService/{name}"
    for name in ("ConnectPeer", "RotatePeer", "SwitchPeerVersion", "RevokePeer", "UnregisterPeer")
)
_LIMITS: Final = {
    **dict.fromkeys(_JOBS, OUTCOME_SECONDS),
    "/ocpi_broker.v1.AdminService/GetServerInfo": INSPECTION_SECONDS,
    "/ocpi_broker.v1.PeerService/ImportPeer": EXCHANGE_SECONDS,
    **dict.fromkeys(_EXCHANGES, EXCHANGE_SECONDS),
}
_MAX_ID: Final = 128
_PEER_FIELDS: Final = ("peer", "name", "parent")
CANCELLED: Final = "CANCELLED"
OUTCOMES: Final = ("OK", CANCELLED, *STATUS)
"""How a call may end: well, given up by its caller, or with a refusal for a reason."""

Context: TypeAlias = "ServicerContext[Any, Any]"
Handler = Callable[[Any, Context], Awaitable[Any]]
MethodHandler: TypeAlias = "grpc.RpcMethodHandler[Any, Any]"
MaybeHandler: TypeAlias = "grpc.RpcMethodHandler[Any, Any] | None"


class Guard(grpc.aio.ServerInterceptor):
    """Wraps each method once and keeps the result."""

    def __init__(self, model: ReadModel, peppers: Mapping[str, Pepper]) -> None:
        self._model = model
        self._peppers = peppers
        self._guarded: dict[str, MethodHandler] = {}
        self._exchanges = 0
        methods = [_short(method) for method, rule in RULES.items() if not rule.public]
        self.calls = Tally(methods, OUTCOMES)
        """By method and outcome."""
        self.seconds = Durations(methods)

    @property
    def exchanging(self) -> bool:
        """Whether a POST or PUT is being answered, from its first moment on."""
        return self._exchanges > 0

    async def intercept_service(
        self,
        continuation: Callable[[grpc.HandlerCallDetails], Awaitable[MaybeHandler]],
        handler_call_details: grpc.HandlerCallDetails,
    ) -> Any:
        method = handler_call_details.method
        known = self._guarded.get(method)
        if known is not None:
            return known
        handler = await continuation(handler_call_details)
        if handler is None or method not in RULES:
            return handler
        self._guarded[method] = guarded = self._guard(method, handler)
        return guarded

    def _guard(self, method: str, handler: MethodHandler) -> MethodHandler:
        rule = RULES[method]
        if rule.public:
            return handler
        if handler.unary_unary is not None:
            return grpc.unary_unary_rpc_method_handler(
                self._unary(method, rule, handler.unary_unary),
                handler.request_deserializer,
                handler.response_serializer,
            )
        if handler.stream_stream is not None:
            return grpc.stream_stream_rpc_method_handler(
                self._stream(rule, handler.stream_stream), handler.request_deserializer, handler.response_serializer
            )
        raise RuntimeError(f"{method} has a shape that is not guarded")

    def _unary(self, method: str, rule: Rule, handler: Any) -> Handler:
        name = _short(method)
        limit = _LIMITS.get(method, UNARY_SECONDS)

        async def serve(request: Any, context: Context) -> Any:
            started = time.perf_counter()
            metadata = _metadata(context)
            request_id = metadata.get("x-request-id", "")[:_MAX_ID] or str(uuid4())
            outcome, call, answer = "OK", None, None
            self._exchanges += method in _EXCHANGES
            try:
                async with asyncio.timeout(_time_left(context, limit)):
                    call = await self._identified(metadata, request_id)
                    await self._authorise(rule, call, request)
                    call_context.begin(call)
                    answer = await handler(request, context)
                    return answer
            except BrokerError as err:
                outcome = err.reason
                await refuse(context, err)
            except TimeoutError:
                outcome = DeadlineExceededError.reason
                await refuse(context, DeadlineExceededError("the call's time is up"))
            except (asyncio.CancelledError, AbortError):
                outcome = CANCELLED
                raise
            except Exception as err:  # noqa: BLE001  the last resort: grpc.aio would send its text to the caller
                outcome = InternalError.reason
                where = _about(call, None, request) if call else {}
                await refuse(context, defects.report(err, method=name, request_id=request_id, **where))
            finally:
                self._exchanges -= method in _EXCHANGES
                seconds = time.perf_counter() - started
                self.calls.add(name, outcome)
                self.seconds.add(name, seconds)
                _log.info(
                    "rpc",
                    method=name,
                    outcome=outcome,
                    caller=call.caller.id if call else "",
                    **(_about(call, answer, request) if call else {}),
                    request_id=request_id,
                    duration_ms=round(seconds * 1000, 2),
                )

        return serve

    def _stream(self, rule: Rule, handler: Any) -> Any:
        async def serve(requests: AsyncIterator[Any], context: Context) -> AsyncIterator[Any]:
            try:
                call = await self._identified(_metadata(context), str(uuid4()))
                await self._authorise(rule, call, None)
            except BrokerError as err:
                await refuse(context, err)
            async for response in handler(requests, context):
                yield response

        return serve

    async def _identified(self, metadata: Mapping[str, str], request_id: str) -> call_context.Call:
        scheme, _, key = metadata.get("authorization", "").partition(" ")
        lookup_id = minting.lookup_id(SecretKind.SERVICE_KEY, key) if scheme.lower() == "bearer" else None
        if lookup_id is not None and self._model.caller(lookup_id) is None:
            # Another broker may have created it a moment ago.
            await self._model.catch_up()
        caller = self._caller(lookup_id, key)
        if caller is None:
            raise CallerUnauthenticatedError("send a valid service key as metadata: authorization: Bearer KEY")
        return call_context.Call(caller, request_id, metadata.get("x-correlation-id", "")[:_MAX_ID] or request_id)

    def _caller(self, lookup_id: str | None, key: str) -> Caller | None:
        caller = self._model.caller(lookup_id) if lookup_id else None
        pepper = self._peppers.get(caller.pepper_id) if caller else None
        if caller is None or pepper is None or not minting.matches(pepper, key, caller.digest):
            return None
        return caller

    async def _authorise(self, rule: Rule, call: call_context.Call, request: Any) -> None:
        caller, tenant = call.caller, rule.tenant(request)
        call.tenant = tenant if tenant and tenant != EVERY_TENANT else ""
        exists = tenant in (None, EVERY_TENANT) or self._model.tenant(tenant) is not None
        if not exists and not rule.creates_tenant and caller.role in rule.roles:
            # Another broker may have created it a moment ago.
            await self._model.catch_up()
            exists = self._model.tenant(str(tenant)) is not None
        authorise(rule, caller, tenant, exists=exists)


def _metadata(context: Context) -> dict[str, str]:
    """Text metadata; a key that is sent twice counts as not sent, so that nobody slips a second one in."""
    found: dict[str, str] = {}
    doubled = set()
    for key, value in context.invocation_metadata() or ():
        if key in found:
            doubled.add(key)
        if isinstance(value, str):
            found[key] = value
    return {key: value for key, value in found.items() if key not in doubled}


def _short(method: str) -> str:
    return method.removeprefix("/ocpi_broker.v1.")


def _about(call: call_context.Call, answer: Any, request: Any) -> dict[str, str]:
    """The partner that a call is about: as its servicer says, as the answer names it, or as it was asked for."""
    if not call.peer:
        name = _peer_in(answer) or _peer_in(request)
        if name:
            with suppress(InvalidArgumentError):
                call.tenant, call.peer = peer_of(name, "name")
    return call.where


def _peer_in(message: Any) -> str:
    for field in _PEER_FIELDS:
        value = getattr(message, field, "")
        name = getattr(value, "name", value)
        if isinstance(name, str) and "/peers/" in name:
            return name
    peer_id = getattr(message, "peer_id", "") or getattr(getattr(message, "peer", None), "peer_id", "")
    return f"{getattr(message, 'parent', '')}/peers/{peer_id}" if peer_id else ""


def _time_left(context: Context, limit: float) -> float:
    """A caller without a deadline gets the method's limit."""
    left = context.time_remaining()
    return limit if left is None else min(left, limit)
