"""Mutations that can be repeated: the answer is kept under the caller's request_id, sealed, in the same transaction."""

import hashlib
from collections.abc import Callable
from typing import TypeVar
from uuid import UUID

from google.protobuf.message import Message

from broker.contract.values import invalid
from broker.crypto.sealing import DataKey
from broker.errors import ConflictError, RequestIdReusedError
from broker.rpc import call_context
from broker.store import receipts
from broker.store.receipts import Receipt
from broker.store.transactions import Store, Transaction

R = TypeVar("R", bound=Message)

_PURPOSE = "receipt"


class Mutations:
    """Performs work in one transaction, at most once per (caller, request_id)."""

    def __init__(self, store: Store, key: DataKey) -> None:
        self._store = store
        self._key = key

    async def perform(self, request: Message, request_id: str, answer: type[R], work: Callable[[Transaction], R]) -> R:
        """The answer of the work, or the one kept. Raises RequestIdReusedError for another request's id."""
        caller = call_context.current().caller
        if not request_id:
            return await self._store.change(caller.name, work)
        checked = _checked(request_id)
        digest = _digest(request)

        def once(tx: Transaction) -> R:
            if not receipts.reserve(tx, caller.id, checked, digest):
                kept = receipts.find(tx.session, caller.id, checked)
                return self._replay(kept, digest, answer, caller.id, checked)
            response = work(tx)
            sealed = self._key.seal(response.SerializeToString(), _PURPOSE, caller.id, checked)
            receipts.complete(tx, caller.id, checked, sealed)
            return response

        return await self._store.change(caller.name, once)

    def _replay(self, kept: Receipt | None, digest: bytes, answer: type[R], caller: str, request_id: str) -> R:
        if kept is None:
            raise ConflictError("the same request_id is being worked on; repeat the call")
        if kept.request_hash != digest:
            raise RequestIdReusedError("this request_id was used for another request")
        return answer.FromString(self._key.open(kept.answer, _PURPOSE, caller, request_id))


def _checked(request_id: str) -> str:
    try:
        return str(UUID(request_id))
    except ValueError:
        raise invalid("request_id", "must be a UUID") from None


def _digest(request: Message) -> bytes:
    name = request.DESCRIPTOR.full_name.encode()
    return hashlib.sha256(name + b"\0" + request.SerializeToString(deterministic=True)).digest()
