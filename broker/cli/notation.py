"""How parties, periods, moments and endpoints are written on the command line.

Every reader takes the text of one argument; its ValueError shows the form that was expected.
"""

import re
from collections.abc import Iterable, Sequence

from google.protobuf.duration_pb2 import Duration
from google.protobuf.message import Message

from broker.cli.names import word
from broker.core import model
from broker.core.caller import CallerRole
from broker.core.lifecycle import Lifecycle, Renewal
from broker.core.peer import PeerState
from broker.core.quirks import Quirks
from ocpi_broker.v1.resources_pb2 import (
    BusinessDetails,
    Endpoint,
    InterfaceRole,
    InvitationTerms,
    Party,
    RequiredModule,
    Role,
    VersionedEndpoint,
)
from ocpi_broker.v1.token_service_pb2 import PartyKey

_PERIOD = re.compile(r"([0-9]{1,9})([smhd])")
_SECONDS = {"d": 86_400, "h": 3_600, "m": 60, "s": 1}
_PARTY = re.compile(r"([A-Za-z]{2})/([A-Za-z0-9]{3})(?:/([A-Za-z]+))?")
_ENDPOINT = re.compile(r"([^/=]+)/([^/=]+)(?:/([A-Za-z]+))?=(.+)")
_REQUIREMENT = re.compile(r"(?:([A-Za-z]+):)?([^/:]+)(?:/([A-Za-z]+))?")


def quirk(text: str) -> tuple[str, str]:
    """NAME=VALUE, or NAME alone for what can only be on or off."""
    name, equals, value = text.partition("=")
    settings = {name: value if equals else "true"}
    Quirks.read(settings)
    return name, settings[name]


def role_policy(text: str) -> str:
    """exact, pattern or manual, as the contract names it."""
    return _in_lower("ROLE_POLICY_", text, model.RolePolicy.__members__)


def may_downgrade(text: str) -> bool:
    """Locked or allowed."""
    if text not in ("locked", "allowed"):
        raise ValueError("must be locked or allowed")
    return text == "allowed"


def period(text: str) -> Duration:
    """30s, 15m, 12h or 14d; 0 is none at all."""
    match = _PERIOD.fullmatch("0s" if text == "0" else text)
    if not match:
        raise ValueError("must be a number and a unit, for example 30s, 15m, 12h or 14d")
    return Duration(seconds=int(match[1]) * _SECONDS[match[2]])


def period_text(duration: Duration) -> str:
    """In the largest unit that fits without a remainder."""
    unit = next((unit for unit, length in _SECONDS.items() if duration.seconds % length == 0), "s")
    return f"{duration.seconds // _SECONDS[unit]}{unit}" if duration.seconds else "0s"


def rotation_period(text: str) -> Duration | None:
    """A period; never; or tenant, for what the tenant's policy says."""
    if text == "tenant":
        return None
    try:
        return usual_rotation_period(text)
    except ValueError as err:
        raise ValueError(f"{err}, or tenant for what the tenant's policy says") from None


def usual_rotation_period(text: str) -> Duration:
    """A period, or never."""
    if text == "never":
        return Duration(seconds=0)
    try:
        return period(text)
    except ValueError:
        raise ValueError("must be a number and a unit, for example 90d or 12h, or never") from None


def rotation_text(period_: Duration | None) -> str | None:
    """The same, as it is typed; None for what the tenant's policy says."""
    if period_ is None:
        return None
    return period_text(period_) if period_.seconds else "never"


def lifecycle(text: str) -> str:
    """Managed or manual, as the contract names it."""
    return _in_lower("PEER_LIFECYCLE_", text, Lifecycle.__members__)


def renewal(text: str) -> str:
    """Put or reregister, as the contract names it."""
    return _in_lower("PEER_RENEWAL_", text, Renewal.__members__)


def header_form(text: str) -> str:
    """Raw or base64, as the contract names it."""
    return _in_lower("HEADER_FORM_", text, model.HeaderForm.__members__)


def span_text(seconds: float) -> str:
    """How long something is, to the unit that matters: 12d, 3h, 40s."""
    whole = max(0, int(seconds))
    unit = next((unit for unit, length in _SECONDS.items() if whole >= length), "s")
    return f"{whole // _SECONDS[unit]}{unit}"


def time_text(message: Message, name: str) -> str | None:
    """The timestamp in a field, if it is there."""
    return getattr(message, name).ToJsonString() if message.HasField(name) else None


def party_key(text: str) -> PartyKey:
    """NL/LMH, in whichever role, or NL/LMH/CPO; the letter case does not matter."""
    match = _PARTY.fullmatch(text)
    if not match:
        raise ValueError("must be two letters, three letters or digits, and a role, for example NL/LMH/CPO")
    return PartyKey(country_code=match[1].upper(), party_id=match[2].upper(), role=role(match[3]))


def party(text: str) -> Party:
    """NL/LMH/CPO."""
    key = party_key(text)
    if not key.role:
        raise ValueError(f"must end in a role, for example {text}/CPO")
    return Party(country_code=key.country_code, party_id=key.party_id, role=key.role)


def expected_party(text: str) -> Party | str:
    """A party that may register, DE/KWL/CPO, or a pattern of parties, DE/*/CPO."""
    return str(model.PartyPattern.parse(text)) if model.ANY in text else party(text)


def terms(expected: Sequence[Party | str], *, any_party: bool, versions_url: str | None) -> InvitationTerms:
    """Who may register, from parties and patterns."""
    parties = [one for one in expected if isinstance(one, Party)]
    patterns = [one for one in expected if isinstance(one, str)]
    return InvitationTerms(parties=parties, patterns=patterns, any_party=any_party, versions_url=versions_url or "")


def named_party(text: str) -> Party:
    """NL/LMH/CPO=Lumen Hub."""
    key, _, name = text.partition("=")
    if not name.strip():
        raise ValueError("must end in the company's name, for example NL/LMH/CPO=Lumen Hub")
    named = party(key)
    named.business_details.CopyFrom(BusinessDetails(name=name.strip()))
    return named


def party_text(message: Party) -> str:
    """The party's key, as it is typed."""
    return f"{message.country_code}/{message.party_id}/{word(Role, message.role, 'ROLE_')}"


def endpoint(text: str) -> VersionedEndpoint:
    """2.2.1/locations/SENDER=https://api.example.com/locations."""
    match = _ENDPOINT.fullmatch(text)
    if not match:
        raise ValueError("must be written like 2.2.1/locations/SENDER=https://api.example.com/ocpi/locations")
    version, module, side, url = match.groups()
    return VersionedEndpoint(
        version=version, endpoint=Endpoint(module=module, interface_role=interface_role(side), url=url)
    )


def requirement(text: str) -> RequiredModule:
    """locations, locations/SENDER or CPO:locations/SENDER."""
    match = _REQUIREMENT.fullmatch(text)
    if not match:
        raise ValueError("must be written like locations or CPO:locations/SENDER")
    return RequiredModule(peer_role=role(match[1]), module=match[2], interface_role=interface_role(match[3]))


def requirement_text(message: RequiredModule) -> str:
    """The requirement, as it is typed."""
    peers, side = word(Role, message.peer_role, "ROLE_"), word(InterfaceRole, message.interface_role, "INTERFACE_ROLE_")
    return (f"{peers}:" if peers else "") + message.module + (f"/{side}" if side else "")


def database_url(text: str) -> str:
    """postgresql://… or sqlite:///…; what is wrong with it is said without repeating it, as it may hold a password."""
    if not text.startswith(("sqlite:///", "postgresql://", "postgresql+psycopg://")):
        raise ValueError("must start with sqlite:/// or postgresql://")
    return text


def role(name: str | None) -> str:
    """CPO, EMSP, …, as the contract names it; unspecified when no name is given."""
    return _prefixed("ROLE_", name, model.Role.__members__)


def interface_role(name: str | None) -> str:
    """SENDER or RECEIVER, as the contract names it; unspecified when no name is given."""
    return _prefixed("INTERFACE_ROLE_", name, model.InterfaceRole.__members__)


def caller_role(name: str) -> str:
    """reader, operator, gateway, auditor or admin, as the contract names it."""
    return _in_lower("CALLER_ROLE_", name, CallerRole.__members__)


def peer_state(name: str) -> str:
    """invited, connecting, registered or unregistered, as the contract names it."""
    return _in_lower("PEER_STATE_", name, PeerState.__members__)


def _in_lower(prefix: str, name: str, known: Iterable[str]) -> str:
    """The same for words that are typed in lower case."""
    return _prefixed(prefix, name, [one.lower() for one in known])


def _prefixed(prefix: str, name: str | None, known: Iterable[str]) -> str:
    """The contract's name for it; the letter case does not matter."""
    if name is None:
        return f"{prefix}UNSPECIFIED"
    if name.upper() not in map(str.upper, known):
        raise ValueError(f"{name} is not one of {', '.join(known)}")
    return f"{prefix}{name.upper()}"
