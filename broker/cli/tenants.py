"""ocpi-broker tenant …: the OCPI platforms that this deployment operates."""

from typing import Annotated, Any

import typer
from google.protobuf.field_mask_pb2 import FieldMask

from broker.cli import documents, prompts
from broker.cli.connection import connected
from broker.cli.failures import CommandError
from broker.cli.names import tenant_name
from broker.cli.options import DataDir, Json, TenantId, Yes, request_id
from broker.cli.output import answer, answer_list
from broker.cli.tenant_options import (
    Downgrade,
    Endpoints,
    InvitationExpiry,
    Parties,
    PostRetryWindow,
    ProbeInterval,
    PublicUrl,
    PutRetryWindow,
    Requirements,
    Roles,
    RotationPeriod,
    Strict,
    Versions,
)
from ocpi_broker.v1.resources_pb2 import Tenant, TenantPolicy
from ocpi_broker.v1.tenant_service_pb2 import (
    CreateTenantRequest,
    DeleteTenantRequest,
    GetTenantRequest,
    ListTenantsRequest,
    UpdateTenantRequest,
)

app = typer.Typer(no_args_is_help=True, help="The OCPI platforms that this deployment operates.")


@app.command()
def create(
    tenant: TenantId,
    party: Parties = None,
    version: Versions = None,
    public_url: PublicUrl = None,
    endpoint: Endpoints = None,
    require: Requirements = None,
    invitation_expiry: InvitationExpiry = None,
    post_retry_window: PostRetryWindow = None,
    put_retry_window: PutRetryWindow = None,
    rotation_period: RotationPeriod = None,
    probe_interval: ProbeInterval = None,
    role_policy: Roles = None,
    downgrade: Downgrade = None,
    strict: Strict = None,
    data_dir: DataDir = None,
    as_json: Json = False,
) -> None:
    """Create a tenant with its parties and the OCPI versions that it offers."""
    wanted = Tenant(parties=party, versions=version, public_url=public_url or "", endpoints=endpoint)
    wanted.policy.MergeFrom(
        TenantPolicy(
            required_modules=require,
            invitation_expiry=invitation_expiry,
            post_retry_window=post_retry_window,
            put_retry_window=put_retry_window,
            rotation_period=rotation_period,
            probe_interval=probe_interval,
            role_policy=role_policy,
            may_downgrade=downgrade,
            strict=bool(strict),
        )
    )
    with connected(data_dir) as broker:
        request = CreateTenantRequest(tenant_id=tenant, tenant=wanted, request_id=request_id())
        created = broker.ask(broker.tenants.CreateTenant, request).tenant
    answer(documents.tenant(created), as_json=as_json)


@app.command()
def update(
    tenant: TenantId,
    party: Parties = None,
    version: Versions = None,
    public_url: PublicUrl = None,
    endpoint: Endpoints = None,
    require: Requirements = None,
    invitation_expiry: InvitationExpiry = None,
    post_retry_window: PostRetryWindow = None,
    put_retry_window: PutRetryWindow = None,
    rotation_period: RotationPeriod = None,
    probe_interval: ProbeInterval = None,
    role_policy: Roles = None,
    downgrade: Downgrade = None,
    strict: Strict = None,
    no_endpoints: Annotated[bool, typer.Option("--no-endpoints", help="List no module beside credentials.")] = False,
    no_requirements: Annotated[bool, typer.Option("--no-requirements", help="Require no module of peers.")] = False,
    data_dir: DataDir = None,
    as_json: Json = False,
) -> None:
    """Change a tenant. Each option given replaces that setting, a list as a whole; the others stay as they are."""
    given: dict[str, Any] = {
        "parties": party,
        "versions": version,
        "public_url": public_url,
        "endpoints": [] if no_endpoints else endpoint,
    }
    changes = {field: value for field, value in given.items() if value is not None}
    rules: dict[str, Any] = {
        "required_modules": [] if no_requirements else require,
        "invitation_expiry": invitation_expiry,
        "post_retry_window": post_retry_window,
        "put_retry_window": put_retry_window,
        "rotation_period": rotation_period,
        "probe_interval": probe_interval,
        "role_policy": role_policy,
        "may_downgrade": downgrade,
        "strict": strict,
    }
    amended = {field: value for field, value in rules.items() if value is not None}
    with connected(data_dir) as broker:
        now = broker.ask(broker.tenants.GetTenant, GetTenantRequest(name=tenant_name(tenant))).tenant
        wanted = Tenant(name=now.name, **changes)
        if party:
            _keep_looks(wanted, now)
            wanted.etag = now.etag
        if amended:
            # The policy is replaced as a whole: what is not given comes from what stands, if it still stands.
            stands = {field.name: value for field, value in now.policy.ListFields()}
            wanted.policy.CopyFrom(TenantPolicy(**(stands | amended)))
            wanted.etag = now.etag
            changes["policy"] = wanted.policy
        if not changes:
            raise CommandError("nothing to change: give at least one option", 2)
        request = UpdateTenantRequest(tenant=wanted, update_mask=FieldMask(paths=changes), request_id=request_id())
        updated = broker.ask(broker.tenants.UpdateTenant, request).tenant
    answer(documents.tenant(updated), as_json=as_json)


def _keep_looks(wanted: Tenant, now: Tenant) -> None:
    """--party says who a party is and its name; a website and a logo that it has stay."""
    known = {(party.country_code, party.party_id, party.role): party.business_details for party in now.parties}
    for party in wanted.parties:
        details = known.get((party.country_code, party.party_id, party.role))
        if details is not None:
            party.business_details.website = details.website
            if details.HasField("logo"):
                party.business_details.logo.CopyFrom(details.logo)


@app.command()
def show(tenant: TenantId, data_dir: DataDir = None, as_json: Json = False) -> None:
    """Show one tenant."""
    with connected(data_dir) as broker:
        found = broker.ask(broker.tenants.GetTenant, GetTenantRequest(name=tenant_name(tenant))).tenant
    answer(documents.tenant(found), as_json=as_json)


@app.command("list")
def list_(data_dir: DataDir = None, as_json: Json = False) -> None:
    """List the tenants that your key may see."""
    with connected(data_dir) as broker:
        pages = broker.pages(broker.tenants.ListTenants, ListTenantsRequest())
        rows = [documents.tenant(tenant) for page in pages for tenant in page.tenants]
    answer_list("tenants", rows, ["tenant", "versions", "parties", "versions_url"], as_json=as_json)


@app.command()
def delete(tenant: TenantId, yes: Yes = False, data_dir: DataDir = None, as_json: Json = False) -> None:
    """Remove a tenant that has no registered peer. Nothing that was sealed for it can ever be read again."""
    prompts.confirm(f"Tenant {tenant} and all its peers go for good.", yes=yes)
    with connected(data_dir) as broker:
        request = DeleteTenantRequest(name=tenant_name(tenant), request_id=request_id())
        broker.ask(broker.tenants.DeleteTenant, request)
    answer({"tenant": tenant, "deleted": True}, as_json=as_json)
