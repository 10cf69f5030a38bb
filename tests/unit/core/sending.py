"""What the tests of the Sender begin with: plans, what a peer lists and answers, and states on the way."""

from dataclasses import replace

from broker.core.exchange import ExchangeKind
from broker.core.model import (
    AnnouncedParty,
    Announcement,
    BusinessDetails,
    Credentials,
    Endpoint,
    InterfaceRole,
    Party,
    PartyKey,
    Registration,
    RequiredModule,
    Role,
    Terms,
    Token,
    Version,
)
from broker.core.receiver import PeerFailed, VersionsRead
from broker.core.sender import Answered, Asking, Begun, Ended, Keep, Plan, Stop, step
from broker.errors import PeerRejectedTokenError, PeerUnusableError

POST, PUT, DELETE = ExchangeKind.POST, ExchangeKind.PUT, ExchangeKind.DELETE
V211, V22, V221, V230, V2100 = map(Version, ("2.1.1", "2.2", "2.2.1", "2.3.0", "2.10.0"))
LISTED_ALL = (V211, V22, V221, V230)
URL = "https://peer.example/versions"
ACCESS, OFFERED, GIVEN, SPARE = map(
    Token, ("the-access-token", "the-offered-token", "the-given-token", "the-spare-one")
)

CPO, EMSP, OURS = PartyKey("DE", "KWL", Role.CPO), PartyKey("DE", "KWL", Role.EMSP), PartyKey("NL", "LMH", Role.EMSP)
STRANGER = PartyKey("FR", "XYZ", Role.CPO)
LOCATIONS = Endpoint("locations", InterfaceRole.SENDER, "https://peer.example/locations")
NEEDS = RequiredModule("cdrs", InterfaceRole.SENDER, Role.CPO)

UNAUTHORIZED = PeerFailed(PeerRejectedTokenError("versions list: HTTP 401"))
AWAY = PeerFailed(PeerUnusableError("versions list: could not connect"))


def credentials(version):
    return Endpoint("credentials", None, f"https://peer.example/{version}/credentials")


def serves(version):
    return (credentials(version), LOCATIONS)


def details(version):
    return f"https://peer.example/{version}"


def listed(*versions):
    return VersionsRead({version: details(version) for version in versions})


def parties(*keys):
    return tuple(Party(key, BusinessDetails(f"Company {key}")) for key in keys)


def answer(*keys, token=GIVEN, url=URL, **more):
    announced = tuple(
        AnnouncedParty(f"roles[{index}]", party.details, party.key.country_code, party.key.party_id, party.key.role)
        for index, party in enumerate(parties(*(keys or (CPO,))))
    )
    return Announcement(token, url, announced, **more)


CONNECT = Plan(
    POST, URL, ACCESS, frozenset({V211, V221, V230}), terms=Terms(frozenset({CPO, EMSP})), ours=frozenset({OURS})
)
RENEW = replace(
    CONNECT,
    kind=PUT,
    current=V221,
    endpoints=serves(V221),
    registration=Registration(V221, Credentials(ACCESS, URL, parties(CPO)), serves(V221)),
)
END = replace(RENEW, kind=DELETE)


def played(plan, *events):
    """The state after these events, and all effects."""
    state, effect = step(plan, Begun())
    effects = [effect]
    for event in events:
        state, effect = step(state, event)
        effects.append(effect)
    return state, effects


def asking(plan=CONNECT, version=V221, *, unlisted=False):
    """A request is under way."""
    urls = {one: details(one) for one in plan.offers if not (unlisted and one == version)}
    return Asking(plan, version, urls, endpoints=serves(version), unlisted=unlisted)


def stopped(state, event):
    """The error that it ends with, and whether another attempt may help."""
    after, effect = step(state, event)
    assert isinstance(effect, Stop)
    assert after == Ended()
    return type(effect.error), effect.again


def kept(announcement, plan=CONNECT, offered=OFFERED):
    _, effect = step(asking(plan), Answered(announcement, offered))
    assert isinstance(effect, Keep)
    return effect
