"""What a credentials object leaves out: the role before 2.2, ids and URL in the draft of 2.0 (A17, VL-10)."""

import pytest

from broker.core.announcements import Known, completed, echoes, renamed, understood
from broker.core.model import (
    AnnouncedParty,
    Announcement,
    BusinessDetails,
    Credentials,
    Party,
    PartyKey,
    PartyPattern,
    Registration,
    Role,
    Terms,
    Token,
    Version,
)
from broker.errors import CredentialsInvalidError

TOKEN = Token("token-of-the-peer")
NO_URL = "url: is required; the invitation does not name the version list either"
NO_PARTY = "party_id: is required; the invitation does not name exactly one party"
URL = "https://peer.example/versions"
ELSEWHERE = "https://peer.example/invited"
DETAILS = BusinessDetails("Kabelwerk Laden")

CPO = PartyKey("DE", "KWL", Role.CPO)
EMSP = PartyKey("DE", "KWL", Role.EMSP)
RJS = PartyKey("NL", "RJS", Role.EMSP)
HUB = PartyKey("NL", "LMH", Role.HUB)
OUR_EMSP = PartyKey("NL", "OWN", Role.EMSP)
OUR_CPO = PartyKey("NL", "OWN", Role.CPO)


def flat(country="DE", party="KWL"):
    """As 2.0 and 2.1.1 have it: ids, and no role."""
    return Announcement(TOKEN, URL, (AnnouncedParty("party_id", DETAILS, country, party),))


def with_roles(*keys):
    """As it is from 2.2 on."""
    parties = (
        AnnouncedParty(f"roles[{index}]", DETAILS, key.country_code, key.party_id, key.role)
        for index, key in enumerate(keys)
    )
    return Announcement(TOKEN, URL, tuple(parties))


DRAFT = Announcement(TOKEN, None, (AnnouncedParty("party_id", DETAILS),), draft=True)


def credentials(*keys, url=URL):
    return Credentials(TOKEN, url, tuple(Party(key, DETAILS) for key in keys))


def known(*invited, patterns=(), any_party=False, url=None, registered=(), ours=(OUR_EMSP,)):
    terms = Terms(frozenset(invited), any_party, url, frozenset(map(PartyPattern.parse, patterns)))
    registration = Registration(Version("2.1.1"), credentials(*registered), ()) if registered else None
    return Known(terms, registration, frozenset(ours))


def refused(announced, what):
    with pytest.raises(CredentialsInvalidError) as refusal:
        completed(announced, what)
    return str(refusal.value)


def test_what_leaves_nothing_out_is_taken_as_it_is():
    assert completed(with_roles(CPO, RJS), known(EMSP, registered=(EMSP,))) == credentials(CPO, RJS)


@pytest.mark.parametrize(
    ("what", "role"),
    [
        # The registration knows it, whatever the invitation says now.
        (known(CPO, registered=(EMSP,)), Role.EMSP),
        (known(any_party=True, registered=(CPO, RJS), ours=(OUR_CPO,)), Role.CPO),
        # The registration is of another party: the invitation decides.
        (known(CPO, registered=(RJS,)), Role.CPO),
        # The invitation names it.
        (known(CPO), Role.CPO),
        (known(EMSP, RJS), Role.EMSP),
        (known(PartyKey("DE", "KWL", Role.NSP)), Role.NSP),
        # A pattern with a role names it too.
        (known(patterns=["DE/*/EMSP"]), Role.EMSP),
        (known(patterns=["*/*/NAP"]), Role.NAP),
        (known(patterns=["NL/*/CPO", "DE/*/EMSP"]), Role.EMSP),
        (known(patterns=["DE/*/CPO", "*/KWL/CPO"]), Role.CPO),
        (known(EMSP, patterns=["DE/*/CPO"]), Role.EMSP),
        # A pattern without one, or none: what our own side leaves over.
        (known(patterns=["DE/*/*"], ours=(OUR_CPO,)), Role.EMSP),
        (known(patterns=["DE/*/*"], ours=(OUR_EMSP,)), Role.CPO),
        (known(any_party=True, ours=(OUR_CPO,)), Role.EMSP),
        (known(any_party=True, ours=(OUR_EMSP,)), Role.CPO),
        (known(any_party=True, ours=(OUR_CPO, PartyKey("BE", "OWN", Role.CPO))), Role.EMSP),
        (known(any_party=True, ours=(OUR_CPO, OUR_EMSP)), Role.OTHER),
        (known(any_party=True, ours=(HUB,)), Role.OTHER),
        (known(any_party=True, ours=(OUR_CPO, HUB)), Role.OTHER),
        (known(any_party=True, ours=()), Role.OTHER),
    ],
)
def test_a_role_follows_from_the_registration_then_the_invitation_then_our_side(what, role):
    assert completed(flat(), what) == credentials(PartyKey("DE", "KWL", role))


@pytest.mark.parametrize(
    "what",
    [
        known(CPO, EMSP),
        known(any_party=True, registered=(CPO, EMSP)),
        known(patterns=["DE/*/CPO", "*/KWL/EMSP"]),
        known(patterns=["DE/*/EMSP", "*/KWL/*"], ours=(OUR_EMSP,)),
    ],
)
def test_of_two_roles_none_is_guessed(what):
    """VL-10: before 2.2 each role has a connection of its own."""
    said = refused(flat(), what)

    assert said == "party_id: is known as CPO and EMSP; before OCPI 2.2 each role needs an invitation of its own"


@pytest.mark.parametrize(
    ("what", "meant"),
    [
        (known(CPO, url=URL), credentials(CPO)),
        (known(CPO, EMSP, url=ELSEWHERE, registered=(RJS,)), credentials(RJS)),
        (known(any_party=True, registered=(CPO,)), credentials(CPO)),
    ],
)
def test_a_draft_is_completed_from_the_registration_or_the_invitation(what, meant):
    assert completed(DRAFT, what) == meant


@pytest.mark.parametrize(
    ("what", "said"),
    [
        (known(CPO), NO_URL),
        (known(any_party=True), NO_URL),
        (known(any_party=True, url=URL), NO_PARTY),
        (known(CPO, EMSP, url=URL), NO_PARTY),
        (known(CPO, RJS, url=URL), NO_PARTY),
        (
            known(patterns=["DE/KWL/*"], url=URL),
            NO_PARTY,
        ),
        (known(registered=(CPO, RJS)), NO_PARTY),
    ],
)
def test_a_draft_that_cannot_be_completed_is_refused_with_the_field_that_it_lacks(what, said):
    assert refused(DRAFT, what) == said


@pytest.mark.parametrize(
    ("announced", "what", "echoed"),
    [
        (with_roles(OUR_EMSP), known(any_party=True), True),
        (with_roles(OUR_EMSP, OUR_CPO), known(any_party=True, ours=(OUR_EMSP, OUR_CPO)), True),
        (with_roles(OUR_CPO), known(any_party=True, ours=(OUR_EMSP, OUR_CPO)), True),
        (with_roles(CPO), known(any_party=True), False),
        (with_roles(OUR_EMSP, CPO), known(any_party=True), False),
        # A company may be CPO at one platform and EMSP at the other (PR-03).
        (with_roles(OUR_CPO), known(any_party=True, ours=(OUR_EMSP,)), False),
        # Before 2.2 there is no role to tell the two apart, unless the invitation has said which it is.
        (flat("NL", "OWN"), known(any_party=True), True),
        (flat("NL", "OWN"), known(CPO), True),
        (flat("NL", "OWN"), known(patterns=["NL/*/*"]), True),
        (flat("NL", "OWN"), known(OUR_CPO), False),
        (flat("NL", "OWN"), known(any_party=True, registered=(OUR_CPO,)), False),
        (flat(), known(any_party=True), False),
        (DRAFT, known(CPO, url=URL), False),
    ],
)
def test_a_peer_that_sends_our_own_parties_back_is_recognised(announced, what, echoed):
    keys = [party.key for party in completed(announced, what).parties]

    assert echoes(zip(announced.parties, keys, strict=True), what) is echoed


@pytest.mark.parametrize(
    ("what", "meant"),
    [
        (known(CPO), credentials(CPO)),
        (known(RJS, CPO), credentials(CPO, RJS)),
        (known(CPO, registered=(RJS,)), credentials(RJS)),
        (known(any_party=True, registered=(RJS,)), credentials(RJS)),
    ],
)
def test_what_a_peer_echoes_is_replaced_by_what_it_is_known_as(what, meant):
    assert renamed(DETAILS, what, "roles[0]") == meant.parties


@pytest.mark.parametrize("what", [known(any_party=True), known(patterns=["DE/*/CPO"])])
def test_an_echo_of_a_peer_that_nobody_has_named_is_refused(what):
    with pytest.raises(CredentialsInvalidError, match=r"^roles\[0\]: is ours, and the invitation does not name"):
        renamed(DETAILS, what, "roles[0]")


NOBODY = "roles: no party is named that can be understood; "
NAMELESS = BusinessDetails("DEKWL")


def lacking(*parties):
    """An answer to us, of which not everything is there."""
    return Announcement(TOKEN, None, parties)


@pytest.mark.parametrize(
    ("answer", "what", "meant", "complaints"),
    [
        (with_roles(CPO, RJS), known(CPO), [(CPO, DETAILS), (RJS, DETAILS)], ()),
        # Without a name: as registered, else what stands for one.
        (lacking(AnnouncedParty("roles[0]", None, "DE", "KWL", Role.CPO)), known(CPO), [(CPO, NAMELESS)], ()),
        (
            lacking(AnnouncedParty("roles[0]", None, "DE", "KWL", Role.CPO)),
            known(registered=(CPO,)),
            [(CPO, DETAILS)],
            (),
        ),
        # Without a role: as registered, as invited, as our own side leaves it over.
        (lacking(AnnouncedParty("roles[0]", DETAILS, "DE", "KWL")), known(CPO), [(CPO, DETAILS)], ()),
        # Without ids, or without any party: those that were agreed.
        (lacking(AnnouncedParty("party_id", DETAILS)), known(CPO), [(CPO, DETAILS)], ()),
        (lacking(), known(CPO), [(CPO, NAMELESS)], (NOBODY + "those that were agreed are taken",)),
        (
            lacking(AnnouncedParty("party_id", DETAILS)),
            known(CPO, RJS),
            [(CPO, NAMELESS), (RJS, BusinessDetails("NLRJS"))],
            (NO_PARTY, NOBODY + "those that were agreed are taken"),
        ),
        (lacking(), known(EMSP, registered=(CPO,)), [(CPO, DETAILS)], (NOBODY + "those that were agreed are taken",)),
        (lacking(), known(any_party=True), [], (NOBODY + "the invitation names none either",)),
        # What can be understood is enough.
        (
            lacking(AnnouncedParty("roles[0]", DETAILS, "NL", "RJS", Role.EMSP), AnnouncedParty("roles[1]", DETAILS)),
            known(any_party=True),
            [(RJS, DETAILS)],
            (NO_PARTY,),
        ),
        (with_roles(CPO, CPO), known(CPO), [(CPO, DETAILS)], (f"roles: {CPO} is listed twice",)),
    ],
)
def test_what_an_answer_leaves_out_is_filled_in(answer, what, meant, complaints):
    found = understood(answer, what)

    assert [(party.key, party.details) for party in found.parties] == meant
    assert found.complaints == complaints
