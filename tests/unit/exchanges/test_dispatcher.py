"""When the schedule renews the tokens of a peer (TK-02)."""

from dataclasses import replace

import pytest

from broker.core.exchange import ExchangeKind
from broker.core.job import Job, JobState
from broker.core.lifecycle import Care, Lifecycle, Renewal
from broker.core.model import Policy, Sealed, Tenant, Terms, Token, Version
from broker.core.peer import HeldToken, Peer, PeerState
from broker.exchanges.attempt import plan_of
from broker.exchanges.dispatcher import _rotation

HOUR = 3600 * 1_000_000
DAY = 24 * HOUR
NOW = 100 * DAY
POLICY = Policy()
FAILED = Job(ExchangeKind.PUT, JobState.FAILED, 0, NOW - DAY, reason="PEER_UNUSABLE", message="")
OLD = Peer(
    "uid",
    "acme",
    "kwl",
    PeerState.REGISTERED,
    False,
    Terms(),
    1,
    0,
    0,
    held=HeldToken(Sealed("k", b""), NOW - 31 * DAY),
)


def test_tokens_of_a_month_are_renewed_and_younger_ones_are_not():
    young = replace(OLD, held=HeldToken(Sealed("k", b""), NOW - 23 * DAY))

    assert _rotation(POLICY, OLD, NOW) is not None
    assert _rotation(POLICY, young, NOW) is None
    assert _rotation(replace(POLICY, rotation_period=0), OLD, NOW) is None


@pytest.mark.parametrize(
    "peer",
    [
        replace(OLD, blocked=True),
        replace(OLD, state=PeerState.UNREGISTERED),
        replace(OLD, held=None),
        replace(OLD, job=Job(ExchangeKind.PUT, JobState.WAITING, 0, NOW + HOUR)),
    ],
    ids=["blocked", "not registered", "no token", "a job waits"],
)
def test_what_keeps_the_schedule_away(peer):
    assert _rotation(POLICY, peer, NOW) is None


@pytest.mark.parametrize(
    ("job", "goes_on"),
    [
        (FAILED, True),
        (replace(FAILED, scheduled=True), True),
        (replace(FAILED, next_attempt_at=NOW - DAY + 1), False),
        (replace(FAILED, sent_version=Version("2.2.1")), False),
        (replace(FAILED, reason="PEER_REJECTED_TOKEN"), False),
        (replace(FAILED, reason="ANSWER_LOST"), False),
        (replace(FAILED, kind=ExchangeKind.POST, reason="PEER_REJECTED_TOKEN"), True),
        (replace(FAILED, kind=ExchangeKind.DELETE), False),
    ],
    ids=["an operator's", "scheduled", "not a day ago", "in doubt", "unknown to the peer", "lost", "an invitation's",
         "unregistering"],
)  # fmt: skip
def test_a_day_after_a_failure_that_is_sure_the_schedule_goes_on(job, goes_on):
    """Whoever has begun it: a job that nobody looks after must not let tokens grow old."""
    assert (_rotation(POLICY, replace(OLD, job=job), NOW) is not None) is goes_on


@pytest.mark.parametrize(
    ("care", "goes_on"),
    [
        (Care(), True),
        (Care(Lifecycle.MANUAL), False),
        (Care(Lifecycle.MANUAL, rotation_period=3600), False),
        (Care(rotation_period=0), False),
        (Care(rotation_period=60 * 24 * 3600), False),
        (Care(renewal=Renewal.REREGISTER), False),
    ],
)
def test_the_schedule_leaves_alone_what_operators_have_excepted(care, goes_on):
    assert (_rotation(POLICY, replace(OLD, care=care), NOW) is not None) is goes_on


def test_a_peer_may_be_renewed_although_its_tenant_renews_nothing():
    assert _rotation(replace(POLICY, rotation_period=0), replace(OLD, care=Care(rotation_period=3600)), NOW) is not None


@pytest.mark.parametrize("scheduled", [False, True])
def test_nobody_waits_for_what_the_schedule_has_begun(scheduled):
    job = replace(FAILED, scheduled=scheduled)
    tenant = Tenant("acme", (), ())

    assert plan_of(tenant, OLD, job, Token("held")).patient is scheduled
