"""TenantService: the platforms that this deployment operates."""

from collections.abc import Sequence
from dataclasses import replace
from typing import Any, TypeAlias

from grpc.aio import ServicerContext

from broker.contract.names import tenant_id, tenant_of
from broker.contract.parties import endpoint_to_pb, parties_from_pb, party_to_pb
from broker.contract.tenants import policy_from_pb, policy_to_pb, versioned_endpoints_from_pb, versions_from_pb
from broker.contract.values import Violations, etag, masked, page_size, timestamp
from broker.core import public_urls
from broker.core.caller import EVERY_TENANT
from broker.core.model import Endpoint, Party, Tenant, Version
from broker.core.paths import DEFAULT_TENANT, Urls
from broker.core.placeholder import DEFAULT_VERSIONS
from broker.crypto import sealing
from broker.crypto.keys import EncryptionKey
from broker.errors import (
    AlreadyExistsError,
    ConflictError,
    EtagMismatchError,
    NotFoundError,
    PermissionDeniedError,
    WrongStateError,
)
from broker.ocpi import DIALECTS
from broker.ocpi.business_details import flaws
from broker.ocpi.shortcomings import inexpressible, shortcomings
from broker.rpc import call_context
from broker.rpc.mutations import Mutations
from broker.rpc.page_tokens import Pages
from broker.store import callers, peer_health, peers, tenants
from broker.store.tenants import TenantRecord
from broker.store.transactions import Store, Transaction
from ocpi_broker.v1 import resources_pb2
from ocpi_broker.v1 import tenant_service_pb2 as pb
from ocpi_broker.v1 import tenant_service_pb2_grpc as rpc

Context: TypeAlias = "ServicerContext[Any, Any]"

_FIELDS = ("versions", "parties", "public_url", "endpoints", "policy")


class TenantServicer(rpc.TenantServiceServicer):
    """Reads straight from the store; changes through Mutations."""

    def __init__(
        self, store: Store, mutations: Mutations, pages: Pages, master: EncryptionKey, *, public_url: str
    ) -> None:
        self._store = store
        self._mutations = mutations
        self._pages = pages
        self._master = master
        self._public_url = public_url

    async def CreateTenant(self, request: pb.CreateTenantRequest, _context: Context) -> pb.CreateTenantResponse:
        found = Violations()
        with found.of("tenant_id"):
            tenant_id(request.tenant_id)
        blank = Tenant(request.tenant_id, DEFAULT_VERSIONS, ())
        fields = [field for field in _FIELDS if field != "versions" or request.tenant.versions]
        tenant = _merged(blank, request.tenant, fields, found)

        def create(tx: Transaction) -> pb.CreateTenantResponse:
            key = sealing.new_data_key(self._master, tenant.id)
            if not tenants.insert(tx, tenant, key):
                raise AlreadyExistsError(f"there is a tenant {tenant.id}")
            return pb.CreateTenantResponse(tenant=self._message(_read(tx, tenant.id)))

        return await self._mutations.perform(request, request.request_id, pb.CreateTenantResponse, create)

    async def GetTenant(self, request: pb.GetTenantRequest, _context: Context) -> pb.GetTenantResponse:
        name = tenant_of(request.name, "name")
        record = await self._store.read(lambda session: tenants.find(session, name))
        return pb.GetTenantResponse(tenant=self._message(_found(record)))

    async def ListTenants(self, request: pb.ListTenantsRequest, _context: Context) -> pb.ListTenantsResponse:
        """Those among the caller's."""
        size = page_size(request.page_size)
        grants = call_context.current().caller.tenants
        what = f"tenants of {call_context.current().caller.id}"
        after = self._pages.read(what, request.page_token) or ""
        only = None if EVERY_TENANT in grants else grants
        found = await self._store.read(lambda session: tenants.page(session, after, size + 1, only))
        page = found[:size]
        more = self._pages.write(what, page[-1].tenant.id) if len(found) > size else ""
        return pb.ListTenantsResponse(tenants=map(self._message, page), next_page_token=more)

    async def UpdateTenant(self, request: pb.UpdateTenantRequest, _context: Context) -> pb.UpdateTenantResponse:
        name = tenant_of(request.tenant.name, "tenant.name")
        fields = masked(request.update_mask.paths, _FIELDS)

        def update(tx: Transaction) -> pb.UpdateTenantResponse:
            record = self._current(tx, name, request.tenant.etag)
            tenant = _merged(record.tenant, request.tenant, fields, Violations())
            _refuse_held(tx, tenant)
            if not tenants.replace(tx, tenant, record.revision):
                raise ConflictError("the tenant was changed at the same time; try again")
            if tenant.policy.probe_interval != record.tenant.policy.probe_interval:
                peer_health.look_again_at_all(tx, name)
            return pb.UpdateTenantResponse(tenant=self._message(_read(tx, name)))

        return await self._mutations.perform(request, request.request_id, pb.UpdateTenantResponse, update)

    async def DeleteTenant(self, request: pb.DeleteTenantRequest, _context: Context) -> pb.DeleteTenantResponse:
        name = tenant_of(request.name, "name")
        if name == DEFAULT_TENANT:
            raise PermissionDeniedError("the default tenant stays")

        def delete(tx: Transaction) -> pb.DeleteTenantResponse:
            record = self._current(tx, name, request.etag)
            if tenants.has_registered_peer(tx, name):
                raise WrongStateError("the tenant has registered peers; unregister them first")
            if not tenants.remove(tx, name, record.revision):
                raise ConflictError("the tenant was changed at the same time; try again")
            callers.forget_tenant(tx, name)
            return pb.DeleteTenantResponse()

        return await self._mutations.perform(request, request.request_id, pb.DeleteTenantResponse, delete)

    def _current(self, tx: Transaction, name: str, expected: str) -> TenantRecord:
        record = _found(tenants.find(tx.session, name))
        if expected and expected != etag(record.revision):
            raise EtagMismatchError(f"the tenant has changed; its etag is now {etag(record.revision)}")
        return record

    def _message(self, record: TenantRecord) -> resources_pb2.Tenant:
        tenant = record.tenant
        return resources_pb2.Tenant(
            name=f"tenants/{tenant.id}",
            versions=[str(version) for version in tenant.versions],
            parties=map(party_to_pb, tenant.parties),
            public_url=tenant.public_url or "",
            endpoints=[
                resources_pb2.VersionedEndpoint(version=str(version), endpoint=endpoint_to_pb(endpoint))
                for version, endpoint in tenant.endpoints
            ],
            policy=policy_to_pb(tenant.policy),
            versions_url=Urls(tenant.public_url or self._public_url, tenant.id).versions,
            etag=etag(record.revision),
            create_time=timestamp(record.created_at),
            update_time=timestamp(record.updated_at),
            warnings=shortcomings(tenant),
        )


def _merged(tenant: Tenant, message: resources_pb2.Tenant, fields: Sequence[str], found: Violations) -> Tenant:
    """The tenant with these fields of the message. Raises InvalidArgumentError with everything that is wrong."""
    changed: dict[str, Any] = {}
    if "versions" in fields:
        changed["versions"] = versions_from_pb(message.versions, DIALECTS, "tenant.versions", found)
        if not message.versions:
            found.add("tenant.versions", "at least one version is needed")
    if "parties" in fields:
        changed["parties"] = parties_from_pb(message.parties, "tenant.parties", found)
        if not message.parties:
            found.add("tenant.parties", "at least one party is needed: peers are told who you are (CO-09)")
        _flawless(changed["parties"], found)
    if "public_url" in fields:
        changed["public_url"] = _public_url(message.public_url, found)
    if "endpoints" in fields:
        changed["endpoints"] = _endpoints(message, found)
    if "policy" in fields:
        changed["policy"] = policy_from_pb(message.policy, found)
    found.check()
    return replace(tenant, **changed)


def _endpoints(message: resources_pb2.Tenant, found: Violations) -> tuple[tuple[Version, Endpoint], ...]:
    """As they can be listed to peers, each in its version."""
    endpoints = versioned_endpoints_from_pb(message.endpoints, found)
    if len(endpoints) == len(message.endpoints):  # else the places of those that are left are not those of the message
        for index, why in inexpressible(endpoints):
            found.add(f"tenant.endpoints[{index}]", why)
    return endpoints


def _flawless(parties: Sequence[Party], found: Violations) -> None:
    """Peers are told who we are as it stands here, so that it must be what we would take from them."""
    for index, party in enumerate(parties):
        for flaw in flaws(party.details):
            found.add(f"tenant.parties[{index}]", f"peers may not take {flaw}")


def _refuse_held(tx: Transaction, tenant: Tenant) -> None:
    """A party is one platform's: its peer could not update the registration any more (PR-02)."""
    held = peers.holders(tx.session, tenant.id, [party.key for party in tenant.parties])
    found = Violations()
    for index, party in enumerate(tenant.parties):
        if party.key in held:
            found.add(f"tenant.parties[{index}]", f"{party.key} is held by one of the tenant's peers")
    found.check()


def _public_url(value: str, found: Violations) -> str | None:
    wrong = public_urls.flaw(value) if value else None
    if wrong:
        found.add("tenant.public_url", wrong)
    return value.rstrip("/") or None


def _found(record: TenantRecord | None) -> TenantRecord:
    if record is None:
        raise NotFoundError("there is no such tenant")
    return record


def _read(tx: Transaction, name: str) -> TenantRecord:
    tx.session.expire_all()
    return _found(tenants.find(tx.session, name))
