"""How parties, periods and endpoints are typed."""

import pytest
from google.protobuf.duration_pb2 import Duration

from broker.cli import notation
from ocpi_broker.v1 import resources_pb2 as pb
from ocpi_broker.v1.token_service_pb2 import PartyKey


@pytest.mark.parametrize(
    ("text", "seconds"),
    [("30s", 30), ("15m", 900), ("12h", 43_200), ("14d", 1_209_600), ("0", 0), ("0d", 0), ("007m", 420)],
)
def test_a_period_is_a_number_and_a_unit(text, seconds):
    assert notation.period(text) == Duration(seconds=seconds)


@pytest.mark.parametrize("text", ["", "12", "d", "-1d", "1.5h", "1w", "1h30m", " 1h", "1H", "1234567890s", "\u0661d"])
def test_anything_else_is_no_period(text):
    with pytest.raises(ValueError, match="must be a number and a unit"):
        notation.period(text)


@pytest.mark.parametrize(
    ("read", "forms"),
    [
        (notation.usual_rotation_period, "for example 90d or 12h, or never"),
        (notation.rotation_period, "for example 90d or 12h, or never, or tenant for what the tenant's policy says"),
    ],
)
def test_a_rotation_period_without_a_unit_is_told_every_form(read, forms):
    assert (read("never"), read("90d")) == (Duration(), Duration(seconds=90 * 86_400))
    with pytest.raises(ValueError, match=f"^must be a number and a unit, {forms}$"):
        read("90")


@pytest.mark.parametrize(
    ("read", "words"),
    [
        (notation.peer_state, "invited, connecting, registered, unregistered"),
        (notation.lifecycle, "managed, manual"),
        (notation.renewal, "put, reregister"),
        (notation.header_form, "raw, base64"),
        (notation.role_policy, "exact, pattern, manual"),
        (notation.caller_role, "reader, operator, gateway, auditor, admin"),
        (notation.interface_role, "SENDER, RECEIVER"),
    ],
)
def test_words_are_told_as_they_are_typed(read, words):
    with pytest.raises(ValueError, match=f"^Wrong is not one of {words}$"):
        read("Wrong")
    assert all(read(word).endswith(f"_{word.upper()}") for word in words.split(", "))


@pytest.mark.parametrize(("seconds", "text"), [(0, "0s"), (90, "90s"), (900, "15m"), (86_400, "1d"), (90_000, "25h")])
def test_a_period_is_shown_in_the_largest_unit_that_fits(seconds, text):
    assert notation.period_text(Duration(seconds=seconds)) == text
    assert notation.period(text) == Duration(seconds=seconds)


@pytest.mark.parametrize(
    ("seconds", "text"),
    [(-1, "0s"), (0, "0s"), (59.9, "59s"), (3599, "59m"), (3600, "1h"), (172_799, "1d"), (1_036_800, "12d")],
)
def test_a_span_is_told_to_the_unit_that_matters(seconds, text):
    assert notation.span_text(seconds) == text


@pytest.mark.parametrize("text", ["NL/LMH/CPO", "nl/lmh/cpo", "Nl/lMh/Cpo"])
def test_a_party_is_read_in_any_letter_case(text):
    party = notation.party(text)

    assert party == pb.Party(country_code="NL", party_id="LMH", role=pb.ROLE_CPO)
    assert notation.party_text(party) == "NL/LMH/CPO"


@pytest.mark.parametrize(
    ("text", "rule"),
    [
        ("NL/LMH", "must end in a role, for example NL/LMH/CPO"),
        ("NL/LMH/", "must be two letters"),
        ("NL/LMH/CPO/X", "must be two letters"),
        ("N1/LMH/CPO", "must be two letters"),
        ("NL/LM/CPO", "must be two letters"),
        ("NL/LMÖ/CPO", "must be two letters"),
        ("NL-LMH-CPO", "must be two letters"),
        ("NL/LMH/PTP", "PTP is not one of CPO, EMSP, HUB, NAP, NSP, OTHER, SCSP"),
        ("NL/LMH/CPO\n", "must be two letters"),
    ],
)
def test_what_is_no_party_is_told_the_form(text, rule):
    with pytest.raises(ValueError, match=rule):
        notation.party(text)


def test_a_party_of_ours_has_a_name():
    party = notation.named_party("NL/LMH/CPO= Lumen = Hub ")

    assert (party.party_id, party.business_details.name) == ("LMH", "Lumen = Hub")


@pytest.mark.parametrize("text", ["NL/LMH/CPO", "NL/LMH/CPO=", "NL/LMH/CPO=  "])
def test_a_party_of_ours_without_a_name_is_refused(text):
    with pytest.raises(ValueError, match="company's name"):
        notation.named_party(text)


@pytest.mark.parametrize(("text", "role"), [("DE/KWL", pb.ROLE_UNSPECIFIED), ("de/kwl/emsp", pb.ROLE_EMSP)])
def test_a_party_may_be_looked_up_without_a_role(text, role):
    assert notation.party_key(text) == PartyKey(country_code="DE", party_id="KWL", role=role)


@pytest.mark.parametrize(
    ("text", "pattern"),
    [("DE/*/CPO", "DE/*/CPO"), ("de/*/cpo", "DE/*/CPO"), ("*/*/*", "*/*/*"), ("*/KWL/*", "*/KWL/*")],
)
def test_an_expected_party_may_be_a_pattern(text, pattern):
    assert notation.expected_party(text) == pattern


def test_an_expected_party_without_an_asterisk_is_a_party():
    assert notation.expected_party("de/kwl/cpo") == pb.Party(country_code="DE", party_id="KWL", role=pb.ROLE_CPO)


@pytest.mark.parametrize("text", ["*", "DE/*", "DE/K*/CPO", "D*/KWL/CPO", "DE/*/PTP", "DE/KWL"])
def test_what_is_neither_party_nor_pattern_is_refused(text):
    with pytest.raises(ValueError, match="must "):
        notation.expected_party(text)


def test_terms_hold_parties_and_patterns_apart():
    terms = notation.terms([notation.party("DE/KWL/CPO"), "NL/*/*"], any_party=False, versions_url="https://a.example")

    assert terms == pb.InvitationTerms(
        parties=[notation.party("DE/KWL/CPO")], patterns=["NL/*/*"], versions_url="https://a.example"
    )


@pytest.mark.parametrize(
    ("text", "name", "value"),
    [
        ("trailing_slash", "trailing_slash", "true"),
        ("explicit_nulls=false", "explicit_nulls", "false"),
        ("auth_form_out=raw", "auth_form_out", "raw"),
        ("token_max_len=128", "token_max_len", "128"),
    ],
)
def test_a_quirk_is_a_name_or_a_name_and_a_value(text, name, value):
    assert notation.quirk(text) == (name, value)


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("", "is no quirk"),
        ("slash", "slash is no quirk"),
        ("auth_form_out", "auth_form_out must be raw or base64"),
        ("token_max_len", "token_max_len must be a number from 65 to 255"),
        ("trailing_slash=", "trailing_slash must be true or false"),
        ("auth_form_in=raw=base64", "auth_form_in must be raw or base64"),
    ],
)
def test_what_is_no_quirk_is_refused_before_the_broker_is_asked(text, said):
    with pytest.raises(ValueError, match=said):
        notation.quirk(text)


@pytest.mark.parametrize("text", ["exact", "pattern", "manual", "Manual"])
def test_a_role_policy_is_a_word(text):
    assert notation.role_policy(text) == f"ROLE_POLICY_{text.upper()}"


@pytest.mark.parametrize(("text", "allowed"), [("locked", False), ("allowed", True)])
def test_downgrades_are_locked_or_allowed(text, allowed):
    assert notation.may_downgrade(text) is allowed


@pytest.mark.parametrize("text", ["", "true", "Locked", "unlocked"])
def test_anything_else_is_neither(text):
    with pytest.raises(ValueError, match=r"^must be locked or allowed$"):
        notation.may_downgrade(text)


def test_an_endpoint_names_version_module_and_side():
    listed = notation.endpoint("2.2.1/locations/sender=https://api.example.com/a/b?c=d")

    assert listed.version == "2.2.1"
    assert listed.endpoint == pb.Endpoint(
        module="locations", interface_role=pb.INTERFACE_ROLE_SENDER, url="https://api.example.com/a/b?c=d"
    )


def test_an_endpoint_of_an_old_version_has_no_side():
    listed = notation.endpoint("2.1.1/locations=https://api.example.com")

    assert listed.endpoint.interface_role == pb.INTERFACE_ROLE_UNSPECIFIED


@pytest.mark.parametrize("text", ["", "locations=https://a", "2.2.1/locations/SENDER", "2.2.1/a/SENDER/b=https://a"])
def test_what_is_no_endpoint_is_told_the_form(text):
    with pytest.raises(ValueError, match="must be written like"):
        notation.endpoint(text)


@pytest.mark.parametrize("text", ["locations", "locations/SENDER", "CPO:locations", "CPO:locations/SENDER"])
def test_a_requirement_is_shown_as_it_is_typed(text):
    assert notation.requirement_text(notation.requirement(text)) == text


@pytest.mark.parametrize("text", ["", "CPO:", "XYZ:locations", "locations/UP", "a:b:c"])
def test_what_is_no_requirement_is_refused(text):
    with pytest.raises(ValueError, match=r"must be written like|is not one of"):
        notation.requirement(text)


@pytest.mark.parametrize("name", ["reader", "Operator", "GATEWAY", "auditor", "admin"])
def test_a_caller_s_role_is_a_word(name):
    assert notation.caller_role(name) == f"CALLER_ROLE_{name.upper()}"


def test_a_database_that_we_do_not_work_with_is_refused_without_repeating_its_password():
    with pytest.raises(ValueError, match="must start with") as refusal:
        notation.database_url("mysql://root:hunter2@db/x")

    assert "hunter2" not in str(refusal.value)
