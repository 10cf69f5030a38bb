"""A hub is a party in the role HUB up to 2.2.1, and hub_party_id in 2.3.0 (CO-10, CO-33, CO-36 to CO-38, A21, A22)."""

import pytest

from broker.core.announcements import Known, completed
from broker.core.model import BusinessDetails, Credentials, Image, Party, PartyKey, Role, Terms, Token
from broker.errors import NotExpressibleError
from broker.ocpi import DIALECTS
from broker.ocpi.dialect import PLAIN, Malformed
from tests.unit.ocpi.examples import example

V22, V221, V230 = DIALECTS["2.2"], DIALECTS["2.2.1"], DIALECTS["2.3.0"]
URL = "https://ocpi.lumenhub.example/t/nl-main/versions"
TOKEN = "5c6a9f0e-7d1b-4b8e-9a34-2f0d61c7be55"
HUB = Party(PartyKey("NL", "LMH", Role.HUB), BusinessDetails("Lumen Hub"))
SECOND = Party(PartyKey("BE", "LMH", Role.HUB), BusinessDetails("Lumen Hub Belgium"))
CPO = Party(PartyKey("DE", "KWL", Role.CPO), BusinessDetails("Kabelwerk Laden"))
EMSP = Party(PartyKey("NL", "RJS", Role.EMSP), BusinessDetails("Rondje Stroom"))
OWN_CPO = Party(PartyKey("NL", "LMH", Role.CPO), BusinessDetails("Lumen Charging"))


def hub(*parties):
    return Credentials(Token(TOKEN), URL, parties)


def role(key, name):
    """One of roles."""
    country, party, what = key.split("/")
    return {"role": what, "business_details": {"name": name}, "party_id": party, "country_code": country}


def body(*roles, **fields):
    return {"token": TOKEN, "url": URL, **fields, "roles": list(roles)}


def meant(announced):
    return completed(announced, Known(Terms(any_party=True), None, frozenset()))


def keys(announced):
    return [str(party.key) for party in meant(announced).parties]


LUMEN, KABELWERK, RONDJE = (
    role("NL/LMH/HUB", "Lumen Hub"),
    role("DE/KWL/CPO", "Kabelwerk Laden"),
    role("NL/RJS/EMSP", "Rondje Stroom"),
)


@pytest.mark.parametrize("dialect", [V22, V221], ids=["2.2", "2.2.1"])
@pytest.mark.parametrize("parties", [(HUB,), (HUB, CPO, EMSP), (CPO, HUB)])
def test_before_2_3_0_a_hub_names_only_itself(dialect, parties):
    """CO-36: the parties behind it are told through hubclientinfo."""
    assert dialect.write_credentials(hub(*parties), PLAIN) == body(LUMEN)


def test_in_2_3_0_a_hub_names_the_parties_that_it_reaches_and_never_the_role_hub():
    """CO-33, CO-37, CO-38."""
    written = V230.write_credentials(hub(HUB, CPO, EMSP), PLAIN)

    assert written == body(KABELWERK, RONDJE, hub_party_id="NLLMH") == example("2.3.0", "credentials")


def test_in_2_3_0_who_is_no_hub_has_no_hub_party_id():
    assert V230.write_credentials(hub(CPO), PLAIN) == body(KABELWERK)


def test_in_2_3_0_a_hub_that_reaches_nobody_yet_stands_in_for_itself():
    """A21: roles must not be empty."""
    written = V230.write_credentials(hub(HUB), PLAIN)

    assert written == body(role("NL/LMH/OTHER", "Lumen Hub"), hub_party_id="NLLMH")


def test_in_2_3_0_a_hub_that_is_a_company_too_is_listed_as_that():
    written = V230.write_credentials(hub(HUB, OWN_CPO), PLAIN)

    assert written == body(role("NL/LMH/CPO", "Lumen Charging"), hub_party_id="NLLMH")


def test_several_hubs_can_be_said_before_2_3_0_only():
    assert V221.write_credentials(hub(HUB, SECOND), PLAIN)["roles"] == [LUMEN, role("BE/LMH/HUB", "Lumen Hub Belgium")]

    with pytest.raises(NotExpressibleError, match=r"^OCPI 2\.3\.0 names one hub"):
        V230.write_credentials(hub(HUB, SECOND), PLAIN)


@pytest.mark.parametrize("parties", [(HUB,), (HUB, CPO), (HUB, CPO, EMSP), (HUB, OWN_CPO), (CPO,)])
def test_in_2_3_0_a_hub_is_read_as_it_was_written(parties):
    read = meant(V230.read_credentials(V230.write_credentials(hub(*parties), PLAIN)))

    assert read.keys == hub(*parties).keys


@pytest.mark.parametrize("older", [V22, V221], ids=["2.2", "2.2.1"])
@pytest.mark.parametrize("parties", [(HUB,), (CPO, EMSP), (CPO,)])
def test_what_both_can_say_is_the_same_after_a_switch_of_the_version(older, parties):
    by_older = meant(older.read_credentials(older.write_credentials(hub(*parties), PLAIN)))
    by_newer = meant(V230.read_credentials(V230.write_credentials(hub(*parties), PLAIN)))

    assert by_older == by_newer == hub(*parties)


@pytest.mark.parametrize(
    ("roles", "hub_party_id", "expected"),
    [
        ([KABELWERK, RONDJE], "NLLMH", ["NL/LMH/HUB", "DE/KWL/CPO", "NL/RJS/EMSP"]),
        ([KABELWERK], None, ["DE/KWL/CPO"]),
        # The stand-in is the hub; whatever else it says that it is, it is too.
        ([role("NL/LMH/OTHER", "Lumen")], "NLLMH", ["NL/LMH/HUB"]),
        ([role("NL/LMH/OTHER", "Lumen"), KABELWERK], "NLLMH", ["NL/LMH/HUB", "DE/KWL/CPO"]),
        ([role("NL/LMH/CPO", "Lumen")], "NLLMH", ["NL/LMH/HUB", "NL/LMH/CPO"]),
        ([role("NL/LMH/OTHER", "Lumen")], None, ["NL/LMH/OTHER"]),
        ([role("BE/LMH/OTHER", "Lumen")], "NLLMH", ["NL/LMH/HUB", "BE/LMH/OTHER"]),
        # Letter case makes no difference (A20).
        ([role("nl/lmh/OTHER", "Lumen")], "nlLMh", ["NL/LMH/HUB"]),
    ],
)
def test_hub_party_id_is_a_party_in_the_role_hub(roles, hub_party_id, expected):
    read = V230.read_credentials(body(*roles, hub_party_id=hub_party_id))

    assert keys(read) == expected
    assert read.warnings == ()


@pytest.mark.parametrize(
    ("roles", "name"),
    [
        ([KABELWERK], "NLLMH"),
        ([role("NL/LMH/OTHER", "Lumen Hub")], "Lumen Hub"),
        ([KABELWERK, role("NL/LMH/CPO", "Lumen Charging")], "Lumen Charging"),
    ],
)
def test_a_hub_has_the_name_that_is_given_for_its_ids(roles, name):
    """Or no better one than its id: 2.3.0 has no place for it."""
    read = V230.read_credentials(body(*roles, hub_party_id="NLLMH"))

    assert read.parties[0].details == BusinessDetails(name)
    assert read.parties[0].path == "hub_party_id"


TAKEN_AS_HUB = "roles[0].role: HUB is not a role of OCPI 2.3.0; taken as hub_party_id"
TAKEN_AS_OTHER = "roles[0].role: is not a role of OCPI 2.3.0; taken as OTHER"


@pytest.mark.parametrize(
    ("roles", "hub_party_id", "expected", "notes"),
    [
        ([LUMEN], None, ["NL/LMH/HUB"], [TAKEN_AS_HUB]),
        ([LUMEN], "NLLMH", ["NL/LMH/HUB"], [TAKEN_AS_HUB]),
        ([LUMEN, KABELWERK], "NLLMH", ["NL/LMH/HUB", "DE/KWL/CPO"], [TAKEN_AS_HUB]),
        ([role("NL/LMH/PTP", "Lumen")], None, ["NL/LMH/OTHER"], [TAKEN_AS_OTHER]),
        ([role("NL/LMH/canary", "Lumen"), KABELWERK], None, ["NL/LMH/OTHER", "DE/KWL/CPO"], [TAKEN_AS_OTHER]),
        # Two roles that this version does not have are two, although they count as one here.
        ([role("NL/LMH/PTP", "a"), role("NL/LMH/OTHER", "b")], None, ["NL/LMH/OTHER"], [TAKEN_AS_OTHER]),
        (
            [role("NL/LMH/PTP", "a"), role("NL/LMH/PSP", "b")],
            None,
            ["NL/LMH/OTHER"],
            [TAKEN_AS_OTHER, TAKEN_AS_OTHER.replace("[0]", "[1]")],
        ),
    ],
)
def test_roles_that_2_3_0_does_not_have_are_tolerated_and_noted(roles, hub_party_id, expected, notes):
    """A22. Notes name path and rule, never the value."""
    read = V230.read_credentials(body(*roles, hub_party_id=hub_party_id))

    assert (keys(read), list(read.warnings)) == (expected, notes)


@pytest.mark.parametrize("doubled", ["NL/LMH/PTP", "NL/LMH/OTHER", "DE/KWL/CPO", "NL/LMH/HUB"])
def test_the_same_role_twice_is_refused_all_the_same(doubled):
    """CO-30."""
    with pytest.raises(Malformed, match=r"^roles\[1\]: names the same party in the same role again$"):
        V230.read_credentials(body(role(doubled, "a"), role(doubled, "b")))


@pytest.mark.parametrize("dialect", [V22, V221], ids=["2.2", "2.2.1"])
def test_before_2_3_0_hub_party_id_is_a_field_that_nobody_knows(dialect):
    read = dialect.read_credentials(body(LUMEN, hub_party_id="not even an id"))

    assert (keys(read), read.warnings) == (["NL/LMH/HUB"], ())


FIVE = "must be a country code and a party id, five characters in all"


@pytest.mark.parametrize(
    ("hub_party_id", "said"),
    [
        ("", FIVE),
        ("NLLM", FIVE),
        ("NLLMHX", FIVE),
        ("NL-LMH", FIVE),
        ("NL*LMH", FIVE),
        ("#NA", FIVE),
        ("N1LMH", "must be two letters (ISO 3166-1 alpha-2)"),
        ("NLL-H", "must be three letters or digits"),
        ("NLLM\u0131", "must be three letters or digits"),
        (12345, "must be a string"),
        (["NLLMH"], "must be a string"),
    ],
)
def test_a_hub_party_id_is_a_country_code_and_a_party_id(hub_party_id, said):
    """PR-09."""
    with pytest.raises(Malformed) as refused:
        V230.read_credentials(body(KABELWERK, hub_party_id=hub_party_id))

    assert str(refused.value) == f"hub_party_id: {said}"


@pytest.mark.parametrize(
    ("roles", "fields", "said"),
    [
        ((LUMEN, KABELWERK), {"hub_party_id": "BELMH"}, "hub_party_id: names another hub than roles[0]"),
        (
            (LUMEN, role("BE/LMH/HUB", "Lumen Hub Belgium")),
            {},
            "roles[1]: names a second hub; a platform is one at most",
        ),
    ],
)
def test_a_platform_is_one_hub_in_2_3_0(roles, fields, said):
    """CO-10."""
    with pytest.raises(Malformed) as refused:
        V230.read_credentials(body(*roles, **fields))

    assert str(refused.value) == said


def test_a_hub_of_no_country_is_noted():
    """CO-43. That the order was swapped cannot be told from the form alone."""
    read = V230.read_credentials(body(KABELWERK, hub_party_id="XXLMH"))

    assert read.warnings == ("hub_party_id: is no country of ISO 3166-1",)
    assert keys(V230.read_credentials(body(KABELWERK, hub_party_id="LMHNL")))[0] == "LM/HNL/HUB"


def test_the_hub_of_the_examples_is_the_same_in_both_versions():
    older = meant(V221.read_credentials(example("2.2.1", "credentials")))
    newer = meant(V230.read_credentials(example("2.3.0", "credentials")))

    assert older.parties[0].key == newer.parties[0].key == HUB.key
    assert older.parties[0].details.logo == Image("https://cdn.lumenhub.example/hub.svg", "NETWORK", "svg")
