"""Whatever a peer sends: it is read by the rules or refused in words, never anything else (CO-39, F23)."""

import json
from contextlib import suppress
from functools import partial

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from broker.contract.parties import announcement_from_pb, announcement_to_pb
from broker.core.model import MAX_NAME, MAX_TOKEN, MAX_URL, Credentials, Party, PartyKey, Role, Style
from broker.ocpi import DIALECTS
from broker.ocpi.authorization import MAX_VALUE, candidates
from broker.ocpi.dialect import PLAIN, Malformed
from broker.ocpi.envelope import EnvelopeError, NotJsonError, loads, read_envelope
from broker.ocpi.fields import Notes
from broker.ocpi.versions import read_versions, write_versions
from tests import strategies
from tests.peer import FLAT
from tests.strategies import settled

every_version = pytest.mark.parametrize("version", DIALECTS)


def within_limits(text, maximum):
    return text is None or (1 <= len(text) <= maximum and text.isprintable() and text.isascii())


def check_details(found):
    assert 1 <= len(found.name) <= MAX_NAME
    assert not any(ord(char) < 0x20 or 0x7F <= ord(char) <= 0x9F for char in found.name)
    assert within_limits(found.website, MAX_URL)
    if found.logo is not None:
        assert within_limits(found.logo.url, MAX_URL)
        assert within_limits(found.logo.thumbnail, MAX_URL)
        assert within_limits(found.logo.type, 4)
        for pixels in (found.logo.width, found.logo.height):
            assert pixels is None or 0 < pixels <= 99_999


def check_credentials(found):
    """What everything behind the dialects relies on."""
    assert within_limits(found.token.reveal(), MAX_TOKEN)
    assert found.url is None or within_limits(found.url, MAX_URL)
    for party in found.parties:
        check_details(party.details)


def read_or_refused(read, value):
    """What was read; None if it was refused, which has to be by Malformed and without the value of a token."""
    try:
        return read(value)
    except Malformed as error:
        said = str(error)
    token = value.get("token") if isinstance(value, dict) else None
    assert not (isinstance(token, str) and len(token) > 12 and token in said)
    return None


@every_version
@settled
@given(data=st.data())
def test_credentials_in_order_are_read(version, data):
    found = DIALECTS[version].read_credentials(data.draw(strategies.credentials(version)))

    check_credentials(found)
    assert found.warnings == ()


@every_version
@settled
@given(data=st.data())
def test_credentials_with_something_wrong_are_read_by_the_rules_or_refused(version, data):
    value = data.draw(strategies.mutated(strategies.credentials(version)))

    found = read_or_refused(DIALECTS[version].read_credentials, value)

    assert found is None or check_credentials(found) is None


@every_version
@settled
@given(data=st.data())
def test_credentials_of_another_version_are_read_by_the_rules_or_refused(version, data):
    other = data.draw(st.sampled_from(["2.0", "2.1.1", "2.2", "2.2.1", "2.3.0"]))
    value = data.draw(strategies.credentials(other))

    found = read_or_refused(DIALECTS[version].read_credentials, value)

    assert found is None or check_credentials(found) is None
    if (version in FLAT) != (other in FLAT):
        assert found is None  # CO-44


@every_version
@settled
@given(value=strategies.json_values())
def test_any_json_is_read_or_refused(version, value):
    dialect = DIALECTS[version]

    for read in (
        dialect.read_credentials,
        partial(dialect.read_details, notes=Notes()),
        partial(read_versions, notes=Notes()),
    ):
        read_or_refused(read, value)


@every_version
@settled
@given(data=st.data())
def test_what_is_written_reads_back_the_same(version, data):
    """Once read, nothing is lost or changed by writing it in the same version, with nulls or without."""
    dialect, style = DIALECTS[version], Style(explicit_nulls=data.draw(st.booleans()))
    meant = completed(dialect.read_credentials(data.draw(strategies.credentials(version))))
    assume(version in FLAT or version == "2.3.0" or not mixed(meant))  # a hub names itself alone (CO-36)
    assume(sum(party.key.role is Role.HUB for party in meant.parties) <= 1)

    read = dialect.read_credentials(dialect.write_credentials(meant, style))

    assert completed(read) == meant
    assert read.warnings == ()


def completed(announced):
    """With a role where the version has none, as the invitation would give it."""
    keys = [PartyKey(party.country_code, party.party_id, party.role or Role.CPO) for party in announced.parties]
    parties = tuple(Party(key, party.details) for key, party in zip(keys, announced.parties, strict=True))
    return Credentials(announced.token, announced.url, parties)


def mixed(credentials):
    return {party.key.role is Role.HUB for party in credentials.parties} == {True, False}


@settled
@given(value=strategies.drafts())
def test_the_object_of_2_0_before_its_release_keeps_its_logo_as_a_url(value):
    dialect = DIALECTS["2.0"]
    found = dialect.read_credentials(value)
    (party,) = found.parties
    meant = Credentials(found.token, "https://peer.example/", (Party(PartyKey("DE", "KWL", Role.CPO), party.details),))

    written = dialect.write_credentials(meant, Style(draft=True))

    assert found.draft
    assert found.url is party.country_code is party.party_id is party.role is None
    assert written["business_details"] == value["business_details"]
    assert written["token"] == value["token"]


@settled
@given(data=st.data())
def test_a_hub_means_the_same_in_2_2_1_and_2_3_0(data):
    """Whatever 2.3.0 says of a hub, 2.2.1 says by its only role; back again it is the same hub."""
    value = data.draw(strategies.credentials("2.3.0").filter(lambda one: "hub_party_id" in one))
    meant = completed(DIALECTS["2.3.0"].read_credentials(value))
    (hub,) = [party.key for party in meant.parties if party.key.role is Role.HUB]

    earlier = completed(DIALECTS["2.2.1"].read_credentials(DIALECTS["2.2.1"].write_credentials(meant, PLAIN)))
    later = DIALECTS["2.3.0"].write_credentials(earlier, PLAIN)

    assert [party.key for party in earlier.parties] == [hub]
    assert later["hub_party_id"] == hub.country_code + hub.party_id == value["hub_party_id"].upper()


@every_version
@settled
@given(data=st.data())
def test_what_is_read_can_be_told_to_the_broker(version, data):
    """Or a peer would be refused in the words of a contract that it does not know."""
    value = data.draw(st.one_of(strategies.credentials(version), strategies.mutated(strategies.credentials(version))))
    found = read_or_refused(DIALECTS[version].read_credentials, value)

    if found is not None:
        assert announcement_from_pb(announcement_to_pb(found)) == found


@every_version
@settled
@given(data=st.data())
def test_a_required_field_that_is_null_is_refused_by_name(version, data):
    """EN-10: null is absent. Never the value of the token."""
    value = data.draw(strategies.credentials(version))
    top = [strategies.Place((name,)) for name in value if name != "hub_party_id"]
    inner = [strategies.Place(("roles", 0, name)) for name in value.get("roles", [{}])[0]]
    place = data.draw(st.sampled_from(top + inner))

    with pytest.raises(Malformed) as refused:
        DIALECTS[version].read_credentials(place.replaced(value, None))

    assert refused.value.path == str(place)


@every_version
@settled
@given(data=st.data())
def test_fields_that_nobody_knows_are_ignored(version, data):
    """EN-09."""
    dialect = DIALECTS[version]
    value, more = data.draw(strategies.credentials(version)), {"x-comment": data.draw(strategies.json_values())}
    widened = {**value, **more}
    if "roles" in value:
        widened["roles"] = [{**entry, **more} for entry in value["roles"]]

    assert dialect.read_credentials(widened) == dialect.read_credentials(value)


@every_version
@settled
@given(data=st.data())
def test_details_are_read_and_written_back(version, data):
    dialect, value = DIALECTS[version], data.draw(strategies.details(version))

    read = dialect.read_details(value, Notes())

    assert read[0].text == version
    assert len(read[1]) == len(value["endpoints"])
    assert dialect.read_details(dialect.write_details(*read), Notes()) == read


@every_version
@settled
@given(data=st.data())
def test_details_with_something_wrong_are_read_as_far_as_they_go_or_refused(version, data):
    found = read_or_refused(
        partial(DIALECTS[version].read_details, notes=Notes()),
        data.draw(strategies.mutated(strategies.details(version))),
    )

    for endpoint in found[1] if found else ():
        assert within_limits(endpoint.module, 255)
        assert within_limits(endpoint.url, MAX_URL)


@settled
@given(value=strategies.version_lists())
def test_a_version_list_is_read_and_written_back(value):
    assert write_versions(read_versions(value, Notes())) == value


@settled
@given(value=strategies.mutated(strategies.version_lists()))
def test_a_version_list_with_something_wrong_is_read_as_far_as_it_goes_or_refused(value):
    found = read_or_refused(partial(read_versions, notes=Notes()), value)

    for _, url in found or ():
        assert within_limits(url, MAX_URL)


@settled
@given(value=strategies.envelopes(strategies.json_values()))
def test_an_envelope_of_a_success_gives_its_data(value):
    """Whatever its timestamp looks like (F16)."""
    assert read_envelope(json.dumps(value).encode()).data == value["data"]


@settled
@given(value=strategies.mutated(strategies.envelopes(strategies.json_values())))
def test_an_envelope_with_something_wrong_is_read_or_refused(value):
    with suppress(Malformed, EnvelopeError, NotJsonError):
        read_envelope(json.dumps(value).encode())


@settled
@given(value=strategies.json_values(), cut=st.integers(min_value=0), byte=st.binary(max_size=2))
def test_damaged_json_is_read_or_refused(value, cut, byte):
    text = json.dumps(value, ensure_ascii=False).encode()
    at = cut % (len(text) + 1)
    with suppress(NotJsonError):
        loads(text[:at] + byte + text[at + 1 :])


HEADER_PARTS = st.sampled_from(
    ["Token", "token", "TOKEN", "Bearer", "Basic", " ", "\t", ",", "=", "ZXhhbXBsZS10b2tlbg=="]
)
LATIN = st.text(st.characters(max_codepoint=0xFF), max_size=MAX_VALUE + 10)


@settled
@given(values=st.lists(st.one_of(LATIN, st.lists(st.one_of(HEADER_PARTS, LATIN), max_size=5).map("".join)), max_size=3))
def test_no_header_gives_more_than_one_reading_per_form(values):
    """AU-12: and each reading could be a token."""
    found = candidates(values)

    assert len({form for _, form in found}) == len(found)
    assert all(within_limits(text, MAX_TOKEN) for text, _ in found)
    assert len(values) == 1 or found == ()
