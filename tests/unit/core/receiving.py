"""What the tests of the Receiver begin with: peers, what they announce, and what stood before."""

from dataclasses import replace

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
from broker.core.receiver import Posted, Presented, Put, Refuse, Rules, Standing, Verifying, VersionsRead, step
from broker.errors import BodyNotJsonError

V20, V22, V221, V230 = Version("2.0"), Version("2.2"), Version("2.2.1"), Version("2.3.0")
URL = "https://peer.example/ocpi/versions"
ELSEWHERE = "https://thief.example/ocpi/versions"
DETAILS = "https://peer.example/ocpi/2.2.1"
SECRET = "token-b-generated-by-the-peer"
TOKEN = Token(SECRET)

CPO = PartyKey("DE", "KWL", Role.CPO)
EMSP = PartyKey("DE", "KWL", Role.EMSP)
OTHER = PartyKey("FR", "XYZ", Role.CPO)
NOBODY = PartyKey("NL", "ABC", Role.CPO)

CREDENTIALS = Endpoint("credentials", InterfaceRole.RECEIVER, "https://peer.example/ocpi/2.2.1/credentials")
LOCATIONS = Endpoint("locations", InterfaceRole.SENDER, "https://peer.example/ocpi/2.2.1/locations")
NEEDS_LOCATIONS = RequiredModule("locations", InterfaceRole.SENDER, Role.CPO)

ANSWERED = 1_000
SINCE = ANSWERED + 1


def parties(*keys):
    return tuple(Party(key, BusinessDetails(f"Company {key}")) for key in keys)


def credentials(*keys, url=URL, token=TOKEN):
    return Credentials(token, url, parties(*(keys or (CPO, EMSP))))


def body(*keys, url=URL, token=TOKEN, warnings=()):
    """The same as it is announced from 2.2 on."""
    announced = tuple(
        AnnouncedParty(f"roles[{index}]", party.details, party.key.country_code, party.key.party_id, party.key.role)
        for index, party in enumerate(parties(*(keys or (CPO, EMSP))))
    )
    return Announcement(token, url, announced, warnings=warnings)


def meant(announced):
    """What an announcement that leaves nothing out says."""
    named = (Party(PartyKey(one.country_code, one.party_id, one.role), one.details) for one in announced.parties)
    return Credentials(announced.token, announced.url, tuple(named))


THEIRS = credentials()
BODY = body()
UNREADABLE = BodyNotJsonError("the body is not JSON")
REGISTRATION = Registration(V221, credentials(token=Token("an-older-token")), (CREDENTIALS, LOCATIONS))

INVITED = Standing(Terms(frozenset({CPO, EMSP, OTHER})), Presented.INVITATION)
CURRENT = Standing(INVITED.terms, Presented.CURRENT, REGISTRATION, answered_at=ANSWERED, newest_version=V221)
REPLACED = replace(CURRENT, presented=Presented.REPLACED)
SPENT = replace(CURRENT, presented=Presented.SPENT_INVITATION)
STANDINGS = {"invited": INVITED, "spent": SPENT, "current": CURRENT, "replaced": REPLACED}
VERIFYING = Verifying(INVITED, V221, THEIRS)


def post(theirs=BODY, *, version=V221, arrived=SINCE):
    return Posted(version, theirs, arrived)


def put(theirs=BODY, *, version=V221, arrived=SINCE):
    return Put(version, theirs, arrived)


def refusal(state, event):
    """The refusal that the event ends in; None if the exchange goes on."""
    _, effect = step(state, event)
    return effect.error if isinstance(effect, Refuse) else None


def reading_details(before=INVITED, theirs=THEIRS):
    """The state in which the peer's version details are awaited."""
    state, _ = step(Verifying(before, V221, theirs), VersionsRead({V221: DETAILS}))
    return state


def ruled(state, **rules):
    return replace(state, rules=Rules(**rules))


def flat(country="DE", party="KWL", **what):
    """As it is announced before 2.2."""
    named = AnnouncedParty("party_id", BusinessDetails("Kabelwerk"), country, party)
    return Announcement(TOKEN, URL, (named,), **what)
