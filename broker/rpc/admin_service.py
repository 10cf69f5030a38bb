"""AdminService: who may call the broker, and what runs here."""

from collections.abc import Awaitable, Callable, Sequence
from typing import Any, TypeAlias

from grpc.aio import ServicerContext

from broker.contract.callers import caller_role_from_pb, caller_to_pb, grants_from_pb
from broker.contract.names import caller_of, resource_id
from broker.contract.values import Violations, page_size
from broker.core.caller import EVERY_TENANT, Caller, CallerRole
from broker.crypto import minting
from broker.crypto.minting import Pepper, SecretKind
from broker.errors import AlreadyExistsError, NotFoundError, WrongStateError
from broker.rpc import call_context
from broker.rpc.inspection import Inspection
from broker.rpc.mutations import Mutations
from broker.rpc.page_tokens import Pages
from broker.store import callers, tenants
from broker.store.transactions import Store, Transaction
from ocpi_broker.v1 import admin_service_pb2 as pb
from ocpi_broker.v1 import admin_service_pb2_grpc as rpc

Context: TypeAlias = "ServicerContext[Any, Any]"

_EVERY_TENANT_ROLES = frozenset({CallerRole.GATEWAY, CallerRole.ADMIN})


class AdminServicer(rpc.AdminServiceServicer):
    """Callers, and the server's own state."""

    def __init__(
        self,
        store: Store,
        mutations: Mutations,
        pages: Pages,
        pepper: Pepper,
        inspect: Callable[[], Awaitable[Inspection]],
    ) -> None:
        self._store = store
        self._mutations = mutations
        self._pages = pages
        self._pepper = pepper
        self._inspect = inspect

    async def CreateCaller(self, request: pb.CreateCallerRequest, _context: Context) -> pb.CreateCallerResponse:
        role, grants = self._wanted(request)

        def create(tx: Transaction) -> pb.CreateCallerResponse:
            _require_tenants(tx, request.caller.tenants)
            key = minting.mint(SecretKind.SERVICE_KEY)
            fingerprint = minting.fingerprint(self._pepper, SecretKind.SERVICE_KEY, key)
            if not callers.insert(tx, request.caller_id, role, grants, fingerprint):
                raise AlreadyExistsError(f"there is a caller {request.caller_id}")
            return pb.CreateCallerResponse(caller=caller_to_pb(_read(tx, request.caller_id)), key=key)

        return await self._mutations.perform(request, request.request_id, pb.CreateCallerResponse, create)

    async def ListCallers(self, request: pb.ListCallersRequest, _context: Context) -> pb.ListCallersResponse:
        size = page_size(request.page_size)
        after = self._pages.read("callers", request.page_token) or ""
        found = await self._store.read(lambda session: callers.page(session, after, size + 1))
        page = found[:size]
        more = self._pages.write("callers", page[-1].id) if len(found) > size else ""
        return pb.ListCallersResponse(callers=map(caller_to_pb, page), next_page_token=more)

    async def RevokeCaller(self, request: pb.RevokeCallerRequest, _context: Context) -> pb.RevokeCallerResponse:
        caller_id = caller_of(request.name, "name")
        if caller_id == call_context.current().caller.id:
            raise WrongStateError("this key is the one that asks; revoke it with the key of another administrator")

        def revoke(tx: Transaction) -> pb.RevokeCallerResponse:
            if not callers.revoke(tx, caller_id):
                _read(tx, caller_id)
                raise WrongStateError("the caller is revoked already")
            return pb.RevokeCallerResponse(caller=caller_to_pb(_read(tx, caller_id)))

        return await self._mutations.perform(request, request.request_id, pb.RevokeCallerResponse, revoke)

    async def GetServerInfo(self, _request: pb.GetServerInfoRequest, _context: Context) -> pb.GetServerInfoResponse:
        found = await self._inspect()
        return pb.GetServerInfoResponse(
            version=found.version,
            database=found.database,
            schema_revision=found.schema_revision,
            revision=found.revision,
            ocpi_versions=found.ocpi_versions,
            insecure_peers=found.insecure_peers,
            checks=[pb.Check(subject=check.subject, ok=check.ok, finding=check.finding) for check in found.checks],
            start_time=found.start_time,
        )

    def _wanted(self, request: pb.CreateCallerRequest) -> tuple[CallerRole, frozenset[str]]:
        found = Violations()
        with found.of("caller_id"):
            resource_id(request.caller_id)
        role = None
        with found.of("caller.role"):
            role = caller_role_from_pb(request.caller.role)
        grants = grants_from_pb(request.caller.tenants, found)
        if role in _EVERY_TENANT_ROLES:
            grants = grants or frozenset({EVERY_TENANT})
        elif not request.caller.tenants:
            found.add("caller.tenants", 'name at least one tenant, or "tenants/-" for all')
        found.check()
        assert role is not None  # noqa: S101  check() raised otherwise
        return role, grants


def _require_tenants(tx: Transaction, names: Sequence[str]) -> None:
    """A grant for a tenant that does not exist is a slip of the pen, and would be good for a later one of that id.

    Raises InvalidArgumentError.
    """
    wanted = [name.removeprefix("tenants/") for name in names]
    known = tenants.keep(tx, wanted) | {EVERY_TENANT}
    found = Violations()
    for index, tenant in enumerate(wanted):
        if tenant not in known:
            found.add(f"caller.tenants[{index}]", "there is no such tenant")
    found.check()


def _read(tx: Transaction, caller_id: str) -> Caller:
    tx.session.expire_all()
    caller = callers.find(tx.session, caller_id)
    if caller is None:
        raise NotFoundError("there is no such caller")
    return caller
