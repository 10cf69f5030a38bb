"""What `tenant create` and `tenant update` can be told about a tenant and its policy, said once for both."""

from typing import Annotated, Any, TypeAlias

import typer
from google.protobuf.duration_pb2 import Duration

from broker.cli import notation
from broker.cli.options import reader
from ocpi_broker.v1.resources_pb2 import Party, RequiredModule, VersionedEndpoint

Parties: TypeAlias = Annotated[
    list[Party] | None,
    typer.Option(
        "--party",
        metavar="CC/PID/ROLE=NAME",
        parser=reader(notation.named_party),
        help="A party of the tenant, for example 'NL/LMH/CPO=Lumen Hub'. May be repeated.",
    ),
]
Versions: TypeAlias = Annotated[
    list[str] | None,
    typer.Option(
        "--version", metavar="V", help="An OCPI version offered to peers; 2.2.1 alone unless set. May be repeated."
    ),
]
PublicUrl: TypeAlias = Annotated[
    str | None,
    typer.Option(
        "--public-url", metavar="URL", help="Public URL of its own, if not the deployment's; '' for the deployment's."
    ),
]
Endpoints: TypeAlias = Annotated[
    list[VersionedEndpoint] | None,
    typer.Option(
        "--endpoint",
        metavar="VERSION/MODULE/SIDE=URL",
        parser=reader(notation.endpoint),
        help="A module of the tenant, listed in version details beside credentials, for example "
        "'2.2.1/locations/SENDER=https://api.example.com/locations'. May be repeated.",
    ),
]
Requirements: TypeAlias = Annotated[
    list[RequiredModule] | None,
    typer.Option(
        "--require",
        metavar="[ROLE:]MODULE[/SIDE]",
        parser=reader(notation.requirement),
        help="A module that a registering peer must serve: 'locations' of every peer, 'CPO:locations/SENDER' of CPOs. "
        "May be repeated.",
    ),
]


def _window(option: str, what: str) -> object:
    return typer.Option(option, metavar="30m|12h|14d", parser=reader(notation.period), help=what)


InvitationExpiry: TypeAlias = Annotated[
    Duration | None, _window("--invitation-expiry", "How long an invitation may wait; 14d unless set.")
]
PostRetryWindow: TypeAlias = Annotated[
    Duration | None,
    _window(
        "--post-retry-window", "How long a lost answer to POST may be asked for again; 15m unless set, 0 is strict."
    ),
]
PutRetryWindow: TypeAlias = Annotated[
    Duration | None,
    _window("--put-retry-window", "How long the old token lives on after PUT; 24h unless set, 0 is strict."),
]
RotationPeriod: TypeAlias = Annotated[
    Duration | None,
    typer.Option(
        "--rotation-period",
        metavar="90d|12h|never",
        parser=reader(notation.usual_rotation_period),
        help="How old tokens become before we renew them by PUT; 30d unless set.",
    ),
]
ProbeInterval: TypeAlias = Annotated[
    Duration | None,
    _window(
        "--probe-interval",
        "How long a peer may be quiet before we look whether it still takes our token; 1h unless set, 0 never looks.",
    ),
]
Roles: TypeAlias = Annotated[
    str | None,
    typer.Option(
        "--role-policy",
        metavar="exact|pattern|manual",
        parser=reader(notation.role_policy),
        help="Invitations must name each party, may name patterns, or what they do not cover waits for "
        "`peer approve`; pattern unless set.",
    ),
]
Downgrade: TypeAlias = Annotated[
    Any,
    typer.Option(
        "--downgrade",
        metavar="locked|allowed",
        parser=reader(notation.may_downgrade),
        help="Whether PUT may lead below the newest version that a peer has used; locked unless set.",
    ),
]
Strict: TypeAlias = Annotated[
    bool | None,
    typer.Option("--strict/--no-strict", help="Refuse what is otherwise let pass with a warning; for certification."),
]
