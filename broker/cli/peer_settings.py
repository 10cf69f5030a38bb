"""ocpi-broker peer update and approve: what operators decide about one peer."""

from typing import Annotated, Any

import typer
from google.protobuf.field_mask_pb2 import FieldMask

from broker.cli import approvals, documents, notation
from broker.cli.connection import Broker, connected
from broker.cli.failures import CommandError
from broker.cli.names import peer_name
from broker.cli.options import (
    AnyParty,
    DataDir,
    ExpectedParties,
    ExpectedUrl,
    Json,
    OfTenant,
    PeerId,
    reader,
    request_id,
)
from broker.cli.output import answer
from broker.core.paths import DEFAULT_TENANT
from ocpi_broker.v1.peer_service_pb2 import GetPeerRequest, UpdatePeerRequest
from ocpi_broker.v1.resources_pb2 import Party, Peer


def _rotation_period(text: str) -> str:
    """As it was typed, but judged: None stands for an option that is not given, and cannot for `tenant` as well."""
    notation.rotation_period(text)
    return text


def update(
    name: PeerId,
    tenant: OfTenant = DEFAULT_TENANT,
    quirk: Annotated[
        list[Any] | None,
        typer.Option(
            "--quirk",
            metavar="NAME[=VALUE]",
            parser=reader(notation.quirk),
            help="Set a quirk, for example trailing_slash or auth_form_out=raw. May be repeated.",
        ),
    ] = None,
    no_quirk: Annotated[
        list[str] | None, typer.Option("--no-quirk", metavar="NAME", help="Take a quirk back. May be repeated.")
    ] = None,
    version: Annotated[
        list[str] | None,
        typer.Option("--version", metavar="V", help="Offer this peer only these OCPI versions. May be repeated."),
    ] = None,
    all_versions: Annotated[
        bool, typer.Option("--all-versions", help="Offer it every version of the tenant again.")
    ] = False,
    downgrade: Annotated[
        bool | None,
        typer.Option(
            "--allow-downgrade/--lock-downgrade",
            help="Whether PUT may lead it below the newest version that it has used.",
        ),
    ] = None,
    lifecycle: Annotated[
        str | None,
        typer.Option(
            "--lifecycle",
            metavar="managed|manual",
            parser=reader(notation.lifecycle),
            help="manual: never call its credentials module; people hand its tokens over.",
        ),
    ] = None,
    rotation_period: Annotated[
        str | None,
        typer.Option(
            "--rotation-period",
            metavar="90d|12h|never|tenant",
            parser=reader(_rotation_period),
            help="How old its tokens become before they are renewed. tenant: as the tenant's policy says.",
        ),
    ] = None,
    renew: Annotated[
        str | None,
        typer.Option(
            "--renew",
            metavar="put|reregister",
            parser=reader(notation.renewal),
            help="reregister: it knows no PUT; a warning says when to ask it for a registration token.",
        ),
    ] = None,
    party: ExpectedParties = None,
    any_party: AnyParty = False,
    versions_url: ExpectedUrl = None,
    data_dir: DataDir = None,
    as_json: Json = False,
) -> None:
    """Change the settings of a peer. Quirks are changed one by one; --party, --any-party and --version replace."""
    with connected(data_dir) as broker:
        now = _current(broker, tenant, name)
        wanted, changed = Peer(name=now.name, etag=now.etag), list[str]()
        if quirk or no_quirk:
            changed.append("quirks")
            wanted.quirks.update(_quirks(now, dict(quirk or []), no_quirk or []))
        if version or all_versions:
            changed.append("versions")
            wanted.versions.extend(version or [])
        if downgrade is not None:
            changed.append("may_downgrade")
            wanted.may_downgrade = downgrade
        changed += _cared(wanted, lifecycle, rotation_period, renew)
        if party or any_party or versions_url is not None:
            changed.append("terms")
            wanted.terms.CopyFrom(_terms(now, party, any_party=any_party, versions_url=versions_url))
        if not changed:
            raise CommandError("nothing to change: give at least one option", 2)
        _change(broker, wanted, changed, as_json=as_json)


def approve(
    name: PeerId,
    tenant: OfTenant = DEFAULT_TENANT,
    party: Annotated[
        list[Party] | None,
        typer.Option(
            "--party",
            metavar="CC/PID/ROLE",
            parser=reader(notation.party),
            help="A party that it asked for, as `peer show` lists them. May be repeated.",
        ),
    ] = None,
    everything: Annotated[bool, typer.Option("--all", help="All parties that it asked for.")] = False,
    none: Annotated[bool, typer.Option("--none", help="Turn down everything that it asked for.")] = False,
    data_dir: DataDir = None,
    as_json: Json = False,
) -> None:
    """Let a peer have parties that it asked for.

    Those that it has announced in an exchange that succeeded are open at once, and so ends its quarantine; for others
    its next POST or PUT goes through. Name each with --party where the peer may ask for others while you look.
    """
    if [none, everything, bool(party)].count(True) != 1:
        raise CommandError("give the parties with --party, or --all, or --none", 2)
    with connected(data_dir) as broker:
        now = _current(broker, tenant, name)
        approved = [] if none else approvals.chosen(now, party or [])
        wanted = Peer(name=now.name, etag=now.etag, terms=now.terms)
        wanted.terms.parties.extend(one for one in approved if one not in now.terms.parties)
        peer = _changed(broker, wanted, ["requested_parties"] if none else ["terms"])
        left = [notation.party_text(one) for one in peer.requested_parties if one in approved]
        if left and not [one for one in approved if one not in peer.requested_parties]:
            raise CommandError(f"{name} cannot have {', '.join(left)}: {approvals.why_not(peer)}")
        answer(documents.peer(peer), as_json=as_json)


def _cared(wanted: Peer, lifecycle: str | None, rotation_period: str | None, renew: str | None) -> list[str]:
    """Write down what is to be done about its tokens; which fields that were."""
    if lifecycle is not None:
        wanted.MergeFrom(Peer(lifecycle=lifecycle))
    if rotation_period is not None:
        period = notation.rotation_period(rotation_period)
        if period is not None:
            wanted.rotation_period.CopyFrom(period)
    if renew is not None:
        wanted.MergeFrom(Peer(renewal=renew))
    given = {"lifecycle": lifecycle, "rotation_period": rotation_period, "renewal": renew}
    return [name for name, value in given.items() if value is not None]


def _current(broker: Broker, tenant: str, name: str) -> Peer:
    return broker.ask(broker.peers.GetPeer, GetPeerRequest(name=peer_name(tenant, name))).peer


def _change(broker: Broker, wanted: Peer, changed: list[str], *, as_json: bool) -> None:
    answer(documents.peer(_changed(broker, wanted, changed)), as_json=as_json)


def _changed(broker: Broker, wanted: Peer, changed: list[str]) -> Peer:
    request = UpdatePeerRequest(peer=wanted, update_mask=FieldMask(paths=changed), request_id=request_id())
    return broker.ask(broker.peers.UpdatePeer, request).peer


def _quirks(now: Peer, given: dict[str, str], taken_back: list[str]) -> dict[str, str]:
    unset = [name for name in taken_back if name not in now.quirks]
    if unset:
        raise CommandError(f"the quirk {unset[0]} is not set", 2)
    return {name: value for name, value in now.quirks.items() if name not in taken_back} | given


def _terms(now: Peer, party: list[Any] | None, *, any_party: bool, versions_url: str | None) -> Any:
    """What is not given comes from what stands: the parties as a whole, and the URL."""
    if versions_url is None:
        versions_url = now.terms.versions_url
    if party or any_party:
        return notation.terms(party or [], any_party=any_party, versions_url=versions_url)
    stands: list[Party | str] = [*now.terms.parties, *now.terms.patterns]
    return notation.terms(stands, any_party=now.terms.any_party, versions_url=versions_url)
