"""Which tokens of a peer work and for how long, and what its operator is told (1.15, F3)."""

import pytest

from broker.core.exchange import ExchangeKind
from broker.core.job import JobState
from broker.core.lifecycle import Care, Lifecycle, Renewal
from broker.core.model import BusinessDetails, Party, Version
from broker.core.peer import PeerState, Purpose, Rejection, TokenState, has_expired, opens_modules, reject
from broker.core.receiver import Presented
from broker.core.warnings import warnings
from tests.unit.core.peers import (
    ACTIVE,
    INVITATION,
    KNOWN,
    KWL,
    LIMIT,
    MAIN,
    NOW,
    PROVISIONAL,
    RESENT,
    RETIRING,
    REVOKED,
    A,
    B,
    job,
    peer,
    token,
)

LOST_ANSWER = "the peer still uses its old token: the answer with the new one may have been lost"
NO_INVITATION = "the invitation can no longer be used: reset the peer to issue a new one"
LOCKED_OUT = "no token of the peer works: rotate the peer, or reset it and let it register again"
LOCKED_OUT_BY_HAND = (
    "no token of the peer works: its lifecycle is manual, so reset it and let it register again, or unregister it with "
    "--force and import it with a new token"
)
LOCKED_OUT_WITHOUT_PUT = (
    "no token of the peer works: it knows no PUT, so ask it for a registration token and connect again, or reset it "
    "and let it register again"
)
OLD_TOKEN = "the peer shows a token that was replaced: since 1970-01-01 00:00 UTC; was it restored from a backup?"
QUARANTINED = (
    "the peer is quarantined: none of the parties that it announced may be had; see its last exchange, and name those "
    "that it is (peer approve)"
)
IN_DOUBT = "renewing the tokens: it is not known whether the peer has done it: HTTP 503"


@pytest.mark.parametrize(
    ("purpose", "state", "presented"),
    [
        (INVITATION, ACTIVE, Presented.INVITATION),
        (INVITATION, RETIRING, Presented.SPENT_INVITATION),
        (MAIN, ACTIVE, Presented.CURRENT),
        (MAIN, RETIRING, Presented.REPLACED),
    ],
)
def test_a_token_is_presented_as_what_it_is(purpose, state, presented):
    assert token(purpose=purpose, state=state).presented is presented


@pytest.mark.parametrize(
    ("one", "now", "rejection"),
    [
        (token(), NOW, None),
        (token(), 2**62, None),
        (token(state=RETIRING, not_after=LIMIT), LIMIT - 1, None),
        (token(state=RETIRING, not_after=LIMIT), LIMIT, Rejection.EXPIRED),
        (token(state=RETIRING, not_after=LIMIT), LIMIT + 1, Rejection.EXPIRED),
        # The only token that the peer may have is not cut off by time alone (F4).
        (token(state=RETIRING, not_after=LIMIT, reused_at=LIMIT - 1), LIMIT + 1, None),
        (token(state=RETIRING, not_after=LIMIT, first_used_at=1), LIMIT, Rejection.EXPIRED),
        (token(purpose=INVITATION), NOW, None),
        (token(purpose=INVITATION, not_after=LIMIT), LIMIT - 1, None),
        (token(purpose=INVITATION, not_after=LIMIT), LIMIT, Rejection.EXPIRED),
        (token(purpose=INVITATION, state=RETIRING, not_after=LIMIT), LIMIT - 1, None),
        (token(purpose=INVITATION, state=RETIRING, not_after=LIMIT, reused_at=LIMIT - 1), LIMIT, Rejection.EXPIRED),
        (token(state=PROVISIONAL), 2**62, None),
        # Refused by the peer: what it has begun with the token may still end (RS-10).
        (token(state=PROVISIONAL, not_after=LIMIT), LIMIT - 1, None),
        (token(state=PROVISIONAL, not_after=LIMIT), LIMIT, Rejection.EXPIRED),
        (token(state=PROVISIONAL, not_after=LIMIT, reused_at=1, received_at=1), LIMIT, Rejection.EXPIRED),
        (token(state=REVOKED), NOW, Rejection.REVOKED),
        (token(state=REVOKED, not_after=LIMIT, reused_at=1), LIMIT, Rejection.REVOKED),
        (token(purpose=INVITATION, state=REVOKED), NOW, Rejection.REVOKED),
    ],
)
def test_a_token_works_until_it_is_revoked_or_its_time_is_over(one, now, rejection):
    assert reject(peer(one), one, now) is rejection


@pytest.mark.parametrize("purpose", Purpose)
@pytest.mark.parametrize("state", [ACTIVE, RETIRING])
def test_no_token_of_a_blocked_peer_works(purpose, state):
    one = token(purpose=purpose, state=state)

    assert reject(peer(one, blocked=True), one, NOW) is Rejection.BLOCKED


@pytest.mark.parametrize(
    ("one", "notable"),
    [
        (token(), True),
        (token(first_used_at=NOW), False),
        (token(first_used_at=0), False),
        (token(reused_at=NOW), True),
        (token(state=RETIRING), True),
        (token(state=RETIRING, first_used_at=NOW), True),
        (token(state=RETIRING, reused_at=NOW), False),
        (token(state=RETIRING, reused_at=0), False),
        (token(state=PROVISIONAL), True),
        (token(state=PROVISIONAL, first_used_at=NOW), True),
        (token(state=PROVISIONAL, received_at=NOW), False),
        (token(state=REVOKED), True),
        (token(state=REVOKED, reused_at=NOW), False),
        # Given to a repeat: when it is seen first.
        (token(state=RESENT, not_after=NOW + 1), True),
        (token(state=RESENT, not_after=NOW + 1, received_at=NOW), False),
        (token(state=RESENT, not_after=NOW, received_at=NOW), False),
        # Once more, when its time is over: the peer goes on with it (F4).
        (token(state=RETIRING, reused_at=NOW - 2, not_after=NOW + 1), False),
        (token(state=RETIRING, reused_at=NOW - 2, not_after=NOW), True),
        (token(state=RETIRING, reused_at=NOW, not_after=NOW), False),
        (token(purpose=INVITATION), False),
        (token(purpose=INVITATION, state=RETIRING), False),
    ],
)
def test_a_use_is_notable_once(one, notable):
    assert one.is_notable(NOW) is notable


@pytest.mark.parametrize(
    ("issued", "unconfirmed"),
    [
        ([], False),
        ([token()], True),
        ([token(first_used_at=NOW)], False),
        ([token(first_used_at=NOW), token("BBBBBBBBBBBB", state=RETIRING)], False),
        ([token(), token("BBBBBBBBBBBB", state=RETIRING, reused_at=NOW)], True),
        ([token(first_used_at=NOW), token("BBBBBBBBBBBB", state=PROVISIONAL)], False),
        ([token(purpose=INVITATION)], False),
        ([token(), token("BBBBBBBBBBBB", state=RESENT)], True),
        ([token(), token("BBBBBBBBBBBB", state=RESENT, received_at=NOW)], False),
    ],
)
def test_a_peer_is_unconfirmed_until_it_uses_its_new_token(issued, unconfirmed):
    assert peer(*issued).unconfirmed is unconfirmed


def test_the_invitation_is_the_active_one():
    active = token("BBBBBBBBBBBB", INVITATION)
    others = [
        token("AAAAAAAAAAAA", INVITATION, REVOKED),
        token("CCCCCCCCCCCC"),
        token("DDDDDDDDDDDD", INVITATION, RETIRING),
    ]

    assert peer(*others, active).invitation is active
    assert peer(*others).invitation is None


@pytest.mark.parametrize(
    ("one", "expected"),
    [
        (peer(token(first_used_at=1)), []),
        (peer(token(), token(B, state=RETIRING)), []),
        (peer(token(), token(B, state=RETIRING, reused_at=NOW)), [LOST_ANSWER]),
        # F18: only what was shown since the peer has its newest token is news.
        (peer(token(), token(B, state=REVOKED, reused_at=NOW)), [OLD_TOKEN]),
        (peer(token(), token(B, state=REVOKED, reused_at=999)), []),
        (peer(token(first_used_at=NOW), token(B, state=REVOKED, reused_at=NOW - 1)), []),
        (peer(token(first_used_at=NOW), token(B, state=REVOKED, reused_at=NOW + 1)), [OLD_TOKEN]),
        (peer(token(), token(B, state=REVOKED, reused_at=NOW), state=PeerState.UNREGISTERED), []),
        (peer(token(purpose=INVITATION, not_after=NOW + 1), state=PeerState.INVITED), []),
        (peer(token(purpose=INVITATION, not_after=NOW), state=PeerState.INVITED), [NO_INVITATION]),
        (peer(token(purpose=INVITATION, state=REVOKED), state=PeerState.INVITED), [NO_INVITATION]),
        (peer(state=PeerState.INVITED), [NO_INVITATION]),
        (peer(state=PeerState.UNREGISTERED), []),
        # A registered peer that has no token can neither call nor renew.
        (peer(), [LOCKED_OUT]),
        (peer(token(state=REVOKED)), [LOCKED_OUT]),
        (peer(token(state=REVOKED), care=Care(Lifecycle.MANUAL)), [LOCKED_OUT_BY_HAND]),
        (peer(token(state=REVOKED), care=Care(renewal=Renewal.REREGISTER)), [LOCKED_OUT_WITHOUT_PUT]),
        (peer(token(state=PROVISIONAL)), []),
        (peer(token(state=PROVISIONAL, not_after=NOW)), [LOCKED_OUT]),
        (peer(token(state=RETIRING, not_after=NOW)), [LOCKED_OUT]),
        (peer(token(state=RETIRING, not_after=NOW, reused_at=1)), [LOST_ANSWER]),
        (peer(blocked=True), []),
        (peer(state=PeerState.CONNECTING), []),
        # RevokePeer: the job is about to offer another one.
        (peer(job=job()), []),
        (peer(job=job(state=JobState.FAILED, message="no")), [LOCKED_OUT, "renewing the tokens failed: no"]),
        # RS-09
        (peer(token(), parties=()), [QUARANTINED]),
        (
            peer(token(), parties=(), requested=(KWL,), announced=(Party(KWL, BusinessDetails("K")),)),
            ["the peer is quarantined: approve its requested_parties to open it"],
        ),
        (
            peer(token(), requested=(KWL,)),
            ["the peer waits for approval of parties beyond its invitation: see requested_parties"],
        ),
        (peer(parties=(), state=PeerState.CONNECTING), []),
        # What became of a job is told until an operator has done something about it.
        (peer(token(), job=job()), []),
        (peer(token(), job=job(sent_version=Version("2.2.1"))), []),
        (peer(token(), job=job(sent_version=Version("2.2.1"), attempts=1, message="HTTP 503")), [IN_DOUBT]),
        (peer(token(), job=job(sent_version=Version("2.2.1"), attempts=1, confirming=True)), []),
        (
            peer(token(), job=job(ExchangeKind.POST, JobState.FAILED, message="HTTP 401", attempts=1)),
            ["registering failed: HTTP 401"],
        ),
        (
            peer(state=PeerState.UNREGISTERED, job=job(ExchangeKind.DELETE, JobState.FAILED, message="HTTP 500")),
            ["unregistering failed: HTTP 500"],
        ),
    ],
)
def test_an_operator_is_told_what_needs_one(one, expected):
    assert [found.message for found in warnings(one, NOW)] == expected


def test_a_block_alone_is_no_reason_to_reset():
    invited = peer(token(purpose=INVITATION, not_after=LIMIT), state=PeerState.INVITED, blocked=True)

    assert warnings(invited, NOW) == []


def test_an_issued_token_prints_its_lookup_id_and_no_digest():
    one = token()

    assert f"{one!r} {one} {peer(one)}".count("keyed hash") == 0
    assert A in repr(one)


def test_a_peer_is_named_below_its_tenant():
    assert peer().name == "tenants/acme/peers/kwl"


@pytest.mark.parametrize("state", PeerState)
@pytest.mark.parametrize("parties", [KNOWN, ()], ids=["parties", "none"])
@pytest.mark.parametrize("purpose", Purpose)
def test_modules_are_open_to_main_tokens_of_registered_peers_that_may_be_somebody(state, parties, purpose):
    """AU-09, RS-06, RS-09."""
    one = peer(state=state, parties=parties)

    opened = opens_modules(one, token(purpose=purpose))

    assert opened is (purpose is MAIN and state is PeerState.REGISTERED and parties == KNOWN)
    assert one.quarantined is (state is PeerState.REGISTERED and not parties)


@pytest.mark.parametrize("purpose", Purpose)
@pytest.mark.parametrize("state", TokenState)
@pytest.mark.parametrize("reused_at", [None, 1])
@pytest.mark.parametrize("not_after", [None, LIMIT])
def test_only_the_replaced_token_that_a_peer_went_on_using_outlives_its_limit(purpose, state, reused_at, not_after):
    """F4."""
    one = token(purpose=purpose, state=state, reused_at=reused_at, not_after=not_after)

    assert not has_expired(one, LIMIT - 1)
    kept = purpose is MAIN and state is RETIRING and reused_at is not None
    assert has_expired(one, LIMIT) is (not_after is not None and not kept)
