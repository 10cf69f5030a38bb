"""Peers, their jobs and exchanges in Protobuf: shown in full and without secrets; terms and quirks are checked."""

from dataclasses import replace

import pytest
from google.rpc.error_details_pb2 import ErrorInfo

from broker.contract.peers import exchange_to_pb, peer_to_pb, quirks_from_pb, rejection_to_pb, terms_from_pb
from broker.contract.values import Violations, etag
from broker.core.exchange import Direction, Exchange, ExchangeKind, Outcome, Step
from broker.core.job import Job, JobState
from broker.core.model import HeaderForm, PartyKey, PartyPattern, Role, Sealed, Terms, Version
from broker.core.peer import HeldToken, IssuedToken, Peer, PeerState, Purpose, Rejection, TokenState
from broker.core.quirks import Quirks
from ocpi_broker.v1 import resources_pb2, token_service_pb2
from tests.unit.contract.reading import URL, fields, party, violations


@pytest.mark.parametrize(
    ("message", "expected"),
    [
        (resources_pb2.InvitationTerms(any_party=True), []),
        (resources_pb2.InvitationTerms(parties=[party()]), []),
        (resources_pb2.InvitationTerms(), ["terms.parties"]),
        (resources_pb2.InvitationTerms(parties=[party(), party("DEU")]), ["terms.parties[1].country_code"]),
        (resources_pb2.InvitationTerms(patterns=["DE/*/CPO"]), []),
        (resources_pb2.InvitationTerms(patterns=["DE/*/CPO", "DE"]), ["terms.patterns[1]"]),
        (resources_pb2.InvitationTerms(patterns=["*/*/*"] * 1000), []),
        (resources_pb2.InvitationTerms(parties=[party()], patterns=["*/*/*"] * 1000), ["terms.parties"]),
    ],
)
def test_terms_name_parties_or_patterns_or_admit_any(message, expected):
    assert fields(terms_from_pb, message, "terms") == expected


def test_terms_are_named_by_where_they_stand():
    assert fields(terms_from_pb, resources_pb2.InvitationTerms(), "peer.terms") == ["peer.terms.parties"]


def test_patterns_are_read():
    read = terms_from_pb(resources_pb2.InvitationTerms(patterns=["de/*/cpo"]), "terms", Violations())

    assert read == Terms(patterns=frozenset({PartyPattern("DE", None, Role.CPO)}))


@pytest.mark.parametrize(
    ("settings", "read", "wrong"),
    [
        ({}, Quirks(), []),
        ({"trailing_slash": "true", "token_max_len": "99"}, Quirks(trailing_slash=True, token_max_len=99), []),
        ({"trailing_slash": "1"}, Quirks(), [("peer.quirks", "trailing_slash must be true or false")]),
    ],
)
def test_quirks_are_read_or_all_of_them_are_refused(settings, read, wrong):
    found = Violations()

    assert quirks_from_pb(settings, found) == read
    assert violations(lambda _: found.check()) == wrong


def test_a_quirk_that_is_none_is_a_violation():
    assert fields(quirks_from_pb, {"slash": "true"}) == ["peer.quirks"]


def test_terms_need_no_business_details():
    message = resources_pb2.InvitationTerms(
        parties=[resources_pb2.Party(country_code="de", party_id="kwl", role="ROLE_CPO")], versions_url=URL
    )

    read = terms_from_pb(message, "terms", Violations())

    assert read == Terms(frozenset({PartyKey("DE", "KWL", Role.CPO)}), versions_url=URL)


ISSUED = IssuedToken("LOOKUPLOOKUP", "p1", b"keyed-hash-of-it", Purpose.INVITATION, TokenState.ACTIVE, 1, 5_000_000)
PEER = Peer(
    uid="uid-1",
    tenant="acme",
    id="kwl",
    state=PeerState.INVITED,
    blocked=True,
    terms=Terms(frozenset({PartyKey("NL", "ABC", Role.CPO), PartyKey("DE", "KWL", Role.CPO)}), versions_url=URL),
    revision=7,
    created_at=1_000_000,
    updated_at=2_000_000,
    issued=(ISSUED,),
    held=HeldToken(Sealed("k1", b"sealed-held-token"), 1),
    form_in=HeaderForm.RAW,
)


def test_a_peer_is_shown_without_tokens_of_either_direction():
    message = peer_to_pb(PEER, 2_000_000)

    sent = message.SerializeToString()
    assert not any(secret in sent for secret in (b"LOOKUPLOOKUP", b"keyed-hash-of-it", b"sealed-held-token"))
    assert message.name == "tenants/acme/peers/kwl"
    assert message.state == resources_pb2.PEER_STATE_INVITED
    assert message.blocked
    assert message.etag == etag(7) == '"7"'
    assert [key.country_code for key in message.terms.parties] == ["DE", "NL"]
    assert message.terms.versions_url == URL
    assert message.invitation_expire_time.seconds == 5
    assert not any(message.HasField(field) for field in ("register_time", "token_time"))


def test_a_peer_is_shown_with_its_settings():
    settled = replace(
        PEER,
        terms=Terms(patterns=frozenset(map(PartyPattern.parse, ["NL/*/*", "DE/*/CPO"]))),
        quirks=Quirks(auth_form_out=HeaderForm.BASE64, missing_ids=True),
        versions=(Version("2.1.1"), Version("2.2.1")),
        may_downgrade=True,
        requested=(PartyKey("NL", "ABC", Role.CPO),),
        held=HeldToken(Sealed("key", b"box"), 1, HeaderForm.RAW),
    )

    message = peer_to_pb(settled, 1)

    assert list(message.terms.patterns) == ["DE/*/CPO", "NL/*/*"]
    assert dict(message.quirks) == {"auth_form_out": "base64", "missing_ids": "true"}
    assert (list(message.versions), message.may_downgrade) == (["2.1.1", "2.2.1"], True)
    assert [key.party_id for key in message.requested_parties] == ["ABC"]
    # What an operator has set goes before what was seen.
    assert (message.auth_form_in, message.auth_form_out) == (
        resources_pb2.HEADER_FORM_RAW,
        resources_pb2.HEADER_FORM_BASE64,
    )


def test_times_are_absent_until_they_have_come():
    registered = Peer(
        "uid-1",
        "acme",
        "kwl",
        PeerState.REGISTERED,
        blocked=False,
        terms=Terms(),
        revision=8,
        created_at=1,
        updated_at=1,
        version=Version("2.2.1"),
        answered_at=9_000_000,
        registered_at=3_000_000,
        issued=(ISSUED,),
        held=HeldToken(Sealed("k1", b"box"), 4_000_000),
    )

    message = peer_to_pb(registered, 2_000_000)

    assert (message.version, message.register_time.seconds, message.token_time.seconds) == ("2.2.1", 3, 4)
    assert not message.HasField("invitation_expire_time")
    assert not message.HasField("next_rotation_time")
    assert not message.HasField("job")

    rotated = peer_to_pb(registered, 2_000_000, rotation_period=1000)
    assert 4 + 800 <= rotated.next_rotation_time.seconds <= 4 + 1000


JOB = Job(
    ExchangeKind.PUT,
    JobState.WAITING,
    1_000_000,
    9_000_000,
    Version("2.3.0"),
    "https://peer.example/versions",
    scheduled=True,
    attempts=1,
    access=Sealed("k1", b"sealed-invitation"),
    offered=Sealed("k1", b"sealed-offer"),
    offered_lookup_id="OFFEREDOFFER",
    sent_version=Version("2.3.0"),
    reason="OUTCOME_UNKNOWN",
    message="PUT credentials: HTTP 502",
)


@pytest.mark.parametrize(
    ("job", "state", "unknown", "advised", "times"),
    [
        (JOB, "WAITING", True, True, {"start_time", "next_attempt_time"}),
        (replace(JOB, running_until=2_000_001), "RUNNING", False, True, {"start_time"}),
        (replace(JOB, running_until=2_000_000), "WAITING", True, True, {"start_time", "next_attempt_time"}),
        (replace(JOB, state=JobState.FAILED), "FAILED", True, True, {"start_time"}),
        (replace(JOB, confirming=True), "WAITING", False, False, {"start_time", "next_attempt_time"}),
    ],
    ids=["waiting", "running", "lease over", "failed", "confirming"],
)
def test_a_job_is_shown_with_what_it_waits_for_and_without_secrets(job, state, unknown, advised, times):
    sent = peer_to_pb(replace(PEER, job=job), 2_000_000)

    message = sent.job
    assert resources_pb2.JobState.Name(message.state) == f"JOB_STATE_{state}"
    assert (message.kind, message.version) == (resources_pb2.EXCHANGE_KIND_PUT, "2.3.0")
    assert (message.scheduled, message.attempts, message.outcome_unknown) == (True, 1, unknown)
    assert bool(message.advice) is advised
    assert {name for name in ("start_time", "next_attempt_time") if message.HasField(name)} == times
    detail = ErrorInfo()
    assert message.last_error.details[0].Unpack(detail)
    assert (detail.reason, message.last_error.message) == ("OUTCOME_UNKNOWN", "PUT credentials: HTTP 502")
    assert not any(secret in sent.SerializeToString() for secret in (b"sealed-", b"OFFEREDOFFER"))


@pytest.mark.parametrize("state", PeerState)
def test_every_state_of_a_peer_has_a_name_in_the_contract(state):
    assert resources_pb2.PeerState.Name(peer_to_pb(Peer("u", "t", "p", state, False, Terms(), 1, 1, 1), 1).state)


@pytest.mark.parametrize("kind", ExchangeKind)
@pytest.mark.parametrize("outcome", Outcome)
@pytest.mark.parametrize("direction", Direction)
def test_an_exchange_is_shown_with_its_steps(kind, outcome, direction):
    steps = (Step("read the version list", 1_500_000, 250_000),)

    message = exchange_to_pb(
        Exchange(
            "e1",
            "p1",
            kind,
            "2.2.1",
            "c1",
            "r1",
            1_000_000,
            9,
            direction,
            outcome,
            "PEER_UNUSABLE",
            "no answer",
            steps,
            warnings=("logo: must be an object; the logo was dropped",),
            quirk="auth_form_out",
        )
    )

    assert (message.kind, message.outcome, message.direction) == (
        resources_pb2.ExchangeKind.Value(f"EXCHANGE_KIND_{kind.value}"),
        resources_pb2.ExchangeOutcome.Value(f"EXCHANGE_OUTCOME_{outcome.value}"),
        resources_pb2.ExchangeDirection.Value(f"EXCHANGE_DIRECTION_{direction.value}"),
    )
    assert (message.steps[0].end_time.nanos, message.steps[0].duration.nanos) == (500_000_000, 250_000_000)
    assert list(message.warnings) == ["logo: must be an object; the logo was dropped"]
    assert message.quirk == "auth_form_out"
    assert not message.HasField("end_time")


@pytest.mark.parametrize("rejection", Rejection)
def test_every_rejection_has_a_name_in_the_contract(rejection):
    assert token_service_pb2.TokenRejection.Value(rejection_to_pb(rejection))
